//! The edge that the settings ask for: tokens, API keys, limits, origins, connection caps.

use std::sync::Arc;

use api::ApiKeys;
use domain::UserId;
use http::{
    AddressLimits, AddressRates, ApiKeyLayer, ConnectionCaps, Connections, Edge, EdgeLimits, IssuerSettings,
    JwtAlgorithm, JwtKeys, JwtSettings, Origins, RateLimits, SecretBox, TrustedProxies,
};
use runtime::settings::{Issuer, KeySource, LimitsSettings, PreviousKey};
use runtime::{Clock, Ids, Settings};
use secrecy::SecretString;

use crate::server::BODY_TIMEOUT;
use crate::shape::Shape;

/// How many verified tokens are remembered.
const TOKENS_REMEMBERED: usize = 10_000;

/// Everything that stands before the handlers. Cheap to clone; clones share what they have seen.
#[derive(Clone)]
pub(crate) struct Guards {
    pub(crate) edge: Edge,
    pub(crate) api_keys: ApiKeyLayer,
    pub(crate) origins: Origins,
    pub(crate) connections: Connections,
    pub(crate) addresses: Arc<AddressLimits>,
    pub(crate) rates: Arc<RateLimits>,
}

impl Guards {
    /// The guards of these settings.
    ///
    /// # Errors
    /// A setting that the rules of the settings let through and the edge does not take.
    pub(crate) fn new(settings: &Settings, shape: &Shape) -> anyhow::Result<Self> {
        let server = &settings.server;
        let limits = EdgeLimits {
            body_bytes: server.max_body_bytes,
            body_timeout: server.read_timeout.min(BODY_TIMEOUT),
            request_timeout: server.write_timeout,
        };
        let proxies = TrustedProxies::parse(&server.trusted_proxies)?;
        let addresses = Arc::new(AddressLimits::new(address_rates(&settings.limits), Clock::System));
        let ids = Ids::new(Clock::System);
        let edge = Edge::new(limits, move || ids.uuid_v4().to_string())
            .trusting(proxies.clone())
            .limiting_addresses(Arc::clone(&addresses));
        let secrets = secret_box(settings)?;
        let keys = Arc::new(ApiKeys(shape.exchange()));
        let accounts = shape.exchange();
        // 0 stands for the rate of the settings.
        let rate_of = move |user: uuid::Uuid| {
            let tier = accounts.tier_of(UserId::from_u128(user.as_u128()));
            tier.and_then(|tier| tier.orders_per_second).unwrap_or(0)
        };
        let rates =
            RateLimits::new(shape.rates(), settings.limits.orders_per_second).with_rate_of(Arc::new(rate_of));
        Ok(Self {
            edge,
            api_keys: ApiKeyLayer::sharing(keys, secrets, Clock::System, shape.signatures())
                .with_bodies_of(server.max_batch_bytes),
            origins: Origins::parse(&server.cors_origins)?,
            connections: Connections::new(connection_caps(&settings.limits), proxies),
            addresses,
            rates: Arc::new(rates),
        })
    }

    /// Takes new limits from now on.
    pub(crate) fn set_limits(&self, limits: &LimitsSettings) {
        self.addresses.set(address_rates(limits));
        self.rates.set_default_rate(limits.orders_per_second);
        self.connections.set(connection_caps(limits));
    }
}

fn connection_caps(limits: &LimitsSettings) -> ConnectionCaps {
    ConnectionCaps {
        per_address: limits.connections_per_address,
        total: limits.connections,
    }
}

fn address_rates(limits: &LimitsSettings) -> AddressRates {
    AddressRates {
        per_second: limits.address_requests_per_second,
        burst: limits.address_burst,
        failed_logins_per_minute: limits.failed_logins_per_minute,
    }
}

/// What seals the secrets of API keys.
///
/// # Errors
/// The secret is too short.
pub(crate) fn secret_box(settings: &Settings) -> anyhow::Result<SecretBox> {
    Ok(SecretBox::derive(&settings.auth.api_key_secret)?)
}

/// The issuers of tokens.
pub(crate) fn jwt(settings: &Settings) -> JwtSettings {
    let leeway_secs = settings.auth.leeway.as_secs();
    let issuers = settings.auth.all_issuers();
    JwtSettings {
        issuers: issuers
            .into_iter()
            .map(|issuer| issuer_settings(issuer, leeway_secs))
            .collect(),
        cache_entries: TOKENS_REMEMBERED,
    }
}

fn issuer_settings(issuer: Issuer, leeway_secs: u64) -> IssuerSettings {
    let Issuer {
        issuer,
        audience,
        key,
        previous,
    } = issuer;
    let algorithm = match key {
        KeySource::Secret(_) => JwtAlgorithm::Hs256,
        KeySource::PublicKey(_) | KeySource::JwksUrl(_) | KeySource::JwksFile(_) => JwtAlgorithm::EdDsa,
    };
    let keys = match (key, previous) {
        (KeySource::Secret(current), Some(previous)) => successive(current, previous),
        (KeySource::PublicKey(current), Some(previous)) => successive(SecretString::from(current), previous),
        (KeySource::Secret(secret), None) => JwtKeys::Secret(secret),
        (KeySource::PublicKey(public), None) => JwtKeys::Public(public),
        // A set of keys has old and new keys in itself.
        (KeySource::JwksUrl(url), _) => JwtKeys::Address(url),
        (KeySource::JwksFile(file), _) => JwtKeys::File(file),
    };
    IssuerSettings {
        issuer,
        audience,
        algorithm,
        keys,
        leeway_secs,
    }
}

/// A key and the one before it.
fn successive(current: SecretString, previous: PreviousKey) -> JwtKeys {
    let until = u64::try_from(previous.until.timestamp()).unwrap_or(0);
    match previous.key {
        KeySource::Secret(previous) => JwtKeys::Successive {
            current,
            previous,
            previous_until: until,
        },
        KeySource::PublicKey(previous) => JwtKeys::Successive {
            current,
            previous: SecretString::from(previous),
            previous_until: until,
        },
        KeySource::JwksUrl(_) | KeySource::JwksFile(_) => JwtKeys::Secret(current),
    }
}
