//! What waits for a worker, in two lanes: settlements, of which many come at once, and all else, which users wait for.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use runtime::trace::TraceContext;
use tokio::sync::{Notify, OwnedSemaphorePermit, oneshot};
use wallet_client::{Instruction, NotAnswered};

use crate::request::{Reply, Request};

/// So much work a settlement is: it touches two users, four accounts and two reservations.
const SETTLEMENT: usize = 4;

/// How much work a request is.
pub(crate) const fn weight(request: &Request) -> usize {
    match request {
        Request::Instruct {
            instruction: Instruction::Settle(_),
            ..
        } => SETTLEMENT,
        Request::Instruct { .. } | Request::Transfer(_) => 1,
    }
}

/// Requests of one call, done in one transaction.
pub(crate) struct Piece {
    pub requests: Vec<Request>,
    /// The trace of the call.
    pub trace: Option<TraceContext>,
    pub reply: oneshot::Sender<Result<Vec<Reply>, NotAnswered>>,
    /// Its room in the queue, given back when it is answered.
    pub room: OwnedSemaphorePermit,
}

impl Piece {
    fn weight(&self) -> usize {
        self.requests.iter().map(weight).sum()
    }

    fn lane(&self) -> Lane {
        if self.requests.iter().any(|request| weight(request) == SETTLEMENT) {
            Lane::Settling
        } else {
            Lane::Other
        }
    }
}

/// Where a piece waits.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Lane {
    /// There is a settlement in it.
    Settling,
    /// There is none.
    Other,
}

impl Lane {
    /// The lanes of a worker. Two share them, so that neither kind waits for the other; a single one takes some of both
    /// into each transaction.
    pub(crate) const fn of_worker(number: usize, workers: usize) -> &'static [Self] {
        match (workers, number % 2) {
            (1, _) => &[Self::Other, Self::Settling],
            (_, 0) => &[Self::Other],
            _ => &[Self::Settling],
        }
    }
}

#[derive(Default)]
struct Lanes {
    settling: VecDeque<Piece>,
    other: VecDeque<Piece>,
    /// Nobody can ask any more: what waits is the last.
    closed: bool,
    /// A worker has ended too early: what waits would wait for ever.
    broken: bool,
}

impl Lanes {
    const fn of(&mut self, lane: Lane) -> &mut VecDeque<Piece> {
        match lane {
            Lane::Settling => &mut self.settling,
            Lane::Other => &mut self.other,
        }
    }
}

/// Pieces that wait. Whoever puts them in bounds how many there are.
#[derive(Default)]
pub(crate) struct Queue {
    lanes: Mutex<Lanes>,
    changed: Notify,
}

impl Queue {
    fn lanes(&self) -> MutexGuard<'_, Lanes> {
        self.lanes.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Puts a piece behind the others of its lane. False: nobody would do it.
    pub fn push(&self, piece: Piece) -> bool {
        let mut lanes = self.lanes();
        if lanes.broken {
            return false;
        }
        let lane = piece.lane();
        lanes.of(lane).push_back(piece);
        drop(lanes);
        self.changed.notify_waiters();
        true
    }

    /// Puts pieces that were out already before the others of their lanes.
    pub fn put_back(&self, pieces: Vec<Piece>) {
        let mut lanes = self.lanes();
        if lanes.broken {
            return;
        }
        for piece in pieces.into_iter().rev() {
            let lane = piece.lane();
            lanes.of(lane).push_front(piece);
        }
        drop(lanes);
        self.changed.notify_waiters();
    }

    /// Waits for pieces of these lanes, and takes of each lane as much as one transaction does: up to this weight, and
    /// one piece at least. None: nobody can ask any more.
    pub async fn take(&self, of: &[Lane], limit: usize) -> Option<Vec<Piece>> {
        loop {
            let changed = self.changed.notified();
            let mut pieces = Vec::new();
            {
                let mut lanes = self.lanes();
                for lane in of {
                    let (lane, mut total) = (lanes.of(*lane), 0);
                    while let Some(piece) = lane.front() {
                        total += piece.weight();
                        if total > limit && total > piece.weight() {
                            break;
                        }
                        pieces.extend(lane.pop_front());
                    }
                }
                if pieces.is_empty() && (lanes.closed || lanes.broken) {
                    return None;
                }
            }
            if !pieces.is_empty() {
                return Some(pieces);
            }
            changed.await;
        }
    }

    /// Lets the workers end once nothing waits.
    pub fn close(&self) {
        self.lanes().closed = true;
        self.changed.notify_waiters();
    }

    pub fn is_closed(&self) -> bool {
        self.lanes().closed
    }

    /// Whether a worker has ended too early.
    pub fn is_broken(&self) -> bool {
        self.lanes().broken
    }
}

/// A worker's part in a queue. When it is dropped before the queue is closed, those who wait hear of it.
pub(crate) struct OnDuty(pub Arc<Queue>);

