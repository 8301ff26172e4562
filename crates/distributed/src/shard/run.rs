//! The life of one shard in this process: standing by, owning, starting anew.

use std::sync::Arc;
use std::time::Duration;

use futures_util::future::BoxFuture;
use persistence::postgres::shard::{Lease, Taken, bound_session, end_blocker, give_up, take_over};
use persistence::postgres::{Connection, PgError, clock_difference};
use runtime::{Clock, Ids, Shutdown};
use tokio::sync::Notify;
use wallet_client::Wallet;

use super::outlet::Outlet;
use super::owner::{Ended, Owner};
use super::publisher::{first_pause, longer};
use super::status::{ShardState, Status};
use crate::ShardCommand;

/// Opens a connection past every pooler.
pub type Connect = Arc<dyn Fn() -> BoxFuture<'static, Result<Connection, PgError>> + Send + Sync>;

/// Is shown each command before it is applied, on the thread that applies it: a rehearsal lets one hang or die there.
pub type Rehearsal = Arc<dyn Fn(&ShardCommand) + Send + Sync>;

/// The longest that a session of an owner waits for a lock, or leaves its transaction open.
pub(super) const SESSION_WAIT: Duration = Duration::from_secs(2);

/// A machine whose clock differs more than this from the database's owns nothing: its stamps could not be taken back.
const CLOCK_DIFFERENCE: Duration = Duration::from_secs(10);

/// How shards are owned.
#[derive(Clone)]
pub struct ShardOptions {
    /// The database.
    pub connect: Connect,
    /// The wallet.
    pub wallet: Arc<dyn Wallet>,
    /// Where news and messages go.
    pub outlet: Arc<dyn Outlet>,
    /// Where time comes from.
    pub clock: Clock,
    /// Where ids come from.
    pub ids: Ids,
    /// What the table shows as the owner.
    pub name: String,
    /// How long an ownership holds without a sign of life.
    pub lease: Duration,
    /// How often the to-do list is looked at without a hint.
    pub look_every: Duration,
    /// The most commands of a batch.
    pub batch: u32,
    /// The least time from the beginning of a batch to that of the next.
    pub pace: Duration,
    /// For how long the log is kept.
    pub keep_log: Duration,
    /// How often the log is looked at for what is older.
    pub trim_every: Duration,
    /// How long, at the end, what is committed may take to be settled and published.
    pub farewell: Duration,
    /// For rehearsals of faults.
    pub rehearsal: Option<Rehearsal>,
}

impl ShardOptions {
    /// The usual options over these.
    pub fn new(connect: Connect, wallet: Arc<dyn Wallet>, outlet: Arc<dyn Outlet>, name: String) -> Self {
        Self {
            connect,
            wallet,
            outlet,
            clock: Clock::System,
            ids: Ids::new(Clock::System),
            name,
            lease: Duration::from_secs(3),
            look_every: Duration::from_millis(20),
            batch: 1_000,
            pace: Duration::from_millis(10),
            keep_log: Duration::from_secs(7 * 24 * 60 * 60),
            trim_every: Duration::from_secs(60),
            farewell: Duration::from_secs(5),
            rehearsal: None,
        }
    }
}

