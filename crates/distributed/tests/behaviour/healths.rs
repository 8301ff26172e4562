//! What a gateway says of itself when something that it needs is not as it should be.

use std::time::Duration;

use persistence::redis::{Addresses, Redis, RedisOptions};
use testbed::Options;
use trading::{Health, Queries as _, behaviour};

use crate::Room;
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

/// Redis as a gateway uses it.
fn redis(server: &testbed::Redis) -> Redis {
    let options = RedisOptions {
        addresses: Addresses::One(server.url().into()),
        pool_size: 2,
        patience: Duration::from_millis(100),
        max_retries: 0,
        root_certificates: None,
        prefix: "test:".to_owned(),
    };
    Redis::new(&options).unwrap()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_gateway_without_redis_names_it_is_ready_and_takes_orders() {
    let mut server = testbed::Redis::start(Options::new()).await.unwrap();
    let house = House::with_redis(Broker::Works, Some(redis(&server))).await;
    let room = Room::of(house, false);
    until(&room.house, "all is well", |health| {
        health.ready && health.dependencies.iter().all(|(_, trouble)| trouble.is_none())
    })
    .await;
    for gone in ["stopped", "frozen"] {
        match gone {
            "stopped" => server.stop().await.unwrap(),
            _ => server.pause().unwrap(),
        }
        until(&room.house, "Redis is named", |health| {
            trouble(health, "redis").is_some()
        })
        .await;
        let health = room.house.gateways[0].health().await;
        assert!(health.ready, "{gone}: {health:?}");
        let others = health.dependencies.iter().filter(|(name, _)| *name != "redis");
        assert!(
            others.clone().all(|(_, trouble)| trouble.is_none()),
            "{gone}: {health:?}"
        );
        assert!(behaviour::run(&room, "order_types::a_limit_order_rests_and_reserves").await);
        match gone {
            "stopped" => server.start_again().await.unwrap(),
            _ => server.resume().unwrap(),
        }
        until(&room.house, "Redis is back", |health| {
            trouble(health, "redis").is_none()
        })
        .await;
    }
    room.house.close().await;
}
