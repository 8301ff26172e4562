//! Requests done one after the other in memory, each under its key, and all that has to be written of it.

use std::collections::{BTreeMap, HashMap};

use domain::{Asset, EntryAccount, EntryType, LedgerEntry, Stamp};
use ledger::{Posting, gather_entries};
use persistence::postgres::PgError;
use persistence::postgres::wallet::{Changes, HouseChange, NewLine, NewTransaction, StoredAnswer};
use runtime::Ids;
use uuid::Uuid;
use wallet_client::{Answer, Instruction, Refused, SettleTrade, TransferRefused, UserBalance};

use crate::book::{Book, RowState};
use crate::key::{body_hash, key};
use crate::request::{Reply, Request};
use crate::settle::Unsettled;
use crate::stored::{recall, store};
use crate::touched::{OUTSIDE, Touched};

/// The requests of one transaction at work.
pub(crate) struct Batch<'a> {
    book: Book,
    ids: &'a Ids,
    at: Stamp,
    /// What was answered before, in this transaction or an earlier one, by key.
    known: HashMap<String, StoredAnswer>,
    transactions: Vec<NewTransaction>,
    /// Fees and the world outside, by asset and shard.
    house: BTreeMap<(Asset, u32), (i64, i64)>,
}

impl<'a> Batch<'a> {
    pub fn new(book: Book, known: Vec<StoredAnswer>, at: Stamp, ids: &'a Ids) -> Self {
        Self {
            book,
            ids,
            at,
            known: known
                .into_iter()
                .map(|answer| (answer.key.clone(), answer))
                .collect(),
            transactions: Vec::new(),
            house: BTreeMap::new(),
        }
    }

    /// Does the next request, or finds its first answer. `made_at` is the age of a reservation that it makes.
    ///
    /// # Errors
    /// A stored answer cannot be read, or the book contradicts itself: nothing of the batch must be written.
    pub fn answer(&mut self, request: &Request, made_at: Stamp) -> Result<Reply, PgError> {
        let (key, body_hash) = (key(request), body_hash(request));
        if let Some(known) = self.known.get(&key) {
            return if known.body_hash == body_hash {
                recall(request, known)
            } else {
                Ok(Reply::key_conflict(request))
            };
        }
        let mut postings = Vec::new();
        let (reply, lines) = match request {
            Request::Instruct { shard, instruction } => {
                let done = self.instruct(instruction, made_at, &mut postings)?;
                let lines = self.lines(*shard, &postings);
                let answer = done.map(|balances| Answer {
                    entry_ids: entry_ids(instruction, &lines),
                    balances,
                });
                (Reply::Instruct(answer), lines)
            }
            Request::Transfer(transfer) => {
                let done = self.book.transfer(transfer, self.at, &mut postings);
                if done == Err(TransferRefused::Nothing) {
                    // There is no answer to remember.
                    return Ok(Reply::Transfer(done));
                }
                (Reply::Transfer(done), self.lines(OUTSIDE, &postings))
            }
        };
        let answer = store(key.clone(), body_hash, &reply)?;
        self.known.insert(key, answer.clone());
        self.transactions.push(NewTransaction { answer, lines });
        Ok(reply)
    }

    fn instruct(
        &mut self,
        instruction: &Instruction,
        made_at: Stamp,
        postings: &mut Vec<Posting>,
    ) -> Result<Result<Vec<UserBalance>, Refused>, PgError> {
        Ok(match instruction {
            Instruction::Reserve(r) => self.book.reserve(r, made_at, postings),
            Instruction::Release(r) => self.book.release(r, made_at, postings),
            Instruction::Merge(m) => self.book.merge(m, postings),
            Instruction::Settle(s) => match self.book.settle(s, postings) {
                Ok(balances) => Ok(balances),
                Err(Unsettled::Refused(refused)) => Err(refused),
                Err(Unsettled::Fault(fault)) => return Err(PgError::bad_row("reservations", fault)),
            },
        })
    }

    /// The lines of one request's postings, each with its id; the house's part of them is added up.
    fn lines(&mut self, shard: u32, postings: &[Posting]) -> Vec<NewLine> {
        let mut entries = Vec::new();
        gather_entries(0, self.at, postings, &mut entries);
        for entry in &entries {
            match entry.account {
                EntryAccount::User(_) => {}
                EntryAccount::Fee => self.house.entry((entry.asset, shard)).or_default().0 += entry.available,
                EntryAccount::External => {
                    self.house.entry((entry.asset, OUTSIDE)).or_default().1 += entry.available;
                }
            }
        }
        let line = |entry: LedgerEntry| NewLine {
            entry_id: self.ids.uuid_v7(),
            entry,
        };
        entries.into_iter().map(line).collect()
    }

    /// All that has to be written; none where everything was answered before.
    pub fn changes(self, touched: &Touched) -> Option<Changes> {
        let Self {
            book,
            ids: _,
            at,
            known: _,
            transactions,
            house,
        } = self;
        if transactions.is_empty() {
            return None;
        }
        let change = |((asset, shard), (fees, external))| HouseChange {
            asset,
            shard,
            fees,
            external,
        };
        Some(Changes {
            transactions,
            accounts: book.changed_accounts(&touched.accounts),
            made: book.reservations_in(RowState::New),
            changed: book.reservations_in(RowState::Changed),
            house: house.into_iter().map(change).collect(),
            at,
        })
    }
}

/// The ids of the lines that the answer names: the first one, and of a settlement the buyer's in the base asset and the
/// seller's in the quote asset. Where a fee takes all that a party receives it is the fee's line.
fn entry_ids(instruction: &Instruction, lines: &[NewLine]) -> Vec<Uuid> {
    let Instruction::Settle(SettleTrade { symbol, .. }) = instruction else {
        return lines.first().map(|line| line.entry_id).into_iter().collect();
    };
    let of = |entry_type: EntryType, asset: Asset| {
        let found = |wanted| {
            let mut lines = lines.iter();
            lines.find(|line| (line.entry.entry_type, line.entry.asset) == (wanted, asset))
        };
        found(entry_type)
            .or_else(|| found(EntryType::Fee))
            .map(|line| line.entry_id)
    };
    let buyers = of(EntryType::TradeBuy, symbol.base);
    buyers
        .into_iter()
        .chain(of(EntryType::TradeSell, symbol.quote))
        .collect()
}
