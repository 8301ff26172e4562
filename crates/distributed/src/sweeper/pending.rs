//! Orders and amendments that were stored and have no command: their funds are asked for, with the same keys as by whoever
//! stored them, and they are handed to their shards.

use std::sync::Arc;
use std::time::Duration;

use domain::Stamp;
use futures_util::future::join_all;
use persistence::postgres::intake::{Draft, claim_drafts, claim_pending, oldest_pending, waiting_commands};
use persistence::postgres::views::halted_shards;
use tokio::time::Instant;

use crate::Funding;
use crate::encoding::decode;
use crate::figures;
use crate::intake::{Amending, Fresh, Intake, NotDriven, patient};

/// What is older than this is gone on with: whoever stored it has given up by then.
const AGE: Duration = Duration::from_secs(3);
/// How long it is left to whoever takes it on.
const LEASE: Duration = Duration::from_secs(5);
/// How long one turn waits for the wallet.
const TURN: Duration = Duration::from_secs(4);
/// The most of one turn.
const MOST: u32 = 500;

impl Intake {
    /// Takes PENDING orders on that nobody drives, and drives them to their shards, until there are no more or there is no
    /// getting on.
    pub(crate) async fn sweep_pending(self: Arc<Self>) {
        loop {
            let Some((count, left)) = self.sweep_some().await else {
                return;
            };
            self.pressure.set_stuck(left);
            if count < u64::from(MOST) || left > 0 {
                return;
            }
        }
    }

    /// How many orders were taken on, and how many of them are still left; none: that could not be done.
    async fn sweep_some(&self) -> Option<(u64, u64)> {
        let grids = self.grids.get();
        let claim = async {
            let mut connection = self.pool.get().await?;
            claim_pending(&mut connection, self.older(), LEASE, MOST, &grids).await
        };
        let claimed = patient("sweep", claim).await.ok()?;
        for error in &claimed.unreadable {
            metrics::counter!("orders_unreadable_total").increment(1);
            tracing::error!(%error, "an order that was left PENDING cannot be read");
            // Perhaps it is of a market that is not known here yet.
            self.grids.table().reload_soon();
        }
        let (orders, skipped) = (claimed.orders, claimed.unreadable.len() as u64);
        let until = Instant::now() + TURN;
        let fresh: Vec<Fresh> = orders
            .iter()
            .filter_map(|stored| {
                let market = grids.numbered(stored.order.market)?;
                Some(Fresh::of_row(stored, Arc::clone(market)))
            })
            .collect();
        let driven = join_all(fresh.iter().map(|order| self.drive(order, until))).await;
        let count = driven.len() as u64;
        let left = driven.iter().filter(|driven| driven.is_err()).count() as u64;
        if count > 0 {
            let why: Option<&NotDriven> = driven.iter().find_map(|driven| driven.as_ref().err());
            metrics::counter!("orders_swept_total").increment(count);
            tracing::warn!(count, left, ?why, "orders were left PENDING and are gone on with");
        }
        Some((count + skipped, left))
    }

    /// Looks how many commands wait for the shards, which shards take none, and how long orders have been PENDING.
    pub(crate) async fn look_at_shards(self: Arc<Self>) {
        let look = async {
            let mut connection = self.pool.get().await?;
            let waiting = waiting_commands(&mut connection).await?;
            Ok((waiting, halted_shards(&mut connection).await?))
        };
        if let Ok((waiting, halted)) = patient("waiting commands", look).await {
            self.pressure
                .set_waiting(waiting.iter().map(|of| (of.shard, of.count)));
            self.commands.tell(&waiting);
            self.pressure
                .set_halted(halted.into_iter().map(|(shard, _)| shard));
        }
        // Apart: whoever holds up the orders' table is not to hide what waits for the shards.
        let look = async {
            let mut connection = self.pool.get().await?;
            oldest_pending(&mut connection).await
        };
        if let Ok(oldest) = patient("waiting orders", look).await {
            figures::tell_pending(oldest);
        }
    }

    /// Takes amendments on whose funds were being reserved, and hands them to their shards.
    pub(crate) async fn sweep_amendments(self: Arc<Self>) {
        let claim = async {
            let mut connection = self.pool.get().await?;
            claim_drafts(&mut connection, self.older(), LEASE, MOST).await
        };
        let Ok(drafts) = patient("sweep amendments", claim).await else {
            return;
        };
        let until = Instant::now() + TURN;
        join_all(drafts.iter().map(|draft| self.finish(draft, until))).await;
    }

    async fn finish(&self, draft: &Draft, until: Instant) {
        let request_id = draft.request_id;
        let amending: Amending = match decode(&draft.body) {
            Ok(amending) => amending,
            Err(error) => {
                tracing::error!(%error, %request_id, "an amendment that was left cannot be read");
                return;
            }
        };
        let funding = match amending.reserve.clone() {
            Some(reserve) => self.fund(reserve, until).await,
            None => Some(Funding::None),
        };
        let Some(funding) = funding else { return };
        if let Err(failure) = self.finish_draft(&amending, funding).await {
            tracing::warn!(%failure, %request_id, "an amendment that was left is not in its shard yet");
        }
    }

    /// The moment before which things are old enough.
    fn older(&self) -> Stamp {
        let now = self.moments.now().micros();
        Stamp::from_micros(now.saturating_sub(AGE.as_micros() as u64))
    }
}
