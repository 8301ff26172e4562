//! The wallet in memory: the `ledger` crate behind the trait. The reference for every other wallet, and a stand-in for
//! tests.

mod settle;

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use async_trait::async_trait;
use domain::{
    Amount, Asset, EntryAccount, LedgerEntry, Merge, OrderId, Release, RequestId, Reserve, Stamp, Transfer,
    TransferReceipt, UserId,
};
use ledger::{
    Ledger, LedgerFault, Posting, ReservationHandle, ReserveError, TransferAnswer, TransferRefusal,
    gather_entries,
};
use runtime::Clock;
use uuid::Uuid;

use crate::{Answer, EntryPage, Instruction, NotAnswered, Refused, TransferRefused, UserBalance, Wallet};

/// The most instructions, users and lines of one call.
const MOST: usize = 1_000;

/// The wallet in memory. It keeps the rules of the trait, every one of them, and forgets all when it is dropped.
#[derive(Debug)]
pub struct LedgerWallet {
    books: Mutex<Books>,
    clock: Clock,
}

#[derive(Debug)]
struct Books {
    ledger: Ledger,
    /// Every reservation that there was, by its id.
    reservations: BTreeMap<u128, Reservation>,
    /// Those that may be used, by owner, asset and age.
    by_age: BTreeMap<(UserId, Asset, u64), u128>,
    /// What was answered under each key, and to what.
    answered: BTreeMap<Key, (Instruction, Result<Answer, Refused>)>,
    entries: Vec<LedgerEntry>,
    /// The number of the latest transaction.
    number: u64,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Key {
    Reserve(u128),
    Release(u128, u32),
    Settle(u128),
    Merge(u128),
}

#[derive(Debug, Clone, Copy)]
enum Reservation {
    /// It may be used.
    Held(Held),
    /// Nothing of it is left.
    Ended { user_id: UserId, asset: Asset },
    /// The balance did not cover it.
    Refused,
    /// It was released before it came.
    Tombstone,
}

#[derive(Debug, Clone, Copy)]
struct Held {
    handle: ReservationHandle,
    user_id: UserId,
    asset: Asset,
    /// What its order receives, where that is known.
    receives: Option<Asset>,
    age: u64,
}

/// An id of a reservation: the amendment's, or the order's.
const fn reservation_id(order_id: OrderId, request_id: Option<RequestId>) -> u128 {
    match request_id {
        Some(request_id) => request_id.as_u128(),
        None => order_id.as_u128(),
    }
}

fn not_reserved(why: &str) -> Refused {
    Refused::NotReserved(why.to_owned())
}

fn invalid(field: &str, rule: &str) -> Refused {
    Refused::Invalid {
        field: field.to_owned(),
        rule: rule.to_owned(),
    }
}

impl LedgerWallet {
    /// An empty one.
    pub fn new(clock: Clock) -> Self {
        let books = Books {
            ledger: Ledger::new(0),
            reservations: BTreeMap::new(),
            by_age: BTreeMap::new(),
            answered: BTreeMap::new(),
            entries: Vec::new(),
            number: 0,
        };
        Self {
            books: Mutex::new(books),
            clock,
        }
    }

    /// Whether everything sums to zero and what is reserved is what the reservations hold.
    ///
    /// # Errors
    /// The first thing that does not hold.
    pub fn check(&self) -> Result<(), LedgerFault> {
        self.books().ledger.check()
    }

    /// The fees collected of an asset.
    pub fn fees(&self, asset: Asset) -> Amount {
        self.books().ledger.fees(asset)
    }

    /// What a reservation holds, by the order's or the amendment's id; none where it may not be used.
    pub(crate) fn left(&self, id: u128) -> Option<Amount> {
        let books = self.books();
        let held = books.held(id).ok()?;
        Some(books.ledger.reserved(held.handle.slot))
    }

    fn books(&self) -> MutexGuard<'_, Books> {
        self.books.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn now(&self) -> Stamp {
        Stamp::from_micros(self.clock.wall_us())
    }
}

impl Default for LedgerWallet {
    /// An empty one with the machine's clock.
    fn default() -> Self {
        Self::new(Clock::System)
    }
}

impl Books {
    fn instruct(&mut self, instruction: &Instruction, at: Stamp) -> Result<Answer, Refused> {
        let key = match instruction {
            Instruction::Reserve(reserve) => {
                Key::Reserve(reservation_id(reserve.order_id, reserve.request_id))
            }
            Instruction::Release(release) => {
                let id = reservation_id(release.order_id, release.request_id);
                Key::Release(id, release.number)
            }
            Instruction::Settle(settle) => Key::Settle(settle.trade_id.as_u128()),
            Instruction::Merge(merge) => Key::Merge(merge.request_id.as_u128()),
        };
        if let Some((first, answer)) = self.answered.get(&key) {
            return if first == instruction {
                answer.clone()
            } else {
                Err(Refused::KeyConflict)
            };
        }
        let answer = match instruction {
            Instruction::Reserve(reserve) => self.reserve(reserve, at),
            Instruction::Release(release) => self.release(release, at),
            Instruction::Settle(settle) => self.settle(settle, at),
            Instruction::Merge(merge) => self.merge(merge, at),
        };
        self.answered.insert(key, (instruction.clone(), answer.clone()));
        answer
    }

