//! Writes what a transaction has done, one statement for each table.

use diesel::sql_types::{
    Array, BigInt, Binary, Integer, Nullable, SmallInt, Text, Timestamptz, Uuid as SqlUuid,
};
use diesel::{QueryableByName, sql_query};
use diesel_async::RunQueryDsl as _;
use domain::Stamp;
use futures_util::future::{try_join, try_join4};
use uuid::Uuid;

use super::super::{PgError, prepared};
use super::columns::{LineColumns, ReservationColumns, time, units};
use super::{
    Changes, HouseChange, NewTransaction, StoredAccount, StoredAnswer, StoredReservation, Work, Written,
};

/// The status of an instruction that was done.
const DONE: i16 = 0;
/// The status of one that was refused.
pub(super) const REFUSED: i16 = 1;

const TRANSACTIONS: &str = "INSERT INTO ledger_transactions (key, body_hash, answer, status, created_at)
    SELECT t.key, t.body_hash, t.answer, t.status, $1
    FROM unnest($2, $3, $4, $5) WITH ORDINALITY AS t (key, body_hash, answer, status, place) ORDER BY t.place
    ON CONFLICT (key) DO NOTHING RETURNING number";

const LINES: &str = "INSERT INTO ledger_entries (entry_id, transaction_number, line, user_id, house, asset, available,
    reserved, entry_type, reference_id, reference_kind, description, created_at)
    SELECT e.entry_id, e.number, e.line, e.user_id, e.house, e.asset, e.available * 0.00000001,
    e.reserved * 0.00000001, e.entry_type, e.reference_id, e.reference_kind, e.description, $1
    FROM unnest($2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13) AS e (entry_id, number, line, user_id, house, asset, available,
    reserved, entry_type, reference_id, reference_kind, description)";

const ACCOUNTS: &str = "UPDATE wallets w SET available_balance = n.available * 0.00000001,
    reserved_balance = n.reserved * 0.00000001, version = n.version
    FROM unnest($1, $2, $3, $4, $5) AS n (user_id, asset, available, reserved, version)
    WHERE w.user_id = n.user_id AND w.asset = n.asset";

const MADE: &str =
    "INSERT INTO reservations (reservation_id, order_id, user_id, asset, receives, granted, left_amount,
    status, created_at)
    SELECT n.reservation_id, n.order_id, n.user_id, n.asset, n.receives, n.granted * 0.00000001,
    n.left_amount * 0.00000001, n.status, n.created_at
    FROM unnest($1, $2, $3, $4, $5, $6, $7, $8, $9) AS n (reservation_id, order_id, user_id, asset, receives, granted,
    left_amount, status, created_at)
    ON CONFLICT (reservation_id) DO NOTHING";

const CHANGED: &str = "UPDATE reservations r SET receives = n.receives, granted = n.granted * 0.00000001,
    left_amount = n.left_amount * 0.00000001, status = n.status
    FROM unnest($1, $2, $3, $4, $5) AS n (reservation_id, receives, granted, left_amount, status)
    WHERE r.reservation_id = n.reservation_id";

const HOUSE: &str = "INSERT INTO house_accounts (asset, shard, fees, external)
    SELECT n.asset, n.shard, n.fees * 0.00000001, n.external * 0.00000001
    FROM unnest($1, $2, $3, $4) AS n (asset, shard, fees, external) ORDER BY n.asset, n.shard
    ON CONFLICT (asset, shard) DO UPDATE SET fees = house_accounts.fees + excluded.fees,
    external = house_accounts.external + excluded.external";

#[derive(QueryableByName)]
struct NumberRow {
    #[diesel(sql_type = BigInt)]
    number: i64,
}

impl Work {
    /// Writes all of it.
    ///
    /// # Errors
    /// A statement failed, or a row that should be there is missing.
    pub async fn write(&self, changes: &Changes) -> Result<Written, PgError> {
        let Changes {
            transactions,
            accounts,
            made,
            changed,
            house,
            at,
        } = changes;
        // Statements that do not need one another's answers are sent together.
        let (numbers, added) = try_join(
            self.add_transactions(transactions, *at),
            self.add_reservations(made),
        )
        .await?;
        if numbers.len() < transactions.len() || added < made.len() {
            return Ok(Written::Conflict);
        }
        let ((), of_accounts, of_reservations, ()) = try_join4(
            self.add_lines(transactions, &numbers, *at),
            self.update_accounts(accounts),
            self.update_reservations(changed),
            self.add_to_house(house),
        )
        .await?;
        all_there("wallets", of_accounts, accounts.len())?;
        all_there("reservations", of_reservations, changed.len())?;
        Ok(Written::All)
    }

    /// The numbers that the transactions got, in their order; fewer where a key is taken.
    async fn add_transactions(
        &self,
        transactions: &[NewTransaction],
        at: Stamp,
    ) -> Result<Vec<i64>, PgError> {
        let (mut keys, mut hashes, mut answers, mut statuses) = (vec![], vec![], vec![], vec![]);
        for NewTransaction { answer, lines: _ } in transactions {
            let StoredAnswer {
                key,
                body_hash,
                answer,
                refused,
            } = answer;
            keys.push(key.as_str());
            hashes.push(body_hash.as_slice());
            answers.push(answer.as_slice());
            statuses.push(if *refused { REFUSED } else { DONE });
        }
        let rows: Vec<NumberRow> = prepared(
            sql_query(TRANSACTIONS)
                .bind::<Timestamptz, _>(time(at))
                .bind::<Array<Text>, _>(keys)
                .bind::<Array<Binary>, _>(hashes)
                .bind::<Array<Binary>, _>(answers)
                .bind::<Array<SmallInt>, _>(statuses),
        )
        .load(&mut self.shared()?)
        .await?;
        let mut numbers: Vec<i64> = rows.into_iter().map(|row| row.number).collect();
        // They were given in this order.
        numbers.sort_unstable();
        Ok(numbers)
    }

