//! What was answered is there after every end: a clean stop, a drop, a death at any moment.

use std::fs;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use domain::{Order, OrderRef, Side};
use embedded::Embedded;
use exchange::Exchange;
use trading::{Caller, OrderEntry, OrderFilter, Queries};

use crate::house::{ALICE, BOB, House, fund, limit, placed, replayed, user};

/// All that a user can ask about.
async fn seen(exchange: &Embedded, caller: Caller) -> (Vec<Order>, Vec<trading::AccountBalance>) {
    let filter = OrderFilter {
        limit: 1_000,
        ..OrderFilter::default()
    };
    (
        exchange.orders(caller, filter).await.unwrap(),
        exchange.balances(caller).await.unwrap(),
    )
}

/// A few orders that rest, trade, end and are refused.
async fn trade_a_little(exchange: &Embedded) {
    fund(exchange, &[ALICE, BOB]).await;
    for at in 90..110 {
        placed(exchange, ALICE, limit(Side::Buy, 5, at)).await;
    }
    let ask = placed(exchange, BOB, limit(Side::Sell, 33, 100)).await;
    assert_eq!(ask.filled().0, 33);
    let rest = placed(exchange, BOB, limit(Side::Sell, 7, 120)).await;
    exchange.cancel(BOB, OrderRef::Id(rest.order_id)).await.unwrap();
    exchange
        .place(BOB, limit(Side::Sell, 10_001, 120))
        .await
        .unwrap_err();
}

#[tokio::test]
async fn everything_answered_is_there_after_a_stop_without_a_snapshot() {
    let house = House::new();
    let (exchange, opened) = house.open();
    assert_eq!((opened.snapshot, opened.replayed), (None, 0));
    trade_a_little(&exchange).await;
    let before = (seen(&exchange, ALICE).await, seen(&exchange, BOB).await);
    let audit = exchange.audit().await.unwrap();
    assert_eq!(audit.faults, []);
    drop(exchange);
    for _ in 0..2 {
        let (exchange, opened) = house.open();
        assert_eq!(
            (opened.snapshot, opened.replayed),
            (None, audit.seq),
            "the market is as it was defined"
        );
        assert_eq!((seen(&exchange, ALICE).await, seen(&exchange, BOB).await), before);
        assert_eq!(
            exchange.audit().await.unwrap(),
            audit,
            "same sequence, same digest"
        );
    }
    assert_eq!(house.faults(), Vec::<String>::new());
}

#[tokio::test]
async fn a_clean_stop_leaves_a_snapshot_and_nothing_to_replay() {
    let house = House::new();
    let (exchange, _) = house.open();
    trade_a_little(&exchange).await;
    let before = (seen(&exchange, ALICE).await, seen(&exchange, BOB).await);
    let audit = exchange.audit().await.unwrap();
    exchange.stop();
    exchange.stop();
    drop(exchange);
    let (exchange, opened) = house.open();
    assert_eq!((opened.snapshot, opened.replayed), (Some(audit.seq), 0));
    assert_eq!((seen(&exchange, ALICE).await, seen(&exchange, BOB).await), before);
    assert_eq!(exchange.audit().await.unwrap(), audit);
    drop(exchange);
    let again = replayed(house.path());
    assert_eq!((again.seq(), again.event_digest()), (audit.seq, audit.digest));
}

#[tokio::test]
async fn every_command_of_every_full_batch_is_answered() {
    let house = House::new();
    let (exchange, _) = house.open_with(|options| options.batch_max = 2);
    fund(&exchange, &[ALICE]).await;
    let exchange = Arc::new(exchange);
    let mut tasks = tokio::task::JoinSet::new();
    for at in 0..200 {
        let exchange = Arc::clone(&exchange);
        tasks.spawn(async move { exchange.place(ALICE, limit(Side::Buy, 1, 1 + at)).await });
    }
    while let Some(answer) = tasks.join_next().await {
        let answer = answer.unwrap();
        assert!(answer.is_ok(), "{answer:?}");
    }
    assert_eq!(seen(&exchange, ALICE).await.0.len(), 200);
}

/// Copies the log as it is at this moment, as a crash would leave it.
fn copy_log(from: &Path, to: &Path) {
    fs::create_dir_all(to.join("journal")).unwrap();
    let mut names: Vec<_> = fs::read_dir(from.join("journal"))
        .unwrap()
        .map(|e| e.unwrap().file_name())
        .collect();
    // Oldest first: a later segment is begun only when the one before it is whole.
    names.sort();
    for name in names {
        if name.to_string_lossy().ends_with(".log") {
            fs::copy(from.join("journal").join(&name), to.join("journal").join(&name)).unwrap();
        }
    }
}

/// Places and cancels orders until told to stop; keeps what was answered.
async fn load(exchange: Arc<Embedded>, caller: Caller, stop: Arc<AtomicBool>, answered: Answered) {
    let mut turn = 0;
    while !stop.load(Ordering::Acquire) {
        turn += 1;
        let order = placed(
            &exchange,
            caller,
            limit(Side::Buy, 1 + turn % 7, 50 + turn as u32 % 40),
        )
        .await;
        answered.lock().unwrap().push(order.clone());
        if turn.is_multiple_of(3) {
            let order = exchange
                .cancel(caller, OrderRef::Id(order.order_id))
                .await
                .unwrap();
            answered.lock().unwrap().push(order);
        }
    }
}

type Answered = Arc<std::sync::Mutex<Vec<Order>>>;

#[tokio::test]
async fn nothing_answered_is_lost_when_the_process_dies_at_any_moment() {
    let house = House::new();
    let (exchange, _) = house.open_with(|options| options.journal.segment_bytes = 8_192);
    let users: Vec<Caller> = (1..=4).map(user).collect();
    fund(&exchange, &users).await;
    let exchange = Arc::new(exchange);
    let (stop, answered) = (Arc::new(AtomicBool::new(false)), Answered::default());
    let mut tasks = tokio::task::JoinSet::new();
    for caller in users {
        tasks.spawn(load(
            Arc::clone(&exchange),
            caller,
            Arc::clone(&stop),
            Arc::clone(&answered),
        ));
    }
    for round in 1..=5 {
        let enough = round * 60;
        crate::house::until("more is answered", || answered.lock().unwrap().len() >= enough).await;
        let promised = answered.lock().unwrap().clone();
        let copy = House::new();
        copy_log(house.path(), copy.path());
        let (opened, _) = copy.open_with(|options| options.journal.segment_bytes = 8_192);
        for order in &promised {
            let caller = Caller {
                user_id: order.user_id,
                institution_id: None,
            };
            let found = opened.order(caller, OrderRef::Id(order.order_id)).await.unwrap();
            let later = found == *order || found.updated_at > order.updated_at || found.state.is_final();
            assert!(later, "answered {order:?}, found {found:?}");
        }
        assert_eq!(opened.audit().await.unwrap().faults, []);
    }
    stop.store(true, Ordering::Release);
    while let Some(done) = tasks.join_next().await {
        done.unwrap();
    }
    let audit = exchange.audit().await.unwrap();
    assert_eq!(audit.faults, []);
    drop(exchange);
    let again: Exchange = replayed(house.path());
    assert_eq!((again.seq(), again.event_digest()), (audit.seq, audit.digest));
}
