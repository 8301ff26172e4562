//! How markets, commands and batches stand in their BYTEA columns: postcard's encoding behind one byte of format version.

use persistence::postgres::views::LoggedBatch;
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::{Batch, ShardCommand};

/// The format that is written.
const VERSION: u8 = 1;

/// Why stored bytes cannot be read.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Undecodable {
    /// A later program has written them.
    #[error("format {0} is not known")]
    Version(u8),
    /// A later program has written a value of a kind that this one does not know.
    #[error("kind {0} is not known")]
    Kind(u32),
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

impl Undecodable {
    /// Whether a later program has written it, so that it is not garbage.
    pub(crate) const fn is_of_the_future(&self) -> bool {
        matches!(self, Self::Version(_) | Self::Kind(_))
    }
}

/// A command as it stands in its row.
///
/// # Errors
/// This program cannot read it.
pub(crate) fn decode_command(bytes: &[u8]) -> Result<ShardCommand, Undecodable> {
    decode(bytes).map_err(|error| match kind(bytes) {
        // What comes behind the number of a kind that is not known, nobody can say.
        Some(kind) if matches!(error, Undecodable::Nonsense(_)) && kind >= ShardCommand::KINDS => {
            Undecodable::Kind(kind)
        }
        _ => error,
    })
}

/// The number of the kind with which an encoded enum begins.
fn kind(bytes: &[u8]) -> Option<u32> {
    postcard::from_bytes(bytes.get(1..)?).ok()
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
            traces,
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
            traces,
        })
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests may panic")]

    use uuid::Uuid;

    use super::*;
    use crate::Quarantined;

    #[test]
    fn the_last_kind_of_a_command_is_known_and_the_one_after_it_is_of_the_future() {
        let last = ShardCommand::Quarantine {
            what: Quarantined {
                command_id: Uuid::from_u128(1),
                order_id: None,
            },
            command: None,
        };
        let mut bytes = encode(&last).unwrap();
        assert_eq!(kind(&bytes), Some(ShardCommand::KINDS - 1));
        assert_eq!(decode_command(&bytes), Ok(last));
        bytes[1] += 1;
        assert_eq!(
            decode_command(&bytes),
            Err(Undecodable::Kind(ShardCommand::KINDS))
        );
    }
}
