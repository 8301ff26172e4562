//! Answers as they are kept: in JSON, with a mark on refusals.

use persistence::postgres::PgError;
use persistence::postgres::wallet::StoredAnswer;
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::request::{Reply, Request};

/// The answer as it is kept under its key.
pub(crate) fn store(key: String, body_hash: Vec<u8>, reply: &Reply) -> Result<StoredAnswer, PgError> {
    let (answer, refused) = match reply {
        Reply::Instruct(Ok(answer)) => (write(&key, answer)?, false),
        Reply::Instruct(Err(refused)) => (write(&key, refused)?, true),
        Reply::Transfer(Ok(receipt)) => (write(&key, receipt)?, false),
        Reply::Transfer(Err(refused)) => (write(&key, refused)?, true),
    };
    Ok(StoredAnswer {
        key,
        body_hash,
        answer,
        refused,
    })
}

/// The answer to this request as it was kept.
pub(crate) fn recall(request: &Request, stored: &StoredAnswer) -> Result<Reply, PgError> {
    Ok(match (request, stored.refused) {
        (Request::Instruct { .. }, false) => Reply::Instruct(Ok(read(stored)?)),
        (Request::Instruct { .. }, true) => Reply::Instruct(Err(read(stored)?)),
        (Request::Transfer(_), false) => Reply::Transfer(Ok(read(stored)?)),
        (Request::Transfer(_), true) => Reply::Transfer(Err(read(stored)?)),
    })
}

fn bad(key: &str, error: impl std::fmt::Display) -> PgError {
    PgError::bad_row("ledger_transactions", format!("the answer under {key}: {error}"))
}

fn write(key: &str, answer: &impl Serialize) -> Result<Vec<u8>, PgError> {
    serde_json::to_vec(answer).map_err(|error| bad(key, error))
}

fn read<T: DeserializeOwned>(stored: &StoredAnswer) -> Result<T, PgError> {
    serde_json::from_slice(&stored.answer).map_err(|error| bad(&stored.key, error))
}
