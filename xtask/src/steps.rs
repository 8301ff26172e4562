//! Several steps one after the other: all run, then the ones that failed are named together.

use std::process::ExitCode;

use anyhow::{Error, Result, bail};

/// The steps so far.
#[derive(Default)]
pub struct Steps {
    done: usize,
    failed: Vec<String>,
    skipped: Vec<String>,
}

impl Steps {
    /// Runs one step; a failure is printed at once and remembered.
    pub fn step(&mut self, name: &str, outcome: impl FnOnce() -> Result<()>) {
        println!("\n== {name}");
        self.done += 1;
        if let Err(error) = outcome() {
            println!("{name} FAILED: {error:#}");
            self.failed.push(name.to_owned());
        }
    }

    /// Runs one step that may find that it cannot be done here: it says whether it was done.
    pub fn step_if_possible(&mut self, name: &str, outcome: impl FnOnce() -> Result<bool>) {
        let mut was_done = true;
        self.step(name, || outcome().map(|done| was_done = done));
        if !was_done {
            println!("{name} SKIPPED");
            self.skipped.push(format!("{name}: skipped"));
        }
    }

    /// Prints the outcome of all steps.
    ///
    /// # Errors
    /// When any step failed.
    pub fn finish(self, chore: &str) -> Result<()> {
        if self.failed.is_empty() {
            println!("\n{}", self.summary(chore));
            return Ok(());
        }
        bail!(
            "{chore}: {} of {} steps failed: {}",
            self.failed.len(),
            self.done,
            self.failed.join(", ")
        )
    }

    /// The line for steps of which none failed.
    fn summary(&self, chore: &str) -> String {
        if self.skipped.is_empty() {
            return format!("{chore}: all {} steps passed", self.done);
        }
        format!(
            "{chore}: {} of {} steps passed; {}",
            self.done - self.skipped.len(),
            self.done,
            self.skipped.join(", ")
        )
    }
}

/// Prints why a chore failed: the reason alone, without a backtrace.
pub fn report(error: Error) -> ExitCode {
    println!("\n{error:#}");
    ExitCode::FAILURE
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_steps_run_and_the_failed_ones_are_named_together() {
        let mut steps = Steps::default();
        let mut ran = 0;
        for (name, fails) in [("one", true), ("two", false), ("three", true)] {
            steps.step(name, || {
                ran += 1;
                if fails { bail!("no") } else { Ok(()) }
            });
        }
        assert_eq!(ran, 3);
        assert_eq!(
            steps.finish("lint").unwrap_err().to_string(),
            "lint: 2 of 3 steps failed: one, three"
        );
        assert!(Steps::default().finish("lint").is_ok());
    }

    #[test]
    fn what_could_not_be_done_is_no_failure_and_is_not_said_to_have_passed() {
        let mut steps = Steps::default();
        steps.step("tests", || Ok(()));
        steps.step_if_possible("coverage", || Ok(true));
        assert_eq!(steps.summary("test"), "test: all 2 steps passed");
        steps.step_if_possible("schemathesis", || Ok(false));
        assert_eq!(
            steps.summary("test"),
            "test: 2 of 3 steps passed; schemathesis: skipped"
        );
        steps.step_if_possible("another", || bail!("no"));
        assert!(steps.finish("test").is_err());
    }
}
