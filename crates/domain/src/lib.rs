//! The words of the exchange: ids, prices, quantities, amounts, markets, orders, commands, events and money rules.
//!
#![doc = include_str!("../README.md")]
#![deny(clippy::float_arithmetic)]

mod asset;
mod command;
mod decimal;
mod digest;
mod entry;
mod event;
mod fee;
mod ids;
mod market;
mod market_text;
mod money;
mod number;
mod order;
mod outcome;
mod reason;
mod register;
mod reservation;
mod state;
mod terms;
mod time;

pub use asset::{Asset, Symbol};
pub use command::{
    AddApiKey, Amend, Cancel, CancelAll, CancelAllAfter, CloseSession, Command, DefineMarket, DefineTier,
    OpenSession, OrderRef, Place, RevokeApiKey, Selection, SetAccountTier, SetMarketState, Transfer,
    TransferKind,
};
pub use decimal::{DecimalError, format_units, parse_units};
pub use digest::Digest;
pub use entry::{EntryAccount, EntryType, LedgerEntry, Reference};
pub use event::{Event, MarketEvent, Trade, TradeSide};
pub use fee::FeeRate;
pub use ids::{
    ApiKeyId, ClientOrderId, IdError, InstitutionId, MarketNumber, OrderId, RequestId, SessionId, TierName,
    TradeId, TransferKey, UserId,
};
pub use market::{Band, Market, MarketDefinition, MarketState};
pub use market_text::MarketText;
pub use money::{Merge, MoneyInstruction, Release, Reserve, Settle, SettleLeg};
pub use number::{Amount, Lots, Price, Quantity};
pub use order::{Order, OrderType, SelfTradePrevention, Side, Status, TimeInForce};
pub use outcome::{Outcome, Refusal, TransferReceipt};
pub use reason::{CancelReason, ExpireReason, FieldError, RejectReason};
pub use register::{ApiKey, KeyMaterial, MAX_ORDERS_PER_SECOND, Tier};
pub use state::{BadTransition, OrderState, Progress, Step};
pub use terms::{Size, Terms};
pub use time::Stamp;
