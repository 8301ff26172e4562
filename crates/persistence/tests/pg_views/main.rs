//! What gateways read of PostgreSQL, beside a plain list of the same orders and trades.
#![cfg(feature = "postgres")]
#![allow(clippy::unwrap_used, reason = "tests may panic")]

#[allow(dead_code, reason = "each test program uses its part")]
#[path = "../pg_orders/made.rs"]
mod made;
mod support;

use std::collections::BTreeMap;

use diesel_async::SimpleAsyncConnection as _;
use domain::{
    MarketNumber, Order, OrderId, OrderRef, OrderState, Side, Stamp, Status, Trade, TradeId, UserId,
};
use market_data::{Bar, Candle, Interval};
use persistence::postgres::views::{self, Life};
use persistence::{CandleQuery, OrderQuery, TradeQuery};

use made::markets;
use support::{DAY, START, USERS, database, some, stored, traded, user};

#[tokio::test]
async fn lists_of_orders_are_newest_first_and_filtered() {
    let (_database, mut connection) = database().await;
    let orders = stored(&mut connection, 300).await;
    let markets = markets();
    let ids: Vec<OrderId> = orders.iter().map(|order| order.order_id).collect();
    let maybe = |all: Vec<u32>| proptest::option::of(proptest::sample::select(all));
    let strategy = (
        0..USERS,
        maybe(vec![1, 2, 3]),
        proptest::option::of(proptest::sample::select(Side::ALL)),
        proptest::option::of(proptest::sample::select(Status::ALL)),
        proptest::option::of(proptest::sample::select(ids)),
        proptest::sample::select(vec![0, 1, 5, 1_000]),
        proptest::sample::select(vec![Life::All, Life::Live, Life::Ended]),
    );
    let (mut found_some, mut found_none) = (0, 0);
    for (of, market, side, status, before, limit, life) in some(&strategy, 400) {
        let query = OrderQuery {
            user_id: user(of),
            market: market.map(MarketNumber),
            side,
            status,
            before,
            limit,
        };
        let wanted = |order: &&Order| {
            order.user_id == query.user_id
                && query.market.is_none_or(|number| number == order.market)
                && side.is_none_or(|side| side == order.side)
                && status.is_none_or(|status| status == order.state.status())
                && before.is_none_or(|before| order.order_id < before)
                && match life {
                    Life::All => true,
                    Life::Live => !order.state.is_final(),
                    Life::Ended => order.state.is_final(),
                }
        };
        let expected: Vec<Order> = orders.iter().rev().filter(wanted).take(limit).cloned().collect();
        let found = views::orders(&mut connection, &query, life, &markets)
            .await
            .unwrap();
        assert_eq!(found, expected, "{query:?} {life:?}");
        match found.is_empty() {
            true => found_none += 1,
            false => found_some += 1,
        }
    }
    assert!(found_some > 50 && found_none > 50, "{found_some} {found_none}");
}

#[tokio::test]
async fn an_order_is_found_by_its_id_and_by_the_latest_use_of_its_name() {
    let (_database, mut connection) = database().await;
    let orders = stored(&mut connection, 120).await;
    let markets = markets();
    for order in &orders {
        let by_id = OrderRef::Id(order.order_id);
        let found = views::order(&mut connection, order.user_id, &by_id, &markets).await;
        assert_eq!(found.unwrap().as_ref(), Some(order));
        let others = UserId::from_u128(1);
        let found = views::order(&mut connection, others, &by_id, &markets).await;
        assert_eq!(found.unwrap(), None, "an order of somebody else's");
        let Some(name) = &order.client_order_id else {
            continue;
        };
        let same =
            |other: &&Order| other.user_id == order.user_id && other.client_order_id == order.client_order_id;
        let newest = orders.iter().rev().find(same);
        let by_name = OrderRef::Client(name.clone());
        let found = views::order(&mut connection, order.user_id, &by_name, &markets).await;
        assert_eq!(found.unwrap().as_ref(), newest);
    }
    // What the table of names says wins: it is what the gateways keep to.
    let named = orders
        .iter()
        .find(|order| order.client_order_id.is_some())
        .unwrap();
    let (name, id) = (named.client_order_id.clone().unwrap(), named.order_id);
    connection
        .batch_execute(&format!(
            "INSERT INTO client_order_ids VALUES ('{}', '{}', '{id}', 1)",
            named.user_id,
            name.as_str()
        ))
        .await
        .unwrap();
    let by_name = OrderRef::Client(name);
    let found = views::order(&mut connection, named.user_id, &by_name, &markets).await;
    assert_eq!(found.unwrap().as_ref(), Some(named));
}

