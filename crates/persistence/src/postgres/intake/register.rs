//! What operators keep about users: tiers, who is in them, and API keys; with the version that every change raises.

use chrono::{DateTime, Utc};
use diesel::QueryableByName;
use diesel::sql_query;
use diesel::sql_types::{Array, BigInt, Binary, Bool, Integer, Nullable, Text, Timestamptz, Uuid as SqlUuid};
use diesel_async::RunQueryDsl as _;
use domain::{ApiKey, ApiKeyId, FeeRate, InstitutionId, KeyMaterial, Stamp, Tier, TierName, UserId};
use uuid::Uuid;

use crate::postgres::orders::value::time;
use crate::postgres::{Connection, PgError, prepared};

/// Everything that operators keep, at one version.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct RegisterRows {
    /// The version.
    pub version: u64,
    /// Every tier.
    pub tiers: Vec<Tier>,
    /// Who is in which tier.
    pub accounts: Vec<(UserId, TierName)>,
    /// Every API key, revoked or not, oldest first.
    pub keys: Vec<ApiKey>,
}

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
///
/// # Errors
/// See [`PgError`].
pub async fn bump_version(connection: &mut Connection) -> Result<u64, PgError> {
    let row: VersionRow = prepared(sql_query(
        "UPDATE register_version SET version = version + 1 WHERE id = 1 RETURNING version",
    ))
    .get_result(connection)
    .await?;
    Ok(row.version.cast_unsigned())
}

#[derive(QueryableByName)]
struct TierRow {
    #[diesel(sql_type = Text)]
    name: String,
    #[diesel(sql_type = Nullable<Integer>)]
    orders_per_second: Option<i32>,
    #[diesel(sql_type = Nullable<BigInt>)]
    maker_fee: Option<i64>,
    #[diesel(sql_type = Nullable<BigInt>)]
    taker_fee: Option<i64>,
}

#[derive(QueryableByName)]
struct AccountRow {
    #[diesel(sql_type = SqlUuid)]
    user_id: Uuid,
    #[diesel(sql_type = Text)]
    tier: String,
}

#[derive(QueryableByName)]
struct KeyRow {
    #[diesel(sql_type = Text)]
    key_id: String,
    #[diesel(sql_type = SqlUuid)]
    user_id: Uuid,
    #[diesel(sql_type = Nullable<SqlUuid>)]
    institution_id: Option<Uuid>,
    #[diesel(sql_type = Text)]
    label: String,
    #[diesel(sql_type = Text)]
    kind: String,
    #[diesel(sql_type = Binary)]
    material: Vec<u8>,
    #[diesel(sql_type = Text)]
    scope: String,
    #[diesel(sql_type = Array<Text>)]
    addresses: Vec<String>,
    #[diesel(sql_type = Timestamptz)]
    created_at: DateTime<Utc>,
    #[diesel(sql_type = Nullable<Timestamptz>)]
    revoked_at: Option<DateTime<Utc>>,
}

/// Everything that operators keep, as of one moment where the transaction reads one.
///
/// # Errors
/// See [`PgError`].
pub async fn register(connection: &mut Connection) -> Result<RegisterRows, PgError> {
    let version = register_version(connection).await?;
    let tiers: Vec<TierRow> = prepared(sql_query(
        "SELECT name, orders_per_second, (maker_fee * 100000000)::bigint AS maker_fee, \
         (taker_fee * 100000000)::bigint AS taker_fee FROM tiers ORDER BY name",
    ))
    .load(connection)
    .await?;
    let accounts: Vec<AccountRow> = prepared(sql_query(
        "SELECT user_id, tier FROM accounts WHERE tier IS NOT NULL",
    ))
    .load(connection)
    .await?;
    let keys: Vec<KeyRow> = prepared(sql_query(
        "SELECT key_id, user_id, institution_id, label, kind, material, scope, addresses, created_at, revoked_at \
         FROM api_keys ORDER BY created_at, key_id",
    ))
    .load(connection)
    .await?;
    let account = |row: AccountRow| {
        let tier = row.tier.parse();
        let tier = tier.map_err(|error| PgError::bad_row("accounts", error))?;
        Ok((UserId::from_u128(row.user_id.as_u128()), tier))
    };
    Ok(RegisterRows {
        version,
        tiers: tiers.into_iter().map(tier_of).collect::<Result<_, _>>()?,
        accounts: accounts
            .into_iter()
            .map(account)
            .collect::<Result<_, PgError>>()?,
        keys: keys.into_iter().map(key_of).collect::<Result<_, _>>()?,
    })
}

