//! The table of operators' acts: one chain for all gateways, appended to by one at a time.

use diesel::sql_types::{BigInt, Binary};
use diesel::{OptionalExtension, QueryableByName, sql_query};
use diesel_async::{AsyncConnection as _, RunQueryDsl};

use super::{Connection, PgError, Pool};

/// Whoever appends holds this lock until the line is durable.
const LOCK: i64 = 0x0061_7564_6974;
/// The length of a hash, in bytes.
const HASH: usize = 32;

/// One line with its place in the chain.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AuditRow {
    /// Its number, from 1.
    pub number: u64,
    /// Its text.
    pub line: Vec<u8>,
    /// The hash of the line before it; zeros for the first.
    pub previous: [u8; HASH],
    /// The hash of its text.
    pub hash: [u8; HASH],
}

#[derive(QueryableByName)]
struct Row {
    #[diesel(sql_type = BigInt)]
    number: i64,
    #[diesel(sql_type = Binary)]
    line: Vec<u8>,
    #[diesel(sql_type = Binary)]
    previous: Vec<u8>,
    #[diesel(sql_type = Binary)]
    hash: Vec<u8>,
}

#[derive(QueryableByName)]
struct Last {
    #[diesel(sql_type = BigInt)]
    number: i64,
    #[diesel(sql_type = Binary)]
    hash: Vec<u8>,
}

/// Why nothing was appended.
#[derive(Debug, thiserror::Error)]
pub enum AppendError<E> {
    /// The database.
    #[error(transparent)]
    Database(#[from] PgError),
    /// The line could not be made.
    #[error("the line could not be made")]
    Line(E),
}

impl<E> From<diesel::result::Error> for AppendError<E> {
    fn from(error: diesel::result::Error) -> Self {
        Self::Database(error.into())
    }
}

fn hash_of(bytes: &[u8]) -> Result<[u8; HASH], PgError> {
    bytes
        .try_into()
        .map_err(|_| PgError::bad_row("audit_log", "a hash has 32 bytes"))
}

fn number_of(number: i64) -> Result<u64, PgError> {
    u64::try_from(number).map_err(|_| PgError::bad_row("audit_log", "numbers begin with 1"))
}

/// Appends the line that `next` makes of the last line's number and hash; its number.
///
/// # Errors
/// The line cannot be made, or the database does not take it; where its answer did not come the line may be there.
pub async fn append<E: Send + 'static>(
    pool: &Pool,
    next: impl Fn(u64, [u8; HASH]) -> Result<(Vec<u8>, [u8; HASH]), E> + Send + Sync,
) -> Result<u64, AppendError<E>> {
    let mut pooled = pool.get().await?;
    let connection: &mut Connection = &mut pooled;
    connection
        .transaction(async |connection: &mut Connection| {
            sql_query("SELECT pg_advisory_xact_lock($1)")
                .bind::<BigInt, _>(LOCK)
                .execute(connection)
                .await?;
            let last: Option<Last> =
                sql_query("SELECT number, hash FROM audit_log ORDER BY number DESC LIMIT 1")
                    .get_result(connection)
                    .await
                    .optional()?;
            let (number, previous) = match last {
                Some(last) => (number_of(last.number)?, hash_of(&last.hash)?),
                None => (0, [0; HASH]),
            };
            let (line, hash) = next(number, previous).map_err(AppendError::Line)?;
            let number = number + 1;
            sql_query("INSERT INTO audit_log (number, line, previous, hash) VALUES ($1, $2, $3, $4)")
                .bind::<BigInt, _>(number.cast_signed())
                .bind::<Binary, _>(line)
                .bind::<Binary, _>(previous.as_slice())
                .bind::<Binary, _>(hash.as_slice())
                .execute(connection)
                .await?;
            Ok(number)
        })
        .await
}

/// The lines behind this number, in order, at most so many.
///
/// # Errors
/// The database does not answer.
pub async fn read(pool: &Pool, behind: u64, limit: u32) -> Result<Vec<AuditRow>, PgError> {
    let mut connection = pool.get().await?;
    let rows: Vec<Row> = sql_query(
        "SELECT number, line, previous, hash FROM audit_log WHERE number > $1 ORDER BY number LIMIT $2",
    )
    .bind::<BigInt, _>(behind.cast_signed())
    .bind::<BigInt, _>(i64::from(limit))
    .load(&mut connection)
    .await?;
    let row = |row: Row| {
        Ok(AuditRow {
            number: number_of(row.number)?,
            line: row.line,
            previous: hash_of(&row.previous)?,
            hash: hash_of(&row.hash)?,
        })
    };
    rows.into_iter().map(row).collect()
}