    fn reserve(&mut self, r: &Reserve, at: Stamp) -> Result<Answer, Refused> {
        let id = reservation_id(r.order_id, r.request_id);
        if r.amount.is_zero() {
            return Err(invalid("amount", "must be greater than 0"));
        }
        if matches!(self.reservations.get(&id), Some(Reservation::Tombstone)) {
            return Err(Refused::Released);
        }
        let (user_id, asset) = (r.user_id, r.asset);
        let mut postings: Vec<Posting> = Vec::new();
        let slot = match self.ledger.reserve(r, &mut postings) {
            Ok(slot) => slot,
            Err(ReserveError::InsufficientBalance { .. }) => {
                self.reservations.insert(id, Reservation::Refused);
                let balance = self.balance(user_id, asset);
                return Err(Refused::InsufficientBalance { balance });
            }
            Err(ReserveError::Fault(fault)) => return Err(not_reserved(&fault.to_string())),
        };
        let entry_ids = self.write(&postings, at);
        let age = self.number;
        let handle = ReservationHandle {
            order_id: r.order_id,
            request_id: r.request_id,
            slot,
        };
        let held = Held {
            handle,
            user_id,
            asset,
            receives: (r.receives != asset).then_some(r.receives),
            age,
        };
        self.reservations.insert(id, Reservation::Held(held));
        self.by_age.insert((user_id, asset, age), id);
        Ok(self.answer(entry_ids, &[(user_id, asset)]))
    }

    fn release(&mut self, r: &Release, at: Stamp) -> Result<Answer, Refused> {
        let id = reservation_id(r.order_id, r.request_id);
        let (user_id, asset) = (r.user_id, r.asset);
        let held = match self.reservations.get(&id) {
            None => {
                self.reservations.insert(id, Reservation::Tombstone);
                return Ok(self.answer(Vec::new(), &[(user_id, asset)]));
            }
            Some(Reservation::Refused | Reservation::Tombstone) => {
                return Ok(self.answer(Vec::new(), &[(user_id, asset)]));
            }
            Some(Reservation::Held(held)) => *held,
            Some(Reservation::Ended {
                user_id: owner,
                asset: paid,
            }) => {
                return if (*owner, *paid) != (user_id, asset) {
                    Err(not_reserved("it is not this user's reservation of this asset"))
                } else if r.amount.is_zero() {
                    Ok(self.answer(Vec::new(), &[(user_id, asset)]))
                } else {
                    Err(Refused::InvalidReleaseAmount)
                };
            }
        };
        if (held.user_id, held.asset, held.handle.order_id) != (user_id, asset, r.order_id) {
            return Err(not_reserved("it is not this user's reservation of this asset"));
        }
        let left = self.ledger.reserved(held.handle.slot);
        let whole = r.last || r.number == 0;
        if r.amount > left || (whole && r.amount != left) {
            return Err(Refused::InvalidReleaseAmount);
        }
        let release = Release {
            last: r.amount == left,
            ..*r
        };
        let mut postings: Vec<Posting> = Vec::new();
        let released = self.ledger.release(&release, held.handle.slot, &mut postings);
        released.map_err(|_| Refused::InvalidReleaseAmount)?;
        if release.last {
            self.end(id, held);
        }
        let entry_ids = self.write(&postings, at);
        Ok(self.answer(entry_ids, &[(user_id, asset)]))
    }

    fn merge(&mut self, m: &Merge, at: Stamp) -> Result<Answer, Refused> {
        let amendment = self.held(m.request_id.as_u128())?;
        let order = self.held(m.order_id.as_u128())?;
        if m.amount != self.ledger.reserved(amendment.handle.slot) {
            return Err(not_reserved("a merge takes all that the amendment holds"));
        }
        let mut postings: Vec<Posting> = Vec::new();
        let merged = self
            .ledger
            .merge(m, amendment.handle.slot, order.handle.slot, &mut postings);
        merged.map_err(|fault| not_reserved(&fault.to_string()))?;
        self.end(m.request_id.as_u128(), amendment);
        let entry_ids = self.write(&postings, at);
        Ok(self.answer(entry_ids, &[(m.user_id, m.asset)]))
    }

    /// A reservation that may be used.
    fn held(&self, id: u128) -> Result<Held, Refused> {
        match self.reservations.get(&id) {
            Some(Reservation::Held(held)) => Ok(*held),
            Some(Reservation::Ended { .. }) => Err(not_reserved("nothing of it is left")),
            Some(Reservation::Refused | Reservation::Tombstone) | None => Err(not_reserved("there is none")),
        }
    }

