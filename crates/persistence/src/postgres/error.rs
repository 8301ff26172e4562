//! What can go wrong with PostgreSQL, sorted by what the caller can do about it.

use diesel::result::{DatabaseErrorKind, Error};

/// Why a statement, or a whole transaction, did not do what it should.
#[derive(Debug, thiserror::Error)]
pub enum PgError {
    /// No connection could be had. Nothing was sent.
    #[error("no connection to PostgreSQL: {0}")]
    NoConnection(String),
    /// The server refused the statement; its transaction has changed nothing.
    #[error("PostgreSQL refused: {0}")]
    Refused(#[source] Error),
    /// The connection broke, or the answer did not come: whether a commit took place is not known.
    #[error("the outcome is not known: {0}")]
    Unknown(#[source] Error),
    /// What was read makes no sense.
    #[error("a row of {table} makes no sense: {why}")]
    BadRow {
        /// The table.
        table: &'static str,
        /// Why.
        why: String,
    },
}

impl From<Error> for PgError {
    fn from(error: Error) -> Self {
        match &error {
            Error::DatabaseError(
                DatabaseErrorKind::ClosedConnection | DatabaseErrorKind::UnableToSendCommand,
                _,
            )
            | Error::BrokenTransactionManager
            | Error::RollbackErrorOnCommit { .. } => Self::Unknown(error),
            // The server ends the session (an operator, a shutdown, a crash beside it): perhaps after the commit.
            Error::DatabaseError(_, information)
                if information.message().starts_with("terminating connection") =>
            {
                Self::Unknown(error)
            }
            _ => Self::Refused(error),
        }
    }
}

impl PgError {
    /// Whether the server refused a statement only because one before it in the same transaction had failed.
    pub(crate) fn follows_another(&self) -> bool {
        match self {
            Self::Refused(Error::DatabaseError(_, information)) => information
                .message()
                .starts_with("current transaction is aborted"),
            _ => false,
        }
    }

    /// Whether what was to be written broke a rule of the tables, so that writing it again will break it again. A missing
    /// partition is none of its contents' fault.
    pub fn breaks_a_rule(&self) -> bool {
        use DatabaseErrorKind::{CheckViolation, ForeignKeyViolation, NotNullViolation, UniqueViolation};
        let Self::Refused(Error::DatabaseError(kind, information)) = self else {
            return false;
        };
        let words = information.message();
        let broken = matches!(
            kind,
            CheckViolation | ForeignKeyViolation | NotNullViolation | UniqueViolation
        );
        (broken && !words.starts_with("no partition of relation"))
            || words.contains("overflow")
            || words.contains("out of range")
    }

    /// A row that makes no sense.
    pub fn bad_row(table: &'static str, why: impl std::fmt::Display) -> Self {
        Self::BadRow {
            table,
            why: why.to_string(),
        }
    }
}
