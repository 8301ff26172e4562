//! The register: tiers, who is in them, and API keys. The only code that changes them.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use domain::{
    AddApiKey, ApiKey, ApiKeyId, Command, FieldError, Refusal, RevokeApiKey, SetAccountTier, Stamp, Tier,
    TierName, UserId,
};
use serde::{Deserialize, Serialize};

/// The most tiers.
const TIERS: usize = 1_000;
/// The most API keys of a user that are not revoked.
const KEYS_OF_USER: usize = 50;
/// The most API keys of a user, revoked ones included.
const KEYS_OF_USER_EVER: usize = 1_000;

/// Something in the register contradicts something else: a fault in the program.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum RegisterFault {
    /// A tier under another's name, with numbers that make no sense, or one too many.
    #[error("tier {0} is not as it may be")]
    Tier(TierName),
    /// A user is in a tier that does not exist.
    #[error("user {0} is in a tier that does not exist")]
    Account(UserId),
    /// A key under another's id, with texts or times that make no sense, or not listed as its user's.
    #[error("API key {0} is not as it may be")]
    Key(ApiKeyId),
    /// A user's list names other keys than the user's, or too many.
    #[error("the list of the API keys of user {0} is not theirs")]
    List(UserId),
}

/// Tiers, who is in them, and API keys. Everything is kept in a fixed order.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Register {
    tiers: BTreeMap<TierName, Arc<Tier>>,
    accounts: BTreeMap<UserId, TierName>,
    keys: BTreeMap<ApiKeyId, Arc<ApiKey>>,
    by_user: BTreeMap<UserId, Vec<ApiKeyId>>,
}

impl Register {
    /// Applies a command of the register at its stamp; none: the command is not the register's.
    ///
    /// # Errors
    /// Inside: why nothing changed.
    pub fn apply(&mut self, at: Stamp, command: &Command) -> Option<Result<(), Refusal>> {
        match command {
            Command::DefineTier(define) => Some(self.define_tier(&define.tier)),
            Command::SetAccountTier(set) => Some(self.set_account_tier(set)),
            Command::AddApiKey(add) => Some(self.add_key(at, add)),
            Command::RevokeApiKey(revoke) => Some(self.revoke_key(at, revoke)),
            _ => None,
        }
    }

    fn define_tier(&mut self, tier: &Tier) -> Result<(), Refusal> {
        tier.check().map_err(Refusal::Shape)?;
        if self.tiers.len() >= TIERS && !self.tiers.contains_key(&tier.name) {
            return Err(Refusal::Shape(FieldError::new(
                "name",
                "would be one tier too many",
            )));
        }
        self.tiers.insert(tier.name.clone(), Arc::new(tier.clone()));
        Ok(())
    }

    fn set_account_tier(&mut self, set: &SetAccountTier) -> Result<(), Refusal> {
        match &set.tier {
            Some(name) if !self.tiers.contains_key(name) => return Err(Refusal::UnknownTier),
            Some(name) => self.accounts.insert(set.user_id, name.clone()),
            None => self.accounts.remove(&set.user_id),
        };
        Ok(())
    }

    fn add_key(&mut self, at: Stamp, add: &AddApiKey) -> Result<(), Refusal> {
        let key = &add.key;
        key.check().map_err(Refusal::Shape)?;
        if self.keys.contains_key(&key.key_id) {
            return Err(Refusal::ApiKeyTaken);
        }
        let of_user = self.by_user.entry(key.user_id).or_default();
        let live = of_user
            .iter()
            .filter(|id| self.keys.get(id).is_some_and(|key| key.revoked_at.is_none()));
        if live.count() >= KEYS_OF_USER || of_user.len() >= KEYS_OF_USER_EVER {
            return Err(Refusal::Shape(FieldError::new(
                "user_id",
                "has as many API keys as a user may have",
            )));
        }
        of_user.push(key.key_id.clone());
        let kept = ApiKey {
            created_at: at,
            revoked_at: None,
            ..key.clone()
        };
        self.keys.insert(key.key_id.clone(), Arc::new(kept));
        Ok(())
    }

    fn revoke_key(&mut self, at: Stamp, revoke: &RevokeApiKey) -> Result<(), Refusal> {
        let key = self.keys.get_mut(&revoke.key_id).ok_or(Refusal::UnknownApiKey)?;
        if key.revoked_at.is_none() {
            Arc::make_mut(key).revoked_at = Some(at);
        }
        Ok(())
    }

    /// The tier of a user.
    pub fn tier_of(&self, user_id: UserId) -> Option<&Arc<Tier>> {
        self.tiers.get(self.accounts.get(&user_id)?)
    }

    /// Every tier, by name.
    pub fn tiers(&self) -> impl Iterator<Item = &Arc<Tier>> {
        self.tiers.values()
    }

    /// An API key, revoked or not.
    pub fn key(&self, key_id: &ApiKeyId) -> Option<&Arc<ApiKey>> {
        self.keys.get(key_id)
    }

    /// A user's API keys, oldest first.
    pub fn keys_of(&self, user_id: UserId) -> impl Iterator<Item = &Arc<ApiKey>> {
        let ids = self.by_user.get(&user_id).into_iter().flatten();
        ids.filter_map(|id| self.keys.get(id))
    }

