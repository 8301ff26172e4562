//! Reads what a transaction touches, under locks, in the one global order.

use std::collections::BTreeSet;

use chrono::{DateTime, Utc};
use diesel::sql_types::{
    Array, BigInt, Binary, Integer, Nullable, SmallInt, Text, Timestamptz, Uuid as SqlUuid,
};
use diesel::{QueryableByName, sql_query};
use diesel_async::RunQueryDsl as _;
use domain::{Asset, OrderId, UserId};
use uuid::Uuid;

use super::super::{PgError, prepared};
use super::read::{AccountRow, amount, asset, moment};
use super::store::REFUSED;
use super::{HouseAccount, ReservationStatus, StoredAccount, StoredAnswer, StoredReservation, Work};

const ACCOUNTS: &str = "SELECT w.user_id, w.asset, (w.available_balance * 100000000)::bigint AS available,
    (w.reserved_balance * 100000000)::bigint AS reserved, w.version
    FROM unnest($1, $2) AS k (user_id, asset)
    JOIN wallets w ON w.user_id = k.user_id AND w.asset = k.asset
    ORDER BY w.user_id, w.asset FOR UPDATE OF w";

const KNOWN: &str = "SELECT w.user_id, w.asset, 0::bigint AS available, 0::bigint AS reserved, w.version
    FROM unnest($1, $2) AS k (user_id, asset)
    JOIN wallets w ON w.user_id = k.user_id AND w.asset = k.asset";

const FREE: &str = "SELECT w.user_id, w.asset, 0::bigint AS available, 0::bigint AS reserved, w.version
    FROM unnest($1, $2) AS k (user_id, asset)
    JOIN wallets w ON w.user_id = k.user_id AND w.asset = k.asset
    ORDER BY w.user_id, w.asset FOR UPDATE OF w SKIP LOCKED";

const OPEN: &str = "INSERT INTO wallets (user_id, asset)
    SELECT k.user_id, k.asset FROM unnest($1, $2) AS k (user_id, asset) ORDER BY k.user_id, k.asset
    ON CONFLICT (user_id, asset) DO NOTHING";

/// Nobody changes a reservation without its account's lock, so what is found here is still so when it is locked.
const HELD: &str = "SELECT r.reservation_id FROM unnest($1, $2) AS k (user_id, asset)
    JOIN reservations r ON r.user_id = k.user_id AND r.asset = k.asset
    WHERE r.status = 'held' AND r.reservation_id = r.order_id";

const RESERVATIONS: &str = "SELECT r.reservation_id, r.order_id, r.user_id, r.asset, r.receives,
    (r.granted * 100000000)::bigint AS granted, (r.left_amount * 100000000)::bigint AS left_amount, r.status,
    r.created_at
    FROM unnest($1) AS k (reservation_id) JOIN reservations r ON r.reservation_id = k.reservation_id
    ORDER BY r.reservation_id FOR UPDATE OF r";

const OPEN_HOUSE: &str = "INSERT INTO house_accounts (asset, shard)
    SELECT k.asset, k.shard FROM unnest($1, $2) AS k (asset, shard) ORDER BY k.asset, k.shard
    ON CONFLICT (asset, shard) DO NOTHING";

const HOUSE: &str = "SELECT h.asset, h.shard, (h.fees * 100000000)::bigint AS fees,
    (h.external * 100000000)::bigint AS external
    FROM unnest($1, $2) AS k (asset, shard) JOIN house_accounts h ON h.asset = k.asset AND h.shard = k.shard
    ORDER BY h.asset, h.shard FOR UPDATE OF h";

const ANSWERS: &str = "SELECT t.key, t.body_hash, t.answer, t.status
    FROM unnest($1) AS k (key) JOIN ledger_transactions t ON t.key = k.key";

#[derive(QueryableByName)]
struct IdRow {
    #[diesel(sql_type = SqlUuid)]
    reservation_id: Uuid,
}

#[derive(QueryableByName)]
struct ReservationRow {
    #[diesel(sql_type = SqlUuid)]
    reservation_id: Uuid,
    #[diesel(sql_type = SqlUuid)]
    order_id: Uuid,
    #[diesel(sql_type = SqlUuid)]
    user_id: Uuid,
    #[diesel(sql_type = Text)]
    asset: String,
    #[diesel(sql_type = Nullable<Text>)]
    receives: Option<String>,
    #[diesel(sql_type = BigInt)]
    granted: i64,
    #[diesel(sql_type = BigInt)]
    left_amount: i64,
    #[diesel(sql_type = Text)]
    status: String,
    #[diesel(sql_type = Timestamptz)]
    created_at: DateTime<Utc>,
}

