//! A database with orders and trades of a few users, and the same as plain lists.

use diesel_async::SimpleAsyncConnection as _;
use domain::{Order, OrderState, Place, Stamp, Trade, TradeId, UserId};
use persistence::postgres::orders::{
    FeeRates, NewOrder, StoredOrder, insert_pending, insert_trades, update_orders,
};
use persistence::postgres::{Connection, connect};
use proptest::prelude::*;
use proptest::strategy::ValueTree as _;
use proptest::test_runner::TestRunner;
use testbed::Database;

use super::made::{any_order, markets, trade};

pub const START: u64 = 1_790_000_000_000_000;
pub const DAY: u64 = 24 * 60 * 60 * 1_000_000;
pub const USERS: u128 = 3;

pub async fn database() -> (Database, Connection) {
    let database = Database::create().await.unwrap();
    let mut connection = connect(&database.url().into()).await.unwrap();
    connection
        .batch_execute(
            "SELECT make_partitions(to_timestamp(1790000000), to_timestamp(1790000000) + interval '12 days');
             INSERT INTO shards (shard) VALUES (0), (1);
             INSERT INTO markets (symbol, number, definition, tick, lot)
                 VALUES ('BTC/USDT', 1, '', 0.01, 0.000001), ('ETH/BTC', 2, '', 0.00001, 0.001);
             INSERT INTO market_state (symbol, shard, event_seq) VALUES ('BTC/USDT', 0, 5), ('ETH/BTC', 1, 7);",
        )
        .await
        .unwrap();
    (database, connection)
}

/// So many values of a strategy, the same in every run.
pub fn some<S: Strategy>(strategy: &S, count: usize) -> Vec<S::Value> {
    let mut runner = TestRunner::deterministic();
    (0..count)
        .map(|_| strategy.new_tree(&mut runner).unwrap().current())
        .collect()
}

pub const fn user(number: u128) -> UserId {
    UserId::from_u128(0xA11CE + number % USERS)
}

/// Orders of a few users, of every kind, stored; by id.
pub async fn stored(connection: &mut Connection, count: usize) -> Vec<Order> {
    let markets = markets();
    let mut orders: Vec<StoredOrder> = some(&any_order(), count);
    for (number, stored) in (0..).zip(&mut orders) {
        stored.order.user_id = user(number);
        // Names that are used again and again.
        let name = format!("name-{}", number % 7);
        stored.order.client_order_id = (number % 3 == 0).then(|| name.parse().unwrap());
    }
    orders.sort_by_key(|stored| stored.order.order_id);
    let places: Vec<Place> = orders.iter().map(StoredOrder::place).collect();
    let new: Vec<NewOrder<'_>> = (orders.iter().zip(&places))
        .map(|(stored, place)| NewOrder {
            place,
            market: markets.numbered(place.market).unwrap(),
            fees: FeeRates {
                maker: stored.order.maker_fee,
                taker: stored.order.taker_fee,
            },
        })
        .collect();
    insert_pending(connection, &new).await.unwrap();
    let applied = orders
        .iter()
        .filter(|stored| stored.order.state != OrderState::Pending);
    update_orders(connection, &applied.cloned().collect::<Vec<_>>(), &markets)
        .await
        .unwrap();
    orders.into_iter().map(|stored| stored.order).collect()
}

/// Trades over the ten days after the one of these orders, several within the same millisecond; by time and id.
pub async fn traded(connection: &mut Connection, orders: &[Order], count: usize) -> Vec<Trade> {
    let parts = (1..1_000u32, any::<u64>(), any::<u64>());
    let pairs = (0..orders.len(), 0..orders.len());
    let mut at = START + DAY;
    let mut numbers = [0, 0, 0];
    let mut trades = Vec::new();
    for (parts, (one, other)) in some(&(parts, pairs), count * 4) {
        let (buyer, seller) = (&orders[one], &orders[other]);
        if buyer.market != seller.market || one == other || trades.len() == count {
            continue;
        }
        at += match parts.1 % 4 {
            0 => 10 * DAY / count as u64,
            1 => 1_000,
            _ => 7,
        };
        let number = &mut numbers[buyer.market.0 as usize];
        *number += 1;
        let mut trade = trade(*number, buyer, seller, parts);
        trade.executed_at = Stamp::from_micros(at);
        trade.trade_id = TradeId::at(trade.executed_at, trade.market, *number);
        trades.push(trade);
    }
    insert_trades(connection, &trades, &markets()).await.unwrap();
    trades.sort_by_key(|trade| (trade.executed_at, trade.trade_id));
    trades
}
