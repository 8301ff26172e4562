//! A witness of all events and postings, who knows the rules of what may follow what and says where they are broken.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use domain::{
    Amount, Asset, EntryAccount, Event, Lots, MarketEvent, MarketNumber, Order, OrderId, OrderState, Price,
    Side, Trade,
};
use exchange::{Exchange, gather_entries};
use ledger::{AccountRef, Posting};

/// What the events said of one order so far.
#[derive(Debug, Default)]
struct Seen {
    filled: Lots,
    prevented: Lots,
    notional: Amount,
    fee: Amount,
    end: Option<Arc<Order>>,
    /// The order as last told in full.
    told: Option<Arc<Order>>,
}

/// Remembers what was told and compares it with what comes.
#[derive(Debug, Default)]
pub struct Witness {
    seqs: BTreeMap<MarketNumber, u64>,
    trades: BTreeMap<MarketNumber, u64>,
    levels: BTreeMap<(MarketNumber, Side, Price), Lots>,
    orders: BTreeMap<OrderId, Seen>,
    accounts: BTreeMap<(Asset, AccountRef), i128>,
    /// What the ledger's lines say of each account: available and reserved.
    lines: BTreeMap<(Asset, EntryAccount), (i128, i128)>,
}

impl Witness {
    /// Sees the events of one command.
    pub fn see(&mut self, exchange: &Exchange, events: &[MarketEvent], postings: &[Posting]) {
        for event in events {
            let seq = self.seqs.entry(event.market).or_default();
            *seq += 1;
            assert_eq!(event.seq, *seq, "the market's sequence has no gap and no repeat");
            assert_eq!(event.at, exchange.last(), "an event bears its command's stamp");
            self.see_event(exchange, event);
        }
        let mut sums: BTreeMap<Asset, i128> = BTreeMap::new();
        for posting in postings {
            *sums.entry(posting.asset).or_default() += posting.delta;
            let account = self.accounts.entry((posting.asset, posting.account)).or_default();
            *account += posting.delta;
        }
        assert!(
            sums.values().all(|sum| *sum == 0),
            "postings sum to zero: {sums:?}"
        );
    }

    /// Sees the ledger's lines of one command.
    pub fn see_entries(&mut self, exchange: &Exchange, postings: &[Posting]) {
        let mut entries = Vec::new();
        gather_entries(exchange.seq(), exchange.last(), postings, &mut entries);
        let mut sums: BTreeMap<Asset, i128> = BTreeMap::new();
        let mut touched = BTreeSet::new();
        let mut keys = BTreeSet::new();
        for (number, line) in (0..).zip(&entries) {
            assert_eq!(line.line, number, "lines are numbered from 0 without gaps");
            assert_eq!((line.seq, line.at), (exchange.seq(), exchange.last()));
            assert_ne!(
                (line.available, line.reserved),
                (0, 0),
                "a line changes something"
            );
            let (available, reserved) = (i128::from(line.available), i128::from(line.reserved));
            *sums.entry(line.asset).or_default() += available + reserved;
            let account = self.lines.entry((line.asset, line.account)).or_default();
            *account = (account.0 + available, account.1 + reserved);
            touched.insert((line.asset, line.account));
            let key = (line.account, line.asset, line.entry_type, line.reference.clone());
            assert!(keys.insert(key), "an account has one line for one reason");
        }
        assert!(sums.values().all(|sum| *sum == 0), "lines sum to zero: {sums:?}");
        for (asset, account) in touched {
            let ledger = exchange.ledger();
            let kept = match account {
                EntryAccount::External => (ledger.external(asset), 0),
                EntryAccount::Fee => (i128::from(ledger.fees(asset).0), 0),
                EntryAccount::User(user_id) => {
                    let balance = ledger.balance(user_id, asset).unwrap_or_default();
                    (i128::from(balance.available.0), i128::from(balance.reserved.0))
                }
            };
            assert_eq!(
                self.lines[&(asset, account)],
                kept,
                "{asset} of {account:?} by its lines"
            );
        }
    }

    fn see_event(&mut self, exchange: &Exchange, event: &MarketEvent) {
        match &event.event {
            Event::OrderAccepted(order) => {
                assert!(
                    matches!(order.state, OrderState::Open(_)),
                    "an accepted order is live"
                );
                let seen = self.orders.entry(order.order_id).or_default();
                assert!(seen.told.is_none(), "an order comes to life once");
                seen.told = Some(Arc::clone(order));
            }
            Event::OrderTriggered { order_id, .. } => {
                self.live(*order_id);
            }
            Event::Trade(trade) => self.see_trade(exchange, trade),
            Event::OrderPrevented {
                order_id,
                quantity,
                remaining,
                ..
            } => {
                let seen = self.live(*order_id);
                seen.prevented += quantity.lots();
                let order = seen.told.as_ref().unwrap();
                assert_eq!(order.quantity, seen.filled + seen.prevented + *remaining);
            }
            Event::OrderAmended(order) => {
                let seen = self.live(order.order_id);
                compare(seen, order);
                seen.told = Some(Arc::clone(order));
            }
            Event::OrderClosed(order) => {
                let seen = self.orders.entry(order.order_id).or_default();
                assert!(seen.end.is_none(), "an order ends once");
                assert!(order.state.is_final() && order.ended_at == Some(event.at));
                compare(seen, order);
                seen.end = Some(Arc::clone(order));
            }
            Event::Level {
                side,
                price,
                quantity,
            } => {
                let key = (event.market, *side, *price);
                if quantity.is_zero() {
                    self.levels.remove(&key);
                } else {
                    self.levels.insert(key, *quantity);
                }
            }
            Event::MarketDefined(_) | Event::MarketStateChanged(_) => {}
        }
    }

