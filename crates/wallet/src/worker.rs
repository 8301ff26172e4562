//! Gathers what waits into transactions and sees each through: again where another was first, apart where one piece
//! spoils the rest.

use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::time::Duration;

use futures_util::FutureExt as _;
use tokio::sync::{Mutex, OwnedSemaphorePermit, mpsc, oneshot};
use wallet_client::NotAnswered;

use crate::options::{Counters, WalletOptions, count};
use crate::request::{Reply, Request};
use crate::transaction::{Desk, Failure};

/// So often a transaction is tried.
const TRIES: u32 = 6;
/// The wait before the second try; it doubles each time.
const FIRST_PAUSE: Duration = Duration::from_millis(5);

/// Requests of one call, done in one transaction.
pub(crate) struct Piece {
    pub requests: Vec<Request>,
    pub reply: oneshot::Sender<Result<Vec<Reply>, NotAnswered>>,
    /// Its room in the queue, given back when it is answered.
    pub room: OwnedSemaphorePermit,
}

/// One of the workers.
pub(crate) struct Worker {
    pub desk: Arc<Desk>,
    pub queue: Arc<Mutex<mpsc::Receiver<Piece>>>,
    pub options: WalletOptions,
    pub counters: Arc<Counters>,
    /// A piece that did not fit into the last transaction.
    pub next: Option<Piece>,
}

impl Worker {
    /// Works until nobody can ask any more.
    pub async fn run(mut self) {
        while let Some(pieces) = self.gather().await {
            self.serve(pieces).await;
        }
    }

    /// Waits for a piece, and takes what waits behind it.
    async fn gather(&mut self) -> Option<Vec<Piece>> {
        let (first, mut queue) = match self.next.take() {
            // Another worker may hold the queue for as long as it is empty.
            Some(piece) => match self.queue.try_lock() {
                Ok(queue) => (piece, queue),
                Err(_) => return Some(vec![piece]),
            },
            None => {
                let mut queue = self.queue.lock().await;
                (queue.recv().await?, queue)
            }
        };
        let mut total = first.requests.len();
        let mut pieces = vec![first];
        while total < self.options.batch {
            let Ok(piece) = queue.try_recv() else {
                break;
            };
            total += piece.requests.len();
            if total > self.options.batch {
                self.next = Some(piece);
                break;
            }
            pieces.push(piece);
        }
        Some(pieces)
    }

    async fn serve(&self, pieces: Vec<Piece>) {
        match self.see_through(&pieces, TRIES).await {
            // It may be one of them that spoils the rest.
            Err(Failure::Failed(why)) if pieces.len() > 1 => {
                tracing::error!(error = %why, pieces = pieces.len(), "a transaction failed: each piece alone");
                for piece in pieces {
                    let alone = std::slice::from_ref(&piece);
                    let outcome = self.see_through(alone, 1).await;
                    self.hand_out(vec![piece], outcome);
                }
            }
            outcome => self.hand_out(pieces, outcome),
        }
    }

    /// Tries until there are replies, or no further try would help.
    async fn see_through(&self, pieces: &[Piece], tries: u32) -> Result<Vec<Reply>, Failure> {
        let requests: Vec<&Request> = pieces.iter().flat_map(|piece| &piece.requests).collect();
        let mut pause = FIRST_PAUSE;
        let mut tried = 0;
        loop {
            tried += 1;
            let failure = match self.attempt(&requests).await {
                Ok(replies) => {
                    count(&self.counters.transactions, 1);
                    return Ok(replies);
                }
                Err(failure) => failure,
            };
            let counter = match failure {
                Failure::Conflict => &self.counters.conflicts,
                _ => &self.counters.failures,
            };
            count(counter, 1);
            match failure {
                Failure::Unknown(_) => return Err(failure),
                // A connection of the pool may have died of old age; a second one has not.
                Failure::NoConnection(_) if tried > 1 => return Err(failure),
                _ if tried >= tries => return Err(failure),
                _ => tracing::warn!(%failure, tried, "a transaction begins again"),
            }
            tokio::time::sleep(pause).await;
            pause *= 2;
        }
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
                    Failure::Conflict => NotAnswered::Unknown("others were first again and again".to_owned()),
                    Failure::Failed(why) | Failure::Unknown(why) => NotAnswered::Unknown(why),
                })
            }
        };
        for piece in pieces {
            let Piece {
                requests,
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
