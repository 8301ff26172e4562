//! The exchange replayed from `gateway journal dump`: what the log says happened, and its invariants.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::sync::Arc;

use domain::{
    Asset, ClientOrderId, Command, EntryAccount, Event, LedgerEntry, Market, MarketNumber, Order, OrderId,
    Outcome, Stamp, Trade, TransferKey, TransferKind, TransferReceipt, UserId,
};
use exchange::{Exchange, LogBody, LogEntry, Output, gather_entries};
use serde_json::Value;

/// A command of the log with what it came to.
#[derive(Debug)]
pub struct Applied {
    pub seq: u64,
    pub command: Command,
    pub outcome: Outcome,
}

/// The replayed exchange, and what must never happen twice.
pub struct Twin {
    pub exchange: Exchange,
    /// Commands since the last look, by the user whom they concern.
    applied: HashMap<UserId, Vec<Applied>>,
    /// The ids in place commands.
    placed: HashSet<OrderId>,
    /// The one order of each client id.
    claims: HashMap<(UserId, ClientOrderId), OrderId>,
    /// The first receipt of each key.
    receipts: HashMap<TransferKey, TransferReceipt>,
    /// Deposits less withdrawals, each key once.
    money: BTreeMap<Asset, i128>,
    /// Lots traded by each order, by its trades alone.
    traded: HashMap<OrderId, u64>,
    /// Orders that ended, as they ended.
    pub closed: HashMap<OrderId, Arc<Order>>,
    trades: HashMap<MarketNumber, u64>,
    /// Every trade of each user, oldest first; one with itself once.
    pub own_trades: HashMap<UserId, Vec<Trade>>,
    /// Every line of each user's ledger, oldest first.
    pub lines: HashMap<UserId, Vec<LedgerEntry>>,
}

impl Twin {
    pub fn new() -> Self {
        Self {
            exchange: Exchange::new(7),
            applied: HashMap::new(),
            placed: HashSet::new(),
            claims: HashMap::new(),
            receipts: HashMap::new(),
            money: BTreeMap::new(),
            traded: HashMap::new(),
            closed: HashMap::new(),
            trades: HashMap::new(),
            own_trades: HashMap::new(),
            lines: HashMap::new(),
        }
    }

    /// The number of the record that comes next.
    pub fn next(&self) -> u64 {
        self.exchange.seq() + 1
    }

    /// Applies lines of the dump that follow one another.
    pub fn follow(&mut self, lines: &[Value]) {
        for line in lines {
            let (seq, entry) = entry(line);
            assert_eq!(seq, self.next(), "the dump has a gap or a repeat");
            match entry.body {
                LogBody::Command(command) => self.apply(seq, entry.at, command),
                // Compares the digest in the log with the replay's.
                LogBody::Digest(_) => self.exchange.replay(&entry, &mut Output::default()).unwrap(),
            }
        }
    }

    fn apply(&mut self, seq: u64, at: Stamp, command: Command) {
        if let Command::Place(place) = &command {
            assert!(
                self.placed.insert(place.order_id),
                "order id {} stands in the log twice",
                place.order_id
            );
        }
        let mut out = Output {
            postings: Some(Vec::new()),
            ..Output::default()
        };
        let outcome = self.exchange.apply(at, &command, &mut out);
        assert_eq!(self.exchange.seq(), seq);
        let mut lines = Vec::new();
        gather_entries(seq, at, &out.postings.unwrap(), &mut lines);
        for line in lines {
            if let EntryAccount::User(user_id) = line.account {
                self.lines.entry(user_id).or_default().push(line);
            }
        }
        for event in out.events {
            match event.event {
                Event::Trade(trade) => self.trade(&trade),
                Event::OrderClosed(order) => self.close(order),
                _ => {}
            }
        }
        self.remember(&command, &outcome);
        if let Some(user_id) = concerned(&command) {
            self.applied.entry(user_id).or_default().push(Applied {
                seq,
                command,
                outcome,
            });
        }
    }

    fn trade(&mut self, trade: &Trade) {
        let last = self.trades.entry(trade.market).or_default();
        assert_eq!(
            trade.number,
            *last + 1,
            "trades of market {} are not numbered in order",
            trade.market.0
        );
        *last = trade.number;
        let users = [trade.buyer.user_id, trade.seller.user_id];
        let users = if users[0] == users[1] {
            &users[..1]
        } else {
            &users[..]
        };
        for user_id in users {
            self.own_trades.entry(*user_id).or_default().push(*trade);
        }
        for side in [&trade.buyer, &trade.seller] {
            *self.traded.entry(side.order_id).or_default() += trade.quantity.lots().0;
        }
    }

