//! What the API says about one user after the load: orders, money, fees.

use std::collections::{BTreeMap, HashMap, HashSet};

use anyhow::Context;
use serde_json::Value;
use uuid::Uuid;

use crate::api::{Api, User};
use crate::decimal;
use crate::parallel;
use crate::setup::{AT_A_TIME, Money, balances};

/// The base and the quote asset of each market.
pub(crate) type Assets = BTreeMap<String, (String, String)>;
/// The most pages that are asked for, against a list that never ends.
const MOST_PAGES: usize = 10_000;

/// One order as far as it matters here.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Order {
    pub(crate) live: bool,
    /// What it still needs reserved, if it is live.
    pub(crate) needs: Option<(String, i128)>,
    pub(crate) fee: (String, i128),
}

impl Order {
    /// From the API's own view of it.
    ///
    /// # Errors
    /// A field is missing or cannot be read.
    pub(crate) fn read(view: &Value, assets: &Assets) -> anyhow::Result<Self> {
        let text = |field: &str| {
            let text = view[field].as_str();
            text.with_context(|| format!("an order without `{field}`: {view}"))
        };
        let live = matches!(text("status")?, "OPEN" | "PARTIALLY_FILLED");
        let symbol = text("symbol")?;
        let (base, quote) = assets
            .get(symbol)
            .with_context(|| format!("an order of the unknown market {symbol}"))?;
        let mut needs = None;
        if live {
            let remaining = decimal::parse(text("remaining_quantity")?)?;
            needs = Some(if text("side")? == "SELL" {
                (base.clone(), remaining)
            } else {
                let price = decimal::parse(text("price")?)?;
                (quote.clone(), decimal::product(price, remaining))
            });
        }
        let fee = (text("fee_asset")?.to_owned(), decimal::parse(text("fee")?)?);
        Ok(Self { live, needs, fee })
    }
}

/// What the API says about one user.
#[derive(Debug, Default)]
pub(crate) struct Found {
    pub(crate) orders: HashMap<Uuid, Order>,
    /// Acknowledged, but not to be found.
    pub(crate) missing: Vec<Uuid>,
    pub(crate) balances: BTreeMap<String, (i128, i128)>,
    /// Fees of the own trades of these orders; none where trades are not served.
    pub(crate) trade_fees: Option<Money>,
}

/// Looks up a user's orders of this run, balances and fees.
///
/// # Errors
/// No answer, or one that cannot be read.
pub(crate) async fn look_up(
    api: &Api,
    user: &User,
    expected: &[Uuid],
    assets: &Assets,
) -> anyhow::Result<Found> {
    let mut found = Found::default();
    let mut missing: HashSet<Uuid> = expected.iter().copied().collect();
    list(api, user, assets, &mut missing, &mut found).await?;
    let single = |id: Uuid| async move {
        let answer = api.get_as(user, &format!("/api/v1/orders/{id}")).await?;
        match answer.status {
            404 => Ok((id, None)),
            _ => Ok((id, Some(Order::read(&answer.ok("an order")?, assets)?))),
        }
    };
    for (id, order) in parallel::each(missing.into_iter().collect(), AT_A_TIME, single).await? {
        match order {
            Some(order) => drop(found.orders.insert(id, order)),
            None => found.missing.push(id),
        }
    }
    found.balances = balances(api, user).await?;
    found.trade_fees = trade_fees(api, user, &found).await?;
    Ok(found)
}

/// Pages through the list until every expected order was seen, as far as the gateway serves pages.
async fn list(
    api: &Api,
    user: &User,
    assets: &Assets,
    missing: &mut HashSet<Uuid>,
    found: &mut Found,
) -> anyhow::Result<()> {
    let mut path = "/api/v1/orders?limit=1000".to_owned();
    for _ in 0..MOST_PAGES {
        if missing.is_empty() {
            return Ok(());
        }
        let page = api.get_as(user, &path).await?.ok("the list of orders")?;
        for view in page["orders"]
            .as_array()
            .context("a list of orders without any")?
        {
            let id: Uuid = view["order_id"].as_str().unwrap_or_default().parse()?;
            if missing.remove(&id) {
                found.orders.insert(id, Order::read(view, assets)?);
            }
        }
        match page["next_cursor"].as_str() {
            Some(cursor) => path = format!("/api/v1/orders?limit=1000&before={cursor}"),
            None => return Ok(()),
        }
    }
    Ok(())
}

/// Adds up the fees of the own trades of these orders.
async fn trade_fees(api: &Api, user: &User, found: &Found) -> anyhow::Result<Option<Money>> {
    let mut fees = Money::new();
    let mut path = "/api/v1/trades?limit=1000".to_owned();
    for _ in 0..MOST_PAGES {
        let answer = api.get_as(user, &path).await?;
        if matches!(answer.status, 404 | 405) {
            return Ok(None);
        }
        let page = answer.ok("the list of own trades")?;
        let trades = page["trades"]
            .as_array()
            .context("a list of trades without any")?;
        let mut of_this_run = false;
        for trade in trades {
            let order: Uuid = trade["order_id"].as_str().unwrap_or_default().parse()?;
            if found.orders.contains_key(&order) {
                of_this_run = true;
                let asset = trade["fee_asset"].as_str().context("a trade without fee_asset")?;
                let fee = decimal::parse(trade["fee"].as_str().unwrap_or_default())?;
                *fees.entry(asset.to_owned()).or_default() += fee;
            }
        }
        // Newest first: a page without any trade of this run is older than all of them.
        match (of_this_run, page["next_cursor"].as_str()) {
            (true, Some(cursor)) => path = format!("/api/v1/trades?limit=1000&before={cursor}"),
            _ => break,
        }
    }
    Ok(Some(fees))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn order(side: &str, status: &str) -> Value {
        json!({"symbol": "BTC/USDT", "side": side, "status": status, "price": "50000.5", "quantity": "2",
            "remaining_quantity": "0.5", "fee": "0.001", "fee_asset": "BTC"})
    }

    fn assets() -> Assets {
        [("BTC/USDT".to_owned(), ("BTC".to_owned(), "USDT".to_owned()))].into()
    }

    #[test]
    fn a_live_order_needs_what_is_left_of_it() {
        let needs = |side, status| Order::read(&order(side, status), &assets()).unwrap().needs;
        let base = ("BTC".to_owned(), decimal::ONE / 2);
        let quote = ("USDT".to_owned(), 2_500_025 * decimal::ONE / 100);
        assert_eq!(needs("SELL", "OPEN"), Some(base.clone()));
        assert_eq!(needs("SELL", "PARTIALLY_FILLED"), Some(base));
        assert_eq!(needs("BUY", "OPEN"), Some(quote));
        for status in ["FILLED", "CANCELLED", "EXPIRED", "REJECTED"] {
            assert_eq!(needs("BUY", status), None);
        }
    }

    #[test]
    fn an_order_with_a_hole_or_of_an_unknown_market_is_an_error() {
        assert!(Order::read(&json!({}), &assets()).is_err());
        assert!(Order::read(&order("BUY", "OPEN"), &Assets::new()).is_err());
    }
}
