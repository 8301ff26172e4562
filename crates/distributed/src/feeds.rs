//! Following the exchange: the trait `Feeds` for the distributed exchange. Everybody hears of a batch when it was applied,
//! its owners when it is settled.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use futures_util::FutureExt as _;
use persistence::postgres::views::{self, UserMoment};
use tokio::sync::broadcast;
use trading::{Caller, DepthView, Feeds, QueryError, Update, UserSnapshot};

use crate::Distributed;

/// How long a snapshot waits until its orders' trades are settled, so that its balances have them.
const SETTLING: Duration = Duration::from_millis(500);

#[async_trait]
impl Feeds for Distributed {
    fn updates(&self) -> broadcast::Receiver<Arc<Update>> {
        self.views.board().updates()
    }

    async fn books(&self) -> Result<Vec<DepthView>, QueryError> {
        self.catch_up().await?;
        Ok(self.views.board().books())
    }

    /// Orders and market numbers are of one moment in the database. What happens after it is settled later still, so the
    /// updates for owners that follow it go on from there. Balances are as new or newer: their versions tell.
    async fn user_snapshot(&self, caller: Caller) -> Result<UserSnapshot, QueryError> {
        let moment = self.read(&caller.user_id, |connection, markets, user_id| {
            views::user_moment(connection, *user_id, markets).boxed()
        });
        let UserMoment {
            markets,
            shards,
            orders,
        } = moment.await?;
        let unsettled = shards.iter().filter(|row| row.settled_seq < row.last_seq);
        let wanted: Vec<(u32, u64)> = unsettled.map(|row| (row.shard, row.last_seq)).collect();
        self.views.wait_until_settled(&wanted, SETTLING).await;
        Ok(UserSnapshot {
            markets: markets.iter().map(|seq| (seq.number, seq.event_seq)).collect(),
            orders,
            balances: self.account_balances(caller.user_id).await?,
        })
    }
}
