//! When nothing is taken in: a full queue, a nearly full disk, a clock that cannot be trusted.

use std::sync::{Arc, Condvar, Mutex};
use std::time::Duration;

use domain::{Order, OrderRef, Side, Size, Terms, TimeInForce, TransferKind};
use embedded::Probe;
use trading::{Amendment, EntryError, NewOrder, Operations, OrderEntry, Queries, QueryError};

use crate::house::{ALICE, BOB, House, MORNING_US, fund, is_unavailable, limit, lots, placed, until, whole};

/// A gate before every command: the writer waits while it is shut.
#[derive(Clone, Default)]
struct Gate(Arc<(Mutex<State>, Condvar)>);

#[derive(Default)]
struct State {
    is_shut: bool,
    /// Whether the writer waits at the shut gate.
    is_held: bool,
}

impl Gate {
    fn probe(&self) -> Probe {
        let gate = self.clone();
        Probe::new(move |_| {
            let (state, opened) = &*gate.0;
            let mut state = state.lock().unwrap();
            state.is_held = state.is_shut;
            drop(opened.wait_while(state, |state| state.is_shut).unwrap());
        })
    }

    fn set(&self, is_shut: bool) {
        self.0.0.lock().unwrap().is_shut = is_shut;
        self.0.1.notify_all();
    }

    fn is_held(&self) -> bool {
        self.0.0.lock().unwrap().is_held
    }
}

#[tokio::test]
async fn above_four_fifths_of_the_queue_only_cancels_and_operators_get_in() {
    let house = House::new();
    let gate = Gate::default();
    let (exchange, _) = house.open_with(|options| {
        options.queue_capacity = 10;
        options.batch_max = 1;
        options.probe = gate.probe();
    });
    let exchange = Arc::new(exchange);
    fund(&exchange, &[ALICE]).await;
    let resting = placed(&exchange, ALICE, limit(Side::Buy, 5, 100)).await;
    gate.set(true);
    // One is with the writer, and eight wait.
    let mut waiting = tokio::task::JoinSet::new();
    for turn in 0..9 {
        let caller = Arc::clone(&exchange);
        waiting.spawn(async move { caller.place(ALICE, limit(Side::Buy, 1, 50 + turn)).await });
        if turn == 0 {
            until("the writer holds the first", || gate.is_held()).await;
        }
        tokio::task::yield_now().await;
    }
    until("eight wait", || exchange.waiting() == 8).await;
    let refused = exchange.place(ALICE, limit(Side::Buy, 1, 60)).await;
    assert!(is_unavailable(&refused, "queue"), "{refused:?}");
    assert!(matches!(
        refused,
        Err(EntryError::Unavailable {
            retry_after_secs: 1..,
            ..
        })
    ));
    let order = OrderRef::Id(resting.order_id);
    let amended = exchange.amend(ALICE, order.clone(), Amendment::default()).await;
    assert!(is_unavailable(&amended, "queue"), "{amended:?}");
    assert_eq!(
        exchange.order(ALICE, order.clone()).await,
        Err(QueryError::Unavailable)
    );
    assert!(!exchange.health().await.ready);
    let caller = Arc::clone(&exchange);
    let cancel = tokio::spawn(async move { caller.cancel(ALICE, order).await });
    let caller = Arc::clone(&exchange);
    let all = tokio::spawn(async move { caller.cancel_all(ALICE, None, None).await });
    until("both cancels wait too", || exchange.waiting() == 10).await;
    let over = exchange.cancel_all(ALICE, None, None).await;
    assert!(
        is_unavailable(&over, "queue"),
        "there is a bound for cancels too: {over:?}"
    );
    gate.set(false);
    while let Some(answer) = waiting.join_next().await {
        assert!(answer.unwrap().is_ok(), "what was taken is answered");
    }
    let cancelled: Result<Order, EntryError> = cancel.await.unwrap();
    assert_eq!(cancelled.unwrap().order_id, resting.order_id);
    assert_eq!(all.await.unwrap(), Ok(9));
    assert!(exchange.health().await.ready);
}

#[tokio::test]
async fn a_nearly_full_disk_refuses_placements_and_amendments_from_the_first_moment() {
    let house = House::new();
    let (exchange, _) = house.open();
    fund(&exchange, &[ALICE]).await;
    let resting = placed(&exchange, ALICE, limit(Side::Buy, 5, 100)).await;
    drop(exchange);
    let (exchange, _) = house.open_with(|options| options.min_free_bytes = u64::MAX);
    let refused = exchange.place(ALICE, limit(Side::Buy, 1, 60)).await;
    assert!(is_unavailable(&refused, "disk"), "{refused:?}");
    let order = OrderRef::Id(resting.order_id);
    let amended = exchange.amend(ALICE, order.clone(), Amendment::default()).await;
    assert!(is_unavailable(&amended, "disk"), "{amended:?}");
    let health = exchange.health().await;
    assert!(!health.ready);
    assert!(
        health
            .dependencies
            .iter()
            .any(|(name, wrong)| *name == "disk" && wrong.is_some()),
        "{health:?}"
    );
    exchange.cancel(ALICE, order).await.unwrap();
    assert_eq!(exchange.cancel_all(ALICE, None, None).await, Ok(0));
    let key = "out".parse().unwrap();
    let usdt = "USDT".parse().unwrap();
    exchange
        .transfer(TransferKind::Withdrawal, key, ALICE.user_id, usdt, whole(1))
        .await
        .unwrap();
}