impl Drop for OnDuty {
    fn drop(&mut self) {
        let mut lanes = self.0.lanes();
        if lanes.closed {
            return;
        }
        lanes.broken = true;
        let left = [
            std::mem::take(&mut lanes.settling),
            std::mem::take(&mut lanes.other),
        ];
        drop(lanes);
        drop(left);
        self.0.changed.notify_waiters();
    }
}

#[cfg(test)]
mod tests {
    use domain::{Amount, OrderId, Reserve, TradeId, UserId};
    use futures_util::FutureExt as _;
    use tokio::sync::Semaphore;
    use wallet_client::{SettleTrade, TradeParty};

    use super::*;

    const BOTH: &[Lane] = Lane::of_worker(0, 1);

    fn reserve() -> Request {
        let reserve = Reserve {
            order_id: OrderId::from_u128(1),
            request_id: None,
            user_id: UserId::from_u128(1),
            asset: "USDT".parse().unwrap(),
            receives: "BTC".parse().unwrap(),
            amount: Amount(1),
        };
        Request::Instruct {
            shard: 0,
            instruction: Instruction::Reserve(reserve),
        }
    }

    fn settle() -> Request {
        let party = TradeParty {
            user_id: UserId::from_u128(1),
            order_id: None,
            fee: Amount(0),
            release: Amount(0),
        };
        let settle = SettleTrade {
            trade_id: TradeId::from_u128(1),
            symbol: "BTC/USDT".parse().unwrap(),
            base: Amount(1),
            quote: Amount(1),
            buyer: party,
            seller: party,
        };
        Request::Instruct {
            shard: 0,
            instruction: Instruction::Settle(settle),
        }
    }

    type Replied = oneshot::Receiver<Result<Vec<Reply>, NotAnswered>>;

    fn piece(requests: Vec<Request>) -> (Piece, Replied) {
        let (reply, replied) = oneshot::channel();
        let room = Arc::new(Semaphore::new(1)).try_acquire_owned().unwrap();
        let piece = Piece {
            requests,
            trace: None,
            reply,
            room,
        };
        (piece, replied)
    }

    fn queue(pieces: Vec<Vec<Request>>) -> Queue {
        let queue = Queue::default();
        for requests in pieces {
            assert!(queue.push(piece(requests).0));
        }
        queue
    }

    /// The sizes of the pieces that are taken; none where one would have to wait.
    fn taken(queue: &Queue, lanes: &[Lane], limit: usize) -> Option<Vec<usize>> {
        let pieces = queue.take(lanes, limit).now_or_never()??;
        Some(pieces.iter().map(|piece| piece.requests.len()).collect())
    }

    #[test]
    fn what_users_wait_for_does_not_wait_behind_settlements() {
        let queue = queue(vec![vec![settle(); 9], vec![settle(); 2], vec![reserve()]]);
        let (others, settling) = (Lane::of_worker(0, 2), Lane::of_worker(1, 2));
        assert_eq!(taken(&queue, others, 8), Some(vec![1]));
        assert_eq!(taken(&queue, others, 8), None);
        assert_eq!(taken(&queue, settling, 8), Some(vec![9]), "one at least");
        assert_eq!(taken(&queue, settling, 8), Some(vec![2]));
        assert_eq!(taken(&queue, settling, 8), None);
    }

    #[test]
    fn a_single_worker_takes_some_of_both_each_time() {
        let queue = queue(vec![
            vec![settle()],
            vec![settle()],
            vec![settle(), reserve()],
            vec![reserve(); 3],
            vec![reserve(); 5],
            vec![reserve()],
        ]);
        assert_eq!(taken(&queue, BOTH, 8), Some(vec![3, 5, 1, 1]));
        assert_eq!(taken(&queue, BOTH, 8), Some(vec![1, 2]));
        assert_eq!(taken(&queue, BOTH, 8), None);
    }

    #[test]
    fn what_was_out_comes_before_the_others() {
        let queue = queue(vec![vec![reserve(); 3]]);
        queue.put_back(vec![piece(vec![reserve()]).0, piece(vec![reserve(); 2]).0]);
        assert_eq!(taken(&queue, BOTH, 500), Some(vec![1, 2, 3]));
    }

    #[test]
    fn it_ends_once_it_is_closed_and_empty() {
        let queue = queue(vec![vec![reserve()]]);
        queue.close();
        assert_eq!(taken(&queue, BOTH, 1), Some(vec![1]));
        assert!(matches!(queue.take(BOTH, 1).now_or_never(), Some(None)));
    }

    #[test]
    fn whoever_waits_for_a_worker_that_has_gone_hears_of_it() {
        let queue = Arc::new(Queue::default());
        let worker = OnDuty(Arc::clone(&queue));
        let (waiting, mut replied) = piece(vec![reserve()]);
        assert!(queue.push(waiting) && !queue.is_broken());
        drop(worker);
        assert!(queue.is_broken());
        assert_eq!(replied.try_recv(), Err(oneshot::error::TryRecvError::Closed));
        assert!(!queue.push(piece(vec![reserve()]).0));
    }
}
