//! The wallet on PostgreSQL: takes calls into a bounded queue, and reads what was committed.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use async_trait::async_trait;
use domain::{LedgerEntry, Transfer, TransferReceipt, UserId};
use persistence::EntryQuery;
use persistence::postgres::wallet::{StoredAccount, balances, entries, ping};
use persistence::postgres::{PgError, Pool};
use runtime::{Clock, Ids, trace};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, oneshot};
use wallet_client::{
    Answer, EntryPage, Instruction, NotAnswered, Refused, TransferRefused, UserBalance, Wallet,
};

use crate::aside::Aside;
use crate::options::{Counters, Pools, WalletCounts, WalletOptions};
use crate::queue::{Lane, OnDuty, Piece, Queue, weight};
use crate::request::{Reply, Request};
use crate::transaction::Desk;
use crate::worker::Worker;

/// At most so many instructions in one call.
const MAX_INSTRUCTIONS: usize = 1_000;
/// At most so many users in one call.
const MAX_USERS: usize = 1_000;
/// At most so many lines in one page.
const MAX_LINES: usize = 1_000;
/// The longest that a read may take.
const READ: Duration = Duration::from_secs(5);

const STOPPING: &str = "the wallet is stopping";
const FULL: &str = "too much is waiting";

/// The wallet on PostgreSQL. Any number of them may work on one database; any number of callers may share one.
pub struct PgWallet {
    desk: Arc<Desk>,
    questions: Pool,
    queue: Arc<Queue>,
    aside: Arc<Aside>,
    /// Room for instructions that wait or are worked on.
    room: Arc<Semaphore>,
    options: WalletOptions,
    counters: Arc<Counters>,
    stopping: AtomicBool,
}

impl PgWallet {
    /// Starts a wallet with its workers on the present tokio runtime; they end when it is dropped and nothing waits any
    /// more. Each worker takes one connection of its pool, each question one of the other pool.
    ///
    /// # Panics
    /// Outside of a tokio runtime.
    pub fn start(pools: impl Into<Pools>, clock: Clock, ids: Ids, options: WalletOptions) -> Self {
        let Pools {
            transactions,
            questions,
        } = pools.into();
        let options = WalletOptions {
            workers: options.workers.max(1),
            batch: options.batch.max(1),
            waiting: options.waiting.clamp(MAX_INSTRUCTIONS, Semaphore::MAX_PERMITS),
            patience: options.patience,
        };
        let desk = Arc::new(Desk::new(transactions, clock, ids));
        let counters = Arc::new(Counters::default());
        let (queue, aside) = (Arc::<Queue>::default(), Arc::new(Aside::new(options.patience)));
        for number in 0..options.workers {
            let worker = Worker {
                desk: Arc::clone(&desk),
                queue: OnDuty(Arc::clone(&queue)),
                lanes: Lane::of_worker(number, options.workers),
                aside: Arc::clone(&aside),
                options,
                counters: Arc::clone(&counters),
            };
            tokio::spawn(worker.run());
        }
        tokio::spawn(Arc::clone(&aside).watch(Arc::clone(&desk), Arc::clone(&queue)));
        Self {
            desk,
            questions,
            queue,
            aside,
            room: Arc::new(Semaphore::new(options.waiting)),
            options,
            counters,
            stopping: AtomicBool::new(false),
        }
    }

    /// What it has done so far.
    pub fn counts(&self) -> WalletCounts {
        self.counters.read()
    }

    /// Takes no further calls, and waits until all that it took are answered, at most for so long. Whether they are.
    pub async fn stop(&self, patience: Duration) -> bool {
        self.stopping.store(true, Ordering::SeqCst);
        let all = u32::try_from(self.options.waiting).unwrap_or(u32::MAX);
        // All room is free once nothing waits; it never closes.
        let rest = tokio::time::timeout(patience, self.room.acquire_many(all));
        rest.await.is_ok()
    }

    /// Room for so many instructions at once.
    fn take_room(&self, wanted: usize) -> Result<OwnedSemaphorePermit, NotAnswered> {
        if self.stopping.load(Ordering::SeqCst) {
            return Err(NotAnswered::NotSent(STOPPING));
        }
        let wanted = u32::try_from(wanted).map_err(|_| NotAnswered::NotSent(FULL))?;
        let taken = Arc::clone(&self.room).try_acquire_many_owned(wanted);
        taken.map_err(|_| NotAnswered::NotSent(FULL))
    }

    /// Puts a piece into the queue and waits for its replies.
    async fn ask(
        &self,
        requests: Vec<Request>,
        room: OwnedSemaphorePermit,
    ) -> Result<Vec<Reply>, NotAnswered> {
        let (reply, replied) = oneshot::channel();
        let piece = Piece {
            requests,
            trace: trace::current(),
            reply,
            room,
        };
        if !self.queue.push(piece) {
            return Err(NotAnswered::NotSent("no worker is left"));
        }
        let gone = || NotAnswered::Unknown("the wallet's worker has ended".to_owned());
        replied.await.map_err(|_| gone())?
    }
}

/// What a read that failed means to the caller.
fn unread(error: PgError) -> NotAnswered {
    match error {
        PgError::NoConnection(_) => NotAnswered::NotSent("there is no connection to the database"),
        error => NotAnswered::Unknown(error.to_string()),
    }
}

/// A read within its time.
async fn read<T>(reading: impl Future<Output = Result<T, PgError>>) -> Result<T, NotAnswered> {
    match tokio::time::timeout(READ, reading).await {
        Ok(read) => read.map_err(unread),
        Err(_) => Err(NotAnswered::Unknown(
            "the database did not answer in time".to_owned(),
        )),
    }
}

