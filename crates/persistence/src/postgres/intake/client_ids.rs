//! Client order ids: one table for all shards, so that an id is taken once.

use diesel::QueryableByName;
use diesel::sql_query;
use diesel::sql_types::{Array, BigInt, Text, Uuid as SqlUuid};
use diesel_async::RunQueryDsl as _;
use domain::{ClientOrderId, OrderId, UserId};
use uuid::Uuid;

use super::uuids;
use crate::postgres::{Connection, PgError, prepared};

/// A client order id that stands for an order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Claim {
    /// Whose id.
    pub user_id: UserId,
    /// The id.
    pub client_order_id: ClientOrderId,
    /// What it stands for.
    pub order_id: OrderId,
    /// A hash of what was asked for, keyed by the order's id.
    pub body_hash: u64,
}

#[derive(QueryableByName)]
struct Taken {
    #[diesel(sql_type = SqlUuid)]
    order_id: Uuid,
}

// In the order of the key: two writers that take the same ids wait for one another and never in a circle.
const CLAIM: &str = "INSERT INTO client_order_ids (user_id, client_order_id, order_id, body_hash) \
    SELECT n.user_id, n.client_order_id, n.order_id, n.body_hash FROM UNNEST($1, $2, $3, $4) \
    AS n(user_id, client_order_id, order_id, body_hash) ORDER BY n.user_id, n.client_order_id, n.order_id \
    ON CONFLICT DO NOTHING RETURNING order_id";

/// Takes client ids, in one statement. The orders whose ids were free; the others' stay as they are.
///
/// # Errors
/// See [`PgError`].
pub(super) async fn claim(connection: &mut Connection, claims: &[Claim]) -> Result<Vec<OrderId>, PgError> {
    if claims.is_empty() {
        return Ok(Vec::new());
    }
    let names: Vec<&str> = claims
        .iter()
        .map(|claim| claim.client_order_id.as_str())
        .collect();
    let hashes: Vec<i64> = claims.iter().map(|claim| claim.body_hash.cast_signed()).collect();
    let taken: Vec<Taken> = prepared(
        sql_query(CLAIM)
            .bind::<Array<SqlUuid>, _>(uuids(claims.iter().map(|claim| claim.user_id.as_u128())))
            .bind::<Array<Text>, _>(names)
            .bind::<Array<SqlUuid>, _>(uuids(claims.iter().map(|claim| claim.order_id.as_u128())))
            .bind::<Array<BigInt>, _>(hashes),
    )
    .load(connection)
    .await?;
    let id = |taken: Taken| OrderId::from_u128(taken.order_id.as_u128());
    Ok(taken.into_iter().map(id).collect())
}

#[derive(QueryableByName)]
struct ClaimRow {
    #[diesel(sql_type = SqlUuid)]
    user_id: Uuid,
    #[diesel(sql_type = Text)]
    client_order_id: String,
    #[diesel(sql_type = SqlUuid)]
    order_id: Uuid,
    #[diesel(sql_type = BigInt)]
    body_hash: i64,
}

const CLAIMS_OF: &str = "SELECT c.user_id, c.client_order_id, c.order_id, c.body_hash \
    FROM UNNEST($1, $2) AS n(user_id, client_order_id) \
    JOIN client_order_ids c ON c.user_id = n.user_id AND c.client_order_id = n.client_order_id";

/// What these client ids of these users stand for, as far as they are taken.
///
/// # Errors
/// See [`PgError`].
pub async fn claims_of<'a>(
    connection: &mut Connection,
    names: impl IntoIterator<Item = (UserId, &'a ClientOrderId)>,
) -> Result<Vec<Claim>, PgError> {
    let (users, names): (Vec<Uuid>, Vec<&str>) = names
        .into_iter()
        .map(|(user_id, name)| (Uuid::from_u128(user_id.as_u128()), name.as_str()))
        .unzip();
    if users.is_empty() {
        return Ok(Vec::new());
    }
    let rows: Vec<ClaimRow> = prepared(
        sql_query(CLAIMS_OF)
            .bind::<Array<SqlUuid>, _>(users)
            .bind::<Array<Text>, _>(names),
    )
    .load(connection)
    .await?;
    rows.into_iter().map(Claim::try_from).collect()
}

impl TryFrom<ClaimRow> for Claim {
    type Error = PgError;

    fn try_from(row: ClaimRow) -> Result<Self, PgError> {
        let ClaimRow {
            user_id,
            client_order_id,
            order_id,
            body_hash,
        } = row;
        let name = client_order_id.parse();
        Ok(Self {
            user_id: UserId::from_u128(user_id.as_u128()),
            client_order_id: name.map_err(|error| PgError::bad_row("client_order_ids", error))?,
            order_id: OrderId::from_u128(order_id.as_u128()),
            body_hash: body_hash.cast_unsigned(),
        })
    }
}

const FORGET: &str = "DELETE FROM client_order_ids c USING UNNEST($1, $2, $3) AS n(user_id, client_order_id, order_id) \
    WHERE c.user_id = n.user_id AND c.client_order_id = n.client_order_id AND c.order_id = n.order_id";

/// Frees client ids, if they still stand for these orders.
///
/// # Errors
/// See [`PgError`].
pub(super) async fn forget_claims(connection: &mut Connection, claims: &[&Claim]) -> Result<(), PgError> {
    if claims.is_empty() {
        return Ok(());
    }
    let names: Vec<&str> = claims
        .iter()
        .map(|claim| claim.client_order_id.as_str())
        .collect();
    prepared(
        sql_query(FORGET)
            .bind::<Array<SqlUuid>, _>(uuids(claims.iter().map(|claim| claim.user_id.as_u128())))
            .bind::<Array<Text>, _>(names)
            .bind::<Array<SqlUuid>, _>(uuids(claims.iter().map(|claim| claim.order_id.as_u128()))),
    )
    .execute(connection)
    .await?;
    Ok(())
}