fn is_of(trade: &Trade, user_id: UserId, order_id: Option<OrderId>) -> bool {
    [trade.buyer, trade.seller]
        .iter()
        .any(|party| party.user_id == user_id && order_id.is_none_or(|order_id| order_id == party.order_id))
}

#[tokio::test]
async fn own_trades_are_newest_first_and_filtered_each_once() {
    let (_database, mut connection) = database().await;
    let orders = stored(&mut connection, 60).await;
    let trades = traded(&mut connection, &orders, 400).await;
    let own = trades
        .iter()
        .filter(|trade| trade.buyer.user_id == trade.seller.user_id);
    assert!(own.count() > 20, "users trade with themselves too");
    let ids: Vec<TradeId> = trades.iter().map(|trade| trade.trade_id).collect();
    let maybe = |ids: &[TradeId]| proptest::option::of(proptest::sample::select(ids.to_vec()));
    let order_ids: Vec<OrderId> = orders.iter().map(|order| order.order_id).collect();
    let strategy = (
        0..USERS,
        proptest::option::of(proptest::sample::select(vec![1, 2, 3])),
        proptest::option::weighted(0.3, proptest::sample::select(order_ids)),
        maybe(&ids),
        maybe(&ids),
        proptest::sample::select(vec![0, 1, 7, 1_000]),
        0..20u64,
    );
    let place = |id: TradeId| {
        let found = trades.iter().find(|trade| trade.trade_id == id).unwrap();
        (found.executed_at, id)
    };
    let mut found_some = 0;
    for (of, market, order_id, before, after, limit, days) in some(&strategy, 400) {
        let query = TradeQuery {
            user_id: user(of),
            market: market.map(MarketNumber),
            order_id,
            before,
            after,
            limit,
        };
        let wanted = |trade: &&Trade| {
            is_of(trade, query.user_id, order_id)
                && query.market.is_none_or(|number| number == trade.market)
                && before.is_none_or(|id| (trade.executed_at, trade.trade_id) < place(id))
                && after.is_none_or(|id| (trade.executed_at, trade.trade_id) > place(id))
        };
        let expected: Vec<Trade> = trades.iter().rev().filter(wanted).take(limit).copied().collect();
        // Wherever it is looked first, the answer is the same.
        let hint = Stamp::from_micros(START + days * DAY);
        let found = views::own_trades(&mut connection, &query, hint, &markets())
            .await
            .unwrap();
        assert_eq!(found, expected, "{query:?}");
        found_some += u32::from(!found.is_empty());
    }
    assert!(found_some > 100, "{found_some}");
    let nowhere = TradeQuery {
        user_id: user(0),
        market: None,
        order_id: None,
        before: Some(TradeId::at(
            Stamp::from_micros(START + 5 * DAY),
            MarketNumber(9),
            9,
        )),
        after: None,
        limit: 1_000,
    };
    let hint = Stamp::from_micros(START + 20 * DAY);
    let found = views::own_trades(&mut connection, &nowhere, hint, &markets())
        .await
        .unwrap();
    let earlier =
        |trade: &&Trade| is_of(trade, user(0), None) && trade.executed_at.micros() < START + 5 * DAY;
    assert_eq!(
        found.len(),
        trades.iter().filter(earlier).count(),
        "a trade that is unknown is a moment"
    );
}

