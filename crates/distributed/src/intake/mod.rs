//! Order entry: each request is checked, stored, funded and handed to its market's shard.

mod admission;
mod amend;
mod cancel;
mod draft;
mod drive;
mod entry;
mod expected;
mod fresh;
mod gather;
mod grids;
mod hand;
mod look;
mod mass;
mod moment;
mod outcomes;
mod patience;
mod place;
mod pressure;
mod reserve;
mod sessions;
mod store;
mod timers;

use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use domain::{MarketNumber, OrderRef, UserId};
use persistence::postgres::orders::StoredOrder;
use persistence::postgres::{PgError, Pool};
use runtime::{Clock, Ids, trace};
use serde::Serialize;
use tokio::runtime::Handle;
use tokio::sync::oneshot;
use tokio::time::Instant;
use trading::EntryError;
use uuid::Uuid;
use wallet_client::Wallet;

pub(crate) use admission::Weight;
pub(crate) use amend::invalid;
pub(crate) use draft::Amending;
pub(crate) use drive::NotDriven;
pub(crate) use expected::{Expected, Outcome, Unfunded};
pub(crate) use fresh::Fresh;
pub(crate) use hand::hint;
pub(crate) use mass::Mass;
use mass::SESSION_LIFE;
pub(crate) use moment::Moment;
use moment::Moments;
pub use outcomes::{MarketTable, Notices, OutcomeNews, Outcomes};
pub(crate) use patience::{Failure, patient};

use admission::Admission;
use gather::{GatherOptions, Gatherer};
use grids::Grids;
use hand::Handing;
use look::Looking;
use pressure::Pressure;
use reserve::Reserving;
use sessions::Sessions;
use store::Storing;

#[cfg(test)]
mod tests;

use crate::Told;
use crate::encoding::encode;
use crate::figures::{Stages, WaitingCommands};
use crate::register::Register;

/// The most orders of one statement, and the most instructions of one call to the wallet.
const TOGETHER: usize = 500;
/// The least time between the beginnings of two groups of a lane.
const PACE: Duration = Duration::from_millis(10);
/// How long a caller is kept beyond its time before it is answered without the task that works for it.
const GRACE: Duration = Duration::from_millis(500);

/// How a gateway's intake is set up.
#[derive(Clone)]
pub struct IntakeOptions {
    /// The database.
    pub pool: Pool,
    /// Where time comes from.
    pub clock: Clock,
    /// Where ids come from.
    pub ids: Ids,
    /// How long a caller waits for an answer.
    pub answer_timeout: Duration,
    /// The most requests in flight; placements are refused above 80 % of it.
    pub capacity: usize,
    /// How far clocks may differ from the database's.
    pub clock_difference: Duration,
}

/// What intake works with.
#[derive(Clone)]
pub struct Neighbours {
    /// The wallet.
    pub wallet: Arc<dyn Wallet>,
    /// Who tells what commands came to.
    pub outcomes: Arc<dyn Outcomes>,
    /// The markets and their shards.
    pub markets: Arc<dyn MarketTable>,
    /// Who carries messages.
    pub notices: Arc<dyn Notices>,
}

/// The parts of intake, shared by the tasks of its requests.
pub(crate) struct Intake {
    pub pool: Pool,
    pub wallet: Arc<dyn Wallet>,
    pub outcomes: Arc<dyn Outcomes>,
    pub notices: Arc<dyn Notices>,
    pub grids: Arc<Grids>,
    pub register: Arc<Register>,
    pub moments: Moments,
    pub admission: Admission,
    pub pressure: Pressure,
    pub commands: WaitingCommands,
    pub stages: Stages,
    pub sessions: Sessions,
    /// This run of this gateway, which holds its sessions.
    pub gateway: Uuid,
    pub answer_timeout: Duration,
    /// How far clocks may differ from the database's.
    pub clock_difference: Duration,
    runtime: Handle,
    storing: Gatherer<Storing>,
    reserving: Gatherer<Reserving>,
    handing: Gatherer<Handing>,
    looking: Gatherer<Looking>,
}

