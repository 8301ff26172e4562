//! Whether a shard that is loaded from its tables is the one that its owner had in memory: at any moment the tables hold the
//! state after the last batch of the log, and that batch bears its digest.

use engine::RULES_VERSION;
use persistence::postgres::views::{LoggedBatch, ShardRow, batches_after};
use persistence::postgres::{Connection, PgError};

use crate::Batch;
use crate::encoding::Undecodable;
use crate::shard::{LoadError, load};

/// What a comparison came to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Comparison {
    /// The tables hold what the log says, or there is nothing yet.
    Same,
    /// They do not, or they cannot be loaded at all.
    Differs(String),
    /// Nothing can be said before the next batch, and why.
    Unclear(String),
}

/// Compares one shard, within the caller's snapshot. `alone`: there is no other shard.
///
/// # Errors
/// See [`PgError`].
pub(crate) async fn compare(
    connection: &mut Connection,
    shard: &ShardRow,
    alone: bool,
) -> Result<Comparison, PgError> {
    let number = shard.shard;
    if shard.last_seq == 0 {
        return Ok(Comparison::Same);
    }
    let before = shard.last_seq - 1;
    let rows = batches_after(connection, number, before, shard.last_seq, 1).await?;
    let Some(last) = rows.into_iter().next() else {
        return Ok(Comparison::Unclear(format!(
            "shard {number}: batch {} is not kept any more",
            shard.last_seq
        )));
    };
    if let Some(why) = other_rules(&last) {
        return Ok(Comparison::Unclear(why));
    }
    let what =
        |error: &Undecodable| format!("shard {number}: batch {} cannot be read: {error}", shard.last_seq);
    let last = match Batch::from_row(last) {
        Ok(last) => last,
        // That is no reason to look at nothing else. A later program has other rules, or another format: what is neither and
        // makes no sense is damage.
        Err(error) if error.is_of_the_future() => return Ok(Comparison::Unclear(what(&error))),
        Err(error) => return Ok(Comparison::Differs(what(&error))),
    };
    let digest = match load(connection, number, 0).await {
        Ok(mut fold) => fold.digest(),
        Err(LoadError::Database(error)) if !matches!(error, PgError::BadRow { .. }) => return Err(error),
        Err(error) => return Ok(Comparison::Differs(format!("shard {number}: {error}"))),
    };
    if digest == last.digest {
        return Ok(Comparison::Same);
    }
    let what = format!(
        "shard {number}: the tables have {digest:032x}, batch {} has {:032x}",
        last.seq, last.digest
    );
    // A market that moves changes both states without a batch, and ends both epochs.
    Ok(if alone || last.epoch == shard.epoch {
        Comparison::Differs(what)
    } else {
        Comparison::Unclear(format!("{what}; markets may have moved since"))
    })
}

/// Why the digest of a batch may be another one than ours.
fn other_rules(last: &LoggedBatch) -> Option<String> {
    (last.rules_version != RULES_VERSION).then(|| {
        format!(
            "shard {}: batch {} was made by rules {}, ours are {RULES_VERSION}",
            last.shard, last.seq, last.rules_version
        )
    })
}