#[tokio::test]
async fn a_markets_trades_are_its_latest_however_long_ago_they_were() {
    let (_database, mut connection) = database().await;
    let orders = stored(&mut connection, 60).await;
    let trades = traded(&mut connection, &orders, 200).await;
    let markets = markets();
    for number in [1, 2] {
        let market = markets.numbered(MarketNumber(number)).unwrap();
        let newest_first: Vec<Trade> = (trades.iter().rev())
            .filter(|trade| trade.market == market.number())
            .copied()
            .collect();
        for (limit, days) in [(0, 10), (1, 10), (50, 10), (1_000, 10), (1_000, 3), (20, 400)] {
            let now = Stamp::from_micros(START + days * DAY);
            let found = views::market_trades(&mut connection, market, limit, now, &markets).await;
            assert_eq!(found.unwrap(), newest_first[..limit.min(newest_first.len())]);
        }
    }
}

#[tokio::test]
async fn candles_are_the_latest_of_a_range_oldest_first() {
    let (_database, mut connection) = database().await;
    connection
        .batch_execute(
            "INSERT INTO candles SELECT 'BTC/USDT', 60, to_timestamp(1790000040 + 60 * n), n * 0.01, n * 0.03, n * 0.01,
                 n * 0.02, n * 90000000000::numeric, n * 90000000000::numeric * 10000, n
                 FROM generate_series(1, 20) n;
             INSERT INTO candles SELECT 'BTC/USDT', 3600, to_timestamp(1790000000 / 3600 * 3600), 1, 1, 1, 1, 1, 1, 1",
        )
        .await
        .unwrap();
    let markets = markets();
    let market = markets.numbered(MarketNumber(1)).unwrap();
    let price = |ticks| domain::Price::from_ticks(ticks).unwrap();
    let candle = |n: u32| Candle {
        number: 1_790_000_040 / 60 + u64::from(n),
        bar: Bar {
            open: price(n),
            high: price(3 * n),
            low: price(n),
            close: price(2 * n),
            // More than 64 bits can hold.
            base_volume: u128::from(n) * 90_000_000_000 * 1_000_000,
            quote_volume: u128::from(n) * 900_000_000_000_000 * 100_000_000,
            trade_count: u64::from(n),
        },
    };
    let at = |n: u64| Some(Stamp::from_micros((1_790_000_040 + 60 * n) * 1_000_000));
    for (from, to, limit, expected) in [
        (None, None, 1_000, 1..21),
        (at(5), None, 1_000, 5..21),
        (None, at(5), 1_000, 1..5),
        (at(5), at(8), 1_000, 5..8),
        (None, None, 3, 18..21),
        (at(30), None, 3, 1..1),
    ] {
        let query = CandleQuery {
            market: MarketNumber(1),
            interval: Interval::Minute1,
            from,
            to,
            limit,
        };
        let found = views::candles(&mut connection, market, &query).await.unwrap();
        assert_eq!(found, expected.map(candle).collect::<Vec<_>>(), "{query:?}");
    }
}

#[tokio::test]
async fn a_users_moment_has_the_orders_that_the_folds_hold() {
    let (_database, mut connection) = database().await;
    let orders = stored(&mut connection, 120).await;
    let moment = views::user_moment(&mut connection, user(1), &markets())
        .await
        .unwrap();
    let live = |order: &&Order| order.user_id == user(1) && matches!(order.state, OrderState::Open(_));
    let expected: Vec<Order> = orders.iter().filter(live).cloned().collect();
    assert!(!expected.is_empty());
    assert_eq!(moment.orders, expected);
    let markets: Vec<_> = moment
        .markets
        .iter()
        .map(|seq| (seq.number.0, seq.shard, seq.event_seq))
        .collect();
    assert_eq!(markets, [(1, 0, 5), (2, 1, 7)]);
    let shards: Vec<u32> = moment.shards.iter().map(|row| row.shard).collect();
    assert_eq!(shards, [0, 1]);
}

