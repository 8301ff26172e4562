//! After the load: whether every acknowledged order is there, and every unit of money.

use std::collections::{BTreeMap, HashMap};
use std::rc::Rc;
use std::time::Duration;

use tokio::time::Instant;
use uuid::Uuid;

use crate::api::{Api, User};
use crate::decimal;
use crate::market::Market;
use crate::owed::{Assets, Found, look_up};
use crate::parallel;
use crate::report::Check;
use crate::setup::{AT_A_TIME, Money, balances};
use crate::tally::Promises;

/// Between two looks while lists may still be catching up.
const AGAIN: Duration = Duration::from_secs(1);
/// Users that are looked up at a time; each has several calls of its own.
const USERS_AT_A_TIME: usize = 4;
/// Where only some users are looked up: fees may have taken this part of the money, one in so many.
const FEE_BOUND: i128 = 50;

/// What is checked.
pub(crate) struct Wanted<'a> {
    pub(crate) api: &'a Rc<Api>,
    pub(crate) users: &'a [User],
    pub(crate) markets: &'a [Market],
    pub(crate) promises: &'a Promises,
    /// Places whose outcome nobody knows, by number of the user and client order id.
    pub(crate) unknown: &'a [(usize, String)],
    pub(crate) funds: &'a Money,
    /// So many users; 0 = all.
    pub(crate) sample: usize,
    pub(crate) settle: Duration,
}

/// Everything that was found.
struct Evidence {
    /// By number of the user; those that were looked up.
    found: BTreeMap<usize, Found>,
    /// What all users have together.
    money: Money,
    /// Places without an answer that turned out to have happened.
    late: Vec<(Uuid, usize)>,
    lost: u64,
}

/// Checks, again and again until all holds or the time to settle is over.
///
/// # Errors
/// The gateway does not answer.
pub(crate) async fn check(wanted: &Wanted<'_>) -> anyhow::Result<Vec<Check>> {
    let deadline = Instant::now() + wanted.settle;
    loop {
        let evidence = gather(wanted).await?;
        let checks = judge(wanted, &evidence);
        let all_hold = checks.iter().all(|check| check.failed == 0);
        if all_hold || Instant::now() >= deadline {
            return Ok(checks);
        }
        tokio::time::sleep(AGAIN).await;
    }
}

async fn gather(wanted: &Wanted<'_>) -> anyhow::Result<Evidence> {
    let Wanted {
        api,
        users,
        markets,
        promises,
        unknown,
        sample,
        ..
    } = wanted;
    let mut late = Vec::new();
    let mut lost = 0;
    for (user, client_order_id) in *unknown {
        let path = format!("/api/v1/orders/by-client-id/{}", client_order_id);
        let answer = api.get_as(&users[*user], &path).await?;
        if answer.status == 404 {
            lost += 1;
            continue;
        }
        let view = answer.ok("an order by its client order id")?;
        late.push((view["order_id"].as_str().unwrap_or_default().parse()?, *user));
    }
    let mut expected: HashMap<usize, Vec<Uuid>> = HashMap::new();
    for (id, user) in promises.acknowledged.iter().chain(&late) {
        expected.entry(*user).or_default().push(*id);
    }
    let every = users.len();
    let looked_up = if *sample == 0 { every } else { every.min(*sample) };
    let pairs = |market: &Market| {
        let assets = (market.base.clone(), market.quote.clone());
        (market.symbol.clone(), assets)
    };
    let assets: Assets = markets.iter().map(pairs).collect();
    let look = |number: usize| {
        let ids = expected.get(&number).map(Vec::as_slice).unwrap_or_default();
        let (user, assets) = (&users[number], &assets);
        async move { Ok((number, look_up(api, user, ids, assets).await?)) }
    };
    let found = parallel::each((0..looked_up).collect(), USERS_AT_A_TIME, look).await?;
    let found: BTreeMap<usize, Found> = found.into_iter().collect();
    let others: Vec<&User> = users[looked_up..].iter().collect();
    let others = parallel::each(others, AT_A_TIME, |user| balances(api, user)).await?;
    let mut money = Money::new();
    let all = found.values().map(|found| &found.balances).chain(&others);
    for (asset, (available, reserved)) in all.flatten() {
        *money.entry(asset.clone()).or_default() += available + reserved;
    }
    Ok(Evidence {
        found,
        money,
        late,
        lost,
    })
}

