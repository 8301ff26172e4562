//! Driving a stored order that has no command to its shard: its funds, then its command. The first try and every later one do
//! the same.

use domain::Reserve;
use tokio::time::{Duration, Instant, sleep_until, timeout_at};

use super::{Failure, Fresh, Intake};
use crate::Funding;

/// The pause before the wallet is asked again, and the longest.
const PAUSE: Duration = Duration::from_millis(50);
const LONGEST_PAUSE: Duration = Duration::from_secs(1);

/// Why an order has not come to its shard. It stays PENDING, and a sweeper goes on with it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum NotDriven {
    /// The wallet has not answered.
    Funds,
    /// Its market is not known here.
    Market,
    /// The command was not written, or that is not known.
    Command,
}

impl Intake {
    /// Reserves what a stored order needs and hands it to its shard.
    ///
    /// # Errors
    /// How far it came. Doing it again is safe.
    pub(crate) async fn drive(&self, order: &Fresh, until: Instant) -> Result<(), NotDriven> {
        let funding = match order.reserve() {
            Some(reserve) => {
                let begun = Instant::now();
                let funding = self.fund(reserve, until).await;
                self.stages.reserve.record(begun.elapsed().as_secs_f64());
                funding.ok_or(NotDriven::Funds)?
            }
            None => Funding::None,
        };
        let Ok(shard) = self.shard_of(order.place.market) else {
            self.grids.table().reload_soon();
            return Err(NotDriven::Market);
        };
        let row = order
            .command_row(shard, funding)
            .map_err(|_| NotDriven::Command)?;
        let begun = Instant::now();
        let handed = self.handing.ask(row).await;
        self.stages.hand.record(begun.elapsed().as_secs_f64());
        match handed {
            Some(Ok(())) => Ok(()),
            Some(Err(_)) | None => Err(NotDriven::Command),
        }
    }

    /// Asks the wallet under the same key until it answers; none: not by then.
    pub(crate) async fn fund(&self, reserve: Reserve, until: Instant) -> Option<Funding> {
        let mut pause = PAUSE;
        loop {
            let asked = self.reserving.ask(reserve.clone());
            match timeout_at(until, asked).await {
                Ok(Some(Ok(funding))) => return Some(funding),
                Ok(Some(Err(error))) => {
                    // The client of the wallet warns once a call; this is a line for each order of it.
                    tracing::debug!(order_id = %reserve.order_id, %error, "a reserve is not answered yet");
                }
                Ok(None) => {}
                Err(_) => return None,
            }
            let next = Instant::now() + pause;
            if next >= until {
                return None;
            }
            sleep_until(next).await;
            pause = (pause * 2).min(LONGEST_PAUSE);
        }
    }

    /// Hands a command to its shard.
    ///
    /// # Errors
    /// See [`Failure`].
    pub(crate) async fn hand(&self, row: persistence::postgres::intake::CommandRow) -> Result<(), Failure> {
        let done = self.handing.ask(row).await;
        done.unwrap_or_else(|| Err(Failure::Unknown("a fault".to_owned())))
    }
}
