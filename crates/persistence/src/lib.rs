//! What the exchange keeps in databases: the embedded exchange's history in SQLite, made from the log.
//!
#![cfg_attr(feature = "sqlite", doc = include_str!("../README.md"))]

mod batch;
#[cfg(feature = "postgres")]
pub mod postgres;
mod query;
#[cfg(feature = "redis")]
pub mod redis;
#[cfg(feature = "sqlite")]
mod sqlite;

pub use batch::HistoryBatch;
pub use query::{CandleQuery, EntryQuery, OrderQuery, TradeQuery};
#[cfg(feature = "sqlite")]
pub use sqlite::{HistoryError, HistoryReader, HistoryWriter};
