//! A look at every command right before it is applied: how tests slow the fold down or make it panic.

use std::fmt;
use std::sync::Arc;

use domain::Command;

type Look = dyn Fn(&Command) + Send + Sync;

/// Called on the writer thread with each command right before it is applied; does nothing by default. For tests: one that
/// waits stands for a slow fold, one that panics for a fault in it.
#[derive(Clone, Default)]
pub struct Probe(Option<Arc<Look>>);

impl Probe {
    /// A probe that does this.
    pub fn new(look: impl Fn(&Command) + Send + Sync + 'static) -> Self {
        Self(Some(Arc::new(look)))
    }

    pub(crate) fn look(&self, command: &Command) {
        if let Some(look) = &self.0 {
            look(command);
        }
    }
}

impl fmt::Debug for Probe {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Probe")
    }
}
