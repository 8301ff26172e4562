//! One connection's view of its user's own things: live orders, fills and balances after a snapshot.

use std::collections::{BTreeMap, BTreeSet};

use domain::{
    Asset, Event, Market, MarketEvent, MarketNumber, Order, OrderId, Side, Step, Trade, TradeId, UserId,
};
use serde::Serialize;
use trading::{AccountBalance, Markets, UserSnapshot};

use super::outbox::{Frame, Outbox, frame};
use super::topic::OwnTopic;
use crate::balances::BalanceView;
use crate::order_view::OrderView;
use crate::own_trades::{OwnTradeView, views};

/// The last event of each market that a snapshot has.
type Since = BTreeMap<MarketNumber, u64>;

/// What the user of a connection has, as far as the connection wants to know.
#[derive(Debug)]
pub(crate) struct Own {
    pub(crate) user_id: UserId,
    outbox: Outbox,
    /// Frames sent.
    sent: u64,
    /// News that wait for the snapshot before them.
    waiting: Option<Waiting>,
    orders: Option<Orders>,
    fills: Option<Fills>,
    balances: Option<Balances>,
}

#[derive(Debug)]
struct Waiting {
    topics: BTreeSet<OwnTopic>,
    events: Vec<(MarketEvent, std::sync::Arc<Market>)>,
    balances: Vec<AccountBalance>,
    most: usize,
}

#[derive(Debug)]
struct Orders {
    since: Since,
    live: BTreeMap<OrderId, Order>,
}

#[derive(Debug)]
struct Fills {
    since: Since,
    /// Trades of the snapshot.
    told: BTreeSet<TradeId>,
}

#[derive(Debug, Default)]
struct Balances {
    versions: BTreeMap<Asset, u64>,
}

/// What a snapshot is made of.
#[derive(Debug)]
pub(crate) struct OwnSnapshot {
    pub(crate) user: UserSnapshot,
    /// Trades since the one that was asked for, newest first.
    pub(crate) trades: Vec<Trade>,
    /// Whether that is all of them.
    pub(crate) complete: bool,
}

#[derive(Serialize)]
struct OwnFrame<T> {
    channel: &'static str,
    r#type: &'static str,
    n: u64,
    #[serde(flatten)]
    contents: T,
}

#[derive(Serialize)]
#[serde(untagged)]
enum Contents {
    Orders {
        orders: Vec<OrderView>,
    },
    Order {
        symbol: String,
        seq: u64,
        order: Box<OrderView>,
    },
    Fills {
        complete: bool,
        trades: Vec<OwnTradeView>,
    },
    Fill {
        symbol: String,
        seq: u64,
        trade: Box<OwnTradeView>,
    },
    Balances {
        balances: Vec<BalanceView>,
    },
}

impl Own {
    /// Nothing is wanted yet.
    pub(crate) fn new(user_id: UserId, outbox: Outbox) -> Self {
        Self {
            user_id,
            outbox,
            sent: 0,
            waiting: None,
            orders: None,
            fills: None,
            balances: None,
        }
    }

    /// Collects news, at most so many, until a snapshot of these channels is there. What is followed already stays so.
    pub(crate) fn begin(&mut self, topics: BTreeSet<OwnTopic>, most: usize) {
        self.waiting = Some(Waiting {
            topics,
            events: Vec::new(),
            balances: Vec::new(),
            most,
        });
    }

    /// There will be no snapshot: sends the news that waited for it of what was followed before.
    pub(crate) fn give_up(&mut self) {
        if let Some(waiting) = self.waiting.take() {
            self.catch_up(&waiting);
        }
    }

    /// Sends the news that have waited.
    fn catch_up(&mut self, waiting: &Waiting) {
        for (event, market) in &waiting.events {
            self.follow(event, market, |topic| waiting.topics.contains(&topic));
        }
        if waiting.topics.contains(&OwnTopic::Balances) {
            self.follow_balances(&waiting.balances);
        }
    }

