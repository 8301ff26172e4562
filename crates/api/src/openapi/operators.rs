//! Markets, money and settings by operators, as the description has them.

use domain::{MarketState, Side, TransferKind};
use serde_json::{Value, json};

use super::operation::{Access, Operation, post, put};
use super::schema::{
    about, any_symbol, asset, decimal, key, list, number, one_of_words, request, symbol, text, time, uuid,
    view, whole, words,
};

pub(super) const TAG: &str = "operators";
const MARKETS: Access = Access::Operator(&["admin:markets"]);
const FUNDS: Access = Access::Operator(&["admin:funds"]);

pub(super) fn operations() -> Vec<Operation> {
    let mut all = of_money();
    all.extend(of_markets());
    all
}

fn of_money() -> Vec<Operation> {
    vec![
        post(
            "/api/v1/admin/deposits",
            FUNDS,
            TAG,
            "deposit",
            "Deposits for a user, once under the key",
        )
        .body("Transfer")
        .answers(200, "Receipt", "The first receipt, whenever it is repeated")
        .problems(&[409, 422]),
        post(
            "/api/v1/admin/withdrawals",
            FUNDS,
            TAG,
            "withdraw",
            "Withdraws for a user, once under the key",
        )
        .body("Transfer")
        .answers(200, "Receipt", "The first receipt, whenever it is repeated")
        .problems(&[409, 422]),
    ]
}

fn of_markets() -> Vec<Operation> {
    vec![
        post(
            "/api/v1/admin/markets",
            MARKETS,
            TAG,
            "defineMarket",
            "Defines a market or changes one",
        )
        .body("DefineMarket")
        .answers(201, "Market", "The new market")
        .answers(200, "Market", "The market after the change")
        .problems(&[422]),
        put(
            "/api/v1/admin/markets/{symbol}/state",
            MARKETS,
            TAG,
            "setMarketState",
            "Says what a market takes",
        )
        .body("SetMarketState")
        .answers(200, "MarketStateSet", "The state from now on")
        .problems(&[422]),
        put(
            "/api/v1/admin/markets/{symbol}/fees",
            MARKETS,
            TAG,
            "setMarketFees",
            "Changes what new orders pay",
        )
        .body("SetMarketFees")
        .answers(200, "Market", "The market after the change")
        .problems(&[422]),
        post(
            "/api/v1/admin/orders/cancel",
            MARKETS,
            TAG,
            "cancelSelected",
            "Cancels anybody's orders",
        )
        .body("CancelSelected")
        .answers(200, "Cancelled", "How many were cancelled"),
        post(
            "/api/v1/admin/reload",
            MARKETS,
            TAG,
            "reload",
            "Reads the settings again",
        )
        .answers(200, "Reloaded", "What has changed, and what needs a restart")
        .problems(&[422]),
    ]
}

pub(super) fn schemas() -> Vec<(&'static str, Value)> {
    vec![
        ("Transfer", transfer()),
        ("Receipt", receipt()),
        ("DefineMarket", define_market()),
        (
            "SetMarketState",
            request(
                vec![("state", words(MarketState::ALL, MarketState::word))],
                vec![("reason", json!({ "type": "string", "maxLength": 500 }))],
            ),
        ),
        (
            "MarketStateSet",
            view(vec![
                ("symbol", symbol()),
                ("state", words(MarketState::ALL, MarketState::word)),
            ]),
        ),
        (
            "SetMarketFees",
            request(
                vec![("maker_fee", fraction()), ("taker_fee", fraction())],
                Vec::new(),
            ),
        ),
        ("CancelSelected", cancel_selected()),
        (
            "Reloaded",
            view(vec![("applied", list(text())), ("needs_restart", list(text()))]),
        ),
    ]
}

/// A fee in a request: below 1.
pub(super) fn fraction() -> Value {
    about(
        json!({ "type": "string", "pattern": r"^0{1,12}(\.[0-9]{1,8})?$", "examples": ["0.001"] }),
        "A fraction: 0.001 is 0.1 %",
    )
}

fn transfer() -> Value {
    request(
        vec![
            ("key", about(key(), "Names the transfer; makes a repeat safe")),
            ("user_id", uuid()),
            ("asset", asset()),
            ("amount", decimal("100.5")),
        ],
        Vec::new(),
    )
}

fn receipt() -> Value {
    view(vec![
        ("key", key()),
        ("kind", kinds()),
        ("user_id", uuid()),
        ("asset", asset()),
        ("amount", number()),
        ("available_balance", number()),
        ("executed_at", time()),
    ])
}

/// The kinds of transfers as they are written.
fn kinds() -> Value {
    let kinds = [TransferKind::Deposit, TransferKind::Withdrawal];
    json!({ "type": "string", "enum": kinds })
}

fn define_market() -> Value {
    let mut schema = request(
        vec![
            ("symbol", symbol()),
            ("tick", decimal("0.01")),
            ("lot", decimal("0.000001")),
            ("min_quantity", decimal("0.0001")),
            ("max_quantity", decimal("1000")),
            ("max_price", decimal("1000000")),
            ("min_notional", decimal("5")),
            ("maker_fee", fraction()),
            ("taker_fee", fraction()),
            ("max_open_orders", whole(1, u64::from(u32::MAX))),
        ],
        vec![
            ("market_band", decimal("0.1")),
            ("limit_band", decimal("0.5")),
            ("initial_price", decimal("50000")),
        ],
    );
    schema["examples"] = json!([{
        "symbol": "BTC/USDT", "tick": "0.01", "lot": "0.000001", "min_quantity": "0.0001", "max_quantity": "1000",
        "max_price": "1000000", "min_notional": "5", "maker_fee": "0.001", "taker_fee": "0.002",
        "max_open_orders": 200
    }]);
    schema
}

fn cancel_selected() -> Value {
    let mut schema = request(
        Vec::new(),
        vec![
            ("user_id", uuid()),
            ("symbol", any_symbol()),
            ("side", words(Side::ALL, Side::word)),
        ],
    );
    schema["description"] = "At least user_id or symbol: an empty body must not empty every book.".into();
    schema
}

/// The words of the right of keys.
pub(super) fn key_scopes() -> Value {
    let mut scopes = list(one_of_words(&["trade", "read"]));
    scopes["minItems"] = json!(1);
    scopes
}