#[tokio::test]
async fn an_outset_counts_the_live_orders_of_each_user_and_market() {
    let (_database, mut connection) = database().await;
    let orders = stored(&mut connection, 120).await;
    let markets = markets();
    let mut expected: BTreeMap<(UserId, String), u32> = BTreeMap::new();
    for order in orders
        .iter()
        .filter(|order| matches!(order.state, OrderState::Open(_)))
    {
        let symbol = markets.numbered(order.market).unwrap().symbol().to_string();
        *expected.entry((order.user_id, symbol)).or_default() += 1;
    }
    // Only an order with a price is shown in a book.
    connection
        .batch_execute("UPDATE orders SET displayed_remaining = NULL WHERE price IS NULL")
        .await
        .unwrap();
    let live = views::outset(&mut connection).await.unwrap().live;
    let found: BTreeMap<_, _> = live
        .into_iter()
        .map(
            |views::LiveCount {
                 user_id,
                 symbol,
                 count,
             }| ((user_id, symbol), count),
        )
        .collect();
    assert!(expected.len() > 1, "{expected:?}");
    assert_eq!(found, expected);
}

#[tokio::test]
async fn a_level_may_hold_more_than_any_one_order_could() {
    let (_database, mut connection) = database().await;
    stored(&mut connection, 120).await;
    connection
        .batch_execute(
            "UPDATE orders SET displayed_remaining = NULL WHERE price IS NULL;
             UPDATE orders SET quantity = filled_quantity + prevented_quantity + 60000000000, side = 'BUY', price = 7,
                 displayed_remaining = 60000000000
             WHERE order_id IN (SELECT order_id FROM orders WHERE displayed_remaining > 0 AND symbol = 'BTC/USDT'
                 AND status IN ('OPEN', 'PARTIALLY_FILLED') ORDER BY order_id LIMIT 2)",
        )
        .await
        .unwrap();
    let levels = views::outset(&mut connection).await.unwrap().levels;
    let seven = |level: &&views::Level| level.side == Side::Buy && level.price == 700_000_000;
    let level = levels.iter().find(seven).unwrap();
    assert_eq!(level.quantity, 2 * 60_000_000_000 * 100_000_000);
}

#[tokio::test]
async fn a_name_that_stands_for_nothing_is_looked_for_among_the_latest_orders_only() {
    let (_database, mut connection) = database().await;
    let orders = stored(&mut connection, 120).await;
    let markets = markets();
    let of_user = |order: &&Order| order.client_order_id.is_some() && order.user_id == orders[119].user_id;
    let old = orders.iter().rev().find(of_user).unwrap();
    let by_name = OrderRef::Client(old.client_order_id.clone().unwrap());
    let found = views::order(&mut connection, old.user_id, &by_name, &markets).await;
    assert_eq!(found.unwrap().as_ref(), Some(old));
    connection
        .batch_execute(&format!(
            "INSERT INTO orders SELECT (jsonb_populate_record(o, jsonb_build_object('client_order_id', null,
                 'order_id', v7_floor(v7_time(o.order_id) + n * interval '1 second'),
                 'created_at', v7_time(o.order_id) + n * interval '1 second'))).*
             FROM orders o, generate_series(1, 1000) n WHERE o.order_id = '{}'",
            old.order_id
        ))
        .await
        .unwrap();
    let found = views::order(&mut connection, old.user_id, &by_name, &markets).await;
    assert_eq!(found.unwrap(), None, "a thousand newer ones have come since");
    let by_id = OrderRef::Id(old.order_id);
    let found = views::order(&mut connection, old.user_id, &by_id, &markets).await;
    assert_eq!(found.unwrap().as_ref(), Some(old));
}
