//! What a shard's log holds: the commands of a batch in the order of their application, what each came to, the events,
//! and the money instructions that follow from them. New kinds are added at the end of each enum.

use std::sync::Arc;

use domain::{
    Amend, Amount, CancelReason, DefineMarket, MarketEvent, MarketNumber, MarketState, MoneyInstruction,
    Order, OrderId, Place, RejectReason, Selection, SetMarketState, Stamp, UserId,
};
use engine::OwnFees;
use runtime::trace::TraceContext;
use serde::{Deserialize, Serialize};
use uuid::Uuid;
use wallet_client::UserBalance;

/// What the wallet said before a command came to its shard. The fold asks nobody: this is its keeper of balances.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Funding {
    /// Nothing was asked for, because nothing seemed to be needed.
    #[default]
    None,
    /// So much is reserved under the order's or the amendment's id. What the fold does not need of it is released.
    Granted {
        /// How much.
        amount: Amount,
        /// The payer's balance right after it.
        balance: UserBalance,
    },
    /// The balance did not cover it.
    Refused,
    /// Nothing was asked for, because the gateway expects the shard to refuse the order before its funds matter. Where the
    /// shard does not, it says [`ToldRefusal::Unfunded`].
    NotAsked,
}

/// Place an order.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PlaceOrder {
    /// The order, with its id and protection price as the gateway has fixed them.
    pub place: Place,
    /// The fees of its owner's tier.
    pub fees: OwnFees,
    /// What the wallet said.
    pub funding: Funding,
}

/// A command that killed its matcher three times, and what it was about.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Quarantined {
    /// The command.
    pub command_id: Uuid,
    /// The order that it would have placed, which is rejected, and its funds come back; none: it was no placement.
    pub order_id: Option<OrderId>,
}

/// What a shard is asked to do: the body of a row of `commands`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ShardCommand {
    /// Place an order.
    Place(Box<PlaceOrder>),
    /// Cancel one order.
    Cancel {
        /// Its owner.
        user_id: UserId,
        /// The order.
        order_id: OrderId,
        /// Its market.
        market: MarketNumber,
        /// When the request was received.
        received_at: Stamp,
    },
    /// Change an order, named by its id.
    Amend {
        /// The amendment.
        amend: Amend,
        /// The order's market.
        market: MarketNumber,
        /// When the request was received.
        received_at: Stamp,
        /// What the wallet said, under the amendment's id.
        funding: Funding,
    },
    /// Cancel all orders that match, those too that were received before it and come later.
    CancelAll {
        /// Which.
        selection: Selection,
        /// Why.
        reason: CancelReason,
        /// Whether halted markets are not spared.
        by_operator: bool,
        /// Orders received before this moment end.
        received_before: Stamp,
    },
    /// Define or change a market.
    DefineMarket(Box<DefineMarket>),
    /// Change a market's state.
    SetMarketState(SetMarketState),
    /// Nothing but the passing of time; made by the owner, never in `commands`.
    Tick,
    /// Set a command aside that cannot be applied. The command itself follows, so that the log is whole.
    Quarantine {
        /// Which.
        what: Quarantined,
        /// The command.
        command: Option<Box<ShardCommand>>,
    },
}

impl ShardCommand {
    /// How many kinds this program knows: their numbers in the encoding are all below it.
    pub(crate) const KINDS: u32 = 8;
}

/// Why a command changed nothing, as the log and the messages carry it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ToldRefusal {
    /// There is no such market in the shard.
    UnknownMarket,
    /// The order is not live: unknown, somebody else's, or ended.
    NotLive,
    /// The market does not take this in its present state.
    MarketState(MarketState),
    /// The amendment breaks this rule.
    Amendment(RejectReason),
    /// The order has changed meanwhile, and what was reserved for the amendment is too little: to be asked again.
    AmendmentOutdated,
    /// A field breaks a rule.
    Invalid {
        /// The field.
        field: String,
        /// The rule.
        rule: String,
    },
    /// The command was set aside.
    Quarantined,
    /// The same command was applied before.
    Repeated,
    /// The order is not refused, and nobody has asked for its funds: it waits, and is to come again with them.
    Unfunded,
}

/// What a command came to.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Told {
    /// It is done.
    Done,
    /// The order as it stands after its placement; its state tells whether it was rejected.
    Placed(Arc<Order>),
    /// The order after its cancel.
    Cancelled(Arc<Order>),
    /// The order after its amendment.
    Amended(Arc<Order>),
    /// So many orders were cancelled.
    CancelledAll(u64),
    /// Nothing changed.
    Refused(ToldRefusal),
}

/// One command of a batch.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Entry {
    /// The id of its row in `commands`; none: the owner made it.
    pub id: Option<Uuid>,
    /// Its stamp.
    pub at: Stamp,
    /// The command.
    pub command: ShardCommand,
    /// What it came to. A mass cancel in several batches is told with the last.
    pub told: Option<Told>,
}

/// One row of a shard's log.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Batch {
    /// The shard.
    pub shard: u32,
    /// Its number in the shard's log, from 1, without a gap.
    pub seq: u64,
    /// The epoch of the owner that wrote it.
    pub epoch: u64,
    /// The commands, in order.
    pub entries: Vec<Entry>,
    /// The events, in order.
    pub events: Vec<MarketEvent>,
    /// What the wallet is to do, in order, each under its own key.
    pub money: Vec<MoneyInstruction>,
    /// The digest of the shard's state after the batch.
    pub digest: u128,
    /// The traces of its commands, as far as they are recorded. They are no part of what the batch says.
    #[serde(skip)]
    pub traces: Vec<TraceContext>,
}
