//! Tokens that were verified, so that each signature is checked once: a bounded map that forgets the oldest.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};

use aws_lc_rs::digest::{SHA256, digest};

use crate::Identity;

/// The key of a token. The token itself is not kept.
type Key = [u8; 32];

/// Who a verified token names, and how long that holds.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Verified {
    pub(crate) identity: Identity,
    /// The last second in which the token is good.
    pub(crate) ends_secs: u64,
    /// The place of its issuer among the verifier's, and the generation of the issuer's keys that verified it.
    pub(crate) issuer: usize,
    pub(crate) generation: u64,
}

/// Two generations of at most half the capacity each. When the young one is full, the old one is forgotten; what is
/// found in the old one moves to the young one.
#[derive(Debug, Default)]
struct Generations {
    young: HashMap<Key, Verified>,
    old: HashMap<Key, Verified>,
}

/// Verified tokens by the hash of their text.
#[derive(Debug)]
pub(crate) struct TokenCache {
    half: usize,
    generations: Mutex<Generations>,
}

impl TokenCache {
    /// Room for about so many tokens.
    pub(crate) fn new(entries: usize) -> Self {
        Self {
            half: entries.div_ceil(2).max(1),
            generations: Mutex::default(),
        }
    }

    /// The key of a token.
    pub(crate) fn key(token: &str) -> Key {
        let mut key = Key::default();
        key.copy_from_slice(digest(&SHA256, token.as_bytes()).as_ref());
        key
    }

    /// Who the token names, if it was verified before. The caller checks that it still holds.
    pub(crate) fn get(&self, key: &Key) -> Option<Verified> {
        let mut generations = self.generations.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(verified) = generations.young.get(key) {
            return Some(*verified);
        }
        let verified = generations.old.remove(key)?;
        self.put(&mut generations, *key, verified);
        Some(verified)
    }

    /// Remembers a token.
    pub(crate) fn insert(&self, key: Key, verified: Verified) {
        let mut generations = self.generations.lock().unwrap_or_else(PoisonError::into_inner);
        self.put(&mut generations, key, verified);
    }

    /// Forgets a token.
    pub(crate) fn remove(&self, key: &Key) {
        let mut generations = self.generations.lock().unwrap_or_else(PoisonError::into_inner);
        generations.young.remove(key);
        generations.old.remove(key);
    }

    fn put(&self, generations: &mut Generations, key: Key, verified: Verified) {
        if generations.young.len() >= self.half {
            generations.old = std::mem::take(&mut generations.young);
        }
        generations.young.insert(key, verified);
    }

    #[cfg(test)]
    fn len(&self) -> usize {
        let generations = self.generations.lock().unwrap();
        generations.young.len() + generations.old.len()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Credential, Scopes};

    fn verified(user: u128) -> Verified {
        let identity = Identity {
            user_id: uuid::Uuid::from_u128(user),
            institution_id: None,
            scopes: Scopes::NONE,
            expires_secs: Some(1),
            credential: Credential::Token,
        };
        Verified {
            identity,
            ends_secs: 1,
            issuer: 0,
            generation: 0,
        }
    }

    #[test]
    fn it_never_holds_more_than_its_capacity() {
        let cache = TokenCache::new(10);
        for n in 0..1_000u128 {
            cache.insert(TokenCache::key(&n.to_string()), verified(n));
            assert!(cache.len() <= 10);
        }
        let found = cache.get(&TokenCache::key("999")).unwrap();
        assert_eq!(found.identity.user_id.as_u128(), 999);
        assert!(cache.get(&TokenCache::key("1")).is_none());
    }

    #[test]
    fn a_token_in_use_is_kept() {
        let cache = TokenCache::new(10);
        let key = TokenCache::key("in use");
        cache.insert(key, verified(7));
        for n in 0..1_000u128 {
            cache.insert(TokenCache::key(&n.to_string()), verified(n));
            assert!(cache.get(&key).is_some(), "lost after {n}");
        }
        cache.remove(&key);
        assert!(cache.get(&key).is_none());
    }
}
