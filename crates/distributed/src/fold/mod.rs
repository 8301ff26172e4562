//! The fold of a shard: commands with what the wallet said go in; outcomes, events and money instructions come out. It
//! reads no clock, asks nobody, and gives the same for the same on every machine.

mod apply;
mod changes;
mod cutoffs;
mod digest;
mod funds;
mod told;

use std::collections::BTreeMap;

use domain::{MarketEvent, MoneyInstruction, OrderId, RequestId, Stamp};
use engine::{Engine, LiveMarket, LiveOrder};
use persistence::postgres::orders::{MarketGrids, StoredOrder};

pub use changes::Changes;
pub use cutoffs::Cutoff;
use cutoffs::Cutoffs;
use digest::Sums;

use crate::Told;

/// What commands gave, command after command: a batch.
#[derive(Debug, Default)]
pub struct Output {
    /// The events.
    pub events: Vec<MarketEvent>,
    /// What the wallet is to do.
    pub money: Vec<MoneyInstruction>,
    /// Placements that cannot become orders, because the shard does not know their market.
    pub unplaceable: Vec<OrderId>,
}

/// What a command came to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Applied {
    /// What is told of it; none: it is a mass cancel that goes on.
    pub told: Option<Told>,
    /// How many orders a mass cancel has cancelled just now.
    pub cancelled: u64,
}

/// A shard's state as its tables hold it.
#[derive(Debug, Clone)]
pub struct ShardRows {
    /// The rank of the last order that entered.
    pub last_rank: u64,
    /// The stamp of the last command.
    pub last: Stamp,
    /// The markets, in any order.
    pub markets: Vec<LiveMarket>,
    /// The live orders, in any order.
    pub orders: Vec<StoredOrder>,
    /// The mass cancels that orders may still meet.
    pub cutoffs: Vec<Cutoff>,
}

/// The rows of a shard contradict one another.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("the shard cannot be loaded: {0}")]
pub struct BadRows(String);

/// The state of a shard.
#[derive(Debug)]
pub struct ShardFold {
    engine: Engine,
    /// The amendment that was applied last, of live orders that have one.
    amendments: BTreeMap<OrderId, RequestId>,
    cutoffs: Cutoffs,
    /// The ranks of orders that came to life since the last [`ShardFold::changes`].
    fresh_ranks: BTreeMap<OrderId, u64>,
    sums: Sums,
    /// The stamp of the last command.
    last: Stamp,
}

impl ShardFold {
    /// A shard without markets. The seed keys the hashes over callers' input; it changes no result.
    pub fn new(hash_seed: u64) -> Self {
        Self {
            engine: Engine::without_client_ids(hash_seed),
            amendments: BTreeMap::new(),
            cutoffs: Cutoffs::default(),
            fresh_ranks: BTreeMap::new(),
            sums: Sums::default(),
            last: Stamp::FIRST,
        }
    }

    /// The shard that its tables hold.
    ///
    /// # Errors
    /// The rows contradict one another.
    pub fn load(rows: ShardRows, hash_seed: u64) -> Result<Self, BadRows> {
        let mut fold = Self::new(hash_seed);
        let mut orders = Vec::with_capacity(rows.orders.len());
        for stored in rows.orders {
            fold.sums.set_order(&stored);
            let id = stored.order.order_id;
            let Some(rank) = stored.fold.rank else {
                return Err(BadRows(format!("order {id} has no rank")));
            };
            if let Some(amendment) = stored.fold.amendment {
                fold.amendments.insert(id, amendment);
            }
            orders.push(LiveOrder {
                order: stored.order,
                rank,
                turn: stored.fold.turn,
                shown: stored.fold.shown,
                reserved: stored.fold.reserve_left,
                releases: stored.fold.releases,
            });
        }
        for market in &rows.markets {
            fold.sums.set_market(market);
        }
        for cutoff in &rows.cutoffs {
            fold.cutoffs.add(cutoff);
        }
        let loaded = Engine::load(rows.last_rank, rows.markets, orders, hash_seed, funds::SLOT);
        fold.engine = loaded.map_err(BadRows)?;
        fold.last = rows.last;
        let checked = fold.engine.check();
        checked.map_err(|fault| BadRows(format!("{fault:?}")))?;
        Ok(fold)
    }

    /// Books, orders and markets, to read.
    pub const fn engine(&self) -> &Engine {
        &self.engine
    }

    /// The stamp of the last command.
    pub const fn last(&self) -> Stamp {
        self.last
    }

    /// The stamp for a command that comes at this moment: never before the last one's.
    pub fn stamp(&self, now: Stamp) -> Stamp {
        now.max(self.last)
    }

    /// Whether a tick is needed before another command is applied at this moment.
    pub fn is_due(&self, at: Stamp) -> bool {
        self.engine.is_due(at)
    }

    /// When the next tick is due.
    pub fn next_due(&self) -> Option<Stamp> {
        self.engine.next_due()
    }

    /// The shard's markets.
    pub fn grids(&self) -> MarketGrids {
        MarketGrids::new(self.engine.markets().map(|(market, _)| market.clone()))
    }

    /// How many mass cancels orders may still meet.
    pub fn cutoffs(&self) -> usize {
        self.cutoffs.len()
    }

    /// The digest of the state as it was at the last [`ShardFold::changes`], or when it was loaded: of all live orders,
    /// markets and counters. Mass cancels that orders may still meet are not in it: their table is kept by others.
    pub fn digest(&mut self) -> u128 {
        self.sums.total(self.engine.last_rank(), self.last)
    }
}
