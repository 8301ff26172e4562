//! The behaviour suite that every shape of the exchange must pass, here over gateways, shards' owners and the wallet on
//! one database: asked where it was told, asked at another gateway, and with a broker that carries little or nothing.
#![allow(clippy::unwrap_used, reason = "tests may panic")]

mod healths;
mod house;
mod pair;

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use async_trait::async_trait;
use domain::Stamp;
use trading::behaviour::{self, Venue};

use house::{Broker, House};
use pair::Pair;

struct Room {
    house: House,
    exchange: Pair,
    last: AtomicU32,
}

#[async_trait]
impl Venue for Room {
    type Exchange = Pair;

    fn exchange(&self) -> &Pair {
        &self.exchange
    }

    fn fresh(&self) -> u32 {
        self.last.fetch_add(1, Ordering::Relaxed) + 1
    }

    fn now(&self) -> Stamp {
        Stamp::from_micros(self.house.clock.wall_us())
    }

    async fn pass(&self, time: Duration) {
        self.house.pass(time).await;
    }
}

impl Room {
    /// The first gateway is told; the other is asked, or the same.
    fn of(house: House, ask_another: bool) -> Self {
        let exchange = Pair {
            told: Arc::clone(&house.gateways[0]),
            asked: Arc::clone(&house.gateways[usize::from(ask_another)]),
        };
        Self {
            house,
            exchange,
            last: AtomicU32::new(100),
        }
    }
}

/// The cases of a part, told to the first gateway and asked of the other, or of the same.
async fn part(name: &str, broker: Broker, ask_another: bool) {
    let room = Room::of(House::open(broker).await, ask_another);
    let mut count = 0;
    for case in behaviour::CASES.iter().filter(|case| case.starts_with(name)) {
        assert!(behaviour::run(&room, case).await);
        count += 1;
    }
    assert!(count > 0, "no case starts with {name}");
    room.house.close().await;
}

macro_rules! parts {
    ($($name:ident),+) => {
        $(#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
        async fn $name() {
            part(stringify!($name), Broker::Works, false).await;
        })+

        mod asked_at_another_gateway {
            $(#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn $name() {
                super::part(stringify!($name), super::Broker::Loses, true).await;
            })+
        }

        #[test]
        fn every_case_is_in_a_part() {
            let parts = [$(stringify!($name)),+];
            for case in behaviour::CASES {
                assert!(parts.iter().any(|part| case.starts_with(part)), "{case}");
            }
        }
    };
}

parts!(
    order_types,
    stops,
    time,
    refusals,
    client_ids,
    entering,
    amending,
    cancelling,
    queries,
    feeds,
    following,
    past,
    switches,
    accounts,
    operating
);

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn without_a_broker_everything_is_as_it_is_with_one() {
    for name in ["order_types::a_limit", "queries::what_was", "following::a_users"] {
        part(name, Broker::IsAway, true).await;
    }
}
