//! The database's part of a request: bounded in time, and sorted by whether anything may have been done.

use std::future::Future;
use std::time::Duration;

use persistence::postgres::PgError;
use trading::EntryError;

use super::unavailable;

/// The longest that one step may take in the database.
const PATIENCE: Duration = Duration::from_secs(10);

/// Why a step in the database did not do what it should.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Failure {
    /// There is no connection; nothing was done.
    #[error("{0}")]
    NoConnection(String),
    /// It was refused; nothing was done.
    #[error("{0}")]
    Refused(String),
    /// It was refused for what it holds, as it will be again; nothing was done.
    #[error("{0}")]
    Contents(String),
    /// It may have been done.
    #[error("{0}")]
    Unknown(String),
}

impl Failure {
    /// Whether the database was asked and did nothing.
    pub(crate) const fn is_refusal(&self) -> bool {
        matches!(self, Self::Refused(_) | Self::Contents(_))
    }
}

impl From<PgError> for Failure {
    fn from(error: PgError) -> Self {
        let (text, by_contents) = (error.to_string(), error.breaks_a_rule());
        match error {
            PgError::NoConnection(_) => Self::NoConnection(text),
            PgError::BadRow { .. } => Self::Contents(text),
            PgError::Refused(_) if by_contents => Self::Contents(text),
            PgError::Refused(_) => Self::Refused(text),
            PgError::Unknown(_) => Self::Unknown(text),
        }
    }
}

impl From<Failure> for EntryError {
    fn from(failure: Failure) -> Self {
        match failure {
            Failure::NoConnection(_) | Failure::Refused(_) | Failure::Contents(_) => {
                unavailable("the database does not take it")
            }
            Failure::Unknown(_) => Self::OutcomeUnknown,
        }
    }
}

/// Waits for a step that writes, but not for ever.
///
/// # Errors
/// See [`Failure`].
pub(crate) async fn patient<T>(
    step: &'static str,
    work: impl Future<Output = Result<T, PgError>>,
) -> Result<T, Failure> {
    let done = match tokio::time::timeout(PATIENCE, work).await {
        Ok(done) => done.map_err(Failure::from),
        Err(_) => Err(Failure::Unknown("the database did not answer in time".to_owned())),
    };
    done.inspect_err(|failure| tracing::warn!(step, %failure, "a step in the database failed"))
}
