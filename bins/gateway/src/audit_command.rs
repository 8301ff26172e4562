//! Looking into the audit file: is its chain whole.

use std::path::PathBuf;

use anyhow::{Context, bail};
use clap::Subcommand;
use http::AuditLog;
use runtime::Settings;

use crate::cli::say;
use crate::server::AUDIT_FILE;

/// What to do with the audit file.
#[derive(Debug, Subcommand)]
pub enum AuditCommand {
    /// Checks the chain of lines and prints how many there are; fails at the first that was altered, removed or moved.
    Verify {
        /// The file; else that in the data directory of the settings.
        file: Option<PathBuf>,
    },
}

impl AuditCommand {
    pub(crate) fn execute(self, settings: &Settings) -> anyhow::Result<()> {
        let Self::Verify { file } = self;
        let file = file.unwrap_or_else(|| settings.data_dir.join(AUDIT_FILE));
        if !file.is_file() {
            bail!("there is no audit file {}", file.display());
        }
        let lines = AuditLog::verify(&file).with_context(|| format!("{} is damaged", file.display()))?;
        say(&format!("{lines} lines, none altered, removed or moved"))
    }
}
