//! What an auditor reads of accounts that have changed since it last looked: their balances, and their lines since then.

use diesel::sql_types::{Array, BigInt, Nullable, Text, Uuid as SqlUuid};
use diesel::{QueryableByName, sql_query};
use diesel_async::RunQueryDsl as _;
use uuid::Uuid;

use super::super::{Connection, PgError};

/// A user's account.
pub type AccountKey = (Uuid, String);

/// The number of the last transaction of the ledger that can be seen; 0: there is none.
///
/// # Errors
/// See [`PgError`].
pub async fn last_transaction(connection: &mut Connection) -> Result<i64, PgError> {
    #[derive(QueryableByName)]
    struct Row {
        #[diesel(sql_type = Nullable<BigInt>)]
        number: Option<i64>,
    }
    let row: Row = sql_query("SELECT max(transaction_number) AS number FROM ledger_entries")
        .get_result(connection)
        .await?;
    Ok(row.number.unwrap_or(0))
}

/// The users' accounts that have lines of later transactions than this one.
///
/// # Errors
/// See [`PgError`].
pub async fn accounts_after(connection: &mut Connection, number: i64) -> Result<Vec<AccountKey>, PgError> {
    #[derive(QueryableByName)]
    struct Row {
        #[diesel(sql_type = SqlUuid)]
        user_id: Uuid,
        #[diesel(sql_type = Text)]
        asset: String,
    }
    let rows: Vec<Row> = sql_query(
        "SELECT DISTINCT user_id, asset FROM ledger_entries WHERE transaction_number > $1 AND user_id IS NOT NULL",
    )
    .bind::<BigInt, _>(number)
    .load(connection)
    .await?;
    Ok(rows.into_iter().map(|row| (row.user_id, row.asset)).collect())
}

/// An account as its row has it, and the sums of its lines behind a transaction. In units of 1e-8.
#[derive(Debug, Clone, PartialEq, Eq, QueryableByName)]
pub struct AccountSums {
    /// Whose.
    #[diesel(sql_type = SqlUuid)]
    pub user_id: Uuid,
    /// Of what.
    #[diesel(sql_type = Text)]
    pub asset: String,
    /// Free to use.
    #[diesel(sql_type = BigInt)]
    pub available: i64,
    /// Held for orders.
    #[diesel(sql_type = BigInt)]
    pub reserved: i64,
    /// What the lines behind it have added to what is free.
    #[diesel(sql_type = BigInt)]
    pub available_lines: i64,
    /// What they have added to what is held.
    #[diesel(sql_type = BigInt)]
    pub reserved_lines: i64,
    /// The transaction of the last of them; 0: there are none.
    #[diesel(sql_type = BigInt)]
    pub number: i64,
}

/// These accounts, each with the sums of its lines behind the transaction that stands with it (0: of all its lines).
///
/// # Errors
/// See [`PgError`].
pub async fn account_sums(
    connection: &mut Connection,
    accounts: &[(AccountKey, i64)],
) -> Result<Vec<AccountSums>, PgError> {
    let users: Vec<Uuid> = accounts.iter().map(|((user, _), _)| *user).collect();
    let assets: Vec<&str> = accounts.iter().map(|((_, asset), _)| asset.as_str()).collect();
    let numbers: Vec<i64> = accounts.iter().map(|(_, number)| *number).collect();
    Ok(sql_query(
        "SELECT k.user_id, k.asset, (coalesce(w.available_balance, 0) * 100000000)::bigint AS available,
            (coalesce(w.reserved_balance, 0) * 100000000)::bigint AS reserved,
            (coalesce(e.available, 0) * 100000000)::bigint AS available_lines,
            (coalesce(e.reserved, 0) * 100000000)::bigint AS reserved_lines, coalesce(e.number, 0) AS number
        FROM unnest($1, $2, $3) AS k (user_id, asset, number)
        LEFT JOIN wallets w ON w.user_id = k.user_id AND w.asset = k.asset
        LEFT JOIN LATERAL (SELECT sum(l.available) AS available, sum(l.reserved) AS reserved,
            max(l.transaction_number) AS number FROM ledger_entries l
            WHERE l.user_id = k.user_id AND l.asset = k.asset AND l.transaction_number > k.number) e ON true",
    )
    .bind::<Array<SqlUuid>, _>(users)
    .bind::<Array<Text>, _>(assets)
    .bind::<Array<BigInt>, _>(numbers)
    .load(connection)
    .await?)
}
