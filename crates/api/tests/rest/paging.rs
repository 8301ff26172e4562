//! Lists page by page to their end, the ledger against the balances, and candles.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use domain::Amount;
use serde_json::{Value, json};

use crate::support::Venue;

/// A venue in which alice bought from bob this often, a minute apart.
async fn traded(times: u32) -> Venue {
    let venue = Venue::open().await;
    for n in 0..times {
        let price = (50_000 + n).to_string();
        venue.place("bob", "SELL", &price, "0.01").await;
        venue.place("alice", "BUY", &price, "0.01").await;
        venue.pass(Duration::from_secs(40)).await;
    }
    venue
}

/// Every entry of a list, asked for in pages of this size, and how many pages there were.
async fn pages(venue: &Venue, who: &str, path: &str, list: &str, limit: usize) -> (Vec<Value>, usize) {
    let (mut all, mut before, mut count) = (Vec::new(), None::<String>, 0);
    loop {
        let cursor = before.map_or(String::new(), |before| format!("&before={before}"));
        let separator = if path.contains('?') { '&' } else { '?' };
        let answer = venue
            .get(who, &format!("{path}{separator}limit={limit}{cursor}"))
            .await;
        assert_eq!(answer.status, 200, "{}", answer.text);
        let page = answer.body[list].as_array().unwrap();
        assert!(page.len() <= limit);
        all.extend(page.iter().cloned());
        count += 1;
        assert!(count < 1_000, "no end of {path}");
        match answer.body["next_cursor"].as_str() {
            Some(cursor) => before = Some(cursor.to_owned()),
            None => return (all, count),
        }
    }
}

#[actix_web::test]
async fn every_list_is_paged_to_its_end_with_each_entry_once() {
    let venue = traded(12).await;
    for price in ["49000", "49001", "49002"] {
        venue.place("alice", "BUY", price, "0.01").await;
    }
    for (path, list, id, count) in [
        ("/api/v1/orders", "orders", "order_id", 15),
        ("/api/v1/orders?status=open", "orders", "order_id", 3),
        ("/api/v1/orders?status=closed", "orders", "order_id", 12),
        (
            "/api/v1/orders?status=FILLED&side=BUY&symbol=BTC-USDT",
            "orders",
            "order_id",
            12,
        ),
        ("/api/v1/orders?side=SELL", "orders", "order_id", 0),
        ("/api/v1/trades", "trades", "trade_id", 12),
        ("/api/v1/trades?symbol=BTC/USDT", "trades", "trade_id", 12),
        ("/api/v1/ledger?asset=ETH", "entries", "entry_id", 0),
    ] {
        let (whole, _) = pages(&venue, "alice", path, list, 1_000).await;
        assert_eq!(whole.len(), count, "{path}");
        for limit in [1, 4, 5, 15] {
            let (all, _) = pages(&venue, "alice", path, list, limit).await;
            assert_eq!(all, whole, "{path} by {limit}");
        }
        let ids: BTreeSet<_> = whole.iter().map(|entry| entry[id].as_str().unwrap()).collect();
        assert_eq!(ids.len(), count, "{path} names each once");
    }
    let (whole, _) = pages(&venue, "alice", "/api/v1/ledger", "entries", 1_000).await;
    let (by_three, count) = pages(&venue, "alice", "/api/v1/ledger", "entries", 3).await;
    assert_eq!(by_three, whole);
    assert!(count > 5);
}

#[actix_web::test]
async fn own_trades_are_found_by_order_and_after_a_trade() {
    let venue = traded(3).await;
    let answer = venue.get("alice", "/api/v1/trades").await;
    let trades = answer.body["trades"].as_array().unwrap().clone();
    let id = |n: usize, field: &str| trades[n][field].as_str().unwrap();
    let newest_first: Vec<_> = trades.iter().map(|trade| trade["price"].clone()).collect();
    assert_eq!(newest_first, ["50002", "50001", "50000"]);
    assert_eq!(
        (id(0, "side"), id(0, "role"), id(0, "fee_asset")),
        ("BUY", "TAKER", "BTC")
    );
    let of_order = format!("/api/v1/trades?order_id={}", id(1, "order_id"));
    assert_eq!(
        venue.get("alice", &of_order).await.body["trades"],
        json!([trades[1]])
    );
    assert_eq!(
        venue.get("bob", &of_order).await.body["trades"],
        json!([]),
        "it is alice's order"
    );
    let after = format!("/api/v1/trades?after={}", id(2, "trade_id"));
    assert_eq!(
        venue.get("alice", &after).await.body["trades"],
        json!([trades[0], trades[1]])
    );
    let sold = venue.get("bob", "/api/v1/trades?limit=1").await;
    assert_eq!(
        (
            &sold.body["trades"][0]["role"],
            &sold.body["trades"][0]["fee_asset"]
        ),
        (&json!("MAKER"), &json!("USDT"))
    );
}

