//! The behaviour suite that every shape of the exchange must pass, here over a directory and a manual clock.

use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use async_trait::async_trait;
use domain::Stamp;
use embedded::Embedded;
use trading::behaviour::{self, Venue};

use crate::house::House;

struct Room {
    house: House,
    exchange: Embedded,
    last: AtomicU32,
}

#[async_trait]
impl Venue for Room {
    type Exchange = Embedded;

    fn exchange(&self) -> &Embedded {
        &self.exchange
    }

    fn fresh(&self) -> u32 {
        self.last.fetch_add(1, Ordering::Relaxed) + 1
    }

    fn now(&self) -> Stamp {
        Stamp::from_micros(self.house.clock.wall_us())
    }

    async fn pass(&self, time: Duration) {
        self.house.clock.advance(time);
    }
}

/// Cases by their first word, so that they run beside one another and a failure names its part.
async fn part(name: &str) {
    let house = House::new();
    let (exchange, _) = house.open();
    let last = AtomicU32::new(100);
    let room = Room {
        house,
        exchange,
        last,
    };
    let cases = behaviour::CASES.iter().filter(|case| case.starts_with(name));
    let mut count = 0;
    for case in cases {
        assert!(behaviour::run(&room, case).await);
        count += 1;
    }
    assert!(count > 0, "no case starts with {name}");
    room.exchange.stop();
    assert_eq!(room.house.faults(), Vec::<String>::new());
}

macro_rules! parts {
    ($($name:ident),+) => {
        $(#[tokio::test]
        async fn $name() {
            part(stringify!($name)).await;
        })+

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
