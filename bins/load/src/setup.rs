//! Before the load: users with money and a rate limit that does not matter.

use std::collections::{BTreeMap, BTreeSet};
use std::rc::Rc;

use anyhow::Context;
use serde_json::{Value, json};

use crate::api::{Api, User};
use crate::cli::Target;
use crate::decimal;
use crate::market::Market;
use crate::output::note;
use crate::{dice, parallel};

/// What each user has of each asset, in whole units, unless there are very many users.
const FUNDS: i128 = 10_000_000;
/// What all users together have of an asset at most, so that no account can overflow.
const FUNDS_OF_ALL: i128 = 20_000_000_000;
/// The tier of the load's users.
const TIER: &str = "load";
/// Its orders a second.
const TIER_RATE: u32 = 1_000_000;
/// How many calls run at a time.
pub(crate) const AT_A_TIME: usize = 8;

/// Money of each asset, in units.
pub(crate) type Money = BTreeMap<String, i128>;

/// Users that may begin.
pub(crate) struct Prepared {
    pub(crate) users: Vec<User>,
    /// What all of them have together at the start.
    pub(crate) funds: Money,
}

/// Makes the users of a seed, clears what an earlier run left, gives them money and their tier.
///
/// # Errors
/// The gateway refuses.
pub(crate) async fn prepare(
    api: &Rc<Api>,
    target: &Target,
    count: usize,
    markets: &[Market],
    run: &str,
) -> anyhow::Result<Prepared> {
    let ids = dice::users(target.seed, count);
    let users: Vec<User> = ids.into_iter().map(|id| api.user(id)).collect::<Result<_, _>>()?;
    clear(api, &users).await?;
    tier(api, &users).await?;
    let assets = markets.iter().flat_map(|market| [&market.base, &market.quote]);
    let assets: BTreeSet<String> = assets.cloned().collect();
    let want = FUNDS.min(FUNDS_OF_ALL / count.max(1) as i128) * decimal::ONE;
    let context = Rc::new((Rc::clone(api), assets, run.to_owned()));
    let funds = parallel::each(users.clone(), AT_A_TIME, move |user| {
        let context = Rc::clone(&context);
        async move {
            let (api, assets, run) = &*context;
            fund(api, &user, assets, want, run).await
        }
    })
    .await?;
    let mut all = Money::new();
    for (asset, units) in funds.into_iter().flatten() {
        *all.entry(asset).or_default() += units;
    }
    Ok(Prepared { users, funds: all })
}

/// Cancels all orders of the users, so that no later run trades with them.
///
/// # Errors
/// The gateway refuses.
pub(crate) async fn clear(api: &Api, users: &[User]) -> anyhow::Result<()> {
    let clear = |user| async move {
        let cleared = api
            .send_as(user, "DELETE", "/api/v1/orders", &Value::Null)
            .await?;
        cleared.ok("cancelling all orders of a user").map(drop)
    };
    parallel::each(users.iter().collect(), AT_A_TIME, clear)
        .await
        .map(drop)
}

/// Empties the books, also of others' orders, or warns of these.
///
/// # Errors
/// The gateway refuses.
pub(crate) async fn others(api: &Api, markets: &[Market], empty: bool) -> anyhow::Result<()> {
    for market in markets {
        if empty {
            let body = json!({"symbol": market.symbol});
            let cancelled = api.operate("POST", "/api/v1/admin/orders/cancel", &body).await?;
            cancelled.ok("emptying a book")?;
            continue;
        }
        let path = format!("/api/v1/markets/{}/depth?limit=1", market.dashed());
        let depth = api.get(&path).await?.ok("the depth")?;
        let is_empty = |side: &str| depth[side].as_array().is_none_or(Vec::is_empty);
        if !is_empty("bids") || !is_empty("asks") {
            note(&format!(
                "orders of others rest on {}: trades with them look like money won or lost (--empty-books cancels them)",
                market.symbol
            ));
        }
    }
    Ok(())
}

/// One user's money after its deposits.
async fn fund(
    api: &Api,
    user: &User,
    assets: &BTreeSet<String>,
    want: i128,
    run: &str,
) -> anyhow::Result<Money> {
    let cleared = api
        .send_as(user, "DELETE", "/api/v1/orders", &Value::Null)
        .await?;
    cleared.ok("clearing what an earlier run left")?;
    let mut money = Money::new();
    for (asset, (available, reserved)) in balances(api, user).await? {
        anyhow::ensure!(
            reserved == 0,
            "user {} has {asset} reserved without orders",
            user.id
        );
        money.insert(asset, available);
    }
    for asset in assets {
        let has = money.entry(asset.clone()).or_default();
        let missing = want - *has;
        if missing > 0 {
            let body = json!({
                "key": format!("load-{run}-{}-{asset}", user.id.simple()),
                "user_id": user.id,
                "asset": asset,
                "amount": decimal::format(missing),
            });
            let deposited = api.operate("POST", "/api/v1/admin/deposits", &body).await?;
            deposited.ok("a deposit")?;
            *has = want;
        }
    }
    Ok(money)
}

/// The available and reserved units of each asset of a user.
///
/// # Errors
/// No answer, or one that cannot be read.
pub(crate) async fn balances(api: &Api, user: &User) -> anyhow::Result<BTreeMap<String, (i128, i128)>> {
    let body = api.get_as(user, "/api/v1/balances").await?.ok("balances")?;
    let list = body["balances"].as_array().context("balances without a list")?;
    let one = |balance: &Value| {
        let units = |field: &str| decimal::parse(balance[field].as_str().unwrap_or_default());
        let asset = balance["asset"].as_str().context("a balance without an asset")?;
        let units = (units("available_balance")?, units("reserved_balance")?);
        Ok((asset.to_owned(), units))
    };
    list.iter().map(one).collect()
}

/// Puts the users into a tier with a high limit; a gateway without tiers is left as it is.
async fn tier(api: &Rc<Api>, users: &[User]) -> anyhow::Result<()> {
    let body = json!({"name": TIER, "orders_per_second": TIER_RATE});
    let made = api.operate("POST", "/api/v1/admin/tiers", &body).await?;
    match made.status {
        404 | 405 => {
            note("this gateway has no tiers: its usual rate limits hold for the load");
            return Ok(());
        }
        // It is there from an earlier run.
        409 => {}
        _ => drop(made.ok("making the tier")?),
    }
    let api = Rc::clone(api);
    parallel::each(users.to_vec(), AT_A_TIME, move |user| {
        let api = Rc::clone(&api);
        async move {
            let path = format!("/api/v1/admin/accounts/{}", user.id);
            let put = api.operate("PUT", &path, &json!({"tier": TIER})).await?;
            put.ok("putting a user into the tier").map(drop)
        }
    })
    .await
    .map(drop)
}
