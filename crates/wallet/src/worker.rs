//! Gathers what waits into transactions and sees each through: again where another was first, without those that wait for
//! an account, apart where one piece spoils the rest.

use std::collections::BTreeSet;
use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::time::Duration;

use futures_util::FutureExt as _;
use runtime::trace::{self, Kind, Span};
use wallet_client::NotAnswered;

use crate::aside::{Account, Aside};
use crate::options::{Counters, WalletOptions, count};
use crate::queue::{Lane, OnDuty, Piece};
use crate::request::{Reply, Request};
use crate::touched::Touched;
use crate::transaction::{Desk, Failure};

/// So often a transaction is tried.
const TRIES: u32 = 6;
/// The wait before the second try; it doubles each time.
const FIRST_PAUSE: Duration = Duration::from_millis(5);

/// One of the workers.
pub(crate) struct Worker {
    pub desk: Arc<Desk>,
    pub queue: OnDuty,
    /// What it does.
    pub lanes: &'static [Lane],
    pub aside: Arc<Aside>,
    pub options: WalletOptions,
    pub counters: Arc<Counters>,
}

impl Worker {
    /// Works until nobody can ask any more.
    pub async fn run(self) {
        while let Some(pieces) = self.queue.0.take(self.lanes, self.options.batch).await {
            self.serve(self.aside.sort_out(pieces, BTreeSet::new())).await;
        }
    }

    async fn serve(&self, mut pieces: Vec<Piece>) {
        while !pieces.is_empty() {
            match self.see_through(&pieces, TRIES).await {
                Err(Failure::Blocked(accounts)) => pieces = self.set_aside(pieces, accounts),
                // It may be one of them that spoils the rest.
                Err(Failure::Failed(why)) if pieces.len() > 1 => {
                    tracing::error!(error = %why, pieces = pieces.len(), "a transaction failed: each piece alone");
                    for piece in std::mem::take(&mut pieces) {
                        match self.see_through(std::slice::from_ref(&piece), 1).await {
                            Err(Failure::Blocked(accounts)) => drop(self.set_aside(vec![piece], accounts)),
                            outcome => self.hand_out(vec![piece], outcome),
                        }
                    }
                }
                outcome => self.hand_out(std::mem::take(&mut pieces), outcome),
            }
        }
    }

    /// The pieces that do not touch these accounts; the others wait aside.
    fn set_aside(&self, pieces: Vec<Piece>, accounts: BTreeSet<Account>) -> Vec<Piece> {
        let total = pieces.len();
        tracing::warn!(?accounts, "somebody else holds accounts");
        let free = self.aside.sort_out(pieces, accounts);
        tracing::warn!(aside = total - free.len(), free = free.len(), "the others go on");
        free
    }

    /// Tries until there are replies, or no further try would help.
    async fn see_through(&self, pieces: &[Piece], tries: u32) -> Result<Vec<Reply>, Failure> {
        let requests: Vec<&Request> = pieces.iter().flat_map(|piece| &piece.requests).collect();
        let mut pause = FIRST_PAUSE;
        let mut tried = 0;
        loop {
            tried += 1;
            let traces = pieces.iter().map(|piece| piece.trace);
            let mut span = Span::of_group("wallet transaction", Kind::Client, traces);
            span.set("db.system.name", "postgresql");
            let failure = match trace::within(span.context(), self.attempt(&requests)).await {
                Ok(replies) => {
                    count(&self.counters.transactions, 1);
                    return Ok(replies);
                }
                Err(failure) => failure,
            };
            span.fail(failure.to_string());
            drop(span);
            let counter = match failure {
                Failure::Conflict => &self.counters.conflicts,
                _ => &self.counters.failures,
            };
            count(counter, 1);
            match failure {
                Failure::Unknown(_) | Failure::Blocked(_) => return Err(failure),
                // A connection of the pool may have died of old age; a second one has not.
                Failure::NoConnection(_) if tried > 1 => return Err(failure),
                Failure::Failed(_) if let Some(accounts) = self.held(&requests).await => {
                    return Err(Failure::Blocked(accounts));
                }
                _ if tried >= tries => return Err(failure),
                _ => tracing::warn!(%failure, tried, "a transaction begins again"),
            }
            tokio::time::sleep(pause).await;
            pause *= 2;
        }
    }

    /// The accounts of these requests that somebody else holds, if there are any. A try that has waited for them is not
    /// made again: everybody would wait behind it.
    async fn held(&self, requests: &[&Request]) -> Option<BTreeSet<Account>> {
        let accounts = Touched::by(requests.iter().copied()).accounts;
        let held = self.desk.blocked(&accounts).await.ok()?;
        (!held.is_empty()).then_some(held)
    }

    async fn attempt(&self, requests: &[&Request]) -> Result<Vec<Reply>, Failure> {
        let transaction = AssertUnwindSafe(self.desk.transact(requests)).catch_unwind();
        match tokio::time::timeout(self.options.patience, transaction).await {
            Ok(Ok(outcome)) => outcome,
            Ok(Err(_)) => Err(Failure::Failed("the ledger panicked".to_owned())),
            Err(_) => Err(Failure::Unknown("the database did not answer in time".to_owned())),
        }
    }

    fn hand_out(&self, pieces: Vec<Piece>, outcome: Result<Vec<Reply>, Failure>) {
        let mut replies = match outcome {
            Ok(replies) => Ok(replies.into_iter()),
            Err(failure) => {
                tracing::error!(%failure, "not answered");
                Err(match failure {
                    Failure::NoConnection(_) => {
                        NotAnswered::NotSent("there is no connection to the database")
                    }
                    Failure::Blocked(_) => NotAnswered::NotSent("somebody else holds an account of it"),
                    Failure::Conflict => NotAnswered::Unknown("others were first again and again".to_owned()),
                    Failure::Failed(why) | Failure::Unknown(why) => NotAnswered::Unknown(why),
                })
            }
        };
        for piece in pieces {
            let Piece {
                requests,
                trace: _,
                reply,
                room,
            } = piece;
            let answer = match &mut replies {
                Ok(replies) => {
                    count(&self.counters.answered, requests.len());
                    Ok(replies.by_ref().take(requests.len()).collect())
                }
                Err(error) => Err(error.clone()),
            };
            drop(room);
            // Whoever asked may have gone.
            let _ = reply.send(answer);
        }
    }
}
