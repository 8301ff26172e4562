//! The whole exchange as bytes, and the exchange made again from them.

use std::collections::HashMap;

use domain::{Digest, Order, OrderId, Stamp};
use engine::{Engine, EngineSnapshot, FundsSlot, RULES_VERSION};
use ledger::{Ledger, LedgerSnapshot};
use serde::{Deserialize, Serialize};

use crate::ended::Ended;
use crate::exchange::Exchange;
use crate::register::Register;
use crate::tape::Tape;

/// The version of the snapshot's encoding.
const FORMAT: u8 = 2;

/// Why a snapshot cannot be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SnapshotError {
    /// It was written in an encoding that this program does not know.
    #[error("the snapshot has format version {0}, and this program reads version {FORMAT} only")]
    UnknownFormat(u8),
    /// It was made by rules that this program does not contain.
    #[error("the snapshot was made by rules version {found}, and this program contains version {ours} only")]
    UnknownRules {
        /// The snapshot's.
        found: u16,
        /// The program's.
        ours: u16,
    },
    /// It cannot be read, or contradicts itself.
    #[error("the snapshot cannot be used: {0}")]
    Malformed(String),
}

#[derive(Serialize, Deserialize)]
struct Snapshot {
    rules: u16,
    seq: u64,
    last: Stamp,
    undigested: u32,
    digest: Digest,
    engine: EngineSnapshot,
    ledger: LedgerSnapshot,
    tape: Tape,
    ended: Vec<std::sync::Arc<Order>>,
    register: Register,
}

impl Exchange {
    /// The whole state as bytes, the same for the same history on every machine.
    ///
    /// # Errors
    /// Never for a state of ours; the encoding may in principle refuse.
    pub fn snapshot(&self) -> Result<Vec<u8>, SnapshotError> {
        let snapshot = Snapshot {
            rules: RULES_VERSION,
            seq: self.seq,
            last: self.last,
            undigested: self.undigested,
            digest: self.digest,
            engine: self.engine.snapshot(),
            ledger: self.ledger.snapshot(),
            tape: self.tape.clone(),
            ended: self.ended.all().cloned().collect(),
            register: self.register.clone(),
        };
        let malformed = |error: postcard::Error| SnapshotError::Malformed(error.to_string());
        postcard::to_extend(&snapshot, vec![FORMAT]).map_err(malformed)
    }

    /// A digest of the whole state: equal states have equal digests.
    ///
    /// # Errors
    /// As for [`Exchange::snapshot`].
    pub fn state_digest(&self) -> Result<u128, SnapshotError> {
        let mut digest = Digest::default();
        digest.bytes(&self.snapshot()?);
        Ok(digest.value())
    }

    /// Makes the exchange again. The seed keys the hashes over callers' input; it changes no result.
    ///
    /// # Errors
    /// Another version, or bytes that are no sound snapshot.
    pub fn restore(bytes: &[u8], hash_seed: u64) -> Result<Self, SnapshotError> {
        let malformed = |error: &dyn std::fmt::Display| SnapshotError::Malformed(error.to_string());
        let snapshot: Snapshot = match bytes.split_first() {
            Some((&FORMAT, rest)) => match postcard::take_from_bytes(rest) {
                Ok((snapshot, [])) => snapshot,
                Ok((_, more)) => return Err(malformed(&format!("{} bytes too many", more.len()))),
                Err(error) => return Err(malformed(&error)),
            },
            Some((&format, _)) => return Err(SnapshotError::UnknownFormat(format)),
            None => return Err(SnapshotError::Malformed("no bytes".to_owned())),
        };
        let Snapshot {
            rules,
            seq,
            last,
            undigested,
            digest,
            engine,
            ledger,
            tape,
            ended: orders,
            register,
        } = snapshot;
        if rules != RULES_VERSION {
            return Err(SnapshotError::UnknownRules {
                found: rules,
                ours: RULES_VERSION,
            });
        }
        // The check of the whole comes last and includes the ledger.
        let (ledger, handles) = Ledger::load(ledger, hash_seed).map_err(|fault| malformed(&fault))?;
        let slots: HashMap<OrderId, FundsSlot> = handles
            .into_iter()
            .filter(|handle| handle.request_id.is_none())
            .map(|handle| (handle.order_id, FundsSlot(handle.slot.0)))
            .collect();
        let engine = Engine::restore(engine, hash_seed, |id| slots.get(&id).copied());
        let engine = engine.map_err(SnapshotError::Malformed)?;
        let mut ended = Ended::new(hash_seed);
        orders.into_iter().for_each(|order| ended.push(order));
        let exchange = Self {
            engine,
            ledger,
            tape,
            ended,
            register,
            digest,
            seq,
            last,
            undigested,
        };
        exchange.check().map_err(|fault| malformed(&fault))?;
        Ok(exchange)
    }
}
