//! A rule that does not hold: which kind, what it touches, and what tells it from the others.

use persistence::postgres::invariants::{BrokenRow, MarketRow};
use persistence::postgres::wallet::Difference;
use uuid::Uuid;

/// Per asset all accounts sum to zero.
pub(super) const ZERO_SUM: &str = "zero_sum";
/// No user's and no fee account is below zero.
pub(super) const NOT_NEGATIVE: &str = "not_negative";
/// What an account has reserved is what its held reservations sum to.
pub(super) const RESERVED: &str = "reserved";
/// An account is the sum of its lines.
pub(super) const BALANCES: &str = "balances";
/// The lines of a transaction sum to zero, and each line has its transaction.
pub(super) const LEDGER: &str = "ledger";
/// What is reserved is what live orders and money on its way need.
pub(super) const NEEDED: &str = "needed";
/// Every trade is settled once, and every settlement is of a trade.
pub(super) const SETTLED: &str = "settled";
/// Orders and trades agree.
pub(super) const ORDERS: &str = "orders";
/// No book is crossed.
pub(super) const BOOK: &str = "book";
/// The shards' logs have no gap.
pub(super) const LOG: &str = "log";
/// The tables hold the state of the log.
pub(super) const STATES: &str = "states";

/// Every kind of rule, as metrics and reasons name it.
pub const INVARIANTS: [&str; 11] = [
    ZERO_SUM,
    NOT_NEGATIVE,
    RESERVED,
    BALANCES,
    LEDGER,
    NEEDED,
    SETTLED,
    ORDERS,
    BOOK,
    LOG,
    STATES,
];

/// What a difference touches, and so what must stand still.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Touches {
    /// An asset: every market of it.
    Asset(String),
    /// One market.
    Market(String),
    /// Every market of a shard.
    Shard(u32),
    /// Nobody can say: every market.
    All,
}

impl Touches {
    /// Whether this market is touched.
    pub fn market(&self, market: &MarketRow) -> bool {
        match self {
            Self::Asset(asset) => market.symbol.split('/').any(|word| word == asset),
            Self::Market(symbol) => market.symbol == *symbol,
            Self::Shard(shard) => market.shard.cast_unsigned() == *shard,
            Self::All => true,
        }
    }
}

/// Something that must hold and does not.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Broken {
    /// Which kind of rule: one of [`INVARIANTS`].
    pub invariant: &'static str,
    /// Which rule, in words.
    pub rule: String,
    /// What it touches.
    pub touches: Touches,
    /// Whose account, if it is a user's.
    pub account: Option<Uuid>,
    /// Which row or account breaks it, whatever its figures are.
    pub subject: String,
    /// By how much it is off, where that can be said: it stays the same while trading goes on.
    pub amount: String,
    /// What breaks it, for people.
    pub what: String,
}

impl Broken {
    pub(super) fn of_wallet(difference: &Difference) -> Self {
        let Difference {
            rule,
            user_id,
            asset,
            found: _,
            expected: _,
            apart,
        } = difference;
        let invariant = match rule.as_str() {
            "sum" => ZERO_SUM,
            "negative" => NOT_NEGATIVE,
            "reserved" => RESERVED,
            "transaction" | "unexplained lines" => LEDGER,
            _ => BALANCES,
        };
        let whose = user_id.map_or_else(String::new, |user_id| format!("{user_id} "));
        Self {
            invariant,
            rule: "the wallet's books agree".to_owned(),
            touches: Touches::Asset(asset.clone()),
            account: *user_id,
            subject: format!("{rule} {whose}{asset}"),
            amount: apart.clone(),
            what: difference.to_string(),
        }
    }

    pub(super) fn of_row(row: BrokenRow) -> Self {
        let BrokenRow {
            rule,
            invariant,
            market,
            subject,
            amount,
            what,
        } = row;
        Self {
            invariant: match invariant {
                "book" => BOOK,
                "settled" => SETTLED,
                _ => ORDERS,
            },
            rule: rule.to_owned(),
            // Some rules name nothing but the market.
            subject: format!("{subject} {}", market.as_deref().unwrap_or("everywhere")),
            touches: market.map_or(Touches::All, Touches::Market),
            account: None,
            amount,
            what,
        }
    }

    pub(super) fn of_shard(invariant: &'static str, rule: &str, shard: u32, what: String) -> Self {
        Self {
            invariant,
            rule: rule.to_owned(),
            touches: Touches::Shard(shard),
            account: None,
            // Of a log the figures tell which gap it is; a state differs from batch to batch in other digests.
            subject: if invariant == LOG {
                what.clone()
            } else {
                format!("shard {shard}")
            },
            amount: String::new(),
            what,
        }
    }
}
