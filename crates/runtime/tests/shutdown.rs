//! A signal of the operating system triggers the shutdown.
#![cfg(target_os = "linux")]
#![allow(clippy::unwrap_used, reason = "a test may fail so")]

use runtime::Shutdown;
use rustix::process::{Signal, getpid, kill_process};

#[tokio::test]
async fn sigterm_and_sigint_trigger_the_shutdown() {
    for signal in [Signal::TERM, Signal::INT] {
        let shutdown = Shutdown::new();
        shutdown.listen_for_signals().unwrap();
        assert!(!shutdown.is_triggered());
        kill_process(getpid(), signal).unwrap();
        shutdown.wait().await;
    }
}
