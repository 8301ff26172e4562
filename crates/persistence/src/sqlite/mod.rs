//! History in SQLite: one thread writes it, others read it beside.

mod candles;
mod codes;
mod columns;
mod connection;
mod entries;
mod error;
mod insert;
mod keys;
mod lines;
mod orders;
mod pages;
mod reader;
mod rows;
mod schema;
mod trades;
mod users;
mod value;
mod writer;

pub use error::HistoryError;
pub use reader::HistoryReader;
pub use writer::HistoryWriter;
