//! Seals the secrets of API keys for storage, and makes new ones.

use std::fmt::Write as _;

use aws_lc_rs::aead::{AES_256_GCM, Aad, LessSafeKey, NONCE_LEN, Nonce, UnboundKey};
use aws_lc_rs::hkdf::{HKDF_SHA256, Salt};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use secrecy::{ExposeSecret, SecretSlice, SecretString};

use crate::KeyId;

/// The first byte of everything sealed, so that another way of sealing can come beside this one.
const VERSION: u8 = 1;
/// The length of the key, in bytes.
const KEY_BYTES: usize = 32;
/// What derived keys are for.
const DERIVED_FOR: &[&[u8]] = &[b"sealing of API key secrets, version 1"];
/// How many characters a new key id has.
const KEY_ID_LENGTH: usize = 24;
/// What a new key id is made of.
const LETTERS: &[u8; 62] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789";

/// Why something cannot be sealed or opened.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum SecretBoxError {
    /// The key is not 32 bytes in base64.
    #[error("the sealing key must be 32 bytes in base64 with padding")]
    BadKey,
    /// The text that the key is derived from is too short.
    #[error("the secret that the sealing key is derived from must have at least 32 bytes")]
    SecretTooShort,
    /// It could not be sealed.
    #[error("the secret could not be sealed")]
    NotSealed,
    /// It was sealed with another key or for another key id, or it was changed since.
    #[error("the sealed secret cannot be opened")]
    NotOpened,
}

/// Seals secrets with AES-256-GCM. What is sealed for one key id does not open for another.
pub struct SecretBox {
    key: LessSafeKey,
}

impl SecretBox {
    /// A box with this key: 32 bytes in base64.
    ///
    /// # Errors
    /// The text is something else.
    pub fn from_base64(key: &SecretString) -> Result<Self, SecretBoxError> {
        let bytes = STANDARD.decode(key.expose_secret()).map(SecretSlice::from);
        let bytes = bytes.map_err(|_| SecretBoxError::BadKey)?;
        Self::of(bytes.expose_secret())
    }

    /// A box with a key that is derived from a secret text of at least 32 bytes.
    ///
    /// # Errors
    /// The text is shorter.
    pub fn derive(secret: &SecretString) -> Result<Self, SecretBoxError> {
        let secret = secret.expose_secret().as_bytes();
        if secret.len() < KEY_BYTES {
            return Err(SecretBoxError::SecretTooShort);
        }
        let mut key = [0; KEY_BYTES];
        Salt::new(HKDF_SHA256, &[])
            .extract(secret)
            .expand(DERIVED_FOR, HKDF_SHA256)
            .and_then(|derived| derived.fill(&mut key))
            .map_err(|_| SecretBoxError::BadKey)?;
        Self::of(&key)
    }

    fn of(key: &[u8]) -> Result<Self, SecretBoxError> {
        let key = UnboundKey::new(&AES_256_GCM, key).map_err(|_| SecretBoxError::BadKey)?;
        Ok(Self {
            key: LessSafeKey::new(key),
        })
    }

    /// Seals the secret of an API key: version, random nonce, ciphertext, tag.
    ///
    /// # Errors
    /// There is no randomness, or the secret is too large.
    pub fn seal(&self, key_id: KeyId, secret: &[u8]) -> Result<Vec<u8>, SecretBoxError> {
        let mut nonce = [0; NONCE_LEN];
        aws_lc_rs::rand::fill(&mut nonce).map_err(|_| SecretBoxError::NotSealed)?;
        let mut text = secret.to_vec();
        self.key
            .seal_in_place_append_tag(Nonce::assume_unique_for_key(nonce), aad(key_id), &mut text)
            .map_err(|_| SecretBoxError::NotSealed)?;
        Ok([&[VERSION][..], &nonce, &text].concat())
    }

    /// Opens what was sealed for this key id.
    ///
    /// # Errors
    /// It was not, or not with this key.
    pub fn open(&self, key_id: KeyId, sealed: &[u8]) -> Result<SecretSlice<u8>, SecretBoxError> {
        let refused = SecretBoxError::NotOpened;
        let rest = sealed.strip_prefix(&[VERSION]).ok_or(refused)?;
        let (nonce, text) = rest.split_first_chunk().ok_or(refused)?;
        let mut text = text.to_vec();
        let length = self
            .key
            .open_in_place(Nonce::assume_unique_for_key(*nonce), aad(key_id), &mut text)
            .map_err(|_| refused)?
            .len();
        text.truncate(length);
        Ok(SecretSlice::from(text))
    }
}