    /// Takes a reservation out of those that may be used.
    fn end(&mut self, id: u128, held: Held) {
        let Held {
            user_id, asset, age, ..
        } = held;
        self.by_age.remove(&(user_id, asset, age));
        self.reservations
            .insert(id, Reservation::Ended { user_id, asset });
    }

    /// Writes the lines of one transaction; the id of its first one.
    fn write(&mut self, postings: &[Posting], at: Stamp) -> Vec<Uuid> {
        let first = self.entries.len();
        self.number += 1;
        gather_entries(self.number, at, postings, &mut self.entries);
        self.entries.get(first).map(entry_id).into_iter().collect()
    }

    fn answer(&self, entry_ids: Vec<Uuid>, touched: &[(UserId, Asset)]) -> Answer {
        let balances = touched
            .iter()
            .map(|(user_id, asset)| self.balance(*user_id, *asset));
        Answer {
            entry_ids,
            balances: balances.collect(),
        }
    }

    fn balance(&self, user_id: UserId, asset: Asset) -> UserBalance {
        let balance = self.ledger.balance(user_id, asset).unwrap_or_default();
        user_balance(user_id, asset, balance)
    }

    fn transfer(&mut self, transfer: &Transfer, at: Stamp) -> Result<TransferReceipt, TransferRefused> {
        let mut postings: Vec<Posting> = Vec::new();
        let answer = self.ledger.transfer(transfer, at, &mut postings);
        let receipt = match answer {
            TransferAnswer::Done(receipt) => {
                self.write(&postings, at);
                receipt
            }
            TransferAnswer::Repeated(receipt) => receipt,
            TransferAnswer::Refused(TransferRefusal::InsufficientBalance { .. }) => {
                return Err(TransferRefused::InsufficientBalance);
            }
            TransferAnswer::Refused(TransferRefusal::TooLarge) => return Err(TransferRefused::TooLarge),
            TransferAnswer::KeyConflict => return Err(TransferRefused::KeyConflict),
            TransferAnswer::Nothing => return Err(TransferRefused::Nothing),
        };
        Ok(TransferReceipt {
            key: transfer.key.clone(),
            kind: transfer.kind,
            user_id: transfer.user_id,
            asset: transfer.asset,
            amount: transfer.amount,
            available: receipt.balance.available,
            at: receipt.at,
        })
    }
}

const fn user_balance(user_id: UserId, asset: Asset, balance: ledger::Balance) -> UserBalance {
    let ledger::Balance {
        available,
        reserved,
        version,
    } = balance;
    UserBalance {
        user_id,
        asset,
        available,
        reserved,
        version,
    }
}

/// The name of a line: its transaction and its place in it, as a UUID of a form of one's own (version 8).
fn entry_id(entry: &LedgerEntry) -> Uuid {
    let bits = u128::from(entry.seq) << 64 | u128::from(entry.line);
    uuid::Builder::from_custom_bytes(bits.to_be_bytes()).into_uuid()
}

#[async_trait]
impl Wallet for LedgerWallet {
    async fn instruct(
        &self,
        _shard: u32,
        instructions: Vec<Instruction>,
    ) -> Result<Vec<Result<Answer, Refused>>, NotAnswered> {
        if instructions.len() > MOST {
            return Err(NotAnswered::NotSent("one call takes at most 1,000 instructions"));
        }
        let at = self.now();
        let mut books = self.books();
        Ok(instructions
            .iter()
            .map(|instruction| books.instruct(instruction, at))
            .collect())
    }

    async fn transfer(
        &self,
        transfer: Transfer,
    ) -> Result<Result<TransferReceipt, TransferRefused>, NotAnswered> {
        let at = self.now();
        Ok(self.books().transfer(&transfer, at))
    }

    async fn balances(&self, mut users: Vec<UserId>) -> Result<Vec<UserBalance>, NotAnswered> {
        if users.len() > MOST {
            return Err(NotAnswered::NotSent("one call takes at most 1,000 users"));
        }
        users.sort_unstable();
        users.dedup();
        let books = self.books();
        let of_user = |user_id| {
            let balances = books.ledger.balances(user_id).into_iter();
            balances.map(move |(asset, balance)| user_balance(user_id, asset, balance))
        };
        Ok(users.into_iter().flat_map(of_user).collect())
    }

    async fn ledger(&self, page: EntryPage) -> Result<Vec<LedgerEntry>, NotAnswered> {
        let EntryPage {
            user_id,
            asset,
            before,
            limit,
        } = page;
        let books = self.books();
        let wanted = books.entries.iter().rev().filter(|entry| {
            entry.account == EntryAccount::User(user_id)
                && asset.is_none_or(|asset| entry.asset == asset)
                && before.is_none_or(|before| (entry.seq, entry.line) < before)
        });
        Ok(wanted.take(limit.min(MOST)).cloned().collect())
    }

    async fn trouble(&self) -> Option<String> {
        None
    }
}
