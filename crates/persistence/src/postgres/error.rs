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

/// What a server says, or PgBouncer in its stead, when it ends a session: perhaps after the commit. Diesel does not hand on
/// how severe an error is. The words are PostgreSQL's (an operator, a shutdown, a crash beside it; a PANIC while the log is
/// written) and PgBouncer's (the server is gone, or took too long).
const LAST_WORDS: [&str; 8] = [
    "terminating connection",
    "could not fsync",
    "could not fdatasync",
    "could not write to log file",
    "could not open file \"pg_wal",
    "server conn crashed",
    "query_timeout",
    "query timeout",
];

fn ends_the_session(words: &str) -> bool {
    LAST_WORDS.iter().any(|last| words.contains(last))
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
            Error::DatabaseError(_, information) if ends_the_session(information.message()) => {
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

#[cfg(test)]
mod tests {
    use super::*;

    fn sorted(kind: DatabaseErrorKind, words: &str) -> PgError {
        Error::DatabaseError(kind, Box::new(words.to_owned())).into()
    }

    #[test]
    fn where_the_session_ended_nobody_is_told_that_nothing_was_done() {
        for words in [
            "terminating connection due to administrator command",
            "could not fdatasync file \"000000010000000000000001\": No space left on device",
            "could not write to log file 000000010000000000000001 at offset 0, length 8192: Input/output error",
            "server conn crashed?",
            "query_timeout",
        ] {
            let error = sorted(DatabaseErrorKind::Unknown, words);
            assert!(matches!(error, PgError::Unknown(_)), "{words}: {error:?}");
        }
        let lost = sorted(DatabaseErrorKind::ClosedConnection, "connection closed");
        assert!(matches!(lost, PgError::Unknown(_)));
    }

    #[test]
    fn what_a_statement_alone_was_refused_for_has_changed_nothing() {
        for (kind, words) in [
            (
                DatabaseErrorKind::Unknown,
                "canceling statement due to lock timeout",
            ),
            (
                DatabaseErrorKind::Unknown,
                "canceling statement due to statement timeout",
            ),
            (DatabaseErrorKind::Unknown, "deadlock detected"),
            (
                DatabaseErrorKind::UniqueViolation,
                "duplicate key value violates unique constraint",
            ),
            (
                DatabaseErrorKind::SerializationFailure,
                "could not serialize access due to concurrent update",
            ),
        ] {
            let error = sorted(kind, words);
            assert!(matches!(error, PgError::Refused(_)), "{words}: {error:?}");
        }
    }
}
