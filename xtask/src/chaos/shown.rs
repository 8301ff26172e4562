//! What a gateway shows a user: orders, trades, balances, all of them.

use std::collections::BTreeMap;
use std::hash::{DefaultHasher, Hash as _, Hasher as _};

use anyhow::{Context, Result, bail};
use serde_json::Value;

use super::clients::Clients;
use super::decimal;
use super::promise::Shown;

/// The most pages of a list.
const PAGES: usize = 500;

/// An own trade as a user sees it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OwnTrade {
    /// Its id.
    pub trade_id: String,
    /// The user's order.
    pub order_id: String,
    /// Whether the user's side is the buyer's.
    pub buys: bool,
    /// The assets that are traded.
    pub assets: (String, String),
    /// In units of 1e-8: of the base asset, of the quote asset, of what is received.
    pub amounts: (u64, u64, u64),
}

/// All that a gateway shows a user.
#[derive(Debug, Default)]
pub struct Book {
    /// Orders, newest first, with a digest of all that is shown of each.
    pub orders: Vec<(Shown, u64)>,
    /// Trades, newest first.
    pub trades: Vec<OwnTrade>,
    /// Available and reserved, by asset.
    pub balances: BTreeMap<String, (u64, u64)>,
}

impl Book {
    /// Reads everything.
    ///
    /// # Errors
    /// The gateway does not answer, or shows what makes no sense.
    pub async fn read(clients: &Clients, user: usize, gateway: usize) -> Result<Self> {
        let mut book = Self::default();
        for view in pages(clients, (user, gateway), "orders").await? {
            let shown = Shown::read(&view).with_context(|| format!("no order: {view}"))?;
            book.orders.push((shown, digest(&view)));
        }
        for view in pages(clients, (user, gateway), "trades").await? {
            book.trades
                .push(OwnTrade::read(&view).with_context(|| format!("no trade: {view}"))?);
        }
        let balances = clients.read(user, gateway, "/api/v1/balances").await?;
        for view in balances["balances"].as_array().context("no balances")? {
            let units = |field: &str| view[field].as_str().and_then(decimal::parse);
            let both = units("available_balance").zip(units("reserved_balance"));
            let asset = view["asset"].as_str().unwrap_or_default().to_owned();
            book.balances
                .insert(asset, both.with_context(|| format!("no balance: {view}"))?);
        }
        Ok(book)
    }
}

impl OwnTrade {
    fn read(view: &Value) -> Option<Self> {
        let text = |field: &str| view[field].as_str();
        let units = |field: &str| text(field).and_then(decimal::parse);
        let (base, quote) = text("symbol")?.split_once('/')?;
        Some(Self {
            trade_id: text("trade_id")?.to_owned(),
            order_id: text("order_id")?.to_owned(),
            buys: text("side")? == "BUY",
            assets: (base.to_owned(), quote.to_owned()),
            amounts: (units("quantity")?, units("quote_quantity")?, units("fee")?),
        })
    }
}

async fn pages(clients: &Clients, (user, gateway): (usize, usize), list: &str) -> Result<Vec<Value>> {
    let mut all = Vec::new();
    let mut path = format!("/api/v1/{list}?limit=1000");
    for _ in 0..PAGES {
        let mut page = clients.read(user, gateway, &path).await?;
        match page[list].take() {
            Value::Array(views) => all.extend(views),
            other => bail!("a list of {list} without any: {other}"),
        }
        match page["next_cursor"].as_str() {
            Some(cursor) => path = format!("/api/v1/{list}?limit=1000&before={cursor}"),
            None => return Ok(all),
        }
    }
    bail!("the list of {list} has no end")
}

fn digest(view: &Value) -> u64 {
    let mut hasher = DefaultHasher::new();
    view.to_string().hash(&mut hasher);
    hasher.finish()
}
