//! One order book: price-time priority, order types, self-trade prevention.
#![doc = include_str!("../README.md")]
#![deny(clippy::float_arithmetic)]

mod arena;
mod bitmap;
mod book;
mod check;
mod depth;
mod level;
mod order;
mod take;
mod window;

pub use arena::Slot;
pub use book::Book;
pub use depth::LevelView;
pub use order::{
    Fill, MatchEnd, MatchResult, Reduced, Removed, Resting, RestingView, Sink, Taker, TakerAmount,
};