impl std::fmt::Debug for SecretBox {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("SecretBox").finish_non_exhaustive()
    }
}

fn aad(key_id: KeyId) -> Aad<Vec<u8>> {
    Aad::from(key_id.as_str().as_bytes().to_vec())
}

/// A new HMAC secret of these random bytes: 64 lower-case hex digits. These digits, as text, are the HMAC's key, on
/// the caller's side and on ours. It is shown to its owner once and kept sealed.
pub fn new_hmac_secret(random: [u8; 32]) -> SecretString {
    SecretString::from(hex(&random))
}

/// A new key id of these random bytes: 24 characters of `[A-Za-z0-9]`.
pub fn new_key_id(random: [u8; 2 * KEY_ID_LENGTH]) -> String {
    let letter = |pair: &[u8]| {
        let number = pair.iter().fold(0, |sum, byte| sum * 256 + usize::from(*byte));
        LETTERS
            .get(number % LETTERS.len())
            .map_or('A', |letter| char::from(*letter))
    };
    random.chunks(2).map(letter).collect()
}

/// Bytes as lower-case hex digits.
pub(crate) fn hex(bytes: &[u8]) -> String {
    let mut text = String::with_capacity(bytes.len() * 2);
    for byte in bytes {
        // Writing into a string cannot fail.
        let _ = write!(text, "{byte:02x}");
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    fn id(text: &str) -> KeyId {
        KeyId::new(text).unwrap()
    }

    fn derived(secret: &str) -> SecretBox {
        SecretBox::derive(&SecretString::from(secret)).unwrap()
    }

    #[test]
    fn what_is_sealed_opens_with_the_same_key_for_the_same_id_only() {
        let sealing = derived(&"s".repeat(32));
        let sealed = sealing.seal(id("one"), b"a secret").unwrap();
        assert_eq!(
            sealing.open(id("one"), &sealed).unwrap().expose_secret(),
            b"a secret"
        );
        let again = derived(&"s".repeat(32));
        assert!(again.open(id("one"), &sealed).is_ok(), "after a restart");
        assert!(sealing.open(id("two"), &sealed).is_err(), "another id");
        assert!(
            derived(&"t".repeat(32)).open(id("one"), &sealed).is_err(),
            "another key"
        );
        for at in 0..sealed.len() {
            let mut changed = sealed.clone();
            changed[at] ^= 1;
            assert!(sealing.open(id("one"), &changed).is_err(), "byte {at} changed");
            assert!(sealing.open(id("one"), &sealed[..at]).is_err(), "cut at {at}");
        }
        assert_ne!(
            sealed,
            sealing.seal(id("one"), b"a secret").unwrap(),
            "nonces differ"
        );
        assert!(!sealed.windows(8).any(|part| part == b"a secret"));
        assert_eq!(format!("{sealing:?}"), "SecretBox { .. }");
    }

    #[test]
    fn a_key_is_32_bytes_in_base64_or_derived_from_as_many() {
        for (bytes, good) in [(31, false), (32, true), (33, false), (0, false)] {
            let key = SecretString::from(STANDARD.encode(vec![7; bytes]));
            assert_eq!(SecretBox::from_base64(&key).is_ok(), good, "{bytes} bytes");
        }
        assert!(SecretBox::from_base64(&SecretString::from("no base64!")).is_err());
        let short = SecretString::from("x".repeat(31));
        assert_eq!(
            SecretBox::derive(&short).unwrap_err(),
            SecretBoxError::SecretTooShort
        );
    }

    #[test]
    fn new_secrets_and_ids_are_plain_texts_of_their_random_bytes() {
        let secret = new_hmac_secret([0xab; 32]);
        assert_eq!(secret.expose_secret(), "ab".repeat(32));
        assert_eq!(new_key_id([0; 48]), "A".repeat(24));
        let mixed: [u8; 48] = std::array::from_fn(|at| u8::try_from(at * 5).unwrap());
        let text = new_key_id(mixed);
        assert_eq!(KeyId::new(&text).unwrap().as_str().len(), 24);
        assert!(text.bytes().all(|b| b.is_ascii_alphanumeric()), "{text}");
        assert_ne!(text, new_key_id([255; 48]));
    }
}
