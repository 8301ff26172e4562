//! Accounts, tiers and API keys by operators, as the description has them.

use serde_json::{Value, json};

use super::operation::{Access, Operation, delete, get, post, put};
use super::operators::{TAG, fraction, key_scopes};
use super::schema::{
    about, list, nullable, number, one_of_words, reference, request, text, time, uuid, view, whole,
};
use super::{orders, own};

const ACCOUNTS: Access = Access::Operator(&["admin:accounts"]);
const LOOKING: Access = Access::Operator(&["admin:read"]);
const EITHER: Access = Access::Operator(&["admin:read", "admin:accounts"]);

pub(super) fn operations() -> Vec<Operation> {
    let mut all = of_accounts();
    all.extend(of_keys());
    all
}

fn of_accounts() -> Vec<Operation> {
    let of_account = |path, id, summary| get(path, LOOKING, TAG, id, summary);
    vec![
        get("/api/v1/admin/tiers", EITHER, TAG, "listTiers", "Every tier").answers(
            200,
            "Tiers",
            "The tiers, by name",
        ),
        post(
            "/api/v1/admin/tiers",
            ACCOUNTS,
            TAG,
            "defineTier",
            "Defines a tier or changes one",
        )
        .body("DefineTier")
        .answers(200, "Tier", "The tier from now on"),
        get(
            "/api/v1/admin/accounts/{user_id}",
            EITHER,
            TAG,
            "findAccount",
            "A user's tier and balances",
        )
        .answers(200, "Account", "The account"),
        put(
            "/api/v1/admin/accounts/{user_id}",
            ACCOUNTS,
            TAG,
            "setTier",
            "Puts a user into a tier, or out of all",
        )
        .body("SetTier")
        .answers(200, "Account", "The account after it")
        .problems(&[422]),
        orders::listing(of_account(
            "/api/v1/admin/accounts/{user_id}/orders",
            "listOrdersOf",
            "A user's orders, newest first",
        )),
        own::trades(of_account(
            "/api/v1/admin/accounts/{user_id}/trades",
            "listTradesOf",
            "A user's trades, newest first",
        )),
        own::ledger(of_account(
            "/api/v1/admin/accounts/{user_id}/ledger",
            "listLedgerOf",
            "A user's ledger, newest first",
        )),
    ]
}

fn of_keys() -> Vec<Operation> {
    vec![
        get(
            "/api/v1/admin/api-keys",
            EITHER,
            TAG,
            "listApiKeys",
            "A user's API keys, oldest first",
        )
        .parameter("user_id", uuid(), "Whose", true)
        .answers(200, "ApiKeys", "The keys, revoked ones among them"),
        post(
            "/api/v1/admin/api-keys",
            ACCOUNTS,
            TAG,
            "makeApiKey",
            "Makes an API key",
        )
        .body("MakeApiKey")
        .answers(201, "MadeApiKey", "The key; the secret is shown this once"),
        delete(
            "/api/v1/admin/api-keys/{key_id}",
            ACCOUNTS,
            TAG,
            "revokeApiKey",
            "Revokes an API key for ever",
        )
        .answers(200, "ApiKey", "The revoked key"),
    ]
}

pub(super) fn schemas() -> Vec<(&'static str, Value)> {
    let mut made = key_fields();
    made.push((
        "secret",
        about(nullable(text()), "Shown this once; null for ED25519"),
    ));
    vec![
        ("DefineTier", define_tier()),
        ("Tier", tier()),
        ("Tiers", view(vec![("tiers", list(reference("Tier")))])),
        (
            "SetTier",
            request(
                Vec::new(),
                vec![("tier", about(tier_name(), "Not given or null: no tier"))],
            ),
        ),
        (
            "Account",
            view(vec![
                ("user_id", uuid()),
                ("tier", nullable(text())),
                ("balances", list(reference("Balance"))),
            ]),
        ),
        ("MakeApiKey", make_key()),
        ("MadeApiKey", view(made)),
        ("ApiKey", view(key_fields())),
        ("ApiKeys", view(vec![("api_keys", list(reference("ApiKey")))])),
    ]
}

fn tier_name() -> Value {
    json!({ "type": "string", "pattern": "^[A-Za-z0-9._:-]{1,100}$", "examples": ["market-makers"] })
}

fn define_tier() -> Value {
    request(
        vec![("name", tier_name())],
        vec![
            (
                "orders_per_second",
                about(
                    whole(1, u64::from(domain::MAX_ORDERS_PER_SECOND)),
                    "As the settings say unless given",
                ),
            ),
            ("maker_fee", fraction()),
            ("taker_fee", fraction()),
        ],
    )
}

fn tier() -> Value {
    view(vec![
        ("name", text()),
        (
            "orders_per_second",
            json!({ "type": ["integer", "null"], "minimum": 1 }),
        ),
        ("maker_fee", nullable(number())),
        ("taker_fee", nullable(number())),
    ])
}

fn algorithms() -> Value {
    one_of_words(&["ED25519", "HMAC_SHA256"])
}

fn make_key() -> Value {
    let addresses = json!({
        "type": "array", "maxItems": 32, "items": { "type": "string", "maxLength": 100 },
        "description": "Addresses or networks from which it may be used; any where there is none",
        "examples": [["10.0.0.0/8"]]
    });
    let mut schema = request(
        vec![
            ("user_id", uuid()),
            ("algorithm", algorithms()),
            ("scopes", key_scopes()),
        ],
        vec![
            ("institution_id", uuid()),
            ("label", json!({ "type": "string", "maxLength": 100 })),
            (
                "public_key",
                about(
                    json!({ "type": "string", "pattern": "^[A-Za-z0-9+/]{42}[AEIMQUYcgkosw048]=$" }),
                    "For ED25519, which needs it: 32 bytes in base64",
                ),
            ),
        ],
    );
    schema["properties"]["addresses"] = addresses;
    schema
}

fn key_fields() -> Vec<(&'static str, Value)> {
    vec![
        ("key_id", text()),
        ("user_id", uuid()),
        ("institution_id", nullable(uuid())),
        ("label", text()),
        ("algorithm", algorithms()),
        ("scopes", list(one_of_words(&["trade", "read"]))),
        ("addresses", list(text())),
        ("created_at", nullable(time())),
        ("revoked_at", nullable(time())),
    ]
}
