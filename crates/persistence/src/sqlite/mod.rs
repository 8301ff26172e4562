//! History in SQLite: one thread writes it, others read it beside.

mod candles;
mod columns;
mod connection;
mod entries;
mod error;
mod insert;
mod orders;
mod pages;
mod reader;
mod schema;
mod trades;
mod value;
mod writer;

pub use error::HistoryError;
pub use reader::HistoryReader;
pub use writer::HistoryWriter;
