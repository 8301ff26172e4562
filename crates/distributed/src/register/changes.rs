//! Changes of what operators keep about users: in one transaction each, then in this gateway's copy, then told to others.

use std::sync::Arc;

use domain::{ApiKey, ApiKeyId, FieldError, Tier, TierName, UserId};
use persistence::postgres::PgError;
use persistence::postgres::intake::{
    RegisterLimits, RegisterRefusal, add_key, define_tier, revoke_key, set_account_tier,
};
use trading::EntryError;

use crate::News;
use crate::intake::{Intake, Weight, patient};

/// The most that is kept, as in the embedded exchange.
const LIMITS: RegisterLimits = RegisterLimits {
    tiers: 1_000,
    live_keys: 50,
    keys: 1_000,
};
/// How often the copy is made anew after a change before that is left to the next look.
const TRIES: usize = 3;

fn refused(refusal: RegisterRefusal) -> EntryError {
    match refusal {
        RegisterRefusal::TooManyTiers => {
            EntryError::Invalid(FieldError::new("name", "would be one tier too many"))
        }
        RegisterRefusal::UnknownTier => EntryError::UnknownTier,
        RegisterRefusal::KeyTaken => EntryError::ApiKeyTaken,
        RegisterRefusal::TooManyKeys => EntryError::Invalid(FieldError::new(
            "user_id",
            "has as many API keys as a user may have",
        )),
        RegisterRefusal::UnknownKey => EntryError::UnknownApiKey,
    }
}

impl Intake {
    /// Defines a tier, or changes one.
    ///
    /// # Errors
    /// Those of [`trading::Operations::define_tier`].
    pub(crate) async fn define_tier(self: &Arc<Self>, tier: Tier) -> Result<(), EntryError> {
        tier.check().map_err(EntryError::Invalid)?;
        self.whole(Weight::Urgent, |intake, _| async move {
            let change = async { define_tier(&mut *intake.pool.get().await?, &tier, LIMITS).await };
            let changed = patient("define tier", change).await?;
            intake.changed(changed).await
        })
        .await
    }

    /// Puts a user into a tier, or out of every tier.
    ///
    /// # Errors
    /// Those of [`trading::Operations::set_account_tier`].
    pub(crate) async fn set_account_tier(
        self: &Arc<Self>,
        user_id: UserId,
        tier: Option<TierName>,
    ) -> Result<(), EntryError> {
        self.whole(Weight::Urgent, move |intake, _| async move {
            let at = intake.moments.now();
            let change = async {
                let mut connection = intake.pool.get().await?;
                set_account_tier(&mut connection, user_id, tier.as_ref(), at).await
            };
            let changed = patient("set account tier", change).await?;
            intake.changed(changed).await
        })
        .await
    }

    /// Keeps a new API key.
    ///
    /// # Errors
    /// Those of [`trading::Operations::add_api_key`].
    pub(crate) async fn add_api_key(self: &Arc<Self>, key: ApiKey) -> Result<(), EntryError> {
        key.check().map_err(EntryError::Invalid)?;
        self.whole(Weight::Urgent, |intake, _| async move {
            let at = intake.moments.now();
            let change = async { add_key(&mut *intake.pool.get().await?, &key, at, LIMITS).await };
            let changed = patient("add API key", change).await?;
            intake.changed(changed).await
        })
        .await
    }

    /// Revokes an API key for ever.
    ///
    /// # Errors
    /// Those of [`trading::Operations::revoke_api_key`].
    pub(crate) async fn revoke_api_key(self: &Arc<Self>, key_id: ApiKeyId) -> Result<(), EntryError> {
        self.whole(Weight::Urgent, |intake, _| async move {
            let at = intake.moments.now();
            let change = async { revoke_key(&mut *intake.pool.get().await?, &key_id, at).await };
            let changed = patient("revoke API key", change).await?;
            intake.changed(changed).await
        })
        .await
    }

    /// After a change: what was answered is seen here at once, and elsewhere soon.
    async fn changed(&self, changed: Result<u64, RegisterRefusal>) -> Result<(), EntryError> {
        let version = changed.map_err(refused)?;
        for _ in 0..TRIES {
            if self.register.version() >= version {
                break;
            }
            let reloaded: Result<(), PgError> = self.register.reload(&self.pool).await;
            if let Err(error) = reloaded {
                tracing::warn!(%error, version, "a change of the register is not seen here yet");
            }
        }
        self.notices.news(News::Register(version));
        Ok(())
    }
}
