//! Whether each part of a link works, for readiness and for whoever looks for the reason.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use tokio::sync::watch;

/// How a part is.
#[derive(Debug, Clone, PartialEq, Eq)]
enum State {
    Up,
    Trouble(String),
}

/// The parts of a link: its connections, the channels that publish, the consumers.
#[derive(Debug)]
pub(crate) struct Health {
    link: String,
    parts: watch::Sender<BTreeMap<String, State>>,
}

impl Health {
    pub(crate) fn new(link: &str) -> Self {
        Self {
            link: link.to_owned(),
            parts: watch::Sender::new(BTreeMap::new()),
        }
    }

    pub(crate) fn up(&self, part: &str) {
        if self.set(part, State::Up) {
            tracing::info!(link = self.link, part, "up");
        }
    }

    pub(crate) fn trouble(&self, part: &str, reason: &str) {
        if self.set(part, State::Trouble(reason.to_owned())) {
            tracing::warn!(link = self.link, part, reason, "in trouble");
        }
    }

    /// The part is no longer wanted.
    pub(crate) fn forget(&self, part: &str) {
        self.parts.send_if_modified(|parts| parts.remove(part).is_some());
    }

    fn set(&self, part: &str, state: State) -> bool {
        self.parts.send_if_modified(|parts| {
            let changed = parts.get(part) != Some(&state);
            if changed {
                parts.insert(part.to_owned(), state);
            }
            changed
        })
    }

    pub(crate) fn is_up(&self) -> bool {
        all_up(&self.parts.borrow())
    }

    /// Waits until everything works.
    pub(crate) async fn until_up(&self) {
        // The only error is a closed channel, and this very value keeps it open.
        let _ = self.parts.subscribe().wait_for(all_up).await;
    }

    /// What does not work and why; none: everything does.
    pub(crate) fn troubles(&self) -> Option<String> {
        let mut troubles = String::new();
        for (part, state) in self.parts.borrow().iter() {
            if let State::Trouble(reason) = state {
                let comma = if troubles.is_empty() { "" } else { "; " };
                // Writing to a String cannot fail.
                let _ = write!(troubles, "{comma}{part}: {reason}");
            }
        }
        (!troubles.is_empty()).then_some(troubles)
    }
}

fn all_up(parts: &BTreeMap<String, State>) -> bool {
    parts.values().all(|state| *state == State::Up)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_link_is_up_when_every_part_is() {
        let health = Health::new("test");
        health.trouble("publishing", "connection refused");
        health.up("consuming");
        health.trouble("confirms", "none for 5 s");
        assert!(!health.is_up());
        assert_eq!(
            health.troubles().as_deref(),
            Some("confirms: none for 5 s; publishing: connection refused")
        );
        health.up("publishing");
        health.forget("confirms");
        assert!(health.is_up());
        assert_eq!(health.troubles(), None);
    }
}