    /// Stops following a channel.
    pub(crate) fn forget(&mut self, topic: OwnTopic) {
        match topic {
            OwnTopic::Orders => self.orders = None,
            OwnTopic::Fills => self.fills = None,
            OwnTopic::Balances => self.balances = None,
        }
    }

    /// Sends the snapshots that were waited for, then the news since. False: something does not fit together.
    pub(crate) fn finish(&mut self, snapshot: OwnSnapshot, markets: &Markets) -> bool {
        let Some(waiting) = self.waiting.take() else {
            return true;
        };
        let OwnSnapshot {
            user,
            trades,
            complete,
        } = snapshot;
        let since: Since = user.markets.into_iter().collect();
        let mut whole = true;
        for topic in &waiting.topics {
            let contents = match topic {
                OwnTopic::Orders => {
                    let view = |order| crate::entry::view_in(markets, order);
                    let orders: Result<Vec<_>, _> = user.orders.iter().map(view).collect();
                    whole &= orders.is_ok();
                    self.orders = Some(Orders {
                        since: since.clone(),
                        live: user
                            .orders
                            .iter()
                            .map(|order| (order.order_id, order.clone()))
                            .collect(),
                    });
                    Contents::Orders {
                        orders: orders.unwrap_or_default(),
                    }
                }
                OwnTopic::Fills => {
                    let oldest_first: Vec<Trade> = trades.iter().rev().copied().collect();
                    let trades = views(self.user_id, markets, &oldest_first);
                    whole &= trades.is_ok();
                    self.fills = Some(Fills {
                        since: since.clone(),
                        told: oldest_first.iter().map(|trade| trade.trade_id).collect(),
                    });
                    Contents::Fills {
                        complete,
                        trades: trades.unwrap_or_default(),
                    }
                }
                OwnTopic::Balances => {
                    let version = |balance: &AccountBalance| (balance.asset, balance.version);
                    self.balances = Some(Balances {
                        versions: user.balances.iter().map(version).collect(),
                    });
                    Contents::Balances {
                        balances: user.balances.iter().copied().map(BalanceView::from).collect(),
                    }
                }
            };
            self.send(topic.name(), "snapshot", contents);
        }
        self.catch_up(&waiting);
        whole
    }

    /// Takes an event that concerns the user. False: too many wait.
    pub(crate) fn take(&mut self, event: &MarketEvent, market: &std::sync::Arc<Market>) -> bool {
        let Some(mut waiting) = self.waiting.take() else {
            self.follow(event, market, |_| true);
            return true;
        };
        self.follow(event, market, |topic| !waiting.topics.contains(&topic));
        // Balances have news of their own: events are nothing to them.
        let wanted = [OwnTopic::Orders, OwnTopic::Fills]
            .iter()
            .any(|topic| waiting.topics.contains(topic));
        let room = !wanted || waiting.events.len() < waiting.most;
        if wanted && room {
            let market = std::sync::Arc::clone(market);
            waiting.events.push((event.clone(), market));
        }
        self.waiting = Some(waiting);
        room
    }

    /// Takes changed balances of the user. False: too many wait.
    pub(crate) fn take_balances(&mut self, balances: &[AccountBalance]) -> bool {
        match &mut self.waiting {
            Some(waiting) if waiting.topics.contains(&OwnTopic::Balances) => {
                let room = waiting.balances.len() + balances.len() <= waiting.most;
                if room {
                    waiting.balances.extend_from_slice(balances);
                }
                room
            }
            _ => {
                self.follow_balances(balances);
                true
            }
        }
    }

    fn follow(&mut self, event: &MarketEvent, market: &Market, wanted: impl Fn(OwnTopic) -> bool) {
        let symbol = || market.symbol().to_string();
        if wanted(OwnTopic::Orders)
            && let Some(orders) = &mut self.orders
        {
            for order in orders.after(event, market, self.user_id) {
                let contents = Contents::Order {
                    symbol: symbol(),
                    seq: event.seq,
                    order: Box::new(order),
                };
                self.send(OwnTopic::Orders.name(), "update", contents);
            }
        }
        if wanted(OwnTopic::Fills)
            && let (Some(fills), Event::Trade(trade)) = (&mut self.fills, &event.event)
            && is_news(&fills.since, event)
            && !fills.told.remove(&trade.trade_id)
        {
            for trade in OwnTradeView::of(self.user_id, trade, market) {
                let contents = Contents::Fill {
                    symbol: symbol(),
                    seq: event.seq,
                    trade: Box::new(trade),
                };
                self.send(OwnTopic::Fills.name(), "update", contents);
            }
        }
    }

