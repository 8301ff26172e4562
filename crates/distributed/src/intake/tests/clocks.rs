//! Gateways whose clocks jump, or differ from others'.

use std::sync::Arc;
use std::time::Duration;

use domain::{CancelReason, Side, Status};
use runtime::{Clock, ManualClock};
use trading::{EntryError, Placed};

use super::house::{House, limit};
use crate::intake::{Mass, Weight};

const HOUR_US: u64 = 3_600_000_000;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_clock_that_has_jumped_to_the_databases_time_is_trusted_again_and_no_other() {
    let house = House::open().await;
    let manual = ManualClock::at(Clock::System.wall_us() - HOUR_US);
    let gateway = house.by_clock(Clock::from(manual.clone())).await;
    gateway.moments.next().unwrap();
    manual.set_wall_us(Clock::System.wall_us() + HOUR_US);
    Arc::clone(&gateway).mind_clock().await;
    assert!(matches!(
        gateway.moments.next(),
        Err(EntryError::Unavailable { .. })
    ));
    assert!(gateway.moments.ahead().is_some());
    house
        .until("the right time is accepted", async |_| {
            manual.set_wall_us(Clock::System.wall_us());
            Arc::clone(&gateway).mind_clock().await;
            gateway.moments.ahead().is_none()
        })
        .await;
    gateway.moments.next().unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_order_that_is_placed_after_a_mass_cancel_lives_even_if_its_gateways_clock_is_behind() {
    let house = House::open().await;
    let alice = house.user(1, 1_000, 0).await;
    let manual = ManualClock::at(Clock::System.wall_us());
    let canceller = house.by_clock(Clock::from(manual.clone())).await;
    let behind = ManualClock::at(manual.wall_us() - 900_000);
    let placer = house.by_clock(Clock::from(behind)).await;
    let mass = Mass::of_user(alice.user_id, CancelReason::MassCancel);
    assert_eq!(canceller.cancel_many(mass).await, Ok(0));
    let placed = placer.place(alice, limit(Side::Buy, 1, 100)).await;
    let Ok(Placed::New(order)) = placed else {
        panic!("{placed:?}")
    };
    assert_eq!(order.state.status(), Status::Open);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn whoever_is_told_that_an_order_is_pending_has_waited_so_that_a_mass_cancel_catches_it() {
    let house = House::waiting(Duration::from_millis(600)).await;
    let alice = house.user(1, 1_000, 0).await;
    // Its shard is not known any more: it cannot be handed over, and that shows at once.
    let markets = std::mem::take(&mut house.table.markets.lock().unwrap().1);
    let pressed = house.intake.fresh(alice, limit(Side::Buy, 1, 100)).unwrap();
    let placed = house
        .intake
        .whole(Weight::Ordinary, |intake, until| async move {
            intake.walk(pressed, until).await
        })
        .await;
    let Ok(Placed::Pending(order)) = placed else {
        panic!("{placed:?}")
    };
    house.table.markets.lock().unwrap().1 = markets;
    let mass = Mass::of_user(alice.user_id, CancelReason::MassCancel);
    assert_eq!(house.intake.cancel_many(mass).await, Ok(0));
    house.age().await;
    Arc::clone(&house.intake).sweep_pending().await;
    house
        .until("it ends as soon as it comes", async |house| {
            house.row(alice, order.order_id).await.state.reason_code() == Some("mass_cancel")
        })
        .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_gateway_whose_clock_is_ahead_fires_nobodys_switch() {
    let house = House::open().await;
    let alice = house.user(1, 1_000, 0).await;
    house.intake.arm(alice, 600_000_000).await.unwrap();
    let ahead = ManualClock::at(Clock::System.wall_us() + HOUR_US);
    let gateway = house.by_clock(Clock::from(ahead)).await;
    gateway.fire_timers().await;
    assert_eq!(house.count("SELECT count(*) FROM dead_man").await, 1);
    // Once it has run out by the database's time too, it fires.
    let over = "UPDATE dead_man SET fires_at = clock_timestamp() - interval '1 second'";
    house.sql.batch_execute(over).await.unwrap();
    Arc::clone(&house.intake).fire_timers().await;
    assert_eq!(house.count("SELECT count(*) FROM dead_man").await, 0);
}
