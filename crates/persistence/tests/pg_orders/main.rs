//! Orders and trades of every kind go into PostgreSQL and come out as they were.
#![cfg(feature = "postgres")]
#![allow(clippy::unwrap_used, reason = "tests may panic")]

mod made;

use diesel_async::{RunQueryDsl as _, SimpleAsyncConnection as _};
use domain::{MarketNumber, OrderId, OrderState, Place, Trade, TradeId};
use persistence::postgres::orders::{
    FeeRates, MarketGrids, NewOrder, StoredOrder, insert_pending, insert_trades, live_of_shard, orders_by_id,
    trades_by_id, update_orders,
};
use persistence::postgres::{Connection, PgError, connect};
use proptest::prelude::*;
use proptest::test_runner::{Config, TestRunner};
use testbed::Database;

use made::{any_order, markets, sample, trade};

async fn database() -> (Database, Connection) {
    let database = Database::create().await.unwrap();
    let mut connection = connect(&database.url().into()).await.unwrap();
    connection
        .batch_execute(
            "SELECT make_partitions(to_timestamp(1790000000), to_timestamp(1790000000) + interval '2 days');
             INSERT INTO shards (shard) VALUES (0), (1);
             INSERT INTO markets (symbol, number, definition, tick, lot)
                 VALUES ('BTC/USDT', 1, '', 0.01, 0.000001), ('ETH/BTC', 2, '', 0.00001, 0.001);
             INSERT INTO market_state (symbol, shard) VALUES ('BTC/USDT', 0), ('ETH/BTC', 1);",
        )
        .await
        .unwrap();
    (database, connection)
}

fn new_of<'a>(stored: &StoredOrder, place: &'a Place, markets: &'a MarketGrids) -> NewOrder<'a> {
    NewOrder {
        place,
        market: markets.numbered(place.market).unwrap(),
        fees: FeeRates {
            maker: stored.order.maker_fee,
            taker: stored.order.taker_fee,
        },
    }
}

async fn store(connection: &mut Connection, orders: &[StoredOrder]) -> Result<(), PgError> {
    let markets = markets();
    let places: Vec<Place> = orders.iter().map(StoredOrder::place).collect();
    let new: Vec<NewOrder<'_>> = (orders.iter().zip(&places))
        .map(|(stored, place)| new_of(stored, place, &markets))
        .collect();
    insert_pending(connection, &new).await?;
    let applied: Vec<StoredOrder> = (orders.iter())
        .filter(|stored| stored.order.state != OrderState::Pending)
        .cloned()
        .collect();
    update_orders(connection, &applied, &markets).await
}

#[test]
fn orders_and_trades_of_every_kind_come_out_as_they_went_in() {
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let (database, connection) = runtime.block_on(database());
    let connection = std::cell::RefCell::new(connection);
    let mut runner = TestRunner::new(Config::with_cases(32));
    let orders = proptest::collection::vec(any_order(), 1..40);
    let parts = (1..=1_000_000u32, any::<u64>(), any::<u64>());
    let trades = proptest::collection::vec(parts, 0..10);
    let result = runner.run(&(orders, trades), |(mut orders, trades)| {
        orders.sort_by_key(|stored| stored.order.order_id);
        orders.dedup_by_key(|stored| stored.order.order_id);
        let connection = &mut *connection.borrow_mut();
        runtime.block_on(async {
            connection
                .batch_execute("DELETE FROM trades; DELETE FROM orders")
                .await
                .unwrap();
            store(connection, &orders).await.unwrap();
            let ids: Vec<OrderId> = orders.iter().map(|stored| stored.order.order_id).collect();
            let read = orders_by_id(connection, &ids, &markets()).await.unwrap();
            prop_assert_eq!(&read, &orders);
            let of_market = |number| {
                orders
                    .iter()
                    .filter(move |o| o.order.market == MarketNumber(number))
            };
            let pairs = of_market(1).zip(of_market(1).skip(1));
            let trades: Vec<Trade> = (1..)
                .zip(pairs.zip(trades))
                .map(|(number, ((buyer, seller), parts))| trade(number, &buyer.order, &seller.order, parts))
                .collect();
            insert_trades(connection, &trades, &markets()).await.unwrap();
            let ids: Vec<TradeId> = trades.iter().map(|trade| trade.trade_id).collect();
            let mut read = trades_by_id(connection, &ids, &markets()).await.unwrap();
            read.sort_by_key(|trade| trade.number);
            prop_assert_eq!(read, trades);
            for shard in 0..2 {
                let live = live_of_shard(connection, shard, &markets()).await.unwrap();
                let mut expected: Vec<StoredOrder> = of_market(shard + 1)
                    .filter(|stored| matches!(stored.order.state, OrderState::Open(_)))
                    .cloned()
                    .collect();
                expected.sort_by_key(|stored| (stored.fold.rank, stored.order.order_id));
                prop_assert_eq!(live, expected);
            }
            Ok(())
        })
    });
    drop(database);
    result.unwrap();
}

#[tokio::test]
async fn an_order_without_a_row_cannot_be_changed() {
    let (_database, mut connection) = database().await;
    store(&mut connection, &[sample(1)]).await.unwrap();
    let error = update_orders(&connection, &[sample(1), sample(2)], &markets()).await;
    assert!(matches!(error, Err(PgError::BadRow { .. })), "{error:?}");
}

#[tokio::test]
async fn an_order_is_stored_once() {
    let (_database, mut connection) = database().await;
    store(&mut connection, &[sample(1)]).await.unwrap();
    let again = store(&mut connection, &[sample(2), sample(1)]).await;
    assert!(matches!(again, Err(PgError::Refused(_))), "{again:?}");
    let ids = [sample(1), sample(2)].map(|stored| stored.order.order_id);
    let read = orders_by_id(&mut connection, &ids, &markets()).await.unwrap();
    assert_eq!(read, [sample(1)]);
}

#[tokio::test]
async fn a_row_off_the_grid_is_named() {
    let (_database, mut connection) = database().await;
    store(&mut connection, &[sample(1)]).await.unwrap();
    diesel::sql_query("UPDATE orders SET price = 0.055")
        .execute(&mut connection)
        .await
        .unwrap();
    let ids = [sample(1).order.order_id];
    let error = orders_by_id(&mut connection, &ids, &markets()).await.unwrap_err();
    let expected = format!(
        "a row of orders makes no sense: price of {}",
        sample(1).order.order_id
    );
    assert_eq!(error.to_string(), expected);
}

#[tokio::test]
async fn a_row_of_an_unknown_market_is_an_error() {
    let (_database, mut connection) = database().await;
    store(&mut connection, &[sample(1)]).await.unwrap();
    let ids = [sample(1).order.order_id];
    let read = orders_by_id(&mut connection, &ids, &MarketGrids::default()).await;
    assert!(
        matches!(read, Err(PgError::BadRow { table: "orders", .. })),
        "{read:?}"
    );
}
