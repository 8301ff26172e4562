//! One market's streams: its folds, what of them is not sent yet, and who listens.

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;

use domain::{Event, Market, MarketEvent, Side, Stamp, Trade};
use market_data::{Applied, Candle, Candles, Interval, OutOfSequence, Ticker};
use serde::Serialize;
use trading::DepthView;

use super::depth::Book;
use super::outbox::{Frame, Outbox, frame};
use super::ticker::TickerView;
use super::topic::Topic;
use crate::candles::CandleView;
use crate::wire::time;

/// Trades in a snapshot.
pub(crate) const TRADES: usize = 50;
/// Candles in a snapshot: the running one and the last hundred.
pub(crate) const CANDLES: usize = 101;

/// Who listens, by connection.
type Listeners = BTreeMap<u64, Outbox>;

/// A trade as everybody sees it.
#[derive(Debug, Clone, Serialize)]
struct TradeView {
    trade_id: String,
    price: String,
    quantity: String,
    quote_quantity: String,
    is_buyer_maker: bool,
    executed_at: String,
    /// Null for trades from before the start of the server.
    seq: Option<u64>,
}

#[derive(Serialize)]
struct TradesFrame<'a> {
    channel: &'a str,
    r#type: &'static str,
    symbol: &'a str,
    trades: &'a [TradeView],
}

#[derive(Serialize)]
struct TickerFrame<'a> {
    channel: &'a str,
    r#type: &'static str,
    #[serde(flatten)]
    ticker: &'a TickerView,
}

#[derive(Serialize)]
struct CandlesFrame<'a> {
    channel: &'a str,
    r#type: &'static str,
    symbol: &'a str,
    interval: &'static str,
    candles: Vec<CandleView>,
}

/// What history knows of a market at the start.
#[derive(Debug, Default)]
pub(crate) struct Past {
    /// The last trades, newest first.
    pub(crate) trades: Vec<Trade>,
    /// The candles of one minute of the last day, oldest first.
    pub(crate) minutes: Vec<Candle>,
    /// The last candles of each interval, oldest first.
    pub(crate) series: Vec<(Interval, Vec<Candle>)>,
}

/// One market's streams.
#[derive(Debug)]
pub(crate) struct MarketStreams {
    pub(crate) market: Arc<Market>,
    symbol: String,
    book: Book,
    trades: VecDeque<TradeView>,
    last_trade: u64,
    /// Trades of the update that is being applied.
    fresh: Vec<TradeView>,
    ticker: Ticker,
    ticker_sent: Option<TickerView>,
    candles: Candles,
    /// Where a trade came since the last frames: the number of the running candle before it, per interval.
    candles_from: Option<[u64; Interval::ALL.len()]>,
    depth_to: Listeners,
    trades_to: Listeners,
    ticker_to: Listeners,
    candles_to: [Listeners; Interval::ALL.len()],
    /// The trades as a frame, made once.
    trades_snapshot: Option<Frame>,
    /// The candles as frames, made once between two updates: the next update has what they miss.
    candles_snapshots: [Option<Frame>; Interval::ALL.len()],
}

impl MarketStreams {
    /// The streams of a market from this book and this past on.
    pub(crate) fn new(market: Arc<Market>, book: &DepthView, past: Past) -> Self {
        let newest = past.trades.first();
        let last_trade = newest.map_or(0, |trade| trade.number);
        let ticker_from = newest.map(|trade| (trade.number, trade.price));
        let oldest_first = past.trades.iter().rev();
        Self {
            symbol: market.symbol().to_string(),
            book: Book::new(book),
            trades: oldest_first
                .map(|trade| trade_view(&market, trade, None))
                .collect(),
            last_trade,
            fresh: Vec::new(),
            ticker: Ticker::from_minutes(&market, book.seq, ticker_from, past.minutes),
            ticker_sent: None,
            candles: Candles::from_series(&market, book.seq, last_trade, CANDLES, past.series),
            candles_from: None,
            depth_to: Listeners::new(),
            trades_to: Listeners::new(),
            ticker_to: Listeners::new(),
            candles_to: Default::default(),
            trades_snapshot: None,
            candles_snapshots: Default::default(),
            market,
        }
    }

    /// A market that was just defined, before its first event.
    pub(crate) fn defined(market: Market) -> Self {
        let book = DepthView {
            market: market.number(),
            seq: 0,
            bids: Vec::new(),
            asks: Vec::new(),
        };
        Self::new(Arc::new(market), &book, Past::default())
    }

    /// Takes the next event.
    ///
    /// # Errors
    /// Events are missing before it: all must start again.
    pub(crate) fn apply(&mut self, event: &MarketEvent) -> Result<Applied, OutOfSequence> {
        let applied = self.book.apply(event)?;
        if applied == Applied::Repeat {
            return Ok(applied);
        }
        if let Event::MarketDefined(definition) = &event.event
            && let Ok(market) = Market::new((**definition).clone())
        {
            self.market = Arc::new(market);
        }
        if let Event::Trade(trade) = &event.event
            && trade.number > self.last_trade
        {
            self.last_trade = trade.number;
            let view = trade_view(&self.market, trade, Some(event.seq));
            self.trades_snapshot = None;
            self.trades.push_back(view.clone());
            if self.trades.len() > TRADES {
                self.trades.pop_front();
            }
            if !self.trades_to.is_empty() {
                self.fresh.push(view);
            }
            if self.candles_from.is_none() {
                self.candles_from = Some(Interval::ALL.map(|interval| self.running(interval)));
            }
        }
        self.ticker.apply(event)?;
        self.candles.apply(event)?;
        Ok(applied)
    }

