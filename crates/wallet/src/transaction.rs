//! One database transaction: lock the rows, do the requests in memory, write everything back, commit.

use std::collections::BTreeSet;
use std::sync::atomic::{AtomicU64, Ordering};

use domain::{Amount, Stamp};
use futures_util::future::try_join;
use persistence::postgres::wallet::{StoredAccount, Work, Written};
use persistence::postgres::{PgError, Pool};
use runtime::{Clock, Ids};

use crate::aside::Account;
use crate::batch::Batch;
use crate::book::Book;
use crate::key::key;
use crate::request::{Reply, Request};
use crate::touched::Touched;

/// What a transaction needs besides the requests.
#[derive(Debug)]
pub(crate) struct Desk {
    /// The pool for transactions.
    pub pool: Pool,
    pub ids: Ids,
    pub clock: Clock,
    hash_seed: u64,
    /// The age of the last reservation, in microseconds since 1970.
    last_made: AtomicU64,
}

/// Why there are no replies. Nothing was changed, except where the commit's outcome is not known.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Failure {
    /// Another transaction was first; done again, this one sees what it did.
    #[error("another transaction was first")]
    Conflict,
    /// There is no connection.
    #[error("no connection: {0}")]
    NoConnection(String),
    /// Somebody else holds these accounts. Nothing was done.
    #[error("somebody else holds accounts: {0:?}")]
    Blocked(BTreeSet<Account>),
    /// A statement failed, or a row makes no sense.
    #[error("{0}")]
    Failed(String),
    /// Whether it was committed is not known.
    #[error("the outcome is not known: {0}")]
    Unknown(String),
}

impl From<PgError> for Failure {
    fn from(error: PgError) -> Self {
        match error {
            PgError::NoConnection(why) => Self::NoConnection(why),
            error => Self::Failed(error.to_string()),
        }
    }
}

impl Desk {
    pub fn new(pool: Pool, clock: Clock, ids: Ids) -> Self {
        Self {
            pool,
            clock,
            hash_seed: u64::from_le_bytes(ids.random_bytes()),
            ids,
            last_made: AtomicU64::new(0),
        }
    }

    /// Does the requests in their order, all in one transaction. One reply for each.
    pub async fn transact(&self, requests: &[&Request]) -> Result<Vec<Reply>, Failure> {
        let mut work = Work::begin(&self.pool).await?;
        match self.work_through(&mut work, requests).await {
            Ok((replies, true)) => match work.commit().await {
                Ok(()) => Ok(replies),
                Err(error) => Err(Failure::Unknown(error.to_string())),
            },
            // All was answered before.
            Ok((replies, false)) => {
                work.roll_back().await;
                Ok(replies)
            }
            Err(failure) => {
                work.roll_back().await;
                Err(failure)
            }
        }
    }

    /// Those of these accounts that somebody holds at this moment.
    pub async fn blocked(&self, accounts: &BTreeSet<Account>) -> Result<BTreeSet<Account>, Failure> {
        let mut work = Work::begin(&self.pool).await?;
        let held = work.held_accounts(accounts).await;
        work.roll_back().await;
        Ok(held?)
    }

    /// All but the commit; whether there is something to commit.
    async fn work_through(
        &self,
        work: &mut Work,
        requests: &[&Request],
    ) -> Result<(Vec<Reply>, bool), Failure> {
        let touched = Touched::by(requests.iter().copied());
        let mut accounts = work.lock_accounts(&touched.accounts).await?;
        let mut missing = touched.credited.clone();
        for account in &accounts {
            missing.remove(&(account.user_id, account.asset));
        }
        let missing = Vec::from_iter(missing);
        if !work.open_accounts(&missing).await? {
            return Err(Failure::Conflict);
        }
        accounts.extend(missing.into_iter().map(|(user_id, asset)| StoredAccount {
            user_id,
            asset,
            available: Amount::ZERO,
            reserved: Amount::ZERO,
            version: 0,
        }));
        let keys: Vec<String> = requests.iter().map(|request| key(request)).collect();
        let (reservations, known) = try_join(
            work.lock_reservations(&touched.reservations, &touched.payers),
            work.answers(keys.iter().map(String::as_str).collect()),
        )
        .await?;
        let house = if touched.house.is_empty() {
            Vec::new()
        } else {
            work.lock_house(&touched.house).await?
        };

        let book = Book::load(&accounts, reservations, &house, self.hash_seed)?;
        let at = Stamp::from_micros(self.clock.wall_us());
        let mut batch = Batch::new(book, known, at, &self.ids);
        let replies = requests
            .iter()
            .map(|request| batch.answer(request, self.made_at(at)));
        let replies = replies.collect::<Result<Vec<Reply>, PgError>>()?;
        let Some(changes) = batch.changes(&touched) else {
            return Ok((replies, false));
        };
        match work.write(&changes).await? {
            Written::All => Ok((replies, true)),
            Written::Conflict => Err(Failure::Conflict),
        }
    }

    /// A moment of a reservation: no two of this process have the same, so that the older is known by it.
    fn made_at(&self, now: Stamp) -> Stamp {
        let now = now.micros();
        let next = |last: u64| Some(now.max(last.saturating_add(1)));
        let last = self
            .last_made
            .fetch_update(Ordering::Relaxed, Ordering::Relaxed, next);
        let last = last.unwrap_or_else(|last| last);
        Stamp::from_micros(now.max(last.saturating_add(1)))
    }
}
