//! Gateways whose clocks jump, or differ from others'.

use std::sync::Arc;

use runtime::{Clock, ManualClock};
use trading::EntryError;

use super::house::House;

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
