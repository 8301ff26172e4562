//! What can be read of a user's ledger: pages of lines, and their sums.

use std::cmp::Reverse;

use diesel::sql_types::{BigInt, Binary, Text};
use diesel::{Connection, QueryableByName, RunQueryDsl, SqliteConnection};
use domain::{Asset, EntryAccount, LedgerEntry, UserId};

use super::entries::EntryRow;
use super::value::{Bits, bound, page};
use super::{HistoryError, HistoryReader};
use crate::EntryQuery;

const OF_ASSET: &str = "SELECT * FROM ledger_entries
    WHERE account = (SELECT number FROM users WHERE user_id = ?1) AND asset = ?2
    AND (seq, line) < (?3, ?4) AND (seq, line) > (?5, ?6)
    ORDER BY seq DESC, line DESC LIMIT ?7";

/// One step along the key for each asset, however many lines it has.
const ASSETS: &str = "WITH RECURSIVE
    account (number) AS MATERIALIZED (SELECT number FROM users WHERE user_id = ?1),
    assets (asset) AS (
        SELECT min(asset) FROM ledger_entries WHERE account = (SELECT number FROM account)
        UNION ALL
        SELECT (SELECT min(asset) FROM ledger_entries
            WHERE account = (SELECT number FROM account) AND asset > assets.asset)
        FROM assets WHERE assets.asset IS NOT NULL
    )
    SELECT asset FROM assets WHERE asset IS NOT NULL";

const SUMS: &str = "SELECT asset, sum(available) AS available, sum(reserved) AS reserved FROM ledger_entries
    WHERE account = (SELECT number FROM users WHERE user_id = ?1) GROUP BY asset ORDER BY asset";

/// Where a line stands among all lines: its record and its number in it.
type Place = (i64, i64);

#[derive(QueryableByName)]
struct AssetRow {
    #[diesel(sql_type = Text)]
    asset: String,
}

#[derive(QueryableByName)]
struct SumRow {
    #[diesel(sql_type = Text)]
    asset: String,
    #[diesel(sql_type = BigInt)]
    available: i64,
    #[diesel(sql_type = BigInt)]
    reserved: i64,
}

impl HistoryReader {
    /// The lines of a user's ledger, newest first by record and line.
    ///
    /// # Errors
    /// The file cannot be read.
    pub fn entries(&self, query: &EntryQuery) -> Result<Vec<LedgerEntry>, HistoryError> {
        let EntryQuery {
            user_id,
            asset,
            before,
            limit,
        } = *query;
        let (seq, line) = before.unwrap_or((u64::MAX, u32::MAX));
        let before = (bound(seq), i64::from(line));
        let rows = self.run(|connection| match asset {
            Some(asset) => of_asset(connection, user_id, asset.as_str(), (before, None), limit),
            // All that is read is of the same moment, or new lines of one asset would hide older ones of another.
            None => connection.transaction(|connection| merged(connection, user_id, before, limit)),
        })?;
        let account = EntryAccount::User(user_id);
        rows.into_iter().map(|row| row.line_of(account)).collect()
    }

    /// The sums of a user's lines: available and reserved of each asset. They are the user's balances.
    ///
    /// # Errors
    /// The file cannot be read.
    pub fn sums(&self, user_id: UserId) -> Result<Vec<(Asset, i64, i64)>, HistoryError> {
        let sql = diesel::sql_query(SUMS).bind::<Binary, _>(Bits::from(user_id.as_u128()));
        let rows: Vec<SumRow> = self.run(|connection| Ok(sql.load(connection)?))?;
        let sum = |row: SumRow| {
            let asset = row.asset.parse();
            let asset = asset.map_err(|_| EntryRow::TABLE.malformed("asset"))?;
            Ok((asset, row.available, row.reserved))
        };
        rows.into_iter().map(sum).collect()
    }
}

/// The newest lines of one asset before a place and, where one is given, behind another.
fn of_asset(
    connection: &mut SqliteConnection,
    user_id: UserId,
    asset: &str,
    (before, after): (Place, Option<Place>),
    limit: usize,
) -> Result<Vec<EntryRow<'static>>, HistoryError> {
    let after = after.unwrap_or((i64::MIN, i64::MIN));
    let rows = diesel::sql_query(OF_ASSET)
        .bind::<Binary, _>(Bits::from(user_id.as_u128()))
        .bind::<Text, _>(asset)
        .bind::<BigInt, _>(before.0)
        .bind::<BigInt, _>(before.1)
        .bind::<BigInt, _>(after.0)
        .bind::<BigInt, _>(after.1)
        .bind::<BigInt, _>(page(limit))
        .load(connection)?;
    Ok(rows)
}

/// The newest lines of all assets. Once there are enough, of further assets only newer ones are read.
fn merged(
    connection: &mut SqliteConnection,
    user_id: UserId,
    before: Place,
    limit: usize,
) -> Result<Vec<EntryRow<'static>>, HistoryError> {
    let assets: Vec<AssetRow> = diesel::sql_query(ASSETS)
        .bind::<Binary, _>(Bits::from(user_id.as_u128()))
        .load(connection)?;
    let (mut rows, mut after) = (Vec::new(), None);
    for AssetRow { asset } in assets {
        rows.extend(of_asset(connection, user_id, &asset, (before, after), limit)?);
        let place = |row: &EntryRow<'_>| (row.seq, row.line);
        rows.sort_unstable_by_key(|row| Reverse(place(row)));
        rows.truncate(limit);
        if rows.len() == limit {
            after = rows.last().map(place);
        }
    }
    Ok(rows)
}
