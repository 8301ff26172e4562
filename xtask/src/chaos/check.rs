//! Holds what gateways show against what was promised, against each other, and against the money that was paid in.

use std::collections::{BTreeMap, BTreeSet};

use anyhow::Result;

use super::clients::Clients;
use super::promise::{Promise, Shown};
use super::shown::{Book, OwnTrade};
use super::traffic::Shared;

/// How often each trade was shown: to buyers, to sellers.
type Sides = BTreeMap<String, (u32, u32)>;

/// Everything that does not fit, as all gateways show it now.
///
/// # Errors
/// A gateway does not answer.
pub async fn check(shared: &Shared) -> Result<Vec<String>> {
    let mut found = Vec::new();
    let mut sides = Sides::new();
    for user in 0..shared.clients.users.len() {
        let first = Book::read(&shared.clients, user, 0).await?;
        for gateway in 1..shared.clients.ports.len() {
            let other = Book::read(&shared.clients, user, gateway).await?;
            found.extend(apart(&first, &other).map(|what| format!("user {user}: {what}")));
        }
        {
            let promises = shared.promises();
            let own = promises.iter().filter(|promise| promise.user == user);
            found.extend(broken(own, &first.orders));
        }
        found.extend(unpaid(&first).map(|what| format!("user {user}: {what}")));
        for trade in &first.trades {
            let seen = sides.entry(trade.trade_id.clone()).or_default();
            if trade.buys {
                seen.0 += 1;
            } else {
                seen.1 += 1;
            }
        }
    }
    let odd = sides.into_iter().filter(|(_, seen)| *seen != (1, 1));
    found.extend(odd.map(|(id, (buyers, sellers))| {
        format!("trade {id} is shown to {buyers} buyers and {sellers} sellers")
    }));
    Ok(found)
}

/// Where two gateways show different things.
fn apart(first: &Book, other: &Book) -> impl Iterator<Item = String> {
    let differs = |holds: bool, what: String| (!holds).then_some(what);
    let mut found = Vec::new();
    let known: BTreeMap<&str, u64> = first
        .orders
        .iter()
        .map(|(shown, digest)| (&*shown.order_id, *digest))
        .collect();
    found.push(differs(
        first.orders.len() == other.orders.len(),
        format!(
            "gateways show {} and {} orders",
            first.orders.len(),
            other.orders.len()
        ),
    ));
    for (shown, digest) in &other.orders {
        let same = known.get(&*shown.order_id) == Some(digest);
        found.push(differs(
            same,
            format!("gateways show order {} differently: {shown:?}", shown.order_id),
        ));
    }
    found.push(differs(
        first.trades == other.trades,
        format!(
            "gateways show {} and {} trades",
            first.trades.len(),
            other.trades.len()
        ),
    ));
    found.push(differs(
        first.balances == other.balances,
        format!("gateways show {:?} and {:?}", first.balances, other.balances),
    ));
    found.into_iter().flatten()
}

/// Where what is shown is not what was promised.
fn broken<'a>(promises: impl Iterator<Item = &'a Promise>, orders: &[(Shown, u64)]) -> Vec<String> {
    let mut found = Vec::new();
    let mut by_name: BTreeMap<&str, &Shown> = BTreeMap::new();
    for (shown, _) in orders {
        if by_name.insert(&shown.client_id, shown).is_some() {
            found.push(format!("two orders are called {}", shown.client_id));
        }
    }
    for promise in promises {
        found.extend(promise.differences(by_name.remove(&*promise.client_id)));
    }
    let others = by_name.into_values();
    found.extend(
        others.map(|shown| format!("nobody asked for order {} ({})", shown.order_id, shown.client_id)),
    );
    found
}

/// Where orders do not have the fills of their trades, or balances are not what was paid in and traded.
fn unpaid(book: &Book) -> impl Iterator<Item = String> {
    let mut found = Vec::new();
    let mut filled: BTreeMap<&str, u64> = BTreeMap::new();
    let mut seen = BTreeSet::new();
    let mut owned: BTreeMap<&str, i128> = BTreeMap::new();
    for (asset, _) in super::clients::FUNDS {
        owned.insert(asset, Clients::given(asset).into());
    }
    for trade in &book.trades {
        if !seen.insert((&trade.trade_id, trade.buys)) {
            found.push(format!("trade {} is shown twice", trade.trade_id));
        }
        *filled.entry(&trade.order_id).or_default() += trade.amounts.0;
        pay(trade, &mut owned);
    }
    for (shown, _) in &book.orders {
        let traded = filled.remove(&*shown.order_id).unwrap_or_default();
        if traded != shown.filled {
            found.push(format!(
                "order {} is filled with {} and its trades have {traded}",
                shown.order_id, shown.filled
            ));
        }
    }
    found.extend(
        filled
            .into_keys()
            .map(|order| format!("there are trades of order {order}, which is not there")),
    );
    for (asset, wanted) in owned {
        let (available, reserved) = book.balances.get(asset).copied().unwrap_or_default();
        let has = i128::from(available) + i128::from(reserved);
        if has != wanted {
            found.push(format!(
                "has {has} units of {asset}; deposits and trades make {wanted}"
            ));
        }
    }
    found.into_iter()
}

