//! What was committed, read without a lock: balances and pages of the ledger; and single values out of SQL.

use chrono::{DateTime, Utc};
use diesel::sql_types::{Array, BigInt, Integer, Nullable, Text, Timestamptz, Uuid as SqlUuid};
use diesel::{QueryableByName, sql_query};
use diesel_async::RunQueryDsl as _;
use diesel_async::pooled_connection::deadpool::Object;
use domain::{
    Amount, Asset, EntryAccount, EntryType, LedgerEntry, OrderId, Reference, RequestId, Stamp, TradeId,
    UserId,
};
use uuid::Uuid;

use super::super::{Connection, PgError, Pool, prepared};
use super::StoredAccount;
use crate::EntryQuery;

const BALANCES: &str = "SELECT w.user_id, w.asset, (w.available_balance * 100000000)::bigint AS available,
    (w.reserved_balance * 100000000)::bigint AS reserved, w.version
    FROM wallets w WHERE w.user_id = ANY($1) AND w.version > 0 ORDER BY w.user_id, w.asset";

/// Each asset's lines are read along its own index.
const ENTRIES: &str = "SELECT e.transaction_number, e.line, e.asset, (e.available * 100000000)::bigint AS available,
    (e.reserved * 100000000)::bigint AS reserved, e.entry_type, e.reference_id, e.reference_kind, e.created_at
    FROM (SELECT w.user_id, w.asset FROM wallets w WHERE w.user_id = $1 AND w.asset = coalesce($2, w.asset)) AS a
    CROSS JOIN LATERAL (SELECT * FROM ledger_entries l WHERE l.user_id = a.user_id AND l.asset = a.asset
        AND (l.transaction_number, l.line) < ($3, $4)
        ORDER BY l.transaction_number DESC, l.line DESC LIMIT $5) AS e
    ORDER BY e.transaction_number DESC, e.line DESC LIMIT $6";

#[derive(QueryableByName)]
pub(super) struct AccountRow {
    #[diesel(sql_type = SqlUuid)]
    user_id: Uuid,
    #[diesel(sql_type = Text)]
    asset: String,
    #[diesel(sql_type = BigInt)]
    available: i64,
    #[diesel(sql_type = BigInt)]
    reserved: i64,
    #[diesel(sql_type = BigInt)]
    version: i64,
}

impl TryFrom<AccountRow> for StoredAccount {
    type Error = PgError;
    fn try_from(row: AccountRow) -> Result<Self, PgError> {
        const TABLE: &str = "wallets";
        let AccountRow {
            user_id,
            asset: code,
            available,
            reserved,
            version,
        } = row;
        Ok(Self {
            user_id: UserId::from_u128(user_id.as_u128()),
            asset: asset(TABLE, &code)?,
            available: amount(TABLE, available)?,
            reserved: amount(TABLE, reserved)?,
            version: number(TABLE, version)?,
        })
    }
}

#[derive(QueryableByName)]
struct EntryRow {
    #[diesel(sql_type = BigInt)]
    transaction_number: i64,
    #[diesel(sql_type = Integer)]
    line: i32,
    #[diesel(sql_type = Text)]
    asset: String,
    #[diesel(sql_type = BigInt)]
    available: i64,
    #[diesel(sql_type = BigInt)]
    reserved: i64,
    #[diesel(sql_type = Text)]
    entry_type: String,
    #[diesel(sql_type = Text)]
    reference_id: String,
    #[diesel(sql_type = Text)]
    reference_kind: String,
    #[diesel(sql_type = Timestamptz)]
    created_at: DateTime<Utc>,
}

/// A connection for one question. One that did not come to its end leaves the pool: its statement may still run, and
/// whoever got the connection next would wait behind it.
struct Lent(Option<Object<Connection>>);

impl Lent {
    async fn from(pool: &Pool) -> Result<Self, PgError> {
        Ok(Self(Some(pool.get().await?)))
    }

    fn connection(&mut self) -> Result<&mut Connection, PgError> {
        match &mut self.0 {
            Some(connection) => Ok(&mut **connection),
            None => Err(PgError::NoConnection("it was given back".to_owned())),
        }
    }

    fn give_back(mut self) {
        drop(self.0.take());
    }
}

impl Drop for Lent {
    fn drop(&mut self) {
        if let Some(connection) = self.0.take() {
            drop(Object::take(connection));
        }
    }
}

