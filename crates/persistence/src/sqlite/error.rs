//! What can go wrong with the history file, in kinds that a caller can tell apart.

use std::path::{Path, PathBuf};

use diesel::result::Error as SqlError;
use domain::MarketNumber;

/// Why history could not be opened, written or read.
#[derive(Debug, thiserror::Error)]
pub enum HistoryError {
    /// The file cannot be opened.
    #[error("{path} cannot be opened: {reason}")]
    Open {
        /// The file.
        path: PathBuf,
        /// What SQLite said.
        reason: String,
    },
    /// The file was written by a later version of this program.
    #[error(
        "{path} has schema version {found}, this program knows versions up to {known}: use a later program, or delete the file and it is made again from the log"
    )]
    NewerSchema {
        /// The file.
        path: PathBuf,
        /// The file's version.
        found: i64,
        /// The latest version that is known.
        known: i64,
    },
    /// The file's tables could not be brought to this program's schema.
    #[error("{path} cannot take the history's tables: {reason}")]
    Schema {
        /// The file.
        path: PathBuf,
        /// What is wrong.
        reason: String,
    },
    /// The file is no database, or a damaged one.
    #[error(
        "{path} is damaged ({reason}): delete it together with its -wal and -shm files and it is made again from the log"
    )]
    Damaged {
        /// The file.
        path: PathBuf,
        /// What SQLite said.
        reason: String,
    },
    /// SQLite refused: the disk is full or failed, the file is locked, a key clashes.
    #[error("SQLite: {0}")]
    Sqlite(#[source] SqlError),
    /// Records are missing between the last one in history and this batch.
    #[error("the history ends at record {seq}, but the next batch holds records {first_seq} to {last_seq}")]
    Gap {
        /// The last record in history.
        seq: u64,
        /// The batch's first record.
        first_seq: u64,
        /// The batch's last record.
        last_seq: u64,
    },
    /// A part of this batch is in history already, or its records are numbered backwards.
    #[error(
        "the history ends at record {seq}, inside or behind the batch of records {first_seq} to {last_seq}"
    )]
    Overlap {
        /// The last record in history.
        seq: u64,
        /// The batch's first record.
        first_seq: u64,
        /// The batch's last record.
        last_seq: u64,
    },
    /// A trade's market was never defined, so that its value is unknown.
    #[error("market {} is not defined", .0.0)]
    UnknownMarket(MarketNumber),
    /// A row holds something that was never written.
    #[error(
        "a row of {table} has a malformed {column}: delete the history and it is made again from the log"
    )]
    Malformed {
        /// The table.
        table: &'static str,
        /// The column.
        column: &'static str,
    },
    /// No connection for reading became free in time.
    #[error("all connections to the history are in use")]
    Busy,
}

impl From<SqlError> for HistoryError {
    fn from(error: SqlError) -> Self {
        Self::Sqlite(error)
    }
}

impl HistoryError {
    /// The error with the name of the file where SQLite says that the file itself is bad.
    pub(crate) fn in_file(self, path: &Path) -> Self {
        match self {
            Self::Sqlite(error) if is_damage(&error.to_string()) => Self::Damaged {
                path: path.to_owned(),
                reason: error.to_string(),
            },
            other => other,
        }
    }
}

/// Diesel hands SQLite's codes on as their texts only.
pub(crate) fn is_damage(message: &str) -> bool {
    message.contains("file is not a database") || message.contains("database disk image is malformed")
}