    /// Checks that everything fits, at the stamp of the last command.
    ///
    /// # Errors
    /// The first thing that does not.
    pub fn check(&self, last: Stamp) -> Result<(), RegisterFault> {
        for (place, (name, tier)) in self.tiers.iter().enumerate() {
            if *name != tier.name || tier.check().is_err() || place >= TIERS {
                return Err(RegisterFault::Tier(name.clone()));
            }
        }
        for (user_id, name) in &self.accounts {
            if !self.tiers.contains_key(name) {
                return Err(RegisterFault::Account(*user_id));
            }
        }
        for (id, key) in &self.keys {
            let listed = self.by_user.get(&key.user_id).is_some_and(|ids| ids.contains(id));
            let in_time = key.created_at <= last
                && key
                    .revoked_at
                    .is_none_or(|at| (key.created_at..=last).contains(&at));
            if *id != key.key_id || key.check().is_err() || !listed || !in_time {
                return Err(RegisterFault::Key(id.clone()));
            }
        }
        for (user_id, ids) in &self.by_user {
            let keys: Vec<_> = self.keys_of(*user_id).collect();
            let live = keys.iter().filter(|key| key.revoked_at.is_none()).count();
            let theirs = keys.len() == ids.len() && keys.iter().all(|key| key.user_id == *user_id);
            let once = ids.iter().collect::<BTreeSet<_>>().len() == ids.len();
            if !theirs || !once || ids.is_empty() || ids.len() > KEYS_OF_USER_EVER || live > KEYS_OF_USER {
                return Err(RegisterFault::List(*user_id));
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests may panic")]

    use domain::{DefineTier, KeyMaterial};

    use super::*;

    const ALICE: UserId = UserId::from_u128(1);
    const LAST: Stamp = Stamp::from_micros(100);

    fn id() -> ApiKeyId {
        "k".parse().unwrap()
    }

    fn gold() -> TierName {
        "gold".parse().unwrap()
    }

    /// A tier, a user in it, and a key that is revoked.
    fn register() -> Register {
        let mut register = Register::default();
        let (name, user_id) = (gold(), ALICE);
        let tier = Tier {
            name: name.clone(),
            orders_per_second: None,
            maker_fee: None,
            taker_fee: None,
        };
        let key = ApiKey {
            key_id: id(),
            user_id,
            institution_id: None,
            label: String::new(),
            material: KeyMaterial::Ed25519([0; 32]),
            scope: String::new(),
            addresses: Vec::new(),
            created_at: LAST,
            revoked_at: None,
        };
        for (at, command) in [
            (1, Command::DefineTier(DefineTier { tier })),
            (
                2,
                Command::SetAccountTier(SetAccountTier {
                    user_id,
                    tier: Some(name),
                }),
            ),
            (50, Command::AddApiKey(Box::new(AddApiKey { key }))),
            (60, Command::RevokeApiKey(RevokeApiKey { key_id: id() })),
        ] {
            let done = register.apply(Stamp::from_micros(at), &command);
            assert_eq!(done, Some(Ok(())));
        }
        assert_eq!(register.apply(LAST, &Command::Tick), None);
        register
    }

    #[test]
    fn a_register_that_contradicts_itself_is_found() {
        type Change = fn(&mut Register);
        fn key(register: &mut Register) -> &mut ApiKey {
            Arc::make_mut(register.keys.get_mut(&id()).unwrap())
        }
        assert_eq!(register().check(LAST), Ok(()));
        let cases: [(RegisterFault, Change); 12] = [
            (RegisterFault::Tier("other".parse().unwrap()), |register| {
                let tier = Arc::clone(&register.tiers[&gold()]);
                register.tiers.insert("other".parse().unwrap(), tier);
            }),
            (RegisterFault::Tier(gold()), |register| {
                Arc::make_mut(register.tiers.get_mut(&gold()).unwrap()).orders_per_second = Some(0);
            }),
            (RegisterFault::Account(ALICE), |register| {
                register.accounts.insert(ALICE, "other".parse().unwrap());
            }),
            (RegisterFault::Key(id()), |register| {
                key(register).key_id = "l".parse().unwrap();
            }),
            (RegisterFault::Key(id()), |register| {
                key(register).scope = "x".repeat(1_000);
            }),
            (RegisterFault::Key(id()), |register| {
                key(register).user_id = UserId::from_u128(2);
            }),
            (RegisterFault::Key(id()), |register| {
                key(register).created_at = Stamp::from_micros(61);
            }),
            (RegisterFault::Key(id()), |register| {
                key(register).revoked_at = Some(Stamp::from_micros(101));
            }),
            (RegisterFault::Key(id()), |register| register.by_user.clear()),
            (RegisterFault::List(ALICE), |register| {
                register.by_user.get_mut(&ALICE).unwrap().push(id());
            }),
            (RegisterFault::List(ALICE), |register| {
                let missing = "l".parse().unwrap();
                register.by_user.get_mut(&ALICE).unwrap().push(missing);
            }),
            (RegisterFault::List(UserId::from_u128(2)), |register| {
                register.by_user.insert(UserId::from_u128(2), Vec::new());
            }),
        ];
        for (place, (fault, change)) in cases.into_iter().enumerate() {
            let mut register = register();
            change(&mut register);
            assert_eq!(register.check(LAST), Err(fault), "case {place}");
        }
    }
}
