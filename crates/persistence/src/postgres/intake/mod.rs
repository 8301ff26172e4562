//! What a gateway writes on the way of an order to its shard, and what its sweeper looks for.

mod amendments;
mod client_ids;
mod commands;
mod ends;
mod markets;
mod pending;
mod register;
mod timers;

pub use amendments::{Draft, claim_drafts, insert_draft, take_draft};
pub use client_ids::{Claim, claim, claims_of, forget_claims};
pub use commands::{CommandKind, CommandRow, CutoffRow, insert_commands, insert_cutoffs};
pub use ends::{ClaimPage, EndedClaims, remove_cutoffs, remove_ended_claims};
pub use markets::{DefinedMarket, MarketSlot, define_market, last_prices, markets_like};
pub use pending::{claim_pending, stored_among};
pub use register::{
    KeyCounts, RegisterRows, add_key, bump_version, key_counts, register, register_version, revoke_key,
    set_account, set_tier, tier_count, tier_exists,
};
pub use timers::{
    Session, arm_switch, close_session, disarm_switch, keep_sessions, open_session, take_dead_sessions,
    take_due_switches,
};

use uuid::Uuid;

/// Ids for SQL.
fn uuids(ids: impl Iterator<Item = u128>) -> Vec<Uuid> {
    ids.map(Uuid::from_u128).collect()
}