#[derive(QueryableByName)]
struct HouseRow {
    #[diesel(sql_type = Text)]
    asset: String,
    #[diesel(sql_type = Integer)]
    shard: i32,
    #[diesel(sql_type = BigInt)]
    fees: i64,
    #[diesel(sql_type = BigInt)]
    external: i64,
}

#[derive(QueryableByName)]
struct AnswerRow {
    #[diesel(sql_type = Text)]
    key: String,
    #[diesel(sql_type = Binary)]
    body_hash: Vec<u8>,
    #[diesel(sql_type = Binary)]
    answer: Vec<u8>,
    #[diesel(sql_type = SmallInt)]
    status: i16,
}

/// Accounts as two columns.
fn columns<'a>(accounts: impl IntoIterator<Item = &'a (UserId, Asset)>) -> (Vec<Uuid>, Vec<&'a str>) {
    let column = accounts
        .into_iter()
        .map(|(user_id, asset)| (Uuid::from_u128(user_id.as_u128()), asset.as_str()));
    column.unzip()
}

/// House accounts as two columns.
fn house_columns(accounts: &BTreeSet<(Asset, u32)>) -> (Vec<&str>, Vec<i32>) {
    let column = accounts
        .iter()
        .map(|(asset, shard)| (asset.as_str(), shard.cast_signed()));
    column.unzip()
}

impl Work {
    /// Locks those of these accounts that exist. The first step of every transaction.
    ///
    /// # Errors
    /// The statement failed, or a row makes no sense.
    pub async fn lock_accounts(
        &mut self,
        accounts: &BTreeSet<(UserId, Asset)>,
    ) -> Result<Vec<StoredAccount>, PgError> {
        self.accounts(ACCOUNTS, accounts).await
    }

    /// Those of these accounts that another transaction holds. Waits for none of them.
    ///
    /// # Errors
    /// A statement failed, or a row makes no sense.
    pub async fn held_accounts(
        &mut self,
        accounts: &BTreeSet<(UserId, Asset)>,
    ) -> Result<BTreeSet<(UserId, Asset)>, PgError> {
        let key = |account: StoredAccount| (account.user_id, account.asset);
        // In this order: one that is opened in between is not taken for one that is held.
        let known = self.accounts(KNOWN, accounts).await?;
        let mut held: BTreeSet<_> = known.into_iter().map(key).collect();
        for free in self.accounts(FREE, accounts).await? {
            held.remove(&key(free));
        }
        Ok(held)
    }

    async fn accounts(
        &mut self,
        statement: &'static str,
        accounts: &BTreeSet<(UserId, Asset)>,
    ) -> Result<Vec<StoredAccount>, PgError> {
        let (users, assets) = columns(accounts);
        let rows: Vec<AccountRow> = prepared(
            sql_query(statement)
                .bind::<Array<SqlUuid>, _>(users)
                .bind::<Array<Text>, _>(assets),
        )
        .load(self.connection()?)
        .await?;
        rows.into_iter().map(StoredAccount::try_from).collect()
    }

    /// Opens accounts that [`Work::lock_accounts`] did not find. False: another transaction has just opened one of them;
    /// roll back and begin again.
    ///
    /// # Errors
    /// The statement failed.
    pub async fn open_accounts(&mut self, accounts: &[(UserId, Asset)]) -> Result<bool, PgError> {
        if accounts.is_empty() {
            return Ok(true);
        }
        let (users, assets) = columns(accounts);
        let opened = prepared(
            sql_query(OPEN)
                .bind::<Array<SqlUuid>, _>(users)
                .bind::<Array<Text>, _>(assets),
        )
        .execute(self.connection()?)
        .await?;
        Ok(opened == accounts.len())
    }

