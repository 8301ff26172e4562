//! Pages against a naive model: every row that fits the filters exactly once, newest first, whatever is written meanwhile.
#![allow(clippy::unwrap_used, reason = "a test may fail")]

mod support;

use std::collections::BTreeMap;

use domain::{
    Asset, CancelReason, EntryAccount, LedgerEntry, MarketNumber, Order, OrderState, Progress, RejectReason,
    Side, Status, Trade, UserId,
};
use persistence::{EntryQuery, HistoryBatch, HistoryReader, HistoryWriter, OrderQuery, TradeQuery};
use proptest::prelude::*;
use support::{batch, entry, order, trade, user, writer};

const USERS: u64 = 3;

/// What was written, to compare with.
#[derive(Default)]
struct Model {
    seq: u64,
    orders: Vec<Order>,
    trades: Vec<Trade>,
    entries: Vec<LedgerEntry>,
}

fn owner(number: u64) -> UserId {
    user(u128::from(number % USERS))
}

impl Model {
    /// Writes one more record of each kind, and lines of several assets.
    fn grow(&mut self, writer: &mut HistoryWriter, choice: u64) {
        self.seq += 1;
        let seq = self.seq;
        let mut order = order(seq, owner(choice));
        order.state = match choice % 4 {
            0 => OrderState::Filled(Progress::default()),
            1 => OrderState::Rejected(RejectReason::TooManyOrders),
            _ => OrderState::Cancelled(Progress::default(), CancelReason::MassCancel),
        };
        order.market = MarketNumber(u32::try_from(choice / 5 % 3).unwrap());
        order.side = Side::ALL[usize::try_from(choice / 2 % 2).unwrap()];
        // Both parties can be the same user, but not the same order.
        let (buyer, seller) = ((seq / 3 * 2, owner(choice)), (seq / 4 * 2 + 1, owner(choice / 3)));
        let trade = trade(u32::try_from(choice % 3).unwrap(), seq, seq * 400, buyer, seller);
        let entries = (0..choice % 6).map(|line| {
            let line = u32::try_from(line).unwrap();
            let account = match line {
                4 => EntryAccount::Fee,
                _ => EntryAccount::User(owner(choice + u64::from(line) / 2)),
            };
            entry(seq, line, account)
        });
        let entries: Vec<_> = entries.collect();
        writer
            .write(&[HistoryBatch {
                orders: vec![order.clone().into()],
                trades: vec![trade],
                entries: entries.clone(),
                ..batch(seq, seq)
            }])
            .unwrap();
        self.orders.push(order);
        self.trades.push(trade);
        self.entries.extend(entries);
    }

    fn orders(&self, query: &OrderQuery) -> Vec<Order> {
        let fits = |order: &&Order| {
            order.user_id == query.user_id
                && query.market.is_none_or(|market| order.market == market)
                && query.side.is_none_or(|side| order.side == side)
                && query.status.is_none_or(|status| order.state.status() == status)
                && query.before.is_none_or(|before| order.order_id < before)
        };
        let mut orders: Vec<_> = self.orders.iter().filter(fits).cloned().collect();
        orders.sort_by_key(|order| std::cmp::Reverse(order.order_id));
        orders.truncate(query.limit);
        orders
    }

    fn trades(&self, query: &TradeQuery) -> Vec<Trade> {
        // After one of the user's own trades comes what happened later; ids tell apart what happened at one moment.
        let own = |trade: &&Trade| {
            Some(trade.trade_id) == query.after
                && [trade.buyer, trade.seller]
                    .iter()
                    .any(|side| side.user_id == query.user_id)
        };
        let passed = self.trades.iter().find(own);
        let is_after = |trade: &Trade, after| match passed {
            Some(passed) => (trade.executed_at, trade.trade_id) > (passed.executed_at, after),
            None => trade.trade_id > after,
        };
        let fits = |trade: &&Trade| {
            [trade.buyer, trade.seller].iter().any(|side| {
                side.user_id == query.user_id
                    && query.order_id.is_none_or(|order_id| side.order_id == order_id)
            }) && query.market.is_none_or(|market| trade.market == market)
                && query.before.is_none_or(|before| trade.trade_id < before)
                && query.after.is_none_or(|after| is_after(trade, after))
        };
        let mut trades: Vec<_> = self.trades.iter().filter(fits).copied().collect();
        trades.sort_by_key(|trade| std::cmp::Reverse(trade.trade_id));
        trades.truncate(query.limit);
        trades
    }