    fn close(&mut self, order: Arc<Order>) {
        self.assert_fills(&order);
        let id = order.order_id;
        assert!(self.closed.insert(id, order).is_none(), "order {id} ended twice");
    }

    fn assert_fills(&self, order: &Order) {
        let traded = self.traded.get(&order.order_id).copied().unwrap_or(0);
        assert_eq!(
            order.filled().0,
            traded,
            "order {} against its trades",
            order.order_id
        );
    }

    fn remember(&mut self, command: &Command, outcome: &Outcome) {
        match outcome {
            Outcome::Placed(order) => {
                if let Some(id) = &order.client_order_id {
                    let doubled = self.claims.insert((order.user_id, id.clone()), order.order_id);
                    assert_eq!(
                        doubled, None,
                        "client id {id} made a second order {}",
                        order.order_id
                    );
                }
            }
            Outcome::Repeated(order) => {
                let id = order.client_order_id.clone().unwrap();
                assert_eq!(
                    self.claims.get(&(order.user_id, id)),
                    Some(&order.order_id),
                    "a repeat's order"
                );
            }
            Outcome::Transferred(receipt) => {
                if let Some(first) = self.receipts.get(&receipt.key) {
                    assert_eq!(first, receipt, "a repeat's receipt");
                    return;
                }
                let amount = i128::from(receipt.amount.0);
                *self.money.entry(receipt.asset).or_default() += if receipt.kind == TransferKind::Deposit {
                    amount
                } else {
                    -amount
                };
                self.receipts.insert(receipt.key.clone(), receipt.clone());
            }
            Outcome::RepeatedLongAgo(id) => panic!("{command:?}: order {id} is not kept any more"),
            _ => {}
        }
    }

    /// The commands of each user since the last look.
    pub fn take_applied(&mut self) -> HashMap<UserId, Vec<Applied>> {
        std::mem::take(&mut self.applied)
    }

    /// Checks every invariant: the exchange's own, fills against trades, and money against transfers.
    pub fn check(&self) {
        self.exchange.check().unwrap();
        for user_id in self.users() {
            self.exchange
                .live_orders_of(user_id)
                .for_each(|order| self.assert_fills(order));
        }
        for (asset, total) in &self.money {
            assert_eq!(
                -self.exchange.ledger().external(*asset),
                *total,
                "what came in of {asset}"
            );
            let held = self
                .users()
                .into_iter()
                .flat_map(|user_id| self.exchange.balances(user_id));
            let held = held
                .filter(|(other, _)| other == asset)
                .map(|(_, balance)| u128::from(balance.available.0) + u128::from(balance.reserved.0));
            let fees = self.exchange.ledger().fees(*asset).0;
            let sum = held.sum::<u128>() + u128::from(fees);
            assert_eq!(
                i128::try_from(sum).unwrap(),
                *total,
                "all balances and fees of {asset}"
            );
        }
    }

    /// Everybody who ever had money.
    fn users(&self) -> HashSet<UserId> {
        self.receipts.values().map(|receipt| receipt.user_id).collect()
    }

    /// Whether the user has an order of this name.
    pub fn knows(&self, user_id: UserId, client_id: Option<&str>) -> bool {
        client_id.is_some_and(|id| self.claims.contains_key(&(user_id, id.parse().unwrap())))
    }

    pub fn market(&self, number: MarketNumber) -> &Arc<Market> {
        self.exchange.engine().market(number).unwrap()
    }

    /// How many orders there are, ended ones too; and how many trades.
    pub fn size(&self) -> (usize, u64) {
        (self.placed.len(), self.trades.values().sum())
    }
}

/// A line of the dump as the record that it shows.
pub fn entry(line: &Value) -> (u64, LogEntry) {
    let body = match line["digest"].as_str() {
        Some(digest) => LogBody::Digest(u128::from_str_radix(digest, 16).unwrap()),
        None => LogBody::Command(serde_json::from_value(line["command"].clone()).unwrap()),
    };
    let rules = u16::try_from(line["rules"].as_u64().unwrap()).unwrap();
    let at = Stamp::from_micros(line["at_us"].as_u64().unwrap());
    (line["seq"].as_u64().unwrap(), LogEntry { rules, at, body })
}

fn concerned(command: &Command) -> Option<UserId> {
    match command {
        Command::Place(place) => Some(place.user_id),
        Command::Cancel(cancel) => Some(cancel.user_id),
        Command::Amend(amend) => Some(amend.user_id),
        Command::CancelAll(all) => all.selection.user_id,
        Command::Transfer(transfer) => Some(transfer.user_id),
        // The exchange's own, and what no client of these asks for.
        _ => None,
    }
}
