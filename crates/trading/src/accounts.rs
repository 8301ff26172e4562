//! What operators keep about users: tiers and API keys, to look up from memory.

use std::sync::Arc;

use domain::{ApiKey, Tier, UserId};

/// Tiers and API keys as the log has them. Every call is answered from memory and cheap.
pub trait Accounts: Send + Sync {
    /// The tier of a user; none: no tier, the settings rule.
    fn tier_of(&self, user_id: UserId) -> Option<Arc<Tier>>;
    /// Every tier, by name.
    fn tiers(&self) -> Vec<Arc<Tier>>;
    /// An API key by its public name, revoked or not.
    fn api_key(&self, key_id: &str) -> Option<Arc<ApiKey>>;
    /// A user's API keys, oldest first.
    fn api_keys_of(&self, user_id: UserId) -> Vec<Arc<ApiKey>>;
}