    fn entries(&self, query: &EntryQuery) -> Vec<LedgerEntry> {
        let fits = |entry: &&LedgerEntry| {
            entry.account == EntryAccount::User(query.user_id)
                && query.asset.is_none_or(|asset| entry.asset == asset)
                && query.before.is_none_or(|before| (entry.seq, entry.line) < before)
        };
        let mut entries: Vec<_> = self.entries.iter().filter(fits).cloned().collect();
        entries.sort_by_key(|entry| std::cmp::Reverse((entry.seq, entry.line)));
        entries.truncate(query.limit);
        entries
    }

    fn sums(&self, user_id: UserId) -> Vec<(Asset, i64, i64)> {
        let mut sums = BTreeMap::<Asset, (i64, i64)>::new();
        for entry in &self.entries {
            if entry.account == EntryAccount::User(user_id) {
                let sum = sums.entry(entry.asset).or_default();
                sum.0 += entry.available;
                sum.1 += entry.reserved;
            }
        }
        sums.into_iter()
            .map(|(asset, (available, reserved))| (asset, available, reserved))
            .collect()
    }
}

fn all_orders(user_id: UserId, limit: usize) -> OrderQuery {
    OrderQuery {
        user_id,
        market: None,
        side: None,
        status: None,
        before: None,
        limit,
    }
}

fn all_trades(user_id: UserId, limit: usize) -> TradeQuery {
    TradeQuery {
        user_id,
        market: None,
        order_id: None,
        before: None,
        after: None,
        limit,
    }
}

fn all_entries(user_id: UserId, limit: usize) -> EntryQuery {
    EntryQuery {
        user_id,
        asset: None,
        before: None,
        limit,
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    #[test]
    fn every_filter_gives_what_the_model_gives(
        choices in proptest::collection::vec(0..1_000_u64, 1..70),
        pick in any::<proptest::sample::Index>(),
        limit in 0..30_usize,
    ) {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("history.db");
        let mut writer = writer(&path);
        let mut model = Model::default();
        choices.iter().for_each(|choice| model.grow(&mut writer, *choice));
        let reader = HistoryReader::open(&path, 1).unwrap();
        let (some_order, some_trade) = (pick.get(&model.orders).clone(), *pick.get(&model.trades));
        for user_id in (0..=USERS).map(|number| user(u128::from(number))) {
            for market in [None, Some(MarketNumber(1))] {
                for before in [None, Some(some_order.order_id)] {
                    for side in [None, Some(Side::Sell)] {
                        for status in [None, Some(Status::Filled), Some(Status::Cancelled), Some(Status::Open)] {
                            let query = OrderQuery { user_id, market, side, status, before, limit };
                            prop_assert_eq!(reader.orders(&query).unwrap(), model.orders(&query), "{:?}", query);
                        }
                    }
                }
                for order_id in [None, Some(some_trade.buyer.order_id), Some(some_trade.seller.order_id)] {
                    for (before, after) in
                        [(None, None), (Some(some_trade.trade_id), None), (None, Some(some_trade.trade_id))]
                    {
                        let query = TradeQuery { user_id, market, order_id, before, after, limit };
                        prop_assert_eq!(reader.trades(&query).unwrap(), model.trades(&query), "{:?}", query);
                    }
                }
            }
            for asset in [None, Some("BTC".parse().unwrap()), Some("DOGE".parse().unwrap())] {
                for before in [None, Some((model.seq / 2, 2)), Some((u64::MAX, u32::MAX)), Some((0, 0))] {
                    let query = EntryQuery { user_id, asset, before, limit };
                    prop_assert_eq!(reader.entries(&query).unwrap(), model.entries(&query), "{:?}", query);
                }
            }
            prop_assert_eq!(reader.sums(user_id).unwrap(), model.sums(user_id));
        }
    }
}

#[test]
fn pages_walk_every_row_once_while_more_are_written() {
    for size in [1, 2, 7] {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("history.db");
        let mut writer = writer(&path);
        let mut model = Model::default();
        (0..60).for_each(|choice| model.grow(&mut writer, choice));
        let reader = HistoryReader::open(&path, 2).unwrap();
        let owner = user(1);

        let (mut read, mut query) = (Vec::new(), all_orders(owner, size));
        let expected = model.orders(&all_orders(owner, 999));
        while let page = reader.orders(&query).unwrap()
            && let Some(last) = page.last()
        {
            query.before = Some(last.order_id);
            read.extend(page);
            model.grow(&mut writer, 1);
        }
        assert!(read.len() > 10);
        assert_eq!(read, expected, "pages of {size}");

        let (mut read, mut query) = (Vec::new(), all_trades(owner, size));
        let expected = model.trades(&all_trades(owner, 999));
        while let page = reader.trades(&query).unwrap()
            && let Some(last) = page.last()
        {
            query.before = Some(last.trade_id);
            read.extend(page);
            model.grow(&mut writer, 1);
        }
        assert!(read.len() > 20);
        assert_eq!(read, expected, "pages of {size}");

        let (mut read, mut query) = (Vec::new(), all_entries(owner, size));
        let expected = model.entries(&all_entries(owner, 999));
        while let page = reader.entries(&query).unwrap()
            && let Some(last) = page.last()
        {
            query.before = Some((last.seq, last.line));
            read.extend(page);
            model.grow(&mut writer, 1);
        }
        assert!(read.len() > 30);
        assert_eq!(read, expected, "pages of {size}");
    }
}

#[test]
fn a_markets_trades_are_everybodys_newest_first() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("history.db");
    let mut writer = writer(&path);
    let mut model = Model::default();
    (0..40).for_each(|choice| model.grow(&mut writer, choice));
    let reader = HistoryReader::open(&path, 1).unwrap();
    let market = MarketNumber(2);
    let mut expected: Vec<_> = model
        .trades
        .iter()
        .filter(|trade| trade.market == market)
        .copied()
        .collect();
    expected.reverse();
    assert_eq!(reader.market_trades(market, None, 100).unwrap(), expected);
    let before = Some(expected[2].number);
    assert_eq!(reader.market_trades(market, before, 4).unwrap(), expected[3..7]);
    assert_eq!(
        reader.market_trades(market, Some(u64::MAX), 1).unwrap(),
        expected[..1]
    );
    assert_eq!(reader.market_trades(MarketNumber(9), None, 100).unwrap(), []);
}