    /// Locks these reservations, and all that orders of `payers` hold. To be called once the accounts are locked.
    ///
    /// # Errors
    /// A statement failed, or a row makes no sense.
    pub async fn lock_reservations(
        &self,
        ids: &BTreeSet<Uuid>,
        payers: &BTreeSet<(UserId, Asset)>,
    ) -> Result<Vec<StoredReservation>, PgError> {
        let mut ids = ids.clone();
        if !payers.is_empty() {
            let (users, assets) = columns(payers);
            let held: Vec<IdRow> = prepared(
                sql_query(HELD)
                    .bind::<Array<SqlUuid>, _>(users)
                    .bind::<Array<Text>, _>(assets),
            )
            .load(&mut self.shared()?)
            .await?;
            ids.extend(held.into_iter().map(|row| row.reservation_id));
        }
        if ids.is_empty() {
            return Ok(Vec::new());
        }
        let rows: Vec<ReservationRow> =
            prepared(sql_query(RESERVATIONS).bind::<Array<SqlUuid>, _>(Vec::from_iter(ids)))
                .load(&mut self.shared()?)
                .await?;
        rows.into_iter().map(StoredReservation::try_from).collect()
    }

    /// Locks these house accounts, opened where they are missing. The last of the locks.
    ///
    /// # Errors
    /// A statement failed, or a row makes no sense.
    pub async fn lock_house(
        &mut self,
        accounts: &BTreeSet<(Asset, u32)>,
    ) -> Result<Vec<HouseAccount>, PgError> {
        let (assets, shards) = house_columns(accounts);
        prepared(
            sql_query(OPEN_HOUSE)
                .bind::<Array<Text>, _>(assets.clone())
                .bind::<Array<Integer>, _>(shards.clone()),
        )
        .execute(self.connection()?)
        .await?;
        let rows: Vec<HouseRow> = prepared(
            sql_query(HOUSE)
                .bind::<Array<Text>, _>(assets)
                .bind::<Array<Integer>, _>(shards),
        )
        .load(self.connection()?)
        .await?;
        rows.into_iter().map(HouseAccount::try_from).collect()
    }

    /// What was answered under these keys. To be called once the accounts are locked: then it sees whatever a transaction has
    /// written that held them before.
    ///
    /// # Errors
    /// The statement failed.
    pub async fn answers(&self, keys: Vec<&str>) -> Result<Vec<StoredAnswer>, PgError> {
        let rows: Vec<AnswerRow> = prepared(sql_query(ANSWERS).bind::<Array<Text>, _>(keys))
            .load(&mut self.shared()?)
            .await?;
        Ok(rows.into_iter().map(StoredAnswer::from).collect())
    }
}

impl TryFrom<ReservationRow> for StoredReservation {
    type Error = PgError;
    fn try_from(row: ReservationRow) -> Result<Self, PgError> {
        const TABLE: &str = "reservations";
        let ReservationRow {
            reservation_id,
            order_id,
            user_id,
            asset: code,
            receives,
            granted,
            left_amount,
            status,
            created_at,
        } = row;
        let status = ReservationStatus::read(&status)
            .ok_or_else(|| PgError::bad_row(TABLE, format!("{reservation_id} is {status}")))?;
        Ok(Self {
            reservation_id,
            order_id: OrderId::from_u128(order_id.as_u128()),
            user_id: UserId::from_u128(user_id.as_u128()),
            asset: asset(TABLE, &code)?,
            receives: receives.map(|code| asset(TABLE, &code)).transpose()?,
            granted: amount(TABLE, granted)?,
            left: amount(TABLE, left_amount)?,
            status,
            created_at: moment(TABLE, created_at)?,
        })
    }
}

impl TryFrom<HouseRow> for HouseAccount {
    type Error = PgError;
    fn try_from(row: HouseRow) -> Result<Self, PgError> {
        const TABLE: &str = "house_accounts";
        let HouseRow {
            asset: code,
            shard,
            fees,
            external,
        } = row;
        Ok(Self {
            asset: asset(TABLE, &code)?,
            shard: u32::try_from(shard).map_err(|_| PgError::bad_row(TABLE, format!("shard {shard}")))?,
            fees,
            external,
        })
    }
}

impl From<AnswerRow> for StoredAnswer {
    fn from(row: AnswerRow) -> Self {
        let AnswerRow {
            key,
            body_hash,
            answer,
            status,
        } = row;
        Self {
            key,
            body_hash,
            answer,
            refused: status == REFUSED,
        }
    }
}
