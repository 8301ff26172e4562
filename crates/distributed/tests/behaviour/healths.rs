//! What a gateway says of itself when something that it needs is not as it should be.

use std::time::Duration;

use trading::{Health, Queries as _};

use crate::house::{Broker, House, PATIENCE};

/// Waits until the first gateway's health is as it should be.
async fn until(house: &House, what: &str, holds: impl Fn(&Health) -> bool) {
    let waiting = async {
        while !holds(&house.gateways[0].health().await) {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    let waited = tokio::time::timeout(PATIENCE, waiting).await;
    assert!(waited.is_ok(), "{what}");
}

/// What is wrong with one of the things that are needed.
fn trouble<'a>(health: &'a Health, name: &str) -> Option<&'a str> {
    let found = health.dependencies.iter().find(|(known, _)| *known == name);
    found.unwrap().1.as_deref()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_gateway_whose_clock_has_jumped_ahead_is_not_ready_and_says_so() {
    let house = House::open(Broker::Works).await;
    until(&house, "it is ready", |health| health.ready).await;
    let right = house.clock.wall_us();
    house.clock.set_wall_us(right + 3_600_000_000);
    until(&house, "it says that its clock has jumped", |health| {
        !health.ready && trouble(health, "clock").is_some_and(|why| why.contains("jumped 3600 s"))
    })
    .await;
    house.clock.set_wall_us(right);
    until(&house, "it is ready again", |health| health.ready).await;
    house.close().await;
}
