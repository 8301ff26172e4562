//! What operators keep about users (tiers, who is in them, API keys) as this gateway has it in memory, and its changes.

mod accounts;
mod changes;

use std::collections::{BTreeMap, HashMap};
use std::sync::{Arc, PoisonError, RwLock};

use domain::{ApiKey, ApiKeyId, Tier, TierName, UserId};
use persistence::postgres::intake::{RegisterRows, register, register_version};
use persistence::postgres::{PgError, Pool};

/// Everything, at one version.
#[derive(Debug, Default)]
struct Copy {
    version: u64,
    tiers: BTreeMap<TierName, Arc<Tier>>,
    accounts: HashMap<UserId, TierName>,
    keys: HashMap<ApiKeyId, Arc<ApiKey>>,
    /// A user's keys, oldest first.
    by_user: HashMap<UserId, Vec<Arc<ApiKey>>>,
}

impl From<RegisterRows> for Copy {
    fn from(rows: RegisterRows) -> Self {
        let RegisterRows {
            version,
            tiers,
            accounts,
            keys,
        } = rows;
        let mut copy = Self {
            version,
            tiers: tiers
                .into_iter()
                .map(|tier| (tier.name.clone(), Arc::new(tier)))
                .collect(),
            accounts: accounts.into_iter().collect(),
            ..Self::default()
        };
        for key in keys.into_iter().map(Arc::new) {
            let of_user = copy.by_user.entry(key.user_id).or_default();
            of_user.push(Arc::clone(&key));
            copy.keys.insert(key.key_id.clone(), key);
        }
        copy
    }
}

/// A copy of what operators keep, which is made anew when it is old.
#[derive(Debug)]
pub(crate) struct Register {
    copy: RwLock<Arc<Copy>>,
}

impl Register {
    /// As the database has it now.
    ///
    /// # Errors
    /// See [`PgError`].
    pub async fn load(pool: &Pool) -> Result<Self, PgError> {
        let rows = register(&mut *pool.get().await?).await?;
        Ok(Self {
            copy: RwLock::new(Arc::new(rows.into())),
        })
    }

    fn copy(&self) -> Arc<Copy> {
        Arc::clone(&self.copy.read().unwrap_or_else(PoisonError::into_inner))
    }

    /// The version of the copy.
    pub fn version(&self) -> u64 {
        self.copy().version
    }

    /// Makes the copy anew.
    ///
    /// # Errors
    /// See [`PgError`].
    pub async fn reload(&self, pool: &Pool) -> Result<(), PgError> {
        let new = Copy::from(register(&mut *pool.get().await?).await?);
        let mut copy = self.copy.write().unwrap_or_else(PoisonError::into_inner);
        if new.version >= copy.version {
            *copy = Arc::new(new);
        }
        Ok(())
    }

    /// Makes the copy anew if it is old.
    ///
    /// # Errors
    /// See [`PgError`].
    pub async fn catch_up(&self, pool: &Pool) -> Result<(), PgError> {
        let version = register_version(&mut *pool.get().await?).await?;
        if version == self.version() {
            return Ok(());
        }
        self.reload(pool).await
    }

    /// The tier of a user.
    pub fn tier_of(&self, user_id: UserId) -> Option<Arc<Tier>> {
        let copy = self.copy();
        copy.tiers.get(copy.accounts.get(&user_id)?).cloned()
    }

    /// Every tier, by name.
    pub fn tiers(&self) -> Vec<Arc<Tier>> {
        self.copy().tiers.values().cloned().collect()
    }

    /// An API key, revoked or not.
    pub fn key(&self, key_id: &ApiKeyId) -> Option<Arc<ApiKey>> {
        self.copy().keys.get(key_id).cloned()
    }

    /// A user's API keys, oldest first.
    pub fn keys_of(&self, user_id: UserId) -> Vec<Arc<ApiKey>> {
        self.copy().by_user.get(&user_id).cloned().unwrap_or_default()
    }
}
