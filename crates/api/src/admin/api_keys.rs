//! API keys by operators: make, list, revoke. A secret is shown once, when it is made.

use std::net::IpAddr;

use actix_web::http::StatusCode;
use actix_web::web::{Data, Json, Path, ServiceConfig, delete, post, resource};
use actix_web::{HttpResponse, Responder};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use domain::{ApiKey, ApiKeyId, FieldError, InstitutionId, KeyMaterial, Stamp, UserId};
use http::{JsonBody, KeyId, NoBody, Problem, QueryParams, Scope, Scopes};
use ipnet::IpNet;
use secrecy::ExposeSecret;
use serde::{Deserialize, Serialize};
use serde_json::json;

use super::audit::Act;
use crate::ApiState;
use crate::caller::{AccountsOperator, AccountsOrReadingOperator, Then};
use crate::error;
use crate::wire::{id, time, word};

/// The rights that a key can carry: those of users.
const SCOPES: [Scope; 2] = [Scope::Trade, Scope::Read];

pub(crate) fn routes(config: &mut ServiceConfig) {
    config
        .service(
            resource("/api/v1/admin/api-keys")
                .route(post().to(add))
                .route(actix_web::web::get().to(list)),
        )
        .service(resource("/api/v1/admin/api-keys/{key_id}").route(delete().to(revoke)));
}

/// The body that makes a key.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct KeyBody {
    user_id: String,
    institution_id: Option<String>,
    label: Option<String>,
    algorithm: String,
    /// For ED25519: the public key, 32 bytes in base64.
    public_key: Option<String>,
    scopes: Vec<String>,
    #[serde(default)]
    addresses: Vec<String>,
}

/// A key as operators see it, without its secret.
#[derive(Debug, Serialize)]
struct KeyView {
    key_id: String,
    user_id: String,
    institution_id: Option<String>,
    label: String,
    algorithm: &'static str,
    scopes: Vec<String>,
    addresses: Vec<String>,
    created_at: Option<String>,
    revoked_at: Option<String>,
}

impl From<&ApiKey> for KeyView {
    fn from(key: &ApiKey) -> Self {
        let ApiKey {
            key_id,
            user_id,
            institution_id,
            label,
            material,
            scope,
            addresses,
            created_at,
            revoked_at,
        } = key;
        Self {
            key_id: key_id.to_string(),
            user_id: user_id.to_string(),
            institution_id: institution_id.map(|id| id.to_string()),
            label: label.clone(),
            algorithm: match material {
                KeyMaterial::Ed25519(_) => "ED25519",
                KeyMaterial::HmacSha256(_) => "HMAC_SHA256",
            },
            scopes: scope.split_ascii_whitespace().map(str::to_owned).collect(),
            addresses: addresses.clone(),
            created_at: Some(time(*created_at)),
            revoked_at: revoked_at.map(time),
        }
    }
}

#[derive(Debug, Serialize)]
struct MadeKey {
    #[serde(flatten)]
    key: KeyView,
    /// Shown this once; null for ED25519.
    secret: Option<String>,
}

async fn add(
    Then(AccountsOperator(operator), JsonBody(body)): Then<AccountsOperator, JsonBody<KeyBody>>,
    state: Data<ApiState>,
) -> Result<HttpResponse, Problem> {
    let (key, secret) = made(&state, body)?;
    let view = KeyView {
        created_at: None,
        ..KeyView::from(&key)
    };
    let act = Act::new("api_key.add", &key.key_id).after(view);
    let key_id = key.key_id.to_string();
    act.run(&state, &operator, |exchange| async move {
        exchange.add_api_key(key).await
    })
    .await?;
    let kept = state
        .exchange
        .api_key(&key_id)
        .ok_or_else(|| Problem::internal(format!("API key {key_id} was kept and is not there")))?;
    Ok(HttpResponse::build(StatusCode::CREATED).json(MadeKey {
        key: KeyView::from(&*kept),
        secret,
    }))
}