fn judge(wanted: &Wanted<'_>, evidence: &Evidence) -> Vec<Check> {
    let mut unknown = Check::new("outcomes unknown at first, looked up by client_order_id");
    unknown.looked_at = evidence.late.len() as u64 + evidence.lost;
    let mut readable = Check::new("acknowledgements name an order");
    readable.looked_at = wanted.promises.acknowledged.len() as u64;
    if wanted.promises.unreadable > 0 {
        readable.differs(format!(
            "{} acknowledgements name no order",
            wanted.promises.unreadable
        ));
    }
    let users = wanted.users;
    vec![
        readable,
        unknown,
        orders(users, evidence),
        reserved(users, evidence),
        fees(users, evidence),
        money(wanted, evidence),
    ]
}

fn orders(users: &[User], evidence: &Evidence) -> Check {
    let mut check = Check::new("every acknowledged order is there");
    for (number, found) in &evidence.found {
        check.looked_at += (found.orders.len() + found.missing.len()) as u64;
        for id in &found.missing {
            check.differs(format!("order {id} of user {} is missing", users[*number].id));
        }
    }
    check
}

fn reserved(users: &[User], evidence: &Evidence) -> Check {
    let mut check = Check::new("reserved balances are what live orders need");
    for (number, found) in &evidence.found {
        let mut needed = Money::new();
        for (asset, units) in found.orders.values().filter_map(|order| order.needs.as_ref()) {
            *needed.entry(asset.clone()).or_default() += units;
        }
        for (asset, (_, reserved)) in &found.balances {
            check.look();
            let needed = needed.remove(asset).unwrap_or(0);
            if needed != *reserved {
                check.differs(format!(
                    "user {}: {asset} {} reserved, live orders need {}",
                    users[*number].id,
                    decimal::format(*reserved),
                    decimal::format(needed)
                ));
            }
        }
        for (asset, units) in needed {
            check.differs(format!(
                "user {}: no balance of {asset}, live orders need {}",
                users[*number].id,
                decimal::format(units)
            ));
        }
    }
    check
}

fn order_fees(found: &Found) -> Money {
    let mut fees = Money::new();
    for (asset, fee) in found.orders.values().map(|order| &order.fee) {
        if *fee != 0 {
            *fees.entry(asset.clone()).or_default() += fee;
        }
    }
    fees
}

fn fees(users: &[User], evidence: &Evidence) -> Check {
    let mut check = Check::new("fees of own trades are the fees of the orders");
    for (number, found) in &evidence.found {
        let Some(by_trades) = &found.trade_fees else {
            continue;
        };
        check.look();
        let by_orders = order_fees(found);
        let assets = by_orders.keys().chain(by_trades.keys());
        for asset in assets.collect::<std::collections::BTreeSet<_>>() {
            let of = |fees: &Money| fees.get(asset).copied().unwrap_or(0);
            let (orders, trades) = (of(&by_orders), of(by_trades));
            if orders != trades {
                check.differs(format!(
                    "user {}: {asset} fees {} by orders, {} by trades",
                    users[*number].id,
                    decimal::format(orders),
                    decimal::format(trades)
                ));
            }
        }
    }
    check
}

fn money(wanted: &Wanted<'_>, evidence: &Evidence) -> Check {
    let exact = evidence.found.len() == wanted.users.len();
    let mut check = Check::new(if exact {
        "balances and fees are what there was at the start"
    } else {
        "balances are what there was at the start, less at most 2 % of fees"
    });
    let mut fees = Money::new();
    for (asset, fee) in evidence.found.values().flat_map(order_fees) {
        *fees.entry(asset).or_default() += fee;
    }
    let assets = wanted.funds.keys().chain(evidence.money.keys());
    for asset in assets.collect::<std::collections::BTreeSet<_>>() {
        check.look();
        let of = |money: &Money| money.get(asset).copied().unwrap_or(0);
        let (before, after, fee) = (of(wanted.funds), of(&evidence.money), of(&fees));
        let holds = if exact {
            before == after + fee
        } else {
            after <= before && before - after <= before / FEE_BOUND
        };
        if !holds {
            check.differs(format!(
                "{asset}: {} at the start, {} now, {} of fees: {} too much (does somebody else trade here?)",
                decimal::format(before),
                decimal::format(after),
                decimal::format(fee),
                decimal::format(after + fee - before)
            ));
        }
    }
    check
}
