//! What an auditor says of itself: whether the last look could be done.

use std::sync::{Arc, Mutex, PoisonError};

use http::tell_ready;
use serde_json::{Value, json};

use crate::listener::Readiness;

/// Whether the last look could be done, and why not.
#[derive(Debug, Clone)]
pub(super) struct Health(Arc<Mutex<Option<String>>>);

impl Health {
    /// Before the first look.
    pub(super) fn new() -> Self {
        let health = Self(Arc::default());
        health.tell(Some("nothing was looked at yet".to_owned()));
        health
    }

    /// What has become of a look.
    pub(super) fn tell(&self, trouble: Option<String>) {
        tell_ready([("postgresql", trouble.is_none())]);
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = trouble;
    }
}

impl Readiness for Health {
    fn look(&self) -> (bool, Value) {
        match &*self.0.lock().unwrap_or_else(PoisonError::into_inner) {
            None => (true, json!({ "status": "ready" })),
            Some(trouble) => (false, json!({ "status": "not_ready", "trouble": trouble })),
        }
    }
}
