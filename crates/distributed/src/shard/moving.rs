//! Moving a market to another shard.

use std::collections::BTreeMap;

use persistence::postgres::Connection;
use persistence::postgres::shard::{self, MovedMarket, ShardError, market_home, wide_commands};
use runtime::Ids;
use uuid::Uuid;

use crate::ShardCommand;
use crate::encoding::decode;

/// Moves a market to another shard, with its orders and all that waits for it. The shard that it comes from; none: there
/// is no such market, or it lives there already. Gateways are to be told by [`crate::News::Markets`].
///
/// # Errors
/// See [`ShardError`]; the market has moved meanwhile.
pub async fn move_market(
    connection: &mut Connection,
    symbol: &str,
    to: u32,
    ids: &Ids,
) -> Result<Option<u32>, ShardError> {
    let Some((number, from)) = market_home(connection, symbol).await? else {
        return Ok(None);
    };
    let (mut commands, mut copies): (Vec<Uuid>, BTreeMap<Uuid, Uuid>) = Default::default();
    for (id, body) in wide_commands(connection, from).await? {
        match decode::<ShardCommand>(&body) {
            Ok(ShardCommand::DefineMarket(define)) if define.definition.number == number => commands.push(id),
            Ok(ShardCommand::SetMarketState(set)) if set.market == number => commands.push(id),
            Ok(ShardCommand::CancelAll { selection, .. })
                if selection.market.is_none_or(|market| market == number) =>
            {
                copies.insert(id, ids.uuid_v7());
            }
            _ => {}
        }
    }
    let copies: Vec<(Uuid, Uuid)> = copies.into_iter().collect();
    let moved = MovedMarket {
        symbol,
        to,
        commands: &commands,
        copies: &copies,
    };
    shard::move_market(connection, &moved).await
}
