//! What must always hold between the wallet's tables, checked in one statement and therefore at one moment.

use diesel::sql_types::{BigInt, Nullable, Text, Uuid as SqlUuid};
use diesel::{QueryableByName, sql_query};
use diesel_async::RunQueryDsl as _;
use uuid::Uuid;

use super::super::{Connection, PgError};

/// At most so many differences are told of each rule and asset.
const LIMIT: i64 = 100;

/// What accounts and reservations say of each other. Reads no line of the ledger.
const OF_ACCOUNTS: &str = "
    SELECT 'sum' AS rule, NULL::uuid AS user_id, a.asset, sum(a.total) AS found, 0::numeric AS expected
    FROM (SELECT asset, available_balance + reserved_balance AS total FROM wallets
        UNION ALL SELECT asset, fees + external FROM house_accounts) AS a
    GROUP BY a.asset HAVING sum(a.total) <> 0
    UNION ALL
    SELECT 'negative', user_id, asset, least(available_balance, reserved_balance), 0 FROM wallets
    WHERE available_balance < 0 OR reserved_balance < 0
    UNION ALL
    SELECT 'negative', NULL, asset, fees, 0 FROM house_accounts WHERE fees < 0
    UNION ALL
    SELECT 'reserved', user_id, asset, coalesce(w.reserved_balance, 0), coalesce(r.held, 0)
    FROM wallets w FULL JOIN (SELECT user_id, asset, sum(left_amount) AS held FROM reservations
        WHERE status = 'held' GROUP BY user_id, asset) AS r USING (user_id, asset)
    WHERE coalesce(w.reserved_balance, 0) <> coalesce(r.held, 0)";

/// What the lines of the ledger say of accounts and of one another. Reads all of them.
const OF_LINES: &str = "
    SELECT 'available lines', user_id, asset, coalesce(w.available_balance, 0), coalesce(e.available, 0)
    FROM wallets w FULL JOIN (SELECT user_id, asset, sum(available) AS available FROM ledger_entries
        WHERE user_id IS NOT NULL GROUP BY user_id, asset) AS e USING (user_id, asset)
    WHERE coalesce(w.available_balance, 0) <> coalesce(e.available, 0)
    UNION ALL
    SELECT 'reserved lines', user_id, asset, coalesce(w.reserved_balance, 0), coalesce(e.reserved, 0)
    FROM wallets w FULL JOIN (SELECT user_id, asset, sum(reserved) AS reserved FROM ledger_entries
        WHERE user_id IS NOT NULL GROUP BY user_id, asset) AS e USING (user_id, asset)
    WHERE coalesce(w.reserved_balance, 0) <> coalesce(e.reserved, 0)
    UNION ALL
    SELECT 'fee lines', NULL, asset, coalesce(h.total, 0), coalesce(e.total, 0)
    FROM (SELECT asset, sum(fees) AS total FROM house_accounts GROUP BY asset) AS h
    FULL JOIN (SELECT asset, sum(amount) AS total FROM ledger_entries WHERE house = 'FEE' GROUP BY asset) AS e
        USING (asset) WHERE coalesce(h.total, 0) <> coalesce(e.total, 0)
    UNION ALL
    SELECT 'external lines', NULL, asset, coalesce(h.total, 0), coalesce(e.total, 0)
    FROM (SELECT asset, sum(external) AS total FROM house_accounts GROUP BY asset) AS h
    FULL JOIN (SELECT asset, sum(amount) AS total FROM ledger_entries WHERE house = 'EXTERNAL' GROUP BY asset) AS e
        USING (asset) WHERE coalesce(h.total, 0) <> coalesce(e.total, 0)
    UNION ALL
    SELECT 'transaction', NULL, asset, sum(amount), 0 FROM ledger_entries
    GROUP BY transaction_number, asset HAVING sum(amount) <> 0
    UNION ALL
    SELECT 'unexplained lines', NULL, e.asset, count(*), 0 FROM ledger_entries e
    LEFT JOIN ledger_transactions t ON t.number = e.transaction_number WHERE t.number IS NULL GROUP BY e.asset";

/// The statement that finds what these parts find, of each rule and asset at most so many differences as its parameter
/// says: one asset's hide no other's.
fn statement(parts: &str) -> String {
    format!(
        "SELECT d.rule, d.user_id, d.asset, d.found::text AS found, d.expected::text AS expected, \
            (d.found - d.expected)::text AS apart FROM \
            (SELECT *, row_number() OVER (PARTITION BY rule, asset ORDER BY user_id, found, expected) AS turn FROM ({parts}) AS p) AS d \
            WHERE d.turn <= $1 ORDER BY d.rule, d.asset, d.user_id, d.turn"
    )
}

/// Something that must hold and does not.
#[derive(Debug, Clone, PartialEq, Eq, QueryableByName)]
pub struct Difference {
    /// Which rule: `sum` (all accounts of an asset sum to zero), `negative` (no account is below zero), `reserved` (what
    /// an account has reserved is what its held reservations sum to), `available lines`, `reserved lines`, `fee lines`,
    /// `external lines` (an account is the sum of its lines), `transaction` (its lines sum to zero), `unexplained lines`
    /// (each line has its transaction; told is how many have none).
    #[diesel(sql_type = Text)]
    pub rule: String,
    /// Whose account, if it is a user's.
    #[diesel(sql_type = Nullable<SqlUuid>)]
    pub user_id: Option<Uuid>,
    /// The asset.
    #[diesel(sql_type = Text)]
    pub asset: String,
    /// What was found, in decimals.
    #[diesel(sql_type = Text)]
    pub found: String,
    /// What it should be.
    #[diesel(sql_type = Text)]
    pub expected: String,
    /// What was found less what it should be.
    #[diesel(sql_type = Text)]
    pub apart: String,
}

impl std::fmt::Display for Difference {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self {
            rule,
            user_id,
            asset,
            found,
            expected,
            apart: _,
        } = self;
        write!(f, "{rule} in {asset}")?;
        if let Some(user_id) = user_id {
            write!(f, " of user {user_id}")?;
        }
        write!(f, ": {found} instead of {expected}")
    }
}

/// Everything that does not hold at this moment, at most 100 differences of each rule and asset; none: all is well. Reads all of the tables.
///
/// # Errors
/// The statement failed.
pub async fn differences(connection: &mut Connection) -> Result<Vec<Difference>, PgError> {
    let parts = format!("{OF_ACCOUNTS} UNION ALL {OF_LINES}");
    Ok(sql_query(statement(&parts))
        .bind::<BigInt, _>(LIMIT)
        .load(connection)
        .await?)
}

/// The same of the rules `sum`, `negative` and `reserved` alone, for which no line of the ledger is read.
///
/// # Errors
/// The statement failed.
pub async fn differences_of_accounts(connection: &mut Connection) -> Result<Vec<Difference>, PgError> {
    Ok(sql_query(statement(OF_ACCOUNTS))
        .bind::<BigInt, _>(LIMIT)
        .load(connection)
        .await?)
}
