//! Who a request comes from, and what it showed for it.

use std::fmt;

use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::Scopes;

/// The longest id of an API key, in characters.
const KEY_ID_LENGTH: usize = 32;

/// The id of an API key: 1 to 32 characters of `[A-Za-z0-9_-]`. It is no secret. Cheap to copy.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct KeyId {
    bytes: [u8; KEY_ID_LENGTH],
    length: u8,
}

impl KeyId {
    /// The id that a text is; none where it cannot be one.
    pub fn new(text: &str) -> Option<Self> {
        let allowed = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'_' | b'-');
        if text.is_empty() || !text.bytes().all(allowed) {
            return None;
        }
        let mut bytes = [0; KEY_ID_LENGTH];
        bytes.get_mut(..text.len())?.copy_from_slice(text.as_bytes());
        Some(Self {
            bytes,
            length: u8::try_from(text.len()).ok()?,
        })
    }

    /// The text of the id.
    pub fn as_str(&self) -> &str {
        let bytes = self.bytes.get(..usize::from(self.length)).unwrap_or_default();
        std::str::from_utf8(bytes).unwrap_or_default()
    }
}

impl fmt::Display for KeyId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl fmt::Debug for KeyId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "KeyId({self})")
    }
}

/// What a caller showed to be known. Its text form is `token` or `key:ID`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Credential {
    /// A bearer token.
    Token,
    /// A signature with this API key.
    ApiKey(KeyId),
}

impl fmt::Display for Credential {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Token => f.write_str("token"),
            Self::ApiKey(id) => write!(f, "key:{id}"),
        }
    }
}

/// Who a caller is, and what it may do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Identity {
    /// The user (`sub` of a token).
    pub user_id: Uuid,
    /// The user's institution (`institution_id`).
    pub institution_id: Option<Uuid>,
    /// The rights (`scope`).
    pub scopes: Scopes,
    /// When the token ends (`exp`), in seconds since 1970; none for API keys.
    pub expires_secs: Option<u64>,
    /// What it was known by.
    pub credential: Credential,
}

/// An identity as gateways hand it to each other.
#[derive(Serialize, Deserialize)]
struct IdentityText {
    user_id: Uuid,
    institution_id: Option<Uuid>,
    scope: String,
    expires_secs: Option<u64>,
    key: Option<String>,
}

impl Identity {
    /// The identity for another gateway.
    pub(crate) fn to_bytes(self) -> Vec<u8> {
        let Self {
            user_id,
            institution_id,
            scopes,
            expires_secs,
            credential,
        } = self;
        let key = match credential {
            Credential::Token => None,
            Credential::ApiKey(id) => Some(id.to_string()),
        };
        let text = IdentityText {
            user_id,
            institution_id,
            scope: scopes.to_string(),
            expires_secs,
            key,
        };
        // A struct of plain values cannot fail to be written.
        serde_json::to_vec(&text).unwrap_or_default()
    }

    /// The identity that another gateway wrote; none where it makes no sense.
    pub(crate) fn from_bytes(bytes: &[u8]) -> Option<Self> {
        let IdentityText {
            user_id,
            institution_id,
            scope,
            expires_secs,
            key,
        } = serde_json::from_slice(bytes).ok()?;
        let credential = match key {
            None => Credential::Token,
            Some(id) => Credential::ApiKey(KeyId::new(&id)?),
        };
        Some(Self {
            user_id,
            institution_id,
            scopes: Scopes::from_claim(&scope),
            expires_secs,
            credential,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_short_plain_texts_are_key_ids() {
        for text in ["a", "Az09_-", &"k".repeat(32)] {
            assert_eq!(KeyId::new(text).unwrap().as_str(), text);
        }
        for text in ["", " ", "a b", "a/..", "\u{e9}", "a\n", "' OR 1", &"k".repeat(33)] {
            assert_eq!(KeyId::new(text), None, "{text:?}");
        }
        let id = KeyId::new("abc").unwrap();
        assert_eq!(Credential::ApiKey(id).to_string(), "key:abc");
        assert_eq!(Credential::Token.to_string(), "token");
    }
}
