//! The rows of what operators keep about users: tiers, who is in them, and API keys.

use chrono::{DateTime, Utc};
use diesel::QueryableByName;
use diesel::sql_query;
use diesel::sql_types::{Array, BigInt, Binary, Integer, Nullable, Text, Timestamptz, Uuid as SqlUuid};
use diesel_async::RunQueryDsl as _;
use domain::{ApiKey, FeeRate, InstitutionId, KeyMaterial, Stamp, Tier, TierName, UserId};
use uuid::Uuid;

use super::register::register_version;
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
pub(super) async fn read_all(connection: &mut Connection) -> Result<RegisterRows, PgError> {
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
