//! What a caller may ask of the exchange: the traits, and the behaviour suite that every shape must pass.
//!
#![doc = include_str!("../README.md")]

mod ask;
#[cfg(feature = "behaviour")]
pub mod behaviour;
mod error;
mod view;

pub use ask::{Amendment, Caller, Feeds, NewOrder, Operations, OrderEntry, OrderFilter, Placed, Queries};
pub use error::{EntryError, QueryError};
pub use view::{AccountBalance, DepthView, Health, LevelView, MarketView, Markets};
