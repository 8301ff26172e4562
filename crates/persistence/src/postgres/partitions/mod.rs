//! The months of orders and the days of trades: made ahead, listed, taken out when they are old.

mod keep;
mod list;
mod make;
mod refuse;
mod rotate;

pub use keep::keep;
pub use list::{Parent, Partition, PartitionState, list};
pub use make::{Ahead, ahead, make};
pub use rotate::{NotRotated, Refusal, Rotation, rotate};

use chrono::{DateTime, Utc};
use runtime::Clock;

/// Now, as SQL takes it.
fn now(clock: &Clock) -> DateTime<Utc> {
    let micros = i64::try_from(clock.wall_us()).unwrap_or(i64::MAX);
    DateTime::from_timestamp_micros(micros).unwrap_or_default()
}
