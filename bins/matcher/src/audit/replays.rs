//! Every shard's log once more: through the fold of a shard, and through the embedded exchange.

use std::collections::BTreeMap;

use distributed::replay::{Replay, batches, logs, replayable};
use domain::{Asset, UserId};
use persistence::postgres::invariants::{Traded, traded};
use persistence::postgres::views::ShardRow;
use persistence::postgres::{Connection, PgError};
use serde::Serialize;

use super::BrokenRow;
use super::twin::{Gains, Twin};

/// Batches that are read at once.
const PAGE: usize = 500;
/// At most so many differing balances are told.
const TOLD: usize = 20;

/// What was replayed.
#[derive(Debug, Default, Serialize)]
pub(super) struct Replayed {
    shards: usize,
    batches: u64,
    commands: u64,
    events: u64,
    /// What of the shards' logs cannot be replayed, and why.
    not_replayable: Vec<String>,
    /// Whether the wallet's balances were compared: only where everything that was replayed is settled, and nothing has come since.
    balances_compared: bool,
}

fn broken(rule: &str, what: impl std::fmt::Display) -> BrokenRow {
    BrokenRow {
        invariant: "replay",
        rule: rule.to_owned(),
        what: what.to_string(),
    }
}

/// Replays everything.
pub(super) async fn replay(connection: &mut Connection) -> anyhow::Result<(Replayed, Vec<BrokenRow>)> {
    let (mut replayed, mut told) = (Replayed::default(), Vec::new());
    let (mut gains, mut fees) = (Gains::new(), BTreeMap::new());
    // The last batch of each shard whose trades the embedded exchange makes as well.
    let mut reached = BTreeMap::new();
    for shard in logs(connection).await? {
        replayed.shards += 1;
        let (last, why_not) = replayable(connection, &shard).await?;
        replayed.not_replayable.extend(why_not);
        let (mut fold, mut twin) = (Replay::new(0), Some(Twin::new()));
        loop {
            let page = batches(connection, shard.shard, fold.seq(), last, PAGE).await?;
            if page.is_empty() {
                break;
            }
            // The owner may remove old batches while they are read.
            if page.first().is_some_and(|batch| batch.seq != fold.seq() + 1)
                && let (0, Some(why)) = replayable(connection, &shard).await?
            {
                replayed.not_replayable.push(why);
                break;
            }
            let mut stop = false;
            for batch in &page {
                replayed.batches += 1;
                replayed.commands += batch.entries.len() as u64;
                replayed.events += batch.events.len() as u64;
                if let Err(differs) = fold.apply(batch) {
                    told.push(broken("a shard's log gives the same again", differs));
                    stop = true;
                    break;
                }
                if let Some(other) = &mut twin
                    && let Err(differs) = other.apply(batch)
                {
                    let what = format!("shard {}, number {}: {differs}", batch.shard, batch.seq);
                    told.push(broken("the embedded exchange trades the same", what));
                    twin = None;
                }
            }
            if stop {
                break;
            }
        }
        let Some(twin) = twin else { continue };
        reached.insert(shard.shard, fold.seq());
        let (more, collected) = twin.gains();
        for (key, gain) in more {
            *gains.entry(key).or_default() += gain;
        }
        for (asset, fee) in collected {
            *fees.entry(asset).or_default() += fee;
        }
    }
    let (now, brought) = settled(connection).await?;
    replayed.balances_compared = all_settled(&now, &reached);
    if replayed.balances_compared {
        balances(brought, gains, fees, &mut told)?;
    }
    Ok((replayed, told))
}

/// Whether everything that was committed was replayed, and is settled.
fn all_settled(now: &[ShardRow], reached: &BTreeMap<u32, u64>) -> bool {
    now.iter().all(|shard| {
        shard.settled_seq == shard.last_seq && reached.get(&shard.shard) == Some(&shard.last_seq)
    })
}

/// How far the shards are and what the wallet says that trading brought everybody, at one moment: orders may go on meanwhile.
async fn settled(connection: &mut Connection) -> Result<(Vec<ShardRow>, Vec<Traded>), PgError> {
    connection
        .build_transaction()
        .read_only()
        .repeatable_read()
        .run(async |connection: &mut Connection| Ok((logs(connection).await?, traded(connection).await?)))
        .await
}

/// What the wallet says that trading brought everybody must be what the embedded exchange says.
fn balances(
    brought: Vec<Traded>,
    mut gains: Gains,
    mut fees: BTreeMap<Asset, i128>,
    told: &mut Vec<BrokenRow>,
) -> anyhow::Result<()> {
    const RULE: &str = "the embedded exchange leads to the same balances";
    for Traded {
        user_id,
        asset,
        units,
    } in brought
    {
        let asset: Asset = asset.parse()?;
        match user_id {
            Some(user_id) => {
                *gains
                    .entry((UserId::from_u128(user_id.as_u128()), asset))
                    .or_default() -= i128::from(units);
            }
            None => *fees.entry(asset).or_default() -= i128::from(units),
        }
    }
    let differing = gains.iter().filter(|(_, difference)| **difference != 0);
    for ((user_id, asset), difference) in differing.take(TOLD) {
        told.push(broken(
            RULE,
            format!("{user_id} {asset}: {difference} units apart"),
        ));
    }
    let differing = fees.iter().filter(|(_, difference)| **difference != 0);
    for (asset, difference) in differing.take(TOLD) {
        told.push(broken(RULE, format!("fees in {asset}: {difference} units apart")));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn balances_are_comparable_where_all_that_was_committed_is_settled_and_was_replayed() {
        let reached = BTreeMap::from([(0, 7), (1, 3)]);
        let row = |shard: u32, last_seq: u64, settled_seq: u64| ShardRow {
            shard,
            epoch: 1,
            last_seq,
            published_seq: last_seq,
            settled_seq,
            is_owned: true,
        };
        for (now, comparable) in [
            ([row(0, 7, 7), row(1, 3, 3)], true),
            ([row(0, 7, 6), row(1, 3, 3)], false),
            // A batch came, and was settled, after the log was read.
            ([row(0, 8, 8), row(1, 3, 3)], false),
            // One that could not be replayed.
            ([row(0, 7, 7), row(2, 3, 3)], false),
        ] {
            assert_eq!(all_settled(&now, &reached), comparable, "{now:?}");
        }
    }
}
