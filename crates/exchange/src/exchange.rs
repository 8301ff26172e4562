//! The exchange's state, its one door for commands and log records, and what can be read of it.

use std::sync::Arc;

use domain::{
    Asset, Command, Digest, Event, MarketEvent, MarketNumber, Order, OrderId, OrderRef, Outcome, Place,
    Refusal, Stamp, Trade, Transfer, TransferReceipt, UserId,
};
use engine::{Answer, Engine, EngineFault, OwnFees, RULES_VERSION};
use ledger::{Balance, Ledger, LedgerFault, Posting, Postings, TransferAnswer, TransferRefusal};

use crate::DIGEST_EVERY;
use crate::digest;
use crate::ended::Ended;
use crate::funds::LedgerFunds;
use crate::log::{LogBody, LogEntry, LogError};
use crate::register::{Register, RegisterFault};
use crate::tape::Tape;

/// What commands gave; kept and cleared by the caller, so that it need not grow again.
#[derive(Debug, Default)]
pub struct Output {
    /// Events, each in its market's sequence.
    pub events: Vec<MarketEvent>,
    /// Every change of every account, if somebody wants to know.
    pub postings: Option<Vec<Posting>>,
}

impl Postings for Output {
    fn post(&mut self, posting: Posting) {
        if let Some(postings) = &mut self.postings {
            postings.push(posting);
        }
    }
}

/// An invariant that does not hold: a fault in the program.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Fault {
    /// In books or orders.
    #[error("books or orders are wrong: {0:?}")]
    Engine(EngineFault),
    /// In accounts.
    #[error("accounts are wrong: {0}")]
    Ledger(LedgerFault),
    /// In tiers or API keys.
    #[error("the register is wrong: {0}")]
    Register(RegisterFault),
    /// What an order holds is not what the ledger has reserved for it.
    #[error("order {0} holds another amount than is reserved for it")]
    Reservation(OrderId),
    /// The ledger holds reservations that no live order needs.
    #[error("reservations are held that no live order needs")]
    Stray,
}

/// The embedded exchange.
#[derive(Debug)]
pub struct Exchange {
    pub(crate) engine: Engine,
    pub(crate) ledger: Ledger,
    pub(crate) tape: Tape,
    pub(crate) ended: Ended,
    pub(crate) register: Register,
    /// The digest of all events so far.
    pub(crate) digest: Digest,
    /// The number of the last record.
    pub(crate) seq: u64,
    /// The stamp of the last record.
    pub(crate) last: Stamp,
    /// Commands since the last digest in the log.
    pub(crate) undigested: u32,
}

impl Exchange {
    /// An exchange without markets and money. The seed keys the hashes over callers' input; it changes no result.
    pub fn new(hash_seed: u64) -> Self {
        Self {
            engine: Engine::new(hash_seed),
            ledger: Ledger::new(hash_seed),
            tape: Tape::default(),
            ended: Ended::new(hash_seed),
            register: Register::default(),
            digest: Digest::default(),
            seq: 0,
            last: Stamp::FIRST,
            undigested: 0,
        }
    }

    /// The stamp for a command that comes at this moment: never before the last one's.
    pub fn stamp(&self, now: Stamp) -> Stamp {
        now.max(self.last)
    }

    /// Fixes at entry what the log must carry: the protection price of an order without a limit.
    pub fn prepare(&self, place: &mut Place) {
        self.engine.prepare(place);
    }

    /// Applies a command at its stamp as the next record. It never fails; what cannot be done is answered so.
    pub fn apply(&mut self, at: Stamp, command: &Command, out: &mut Output) -> Outcome {
        let at = self.stamp(at);
        self.last = at;
        self.seq += 1;
        self.undigested += 1;
        let before = out.events.len();
        let outcome = match command {
            Command::Transfer(transfer) => self.transfer(at, transfer, out),
            _ => match self.register.apply(at, command) {
                Some(Ok(())) => Outcome::Done,
                Some(Err(refusal)) => Outcome::Refused(refusal),
                None => self.trade(at, command, out),
            },
        };
        let events = &out.events[before..];
        digest::add(&mut self.digest, self.seq, at, command, &outcome, events);
        outcome
    }

