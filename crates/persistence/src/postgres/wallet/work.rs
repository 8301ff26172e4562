//! One transaction of the wallet on a connection of its own.

use diesel_async::pooled_connection::deadpool::Object;
use diesel_async::{AnsiTransactionManager, AsyncPgConnection, TransactionManager};

use super::super::{PgError, Pool};

/// Begins it. Every wait has a limit, on the server's side too: a wallet that hangs must not hold accounts. Rows are
/// found by their keys alone, so that a plan that was made while a table was small stays right.
const BEGIN: &str = "BEGIN; SET LOCAL lock_timeout = '2s'; SET LOCAL statement_timeout = '8s'; \
    SET LOCAL idle_in_transaction_session_timeout = '10s'; SET LOCAL enable_seqscan = off; \
    SET LOCAL enable_hashjoin = off; SET LOCAL enable_mergejoin = off; \
    SET LOCAL plan_cache_mode = force_generic_plan";

/// Whether all could be written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[must_use]
pub enum Written {
    /// It is written, and waits for the commit.
    All,
    /// A transaction beside this one was first. Nothing of this one must be committed; done again, it sees the other.
    Conflict,
}

/// An open transaction. Dropped before its commit it is rolled back: its connection is closed.
pub struct Work {
    connection: Option<Object<AsyncPgConnection>>,
}

impl Work {
    /// Begins a transaction.
    ///
    /// # Errors
    /// No connection could be had, or it has just broken. Nothing was done.
    pub async fn begin(pool: &Pool) -> Result<Self, PgError> {
        let mut work = Self {
            connection: Some(pool.get().await?),
        };
        let begun = AnsiTransactionManager::begin_transaction_sql(work.connection()?, BEGIN).await;
        begun.map_err(|error| PgError::NoConnection(error.to_string()))?;
        Ok(work)
    }

    /// Commits.
    ///
    /// # Errors
    /// Whatever the error: whether it was committed is not known.
    pub async fn commit(mut self) -> Result<(), PgError> {
        let connection = self.connection()?;
        let done = AnsiTransactionManager::commit_transaction(connection).await;
        done.map_err(PgError::Unknown)?;
        // Back to the pool.
        drop(self.connection.take());
        Ok(())
    }

    /// Gives the transaction up.
    pub async fn roll_back(mut self) {
        let Ok(connection) = self.connection() else {
            return;
        };
        if AnsiTransactionManager::rollback_transaction(connection)
            .await
            .is_ok()
        {
            drop(self.connection.take());
        }
    }

    /// The connection for statements that are sent together, without waiting for one another's answers.
    pub(super) fn shared(&self) -> Result<&AsyncPgConnection, PgError> {
        match &self.connection {
            Some(connection) => Ok(&**connection),
            None => Err(PgError::NoConnection("the transaction has ended".to_owned())),
        }
    }

    /// The connection; it is there until the end.
    pub(super) fn connection(&mut self) -> Result<&mut AsyncPgConnection, PgError> {
        match &mut self.connection {
            Some(connection) => Ok(&mut **connection),
            None => Err(PgError::NoConnection("the transaction has ended".to_owned())),
        }
    }
}

impl Drop for Work {
    fn drop(&mut self) {
        if let Some(connection) = self.connection.take() {
            // Out of the pool: it would keep the transaction open, with its locks.
            drop(Object::take(connection));
        }
    }
}

impl std::fmt::Debug for Work {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Work").finish_non_exhaustive()
    }
}