fn pay<'a>(trade: &'a OwnTrade, owned: &mut BTreeMap<&'a str, i128>) {
    let (base, quote, fee) = trade.amounts;
    let (base, quote, fee) = (i128::from(base), i128::from(quote), i128::from(fee));
    let (gains, loses) = if trade.buys {
        ((&trade.assets.0, base - fee), (&trade.assets.1, quote))
    } else {
        ((&trade.assets.1, quote - fee), (&trade.assets.0, base))
    };
    *owned.entry(gains.0).or_default() += gains.1;
    *owned.entry(loses.0).or_default() -= loses.1;
}

#[cfg(test)]
mod tests {
    use super::super::decimal::ONE;
    use super::*;

    fn order(id: &str, filled: u64) -> (Shown, u64) {
        let shown = Shown {
            order_id: id.to_owned(),
            client_id: format!("name of {id}"),
            status: "OPEN".to_owned(),
            filled,
            ..Shown::default()
        };
        (shown, filled)
    }

    fn trade(id: &str, order: &str, buys: bool) -> OwnTrade {
        OwnTrade {
            trade_id: id.to_owned(),
            order_id: order.to_owned(),
            buys,
            assets: ("BTC".to_owned(), "USDT".to_owned()),
            amounts: (ONE, 60_000 * ONE, 7),
        }
    }

    /// One bitcoin bought, and all that was given.
    fn book() -> Book {
        let mut balances: BTreeMap<String, (u64, u64)> = ["USDT", "BTC", "ETH", "XRP"]
            .map(|asset| (asset.to_owned(), (Clients::given(asset), 0)))
            .into();
        balances.insert("BTC".to_owned(), (21 * ONE - 8, 1));
        balances.insert("USDT".to_owned(), (1_900_000 * ONE, 40_000 * ONE));
        Book {
            orders: vec![order("a", ONE), order("b", 0)],
            trades: vec![trade("t", "a", true)],
            balances,
        }
    }

    fn all(found: impl Iterator<Item = String>) -> Vec<String> {
        found.collect()
    }

    #[test]
    fn what_fits_is_not_told() {
        assert_eq!(all(unpaid(&book())), Vec::<String>::new());
        assert_eq!(all(apart(&book(), &book())), Vec::<String>::new());
    }

    #[test]
    fn missing_money_and_missing_or_doubled_trades_are_found() {
        let mut poor = book();
        poor.balances.insert("BTC".to_owned(), (21 * ONE - 8, 0));
        assert!(all(unpaid(&poor))[0].contains("units of BTC"));
        let mut twice = book();
        twice.trades.push(trade("t", "a", true));
        let found = all(unpaid(&twice));
        assert!(
            found[0].contains("shown twice") && found[1].contains("order a"),
            "{found:?}"
        );
        let mut gone = book();
        gone.orders.remove(0);
        assert!(all(unpaid(&gone))[0].contains("which is not there"));
    }

    #[test]
    fn gateways_that_differ_are_found() {
        for change in [
            (|book: &mut Book| book.orders[1].1 += 1) as fn(&mut Book),
            |book| book.orders.truncate(1),
            |book| book.trades.clear(),
            |book| book.balances.retain(|asset, _| asset != "XRP"),
        ] {
            let mut other = book();
            change(&mut other);
            assert_eq!(all(apart(&book(), &other)).len(), 1);
        }
    }

    #[test]
    fn orders_that_nobody_asked_for_and_two_of_one_name_are_found() {
        let orders = [order("a", 0), order("a", 0)];
        let found = broken(std::iter::empty(), &orders);
        assert!(
            found[0].contains("two orders") && found[1].contains("nobody asked"),
            "{found:?}"
        );
    }
}