/// The requests of a call in pieces of at most this weight, each of one request at least.
fn pieces(requests: Vec<Request>, limit: usize) -> Vec<Vec<Request>> {
    let (mut pieces, mut total) = (Vec::new(), limit);
    for request in requests {
        let weight = weight(&request);
        total += weight;
        match pieces.last_mut() {
            Some(piece) if total <= limit => Vec::push(piece, request),
            _ => {
                pieces.push(vec![request]);
                total = weight;
            }
        }
    }
    pieces
}

/// A reply of the other kind cannot come.
fn mismatch() -> NotAnswered {
    NotAnswered::Unknown("the answer is of another kind".to_owned())
}

impl std::fmt::Debug for PgWallet {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("PgWallet")
            .field("options", &self.options)
            .finish_non_exhaustive()
    }
}

impl Drop for PgWallet {
    fn drop(&mut self) {
        self.queue.close();
        self.aside.wake();
    }
}

#[async_trait]
impl Wallet for PgWallet {
    async fn instruct(
        &self,
        shard: u32,
        instructions: Vec<Instruction>,
    ) -> Result<Vec<Result<Answer, Refused>>, NotAnswered> {
        let total = instructions.len();
        if total > MAX_INSTRUCTIONS {
            return Err(NotAnswered::NotSent("more than 1,000 instructions in one call"));
        }
        if i32::try_from(shard).is_err() {
            return Err(NotAnswered::NotSent("there is no such shard"));
        }
        let mut room = self.take_room(total)?;
        let mut answers = Vec::with_capacity(total);
        let request = |instruction| Request::Instruct { shard, instruction };
        let requests = instructions.into_iter().map(request).collect();
        for piece in pieces(requests, self.options.batch) {
            let part = room.split(piece.len()).ok_or(NotAnswered::NotSent(FULL))?;
            let replies = match self.ask(piece, part).await {
                Ok(replies) => replies,
                // What went before was done.
                Err(NotAnswered::NotSent(why)) if !answers.is_empty() => {
                    return Err(NotAnswered::Unknown(why.to_owned()));
                }
                Err(error) => return Err(error),
            };
            for reply in replies {
                match reply {
                    Reply::Instruct(answer) => answers.push(answer),
                    Reply::Transfer(_) => return Err(mismatch()),
                }
            }
        }
        Ok(answers)
    }

    async fn transfer(
        &self,
        transfer: Transfer,
    ) -> Result<Result<TransferReceipt, TransferRefused>, NotAnswered> {
        let room = self.take_room(1)?;
        let replies = self.ask(vec![Request::Transfer(transfer)], room).await?;
        match replies.into_iter().next() {
            Some(Reply::Transfer(answer)) => Ok(answer),
            _ => Err(mismatch()),
        }
    }

    async fn balances(&self, users: Vec<UserId>) -> Result<Vec<UserBalance>, NotAnswered> {
        if users.len() > MAX_USERS {
            return Err(NotAnswered::NotSent("more than 1,000 users in one call"));
        }
        let rows = read(balances(&self.questions, &users)).await?;
        let balance = |row: StoredAccount| {
            let StoredAccount {
                user_id,
                asset,
                available,
                reserved,
                version,
            } = row;
            UserBalance {
                user_id,
                asset,
                available,
                reserved,
                version,
            }
        };
        let mut balances: Vec<UserBalance> = rows.into_iter().map(balance).collect();
        // The database has an order of its own for texts.
        balances.sort_unstable_by_key(|balance| (balance.user_id, balance.asset));
        Ok(balances)
    }

    async fn ledger(&self, page: EntryPage) -> Result<Vec<LedgerEntry>, NotAnswered> {
        let EntryPage {
            user_id,
            asset,
            before,
            limit,
        } = page;
        let query = EntryQuery {
            user_id,
            asset,
            before,
            limit: limit.min(MAX_LINES),
        };
        read(entries(&self.questions, &query)).await
    }

    async fn trouble(&self) -> Option<String> {
        if self.stopping.load(Ordering::SeqCst) {
            return Some(STOPPING.to_owned());
        }
        if self.queue.is_broken() {
            return Some("no worker is left".to_owned());
        }
        if self.room.available_permits() == 0 {
            return Some(FULL.to_owned());
        }
        read(ping(&self.desk.pool))
            .await
            .err()
            .map(|error| error.to_string())
    }
}

#[cfg(test)]
mod tests {
    use wallet_client::{SettleTrade, TradeParty};

    use super::*;

    #[test]
    fn a_call_of_many_settlements_is_cut_into_pieces_of_equal_work() {
        let party = TradeParty {
            user_id: UserId::from_u128(1),
            order_id: None,
            fee: domain::Amount(0),
            release: domain::Amount(0),
        };
        let settle = Instruction::Settle(SettleTrade {
            trade_id: domain::TradeId::from_u128(1),
            symbol: "BTC/USDT".parse().unwrap(),
            base: domain::Amount(1),
            quote: domain::Amount(1),
            buyer: party,
            seller: party,
        });
        let requests = |count| {
            let request = |instruction| Request::Instruct {
                shard: 0,
                instruction,
            };
            vec![settle.clone(); count].into_iter().map(request).collect()
        };
        let sizes = |count, limit| {
            let pieces = pieces(requests(count), limit);
            pieces.iter().map(Vec::len).collect::<Vec<_>>()
        };
        assert_eq!(sizes(500, 500), [125; 4]);
        assert_eq!(sizes(5, 9), [2, 2, 1]);
        assert_eq!(sizes(2, 1), [1, 1]);
        assert_eq!(sizes(0, 1), [0_usize; 0]);
    }
}
