//! The trait `Accounts` for a gateway's exchange.

use std::sync::Arc;

use domain::{ApiKey, Tier, UserId};
use trading::Accounts;

use crate::Distributed;

impl Accounts for Distributed {
    fn tier_of(&self, user_id: UserId) -> Option<Arc<Tier>> {
        self.intake.register.tier_of(user_id)
    }

    fn tiers(&self) -> Vec<Arc<Tier>> {
        self.intake.register.tiers()
    }

    fn api_key(&self, key_id: &str) -> Option<Arc<ApiKey>> {
        self.intake.register.key(&key_id.parse().ok()?)
    }

    fn api_keys_of(&self, user_id: UserId) -> Vec<Arc<ApiKey>> {
        self.intake.register.keys_of(user_id)
    }
}
