//! The exchange of one gateway: what it is made of, opening it and stopping it. The traits of `trading` are implemented
//! for it next to their parts: order entry, operations and accounts in `intake`, queries and feeds in `queries` and `feeds`.

use std::sync::Arc;
use std::time::Duration;

use persistence::postgres::Pool;
use runtime::{Clock, Ids};
use tokio::sync::mpsc;
use wallet_client::Wallet;

use crate::News;
use crate::follow::Views;

/// How a gateway's exchange is set up.
#[derive(Clone)]
pub struct Options {
    /// The database.
    pub pool: Pool,
    /// The wallet.
    pub wallet: Arc<dyn Wallet>,
    /// Where time comes from.
    pub clock: Clock,
    /// Where ids come from.
    pub ids: Ids,
    /// How long a caller waits for an answer.
    pub answer_timeout: Duration,
    /// How many updates a slow receiver may lie behind.
    pub updates_kept: usize,
}

/// Why an exchange cannot be opened.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("the exchange cannot be opened: {0}")]
pub struct OpenError(pub(crate) String);

/// The distributed exchange as one gateway has it.
pub struct Distributed {
    pub(crate) views: Views,
    pub(crate) options: Options,
}

impl Distributed {
    /// Opens it: it reads what the database has and follows it from there on. `news` is what the broker carries.
    ///
    /// # Errors
    /// The database does not answer, or what it has makes no sense.
    pub async fn open(options: Options, news: mpsc::Receiver<News>) -> Result<Self, OpenError> {
        Ok(Self {
            views: Views::open(&options, news).await?,
            options,
        })
    }
}
