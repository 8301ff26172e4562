//! The one signal that asks every part of the program to stop.

use std::io;
use std::sync::Arc;

use tokio::sync::watch;

/// A cloneable signal: triggered once, by SIGTERM, SIGINT or by hand, and seen by every clone from then on.
#[derive(Clone, Debug)]
pub struct Shutdown {
    triggered: Arc<watch::Sender<bool>>,
}

impl Default for Shutdown {
    fn default() -> Self {
        Self::new()
    }
}

impl Shutdown {
    /// A signal that nothing has triggered yet.
    pub fn new() -> Self {
        Self {
            triggered: Arc::new(watch::Sender::new(false)),
        }
    }

    /// Asks everyone to stop. Further calls change nothing.
    pub fn trigger(&self) {
        self.triggered.send_replace(true);
    }

    /// Whether it was triggered; for threads without async.
    pub fn is_triggered(&self) -> bool {
        *self.triggered.borrow()
    }

    /// Waits until it is triggered; at once when it already was. Safe to drop and call again.
    pub async fn wait(&self) {
        // The only error is a closed channel, and this very value keeps it open.
        let _ = self.triggered.subscribe().wait_for(|triggered| *triggered).await;
    }

    /// Triggers on SIGTERM and SIGINT (elsewhere than on Unix: Ctrl-C), by a task on the current tokio runtime.
    ///
    /// # Errors
    /// When the operating system refuses the signal handler.
    ///
    /// # Panics
    /// Outside a tokio runtime with I/O.
    pub fn listen_for_signals(&self) -> io::Result<()> {
        let shutdown = self.clone();
        #[cfg(unix)]
        {
            use tokio::signal::unix::{SignalKind, signal};
            let mut terminate = signal(SignalKind::terminate())?;
            let mut interrupt = signal(SignalKind::interrupt())?;
            // A terminal that closes stops the program in order. Without a terminal it means "read your settings again",
            // which must not stop anything.
            let is_at_terminal = io::IsTerminal::is_terminal(&io::stdin());
            let mut hangup = signal(SignalKind::hangup())?;
            tokio::spawn(async move {
                let name = tokio::select! {
                    _ = terminate.recv() => "SIGTERM",
                    _ = interrupt.recv() => "SIGINT",
                    _ = hangup.recv(), if is_at_terminal => "SIGHUP",
                };
                tracing::info!(signal = name, "stopping on a signal");
                shutdown.trigger();
            });
        }
        #[cfg(not(unix))]
        tokio::spawn(async move {
            if tokio::signal::ctrl_c().await.is_ok() {
                tracing::info!(signal = "Ctrl-C", "stopping on a signal");
                shutdown.trigger();
            }
        });
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn every_clone_sees_the_trigger_whether_it_waits_before_or_after() {
        let shutdown = Shutdown::new();
        let early = tokio::spawn({
            let shutdown = shutdown.clone();
            async move { shutdown.wait().await }
        });
        tokio::task::yield_now().await;
        assert!(!shutdown.is_triggered() && !early.is_finished());
        shutdown.clone().trigger();
        shutdown.trigger();
        early.await.unwrap();
        shutdown.wait().await;
        assert!(shutdown.is_triggered());
    }
}