/// Owns a shard whenever nobody else does, until it is asked to stop. `hint` says that there is work.
pub async fn run(options: ShardOptions, shard: u32, hint: Arc<Notify>, status: Status, shutdown: Shutdown) {
    let (mut pause, mut careful) = (first_pause(), 0);
    while !shutdown.is_triggered() {
        let standing_by = StandBy {
            options: &options,
            shard,
            status: &status,
            shutdown: &shutdown,
        };
        let owned = standing_by.wait().await;
        let trouble = match owned {
            Ok(None) => break,
            Ok(Some((connection, lease))) => {
                let owner = Owner::new(options.clone(), lease, careful, &hint, &status, &shutdown);
                match owner.run(connection).await {
                    Ended::Asked => break,
                    Ended::Fenced => {
                        status.count("shard_fenced_total");
                        tracing::warn!(shard, epoch = lease.epoch, "another owner has the shard");
                        pause = first_pause();
                        None
                    }
                    Ended::Trouble {
                        why,
                        worked,
                        careful: next,
                    } => {
                        careful = next;
                        status.count("shard_restarts_total");
                        tracing::error!(shard, epoch = lease.epoch, %why, "the shard is taken over anew");
                        standing_by.release(&lease).await;
                        if worked {
                            pause = first_pause();
                        }
                        Some(why)
                    }
                }
            }
            Err(error) => Some(error.to_string()),
        };
        status.set(ShardState::StandBy {
            trouble: trouble.clone(),
        });
        if trouble.is_some() {
            tokio::select! {
                () = tokio::time::sleep(pause) => {}
                () = shutdown.wait() => {}
            }
            pause = longer(pause);
        }
    }
    status.set(ShardState::StandBy { trouble: None });
}

/// Waits for its turn.
struct StandBy<'a> {
    options: &'a ShardOptions,
    shard: u32,
    status: &'a Status,
    shutdown: &'a Shutdown,
}

impl StandBy<'_> {
    /// Takes the shard over once nobody has it. None: it is asked to stop.
    async fn wait(&self) -> Result<Option<(Connection, Lease)>, PgError> {
        let mut connection = (self.options.connect)().await?;
        bound_session(&mut connection, SESSION_WAIT).await?;
        self.check_clock(&mut connection).await?;
        let (lease, name) = (self.options.lease, &self.options.name);
        while !self.shutdown.is_triggered() {
            match take_over(&mut connection, self.shard, name, lease).await {
                Ok(Taken::Owned(lease)) => {
                    // It may have stood by for weeks since its clock was looked at.
                    if let Err(error) = self.check_clock(&mut connection).await {
                        self.release(&lease).await;
                        return Err(error);
                    }
                    tracing::info!(
                        shard = self.shard,
                        epoch = lease.epoch,
                        seq = lease.last_seq,
                        "the shard is taken over"
                    );
                    let cursors = lease.cursors;
                    self.status
                        .taken(lease.epoch, lease.last_seq, cursors.published, cursors.settled);
                    return Ok(Some((connection, lease)));
                }
                Ok(Taken::Held) => self.status.set(ShardState::StandBy { trouble: None }),
                Ok(Taken::NoShard) => self.status.set(ShardState::StandBy {
                    trouble: Some("there is no such shard".to_owned()),
                }),
                Err(error) if waited_in_vain(&error) => {
                    if end_blocker(&mut connection, self.shard).await? {
                        self.status.count("shard_blockers_ended_total");
                        tracing::warn!(shard = self.shard, "ended a session that held the shard's row");
                    }
                    continue;
                }
                Err(error) => return Err(error),
            }
            tokio::select! {
                () = tokio::time::sleep(lease / 12) => {}
                () = self.shutdown.wait() => {}
            }
        }
        Ok(None)
    }

    /// Whether this machine's clock is one that stamps may come from.
    async fn check_clock(&self, connection: &mut Connection) -> Result<(), PgError> {
        let difference = clock_difference(connection, &self.options.clock).await?;
        if difference.exceeds(CLOCK_DIFFERENCE) {
            let seconds = difference.micros / 1_000_000;
            let why = format!("the database's clock differs by {seconds} s from this machine's");
            return Err(PgError::NoConnection(why));
        }
        Ok(())
    }

    /// Gives up what this process has itself given up on, so that nobody waits for the lease to pass.
    async fn release(&self, lease: &Lease) {
        let given_up = async {
            let mut connection = (self.options.connect)().await?;
            bound_session(&mut connection, SESSION_WAIT).await?;
            give_up(&mut connection, lease, lease.cursors).await
        };
        if let Err(error) = given_up.await {
            tracing::info!(shard = self.shard, %error, "the lease could not be given up and will pass");
        }
    }
}

/// Whether a statement ran into the lock timeout.
fn waited_in_vain(error: &PgError) -> bool {
    error.to_string().contains("lock timeout")
}
