//! Changes of what operators keep about users; every change raises one version, so that a copy is known to be old.

use diesel::QueryableByName;
use diesel::sql_query;
use diesel::sql_types::{Array, BigInt, Binary, Bool, Integer, Nullable, Text, Timestamptz, Uuid as SqlUuid};
use diesel_async::{AsyncConnection as _, RunQueryDsl as _};
use domain::{ApiKey, ApiKeyId, FeeRate, KeyMaterial, Stamp, Tier, TierName, UserId};
use uuid::Uuid;

use super::register_rows::{RegisterRows, read_all};
use crate::postgres::orders::value::time;
use crate::postgres::{Connection, PgError, prepared};

#[derive(QueryableByName)]
struct VersionRow {
    #[diesel(sql_type = BigInt)]
    version: i64,
}

/// The version of what operators keep.
///
/// # Errors
/// See [`PgError`].
pub async fn register_version(connection: &mut Connection) -> Result<u64, PgError> {
    let row: VersionRow = prepared(sql_query("SELECT version FROM register_version WHERE id = 1"))
        .get_result(connection)
        .await?;
    Ok(row.version.cast_unsigned())
}

/// Raises the version, first in the transaction of a change: changes come one after the other. The version now.
async fn bump_version(connection: &mut Connection) -> Result<u64, PgError> {
    let row: VersionRow = prepared(sql_query(
        "UPDATE register_version SET version = version + 1 WHERE id = 1 RETURNING version",
    ))
    .get_result(connection)
    .await?;
    Ok(row.version.cast_unsigned())
}

/// Everything that operators keep, as of one moment.
///
/// # Errors
/// See [`PgError`].
pub async fn register(connection: &mut Connection) -> Result<RegisterRows, PgError> {
    connection
        .build_transaction()
        .repeatable_read()
        .read_only()
        .run(async |connection| read_all(connection).await)
        .await
}

/// How much may be kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RegisterLimits {
    /// The most tiers.
    pub tiers: u32,
    /// The most API keys of a user that are not revoked.
    pub live_keys: u32,
    /// The most API keys of a user, revoked ones included.
    pub keys: u32,
}

/// Why nothing was changed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RegisterRefusal {
    /// There are as many tiers as there may be.
    TooManyTiers,
    /// There is no such tier.
    UnknownTier,
    /// The API key's id is taken.
    KeyTaken,
    /// The user has as many API keys as a user may have.
    TooManyKeys,
    /// There is no such API key.
    UnknownKey,
}

/// What ends a change's transaction.
enum Ended {
    Refused(RegisterRefusal),
    Failed(PgError),
}

impl From<PgError> for Ended {
    fn from(error: PgError) -> Self {
        Self::Failed(error)
    }
}

impl From<diesel::result::Error> for Ended {
    fn from(error: diesel::result::Error) -> Self {
        Self::Failed(error.into())
    }
}

/// A change: the version after it, or why nothing was changed.
type Change = Result<Result<u64, RegisterRefusal>, PgError>;

fn changed(done: Result<u64, Ended>) -> Change {
    match done {
        Ok(version) => Ok(Ok(version)),
        Err(Ended::Refused(refusal)) => Ok(Err(refusal)),
        Err(Ended::Failed(error)) => Err(error),
    }
}

/// Defines a tier, or changes one. The version after it, or why nothing was changed.
///
/// # Errors
/// See [`PgError`].
pub async fn define_tier(connection: &mut Connection, tier: &Tier, limits: RegisterLimits) -> Change {
    let done = connection.transaction(async |connection| {
        let version = bump_version(connection).await?;
        if tier_count(connection).await? >= u64::from(limits.tiers)
            && !tier_exists(connection, &tier.name).await?
        {
            return Err(Ended::Refused(RegisterRefusal::TooManyTiers));
        }
        set_tier(connection, tier).await?;
        Ok(version)
    });
    changed(done.await)
}

/// Puts a user into a tier, or out of every tier. The version after it, or why nothing was changed.
///
/// # Errors
/// See [`PgError`].
pub async fn set_account_tier(
    connection: &mut Connection,
    user_id: UserId,
    tier: Option<&TierName>,
    at: Stamp,
) -> Change {
    let done = connection.transaction(async |connection| {
        let version = bump_version(connection).await?;
        if let Some(name) = tier
            && !tier_exists(connection, name).await?
        {
            return Err(Ended::Refused(RegisterRefusal::UnknownTier));
        }
        set_account(connection, user_id, tier, at).await?;
        Ok(version)
    });
    changed(done.await)
}

/// Keeps a new API key, made at this moment. The version after it, or why nothing was changed.
///
/// # Errors
/// See [`PgError`].
pub async fn add_key(connection: &mut Connection, key: &ApiKey, at: Stamp, limits: RegisterLimits) -> Change {
    let done = connection.transaction(async |connection| {
        let version = bump_version(connection).await?;
        let CountsRow { taken, live, ever } = key_counts(connection, key).await?;
        if taken {
            return Err(Ended::Refused(RegisterRefusal::KeyTaken));
        }
        if live >= i64::from(limits.live_keys) || ever >= i64::from(limits.keys) {
            return Err(Ended::Refused(RegisterRefusal::TooManyKeys));
        }
        write_key(connection, key, at).await?;
        Ok(version)
    });
    changed(done.await)
}

/// Revokes an API key for ever, if it is not revoked. The version after it, or why nothing was changed.
///
/// # Errors
/// See [`PgError`].
pub async fn revoke_key(connection: &mut Connection, key_id: &ApiKeyId, at: Stamp) -> Change {
    let done = connection.transaction(async |connection| {
        let version = bump_version(connection).await?;
        if !write_revocation(connection, key_id, at).await? {
            return Err(Ended::Refused(RegisterRefusal::UnknownKey));
        }
        Ok(version)
    });
    changed(done.await)
}

