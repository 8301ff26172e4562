//! The API keys of the log as the edge looks them up.

use std::sync::Arc;

use domain::{ApiKey, KeyMaterial};
use http::{ApiKeyRecord, KeyStore, Scopes};
use ipnet::IpNet;
use trading::Accounts;
use uuid::Uuid;

/// The API keys of an exchange.
pub struct ApiKeys<E: ?Sized>(pub Arc<E>);

impl<E: Accounts + ?Sized> KeyStore for ApiKeys<E> {
    fn find(&self, key_id: &str) -> Option<ApiKeyRecord> {
        self.0.api_key(key_id).as_deref().map(record)
    }
}

/// A key as the edge checks it. A key with a network that cannot be read lets nobody in.
fn record(key: &ApiKey) -> ApiKeyRecord {
    let networks: Result<Vec<IpNet>, _> = key.addresses.iter().map(|network| network.parse()).collect();
    let unreadable = networks.is_err();
    ApiKeyRecord {
        user_id: Uuid::from_u128(key.user_id.as_u128()),
        institution_id: key.institution_id.map(|id| Uuid::from_u128(id.as_u128())),
        scopes: Scopes::from_claim(&key.scope),
        material: match &key.material {
            KeyMaterial::Ed25519(public) => http::KeyMaterial::Ed25519(*public),
            KeyMaterial::HmacSha256(sealed) => http::KeyMaterial::HmacSha256(sealed.as_slice().into()),
        },
        addresses: networks.unwrap_or_default(),
        revoked: key.revoked_at.is_some() || unreadable,
    }
}
