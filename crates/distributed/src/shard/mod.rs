//! The owner of a shard: takes it over, applies and commits its commands batch by batch, publishes and settles them, and
//! starts anew after any trouble.

mod broker;
mod figures;
mod floor;
mod lag;
mod load;
mod moving;
mod outlet;
mod owner;
mod publisher;
mod run;
mod settler;
mod status;
mod steps;
mod tail;
mod todo;
mod trimmer;
mod upkeep;
mod work;

pub use broker::{Broker, hear_while_owning};
pub use load::{LoadError, load};
pub use moving::{MoveError, Moved, move_market};
pub use outlet::{Announced, NotPublished, Outlet};
pub use run::{Connect, Rehearsal, ShardOptions, run};
pub use status::{ShardState, Snapshot, Status};
