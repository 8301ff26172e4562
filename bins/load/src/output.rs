//! What people see: results on standard output, progress and warnings on standard error.

use std::io::{IsTerminal as _, Write as _};
use std::process::ExitCode;

/// Checks that did not hold: told already, so only the exit code is left to give.
#[derive(Debug)]
pub(crate) struct Failed(pub(crate) usize);

impl std::fmt::Display for Failed {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} check(s) did not hold", self.0)
    }
}

impl std::error::Error for Failed {}

/// Prints a line of results. A reader that has gone is no error.
pub(crate) fn say(text: &str) {
    let _ = writeln!(std::io::stdout().lock(), "{text}");
}

/// Prints a line beside the results.
pub(crate) fn note(text: &str) {
    // Where standard error is closed nobody can be told.
    let _ = writeln!(std::io::stderr().lock(), "{text}");
}

/// Tells on standard error what went wrong.
pub fn exit_code(result: anyhow::Result<()>) -> ExitCode {
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            note(&format!("load: {error:#}"));
            ExitCode::FAILURE
        }
    }
}

/// Seconds between two lines where there is no terminal.
const LINE_EVERY: u64 = 5;

/// How far a run is: a bar on a terminal, else a line each five seconds.
pub(crate) struct Progress {
    bar: Option<indicatif::ProgressBar>,
    what: String,
    seconds: u64,
    next_line: u64,
}

impl Progress {
    /// Of something that takes so many seconds.
    pub(crate) fn new(what: &str, seconds: u64) -> Self {
        let bar = std::io::stderr().is_terminal().then(|| {
            let bar = indicatif::ProgressBar::new(seconds);
            if let Ok(style) =
                indicatif::ProgressStyle::with_template("{prefix} [{bar:30}] {pos}/{len} s {msg}")
            {
                bar.set_style(style);
            }
            bar.set_prefix(what.to_owned());
            bar
        });
        Self {
            bar,
            what: what.to_owned(),
            seconds,
            next_line: LINE_EVERY,
        }
    }

    /// So many seconds are over; `state` makes the words for where it stands.
    pub(crate) fn at(&mut self, second: u64, state: impl FnOnce() -> String) {
        match &self.bar {
            Some(bar) => {
                bar.set_position(second.min(self.seconds));
                bar.set_message(state());
            }
            None if second >= self.next_line => {
                self.next_line = second + LINE_EVERY;
                note(&format!(
                    "{}: {second} of {} s, {}",
                    self.what,
                    self.seconds,
                    state()
                ));
            }
            None => {}
        }
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        if let Some(bar) = &self.bar {
            bar.finish_and_clear();
        }
    }
}