#[derive(QueryableByName)]
struct Count {
    #[diesel(sql_type = BigInt)]
    count: i64,
}

/// How many tiers there are.
async fn tier_count(connection: &mut Connection) -> Result<u64, PgError> {
    let row: Count = prepared(sql_query("SELECT count(*) AS count FROM tiers"))
        .get_result(connection)
        .await?;
    Ok(row.count.cast_unsigned())
}

/// Whether there is a tier of this name.
async fn tier_exists(connection: &mut Connection, name: &TierName) -> Result<bool, PgError> {
    let row: Count = prepared(
        sql_query("SELECT count(*) AS count FROM tiers WHERE name = $1").bind::<Text, _>(name.as_str()),
    )
    .get_result(connection)
    .await?;
    Ok(row.count == 1)
}

/// Writes a tier, new or not.
async fn set_tier(connection: &mut Connection, tier: &Tier) -> Result<(), PgError> {
    let Tier {
        name,
        orders_per_second,
        maker_fee,
        taker_fee,
    } = tier;
    let fee = |fee: &Option<FeeRate>| fee.map(|fee| i64::from(fee.0));
    prepared(
        sql_query(
            "INSERT INTO tiers (name, orders_per_second, maker_fee, taker_fee) \
         VALUES ($1, $2, $3 * 0.00000001, $4 * 0.00000001) ON CONFLICT (name) DO UPDATE \
         SET orders_per_second = excluded.orders_per_second, maker_fee = excluded.maker_fee, \
         taker_fee = excluded.taker_fee",
        )
        .bind::<Text, _>(name.as_str())
        .bind::<Nullable<Integer>, _>(orders_per_second.map(u32::cast_signed))
        .bind::<Nullable<BigInt>, _>(fee(maker_fee))
        .bind::<Nullable<BigInt>, _>(fee(taker_fee)),
    )
    .execute(connection)
    .await?;
    Ok(())
}

/// Puts a user into a tier, or out of every tier.
async fn set_account(
    connection: &mut Connection,
    user_id: UserId,
    tier: Option<&TierName>,
    at: Stamp,
) -> Result<(), PgError> {
    prepared(
        sql_query(
            "INSERT INTO accounts (user_id, tier, created_at) VALUES ($1, $2, $3) \
         ON CONFLICT (user_id) DO UPDATE SET tier = excluded.tier",
        )
        .bind::<SqlUuid, _>(Uuid::from_u128(user_id.as_u128()))
        .bind::<Nullable<Text>, _>(tier.map(TierName::as_str))
        .bind::<Timestamptz, _>(time(at)),
    )
    .execute(connection)
    .await?;
    Ok(())
}

#[derive(QueryableByName)]
struct CountsRow {
    #[diesel(sql_type = Bool)]
    taken: bool,
    #[diesel(sql_type = BigInt)]
    live: i64,
    #[diesel(sql_type = BigInt)]
    ever: i64,
}

/// Whether an API key's id is taken, and how many keys its user has.
async fn key_counts(connection: &mut Connection, key: &ApiKey) -> Result<CountsRow, PgError> {
    let counts: CountsRow = prepared(sql_query(
        "SELECT EXISTS (SELECT 1 FROM api_keys WHERE key_id = $1) AS taken, \
         count(*) FILTER (WHERE revoked_at IS NULL) AS live, count(*) AS ever FROM api_keys WHERE user_id = $2",
    )
    .bind::<Text, _>(key.key_id.as_str())
    .bind::<SqlUuid, _>(Uuid::from_u128(key.user_id.as_u128())))
    .get_result(connection)
    .await?;
    Ok(counts)
}

/// Keeps a new API key, made at this moment.
async fn write_key(connection: &mut Connection, key: &ApiKey, at: Stamp) -> Result<(), PgError> {
    let ApiKey {
        key_id,
        user_id,
        institution_id,
        label,
        material,
        scope,
        addresses,
        created_at: _,
        revoked_at: _,
    } = key;
    let (kind, material) = match material {
        KeyMaterial::Ed25519(key) => ("ed25519", key.as_slice()),
        KeyMaterial::HmacSha256(sealed) => ("hmac_sha256", sealed.as_slice()),
    };
    prepared(sql_query(
        "INSERT INTO api_keys (key_id, user_id, institution_id, label, kind, material, scope, addresses, created_at) \
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)",
    )
    .bind::<Text, _>(key_id.as_str())
    .bind::<SqlUuid, _>(Uuid::from_u128(user_id.as_u128()))
    .bind::<Nullable<SqlUuid>, _>(institution_id.map(|id| Uuid::from_u128(id.as_u128())))
    .bind::<Text, _>(label)
    .bind::<Text, _>(kind)
    .bind::<Binary, _>(material)
    .bind::<Text, _>(scope)
    .bind::<Array<Text>, _>(addresses)
    .bind::<Timestamptz, _>(time(at)))
    .execute(connection)
    .await?;
    Ok(())
}

/// Revokes an API key, if it is not revoked; false: there is no such key.
async fn write_revocation(
    connection: &mut Connection,
    key_id: &ApiKeyId,
    at: Stamp,
) -> Result<bool, PgError> {
    let found = prepared(sql_query(
        "UPDATE api_keys SET revoked_at = COALESCE(revoked_at, GREATEST($2, created_at)) WHERE key_id = $1",
    )
    .bind::<Text, _>(key_id.as_str())
    .bind::<Timestamptz, _>(time(at)))
    .execute(connection)
    .await?;
    Ok(found == 1)
}
