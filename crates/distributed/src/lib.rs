//! The exchange over PostgreSQL, RabbitMQ, Redis and the wallet: intake, shard runner, relay, settlement, sweeper.

mod exchange;
mod follow;
mod intake;
mod log;
mod news;

pub use exchange::{Distributed, Options};
pub use intake::{MarketTable, Notices, OutcomeNews, Outcomes};
pub use log::{Batch, Entry, Funding, PlaceOrder, Quarantined, ShardCommand, Told, ToldRefusal};
pub use news::News;
