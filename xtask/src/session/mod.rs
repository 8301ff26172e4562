//! `cargo xtask session`: one scripted session through the two gateways of a distributed exchange in turn, and through an
//! embedded one; both must answer alike. Then the distributed one's readiness without its servers.

mod away;
mod candles;
mod drain;
mod names;
mod side;
mod traced;
mod transcript;

use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail, ensure};
use tokio::runtime::Runtime;

use crate::{shell, up};
use transcript::{Transcript, told};

/// What `cargo xtask session` can be told.
#[derive(Debug, Default, clap::Args)]
pub struct Options {
    /// The programs lie here, and `examples/ws` below it; nothing is built
    #[arg(long)]
    programs: Option<PathBuf>,
    /// Where logs and transcripts stay [default: a folder that goes unless they differ]
    #[arg(long)]
    dir: Option<PathBuf>,
    /// Gateways and wallet reach PostgreSQL through the PgBouncer of this folder (test/pgbouncer.sh), in transaction mode
    #[arg(long)]
    pgbouncer: Option<PathBuf>,
    /// Requests and WebSockets go through an nginx with docker/nginx/nginx.conf; at the end a gateway behind it is taken out
    #[arg(long)]
    nginx: bool,
    /// The tables are those of the `gateway` of this folder, a later one than the programs: the rehearsal of a rollback. No
    /// trace is looked for, as programs of before may have none
    #[arg(long, value_name = "FOLDER")]
    migrated_by: Option<PathBuf>,
}

impl Options {
    /// Everything is built, and what lies between client, gateways and PostgreSQL.
    pub fn through(pgbouncer: Option<PathBuf>, nginx: bool) -> Self {
        Self {
            pgbouncer,
            nginx,
            ..Self::default()
        }
    }
}

/// What lies between a client and the distributed exchange, and between its programs and PostgreSQL; and whose tables
/// those are.
struct Between {
    pgbouncer: Option<PathBuf>,
    nginx: bool,
    migrated_by: Option<PathBuf>,
}

/// What a session came to.
struct Outcome {
    /// `880 passed, 0 failed`.
    end: String,
    transcript: Transcript,
}

/// Holds the session with both exchanges, and compares what they answered.
///
/// # Errors
/// A step is not as expected, the exchanges do not answer alike, or one cannot be started.
pub fn run(options: &Options) -> Result<()> {
    let programs = match &options.programs {
        Some(programs) => shell::root().join(programs),
        None => up::build_for_tests()?,
    };
    let dir = options.dir.as_ref().map_or_else(
        || std::env::temp_dir().join(format!("trade-engine-session-{}", std::process::id())),
        |dir| shell::root().join(dir),
    );
    std::fs::create_dir_all(&dir).with_context(|| dir.display().to_string())?;
    let between = Between {
        pgbouncer: options.pgbouncer.as_ref().map(|dir| shell::root().join(dir)),
        nginx: options.nginx,
        migrated_by: options.migrated_by.as_ref().map(|dir| shell::root().join(dir)),
    };
    let held = Runtime::new()?.block_on(both(&programs, &dir, &between));
    match held {
        Ok(()) if options.dir.is_none() => {
            std::fs::remove_dir_all(&dir).with_context(|| dir.display().to_string())
        }
        Ok(()) => Ok(()),
        Err(error) => {
            println!("logs and transcripts: {}", dir.display());
            Err(error)
        }
    }
}

async fn both(programs: &Path, dir: &Path, between: &Between) -> Result<()> {
    let embedded = side::embedded(programs, &dir.join("embedded"), between).await?;
    println!("embedded: {}", embedded.end);
    let distributed = side::distributed(programs, &dir.join("distributed"), between).await?;
    let balanced = if between.nginx { "nginx and " } else { "" };
    let pooled = between.pgbouncer.as_ref().map_or("", |_| " and PgBouncer");
    println!(
        "distributed, through {balanced}two gateways{pooled}: {}",
        distributed.end
    );
    compared(&embedded, &distributed)
}

fn compared(embedded: &Outcome, distributed: &Outcome) -> Result<()> {
    let differences = embedded.transcript.differences(&distributed.transcript);
    if !differences.is_empty() {
        bail!("the exchanges do not answer alike:\n{}", told(&differences));
    }
    ensure!(
        embedded.end == distributed.end,
        "one session has other steps: {}, or {}",
        embedded.end,
        distributed.end
    );
    println!(
        "{} requests and frames are answered alike",
        embedded.transcript.len()
    );
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn outcome(end: &str, answer: &str) -> Outcome {
        Outcome {
            end: end.to_owned(),
            transcript: Transcript::read(&format!("alice GET api/v1/balances\n{answer}\n")),
        }
    }

    #[test]
    fn other_answers_and_other_steps_are_failures() {
        let one = outcome("1 passed, 0 failed", "200 []");
        assert!(compared(&one, &outcome("1 passed, 0 failed", "200 []")).is_ok());
        let answers = compared(&one, &outcome("1 passed, 0 failed", "503 []"));
        assert!(answers.unwrap_err().to_string().contains("503 []\n1 differences"));
        let steps = compared(&one, &outcome("2 passed, 0 failed", "200 []"));
        assert!(steps.unwrap_err().to_string().contains("other steps"));
    }
}
