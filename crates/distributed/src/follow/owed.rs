//! Users who may not have been told of their balances, since news were lost: the wallet is asked for them.

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use domain::UserId;
use tokio::sync::Notify;
use trading::{Audience, Update};
use wallet_client::Wallet;

use super::board::Board;
use super::money::change;

/// The users of one question.
const AT_ONCE: usize = 1_000;
/// More users than this are not remembered: everybody starts again from a snapshot instead.
const MOST: usize = 100_000;
/// The wait after a question that was not answered.
const RETRY: Duration = Duration::from_secs(1);

/// Users to ask the wallet for.
#[derive(Debug, Default)]
pub(super) struct Owed {
    users: Mutex<BTreeSet<UserId>>,
    news: Notify,
}

impl Owed {
    fn hold(&self) -> MutexGuard<'_, BTreeSet<UserId>> {
        self.users.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// These users are to be told. False: there are too many, and none is remembered any more.
    #[must_use]
    pub fn add(&self, users: impl IntoIterator<Item = UserId>) -> bool {
        let mut owed = self.hold();
        owed.extend(users);
        if owed.len() > MOST {
            owed.clear();
            return false;
        }
        drop(owed);
        self.news.notify_one();
        true
    }

    /// How many users wait.
    pub fn len(&self) -> usize {
        self.hold().len()
    }

    /// The next users to ask for. They are taken out first: who is added meanwhile is asked for again.
    fn take(&self) -> Vec<UserId> {
        let mut owed = self.hold();
        let users: Vec<UserId> = owed.iter().take(AT_ONCE).copied().collect();
        for user in &users {
            owed.remove(user);
        }
        users
    }

    /// Asks and tells, for ever.
    pub async fn work(self: Arc<Self>, wallet: Arc<dyn Wallet>, board: Arc<Board>) {
        loop {
            let users = self.take();
            if users.is_empty() {
                self.news.notified().await;
                continue;
            }
            match wallet.balances(users.clone()).await {
                Ok(balances) => board.tell_owners(Update {
                    audience: Audience::Owners,
                    seq: 0,
                    events: Vec::new(),
                    balances: balances.into_iter().map(change).collect(),
                }),
                Err(error) => {
                    tracing::warn!(%error, "the wallet was asked for balances whose news were lost");
                    if !self.add(users) {
                        board.lose_followers();
                    }
                    tokio::time::sleep(RETRY).await;
                }
            }
        }
    }
}
