//! One order book: price-time priority, order types, self-trade prevention.
//!
//! The book knows only what rests and what takes: no accounts, no ids but the caller's 64-bit keys, no time, no stops.
//! A caller matches an order with [`Book::take`], puts what is left into the book with [`Book::rest`], and keeps the
//! [`Slot`] to remove, reduce or look at the order later.
//!
//! ```
//! use domain::{Lots, Price, SelfTradePrevention, Side};
//! use matching::{Book, Fill, MatchEnd, Resting, Sink, Taker, TakerAmount};
//!
//! #[derive(Default)]
//! struct Trades(Vec<(u64, u32, u64)>);
//!
//! impl Sink for Trades {
//!     fn fill(&mut self, fill: Fill) {
//!         self.0.push((fill.maker_key, fill.price.ticks(), fill.quantity.lots().0));
//!     }
//! }
//!
//! let price = |ticks| Price::from_ticks(ticks).unwrap();
//! let mut book = Book::new();
//! for (key, ticks) in [(1, 101), (2, 100)] {
//!     let (side, quantity) = (Side::Sell, Lots(5));
//!     book.rest(&Resting { key, owner: key as u32, side, price: price(ticks), quantity, display: None });
//! }
//!
//! let taker = Taker {
//!     key: 3,
//!     owner: 3,
//!     side: Side::Buy,
//!     limit: Some(price(101)),
//!     amount: TakerAmount::Lots(Lots(7)),
//!     prevention: SelfTradePrevention::ExpireTaker,
//! };
//! let mut trades = Trades::default();
//! let result = book.take(&taker, &mut trades);
//!
//! assert_eq!(result.end, MatchEnd::Filled);
//! assert_eq!(trades.0, [(2, 100, 5), (1, 101, 2)]); // the better price first, each at the maker's price
//! assert_eq!(book.shown(Side::Sell, price(101)), Lots(3));
//! ```
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
