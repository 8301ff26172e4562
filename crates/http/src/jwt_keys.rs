//! The keys of one issuer, by the names that tokens give them, and how they are read.

use std::collections::HashMap;
use std::collections::hash_map::Entry;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jsonwebtoken::DecodingKey;
use secrecy::{ExposeSecret, SecretString};
use serde::Deserialize;
use serde_json::Value;

use crate::{JwtAlgorithm, JwtError, ListedKey};

/// The longest `kid`, in bytes.
pub(crate) const KID_BYTES: usize = 128;
/// The largest JWK set, in bytes.
pub(crate) const SET_BYTES: usize = 64 * 1024;
/// The least length of an HS256 secret, in bytes: as long as its hash.
pub(crate) const SECRET_BYTES: usize = 32;
/// The most keys of one issuer.
const KEYS: usize = 32;
/// The length of an Ed25519 public key, in bytes.
const ED25519_BYTES: usize = 32;

/// A key that verifies signatures.
pub(crate) struct VerifyKey {
    pub(crate) key: DecodingKey,
    /// The last second in which it is good.
    pub(crate) not_after: Option<u64>,
}

impl PartialEq for VerifyKey {
    fn eq(&self, other: &Self) -> bool {
        let same = match (self.key.try_get_as_bytes(), other.key.try_get_as_bytes()) {
            (Ok(one), Ok(two)) => one == two,
            _ => false,
        };
        same && self.not_after == other.not_after
    }
}

/// The keys of one issuer.
#[derive(PartialEq)]
pub(crate) enum KeySet {
    /// One key without a name.
    Single(VerifyKey),
    /// A key without a name, and the one before it.
    Successive(Box<[VerifyKey; 2]>),
    /// Keys by `kid`; the key of tokens without a `kid` has the empty name.
    Named(HashMap<Box<str>, VerifyKey>),
}

impl KeySet {
    /// No key at all.
    pub(crate) fn none() -> Self {
        Self::Named(HashMap::new())
    }

    /// One shared secret.
    pub(crate) fn secret(secret: &SecretString) -> Result<Self, JwtError> {
        let key = hs256(secret.expose_secret().as_bytes())?;
        Ok(Self::Single(VerifyKey { key, not_after: None }))
    }

    /// One public key.
    pub(crate) fn public(public: &str) -> Result<Self, JwtError> {
        let key = ed25519(public)?;
        Ok(Self::Single(VerifyKey { key, not_after: None }))
    }

    /// A key and the one before it, which is good up to this second.
    pub(crate) fn successive(
        current: &SecretString,
        previous: &SecretString,
        previous_until: u64,
        algorithm: JwtAlgorithm,
    ) -> Result<Self, JwtError> {
        let key = |material: &SecretString| match algorithm {
            JwtAlgorithm::Hs256 => hs256(material.expose_secret().as_bytes()),
            JwtAlgorithm::EdDsa => ed25519(material.expose_secret()),
        };
        let current = VerifyKey {
            key: key(current)?,
            not_after: None,
        };
        let previous = VerifyKey {
            key: key(previous)?,
            not_after: Some(previous_until),
        };
        Ok(Self::Successive(Box::new([current, previous])))
    }

    /// A list of keys.
    pub(crate) fn listed(keys: &[ListedKey], algorithm: JwtAlgorithm) -> Result<Self, JwtError> {
        if keys.is_empty() || keys.len() > KEYS {
            return Err(JwtError::BadKeyList);
        }
        let mut named = HashMap::with_capacity(keys.len());
        for listed in keys {
            let kid = listed.kid.as_deref().unwrap_or_default();
            if kid.len() > KID_BYTES || listed.kid.as_deref() == Some("") {
                return Err(JwtError::BadKeyList);
            }
            let material = listed.material.expose_secret();
            let key = match algorithm {
                JwtAlgorithm::Hs256 => hs256(material.as_bytes())?,
                JwtAlgorithm::EdDsa => ed25519(material)?,
            };
            let key = VerifyKey {
                key,
                not_after: listed.not_after,
            };
            if named.insert(Box::from(kid), key).is_some() {
                return Err(JwtError::BadKeyList);
            }
        }
        Ok(Self::Named(named))
    }

    /// The keys of a JWK set that fit the algorithm. Others are passed over, and so are further keys of the same name.
    ///
    /// # Errors
    /// What the text is not. The reason holds nothing of the text.
    pub(crate) fn from_jwk_set(text: &[u8], algorithm: JwtAlgorithm) -> Result<Self, &'static str> {
        #[derive(Deserialize)]
        struct JwkSet {
            keys: Vec<Value>,
        }
        if text.len() > SET_BYTES {
            return Err("it is larger than 64 kB");
        }
        let set: JwkSet = serde_json::from_slice(text).map_err(|_| "it is not a JWK set")?;
        if set.keys.len() > KEYS {
            return Err("it has more than 32 keys");
        }
        let mut named = HashMap::new();
        for value in set.keys {
            let Some((kid, key)) = Jwk::deserialize(value).ok().and_then(|jwk| jwk.read(algorithm)) else {
                continue;
            };
            if let Entry::Vacant(entry) = named.entry(kid) {
                entry.insert(VerifyKey { key, not_after: None });
            }
        }
        Ok(Self::Named(named))
    }

    /// The keys that a token's `kid` may mean: one, or a key without a name and the one before it. Keys without names are
    /// meant by every name and by none.
    pub(crate) fn find(&self, kid: Option<&str>) -> &[VerifyKey] {
        match self {
            Self::Single(key) => std::slice::from_ref(key),
            Self::Successive(keys) => keys.as_slice(),
            Self::Named(named) => named
                .get(kid.unwrap_or_default())
                .map_or(&[], std::slice::from_ref),
        }
    }

    /// How many keys there are.
    pub(crate) fn len(&self) -> usize {
        match self {
            Self::Single(_) => 1,
            Self::Successive(_) => 2,
            Self::Named(named) => named.len(),
        }
    }
}

