//! The exchange over PostgreSQL, RabbitMQ, Redis and the wallet: intake, shard runner, relay, settlement, sweeper.
//!
#![doc = include_str!("../README.md")]

pub mod audit;
mod carrier;
mod encoding;
mod exchange;
mod feeds;
mod figures;
pub mod fold;
mod follow;
mod health;
mod intake;
mod kept;
mod loaded;
mod log;
mod news;
mod operations;
mod queries;
mod register;
pub mod replay;
pub mod shard;
mod sweeper;

pub use carrier::Carrier;
pub use encoding::Undecodable;
pub use exchange::{Distributed, OpenError, Options};
pub use figures::{measure_broker, measure_clock, measure_redis};
pub use intake::{MarketTable, Notices, OutcomeNews, Outcomes};
pub use kept::KeepUndecodable;
pub use log::{Batch, Entry, Funding, PlaceOrder, Quarantined, ShardCommand, Told, ToldRefusal};
pub use news::News;
