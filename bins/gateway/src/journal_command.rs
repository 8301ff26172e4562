//! Looking into the journal: is it sound, and what does it say.

use std::io::{BufWriter, Write};
use std::ops::ControlFlow;
use std::path::PathBuf;

use anyhow::bail;
use clap::Subcommand;
use exchange::{LogBody, LogEntry};
use journal::SegmentState;
use runtime::Settings;
use serde_json::{Value, json};

use crate::cli::say;

/// What to do with the journal.
#[derive(Debug, Subcommand)]
pub enum JournalCommand {
    /// Checks every batch of every segment; fails where one is damaged.
    Verify {
        /// The data directory; else that of the settings.
        dir: Option<PathBuf>,
    },
    /// Prints records as lines of JSON, those of the archive too.
    Dump {
        /// The data directory; else that of the settings.
        dir: Option<PathBuf>,
        /// The first record.
        #[arg(long, default_value_t = 1)]
        from: u64,
        /// The last record.
        #[arg(long, default_value_t = u64::MAX)]
        to: u64,
    },
}

impl JournalCommand {
    pub(crate) fn execute(self, settings: &Settings) -> anyhow::Result<()> {
        let or_settings = |dir: Option<PathBuf>| dir.unwrap_or_else(|| settings.data_dir.clone());
        match self {
            Self::Verify { dir } => verify(&holding(or_settings(dir))?),
            Self::Dump { dir, from, to } => dump(&holding(or_settings(dir))?, from, to),
        }
    }
}

/// The directory, if it holds a journal: a misspelt one must not pass as sound.
fn holding(dir: PathBuf) -> anyhow::Result<PathBuf> {
    if dir.join("journal").is_dir() {
        Ok(dir)
    } else {
        bail!("there is no journal in {}", dir.display())
    }
}

fn verify(dir: &std::path::Path) -> anyhow::Result<()> {
    let report = journal::verify(dir)?;
    for segment in &report.segments {
        let state = match &segment.state {
            SegmentState::Sound => "sound".to_owned(),
            other => format!("{other:?}"),
        };
        let line = json!({
            "segment": segment.path.display().to_string(),
            "first_seq": segment.first_seq,
            "last_seq": segment.last_seq,
            "entries": segment.entries,
            "bytes": segment.bytes,
            "state": state,
        });
        say(&line.to_string())?;
    }
    for gap in &report.gaps {
        say(&json!({ "gap": format!("{gap:?}") }).to_string())?;
    }
    if report.is_sound() {
        Ok(())
    } else {
        bail!("the journal is damaged")
    }
}

fn dump(dir: &std::path::Path, from: u64, to: u64) -> anyhow::Result<()> {
    let mut out = BufWriter::new(std::io::stdout().lock());
    let mut failed = None;
    journal::dump(dir, from, to, |seq, bytes| {
        let written = line(seq, bytes).and_then(|line| Ok(writeln!(out, "{line}")?));
        match written {
            Ok(()) => ControlFlow::Continue(()),
            Err(error) => {
                failed = Some(error);
                ControlFlow::Break(())
            }
        }
    })?;
    match failed {
        Some(error) if !is_closed(&error) => Err(error),
        _ => Ok(out.flush().or_else(|error| {
            if error.kind() == std::io::ErrorKind::BrokenPipe {
                Ok(())
            } else {
                Err(error)
            }
        })?),
    }
}

/// Whether whoever reads has had enough.
fn is_closed(error: &anyhow::Error) -> bool {
    error
        .downcast_ref::<std::io::Error>()
        .is_some_and(|error| error.kind() == std::io::ErrorKind::BrokenPipe)
}

fn line(seq: u64, bytes: &[u8]) -> anyhow::Result<Value> {
    let entry = LogEntry::decode(bytes)?;
    let mut line = json!({ "seq": seq, "rules": entry.rules, "at_us": entry.at.micros() });
    match entry.body {
        LogBody::Command(command) => line["command"] = serde_json::to_value(command)?,
        LogBody::Digest(digest) => line["digest"] = format!("{digest:032x}").into(),
    }
    Ok(line)
}