    /// All lines of all transactions, in one statement: a trigger sums them up by transaction.
    async fn add_lines(
        &self,
        transactions: &[NewTransaction],
        numbers: &[i64],
        at: Stamp,
    ) -> Result<(), PgError> {
        let mut c = LineColumns::default();
        for (transaction, number) in transactions.iter().zip(numbers) {
            for line in &transaction.lines {
                c.push(line.entry_id, &line.entry, *number);
            }
        }
        if c.ids.is_empty() {
            return Ok(());
        }
        prepared(
            sql_query(LINES)
                .bind::<Timestamptz, _>(time(at))
                .bind::<Array<SqlUuid>, _>(c.ids)
                .bind::<Array<BigInt>, _>(c.numbers)
                .bind::<Array<Integer>, _>(c.lines)
                .bind::<Array<Nullable<SqlUuid>>, _>(c.users)
                .bind::<Array<Nullable<Text>>, _>(c.houses)
                .bind::<Array<Text>, _>(c.assets)
                .bind::<Array<BigInt>, _>(c.available)
                .bind::<Array<BigInt>, _>(c.reserved)
                .bind::<Array<Text>, _>(c.types)
                .bind::<Array<Text>, _>(c.references)
                .bind::<Array<Text>, _>(c.kinds)
                .bind::<Array<Text>, _>(c.descriptions),
        )
        .execute(&mut self.shared()?)
        .await?;
        Ok(())
    }

    async fn update_accounts(&self, accounts: &[StoredAccount]) -> Result<usize, PgError> {
        if accounts.is_empty() {
            return Ok(0);
        }
        let (mut users, mut assets, mut versions) = (vec![], vec![], vec![]);
        let (mut free, mut held) = (vec![], vec![]);
        for account in accounts {
            let StoredAccount {
                user_id,
                asset,
                available,
                reserved,
                version,
            } = account;
            users.push(Uuid::from_u128(user_id.as_u128()));
            assets.push(asset.as_str());
            free.push(units(*available));
            held.push(units(*reserved));
            versions.push(version.cast_signed());
        }
        let updated = prepared(
            sql_query(ACCOUNTS)
                .bind::<Array<SqlUuid>, _>(users)
                .bind::<Array<Text>, _>(assets)
                .bind::<Array<BigInt>, _>(free)
                .bind::<Array<BigInt>, _>(held)
                .bind::<Array<BigInt>, _>(versions),
        )
        .execute(&mut self.shared()?)
        .await?;
        Ok(updated)
    }

    /// How many were added; fewer where an id is taken.
    async fn add_reservations(&self, made: &[StoredReservation]) -> Result<usize, PgError> {
        if made.is_empty() {
            return Ok(0);
        }
        let c = ReservationColumns::from_iter(made);
        let added = prepared(
            sql_query(MADE)
                .bind::<Array<SqlUuid>, _>(c.ids)
                .bind::<Array<SqlUuid>, _>(c.orders)
                .bind::<Array<SqlUuid>, _>(c.users)
                .bind::<Array<Text>, _>(c.assets)
                .bind::<Array<Nullable<Text>>, _>(c.receives)
                .bind::<Array<BigInt>, _>(c.granted)
                .bind::<Array<BigInt>, _>(c.left)
                .bind::<Array<Text>, _>(c.statuses)
                .bind::<Array<Timestamptz>, _>(c.times),
        )
        .execute(&mut self.shared()?)
        .await?;
        Ok(added)
    }

    async fn update_reservations(&self, changed: &[StoredReservation]) -> Result<usize, PgError> {
        if changed.is_empty() {
            return Ok(0);
        }
        let c = ReservationColumns::from_iter(changed);
        let updated = prepared(
            sql_query(CHANGED)
                .bind::<Array<SqlUuid>, _>(c.ids)
                .bind::<Array<Nullable<Text>>, _>(c.receives)
                .bind::<Array<BigInt>, _>(c.granted)
                .bind::<Array<BigInt>, _>(c.left)
                .bind::<Array<Text>, _>(c.statuses),
        )
        .execute(&mut self.shared()?)
        .await?;
        Ok(updated)
    }

    async fn add_to_house(&self, house: &[HouseChange]) -> Result<(), PgError> {
        if house.is_empty() {
            return Ok(());
        }
        let (mut assets, mut shards, mut fees, mut externals) = (vec![], vec![], vec![], vec![]);
        for change in house {
            let HouseChange {
                asset,
                shard,
                fees: fee,
                external,
            } = change;
            assets.push(asset.as_str());
            shards.push(shard.cast_signed());
            fees.push(*fee);
            externals.push(*external);
        }
        prepared(
            sql_query(HOUSE)
                .bind::<Array<Text>, _>(assets)
                .bind::<Array<Integer>, _>(shards)
                .bind::<Array<BigInt>, _>(fees)
                .bind::<Array<BigInt>, _>(externals),
        )
        .execute(&mut self.shared()?)
        .await?;
        Ok(())
    }
}

/// The account was locked, so its row must be there.
fn all_there(table: &'static str, updated: usize, expected: usize) -> Result<(), PgError> {
    if updated == expected {
        return Ok(());
    }
    Err(PgError::bad_row(
        table,
        format!("{updated} of {expected} rows were there"),
    ))
}
