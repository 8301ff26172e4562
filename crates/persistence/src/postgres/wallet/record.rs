//! What the wallet's rows say, in the words of the domain.

use domain::{Amount, Asset, LedgerEntry, OrderId, Stamp, UserId};
use uuid::Uuid;

/// A user's account of an asset.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct StoredAccount {
    /// The user.
    pub user_id: UserId,
    /// The asset.
    pub asset: Asset,
    /// Free to use.
    pub available: Amount,
    /// Held for orders.
    pub reserved: Amount,
    /// How often it has changed; 0: opened, and never had anything.
    pub version: u64,
}

/// What has become of a reservation.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ReservationStatus {
    /// It may be used.
    Held,
    /// Nothing of it is left, and nothing will come back.
    Closed,
    /// The balance did not cover it.
    Refused,
    /// It was released before it came, and must not come any more.
    Tombstone,
}

impl ReservationStatus {
    /// Every status.
    const ALL: [Self; 4] = [Self::Held, Self::Closed, Self::Refused, Self::Tombstone];

    /// The word for it in SQL.
    pub(super) const fn word(self) -> &'static str {
        match self {
            Self::Held => "held",
            Self::Closed => "closed",
            Self::Refused => "refused",
            Self::Tombstone => "tombstone",
        }
    }

    pub(super) fn read(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|status| status.word() == word)
    }
}

/// What an order, or an amendment on its way, holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct StoredReservation {
    /// The order's id for its own reservation, else the amendment's.
    pub reservation_id: Uuid,
    /// The order.
    pub order_id: OrderId,
    /// Who pays.
    pub user_id: UserId,
    /// The asset that is held.
    pub asset: Asset,
    /// The asset that the order receives; none: nobody has said it yet.
    pub receives: Option<Asset>,
    /// All that was granted.
    pub granted: Amount,
    /// What is left of it.
    pub left: Amount,
    /// What has become of it.
    pub status: ReservationStatus,
    /// Since when. Of two reservations of one account the earlier is the older.
    pub created_at: Stamp,
}

/// The accounts that an asset has once, a shard's part of them, in units of 1e-8.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct HouseAccount {
    /// The asset.
    pub asset: Asset,
    /// The shard.
    pub shard: u32,
    /// Fees collected.
    pub fees: i64,
    /// Minus what came in from outside, plus what went out.
    pub external: i64,
}

/// By how much a house account changes, in units of 1e-8.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct HouseChange {
    /// The asset.
    pub asset: Asset,
    /// The shard.
    pub shard: u32,
    /// Fees collected.
    pub fees: i64,
    /// The change of the external account.
    pub external: i64,
}

/// An instruction that was answered before.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoredAnswer {
    /// Its key.
    pub key: String,
    /// The hash of its body.
    pub body_hash: Vec<u8>,
    /// The answer as it was given.
    pub answer: Vec<u8>,
    /// Whether it is a refusal.
    pub refused: bool,
}

/// An instruction that is answered now, with the lines that it writes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewTransaction {
    /// Its key and answer.
    pub answer: StoredAnswer,
    /// Its lines; none where it moves nothing.
    pub lines: Vec<NewLine>,
}

/// A line of the ledger that is written now. The number of its transaction is not known yet: `entry.seq` is not read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewLine {
    /// Its id.
    pub entry_id: Uuid,
    /// What it says.
    pub entry: LedgerEntry,
}

/// All that one database transaction writes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Changes {
    /// The instructions, in the order in which they were done.
    pub transactions: Vec<NewTransaction>,
    /// The accounts that changed, as they stand after it.
    pub accounts: Vec<StoredAccount>,
    /// Reservations that are new.
    pub made: Vec<StoredReservation>,
    /// Reservations that changed, as they stand after it.
    pub changed: Vec<StoredReservation>,
    /// The house accounts' changes.
    pub house: Vec<HouseChange>,
    /// When.
    pub at: Stamp,
}
