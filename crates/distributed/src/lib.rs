//! The exchange over PostgreSQL, RabbitMQ, Redis and the wallet: intake, shard runner, relay, settlement, sweeper.

mod encoding;
mod exchange;
pub mod fold;
mod follow;
mod intake;
mod log;
mod news;

pub use encoding::Undecodable;
pub use exchange::{Distributed, OpenError, Options};
pub use intake::{MarketTable, Notices, OutcomeNews, Outcomes};
pub use log::{Batch, Entry, Funding, PlaceOrder, Quarantined, ShardCommand, Told, ToldRefusal};
pub use news::News;