    /// Applies a command of the engine's.
    fn trade(&mut self, at: Stamp, command: &Command, out: &mut Output) -> Outcome {
        let before = out.events.len();
        let mut events = std::mem::take(&mut out.events);
        let fees = self.own_fees(command);
        let mut funds = LedgerFunds {
            ledger: &mut self.ledger,
            postings: out,
        };
        let answer = self
            .engine
            .apply_with_fees(at, command, fees, &mut funds, &mut events);
        out.events = events;
        for event in &out.events[before..] {
            match &event.event {
                Event::Trade(trade) => self.tape.push(**trade),
                Event::OrderClosed(order) => self.ended.push(Arc::clone(order)),
                _ => {}
            }
        }
        self.outcome(answer, command)
    }

    /// The fees of the tier of whoever places an order.
    fn own_fees(&self, command: &Command) -> OwnFees {
        let Command::Place(place) = command else {
            return OwnFees::default();
        };
        self.register
            .tier_of(place.user_id)
            .map_or(OwnFees::default(), |tier| OwnFees {
                maker: tier.maker_fee,
                taker: tier.taker_fee,
            })
    }

    /// The digest that must stand in the log now, if one is due; the next record is then its.
    pub fn digest_due(&mut self) -> Option<LogBody> {
        if self.undigested < DIGEST_EVERY {
            return None;
        }
        self.undigested = 0;
        self.seq += 1;
        Some(LogBody::Digest(self.digest.value()))
    }

    /// Applies a record of the log.
    ///
    /// # Errors
    /// Rules that this program does not contain, or a digest that differs: the log must not be replayed further.
    pub fn replay(&mut self, entry: &LogEntry, out: &mut Output) -> Result<(), LogError> {
        if entry.rules != RULES_VERSION {
            return Err(LogError::UnknownRules {
                found: entry.rules,
                ours: RULES_VERSION,
            });
        }
        match &entry.body {
            LogBody::Command(command) => {
                self.apply(entry.at, command, out);
            }
            LogBody::Digest(logged) => {
                self.seq += 1;
                self.undigested = 0;
                let replayed = self.digest.value();
                if *logged != replayed {
                    return Err(LogError::DigestDiffers {
                        seq: self.seq,
                        logged: *logged,
                        replayed,
                    });
                }
            }
        }
        Ok(())
    }

    fn transfer(&mut self, at: Stamp, transfer: &Transfer, out: &mut Output) -> Outcome {
        let receipt = |receipt: ledger::Receipt| {
            Outcome::Transferred(TransferReceipt {
                key: transfer.key.clone(),
                kind: transfer.kind,
                user_id: transfer.user_id,
                asset: transfer.asset,
                amount: transfer.amount,
                available: receipt.balance.available,
                at: receipt.at,
            })
        };
        match self.ledger.transfer(transfer, at, out) {
            TransferAnswer::Done(done) | TransferAnswer::Repeated(done) => receipt(done),
            TransferAnswer::KeyConflict => Outcome::Refused(Refusal::TransferKeyConflict),
            TransferAnswer::Refused(TransferRefusal::InsufficientBalance { .. }) => {
                Outcome::Refused(Refusal::InsufficientBalance)
            }
            TransferAnswer::Refused(TransferRefusal::TooLarge) => Outcome::Refused(Refusal::BalanceTooLarge),
            TransferAnswer::Nothing => {
                let error = domain::FieldError::new("amount", "must be greater than 0");
                Outcome::Refused(Refusal::Shape(error))
            }
        }
    }

    fn outcome(&self, answer: Answer, command: &Command) -> Outcome {
        let told = |id: OrderId, outcome: fn(Arc<Order>) -> Outcome| match self.order(id) {
            Some(order) => outcome(order),
            None => Outcome::RepeatedLongAgo(id),
        };
        match answer {
            Answer::Done | Answer::NotMine => Outcome::Done,
            Answer::Placed(id) => told(id, Outcome::Placed),
            Answer::Repeated(id) => told(id, Outcome::Repeated),
            Answer::Cancelled(id) => told(id, Outcome::Cancelled),
            Answer::Amended(id) => told(id, Outcome::Amended),
            Answer::Armed(at) => Outcome::Armed(at),
            Answer::SessionOpened(id) => Outcome::SessionOpened(id),
            Answer::CancelledAll(count) => Outcome::CancelledAll(count),
            Answer::Refused(Refusal::UnknownOrder) => Outcome::Refused(self.unknown(command)),
            Answer::Refused(refusal) => Outcome::Refused(refusal),
        }
    }

