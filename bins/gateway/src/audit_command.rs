//! Looking into the audit log: is its chain whole.

use std::path::PathBuf;

use anyhow::{Context, bail};
use clap::Subcommand;
use http::AuditLog;
use persistence::postgres::Pool;
use runtime::Settings;
use runtime::settings::Mode;

use crate::audit_table;
use crate::cli::say;
use crate::shape::AUDIT_FILE;

/// What the database lists this program's connections under.
const PROGRAM: &str = "trade-engine-audit";

/// What to do with the audit log.
#[derive(Debug, Subcommand)]
pub enum AuditCommand {
    /// Checks the chain of lines and prints how many there are; fails at the first that was altered, removed or moved.
    Verify {
        /// The file; else that in the data directory of the settings, or the table of the distributed exchange.
        file: Option<PathBuf>,
    },
}

impl AuditCommand {
    pub(crate) fn execute(self, settings: &Settings) -> anyhow::Result<()> {
        let Self::Verify { file } = self;
        let lines = match (file, settings.mode) {
            (Some(file), _) => verify_file(&file)?,
            (None, Mode::Embedded) => verify_file(&settings.data_dir.join(AUDIT_FILE))?,
            (None, Mode::Distributed) => verify_table(settings)?,
        };
        say(&format!("{lines} lines, none altered, removed or moved"))
    }
}

fn verify_file(file: &std::path::Path) -> anyhow::Result<u64> {
    if !file.is_file() {
        bail!("there is no audit file {}", file.display());
    }
    AuditLog::verify(file).with_context(|| format!("{} is damaged", file.display()))
}

fn verify_table(settings: &Settings) -> anyhow::Result<u64> {
    let tokio = tokio::runtime::Builder::new_multi_thread().enable_all().build();
    let tokio = tokio.context("the asynchronous runtime does not start")?;
    tokio.block_on(async {
        let pool = Pool::of(&settings.database, PROGRAM)?;
        audit_table::verify(&pool).await
    })
}
