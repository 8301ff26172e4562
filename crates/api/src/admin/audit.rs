//! What operators did, for the audit file: who, what, before and after, and how it ended.

use std::fmt::Display;
use std::future::Future;
use std::sync::Arc;

use http::{AuditEntry, Problem};
use serde::Serialize;
use serde_json::Value;
use trading::EntryError;
use uuid::Uuid;

use crate::caller::Operator;
use crate::wire::time;
use crate::{ApiState, Exchange, entry, error};

/// An operator's act, before its outcome is known.
#[derive(Debug)]
pub(crate) struct Act {
    action: &'static str,
    target: String,
    before: Value,
    after: Value,
}

/// What cannot be shown is null; views of ours always can.
fn shown(value: impl Serialize) -> Value {
    serde_json::to_value(value).unwrap_or_default()
}

impl Act {
    /// This action on this target.
    pub(crate) fn new(action: &'static str, target: &impl Display) -> Self {
        Self {
            action,
            target: target.to_string(),
            before: Value::Null,
            after: Value::Null,
        }
    }

    /// How it was.
    pub(crate) fn before(mut self, before: impl Serialize) -> Self {
        self.before = shown(before);
        self
    }

    /// How it is to be.
    pub(crate) fn after(mut self, after: impl Serialize) -> Self {
        self.after = shown(after);
        self
    }

    /// Does it and writes it down, both to the end even if the operator goes away meanwhile.
    ///
    /// # Errors
    /// As [`Act::done`].
    pub(crate) async fn run<T, F>(
        self,
        state: &ApiState,
        operator: &Operator,
        work: impl FnOnce(Arc<dyn Exchange>) -> F + 'static,
    ) -> Result<T, Problem>
    where
        T: 'static,
        F: Future<Output = Result<T, EntryError>> + 'static,
    {
        let operator = operator.clone();
        entry::whole(state, |state| async move {
            let outcome = work(Arc::clone(&state.exchange)).await;
            self.done(&state, &operator, outcome.map_err(error::entry)).await
        })
        .await
    }

    /// Writes it into the audit file with its outcome, and gives the outcome back. What was done stays done if the file
    /// cannot be written; the operator is told.
    ///
    /// # Errors
    /// The outcome's own, or 500 where it cannot be written down.
    pub(crate) async fn done<T>(
        self,
        state: &ApiState,
        operator: &Operator,
        outcome: Result<T, Problem>,
    ) -> Result<T, Problem> {
        let Self {
            action,
            target,
            before,
            after,
        } = self;
        let text = match &outcome {
            Ok(_) => "done".to_owned(),
            Err(problem) => problem.code().to_owned(),
        };
        tracing::info!(
            target: "audit",
            operator = %operator.user_id,
            action,
            on = target,
            outcome = text,
            "operator's act"
        );
        let entry = AuditEntry {
            at: time(state.now()),
            actor: Uuid::from_u128(operator.user_id.as_u128()),
            credential: operator.credential,
            address: Some(operator.address),
            action: action.into(),
            target,
            before,
            after,
            outcome: text.into(),
            request_id: operator.request_id.clone(),
        };
        match state.audit.append(entry).await {
            Ok(_) => outcome,
            Err(error) => Err(Problem::internal(format!(
                "the audit file cannot be written, and {action} is not in it: {error}"
            ))),
        }
    }
}
