//! What one record of the log holds, and its bytes: a format version, then the record in postcard's encoding.

use domain::{Command, Stamp};
use serde::{Deserialize, Serialize};

/// The version of the record's encoding.
const FORMAT: u8 = 1;

/// What a record says.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum LogBody {
    /// A command was applied.
    Command(Command),
    /// The digest of all events so far was this.
    Digest(u128),
}

/// A record of the log. Its sequence number is its place in the log.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct LogEntry {
    /// The version of the rules by which it was applied.
    pub rules: u16,
    /// Its stamp.
    pub at: Stamp,
    /// What it says.
    pub body: LogBody,
}

/// Why a record cannot be read or replayed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum LogError {
    /// It was written in an encoding that this program does not know.
    #[error("the record has format version {0}, and this program reads version {FORMAT} only")]
    UnknownFormat(u8),
    /// Its bytes are not a record.
    #[error("the record's bytes cannot be read: {0}")]
    Malformed(String),
    /// It was applied by rules that this program does not contain.
    #[error("the record was applied by rules version {found}, and this program contains version {ours} only")]
    UnknownRules {
        /// The record's.
        found: u16,
        /// The program's.
        ours: u16,
    },
    /// Replaying the log up to here did not give the digest that stands in it.
    #[error("record {seq} says that the digest is {logged:032x}, but replaying gives {replayed:032x}")]
    DigestDiffers {
        /// The record.
        seq: u64,
        /// What stands in the log.
        logged: u128,
        /// What the replay gave.
        replayed: u128,
    },
}

impl LogEntry {
    /// The record's bytes, appended.
    ///
    /// # Errors
    /// Never for a record of ours; the encoding may in principle refuse.
    pub fn encode(&self, bytes: &mut Vec<u8>) -> Result<(), LogError> {
        bytes.push(FORMAT);
        postcard::to_io(self, bytes)
            .map(|_| ())
            .map_err(|error| LogError::Malformed(error.to_string()))
    }

    /// Reads a record.
    ///
    /// # Errors
    /// Another version, or bytes that are not a record. Rules are not judged here.
    pub fn decode(bytes: &[u8]) -> Result<Self, LogError> {
        match bytes.split_first() {
            Some((&FORMAT, rest)) => match postcard::take_from_bytes(rest) {
                Ok((entry, [])) => Ok(entry),
                Ok((_, more)) => Err(LogError::Malformed(format!("{} bytes too many", more.len()))),
                Err(error) => Err(LogError::Malformed(error.to_string())),
            },
            Some((&format, _)) => Err(LogError::UnknownFormat(format)),
            None => Err(LogError::Malformed("no bytes".to_owned())),
        }
    }
}