    /// Sends the trades of the update that was just applied.
    pub(crate) fn send_trades(&mut self) {
        if self.fresh.is_empty() {
            return;
        }
        let trades = std::mem::take(&mut self.fresh);
        let message = frame(&TradesFrame {
            channel: &self.name(Topic::Trades(self.market.number())),
            r#type: "update",
            symbol: &self.symbol,
            trades: &trades,
        });
        send_all(&mut self.trades_to, &message);
    }

    /// Sends what is sent now and then: depth, ticker, candles.
    pub(crate) fn send_conflated(&mut self, now: Stamp) {
        let number = self.market.number();
        let channel = self.name(Topic::Depth(number));
        let listens = !self.depth_to.is_empty();
        if let Some(delta) = self.book.publish(&channel, &self.symbol, &self.market, listens) {
            send_all(&mut self.depth_to, &delta);
        }
        if !self.ticker_to.is_empty() {
            let ticker = self.ticker(now);
            let is_old = |sent: &TickerView| sent.says_the_same(&ticker);
            if !self.ticker_sent.as_ref().is_some_and(is_old) {
                let message = self.ticker_frame("update", &ticker);
                send_all(&mut self.ticker_to, &message);
                self.ticker_sent = Some(ticker);
            }
        }
        let Some(from) = self.candles_from.take() else {
            return;
        };
        self.candles_snapshots = Default::default();
        for (interval, from) in Interval::ALL.into_iter().zip(from) {
            if !self.candles_to[interval as usize].is_empty() {
                let message = self.candles_frame("update", interval, from);
                send_all(&mut self.candles_to[interval as usize], &message);
            }
        }
    }

    /// Lets a connection follow a channel of this market, from a snapshot on.
    pub(crate) fn subscribe(&mut self, topic: Topic, id: u64, outbox: &Outbox, now: Stamp) {
        let message = match topic {
            Topic::Depth(_) => {
                let channel = self.name(topic);
                self.book.snapshot(&channel, &self.symbol, &self.market)
            }
            Topic::Trades(_) => match &self.trades_snapshot {
                Some(made) => made.clone(),
                None => {
                    let made = self.trades_frame(topic);
                    self.trades_snapshot.insert(made).clone()
                }
            },
            Topic::Ticker(_) => self.ticker_frame("snapshot", &self.ticker(now)),
            Topic::Candles(_, interval) => match &self.candles_snapshots[interval as usize] {
                Some(made) => made.clone(),
                None => {
                    let made = self.candles_frame("snapshot", interval, 0);
                    self.candles_snapshots[interval as usize].insert(made).clone()
                }
            },
        };
        if outbox.send(message) {
            self.listeners(topic).insert(id, outbox.clone());
        }
    }

    /// Lets a connection go.
    pub(crate) fn unsubscribe(&mut self, topic: Topic, id: u64) {
        self.listeners(topic).remove(&id);
    }

    /// The ticker as of now.
    pub(crate) fn ticker(&self, now: Stamp) -> TickerView {
        TickerView::new(
            &self.market,
            self.book.seq(),
            self.ticker.summary(now),
            self.book.best(),
        )
    }

    /// The name of one of its channels.
    pub(crate) fn name(&self, topic: Topic) -> String {
        topic.name(self.market.symbol())
    }

    fn listeners(&mut self, topic: Topic) -> &mut Listeners {
        match topic {
            Topic::Depth(_) => &mut self.depth_to,
            Topic::Trades(_) => &mut self.trades_to,
            Topic::Ticker(_) => &mut self.ticker_to,
            Topic::Candles(_, interval) => &mut self.candles_to[interval as usize],
        }
    }

    fn running(&self, interval: Interval) -> u64 {
        self.candles
            .series(interval)
            .next_back()
            .map_or(0, |candle| candle.number)
    }

    /// The last trades.
    fn trades_frame(&self, topic: Topic) -> Frame {
        let trades: Vec<TradeView> = self.trades.iter().cloned().collect();
        frame(&TradesFrame {
            channel: &self.name(topic),
            r#type: "snapshot",
            symbol: &self.symbol,
            trades: &trades,
        })
    }

    fn ticker_frame(&self, r#type: &'static str, ticker: &TickerView) -> Frame {
        frame(&TickerFrame {
            channel: &self.name(Topic::Ticker(self.market.number())),
            r#type,
            ticker,
        })
    }

    /// The kept candles of this number and later ones.
    fn candles_frame(&self, r#type: &'static str, interval: Interval, from: u64) -> Frame {
        let wanted = self
            .candles
            .series(interval)
            .filter(|candle| candle.number >= from);
        frame(&CandlesFrame {
            channel: &self.name(Topic::Candles(self.market.number(), interval)),
            r#type,
            symbol: &self.symbol,
            interval: interval.word(),
            candles: wanted
                .map(|candle| CandleView::new(candle, interval, &self.market))
                .collect(),
        })
    }
}

fn trade_view(market: &Market, trade: &Trade, seq: Option<u64>) -> TradeView {
    TradeView {
        trade_id: trade.trade_id.to_string(),
        price: market.price_amount(trade.price).to_string(),
        quantity: market.base_amount(trade.quantity.lots()).to_string(),
        quote_quantity: trade.notional(market).to_string(),
        is_buyer_maker: trade.maker_side == Side::Buy,
        executed_at: time(trade.executed_at),
        seq,
    }
}

/// Sends one frame to all, and lets those go that are not there any more.
fn send_all(listeners: &mut Listeners, message: &Frame) {
    listeners.retain(|_, outbox| outbox.send(message.clone()));
}
