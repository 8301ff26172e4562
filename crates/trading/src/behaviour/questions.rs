//! The questions at the end of every case: money, reservations, orders against book and trades, events without a gap.

use std::collections::BTreeMap;
use std::sync::PoisonError;

use domain::{Asset, EntryAccount, Event, LedgerEntry, Order, Price, Side, Trade};

use crate::behaviour::Venue;
use crate::behaviour::stage::{MANY, Stage};
use crate::{Caller, EntryFilter, OrderFilter, Queries, TradeFilter};

impl<V: Venue> Stage<'_, V> {
    /// The questions at the end of every case.
    pub async fn finish(self) {
        let trades = self.trades().await;
        self.money_is_all_there(&trades).await;
        self.reserved_is_what_live_orders_need().await;
        self.orders_agree_with_book_and_trades(&trades).await;
        self.events_have_no_gap(&trades).await;
        self.past_agrees_with_present(&trades).await;
    }

    fn everybody(&self) -> Vec<Caller> {
        self.users.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    async fn money_is_all_there(&self, trades: &[Trade]) {
        let mut found: BTreeMap<Asset, i128> = BTreeMap::new();
        for user in self.everybody() {
            for balance in self.exchange().balances(user).await.expect("balances are told") {
                let both = i128::from(balance.available.0) + i128::from(balance.reserved.0);
                *found.entry(balance.asset).or_insert(0) += both;
            }
        }
        for trade in trades {
            *found.entry(self.base()).or_insert(0) += i128::from(trade.buyer.fee.0);
            *found.entry(self.quote()).or_insert(0) += i128::from(trade.seller.fee.0);
        }
        found.retain(|_, units| *units != 0);
        let mut inside = self.inside.lock().unwrap_or_else(PoisonError::into_inner).clone();
        inside.retain(|_, units| *units != 0);
        assert_eq!(found, inside, "balances and fees together are what came in");
    }

    async fn live(&self, user: Caller) -> Vec<Order> {
        let filter = OrderFilter {
            live: Some(true),
            limit: MANY,
            ..OrderFilter::default()
        };
        self.exchange()
            .orders(user, filter)
            .await
            .expect("orders are told")
    }

    async fn reserved_is_what_live_orders_need(&self) {
        for user in self.everybody() {
            let mut needed: BTreeMap<Asset, u64> = BTreeMap::new();
            for order in self.live(user).await {
                assert_eq!(
                    order.market,
                    self.number(),
                    "a case's users trade in its market only"
                );
                let pays = match order.side {
                    Side::Buy => self.quote(),
                    Side::Sell => self.base(),
                };
                *needed.entry(pays).or_insert(0) += self.market.still_needed(&order).0;
            }
            for balance in self.exchange().balances(user).await.expect("balances are told") {
                let needed = needed.get(&balance.asset).copied().unwrap_or(0);
                assert_eq!(
                    balance.reserved.0, needed,
                    "{}: reserved is what live orders need",
                    balance.asset
                );
            }
        }
    }

    async fn orders_agree_with_book_and_trades(&self, trades: &[Trade]) {
        let depth = self
            .exchange()
            .depth(self.number(), MANY)
            .await
            .expect("the depth is told");
        if let (Some(bid), Some(ask)) = (depth.bids.first(), depth.asks.first()) {
            assert!(
                bid.price < ask.price,
                "the book is crossed: {}",
                self.book().await
            );
        }
        let mut resting: BTreeMap<(Side, Price), u64> = BTreeMap::new();
        for user in self.everybody() {
            let filter = OrderFilter {
                limit: MANY,
                ..OrderFilter::default()
            };
            for order in self
                .exchange()
                .orders(user, filter)
                .await
                .expect("orders are told")
            {
                let sides = trades.iter().flat_map(|t| [(&t.buyer, t), (&t.seller, t)]);
                let traded = sides.filter(|(side, _)| side.order_id == order.order_id);
                let filled: u64 = traded.map(|(_, trade)| trade.quantity.lots().0).sum();
                assert_eq!(
                    order.filled().0,
                    filled,
                    "filled is the sum of an order's trades: {order:?}"
                );
                assert_eq!(order.ended_at.is_some(), order.state.is_final(), "{order:?}");
                if let (false, false, Some(at)) = (
                    order.state.is_final(),
                    order.awaits_trigger(),
                    order.terms.price(),
                ) {
                    *resting.entry((order.side, at)).or_insert(0) += order.remaining().0;
                }
            }
        }
        let bids = depth.bids.iter().map(|level| (Side::Buy, level));
        for (side, level) in bids.chain(depth.asks.iter().map(|level| (Side::Sell, level))) {
            let behind = resting.remove(&(side, level.price)).unwrap_or(0);
            let shown = level.quantity.0;
            assert!(
                0 < shown && shown <= behind,
                "{shown} shown at {level:?}, {behind} behind it"
            );
        }
        assert!(
            resting.is_empty(),
            "orders rest that the book does not show: {resting:?}"
        );
    }

    async fn events_have_no_gap(&self, trades: &[Trade]) {
        let last = self
            .exchange()
            .depth(self.number(), 1)
            .await
            .expect("the depth is told")
            .seq;
        let mut told = Vec::new();
        let (mut seq, mut owners_seq) = (0, 0);
        while seq < last || owners_seq < last {
            let Some(update) = self.next_update().await else {
                return;
            };
            for event in update.events.iter().filter(|event| event.market == self.number()) {
                if update.audience.is_for_owners() {
                    assert_eq!(event.seq, owners_seq + 1, "owners hear of all events, once");
                    owners_seq = event.seq;
                }
                if !update.audience.is_public() {
                    continue;
                }
                assert_eq!(event.seq, seq + 1, "events have neither gaps nor repeats");
                seq = event.seq;
                if let Event::Trade(trade) = &event.event {
                    told.push(**trade);
                }
            }
        }
        told.reverse();
        assert_eq!(told, trades, "the events tell the trades that the tape shows");
    }
    /// Every line of a user's ledger, a small page at a time, newest first.
    async fn lines(&self, user: Caller) -> Vec<LedgerEntry> {
        let mut lines: Vec<LedgerEntry> = Vec::new();
        loop {
            let filter = EntryFilter {
                before: lines.last().map(|line| (line.seq, line.line)),
                limit: MANY,
                ..EntryFilter::default()
            };
            let page = self
                .exchange()
                .ledger(user, filter)
                .await
                .expect("the ledger is told");
            let is_last = page.len() < MANY;
            lines.extend(page);
            if is_last {
                return lines;
            }
        }
    }

    /// A user's lines sum to the balances, and the user's trades are those of the tape.
    async fn past_agrees_with_present(&self, trades: &[Trade]) {
        for user in self.everybody() {
            let mut sums: BTreeMap<Asset, (i64, i64)> = BTreeMap::new();
            let lines = self.lines(user).await;
            let newest_first =
                |pair: &[LedgerEntry]| (pair[0].seq, pair[0].line) > (pair[1].seq, pair[1].line);
            assert!(lines.windows(2).all(newest_first), "newest first: {lines:?}");
            for line in lines {
                assert_eq!(line.account, EntryAccount::User(user.user_id));
                let sum = sums.entry(line.asset).or_default();
                *sum = (sum.0 + line.available, sum.1 + line.reserved);
            }
            let balances = self.exchange().balances(user).await.expect("balances are told");
            let balances: BTreeMap<Asset, (i64, i64)> = balances
                .iter()
                .map(|b| (b.asset, (b.available.0.cast_signed(), b.reserved.0.cast_signed())))
                .collect();
            assert_eq!(sums, balances, "the lines of the ledger sum to the balances");
            let filter = TradeFilter {
                limit: MANY,
                ..TradeFilter::default()
            };
            let own = self.exchange().own_trades(user, filter).await;
            let of_user = |t: &&Trade| t.buyer.user_id == user.user_id || t.seller.user_id == user.user_id;
            let expected: Vec<Trade> = trades.iter().filter(of_user).copied().collect();
            assert_eq!(own, Ok(expected), "a user's trades are those of the tape");
        }
    }
}
