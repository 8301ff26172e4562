//! Redis: rates that all gateways count together, cached books, and tickets. Nothing here is the truth: without it the
//! exchange goes on.

mod books;
mod client;
mod kept;
mod rates;
mod trust;

pub use books::{BookCache, CachedBook};
pub use client::{Addresses, Redis, RedisError, RedisOptions};
pub use kept::Kept;
pub use rates::{SharedRates, Spent};
pub use trust::Trust;
