//! How markets, commands and batches stand in their BYTEA columns: postcard's encoding behind one byte of format version.

use persistence::postgres::views::LoggedBatch;
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::Batch;

/// The format that is written.
const VERSION: u8 = 1;

/// Why stored bytes cannot be read.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Undecodable {
    /// A later program has written them.
    #[error("format {0} is not known")]
    Version(u8),
    /// There are none.
    #[error("there is nothing")]
    Empty,
    /// They are no such value, or the value cannot be encoded.
    #[error("it makes no sense: {0}")]
    Nonsense(#[from] postcard::Error),
}

/// A value as it is stored: a market's definition, a command, the columns of a batch.
///
/// # Errors
/// None that our values could bring about.
pub(crate) fn encode<T: Serialize + ?Sized>(value: &T) -> Result<Vec<u8>, Undecodable> {
    Ok(postcard::to_extend(value, vec![VERSION])?)
}

/// The value that was stored.
///
/// # Errors
/// This program cannot read it.
pub(crate) fn decode<T: DeserializeOwned>(bytes: &[u8]) -> Result<T, Undecodable> {
    match bytes.split_first() {
        Some((&VERSION, rest)) => Ok(postcard::from_bytes(rest)?),
        Some((version, _)) => Err(Undecodable::Version(*version)),
        None => Err(Undecodable::Empty),
    }
}

impl Batch {
    /// The columns `commands` and `events` of its row in `shard_log`: the entries; and the events, the money instructions
    /// and the digest.
    ///
    /// # Errors
    /// None that a batch could bring about.
    pub(crate) fn columns(&self) -> Result<(Vec<u8>, Vec<u8>), Undecodable> {
        let commands = encode(&self.entries)?;
        let events = encode(&(&self.events, &self.money, self.digest))?;
        Ok((commands, events))
    }

    /// The batch of a row of `shard_log`.
    ///
    /// # Errors
    /// This program cannot read it.
    pub(crate) fn from_row(row: LoggedBatch) -> Result<Self, Undecodable> {
        let LoggedBatch {
            shard,
            seq,
            epoch,
            rules_version: _,
            commands,
            events,
        } = row;
        let (events, money, digest) = decode(&events)?;
        Ok(Self {
            shard,
            seq,
            epoch,
            entries: decode(&commands)?,
            events,
            money,
            digest,
        })
    }
}