#[tokio::test]
async fn a_clock_that_jumps_ahead_stops_intake_until_it_is_right_again() {
    let house = House::new();
    let (exchange, _) = house.open();
    fund(&exchange, &[ALICE]).await;
    house.clock.advance(Duration::from_secs(24 * 3_600));
    let until_later = NewOrder {
        time_in_force: TimeInForce::Gtd(domain::Stamp::from_micros(house.clock.wall_us() + 60_000_000)),
        ..limit(Side::Buy, 5, 100)
    };
    let order = placed(&exchange, ALICE, until_later).await;
    let right = house.clock.wall_us();
    house.clock.set_wall_us(right + 61_000_000);
    let refused = exchange.place(ALICE, limit(Side::Buy, 1, 60)).await;
    assert!(is_unavailable(&refused, "clock"), "{refused:?}");
    let refused = exchange.cancel(ALICE, OrderRef::Id(order.order_id)).await;
    assert!(is_unavailable(&refused, "clock"), "{refused:?}");
    assert!(!exchange.health().await.ready);
    let still = exchange.order(ALICE, OrderRef::Id(order.order_id)).await.unwrap();
    assert_eq!(still, order, "reads go on, and nothing expires by a wrong clock");
    house.clock.set_wall_us(right);
    // Nobody says so: the exchange sees it by itself.
    until("the clock is trusted again", || exchange.is_clock_trusted()).await;
    placed(&exchange, ALICE, limit(Side::Buy, 1, 60)).await;
    house.clock.set_wall_us(right + 59_000_000);
    placed(&exchange, ALICE, limit(Side::Buy, 1, 60)).await;
    assert_eq!(house.faults(), Vec::<String>::new());
}

#[tokio::test]
async fn a_clock_that_goes_back_turns_no_stamp_back_and_makes_no_order_late() {
    let house = House::new();
    let (mut exchange, _) = house.open();
    fund(&exchange, &[ALICE, BOB]).await;
    house.clock.advance(Duration::from_secs(7_200));
    let first = placed(&exchange, ALICE, limit(Side::Buy, 5, 100)).await;
    house.clock.set_wall_us(MORNING_US);
    for _ in 0..2 {
        let second = placed(&exchange, ALICE, limit(Side::Buy, 5, 99)).await;
        assert_eq!(
            second.created_at, first.created_at,
            "time stands still until the clock comes by"
        );
        assert!(second.order_id > first.order_id);
        let ioc = NewOrder {
            time_in_force: TimeInForce::Ioc,
            terms: Terms::Market {
                size: Size::Quantity(lots(1)),
            },
            ..limit(Side::Sell, 1, 100)
        };
        let sold = placed(&exchange, BOB, ioc).await;
        assert_eq!(
            sold.filled().0,
            1,
            "an order is not late because the clock went back: {sold:?}"
        );
        drop(exchange);
        exchange = house.open().0;
    }
    house.clock.set_wall_us(MORNING_US + 7_201_000_000);
    drop(exchange);
    let (exchange, _) = house.open();
    let third = placed(&exchange, ALICE, limit(Side::Buy, 5, 98)).await;
    assert_eq!(
        third.created_at.micros(),
        MORNING_US + 7_201_000_000,
        "and then it goes on"
    );
}

#[tokio::test]
async fn a_stopped_exchange_takes_nothing() {
    let house = House::new();
    let (exchange, _) = house.open();
    exchange.stop();
    let refused = exchange.place(ALICE, limit(Side::Buy, 1, 60)).await;
    assert!(is_unavailable(&refused, "stopped"), "{refused:?}");
    assert_eq!(exchange.balances(ALICE).await, Err(QueryError::Unavailable));
    assert!(!exchange.health().await.ready);
}

#[tokio::test]
async fn readiness_fails_before_anything_stops() {
    let house = House::new();
    let (exchange, _) = house.open();
    fund(&exchange, &[ALICE]).await;
    assert!(exchange.health().await.ready);
    exchange.announce_stop();
    let health = exchange.health().await;
    assert!(!health.ready, "nobody new should come");
    assert!(
        health
            .dependencies
            .contains(&("process", Some("is stopping".to_owned())))
    );
    placed(&exchange, ALICE, limit(Side::Buy, 1, 50)).await;
}
