//! What a caller may ask of the exchange: the traits, and the behaviour suite that every shape must pass.
//!
#![doc = include_str!("../README.md")]

mod accounts;
mod ask;
#[cfg(feature = "behaviour")]
pub mod behaviour;
mod error;
mod feed;
mod figures;
mod history;
mod view;

pub use accounts::Accounts;
pub use ask::{Amendment, Caller, NewOrder, Operations, OrderEntry, Placed, Queries};
pub use error::{EntryError, QueryError};
pub use feed::{Audience, BalanceChange, Feeds, Update, UserSnapshot};
pub use figures::MarketFigures;
pub use history::{CandleFilter, EntryFilter, HistoryLag, OrderFilter, TradeFilter};
pub use view::{AccountBalance, DepthView, Health, LevelView, MarketView, Markets};