/// The key that a body asks for, and its secret if it has one.
fn made(state: &ApiState, body: KeyBody) -> Result<(ApiKey, Option<String>), Problem> {
    let KeyBody {
        user_id,
        institution_id,
        label,
        algorithm,
        public_key,
        scopes,
        addresses,
    } = body;
    let algorithm = word("algorithm", &algorithm, &["ED25519", "HMAC_SHA256"], |word| word);
    let algorithm = algorithm.map_err(error::field)?;
    let key_id = http::new_key_id(state.ids.random_bytes());
    let (material, secret) = match (algorithm, public_key) {
        ("ED25519", Some(public)) => (KeyMaterial::Ed25519(public_key_of(&public)?), None),
        ("ED25519", None) => return Err(Problem::invalid_field("public_key", "is required for ED25519")),
        (_, Some(_)) => return Err(Problem::invalid_field("public_key", "is for ED25519 only")),
        (_, None) => {
            let secret = http::new_hmac_secret(state.ids.random_bytes());
            let secret = secret.expose_secret().to_owned();
            let named = KeyId::new(&key_id).ok_or_else(|| Problem::internal("a key id of ours is none"))?;
            let sealed = state
                .secrets
                .seal(named, secret.as_bytes())
                .map_err(Problem::internal)?;
            (KeyMaterial::HmacSha256(sealed), Some(secret))
        }
    };
    let institution_id = institution_id
        .as_deref()
        .map(|text| id::<InstitutionId>("institution_id", text));
    let key = ApiKey {
        key_id: id::<ApiKeyId>("key_id", &key_id).map_err(error::field)?,
        user_id: id::<UserId>("user_id", &user_id).map_err(error::field)?,
        institution_id: institution_id.transpose().map_err(error::field)?,
        label: label.unwrap_or_default(),
        material,
        scope: scopes_of(&scopes)?.to_string(),
        addresses: networks_of(&addresses)?,
        // The owner of the sequence gives it its own.
        created_at: Stamp::FIRST,
        revoked_at: None,
    };
    key.check().map_err(error::field)?;
    Ok((key, secret))
}

fn scopes_of(words: &[String]) -> Result<Scopes, Problem> {
    if words.is_empty() {
        return Err(Problem::invalid_field("scopes", "must name at least one right"));
    }
    let scope = |text: &String| word("scopes", text, &SCOPES, Scope::word);
    let scopes: Result<Vec<Scope>, FieldError> = words.iter().map(scope).collect();
    Ok(Scopes::of(&scopes.map_err(error::field)?))
}

fn networks_of(texts: &[String]) -> Result<Vec<String>, Problem> {
    let network = |text: &String| {
        let address = || text.parse::<IpAddr>().map(IpNet::from);
        text.parse::<IpNet>()
            .or_else(|_| address())
            .map(|network| network.to_string())
            .map_err(|_| {
                Problem::invalid_field("addresses", "must be addresses or networks such as 10.0.0.0/8")
            })
    };
    texts.iter().map(network).collect()
}

fn public_key_of(text: &str) -> Result<[u8; 32], Problem> {
    STANDARD
        .decode(text)
        .ok()
        .and_then(|bytes| bytes.try_into().ok())
        .ok_or_else(|| {
            Problem::invalid_field("public_key", "must be 32 bytes of Ed25519 public key in base64")
        })
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Listing {
    user_id: String,
}

async fn list(
    Then(_, QueryParams(Listing { user_id })): Then<AccountsOrReadingOperator, QueryParams<Listing>>,
    state: Data<ApiState>,
) -> Result<impl Responder, Problem> {
    let user_id = id("user_id", &user_id).map_err(error::field)?;
    let keys = state.exchange.api_keys_of(user_id);
    let keys: Vec<_> = keys.iter().map(|key| KeyView::from(&**key)).collect();
    Ok(Json(json!({ "api_keys": keys })))
}

async fn revoke(
    Then(AccountsOperator(operator), _): Then<AccountsOperator, NoBody>,
    state: Data<ApiState>,
    key_id: Path<String>,
) -> Result<impl Responder, Problem> {
    let named: ApiKeyId = id("key_id", &key_id).map_err(error::field)?;
    let before = state.exchange.api_key(&key_id);
    let act = Act::new("api_key.revoke", &named).before(before.as_deref().map(KeyView::from));
    act.run(&state, &operator, |exchange| async move {
        exchange.revoke_api_key(named).await
    })
    .await?;
    let kept = state
        .exchange
        .api_key(&key_id)
        .ok_or_else(error::unknown_api_key)?;
    Ok(Json(KeyView::from(&*kept)))
}
