//! Pieces that touch accounts which somebody else holds: they wait aside, so that nobody waits behind them.

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use domain::{Asset, UserId};
use tokio::sync::Notify;
use tokio::time::Instant;
use wallet_client::NotAnswered;

use crate::queue::{Piece, Queue};
use crate::touched::Touched;
use crate::transaction::Desk;

/// How often it is looked whether an account is free again.
const LOOK_EVERY: Duration = Duration::from_millis(50);

/// A user's account.
pub(crate) type Account = (UserId, Asset);

/// A piece that waits for an account.
struct Waiting {
    piece: Piece,
    accounts: BTreeSet<Account>,
    /// When it is given up.
    until: Instant,
}

#[derive(Default)]
struct State {
    /// The accounts that somebody held when it was last looked.
    blocked: BTreeSet<Account>,
    waiting: Vec<Waiting>,
}

/// What waits for accounts to be free.
pub(crate) struct Aside {
    state: Mutex<State>,
    changed: Notify,
    /// How long a piece waits here.
    patience: Duration,
}

impl Aside {
    pub fn new(patience: Duration) -> Self {
        Self {
            state: Mutex::default(),
            changed: Notify::new(),
            patience,
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Keeps those pieces that touch accounts which are known to be held, or were found to be so now; the others come
    /// back.
    pub fn sort_out(&self, pieces: Vec<Piece>, found: BTreeSet<Account>) -> Vec<Piece> {
        let mut state = self.state();
        state.blocked.extend(found);
        if state.blocked.is_empty() {
            return pieces;
        }
        let until = Instant::now() + self.patience;
        let mut free = Vec::new();
        for piece in pieces {
            let accounts = Touched::by(&piece.requests).accounts;
            if accounts.is_disjoint(&state.blocked) {
                free.push(piece);
            } else {
                state.waiting.push(Waiting {
                    piece,
                    accounts,
                    until,
                });
            }
        }
        drop(state);
        self.changed.notify_one();
        free
    }

    /// Puts pieces back into the queue once their accounts are free, and answers those that have waited too long. Ends
    /// with the queue.
    pub async fn watch(self: Arc<Self>, desk: Arc<Desk>, queue: Arc<Queue>) {
        loop {
            if self.state().blocked.is_empty() {
                if queue.is_closed() {
                    return;
                }
                self.changed.notified().await;
                continue;
            }
            tokio::time::sleep(LOOK_EVERY).await;
            let looked_at = self.state().blocked.clone();
            // Whoever cannot look takes it that nothing has changed.
            let still = desk.blocked(&looked_at).await.unwrap_or(looked_at.clone());
            let (free, late) = self.part(&looked_at, &still);
            queue.put_back(free);
            for waiting in late {
                let held = "somebody else holds an account of it";
                tracing::error!(accounts = ?waiting.accounts, "not answered: {held}");
                drop(waiting.piece.room);
                // Whoever asked may have gone.
                let _ = waiting.piece.reply.send(Err(NotAnswered::NotSent(held)));
            }
        }
    }

    /// What may go on now that only these of the accounts are held, and what has waited too long.
    fn part(&self, looked_at: &BTreeSet<Account>, still: &BTreeSet<Account>) -> (Vec<Piece>, Vec<Waiting>) {
        let mut state = self.state();
        state
            .blocked
            .retain(|account| still.contains(account) || !looked_at.contains(account));
        let (mut free, mut late, mut kept) = (Vec::new(), Vec::new(), Vec::new());
        let now = Instant::now();
        for waiting in std::mem::take(&mut state.waiting) {
            if waiting.accounts.is_disjoint(&state.blocked) {
                free.push(waiting.piece);
            } else if waiting.until <= now {
                late.push(waiting);
            } else {
                kept.push(waiting);
            }
        }
        state.waiting = kept;
        (free, late)
    }

    /// Wakes it, so that it sees that the queue is closed.
    pub fn wake(&self) {
        self.changed.notify_one();
    }
}
