//! Service tokens: short-lived, signed by whoever calls the wallet, renewed before they end.

use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jsonwebtoken::{Algorithm, EncodingKey, Header, encode};
use reqwest::header::HeaderValue;
use runtime::settings::WalletSettings;
use runtime::{Clock, Ids};
use secrecy::{ExposeSecret, SecretString};
use serde::Serialize;
use uuid::Uuid;

use crate::ClientError;

/// As long as the hash that it keys.
const SECRET_BYTES: usize = 32;
/// What stands before the 32 bytes of an Ed25519 private key in PKCS #8.
const PKCS8_ED25519: [u8; 16] = [
    0x30, 0x2e, 0x02, 0x01, 0x00, 0x30, 0x05, 0x06, 0x03, 0x2b, 0x65, 0x70, 0x04, 0x22, 0x04, 0x20,
];

/// What service tokens are signed with.
#[derive(Debug, Clone)]
pub enum ServiceKey {
    /// HS256: a secret of at least 32 bytes that the wallet has too.
    Secret(SecretString),
    /// EdDSA: an Ed25519 private key, 32 bytes in base64url without padding (the `d` of a JWK).
    Ed25519(SecretString),
}

impl ServiceKey {
    /// The key of these settings.
    ///
    /// # Errors
    /// They are for EdDSA and have no private key.
    pub fn of(settings: &WalletSettings) -> Result<Self, ClientError> {
        match settings.algorithm {
            runtime::settings::Algorithm::Hs256 => Ok(Self::Secret(settings.secret.clone())),
            runtime::settings::Algorithm::EdDsa => {
                let key = settings.private_key.clone().ok_or(ClientError::BadKey)?;
                Ok(Self::Ed25519(key))
            }
        }
    }
}

/// Whom the tokens name, and for how long they are good.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TokenNames {
    /// `iss`.
    pub issuer: String,
    /// `aud`.
    pub audience: String,
    /// The time from `iat` to `exp`.
    pub life: Duration,
}

#[derive(Serialize)]
struct Claims<'a> {
    iss: &'a str,
    aud: &'a str,
    sub: String,
    iat: u64,
    exp: u64,
}

/// Makes service tokens.
pub(crate) struct TokenSource {
    key: EncodingKey,
    algorithm: Algorithm,
    names: TokenNames,
    /// Which process calls: one made-up id for its whole life.
    subject: Uuid,
    clock: Clock,
    current: Mutex<Option<Current>>,
}

/// A token that is in use.
struct Current {
    header: HeaderValue,
    made_us: u64,
}

impl TokenSource {
    /// # Errors
    /// The key is too short, or none.
    pub(crate) fn new(
        key: &ServiceKey,
        names: TokenNames,
        ids: &Ids,
        clock: Clock,
    ) -> Result<Self, ClientError> {
        let (key, algorithm) = match key {
            ServiceKey::Secret(secret) if secret.expose_secret().len() < SECRET_BYTES => {
                return Err(ClientError::BadKey);
            }
            ServiceKey::Secret(secret) => {
                let key = EncodingKey::from_secret(secret.expose_secret().as_bytes());
                (key, Algorithm::HS256)
            }
            ServiceKey::Ed25519(private) => {
                let bytes = URL_SAFE_NO_PAD.decode(private.expose_secret());
                let bytes = bytes.ok().filter(|bytes| bytes.len() == 32);
                let bytes = bytes.ok_or(ClientError::BadKey)?;
                let der = [PKCS8_ED25519.as_slice(), bytes.as_slice()].concat();
                (EncodingKey::from_ed_der(&der), Algorithm::EdDSA)
            }
        };
        let source = Self {
            key,
            algorithm,
            names,
            subject: ids.uuid_v4(),
            clock,
            current: Mutex::new(None),
        };
        source.sign(source.clock.wall_us())?;
        Ok(source)
    }

    /// The `Authorization` header: the token in use, or a new one where half of its life has passed or the clock went
    /// back behind it.
    ///
    /// # Errors
    /// It cannot be signed.
    pub(crate) fn header(&self) -> Result<HeaderValue, ClientError> {
        let now_us = self.clock.wall_us();
        let mut current = self.current.lock().unwrap_or_else(PoisonError::into_inner);
        let half_us = u64::try_from(self.names.life.as_micros() / 2).unwrap_or(u64::MAX);
        if let Some(Current { header, made_us }) = &*current
            && (*made_us..made_us.saturating_add(half_us)).contains(&now_us)
        {
            return Ok(header.clone());
        }
        let header = self.sign(now_us)?;
        *current = Some(Current {
            header: header.clone(),
            made_us: now_us,
        });
        Ok(header)
    }

    fn sign(&self, now_us: u64) -> Result<HeaderValue, ClientError> {
        let iat = now_us / 1_000_000;
        let claims = Claims {
            iss: &self.names.issuer,
            aud: &self.names.audience,
            sub: self.subject.to_string(),
            iat,
            exp: iat.saturating_add(self.names.life.as_secs().max(1)),
        };
        let token = encode(&Header::new(self.algorithm), &claims, &self.key);
        let token = token.map_err(|_| ClientError::BadKey)?;
        let mut header = HeaderValue::try_from(format!("Bearer {token}")).map_err(|_| ClientError::BadKey)?;
        header.set_sensitive(true);
        Ok(header)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use runtime::ManualClock;

    fn names() -> TokenNames {
        TokenNames {
            issuer: "services".to_owned(),
            audience: "wallet".to_owned(),
            life: Duration::from_secs(60),
        }
    }

    fn source(key: &ServiceKey, clock: &ManualClock) -> Result<TokenSource, ClientError> {
        let clock = Clock::from(clock.clone());
        TokenSource::new(key, names(), &Ids::seeded(clock.clone(), 1), clock)
    }

    #[test]
    fn a_token_is_used_for_half_of_its_life_and_then_renewed() {
        let manual = ManualClock::at(1_700_000_000_000_000);
        let key = ServiceKey::Secret(SecretString::from("x".repeat(32)));
        let source = source(&key, &manual).unwrap();
        let first = source.header().unwrap();
        assert!(first.is_sensitive(), "it does not stand in logs");
        manual.advance(Duration::from_secs(29));
        assert_eq!(source.header().unwrap(), first);
        manual.advance(Duration::from_secs(1));
        let second = source.header().unwrap();
        assert_ne!(second, first);
        manual.set_wall_us(1_600_000_000_000_000);
        let third = source.header().unwrap();
        assert!(third != second && third != first, "the clock went back");
    }

    #[test]
    fn keys_that_cannot_sign_are_refused_at_once() {
        let manual = ManualClock::at(1);
        let seed = "nWGxne_9WmC6hEr0kuwsxERJxWl7MmkZcDusAxyuf2A";
        assert!(source(&ServiceKey::Ed25519(SecretString::from(seed)), &manual).is_ok());
        for key in [
            ServiceKey::Secret(SecretString::from("x".repeat(31))),
            ServiceKey::Ed25519(SecretString::from("x".repeat(42))),
            ServiceKey::Ed25519(SecretString::from("not base64url")),
        ] {
            assert!(
                matches!(source(&key, &manual), Err(ClientError::BadKey)),
                "{key:?}"
            );
        }
        let settings = WalletSettings {
            algorithm: runtime::settings::Algorithm::EdDsa,
            ..WalletSettings::default()
        };
        assert!(ServiceKey::of(&settings).is_err(), "there is no private key");
    }
}
