//! What is wrong with the settings: every problem at once, each with the field and the rule it breaks.

use std::fmt;
use std::path::PathBuf;

/// One broken rule.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Problem {
    /// The field (`server.http_port`), the environment variable, or the place in the file.
    pub path: String,
    /// What must hold. Never contains the value of a secret.
    pub rule: String,
}

impl Problem {
    pub(super) fn new(path: impl Into<String>, rule: impl Into<String>) -> Self {
        Self {
            path: path.into(),
            rule: rule.into(),
        }
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "{}: {}", self.path, self.rule)
    }
}

/// Why there are no settings.
#[derive(Debug, thiserror::Error)]
pub enum SettingsError {
    /// The file cannot be read.
    #[error("cannot read the settings file {}", path.display())]
    Unreadable {
        /// The file that was asked for.
        path: PathBuf,
        /// What the operating system said.
        source: std::io::Error,
    },
    /// Everything that is wrong, sorted by field.
    #[error("{} setting(s) are wrong:{}", .0.len(), lines(.0))]
    Invalid(Vec<Problem>),
}

impl SettingsError {
    pub(super) fn invalid(mut problems: Vec<Problem>) -> Self {
        problems.sort();
        problems.dedup();
        Self::Invalid(problems)
    }
}

fn lines(problems: &[Problem]) -> String {
    problems.iter().map(|problem| format!("\n  {problem}")).collect()
}
