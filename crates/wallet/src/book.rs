//! The rows of one transaction in memory: a ledger of just these accounts, and the reservations beside it. The ledger
//! alone changes a balance.

use std::collections::{BTreeMap, BTreeSet};

use domain::{Amount, Asset, OrderId, RequestId, Stamp, Transfer, TransferReceipt, UserId};
use ledger::{
    AccountRecord, AssetRecord, Balance, Ledger, LedgerSnapshot, Posting, ReservationHandle,
    ReservationRecord, TransferAnswer, TransferRefusal,
};
use persistence::postgres::PgError;
use persistence::postgres::wallet::{HouseAccount, ReservationStatus, StoredAccount, StoredReservation};
use uuid::Uuid;
use wallet_client::{TransferRefused, UserBalance};

/// A reservation as it was read or made.
#[derive(Debug)]
pub(crate) struct Held {
    /// What its row says; of one that is held, the ledger says what is left.
    pub row: StoredReservation,
    /// Where it stands in the ledger, while it is held.
    pub handle: Option<ReservationHandle>,
    pub state: RowState,
}

/// What has to be written of a row.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum RowState {
    AsRead,
    Changed,
    New,
}

impl Held {
    /// Marks it as changed.
    pub fn change(&mut self) {
        if self.state == RowState::AsRead {
            self.state = RowState::Changed;
        }
    }

    /// Nothing of it is left.
    pub fn close(&mut self) {
        self.row.status = ReservationStatus::Closed;
        self.handle = None;
        self.change();
    }
}

/// What a transaction works on.
#[derive(Debug)]
pub(crate) struct Book {
    pub ledger: Ledger,
    pub reservations: BTreeMap<Uuid, Held>,
    /// The versions of the accounts as they were read.
    versions: BTreeMap<(UserId, Asset), u64>,
}

impl Book {
    /// The book of these rows. Reservations of accounts that are not among them are known, and hold nothing here.
    ///
    /// # Errors
    /// The rows contradict one another.
    pub fn load(
        accounts: &[StoredAccount],
        reservations: Vec<StoredReservation>,
        house: &[HouseAccount],
        hash_seed: u64,
    ) -> Result<Self, PgError> {
        let versions: BTreeMap<_, _> = accounts
            .iter()
            .map(|account| ((account.user_id, account.asset), account.version))
            .collect();
        let usable = |row: &&StoredReservation| {
            row.status == ReservationStatus::Held && versions.contains_key(&(row.user_id, row.asset))
        };
        let mut records: Vec<ReservationRecord> = reservations.iter().filter(usable).map(record).collect();
        records.sort_unstable_by_key(|record| (record.order_id, record.request_id));
        let snapshot = LedgerSnapshot {
            assets: assets(accounts, &records, house)?,
            accounts: account_records(accounts),
            reservations: records,
            transfers: Vec::new(),
        };
        let loaded = Ledger::load(snapshot, hash_seed);
        let (ledger, handles) = loaded.map_err(|fault| PgError::bad_row("wallets", fault))?;
        let mut handles: BTreeMap<Uuid, ReservationHandle> = handles
            .into_iter()
            .map(|handle| {
                (
                    crate::key::reservation_id(handle.order_id, handle.request_id),
                    handle,
                )
            })
            .collect();
        let held = |row: StoredReservation| {
            let held = Held {
                row,
                handle: handles.remove(&row.reservation_id),
                state: RowState::AsRead,
            };
            (row.reservation_id, held)
        };
        Ok(Self {
            reservations: reservations.into_iter().map(held).collect(),
            ledger,
            versions,
        })
    }

    /// What a user has of an asset at this point.
    pub fn balance(&self, user_id: UserId, asset: Asset) -> UserBalance {
        let Balance {
            available,
            reserved,
            version,
        } = self.ledger.balance(user_id, asset).unwrap_or_default();
        UserBalance {
            user_id,
            asset,
            available,
            reserved,
            version,
        }
    }

