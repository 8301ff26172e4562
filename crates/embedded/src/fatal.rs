//! What happens when nothing may go on: after a failed write or sync, or a panic of the fold.

use std::fmt;
use std::sync::Arc;

/// What happens when nothing may go on. The usual way is to abort the process: what was answered is on disk, and a start
/// brings everything back.
#[derive(Clone)]
pub struct Fatal(Arc<dyn Fn(&str) + Send + Sync>);

impl Fatal {
    /// Something else than aborting, for tests. The exchange stops taking commands after it.
    pub fn new(act: impl Fn(&str) + Send + Sync + 'static) -> Self {
        Self(Arc::new(act))
    }

    pub(crate) fn happen(&self, reason: &str) {
        tracing::error!(reason, "the exchange stops at once: nothing more may be answered");
        (self.0)(reason);
    }
}

impl Default for Fatal {
    fn default() -> Self {
        Self::new(|_| std::process::abort())
    }
}

impl fmt::Debug for Fatal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Fatal")
    }
}
