//! A market moves to another shard: with all that it has, and only after all that is committed is settled.

use std::sync::atomic::Ordering;
use std::time::Duration;

use distributed::shard::{MoveError, ShardState, move_market};
use domain::{OrderId, Side, Status};

use crate::bed::{Bed, Running};

const PATIENCE: Duration = Duration::from_secs(60);
const HOME: &str = "SELECT shard::bigint FROM market_state WHERE symbol = 'ABC/USD'";
const EPOCH: &str = "SELECT epoch FROM shards WHERE shard = 0";

/// A sell of ten lots of which four are traded, in a shard whose wallet does not answer from the trade on.
async fn half_filled(bed: &Bed) -> OrderId {
    let sell = bed.place(0, Side::Sell, 100, 10).await;
    bed.until(sell, |order| order.state.status() == Status::Open)
        .await;
    bed.until_quiet().await;
    bed.purse.deaf.store(u32::MAX, Ordering::SeqCst);
    bed.place(1, Side::Buy, 100, 4).await;
    bed.until(sell, |order| order.state.status() == Status::PartiallyFilled)
        .await;
    sell
}

/// Cancels the rest of that order, wherever it lives, and looks whether all of the money is right.
async fn cancelled_and_settled(bed: &Bed, sell: OrderId, owners: Vec<Running>) {
    bed.cancel(0, sell).await;
    bed.until(sell, |order| order.state.status() == Status::Cancelled)
        .await;
    bed.until_quiet().await;
    for owner in owners {
        assert!(!matches!(owner.status.now().state, ShardState::Halted(_)));
        owner.stop().await;
    }
    assert_eq!(bed.balance(0, "ABC").await, ((1 << 50) - 400_000, 0));
    bed.purse.ledger.check().unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_market_moves_with_its_orders_and_commands() {
    let bed = Bed::new().await;
    let (one, two) = (bed.start(bed.options(), 0), bed.start(bed.options(), 1));
    let sell = bed.place(0, Side::Sell, 100, 10).await;
    bed.until(sell, |order| order.state.status() == Status::Open)
        .await;
    let place = bed.wish(1, Side::Buy, 90, 2);
    bed.store(&place).await;
    bed.cancel(1, place.order_id).await;
    let moved = move_market(&bed.options(), "ABC/USD", 1, PATIENCE).await;
    assert_eq!(moved.unwrap().from, 0);
    let command = bed.funded(&place).await;
    bed.command(place.order_id.as_u128(), 0, Some(place.order_id), &command)
        .await;
    let buy = bed.place(2, Side::Buy, 100, 4).await;
    bed.until(buy, |order| order.state.status() == Status::Filled)
        .await;
    bed.until(place.order_id, |order| order.state.status() == Status::Cancelled)
        .await;
    bed.until_quiet().await;
    one.stop().await;
    two.stop().await;
    let trades = bed.log(1).await.into_iter().flat_map(|batch| batch.events);
    assert!(
        trades
            .into_iter()
            .any(|event| matches!(event.event, domain::Event::Trade(_)))
    );
    bed.purse.ledger.check().unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_market_moves_only_when_all_that_its_shard_has_committed_is_settled() {
    let bed = Bed::new().await;
    let owners = vec![bed.start(bed.options(), 0), bed.start(bed.options(), 1)];
    let sell = half_filled(&bed).await;
    let options = bed.options();
    let moving = tokio::spawn(async move { move_market(&options, "ABC/USD", 1, PATIENCE).await });
    bed.until_number(EPOCH, 2).await;
    // The owner of the new shard would release the rest of the order before the trade is settled.
    let cancel = bed.cancel(0, sell).await;
    for _ in 0..20 {
        assert_eq!(bed.number(HOME).await, 0);
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    assert_eq!(bed.number("SELECT count(*) FROM commands").await, 1, "{cancel}");
    bed.purse.deaf.store(0, Ordering::SeqCst);
    let moved = moving.await.unwrap().unwrap();
    assert_eq!((moved.from, moved.settled), (0, 1));
    assert_eq!(bed.number(HOME).await, 1);
    cancelled_and_settled(&bed, sell, owners).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_move_that_is_not_settled_in_time_gives_the_shard_back() {
    let bed = Bed::new().await;
    let owners = vec![bed.start(bed.options(), 0), bed.start(bed.options(), 1)];
    let sell = half_filled(&bed).await;
    let moved = move_market(&bed.options(), "ABC/USD", 1, Duration::ZERO).await;
    assert!(matches!(moved, Err(MoveError::NotSettled(1))), "{moved:?}");
    assert_eq!(bed.number(HOME).await, 0);
    bed.purse.deaf.store(0, Ordering::SeqCst);
    cancelled_and_settled(&bed, sell, owners).await;
    assert_eq!(bed.log(1).await, []);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_mover_that_dies_leaves_the_market_where_it_is() {
    let bed = Bed::new().await;
    let owners = vec![bed.start(bed.options(), 0), bed.start(bed.options(), 1)];
    let sell = half_filled(&bed).await;
    let options = bed.options();
    let moving = tokio::spawn(async move { move_market(&options, "ABC/USD", 1, PATIENCE).await });
    bed.until_number(EPOCH, 2).await;
    moving.abort();
    let _ = moving.await;
    bed.purse.deaf.store(0, Ordering::SeqCst);
    cancelled_and_settled(&bed, sell, owners).await;
    assert_eq!(bed.number(HOME).await, 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_mass_cancel_that_comes_while_a_market_moves_meets_its_orders() {
    let bed = Bed::new().await;
    let owner = bed.start(bed.options(), 0);
    let sell = bed.place(0, Side::Sell, 100, 10).await;
    bed.until_quiet().await;
    // The commit of the other shard's owner, for which the mover waits: it applies its own row of the mass cancel.
    let (mut client, connection) = tokio_postgres::connect(&bed.database.url(), tokio_postgres::NoTls)
        .await
        .unwrap();
    tokio::spawn(connection);
    let commit = client.transaction().await.unwrap();
    let lock = "UPDATE shards SET last_seq = last_seq WHERE shard = 1";
    commit.execute(lock, &[]).await.unwrap();
    let options = bed.options();
    let moving = tokio::spawn(async move { move_market(&options, "ABC/USD", 1, PATIENCE).await });
    let waits = "SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND datname = current_database()
        AND query LIKE '%moved_after%'";
    bed.until_number(waits, 1).await;
    bed.cancel_all(Some(0)).await;
    commit.commit().await.unwrap();
    moving.await.unwrap().unwrap();
    let other = bed.start(bed.options(), 1);
    bed.until(sell, |order| order.state.status() == Status::Cancelled)
        .await;
    bed.until_quiet().await;
    owner.stop().await;
    other.stop().await;
    bed.purse.ledger.check().unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_market_does_not_move_while_the_wallet_refuses_what_its_shard_has_committed() {
    let bed = Bed::new().await;
    let owner = bed.start(bed.options(), 0);
    let sell = half_filled(&bed).await;
    bed.purse.refusing.store(1, Ordering::SeqCst);
    bed.purse.deaf.store(0, Ordering::SeqCst);
    let moved = move_market(&bed.options(), "ABC/USD", 1, PATIENCE).await;
    assert!(matches!(moved, Err(MoveError::Refused(_))), "{moved:?}");
    assert_eq!(bed.number(HOME).await, 0);
    assert_eq!(
        bed.order(sell).await.order.state.status(),
        Status::PartiallyFilled
    );
    owner.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_does_not_exist_does_not_move() {
    let bed = Bed::new().await;
    let owner = bed.start(bed.options(), 0);
    bed.until_quiet().await;
    let options = bed.options();
    let moved = move_market(&options, "NO/SUCH", 1, PATIENCE).await;
    assert!(matches!(moved, Err(MoveError::UnknownMarket(_))), "{moved:?}");
    let moved = move_market(&options, "ABC/USD", 7, PATIENCE).await;
    assert!(matches!(moved, Err(MoveError::UnknownShard(7))), "{moved:?}");
    let moved = move_market(&options, "ABC/USD", 0, PATIENCE).await;
    assert!(matches!(moved, Err(MoveError::AtHome(0))), "{moved:?}");
    assert_eq!(bed.number(EPOCH).await, 1, "nobody was disturbed");
    owner.stop().await;
}
