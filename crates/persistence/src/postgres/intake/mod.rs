//! What a gateway writes on the way of an order to its shard, and what its sweeper looks for.

mod amendments;
mod client_ids;
mod commands;
mod crowded;
mod ends;
mod markets;
mod pending;
mod register;
mod register_rows;
mod store;
mod timers;

pub use amendments::{Draft, claim_drafts, hand_draft, insert_draft};
pub use client_ids::{Claim, claims_of};
pub use commands::{
    CommandKind, CommandRow, CutoffRow, MassCancel, Waiting, insert_commands, insert_mass_cancel,
    waiting_commands,
};
pub use crowded::{Crowd, forget_oldest, next_crowd};
pub use ends::{ClaimPage, EndedClaims, remove_cutoffs, remove_ended_claims};
pub use markets::{Added, DefinedMarket, add_market, last_prices, markets_like};
pub use pending::{ClaimedOrders, claim_pending, oldest_pending};
pub use register::{
    RegisterLimits, RegisterRefusal, add_key, define_tier, register, register_version, revoke_key,
    set_account_tier,
};
pub use register_rows::RegisterRows;
pub use store::{StoreOrder, Stored, store_orders};
pub use timers::{
    Session, arm_switch, close_session, disarm_switch, fire_sessions, fire_switches, keep_sessions,
    open_session, reopen_sessions,
};

use uuid::Uuid;

/// Ids for SQL.
fn uuids(ids: impl Iterator<Item = u128>) -> Vec<Uuid> {
    ids.map(Uuid::from_u128).collect()
}
