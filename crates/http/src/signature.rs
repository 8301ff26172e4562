//! What the holder of an API key signs, and how the signature is checked.

use std::sync::Arc;

use aws_lc_rs::hmac;
use aws_lc_rs::signature::{ED25519, UnparsedPublicKey};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use secrecy::ExposeSecret;

use crate::{KeyId, SecretBox};

/// The length of an Ed25519 signature, in bytes.
const ED25519_SIGNATURE: usize = 64;
/// The length of an HMAC-SHA256, in bytes.
const HMAC_SIGNATURE: usize = 32;

/// What a signature is checked with.
#[derive(Clone, PartialEq, Eq)]
pub enum KeyMaterial {
    /// An Ed25519 public key. Signatures come as base64 with padding.
    Ed25519([u8; 32]),
    /// The secret of an HMAC-SHA256, as [`SecretBox::seal`] sealed it. Signatures come as lower-case hex digits.
    HmacSha256(Arc<[u8]>),
}

impl std::fmt::Debug for KeyMaterial {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Ed25519(_) => "Ed25519",
            Self::HmacSha256(_) => "HmacSha256",
        })
    }
}

/// The parts of a request that are signed.
#[derive(Debug, Clone, Copy)]
pub struct SignedParts<'a> {
    /// The timestamp as it stands in its header.
    pub timestamp: &'a str,
    /// The receive window as it stands in its header, `5000` where there is none.
    pub recv_window: &'a str,
    /// The method in capitals.
    pub method: &'a str,
    /// Path and query exactly as on the request line.
    pub target: &'a str,
    /// The body as it was sent.
    pub body: &'a [u8],
}

impl SignedParts<'_> {
    /// The bytes that are signed: `{timestamp}\n{recv_window}\n{METHOD}\n{path and query}\n{body}`.
    pub fn bytes(&self) -> Vec<u8> {
        let Self {
            timestamp,
            recv_window,
            method,
            target,
            body,
        } = self;
        let head = format!("{timestamp}\n{recv_window}\n{method}\n{target}\n");
        [head.as_bytes(), body].concat()
    }
}

/// Whether the signature in this text is the key's over the message; its bytes where it is. Compares in constant time.
pub(crate) fn verify(
    key_id: KeyId,
    material: &KeyMaterial,
    secrets: &SecretBox,
    message: &[u8],
    text: &str,
) -> Option<Vec<u8>> {
    match material {
        KeyMaterial::Ed25519(public) => {
            let signature = STANDARD.decode(text).ok()?;
            let key = UnparsedPublicKey::new(&ED25519, public);
            (signature.len() == ED25519_SIGNATURE && key.verify(message, &signature).is_ok())
                .then_some(signature)
        }
        KeyMaterial::HmacSha256(sealed) => {
            let signature = from_hex(text)?;
            let secret = match secrets.open(key_id, sealed) {
                Ok(secret) => secret,
                Err(error) => {
                    tracing::error!(%key_id, %error, "the secret of an API key cannot be opened");
                    return None;
                }
            };
            let key = hmac::Key::new(hmac::HMAC_SHA256, secret.expose_secret());
            (signature.len() == HMAC_SIGNATURE && hmac::verify(&key, message, &signature).is_ok())
                .then_some(signature)
        }
    }
}

/// The bytes of lower-case hex digits.
fn from_hex(text: &str) -> Option<Vec<u8>> {
    let digit = |byte: u8| match byte {
        b'0'..=b'9' => Some(byte - b'0'),
        b'a'..=b'f' => Some(byte - b'a' + 10),
        _ => None,
    };
    let (pairs, rest) = text.as_bytes().as_chunks::<2>();
    if !rest.is_empty() {
        return None;
    }
    pairs
        .iter()
        .map(|[high, low]| Some(digit(*high)? * 16 + digit(*low)?))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_signed_bytes_are_these() {
        let parts = SignedParts {
            timestamp: "1767225600000",
            recv_window: "5000",
            method: "POST",
            target: "/api/v1/orders?b=2&a=%31",
            body: b"{\"price\":\"1\"}\n",
        };
        let bytes = "1767225600000\n5000\nPOST\n/api/v1/orders?b=2&a=%31\n{\"price\":\"1\"}\n";
        assert_eq!(parts.bytes(), bytes.as_bytes());
    }

    #[test]
    fn only_pairs_of_lower_case_hex_digits_are_hex() {
        assert_eq!(from_hex("00ff1a"), Some(vec![0, 255, 26]));
        assert_eq!(from_hex(""), Some(Vec::new()));
        for text in ["0", "0g", "FF", "0x", " 0", "\u{e9}"] {
            assert_eq!(from_hex(text), None, "{text}");
        }
    }
}
