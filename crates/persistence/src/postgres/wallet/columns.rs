//! Rows as columns, one array each, so that one statement writes hundreds of them; and single values for SQL.

use chrono::{DateTime, Utc};
use domain::{Amount, EntryAccount, EntryType, LedgerEntry, Reference, Stamp};
use uuid::Uuid;

use super::StoredReservation;

/// An amount for SQL, in units of 1e-8. Amounts are below 2^63.
pub(super) const fn units(amount: Amount) -> i64 {
    amount.0.cast_signed()
}

/// A moment for SQL.
pub(super) fn time(at: Stamp) -> DateTime<Utc> {
    // A stamp lies between 1970 and 9999, which chrono can name.
    DateTime::from_timestamp_micros(at.micros().cast_signed()).unwrap_or_default()
}

/// New lines of the ledger.
#[derive(Default)]
pub(super) struct LineColumns<'a> {
    pub(super) ids: Vec<Uuid>,
    pub(super) numbers: Vec<i64>,
    pub(super) lines: Vec<i32>,
    pub(super) users: Vec<Option<Uuid>>,
    pub(super) houses: Vec<Option<&'static str>>,
    pub(super) assets: Vec<&'a str>,
    pub(super) available: Vec<i64>,
    pub(super) reserved: Vec<i64>,
    pub(super) types: Vec<&'static str>,
    pub(super) references: Vec<String>,
    pub(super) kinds: Vec<&'static str>,
    pub(super) descriptions: Vec<&'static str>,
}

impl<'a> LineColumns<'a> {
    /// Adds a line of the transaction with this number.
    pub(super) fn push(&mut self, entry_id: Uuid, entry: &'a LedgerEntry, number: i64) {
        let LedgerEntry {
            seq: _,
            line,
            account,
            asset,
            available,
            reserved,
            entry_type,
            reference,
            at: _,
        } = entry;
        let (user, house) = match account {
            EntryAccount::User(user_id) => (Some(Uuid::from_u128(user_id.as_u128())), None),
            EntryAccount::Fee => (None, Some("FEE")),
            EntryAccount::External => (None, Some("EXTERNAL")),
        };
        let (kind, id) = match reference {
            Reference::Order(id) => ("order", id.to_string()),
            Reference::Amendment(id) => ("amendment", id.to_string()),
            Reference::Trade(id) => ("trade", id.to_string()),
            Reference::Transfer(key) => ("transfer", key.to_string()),
        };
        self.ids.push(entry_id);
        self.numbers.push(number);
        self.lines.push(line.cast_signed());
        self.users.push(user);
        self.houses.push(house);
        self.assets.push(asset.as_str());
        self.available.push(*available);
        self.reserved.push(*reserved);
        self.types.push(entry_type.word());
        self.references.push(id);
        self.kinds.push(kind);
        self.descriptions.push(description(*entry_type, reference));
    }
}

/// The line for a reader; what it is about stands beside it.
const fn description(entry_type: EntryType, reference: &Reference) -> &'static str {
    match (entry_type, reference) {
        (EntryType::Reserve, Reference::Amendment(_)) => "Reserved for amendment",
        (EntryType::Reserve, _) => "Reserved for order",
        (EntryType::Release, Reference::Amendment(_)) => "Released from amendment",
        (EntryType::Release, Reference::Trade(_)) => "Released by trade",
        (EntryType::Release, _) => "Released from order",
        (EntryType::TradeBuy | EntryType::TradeSell, _) => "Trade",
        (EntryType::Fee, _) => "Trade fee",
        (EntryType::Deposit, _) => "Deposit",
        (EntryType::Withdrawal, _) => "Withdrawal",
        (EntryType::Adjustment, Reference::Amendment(_)) => "Moved to order",
        (EntryType::Adjustment, _) => "Moved from amendment",
    }
}

/// Reservations.
#[derive(Default)]
pub(super) struct ReservationColumns<'a> {
    pub(super) ids: Vec<Uuid>,
    pub(super) orders: Vec<Uuid>,
    pub(super) users: Vec<Uuid>,
    pub(super) assets: Vec<&'a str>,
    pub(super) receives: Vec<Option<&'a str>>,
    pub(super) granted: Vec<i64>,
    pub(super) left: Vec<i64>,
    pub(super) statuses: Vec<&'static str>,
    pub(super) times: Vec<DateTime<Utc>>,
}

impl<'a> FromIterator<&'a StoredReservation> for ReservationColumns<'a> {
    fn from_iter<T: IntoIterator<Item = &'a StoredReservation>>(reservations: T) -> Self {
        let mut c = Self::default();
        for reservation in reservations {
            let StoredReservation {
                reservation_id,
                order_id,
                user_id,
                asset,
                receives,
                granted,
                left,
                status,
                created_at,
            } = reservation;
            c.ids.push(*reservation_id);
            c.orders.push(Uuid::from_u128(order_id.as_u128()));
            c.users.push(Uuid::from_u128(user_id.as_u128()));
            c.assets.push(asset.as_str());
            c.receives.push(receives.as_ref().map(|asset| asset.as_str()));
            c.granted.push(units(*granted));
            c.left.push(units(*left));
            c.statuses.push(status.word());
            c.times.push(time(*created_at));
        }
        c
    }
}
