//! What is written is read back, equal in every field.
#![allow(clippy::unwrap_used, reason = "a test may fail")]

mod support;

use domain::{EntryAccount, EntryType, Lots, OrderId, OrderRef, Reference, RequestId, Stamp, TradeId};
use persistence::{EntryQuery, HistoryBatch, HistoryReader, TradeQuery};
use proptest::prelude::*;
use support::{any_order, at, batch, entry, order, quantity, trade, user, with_orders, writer};

proptest! {
    #![proptest_config(ProptestConfig::with_cases(40))]

    /// 1 to 90 of them: single rows, statements of 8 and statements of 64.
    #[test]
    fn orders_of_every_form_come_back_equal(mut orders in proptest::collection::vec(any_order(), 1..90)) {
        orders.sort_by_key(|order| order.order_id);
        orders.dedup_by_key(|order| order.order_id);
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("history.db");
        writer(&path).write(&[with_orders(1, orders.clone())]).unwrap();
        let reader = HistoryReader::open(&path, 1).unwrap();
        for order in orders {
            let read = reader.order(order.user_id, &OrderRef::Id(order.order_id)).unwrap();
            prop_assert_eq!(read, Some(order));
        }
    }
}

#[test]
fn trades_come_back_equal_up_to_the_limits_of_their_numbers() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("history.db");
    let mut huge = trade(1, 9, 9, (3, user(1)), (4, user(2)));
    huge.quantity = quantity(u64::MAX);
    huge.buyer.remaining = Lots(u64::MAX);
    huge.price = support::price(u32::MAX);
    let trades = vec![huge, trade(1, 8, 8, (3, user(2)), (4, user(1)))];
    let written = HistoryBatch {
        trades: trades.clone(),
        ..batch(1, 1)
    };
    writer(&path).write(&[written]).unwrap();
    let reader = HistoryReader::open(&path, 1).unwrap();
    for user_id in [user(1), user(2)] {
        let query = TradeQuery {
            user_id,
            market: None,
            order_id: None,
            before: None,
            after: None,
            limit: 10,
        };
        assert_eq!(reader.trades(&query).unwrap(), trades);
    }
    // Its value needs more than 64 bits: 2^64-1 lots at 2^32-1 ticks, and what one lot costs at a tick.
    let query = persistence::CandleQuery {
        market: domain::MarketNumber(1),
        interval: market_data::Interval::Day1,
        from: None,
        to: None,
        limit: 10,
    };
    let candles = reader.candles(&query).unwrap();
    let value = |trade: &domain::Trade| {
        u128::from(trade.price.ticks())
            * u128::from(trade.quantity.lots().0)
            * u128::from(support::market(1).tick_lot())
    };
    assert_eq!(
        candles[0].bar.quote_volume,
        trades.iter().map(value).sum::<u128>()
    );
    assert!(candles[0].bar.base_volume > u128::from(u64::MAX));
}

#[test]
fn lines_of_every_kind_come_back_equal() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("history.db");
    let references = [
        Reference::Order(OrderId::at(at(1), 1)),
        Reference::Amendment(RequestId::at(at(2), 2)),
        Reference::Trade(TradeId::at(at(3), domain::MarketNumber(3), 3)),
        Reference::Transfer("deposit:1".parse().unwrap()),
    ];
    let mut entries = Vec::new();
    for (seq, reference) in (1..).zip(references) {
        for (line, entry_type) in (0..).zip(EntryType::ALL) {
            let mut entry = entry(seq, line, EntryAccount::User(user(1)));
            entry.reference = reference.clone();
            entry.entry_type = *entry_type;
            entry.available = [i64::MIN, -1, 0, i64::MAX][line as usize % 4];
            entry.at = Stamp::from_micros(u64::MAX);
            entries.push(entry);
        }
    }
    let mut written = batch(1, 4);
    written.entries = entries.clone();
    // Lines of other accounts are kept, and are nobody's.
    written.entries.push(entry(4, 100, EntryAccount::Fee));
    written.entries.push(entry(4, 101, EntryAccount::External));
    writer(&path).write(&[written]).unwrap();
    let query = EntryQuery {
        user_id: user(1),
        asset: None,
        before: None,
        limit: 1_000,
    };
    entries.reverse();
    let reader = HistoryReader::open(&path, 1).unwrap();
    assert_eq!(reader.entries(&query).unwrap(), entries);
}

#[test]
fn an_order_is_found_by_its_owners_newest_use_of_the_name() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("history.db");
    let mut orders: Vec<_> = [(1, 1), (2, 1), (3, 2)]
        .map(|(number, owner)| order(number, user(owner)))
        .into();
    for order in &mut orders {
        order.client_order_id = Some("mine".parse().unwrap());
    }
    writer(&path).write(&[with_orders(1, orders.clone())]).unwrap();
    let reader = HistoryReader::open(&path, 1).unwrap();
    let name = |text: &str| OrderRef::Client(text.parse().unwrap());
    assert_eq!(
        reader.order(user(1), &name("mine")).unwrap().as_ref(),
        Some(&orders[1])
    );
    assert_eq!(
        reader.order(user(2), &name("mine")).unwrap().as_ref(),
        Some(&orders[2])
    );
    assert_eq!(reader.order(user(3), &name("mine")).unwrap(), None);
    assert_eq!(reader.order(user(1), &name("other")).unwrap(), None);
    let id = OrderRef::Id(orders[0].order_id);
    assert_eq!(reader.order(user(1), &id).unwrap().as_ref(), Some(&orders[0]));
    assert_eq!(reader.order(user(2), &id).unwrap(), None, "it is another user's");
}