    fn follow_balances(&mut self, balances: &[AccountBalance]) {
        let Some(known) = &mut self.balances else { return };
        let mut news = Vec::new();
        for balance in balances {
            let version = known.versions.entry(balance.asset).or_default();
            if balance.version > *version {
                *version = balance.version;
                news.push(BalanceView::from(*balance));
            }
        }
        if !news.is_empty() {
            self.send(
                OwnTopic::Balances.name(),
                "update",
                Contents::Balances { balances: news },
            );
        }
    }

    fn send(&mut self, channel: &'static str, r#type: &'static str, contents: Contents) {
        self.sent += 1;
        let message: Frame = frame(&OwnFrame {
            channel,
            r#type,
            n: self.sent,
            contents,
        });
        // Where it cannot be sent, the connection has been cut.
        self.outbox.send(message);
    }
}

impl Orders {
    /// The user's orders that the event has changed, whole, after it.
    fn after(&mut self, event: &MarketEvent, market: &Market, user_id: UserId) -> Vec<OrderView> {
        if !is_news(&self.since, event) {
            return Vec::new();
        }
        let mut changed = Vec::new();
        match &event.event {
            Event::OrderAccepted(order) | Event::OrderAmended(order) => {
                self.live.insert(order.order_id, (**order).clone());
                changed.push(OrderView::new(order, market));
            }
            Event::OrderClosed(order) => {
                self.live.remove(&order.order_id);
                changed.push(OrderView::new(order, market));
            }
            Event::OrderTriggered { order_id, .. } => {
                let triggered = |order: &mut Order| {
                    order.triggered_at = Some(event.at);
                    true
                };
                changed.extend(self.change(*order_id, event, market, triggered));
            }
            Event::OrderPrevented {
                order_id, quantity, ..
            } => {
                let prevented = |order: &mut Order| stepped(order, Step::Prevent(quantity.lots()));
                changed.extend(self.change(*order_id, event, market, prevented));
            }
            Event::Trade(trade) => {
                for (side, party) in [(Side::Buy, trade.buyer), (Side::Sell, trade.seller)] {
                    if party.user_id != user_id {
                        continue;
                    }
                    let filled = |order: &mut Order| {
                        debug_assert_eq!(order.side, side);
                        order.filled_notional += trade.notional(market);
                        order.fee += party.fee;
                        stepped(order, Step::Fill(trade.quantity.lots()))
                    };
                    changed.extend(self.change(party.order_id, event, market, filled));
                }
            }
            Event::MarketDefined(_) | Event::MarketStateChanged(_) | Event::Level { .. } => {}
        }
        changed
    }

    /// Changes a live order; the order after it, unless it has ended by that: the event of its end follows then.
    fn change(
        &mut self,
        order_id: OrderId,
        event: &MarketEvent,
        market: &Market,
        change: impl FnOnce(&mut Order) -> bool,
    ) -> Option<OrderView> {
        let order = self.live.get_mut(&order_id)?;
        order.updated_at = event.at;
        let lives = change(order);
        lives.then(|| OrderView::new(order, market))
    }
}

/// Takes the step; whether the order lives on. What the exchange did cannot be a wrong step.
fn stepped(order: &mut Order, step: Step) -> bool {
    match order.state.after(step) {
        Ok(state) => {
            order.state = state;
            !state.is_final()
        }
        Err(error) => {
            tracing::error!(%error, order_id = %order.order_id, "an order's stream does not fit its events");
            false
        }
    }
}

fn is_news(since: &Since, event: &MarketEvent) -> bool {
    event.seq > since.get(&event.market).copied().unwrap_or(0)
}