    /// An order that is not live: ended lately, or unknown to its caller.
    fn unknown(&self, command: &Command) -> Refusal {
        let (user_id, order) = match command {
            Command::Cancel(cancel) => (cancel.user_id, &cancel.order),
            Command::Amend(amend) => (amend.user_id, &amend.order),
            _ => return Refusal::UnknownOrder,
        };
        match self.order_of(user_id, order) {
            Some(order) => Refusal::OrderEnded(order),
            None => Refusal::UnknownOrder,
        }
    }

    /// A live or lately ended order.
    pub fn order(&self, id: OrderId) -> Option<Arc<Order>> {
        match self.engine.order(id) {
            Some(order) => Some(Arc::new(order.clone())),
            None => self.ended.get(id).cloned(),
        }
    }

    /// A live or lately ended order of this user's.
    pub fn order_of(&self, user_id: UserId, order: &OrderRef) -> Option<Arc<Order>> {
        let order = self.order(self.engine.resolve(user_id, order)?)?;
        (order.user_id == user_id).then_some(order)
    }

    /// A user's live orders in order of entry.
    pub fn live_orders_of(&self, user_id: UserId) -> impl Iterator<Item = &Order> {
        self.engine.orders_of(user_id)
    }

    /// A user's lately ended orders, latest end first.
    pub fn ended_orders_of(&self, user_id: UserId) -> impl Iterator<Item = &Arc<Order>> {
        self.ended.of(user_id)
    }

    /// Everybody's lately ended orders, earliest end first.
    pub fn ended_orders(&self) -> impl Iterator<Item = &Arc<Order>> {
        self.ended.all()
    }

    /// A user's balances, by asset.
    pub fn balances(&self, user_id: UserId) -> Vec<(Asset, Balance)> {
        self.ledger.balances(user_id)
    }

    /// A market's last trades, newest first.
    pub fn trades(&self, market: MarketNumber) -> impl Iterator<Item = &Trade> {
        self.tape.latest(market)
    }

    /// Books, orders and markets, to read.
    pub const fn engine(&self) -> &Engine {
        &self.engine
    }

    /// Accounts, to read.
    pub const fn ledger(&self) -> &Ledger {
        &self.ledger
    }

    /// Tiers and API keys, to read.
    pub const fn register(&self) -> &Register {
        &self.register
    }

    /// The number of the last record.
    pub const fn seq(&self) -> u64 {
        self.seq
    }

    /// The stamp of the last record.
    pub const fn last(&self) -> Stamp {
        self.last
    }

    /// The digest of all events so far.
    pub const fn event_digest(&self) -> u128 {
        self.digest.value()
    }

    /// Checks every invariant. Walks everything: for tests and audits.
    ///
    /// # Errors
    /// The first that does not hold.
    pub fn check(&self) -> Result<(), Fault> {
        self.faults().into_iter().next().map_or(Ok(()), Err)
    }

    /// What does not hold: the first of each market, of each asset's sum and accounts, and of each other room, so that what is
    /// wrong in one hides none in another; none: all is well. Walks everything, too.
    pub fn faults(&self) -> Vec<Fault> {
        let mut faults: Vec<Fault> = self.engine.faults().into_iter().map(Fault::Engine).collect();
        faults.extend(self.ledger.faults().into_iter().map(Fault::Ledger));
        faults.extend(self.register.check(self.last).err().map(Fault::Register));
        let mut held = 0;
        let mut differing = None;
        for (order_id, slot, amount) in self.engine.reservations() {
            held += 1;
            if self.ledger.reserved(ledger::ReservationSlot(slot.0)) != amount {
                differing.get_or_insert(order_id);
            }
        }
        faults.extend(differing.map(Fault::Reservation));
        if self.ledger.reservation_count() != held {
            faults.push(Fault::Stray);
        }
        faults
    }
}

#[cfg(test)]
mod tests;
