//! The components that operations refer to: schemas, parameters, headers, problems, security schemes.

use domain::{MarketState, Status};
use http::{PROBLEM_JSON, StatusCode};
use serde_json::{Map, Value, json};

use super::operation::named_headers;
use super::schema::{about, dashed, key, reference, uuid, words};
use super::{accounts, markets, operators, orders, own, service};

/// The statuses that problems have.
const STATUSES: [u16; 14] = [
    400, 401, 403, 404, 405, 408, 409, 413, 415, 422, 429, 500, 503, 504,
];

pub(super) fn components() -> Value {
    json!({
        "schemas": schemas(),
        "parameters": parameters(),
        "headers": headers(),
        "responses": problems(),
        "securitySchemes": security_schemes(),
    })
}

fn schemas() -> Map<String, Value> {
    let nouns = [
        orders::schemas(),
        own::schemas(),
        markets::schemas(),
        service::schemas(),
        operators::schemas(),
        accounts::schemas(),
        vec![("Problem", problem())],
    ];
    nouns
        .into_iter()
        .flatten()
        .map(|(name, schema)| (name.to_owned(), schema))
        .collect()
}

fn problem() -> Value {
    json!({
        "type": "object",
        "required": ["type", "title", "status", "code"],
        "properties": {
            "type": { "type": "string", "format": "uri-reference" },
            "title": { "type": "string" },
            "status": { "type": "integer", "minimum": 400, "maximum": 599 },
            "code": { "type": "string", "pattern": "^[a-z_]+$", "description": "Stable: callers decide by it" },
            "detail": { "type": "string", "description": "For people" },
            "field": { "type": "string", "description": "The field that breaks a rule" },
            "request_id": { "type": "string" },
            "order_id": about(uuid(), "The order that it is about"),
            "order_status": about(words(Status::ALL, Status::word), "How that order has ended, where it has"),
            "market_state": about(words(MarketState::ALL, MarketState::word), "What the market takes, where not this"),
            "errors": { "type": "array", "description": "Every rule that is broken" }
        }
    })
}

/// One response per status, all of them problems.
fn problems() -> Map<String, Value> {
    let response = |status: u16| {
        let mut headers = named_headers(&["X-Request-Id"]);
        if matches!(status, 429 | 503) {
            headers.extend(named_headers(&["Retry-After"]));
        }
        let title = StatusCode::from_u16(status).ok();
        let title = title.and_then(|status| status.canonical_reason());
        let mut content = Map::new();
        content.insert(PROBLEM_JSON.to_owned(), json!({ "schema": reference("Problem") }));
        json!({ "description": title.unwrap_or("Error"), "headers": headers, "content": content })
    };
    STATUSES
        .iter()
        .map(|status| (status.to_string(), response(*status)))
        .collect()
}

/// What stands in paths.
fn parameters() -> Map<String, Value> {
    let named = [
        ("symbol", dashed()),
        ("order_id", uuid()),
        ("client_order_id", key()),
        ("user_id", uuid()),
        ("key_id", key()),
    ];
    named
        .into_iter()
        .map(|(name, schema)| {
            let parameter = json!({ "name": name, "in": "path", "required": true, "schema": schema });
            (name.to_owned(), parameter)
        })
        .collect()
}

fn headers() -> Value {
    let count = json!({ "type": "integer", "minimum": 0 });
    json!({
        "X-Request-Id": {
            "description": "The caller's, where it sent a usable one",
            "schema": { "type": "string" }
        },
        "RateLimit-Limit": { "description": "What the caller's bucket holds when it is full", "schema": count },
        "RateLimit-Remaining": { "description": "What is left in it", "schema": count },
        "RateLimit-Reset": { "description": "Seconds until it is full again", "schema": count },
        "Retry-After": { "description": "Seconds after which another try makes sense", "schema": count },
        "Location": { "description": "Where the order is found", "schema": { "type": "string" } }
    })
}

/// A token, or a signed request: all three headers together.
fn security_schemes() -> Value {
    let header = |name: &str, about: &str| json!({ "type": "apiKey", "in": "header", "name": name, "description": about });
    json!({
        "token": { "type": "http", "scheme": "bearer", "bearerFormat": "JWT" },
        "key": header("X-API-Key", "The id of the key"),
        "key_timestamp": header("X-API-Timestamp", "The time of signing, in milliseconds since 1970"),
        "key_signature": header(
            "X-API-Signature",
            "Over {timestamp}\\n{receive window}\\n{METHOD}\\n{path and query}\\n{body}: Ed25519 in base64, or \
             HMAC-SHA256 in lower-case hex digits. The receive window is that of X-API-Recv-Window in milliseconds, \
             else 5000"
        )
    })
}