/// What these users have or once had, by user and asset.
///
/// # Errors
/// No connection could be had, or the statement failed.
pub async fn balances(pool: &Pool, users: &[UserId]) -> Result<Vec<StoredAccount>, PgError> {
    let ids: Vec<Uuid> = users
        .iter()
        .map(|user_id| Uuid::from_u128(user_id.as_u128()))
        .collect();
    let mut lent = Lent::from(pool).await?;
    let rows: Vec<AccountRow> = prepared(sql_query(BALANCES).bind::<Array<SqlUuid>, _>(ids))
        .load(lent.connection()?)
        .await?;
    lent.give_back();
    rows.into_iter().map(StoredAccount::try_from).collect()
}

/// A page of a user's ledger, newest first by transaction and line.
///
/// # Errors
/// No connection could be had, the statement failed, or a row makes no sense.
pub async fn entries(pool: &Pool, query: &EntryQuery) -> Result<Vec<LedgerEntry>, PgError> {
    let EntryQuery {
        user_id,
        asset,
        before,
        limit,
    } = query;
    let (transaction, line) = before.unwrap_or((u64::MAX, u32::MAX));
    let limit = i64::try_from(*limit).unwrap_or(i64::MAX);
    let mut lent = Lent::from(pool).await?;
    let rows: Vec<EntryRow> = prepared(
        sql_query(ENTRIES)
            .bind::<SqlUuid, _>(Uuid::from_u128(user_id.as_u128()))
            .bind::<Nullable<Text>, _>(asset.map(|asset| asset.as_str().to_owned()))
            .bind::<BigInt, _>(i64::try_from(transaction).unwrap_or(i64::MAX))
            .bind::<BigInt, _>(i64::from(line))
            .bind::<BigInt, _>(limit)
            .bind::<BigInt, _>(limit),
    )
    .load(lent.connection()?)
    .await?;
    lent.give_back();
    rows.into_iter().map(|row| row.entry_of(*user_id)).collect()
}

/// Whether the server answers.
///
/// # Errors
/// It does not.
pub async fn ping(pool: &Pool) -> Result<(), PgError> {
    let mut lent = Lent::from(pool).await?;
    prepared(sql_query("SELECT 1"))
        .execute(lent.connection()?)
        .await?;
    lent.give_back();
    Ok(())
}

impl EntryRow {
    const TABLE: &str = "ledger_entries";

    fn entry_of(self, user_id: UserId) -> Result<LedgerEntry, PgError> {
        let Self {
            transaction_number,
            line,
            asset: code,
            available,
            reserved,
            entry_type: word,
            reference_id,
            reference_kind,
            created_at,
        } = self;
        let bad =
            |what: &str| PgError::bad_row(Self::TABLE, format!("{what} of {transaction_number}/{line}"));
        let entry_type = EntryType::ALL.iter().find(|entry_type| entry_type.word() == word);
        Ok(LedgerEntry {
            seq: number(Self::TABLE, transaction_number)?,
            line: u32::try_from(line).map_err(|_| bad("the line"))?,
            account: EntryAccount::User(user_id),
            asset: asset(Self::TABLE, &code)?,
            available,
            reserved,
            entry_type: *entry_type.ok_or_else(|| bad("the type"))?,
            reference: reference(&reference_kind, &reference_id).ok_or_else(|| bad("the reference"))?,
            at: moment(Self::TABLE, created_at)?,
        })
    }
}

fn reference(kind: &str, id: &str) -> Option<Reference> {
    match kind {
        "order" => id.parse::<OrderId>().ok().map(Reference::Order),
        "amendment" => id.parse::<RequestId>().ok().map(Reference::Amendment),
        "trade" => id.parse::<TradeId>().ok().map(Reference::Trade),
        "transfer" => id.parse().ok().map(Reference::Transfer),
        _ => None,
    }
}

/// An amount of a row.
pub(super) fn amount(table: &'static str, units: i64) -> Result<Amount, PgError> {
    number(table, units).map(Amount)
}

/// A number of a row that is never below zero.
pub(super) fn number(table: &'static str, number: i64) -> Result<u64, PgError> {
    u64::try_from(number).map_err(|_| PgError::bad_row(table, number))
}

/// An asset of a row.
pub(super) fn asset(table: &'static str, code: &str) -> Result<Asset, PgError> {
    code.parse()
        .map_err(|_| PgError::bad_row(table, format!("asset {code}")))
}

/// A moment of a row.
pub(super) fn moment(table: &'static str, at: DateTime<Utc>) -> Result<Stamp, PgError> {
    number(table, at.timestamp_micros()).map(Stamp::from_micros)
}
