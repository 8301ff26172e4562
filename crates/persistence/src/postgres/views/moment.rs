//! What a user has in the shards at one moment.

use domain::{Order, UserId};

use super::orders::live_in_folds;
use super::{MarketSeq, ShardRow, market_seqs, shards};
use crate::postgres::orders::MarketGrids;
use crate::postgres::{Connection, PgError};

/// What a user has in the shards at one moment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UserMoment {
    /// How far every market had come.
    pub markets: Vec<MarketSeq>,
    /// How far every shard had come.
    pub shards: Vec<ShardRow>,
    /// The user's live orders as the folds have them, in the order in which they came.
    pub orders: Vec<Order>,
}

/// What a user has in the shards at one moment.
///
/// # Errors
/// See [`PgError`]; an order of a market that is not among these is an error too.
pub async fn user_moment(
    connection: &mut Connection,
    user_id: UserId,
    grids: &MarketGrids,
) -> Result<UserMoment, PgError> {
    connection
        .build_transaction()
        .repeatable_read()
        .read_only()
        .run(async |connection: &mut Connection| {
            Ok(UserMoment {
                markets: market_seqs(connection).await?,
                shards: shards(connection).await?,
                orders: live_in_folds(connection, user_id, grids).await?,
            })
        })
        .await
}