#[actix_web::test]
async fn cursors_and_filters_that_do_not_fit_are_refused() {
    let venue = Venue::open().await;
    for (query, field) in [
        ("orders?before=1", "before"),
        ("orders?before=", "before"),
        ("orders?status=nothing", "status"),
        ("orders?cursor=1", "cursor"),
        ("trades?limit=0", "limit"),
        ("trades?limit=1001", "limit"),
        ("trades?after=x", "after"),
        ("trades?order_id=x", "order_id"),
        ("trades?symbol=ETH/USDT", "symbol"),
        ("trades?user_id=2", "user_id"),
        ("ledger?before=7", "before"),
        ("ledger?asset=usdt", "asset"),
        ("ledger?limit=0", "limit"),
        ("ledger?user_id=2", "user_id"),
        ("markets/BTC-USDT/candles?interval=2m", "interval"),
        ("markets/BTC-USDT/candles?from=yesterday", "from"),
        ("markets/BTC-USDT/candles?to=1700000000", "to"),
        ("markets/BTC-USDT/candles?limit=1001", "limit"),
        ("markets/BTC-USDT/candles?symbol=x", "symbol"),
    ] {
        let answer = venue.get("alice", &format!("/api/v1/{query}")).await;
        assert_eq!(
            (answer.status, &answer.body["field"]),
            (400, &json!(field)),
            "{query}: {}",
            answer.text
        );
    }
}

/// Units of 1e-8 with their sign.
fn units(text: &Value) -> i128 {
    let text = text.as_str().unwrap();
    let (sign, digits) = text.strip_prefix('-').map_or((1, text), |digits| (-1, digits));
    sign * i128::from(Amount::parse(digits).unwrap().0)
}

#[actix_web::test]
async fn the_ledger_sums_to_the_balances() {
    let venue = traded(5).await;
    venue.place("alice", "BUY", "49000", "0.01").await;
    let resting = venue.place("bob", "SELL", "51000", "0.5").await;
    let path = format!("/api/v1/orders/{}", resting.body["order_id"].as_str().unwrap());
    venue.patch("bob", &path, json!({"quantity": "0.25"})).await;
    for who in ["alice", "bob"] {
        let (entries, _) = pages(&venue, who, "/api/v1/ledger", "entries", 7).await;
        let mut sums: BTreeMap<String, (i128, i128)> = BTreeMap::new();
        for entry in &entries {
            let sum = sums
                .entry(entry["asset"].as_str().unwrap().to_owned())
                .or_default();
            sum.0 += units(&entry["available_change"]);
            sum.1 += units(&entry["reserved_change"]);
        }
        let balances = venue.get(who, "/api/v1/balances").await;
        let balances = balances.body["balances"].as_array().unwrap();
        assert_eq!(balances.len(), sums.len());
        for balance in balances {
            let sum = sums[balance["asset"].as_str().unwrap()];
            let shown = (
                units(&balance["available_balance"]),
                units(&balance["reserved_balance"]),
            );
            assert_eq!(sum, shown, "{who}: {balance}");
        }
    }
}

#[actix_web::test]
async fn candles_fold_the_trades_of_their_spans() {
    let venue = traded(4).await;
    // 08:00:00, 08:00:40, 08:01:20 and 08:02:00.
    let answer = venue.get("nobody", "/api/v1/markets/BTC-USDT/candles").await;
    assert_eq!(
        (answer.status, &answer.body["interval"]),
        (200, &json!("1m")),
        "{}",
        answer.text
    );
    let candles = answer.body["candles"].as_array().unwrap();
    assert_eq!(
        candles[0],
        json!({
            "opened_at": "2027-01-15T08:00:00.000000Z", "open": "50000", "high": "50001", "low": "50000",
            "close": "50001", "volume": "0.02", "quote_volume": "1000.01", "trades": 2
        })
    );
    assert_eq!(candles.len(), 3);
    for (query, opened) in [
        ("interval=1h", vec!["08:00"]),
        ("limit=1", vec!["08:02"]),
        ("from=2027-01-15T08:01:00Z", vec!["08:01", "08:02"]),
        ("to=2027-01-15T08:02:00Z", vec!["08:00", "08:01"]),
        (
            "from=2027-01-15T09:01:00%2B01:00&to=2027-01-15T08:02:00Z",
            vec!["08:01"],
        ),
        ("from=2027-01-16T00:00:00Z", vec![]),
    ] {
        let answer = venue
            .get("nobody", &format!("/api/v1/markets/BTC-USDT/candles?{query}"))
            .await;
        let candles = answer.body["candles"].as_array().unwrap();
        let shown: Vec<_> = candles
            .iter()
            .map(|candle| &candle["opened_at"].as_str().unwrap()[11..16])
            .collect();
        assert_eq!(shown, opened, "{query}");
    }
    assert_eq!(
        venue
            .get("nobody", "/api/v1/markets/ETH-USDT/candles")
            .await
            .status,
        404
    );
}
