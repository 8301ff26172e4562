//! Moving a market to another shard: its shard is seized, what it has committed is settled, and then it moves.

use std::sync::Arc;
use std::time::Duration;

use domain::MarketNumber;
use persistence::postgres::shard::{
    self, Cursors, Lease, MovedMarket, ShardError, Waiting, bound_session, give_up, keep, market_home, seize,
    shard_numbers,
};
use persistence::postgres::{Connection, PgError};
use runtime::Ids;
use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio::time::Instant;
use uuid::Uuid;

use super::run::{SESSION_WAIT, ShardOptions};
use super::settler::Settler;
use super::status::Status;
use super::tail::{Reader, Tail};
use crate::ShardCommand;
use crate::encoding::decode;

/// A market that has moved.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Moved {
    /// The shard that it comes from.
    pub from: u32,
    /// The batches of that shard that were settled before.
    pub settled: u64,
}

/// Why a market did not move. Its shard has been given back, and goes on.
#[derive(Debug, thiserror::Error)]
pub enum MoveError {
    /// There is no such market.
    #[error("there is no market {0}")]
    UnknownMarket(String),
    /// There is no such shard.
    #[error("there is no shard {0}")]
    UnknownShard(u32),
    /// It lives there already.
    #[error("the market lives in shard {0} already")]
    AtHome(u32),
    /// The wallet has not done in time what the shard has committed.
    #[error("{0} batches of its shard are not settled yet")]
    NotSettled(u64),
    /// The wallet refuses what the shard has committed.
    #[error("its shard cannot be settled: {0}")]
    Refused(String),
    /// Another mover, or an owner after this one had slept too long, has the shard.
    #[error("its shard is somebody else's by now")]
    Lost,
    /// The database.
    #[error(transparent)]
    Database(#[from] PgError),
}

impl From<ShardError> for MoveError {
    fn from(error: ShardError) -> Self {
        match error {
            ShardError::Fenced => Self::Lost,
            ShardError::Database(error) => Self::Database(error),
        }
    }
}

/// Moves a market to another shard, with its orders and all that waits for it. Nothing is applied in its shard meanwhile;
/// settling what is committed there may take as long as `patience`. Who dies in between leaves a lease that passes, and
/// nothing else. Gateways are to be told by [`crate::News::Markets`].
///
/// # Errors
/// It has not moved: see [`MoveError`].
pub async fn move_market(
    options: &ShardOptions,
    symbol: &str,
    to: u32,
    patience: Duration,
) -> Result<Moved, MoveError> {
    let mut connection = (options.connect)().await?;
    bound_session(&mut connection, SESSION_WAIT).await?;
    let home = market_home(&mut connection, symbol).await?;
    let (number, from) = home.ok_or_else(|| MoveError::UnknownMarket(symbol.to_owned()))?;
    if !shard_numbers(&mut connection).await?.contains(&to) {
        return Err(MoveError::UnknownShard(to));
    }
    if from == to {
        return Err(MoveError::AtHome(to));
    }
    let mover = format!("moving {symbol} to {to}: {}", options.name);
    let seized = seize(&mut connection, from, &mover, options.lease).await?;
    let lease = seized.ok_or(MoveError::UnknownShard(from))?;
    let moved = async {
        settle_rest(options, &mut connection, &lease, patience).await?;
        hand_over(&mut connection, &lease, (symbol, number), to, &options.ids).await
    };
    if let Err(error) = moved.await {
        // It may be lost already; if not, nobody need wait for it to pass.
        let _ = give_up(&mut connection, &lease, lease.cursors).await;
        return Err(error);
    }
    Ok(Moved {
        from,
        settled: lease.last_seq - lease.cursors.settled,
    })
}

/// Has the wallet do all that the seized shard has committed, and keeps the shard meanwhile.
async fn settle_rest(
    options: &ShardOptions,
    connection: &mut Connection,
    lease: &Lease,
    patience: Duration,
) -> Result<(), MoveError> {
    let deadline = Instant::now() + patience;
    let tail = Arc::new(Tail::after(lease.shard, lease.last_seq));
    let (cursor, halt) = (
        watch::Sender::new(lease.cursors.settled),
        watch::Sender::new(None),
    );
    let (mut settled, refused) = (cursor.subscribe(), halt.subscribe());
    let settler = Settler {
        shard: lease.shard,
        epoch: lease.epoch,
        wallet: Arc::clone(&options.wallet),
        outlet: Arc::clone(&options.outlet),
        reader: Reader::new(tail, Arc::clone(&options.connect)),
        status: Status::new(lease.shard),
        cursor,
        halt,
    };
    let mut tasks = JoinSet::new();
    tasks.spawn(settler.run());
    loop {
        let done = *settled.borrow_and_update();
        let cursors = Cursors {
            settled: done,
            ..lease.cursors
        };
        keep(connection, lease, cursors, options.lease).await?;
        if done >= lease.last_seq {
            return Ok(());
        }
        if Instant::now() >= deadline {
            return Err(MoveError::NotSettled(lease.last_seq - done));
        }
        tokio::select! {
            _ = settled.changed() => {}
            () = tokio::time::sleep(options.lease / 3) => {}
            () = tokio::time::sleep_until(deadline) => {}
            // It ends only where the wallet refuses.
            _ = tasks.join_next() => {
                let why = refused.borrow().clone();
                return Err(MoveError::Refused(why.unwrap_or_else(|| "settling has ended".to_owned())));
            }
        }
    }
}

/// Moves the market of a shard that is settled, with all that waits there for it.
async fn hand_over(
    connection: &mut Connection,
    from: &Lease,
    (symbol, number): (&str, MarketNumber),
    to: u32,
    ids: &Ids,
) -> Result<(), MoveError> {
    let sort = |wide: Vec<(Uuid, Vec<u8>)>| {
        let mut waiting = Waiting::default();
        for (id, body) in wide {
            match decode::<ShardCommand>(&body) {
                Ok(ShardCommand::DefineMarket(define)) if define.definition.number == number => {
                    waiting.commands.push(id);
                }
                Ok(ShardCommand::SetMarketState(set)) if set.market == number => waiting.commands.push(id),
                Ok(ShardCommand::CancelAll { selection, .. })
                    if selection.market.is_none_or(|market| market == number) =>
                {
                    waiting.copies.push((id, ids.uuid_v7()));
                }
                _ => {}
            }
        }
        waiting
    };
    let moved = MovedMarket { symbol, to };
    Ok(shard::move_market(connection, from, &moved, sort).await?)
}
