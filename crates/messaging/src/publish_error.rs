//! Why a message is not known to be on the broker.

use std::time::Duration;

/// Why a message is not known to be on the broker.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum PublishError {
    /// No queue takes it: it is not stored anywhere. The broker's words.
    #[error("no queue takes the message: {0}")]
    Unroutable(String),
    /// The broker has refused it: it is not stored.
    #[error("the broker refused the message")]
    Nacked,
    /// It may be stored or not; to be published again under the same id.
    #[error("whether the message was stored is not known: {0}")]
    Unknown(Unknown),
    /// Too many messages wait already: it was not sent.
    #[error("too many messages wait to be published")]
    Full,
}

/// Why nobody knows whether a message was stored.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Unknown {
    /// The broker has not confirmed it in time.
    #[error("no confirmation within {0:?}")]
    Timeout(Duration),
    /// The connection was lost, or closed, before the confirmation came.
    #[error("the connection was lost")]
    Closed,
}
