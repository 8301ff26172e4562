//! Order entry: each request is checked, stored, funded and handed to its market's shard.

mod outcomes;

pub use outcomes::{MarketTable, Notices, OutcomeNews, Outcomes};
