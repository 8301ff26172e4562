//! Orders, batches and the dead man's switch, as the description has them.

use domain::{OrderType, SelfTradePrevention, Side, Status};
use serde_json::{Value, json};

use super::operation::{Access, Operation, delete, get, patch, post};
use super::schema::{
    about, any_symbol, asset, count, decimal, flag, key, list, moment, nullable, number, one_of_words, page,
    reference, request, symbol, text, time, uuid, view, whole, words,
};
use crate::batch::ITEMS;

/// What 202 says.
const NOT_KNOWN_IN_TIME: &str = "It is stored and will be done, but what it comes to was not known in time: look the order \
    up. Only from an exchange of several processes";
const TAG: &str = "orders";
const BY_ID: &str = "/api/v1/orders/{order_id}";
const BY_CLIENT_ID: &str = "/api/v1/orders/by-client-id/{client_order_id}";

pub(super) fn operations() -> Vec<Operation> {
    let mut all = vec![
        post(
            "/api/v1/orders",
            Access::Trade,
            TAG,
            "placeOrder",
            "Places an order",
        )
        .body("PlaceOrder")
        .answers(201, "Order", "The order as it stands after it was matched")
        .answers(
            200,
            "Order",
            "The same order was placed before under this client_order_id",
        )
        .answers(202, "AcceptedOrder", NOT_KNOWN_IN_TIME)
        .problems(&[409, 422]),
        listing(get(
            "/api/v1/orders",
            Access::Read,
            TAG,
            "listOrders",
            "The caller's orders, newest first",
        )),
        delete(
            "/api/v1/orders",
            Access::Trade,
            TAG,
            "cancelOrders",
            "Cancels all of the caller's orders that match",
        )
        .query("symbol", any_symbol(), "Only in this market")
        .query("side", words(Side::ALL, Side::word), "Only on this side")
        .answers(200, "Cancelled", "How many were cancelled"),
        post(
            "/api/v1/orders/batch",
            Access::Trade,
            TAG,
            "batch",
            "Up to 50 places, cancels and amends in one request",
        )
        .body("Batch")
        .answers(
            200,
            "BatchResults",
            "What each item alone would have been answered, in their order",
        ),
        post(
            "/api/v1/cancel-all-after",
            Access::Trade,
            TAG,
            "cancelAllAfter",
            "Arms, renews or disarms the dead man's switch",
        )
        .body("CancelAllAfter")
        .answers(200, "Armed", "When all of the caller's orders will be cancelled"),
    ];
    all.extend(of_one(BY_ID, ["findOrder", "amendOrder", "cancelOrder"]));
    let by_client_id = [
        "findOrderByClientId",
        "amendOrderByClientId",
        "cancelOrderByClientId",
    ];
    all.extend(of_one(BY_CLIENT_ID, by_client_id));
    all
}

/// Looking up, amending and cancelling under one of an order's names.
fn of_one(path: &'static str, ids: [&'static str; 3]) -> [Operation; 3] {
    let [find, amend, cancel] = ids;
    [
        get(path, Access::Read, TAG, find, "One of the caller's orders").answers(200, "Order", "The order"),
        patch(
            path,
            Access::Trade,
            TAG,
            amend,
            "Changes an order's price or quantity",
        )
        .body("AmendOrder")
        .answers(200, "Order", "The order after the change")
        .answers(202, "AcceptedOrder", NOT_KNOWN_IN_TIME)
        .problems(&[409, 422]),
        delete(path, Access::Trade, TAG, cancel, "Cancels an order")
            .answers(200, "Order", "The cancelled order")
            .answers(202, "AcceptedOrder", NOT_KNOWN_IN_TIME)
            .problems(&[409, 422]),
    ]
}

/// What selects orders in a list.
pub(super) fn listing(operation: Operation) -> Operation {
    let statuses: Vec<_> = ["open", "closed"]
        .into_iter()
        .chain(Status::ALL.iter().map(|status| status.word()))
        .collect();
    operation
        .query("symbol", any_symbol(), "Only in this market")
        .query("side", words(Side::ALL, Side::word), "Only on this side")
        .query(
            "status",
            one_of_words(&statuses),
            "Only in this status; open: all live ones, closed: all ended ones",
        )
        .query("before", uuid(), "The next_cursor of the page before")
        .query("limit", whole(1, 1_000), "The most orders; 100 unless given")
        .answers(200, "Orders", "A page of orders")
}

pub(super) fn schemas() -> Vec<(&'static str, Value)> {
    vec![
        ("PlaceOrder", place_order()),
        ("AmendOrder", amend_order()),
        ("Order", order()),
        ("AcceptedOrder", accepted_order()),
        ("Orders", page("orders", "Order")),
        ("Cancelled", view(vec![("cancelled", count())])),
        ("Batch", batch()),
        ("BatchItem", batch_item()),
        (
            "BatchResults",
            view(vec![("results", list(reference("BatchResult")))]),
        ),
        ("BatchResult", batch_result()),
        (
            "CancelAllAfter",
            request(vec![("timeout_ms", switch())], Vec::new()),
        ),
        (
            "Armed",
            view(vec![("cancel_at", about(nullable(time()), "Null: not at all"))]),
        ),
    ]
}

