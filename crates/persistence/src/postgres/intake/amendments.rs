//! Amendments that need more funds, from before the wallet is asked until their command is written. Whoever takes a draft
//! out writes its command in the same transaction, so that an amendment is handed to its shard once.

use std::time::Duration;

use chrono::{DateTime, Utc};
use diesel::QueryableByName;
use diesel::sql_query;
use diesel::sql_types::{BigInt, Binary, Timestamptz, Uuid as SqlUuid};
use diesel_async::{AsyncConnection as _, RunQueryDsl as _};
use domain::{OrderId, RequestId, Stamp};
use uuid::Uuid;

use super::commands::{CommandRow, insert_commands};
use crate::postgres::orders::value::time;
use crate::postgres::{Connection, PgError, prepared};

/// An amendment whose funds are being reserved.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Draft {
    /// The amendment: the key of its reservation, and the id of its command.
    pub request_id: RequestId,
    /// The order.
    pub order_id: OrderId,
    /// What is to be reserved and done, encoded.
    pub body: Vec<u8>,
}

/// Writes a draft; one that is there already stays as it is.
///
/// # Errors
/// See [`PgError`].
pub async fn insert_draft(connection: &mut Connection, draft: &Draft, at: Stamp) -> Result<(), PgError> {
    prepared(
        sql_query(
            "INSERT INTO amendments (request_id, order_id, body, created_at) VALUES ($1, $2, $3, $4) \
         ON CONFLICT DO NOTHING",
        )
        .bind::<SqlUuid, _>(Uuid::from_u128(draft.request_id.as_u128()))
        .bind::<SqlUuid, _>(Uuid::from_u128(draft.order_id.as_u128()))
        .bind::<Binary, _>(&draft.body)
        .bind::<Timestamptz, _>(time(at)),
    )
    .execute(connection)
    .await?;
    Ok(())
}

/// Takes a draft out and writes its command, in one transaction; false: somebody else did before.
///
/// # Errors
/// See [`PgError`].
pub async fn hand_draft(
    connection: &mut Connection,
    request_id: RequestId,
    command: &CommandRow,
) -> Result<bool, PgError> {
    connection
        .transaction(async |connection| {
            let taken = prepared(
                sql_query("DELETE FROM amendments WHERE request_id = $1")
                    .bind::<SqlUuid, _>(Uuid::from_u128(request_id.as_u128())),
            )
            .execute(connection)
            .await?;
            if taken == 0 {
                return Ok(false);
            }
            insert_commands(connection, std::slice::from_ref(command)).await?;
            Ok(true)
        })
        .await
}

#[derive(QueryableByName)]
struct DraftRow {
    #[diesel(sql_type = SqlUuid)]
    request_id: Uuid,
    #[diesel(sql_type = SqlUuid)]
    order_id: Uuid,
    #[diesel(sql_type = Binary)]
    body: Vec<u8>,
}

const CLAIM: &str = "UPDATE amendments a SET swept_until = now() + $2 * interval '1 microsecond' \
    WHERE a.request_id IN (SELECT d.request_id FROM amendments d \
    WHERE d.created_at < $1 AND (d.swept_until IS NULL OR d.swept_until < now()) \
    ORDER BY d.created_at LIMIT $3 FOR UPDATE SKIP LOCKED) RETURNING a.request_id, a.order_id, a.body";

/// Takes up to so many drafts made before this moment on, for so long, that nobody else has taken on.
///
/// # Errors
/// See [`PgError`].
pub async fn claim_drafts(
    connection: &mut Connection,
    made_before: Stamp,
    lease: Duration,
    limit: u32,
) -> Result<Vec<Draft>, PgError> {
    let made_before: DateTime<Utc> = time(made_before);
    let rows: Vec<DraftRow> = prepared(
        sql_query(CLAIM)
            .bind::<Timestamptz, _>(made_before)
            .bind::<BigInt, _>(i64::try_from(lease.as_micros()).unwrap_or(i64::MAX))
            .bind::<BigInt, _>(i64::from(limit)),
    )
    .load(connection)
    .await?;
    let draft = |row: DraftRow| Draft {
        request_id: RequestId::from_u128(row.request_id.as_u128()),
        order_id: OrderId::from_u128(row.order_id.as_u128()),
        body: row.body,
    };
    Ok(rows.into_iter().map(draft).collect())
}