fn tier_of(row: TierRow) -> Result<Tier, PgError> {
    let TierRow {
        name,
        orders_per_second,
        maker_fee,
        taker_fee,
    } = row;
    let bad = |why: &str| PgError::bad_row("tiers", format!("{why} of {name}"));
    let fee = |fee: Option<i64>| -> Result<Option<FeeRate>, PgError> {
        let rate = fee.map(|fee| u32::try_from(fee).map(FeeRate));
        rate.transpose().map_err(|_| bad("fee"))
    };
    let rate = orders_per_second.map(u32::try_from).transpose();
    Ok(Tier {
        orders_per_second: rate.map_err(|_| bad("orders_per_second"))?,
        maker_fee: fee(maker_fee)?,
        taker_fee: fee(taker_fee)?,
        name: name.parse().map_err(|error| PgError::bad_row("tiers", error))?,
    })
}

fn key_of(row: KeyRow) -> Result<ApiKey, PgError> {
    let bad = |why: &str| PgError::bad_row("api_keys", format!("{why} of {}", row.key_id));
    let stamp = |at: DateTime<Utc>| {
        let micros = u64::try_from(at.timestamp_micros()).map_err(|_| bad("a moment"))?;
        Ok::<_, PgError>(Stamp::from_micros(micros))
    };
    let material = match row.kind.as_str() {
        "ed25519" => {
            let key = <[u8; 32]>::try_from(row.material.as_slice());
            KeyMaterial::Ed25519(key.map_err(|_| bad("material"))?)
        }
        "hmac_sha256" => KeyMaterial::HmacSha256(row.material.clone()),
        _ => return Err(bad("kind")),
    };
    Ok(ApiKey {
        key_id: row.key_id.parse().map_err(|_| bad("key_id"))?,
        user_id: UserId::from_u128(row.user_id.as_u128()),
        institution_id: row
            .institution_id
            .map(|id| InstitutionId::from_u128(id.as_u128())),
        label: row.label.clone(),
        material,
        scope: row.scope.clone(),
        addresses: row.addresses.clone(),
        created_at: stamp(row.created_at)?,
        revoked_at: row.revoked_at.map(stamp).transpose()?,
    })
}

#[derive(QueryableByName)]
struct Count {
    #[diesel(sql_type = BigInt)]
    count: i64,
}

/// How many tiers there are.
///
/// # Errors
/// See [`PgError`].
pub async fn tier_count(connection: &mut Connection) -> Result<u64, PgError> {
    let row: Count = prepared(sql_query("SELECT count(*) AS count FROM tiers"))
        .get_result(connection)
        .await?;
    Ok(row.count.cast_unsigned())
}

/// Whether there is a tier of this name.
///
/// # Errors
/// See [`PgError`].
pub async fn tier_exists(connection: &mut Connection, name: &TierName) -> Result<bool, PgError> {
    let row: Count = prepared(
        sql_query("SELECT count(*) AS count FROM tiers WHERE name = $1").bind::<Text, _>(name.as_str()),
    )
    .get_result(connection)
    .await?;
    Ok(row.count == 1)
}

/// Writes a tier, new or not.
///
/// # Errors
/// See [`PgError`].
pub async fn set_tier(connection: &mut Connection, tier: &Tier) -> Result<(), PgError> {
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
///
/// # Errors
/// See [`PgError`]; the tier has to exist.
pub async fn set_account(
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

/// How many API keys a user has.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct KeyCounts {
    /// Whether somebody has a key of this id.
    pub taken: bool,
    /// The user's keys that are not revoked.
    pub live: u64,
    /// The user's keys, revoked ones included.
    pub ever: u64,
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
///
/// # Errors
/// See [`PgError`].
pub async fn key_counts(connection: &mut Connection, key: &ApiKey) -> Result<KeyCounts, PgError> {
    let CountsRow { taken, live, ever } = prepared(sql_query(
        "SELECT EXISTS (SELECT 1 FROM api_keys WHERE key_id = $1) AS taken, \
         count(*) FILTER (WHERE revoked_at IS NULL) AS live, count(*) AS ever FROM api_keys WHERE user_id = $2",
    )
    .bind::<Text, _>(key.key_id.as_str())
    .bind::<SqlUuid, _>(Uuid::from_u128(key.user_id.as_u128())))
    .get_result(connection)
    .await?;
    Ok(KeyCounts {
        taken,
        live: live.cast_unsigned(),
        ever: ever.cast_unsigned(),
    })
}

/// Keeps a new API key, made at this moment.
///
/// # Errors
/// See [`PgError`]; its id must not be taken.
pub async fn add_key(connection: &mut Connection, key: &ApiKey, at: Stamp) -> Result<(), PgError> {
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
///
/// # Errors
/// See [`PgError`].
pub async fn revoke_key(connection: &mut Connection, key_id: &ApiKeyId, at: Stamp) -> Result<bool, PgError> {
    let found = prepared(sql_query(
        "UPDATE api_keys SET revoked_at = COALESCE(revoked_at, GREATEST($2, created_at)) WHERE key_id = $1",
    )
    .bind::<Text, _>(key_id.as_str())
    .bind::<Timestamptz, _>(time(at)))
    .execute(connection)
    .await?;
    Ok(found == 1)
}
