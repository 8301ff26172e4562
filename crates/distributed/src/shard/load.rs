//! Loading a shard from its tables.

use domain::{Market, MarketDefinition, Selection, Stamp};
use engine::LiveMarket;
use persistence::postgres::orders::{MarketGrids, live_of_shard};
use persistence::postgres::shard::{StoredCutoff, StoredMarket, cutoffs_of_shard, markets_of_shard};
use persistence::postgres::views::markets;
use persistence::postgres::{Connection, PgError};

use crate::Undecodable;
use crate::encoding::decode;
use crate::fold::{BadRows, Cutoff, ShardFold, ShardRows};

/// Why a shard cannot be loaded.
#[derive(Debug, thiserror::Error)]
pub enum LoadError {
    /// The database.
    #[error(transparent)]
    Database(#[from] PgError),
    /// A market's definition cannot be read by this program.
    #[error("the definition of market {number} cannot be read: {why}")]
    Definition {
        /// Its number.
        number: u32,
        /// Why.
        why: String,
    },
    /// The rows contradict one another.
    #[error(transparent)]
    BadRows(#[from] BadRows),
}

/// Every market that any shard has.
///
/// # Errors
/// See [`LoadError`].
pub(super) async fn every_market(connection: &mut Connection) -> Result<MarketGrids, LoadError> {
    let mut grids = MarketGrids::default();
    for row in markets(connection).await? {
        let number = row.number.0;
        let bad = |why: String| LoadError::Definition { number, why };
        let definition: MarketDefinition = decode(&row.definition).map_err(|error| bad(error.to_string()))?;
        let market = Market::new(definition).map_err(|errors| bad(format!("{errors:?}")))?;
        grids.insert(market.into());
    }
    Ok(grids)
}

/// The shard as its tables hold it.
///
/// # Errors
/// See [`LoadError`].
pub async fn load(connection: &mut Connection, shard: u32, hash_seed: u64) -> Result<ShardFold, LoadError> {
    let stored = markets_of_shard(connection, shard).await?;
    let (mut last_rank, mut last) = (0, Stamp::FIRST);
    let (mut grids, mut markets) = (MarketGrids::default(), Vec::with_capacity(stored.len()));
    for row in stored {
        last_rank = last_rank.max(row.rank);
        last = last.max(row.last_time);
        let market = market(&row)?;
        markets.push(live(&row, &market)?);
        grids.insert(market.into());
    }
    let orders = live_of_shard(connection, shard, &grids).await?;
    // Ranks come along with markets that were moved here.
    let highest = orders.iter().filter_map(|stored| stored.fold.rank).max();
    let rows = ShardRows {
        last_rank: last_rank.max(highest.unwrap_or_default()),
        last,
        markets,
        orders,
        cutoffs: cutoffs(cutoffs_of_shard(connection, shard).await?, &grids),
    };
    // A large shard takes a while to put together: others want this thread.
    let loaded = tokio::task::spawn_blocking(move || ShardFold::load(rows, hash_seed)).await;
    match loaded {
        Ok(fold) => Ok(fold?),
        Err(error) => Err(LoadError::Definition {
            number: 0,
            why: error.to_string(),
        }),
    }
}

fn market(row: &StoredMarket) -> Result<Market, LoadError> {
    let bad = |why: String| LoadError::Definition {
        number: row.number.0,
        why,
    };
    let read: Result<MarketDefinition, Undecodable> = decode(&row.definition);
    let definition = read.map_err(|error| bad(error.to_string()))?;
    if definition.number != row.number {
        return Err(bad(format!("it is of market {}", definition.number.0)));
    }
    Market::new(definition).map_err(|errors| bad(format!("{errors:?}")))
}

fn live(row: &StoredMarket, market: &Market) -> Result<LiveMarket, LoadError> {
    let last_price = row.last_price.map(|amount| market.price("last_price", amount));
    let last_price = last_price.transpose().map_err(|error| LoadError::Definition {
        number: row.number.0,
        why: error.to_string(),
    })?;
    Ok(LiveMarket {
        definition: market.definition().clone(),
        state: row.state,
        last_price,
        trade_number: row.trade_number,
        event_seq: row.event_seq,
        last_turn: row.turn,
    })
}

/// The cut-offs of this shard's markets; those of a market that is not here any more meet nothing.
fn cutoffs(stored: Vec<StoredCutoff>, grids: &MarketGrids) -> Vec<Cutoff> {
    let cutoff = |row: StoredCutoff| {
        let market = match &row.symbol {
            Some(symbol) => Some(grids.get(symbol)?.number()),
            None => None,
        };
        Some(Cutoff {
            selection: Selection {
                user_id: row.user_id,
                market,
                side: row.side,
            },
            reason: row.reason,
            received_before: row.received_before,
        })
    };
    stored.into_iter().filter_map(cutoff).collect()
}
