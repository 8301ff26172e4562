//! What a development exchange has from the start: two funded users, and a greeting that shows how to trade.

use std::net::SocketAddr;
use std::time::Duration;

use anyhow::anyhow;
use api::Exchange;
use domain::{Amount, Tier, TierName, TransferKey, TransferKind, UserId};
use runtime::Settings;
use runtime::settings::Mode;
use uuid::Uuid;

use crate::cli::say;
use crate::token::token;

/// The users of a development exchange by name.
const USERS: [(&str, u128); 3] = [
    ("alice", 0x0000_0000_0000_4000_8000_0000_0000_00a1),
    ("bob", 0x0000_0000_0000_4000_8000_0000_0000_00b2),
    ("operator", 0x0000_0000_0000_4000_8000_0000_0000_0001),
];

/// What each trader of them has.
const FUNDS: [(&str, &str); 4] = [
    ("BTC", "10"),
    ("ETH", "100"),
    ("USDT", "1000000"),
    ("XRP", "100000"),
];

/// The id of a development user.
pub(crate) fn user_id(name: &str) -> Option<Uuid> {
    USERS
        .iter()
        .find(|(known, _)| *known == name)
        .map(|(_, id)| Uuid::from_u128(*id))
}

/// The tier of the development users, who must not meet the usual limit when they try things out.
const TIER: &str = "development";
/// Requests a second of that tier.
const TIER_RATE: u32 = 10_000;

/// Deposits the funds, once, since the keys stay the same; and puts the traders into a tier of their own.
///
/// # Errors
/// The exchange refuses.
pub(crate) async fn fund(exchange: &dyn Exchange) -> anyhow::Result<()> {
    let name: TierName = TIER.parse()?;
    if !exchange.tiers().iter().any(|tier| tier.name == name) {
        let tier = Tier {
            name: name.clone(),
            orders_per_second: Some(TIER_RATE),
            maker_fee: None,
            taker_fee: None,
        };
        let done = exchange.define_tier(tier).await;
        done.map_err(|error| anyhow!("the development tier cannot be defined: {error}"))?;
        for (user, id) in USERS.iter().filter(|(name, _)| *name != "operator") {
            let done = exchange
                .set_account_tier(UserId::from_u128(*id), Some(name.clone()))
                .await;
            done.map_err(|error| anyhow!("{user} cannot be put into the development tier: {error}"))?;
        }
    }
    for (name, id) in USERS.iter().filter(|(name, _)| *name != "operator") {
        for (asset, amount) in FUNDS {
            let key: TransferKey = format!("development-{name}-{asset}").parse()?;
            let user_id = UserId::from_u128(*id);
            let amount = Amount::parse(amount)?;
            let done = exchange
                .transfer(TransferKind::Deposit, key, user_id, asset.parse()?, amount)
                .await;
            done.map_err(|error| anyhow!("the development deposit of {asset} to {name} failed: {error}"))?;
        }
    }
    Ok(())
}

/// Prints where it listens and how to place an order.
///
/// # Errors
/// Standard output cannot be written to.
pub(crate) fn greet(
    settings: &Settings,
    public: SocketAddr,
    admin: Option<SocketAddr>,
) -> anyhow::Result<()> {
    let day = Duration::from_secs(24 * 3_600);
    let alice = token(settings, Uuid::from_u128(USERS[0].1), None, "trade read", day);
    // With the key of an issuer of their own, developers have tokens of their own too.
    let alice = alice.unwrap_or_else(|_| "$TOKEN".to_owned());
    let both = settings.server.admin_on_public.then_some(public);
    let operators = admin.or(both).map_or_else(
        || "nowhere, since server.metrics_port is 0".to_owned(),
        |at| format!("http://{at}/api/v1/admin"),
    );
    let (shape, data) = match settings.mode {
        Mode::Embedded => {
            let data_dir = std::path::absolute(&settings.data_dir)?;
            ("embedded", data_dir.display().to_string())
        }
        Mode::Distributed => {
            let database = &settings.database;
            (
                "distributed",
                format!("PostgreSQL at {}:{}", database.host, database.port),
            )
        }
    };
    let order =
        r#"{"symbol":"BTC/USDT","side":"BUY","order_type":"LIMIT","price":"60000.00","quantity":"0.01"}"#;
    let demo = &settings.demo;
    let demo = if demo.enabled {
        let (users, rate) = (demo.users, demo.orders_per_second);
        format!("\n  DEMO: made-up users trade: {users} of them, {rate} orders a second")
    } else {
        String::new()
    };
    say(&format!(
        "
  Trade engine, {shape}, in development.{demo}
  API        http://{public}/api/v1   (operators: {operators})
  Data       {data}
  Users      alice and bob are funded; more tokens: cargo run --release -- token bob (or operator, or any UUID)

  Place an order as alice:

curl -i http://{public}/api/v1/orders -H 'Content-Type: application/json' \\
  -H 'Authorization: Bearer {alice}' \\
  -d '{order}'
"
    ))
}
