//! The exchange over PostgreSQL, RabbitMQ, Redis and the wallet: intake, shard runner, relay, settlement, sweeper.

mod log;
mod news;

pub use log::{Batch, Entry, Funding, PlaceOrder, Quarantined, ShardCommand, Told, ToldRefusal};
pub use news::News;