    fn live(&mut self, id: OrderId) -> &mut Seen {
        let seen = self.orders.get_mut(&id).expect("the order came to life before");
        assert!(seen.told.is_some() && seen.end.is_none(), "the order is live");
        seen
    }

    fn see_trade(&mut self, exchange: &Exchange, trade: &Trade) {
        let number = self.trades.entry(trade.market).or_default();
        *number += 1;
        assert_eq!(trade.number, *number, "trades are numbered from 1 without gaps");
        let market = Arc::clone(exchange.engine().market(trade.market).unwrap());
        let notional = trade.notional(&market);
        for (side, party) in [(Side::Buy, &trade.buyer), (Side::Sell, &trade.seller)] {
            let maker = side == trade.maker_side;
            let seen = self.live(party.order_id);
            let order = seen.told.as_ref().unwrap();
            assert_eq!((order.side, order.user_id), (side, party.user_id));
            let worst = order.worst_price().expect("every order has a worst price");
            match side {
                Side::Buy => assert!(trade.price <= worst, "no trade beyond the buyer's limit"),
                Side::Sell => assert!(trade.price >= worst, "no trade beyond the seller's limit"),
            }
            if maker {
                assert_eq!(order.terms.price(), Some(trade.price), "the price is the maker's");
            }
            let in_time = order.expires_at.is_none_or(|end| end > trade.executed_at);
            assert!(in_time, "an order whose time has come never trades");
            let (rate, received) = match (maker, side) {
                (true, Side::Buy) => (order.maker_fee, market.base_amount(trade.quantity.lots())),
                (true, Side::Sell) => (order.maker_fee, notional),
                (false, Side::Buy) => (order.taker_fee, market.base_amount(trade.quantity.lots())),
                (false, Side::Sell) => (order.taker_fee, notional),
            };
            assert_eq!(party.fee, rate.of(received));
            seen.filled += trade.quantity.lots();
            seen.notional += notional;
            seen.fee += party.fee;
            assert_eq!(order.quantity, seen.filled + seen.prevented + party.remaining);
        }
    }

    /// Compares all that was seen with the whole state.
    pub fn compare(&self, exchange: &Exchange) {
        exchange.check().unwrap();
        let mut live = 0;
        for (id, seen) in &self.orders {
            match (&seen.end, exchange.engine().order(*id)) {
                (Some(end), None) => {
                    let kept = exchange.order(*id);
                    assert!(
                        kept.is_none_or(|kept| kept == *end),
                        "a finished order never changes"
                    );
                }
                (None, Some(order)) => {
                    live += 1;
                    compare(seen, order);
                }
                (Some(_), Some(_)) => panic!("an order that ended is live"),
                (None, None) => panic!("an order vanished without an end"),
            }
        }
        assert_eq!(live, exchange.engine().live_orders());
        self.compare_books(exchange);
        self.compare_accounts(exchange);
    }

    fn compare_books(&self, exchange: &Exchange) {
        let mut told = 0;
        for (market, _) in exchange.engine().markets() {
            let number = market.number();
            let (seq, bids, asks) = exchange.engine().depth(number, usize::MAX).unwrap();
            assert_eq!(seq, self.seqs.get(&number).copied().unwrap_or_default());
            for (side, levels) in [(Side::Buy, &bids), (Side::Sell, &asks)] {
                for level in levels {
                    told += 1;
                    let known = self.levels.get(&(number, side, level.price));
                    assert_eq!(known, Some(&level.quantity), "{side:?} {:?}", level.price);
                }
            }
            assert!(bids.is_sorted_by(|a, b| a.price > b.price));
            assert!(asks.is_sorted_by(|a, b| a.price < b.price));
            if let (Some(bid), Some(ask)) = (bids.first(), asks.first()) {
                assert!(bid.price < ask.price, "the book is crossed at rest");
            }
        }
        assert_eq!(
            told,
            self.levels.len(),
            "levels were told that the books do not show"
        );
    }

    fn compare_accounts(&self, exchange: &Exchange) {
        let mut sums: BTreeMap<Asset, i128> = BTreeMap::new();
        for ((asset, account), amount) in &self.accounts {
            *sums.entry(*asset).or_default() += amount;
            let kept = match account {
                AccountRef::External => exchange.ledger().external(*asset),
                AccountRef::Fee => i128::from(exchange.ledger().fees(*asset).0),
                AccountRef::User { user_id, .. } => {
                    let balance = exchange.ledger().balance(*user_id, *asset).unwrap_or_default();
                    let available = *account == AccountRef::available(*user_id);
                    i128::from(if available {
                        balance.available.0
                    } else {
                        balance.reserved.0
                    })
                }
            };
            assert_eq!(kept, *amount, "{asset} of {account:?}");
            assert!(*account == AccountRef::External || *amount >= 0);
        }
        assert!(
            sums.values().all(|sum| *sum == 0),
            "an asset does not sum to zero: {sums:?}"
        );
    }
}

/// What was seen of an order is what it says of itself.
fn compare(seen: &Seen, order: &Order) {
    let progress = order.state.progress();
    let parts = (
        progress.filled,
        progress.prevented,
        order.filled_notional,
        order.fee,
    );
    assert_eq!(
        parts,
        (seen.filled, seen.prevented, seen.notional, seen.fee),
        "{}",
        order.order_id
    );
    assert!(progress.filled <= order.quantity);
    if let OrderState::Open(_) = order.state {
        assert_eq!(
            order.quantity,
            progress.filled + progress.prevented + progress.remaining
        );
    }
}
