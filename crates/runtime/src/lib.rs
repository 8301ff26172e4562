//! Settings, telemetry, shutdown, and the only source of time and ids.
#![doc = include_str!("../README.md")]

mod clock;
mod ids;
mod jump;
pub mod settings;
mod shutdown;
pub mod telemetry;
pub mod trace;

pub use clock::{Clock, ManualClock};
pub use ids::Ids;
pub use jump::{ClockHealth, JumpGuard};
pub use settings::Settings;
pub use shutdown::Shutdown;
