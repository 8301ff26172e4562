//! The caller's balances, trades and ledger, as the description has them.

use domain::Side;
use serde_json::Value;

use super::operation::{Access, Operation, get};
use super::schema::{
    any_symbol, asset, count, list, number, one_of_words, page, reference, signed, symbol, text, time, uuid,
    view, whole, words,
};

const TAG: &str = "account";

pub(super) fn operations() -> Vec<Operation> {
    vec![
        get(
            "/api/v1/balances",
            Access::Read,
            TAG,
            "listBalances",
            "The caller's balances, by asset",
        )
        .answers(200, "Balances", "Every asset that the caller has or had"),
        trades(get(
            "/api/v1/trades",
            Access::Read,
            TAG,
            "listTrades",
            "The caller's trades, newest first",
        )),
        ledger(get(
            "/api/v1/ledger",
            Access::Read,
            TAG,
            "listLedger",
            "Every change of the caller's balances, newest first",
        )),
    ]
}

/// What selects trades in a list.
pub(super) fn trades(operation: Operation) -> Operation {
    operation
        .query("symbol", any_symbol(), "Only in this market")
        .query("order_id", uuid(), "Only of this order")
        .query("before", uuid(), "The next_cursor of the page before")
        .query("after", uuid(), "Only those after this trade")
        .query("limit", whole(1, 1_000), "The most trades; 100 unless given")
        .answers(200, "OwnTrades", "A page of trades")
}

/// What selects lines of a ledger.
pub(super) fn ledger(operation: Operation) -> Operation {
    let line = serde_json::json!({ "type": "string", "pattern": "^[0-9]{1,19}-[0-9]{1,9}$" });
    operation
        .query("asset", asset(), "Only of this asset")
        .query("before", line, "The next_cursor of the page before")
        .query("limit", whole(1, 1_000), "The most lines; 100 unless given")
        .answers(
            200,
            "Ledger",
            "A page of lines; all lines of an asset sum to its balance",
        )
}

pub(super) fn schemas() -> Vec<(&'static str, Value)> {
    vec![
        ("Balance", balance()),
        ("Balances", view(vec![("balances", list(reference("Balance")))])),
        ("OwnTrade", own_trade()),
        ("OwnTrades", page("trades", "OwnTrade")),
        ("LedgerEntry", ledger_entry()),
        ("Ledger", page("entries", "LedgerEntry")),
    ]
}

fn balance() -> Value {
    view(vec![
        ("asset", asset()),
        ("available_balance", number()),
        ("reserved_balance", number()),
        ("version", count()),
    ])
}

fn own_trade() -> Value {
    view(vec![
        ("trade_id", uuid()),
        ("symbol", symbol()),
        ("order_id", uuid()),
        ("side", words(Side::ALL, Side::word)),
        ("role", one_of_words(&["MAKER", "TAKER"])),
        ("price", number()),
        ("quantity", number()),
        ("quote_quantity", number()),
        ("fee", number()),
        ("fee_asset", asset()),
        ("executed_at", time()),
    ])
}

fn ledger_entry() -> Value {
    view(vec![
        ("entry_id", text()),
        ("asset", asset()),
        ("entry_type", text()),
        ("available_change", signed()),
        ("reserved_change", signed()),
        (
            "reference_type",
            one_of_words(&["ORDER", "AMENDMENT", "TRADE", "TRANSFER"]),
        ),
        ("reference_id", text()),
        ("created_at", time()),
    ])
}