    /// Deposits or withdraws.
    pub fn transfer(
        &mut self,
        t: &Transfer,
        at: Stamp,
        postings: &mut Vec<Posting>,
    ) -> Result<TransferReceipt, TransferRefused> {
        match self.ledger.transfer(t, at, postings) {
            TransferAnswer::Done(receipt) | TransferAnswer::Repeated(receipt) => Ok(TransferReceipt {
                key: t.key.clone(),
                kind: t.kind,
                user_id: t.user_id,
                asset: t.asset,
                amount: t.amount,
                available: receipt.balance.available,
                at: receipt.at,
            }),
            TransferAnswer::Refused(TransferRefusal::InsufficientBalance { available: _ }) => {
                Err(TransferRefused::InsufficientBalance)
            }
            TransferAnswer::Refused(TransferRefusal::TooLarge) => Err(TransferRefused::TooLarge),
            TransferAnswer::KeyConflict => Err(TransferRefused::KeyConflict),
            TransferAnswer::Nothing => Err(TransferRefused::Nothing),
        }
    }

    /// The accounts that have changed, as they stand now.
    pub fn changed_accounts(&self, touched: &BTreeSet<(UserId, Asset)>) -> Vec<StoredAccount> {
        let changed = |(user_id, asset): &(UserId, Asset)| {
            let balance = self.ledger.balance(*user_id, *asset)?;
            let Balance {
                available,
                reserved,
                version,
            } = balance;
            let before = self.versions.get(&(*user_id, *asset)).copied();
            (before != Some(version)).then_some(StoredAccount {
                user_id: *user_id,
                asset: *asset,
                available,
                reserved,
                version,
            })
        };
        touched.iter().filter_map(changed).collect()
    }

    /// The reservations in this state, as they stand now.
    pub fn reservations_in(&self, state: RowState) -> Vec<StoredReservation> {
        let rows = self.reservations.values().filter(|held| held.state == state);
        rows.map(|held| StoredReservation {
            left: self.left(held),
            ..held.row
        })
        .collect()
    }

    /// What is left of a reservation.
    fn left(&self, held: &Held) -> Amount {
        held.handle
            .map_or(Amount::ZERO, |handle| self.ledger.reserved(handle.slot))
    }
}

/// A reservation's amendment; none: it is its order's own.
fn request_id(row: &StoredReservation) -> Option<RequestId> {
    let id = row.reservation_id.as_u128();
    (OrderId::from_u128(id) != row.order_id).then(|| RequestId::from_u128(id))
}

fn record(row: &StoredReservation) -> ReservationRecord {
    ReservationRecord {
        order_id: row.order_id,
        request_id: request_id(row),
        user_id: row.user_id,
        asset: row.asset,
        receives: row.receives.unwrap_or(row.asset),
        amount: row.left,
    }
}

/// In the order of their keys, whatever order the database has.
fn account_records(accounts: &[StoredAccount]) -> Vec<AccountRecord> {
    let mut records: Vec<AccountRecord> = accounts
        .iter()
        .map(|account| AccountRecord {
            user_id: account.user_id,
            asset: account.asset,
            balance: Balance {
                available: account.available,
                reserved: account.reserved,
                version: account.version,
            },
        })
        .collect();
    records.sort_unstable_by_key(|record| (record.user_id, record.asset));
    records
}

/// All assets that anything here is in. Fees are only added to, so the ledger begins with none; what came in must be
/// known where money comes in or goes out.
fn assets(
    accounts: &[StoredAccount],
    reservations: &[ReservationRecord],
    house: &[HouseAccount],
) -> Result<Vec<AssetRecord>, PgError> {
    let mut came_in: BTreeMap<Asset, Amount> = BTreeMap::new();
    let named = accounts.iter().map(|account| account.asset);
    let named = named.chain(
        reservations
            .iter()
            .flat_map(|record| [record.asset, record.receives]),
    );
    for asset in named {
        came_in.insert(asset, Amount::ZERO);
    }
    for account in house
        .iter()
        .filter(|account| account.shard == crate::touched::OUTSIDE)
    {
        let inside = u64::try_from(-i128::from(account.external)).map_err(|_| {
            PgError::bad_row(
                "house_accounts",
                format!("more {} went out than came in", account.asset),
            )
        })?;
        came_in.insert(account.asset, Amount(inside));
    }
    let records = came_in.into_iter().map(|(asset, came_in)| AssetRecord {
        asset,
        fees: Amount::ZERO,
        came_in,
    });
    Ok(records.collect())
}