impl Intake {
    /// Sets intake up; it works on the runtime in which this is called.
    ///
    /// # Errors
    /// What operators keep about users cannot be read.
    pub async fn open(options: IntakeOptions, neighbours: Neighbours) -> Result<Arc<Self>, PgError> {
        let IntakeOptions {
            pool,
            clock,
            ids,
            answer_timeout,
            capacity,
            clock_difference,
        } = options;
        let Neighbours {
            wallet,
            outcomes,
            markets,
            notices,
        } = neighbours;
        let runtime = Handle::current();
        let grids = Arc::new(Grids::new(markets));
        let register = Arc::new(Register::load(&pool).await?);
        let lanes = |lanes| GatherOptions {
            lanes,
            most: TOGETHER,
            capacity: capacity.max(1),
            pace: PACE,
        };
        let storing = Storing {
            pool: pool.clone(),
            grids: Arc::clone(&grids),
            notices: Arc::clone(&notices),
        };
        let reserving = Reserving {
            wallet: Arc::clone(&wallet),
        };
        let handing = Handing {
            pool: pool.clone(),
            notices: Arc::clone(&notices),
        };
        let looking = Looking {
            pool: pool.clone(),
            grids: Arc::clone(&grids),
        };
        Ok(Arc::new(Self {
            // One lane makes the largest groups, and a group costs the database little more than one request; the wallet
            // has two, so that a call which is lost on its way does not keep all others waiting.
            storing: Gatherer::start(&runtime, "store orders", lanes(1), storing),
            reserving: Gatherer::start(&runtime, "reserve funds", lanes(2), reserving),
            handing: Gatherer::start(&runtime, "hand commands over", lanes(1), handing),
            looking: Gatherer::start(&runtime, "look orders up", lanes(1), looking),
            gateway: ids.uuid_v4(),
            moments: Moments::new(clock, ids),
            admission: Admission::new(capacity),
            pressure: Pressure::default(),
            commands: WaitingCommands::default(),
            stages: Stages::default(),
            sessions: Sessions::default(),
            pool,
            wallet,
            outcomes,
            notices,
            grids,
            register,
            answer_timeout,
            clock_difference,
            runtime,
        }))
    }

    /// Does the work of a request in a task of its own, which ends whatever becomes of the caller.
    ///
    /// # Errors
    /// No room, or what the work comes to.
    pub(crate) async fn whole<T, F>(
        self: &Arc<Self>,
        weight: Weight,
        work: impl FnOnce(Arc<Self>, Instant) -> F,
    ) -> Result<T, EntryError>
    where
        T: Send + 'static,
        F: Future<Output = Result<T, EntryError>> + Send + 'static,
    {
        let permit = self.admission.enter(weight)?;
        let until = Instant::now() + self.answer_timeout;
        let work = work(Arc::clone(self), until);
        let (tell, told) = oneshot::channel();
        let trace = trace::current();
        self.runtime.spawn(async move {
            let answer = trace::within(trace, work).await;
            drop(permit);
            // Who has gone finds it by looking it up.
            let _ = tell.send(answer);
        });
        match tokio::time::timeout_at(until + GRACE, told).await {
            Ok(Ok(answer)) => answer,
            Ok(Err(_)) | Err(_) => Err(EntryError::OutcomeUnknown),
        }
    }

    /// The shard of a market.
    ///
    /// # Errors
    /// There is no such market.
    pub(crate) fn shard_of(&self, market: MarketNumber) -> Result<u32, EntryError> {
        let shard = self.grids.table().shard_of(market);
        shard.ok_or(EntryError::UnknownMarket)
    }

    /// A user's order, as its row has it.
    ///
    /// # Errors
    /// It cannot be looked up.
    pub(crate) async fn look(
        &self,
        user_id: UserId,
        order: OrderRef,
    ) -> Result<Option<StoredOrder>, EntryError> {
        match self.looking.ask((user_id, order)).await {
            Some(Ok(found)) => Ok(found),
            Some(Err(failure)) => {
                // Perhaps it is an order of a market that is not known here yet.
                if failure.is_refusal() {
                    self.grids.table().reload_soon();
                }
                Err(unavailable("the order cannot be looked up"))
            }
            None => Err(unavailable("the order cannot be looked up")),
        }
    }
}

/// Nothing was done, and another try soon makes sense.
pub(crate) const fn unavailable(reason: &'static str) -> EntryError {
    EntryError::Unavailable {
        reason,
        retry_after_secs: 1,
    }
}

/// A command as `commands` has it, or a draft.
///
/// # Errors
/// None that our values could bring about.
pub(crate) fn encoded<T: Serialize>(value: &T) -> Result<Vec<u8>, EntryError> {
    encode(value).map_err(|error| {
        tracing::error!(%error, "a command cannot be encoded");
        unavailable("the command cannot be encoded")
    })
}

/// What nobody should have been told, for a command of another kind.
pub(crate) fn odd(told: &Told) -> EntryError {
    tracing::error!(?told, "a command came to what it cannot come to");
    EntryError::OutcomeUnknown
}
