//! Market data folded from events: depth, trades, ticker and candles.
//!
#![doc = include_str!("../README.md")]
#![deny(clippy::float_arithmetic)]

mod bar;
mod candles;
mod depth;
mod sequence;
mod ticker;
mod trades;

pub use bar::Bar;
pub use candles::{Candle, Candles, Interval};
pub use depth::{Depth, Level};
pub use sequence::{Applied, OutOfSequence};
pub use ticker::{Ticker, TickerSummary};
pub use trades::{PublicTrade, Trades};