/// The members of a JWK that are looked at.
#[derive(Deserialize)]
struct Jwk {
    kty: String,
    #[serde(default)]
    kid: String,
    alg: Option<String>,
    #[serde(rename = "use")]
    usage: Option<String>,
    crv: Option<String>,
    x: Option<String>,
    k: Option<String>,
}

impl Jwk {
    /// Its name and key, if it is one for signatures of this algorithm.
    fn read(self, algorithm: JwtAlgorithm) -> Option<(Box<str>, DecodingKey)> {
        let alg = self.alg.as_deref();
        if self.kid.len() > KID_BYTES || self.usage.is_some_and(|usage| usage != "sig") {
            return None;
        }
        let key = match algorithm {
            JwtAlgorithm::EdDsa => {
                let fits = self.kty == "OKP"
                    && self.crv.as_deref() == Some("Ed25519")
                    && matches!(alg, None | Some("EdDSA" | "Ed25519"));
                fits.then_some(self.x).flatten().map(|x| ed25519(&x))?
            }
            JwtAlgorithm::Hs256 => {
                let fits = self.kty == "oct" && matches!(alg, None | Some("HS256"));
                let k = fits.then_some(self.k).flatten()?;
                hs256(&URL_SAFE_NO_PAD.decode(k).ok()?)
            }
        };
        Some((self.kid.into_boxed_str(), key.ok()?))
    }
}

fn hs256(secret: &[u8]) -> Result<DecodingKey, JwtError> {
    if secret.len() < SECRET_BYTES {
        return Err(JwtError::SecretTooShort);
    }
    Ok(DecodingKey::from_secret(secret))
}

fn ed25519(public: &str) -> Result<DecodingKey, JwtError> {
    let bytes = URL_SAFE_NO_PAD.decode(public);
    match bytes {
        Ok(bytes) if bytes.len() == ED25519_BYTES => Ok(DecodingKey::from_ed_der(&bytes)),
        _ => Err(JwtError::BadPublicKey),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    /// The public key of RFC 8037, appendix A.
    const X: &str = "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo";

    fn read(set: &Value, algorithm: JwtAlgorithm) -> Result<usize, &'static str> {
        KeySet::from_jwk_set(set.to_string().as_bytes(), algorithm).map(|keys| keys.len())
    }

    #[test]
    fn of_a_jwk_set_only_the_keys_that_fit_the_algorithm_are_taken() {
        let k = "A".repeat(43);
        for (jwk, eddsa, hs256) in [
            (json!({"kty": "OKP", "crv": "Ed25519", "x": X, "kid": "1"}), 1, 0),
            (json!({"kty": "OKP", "crv": "Ed25519", "x": X}), 1, 0),
            (
                json!({"kty": "OKP", "crv": "Ed25519", "x": X, "alg": "EdDSA", "use": "sig"}),
                1,
                0,
            ),
            (
                json!({"kty": "OKP", "crv": "Ed25519", "x": X, "alg": "HS256"}),
                0,
                0,
            ),
            (
                json!({"kty": "OKP", "crv": "Ed25519", "x": X, "use": "enc"}),
                0,
                0,
            ),
            (json!({"kty": "OKP", "crv": "X25519", "x": X}), 0, 0),
            (json!({"kty": "OKP", "crv": "Ed25519", "x": "AAAA"}), 0, 0),
            (json!({"kty": "OKP", "crv": "Ed25519"}), 0, 0),
            (
                json!({"kty": "OKP", "crv": "Ed25519", "x": X, "kid": "k".repeat(129)}),
                0,
                0,
            ),
            (json!({"kty": "oct", "k": k, "kid": "1"}), 0, 1),
            (json!({"kty": "oct", "k": k, "alg": "HS512"}), 0, 0),
            (json!({"kty": "oct", "k": "AAAA"}), 0, 0),
            (json!({"kty": "oct", "crv": "Ed25519", "x": X}), 0, 0),
            (json!({"kty": "RSA", "n": "AQAB", "e": "AQAB"}), 0, 0),
            (json!({"kid": 7}), 0, 0),
            (json!("key"), 0, 0),
        ] {
            let set = json!({"keys": [jwk], "more": 1});
            assert_eq!(read(&set, JwtAlgorithm::EdDsa), Ok(eddsa), "{jwk}");
            assert_eq!(read(&set, JwtAlgorithm::Hs256), Ok(hs256), "{jwk}");
        }
    }

    #[test]
    fn a_jwk_set_that_is_none_or_too_large_is_refused() {
        let key = json!({"kty": "OKP", "crv": "Ed25519", "x": X});
        assert_eq!(read(&json!({"keys": vec![&key; 32]}), JwtAlgorithm::EdDsa), Ok(1));
        for set in [
            json!({"keys": vec![&key; 33]}),
            json!({"keys": {}}),
            json!({}),
            json!([key]),
            json!({"keys": [], "filler": "x".repeat(SET_BYTES)}),
        ] {
            assert!(read(&set, JwtAlgorithm::EdDsa).is_err());
        }
        assert!(KeySet::from_jwk_set(b"<html>", JwtAlgorithm::EdDsa).is_err());
    }
}