fn switch() -> Value {
    json!({
        "type": "integer",
        "oneOf": [{ "const": 0 }, { "minimum": 1_000, "maximum": 86_400_000 }],
        "description": "Milliseconds from now; 0 disarms the switch"
    })
}

fn place_order() -> Value {
    let mut schema = request(
        vec![
            ("symbol", symbol()),
            ("side", words(Side::ALL, Side::word)),
            ("order_type", words(OrderType::ALL, OrderType::word)),
        ],
        vec![
            (
                "quantity",
                about(decimal("0.01"), "Whole lots. Not together with quote_quantity"),
            ),
            (
                "quote_quantity",
                about(decimal("100"), "A budget, for MARKET and STOP"),
            ),
            (
                "price",
                about(
                    decimal("50000"),
                    "Whole ticks. For LIMIT and STOP_LIMIT, which need it",
                ),
            ),
            (
                "stop_price",
                about(decimal("51000"), "For STOP and STOP_LIMIT, which need it"),
            ),
            (
                "display_quantity",
                about(decimal("0.001"), "What an iceberg shows"),
            ),
            ("post_only", about(flag(), "For LIMIT: never takes")),
            (
                "time_in_force",
                about(
                    one_of_words(&["GTC", "IOC", "FOK", "DAY", "GTD"]),
                    "IOC for MARKET and GTC for all others unless given",
                ),
            ),
            ("expires_at", about(moment(), "For GTD, which needs it")),
            (
                "self_trade_prevention",
                words(SelfTradePrevention::ALL, SelfTradePrevention::word),
            ),
            (
                "client_order_id",
                about(key(), "The caller's name for it; makes a repeat safe"),
            ),
            (
                "deadline",
                about(moment(), "Expires instead of entering the book after this moment"),
            ),
        ],
    );
    schema["examples"] = json!([{
        "symbol": "BTC/USDT", "side": "BUY", "order_type": "LIMIT", "price": "50000", "quantity": "0.01"
    }]);
    schema
}

fn amend_order() -> Value {
    let mut schema = request(
        Vec::new(),
        vec![
            ("price", about(decimal("50001"), "The new limit price")),
            (
                "quantity",
                about(decimal("0.02"), "The new quantity of the whole order"),
            ),
        ],
    );
    schema["description"] = "At least one of them; what is not given stays.".into();
    schema
}

fn order() -> Value {
    let maybe = || nullable(number());
    let maybe_time = || nullable(time());
    view(vec![
        ("order_id", uuid()),
        ("client_order_id", nullable(key())),
        ("user_id", uuid()),
        ("institution_id", nullable(uuid())),
        ("symbol", symbol()),
        ("side", words(Side::ALL, Side::word)),
        ("order_type", words(OrderType::ALL, OrderType::word)),
        ("status", words(Status::ALL, Status::word)),
        ("reject_reason", nullable(text())),
        ("quantity", about(maybe(), "Null for an order by budget")),
        ("quote_quantity", about(maybe(), "The budget")),
        ("display_quantity", maybe()),
        ("filled_quantity", number()),
        (
            "remaining_quantity",
            about(maybe(), "Null for an order by budget"),
        ),
        ("filled_quote_quantity", number()),
        ("average_price", maybe()),
        ("price", maybe()),
        ("stop_price", maybe()),
        (
            "protection_price",
            about(maybe(), "The worst price at which a MARKET or STOP order trades"),
        ),
        (
            "time_in_force",
            one_of_words(&["GTC", "IOC", "FOK", "DAY", "GTD"]),
        ),
        ("expires_at", maybe_time()),
        ("post_only", flag()),
        (
            "self_trade_prevention",
            words(SelfTradePrevention::ALL, SelfTradePrevention::word),
        ),
        ("fee", number()),
        ("fee_asset", asset()),
        ("deadline", time()),
        ("created_at", time()),
        ("updated_at", time()),
        ("triggered_at", maybe_time()),
        ("filled_at", maybe_time()),
        ("cancelled_at", maybe_time()),
    ])
}

/// An order in an answer that could not wait.
fn accepted_order() -> Value {
    let settled = about(flag(), "False: only its money has still to be settled");
    json!({ "allOf": [reference("Order"), { "type": "object", "properties": { "settled": settled } }] })
}

fn batch() -> Value {
    let mut items = list(reference("BatchItem"));
    items["minItems"] = json!(1);
    items["maxItems"] = json!(ITEMS);
    request(vec![("items", items)], Vec::new())
}

fn batch_item() -> Value {
    let op = |word: &str| json!({ "const": word });
    let names = || vec![("order_id", uuid()), ("client_order_id", key())];
    let mut amended = names();
    amended.extend([("price", decimal("50001")), ("quantity", decimal("0.02"))]);
    json!({
        "description": "Cancels and amends name their order by order_id or client_order_id, not both.",
        "oneOf": [
            request(vec![("op", op("place")), ("order", reference("PlaceOrder"))], Vec::new()),
            request(vec![("op", op("cancel"))], names()),
            request(vec![("op", op("amend"))], amended),
        ]
    })
}

fn batch_result() -> Value {
    json!({
        "type": "object",
        "required": ["status"],
        "properties": {
            "status": { "type": "integer", "minimum": 200, "maximum": 599 },
            "order": reference("Order"),
            "error": reference("Problem"),
        }
    })
}