/// Many assets, each with lines before, between and behind those of others.
#[test]
fn lines_of_all_assets_are_one_list_however_they_lie() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("history.db");
    let mut writer = writer(&path);
    let owner = user(1);
    let mut model = Model::default();
    for seq in 1..=60_u64 {
        let lines = (0..seq % 5).map(|line| {
            let line = u32::try_from(line).unwrap();
            let mut entry = entry(seq, line, EntryAccount::User(owner));
            // Asset 0 is old, asset 8 new, the others come and go.
            let number = match seq {
                ..10 => 0,
                55.. => 8,
                _ => 1 + (seq / 4 + u64::from(line)) % 7,
            };
            entry.asset = format!("A{number}").parse().unwrap();
            entry
        });
        let entries: Vec<_> = lines.collect();
        model.entries.extend(entries.clone());
        let lines = HistoryBatch {
            entries,
            ..batch(seq, seq)
        };
        writer.write(&[lines]).unwrap();
    }
    let reader = HistoryReader::open(&path, 1).unwrap();
    for limit in [0, 1, 2, 5, 17, 1_000] {
        let mut query = all_entries(owner, limit);
        for before in [None, Some((1, 0)), Some((30, 1)), Some((55, 0)), Some((60, 0))] {
            query.before = before;
            let page = reader.entries(&query).unwrap();
            assert_eq!(page, model.entries(&query), "{query:?}");
        }
    }
    assert_eq!(reader.sums(owner).unwrap(), model.sums(owner));
    assert_eq!(reader.sums(owner).unwrap().len(), 9);
}

#[test]
fn a_user_that_history_does_not_know_has_empty_pages() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("history.db");
    let mut writer = writer(&path);
    let mut model = Model::default();
    // Lines of fees among them, which are nobody's.
    (0..40).for_each(|choice| model.grow(&mut writer, choice));
    let reader = HistoryReader::open(&path, 1).unwrap();
    let stranger = user(77);
    assert_eq!(reader.orders(&all_orders(stranger, 9)).unwrap(), []);
    assert_eq!(reader.trades(&all_trades(stranger, 9)).unwrap(), []);
    let of_order = TradeQuery {
        order_id: Some(model.trades[0].buyer.order_id),
        ..all_trades(stranger, 9)
    };
    assert_eq!(reader.trades(&of_order).unwrap(), []);
    for asset in [None, Some("BTC".parse().unwrap())] {
        let query = EntryQuery {
            asset,
            ..all_entries(stranger, 9)
        };
        assert_eq!(reader.entries(&query).unwrap(), []);
    }
    assert_eq!(reader.sums(stranger).unwrap(), []);
    for name in [
        domain::OrderRef::Id(model.orders[0].order_id),
        domain::OrderRef::Client("none".parse().unwrap()),
    ] {
        assert_eq!(reader.order(stranger, &name).unwrap(), None);
    }
}
