//! Floods, repeats, races for the same money, and trading with oneself.

use std::collections::BTreeSet;
use std::time::Duration;

use serde_json::{Value, json};

use crate::support::{Answer, Venue, limit_order, post};

const ORDERS: &str = "/api/v1/orders";

#[actix_web::test]
async fn security_15_a_flood_is_told_to_wait_and_cancels_still_pass() {
    let venue = Venue::with_rate(50).await;
    let resting = venue.place("alice", "BUY", "40000", "0.001").await;
    let flood: Vec<_> = (0..200)
        .map(|_| post("alice", ORDERS, &limit_order("BUY", "40000", "0.001")))
        .collect();
    let answers = venue.all(flood).await;
    let count = |status: u16| answers.iter().filter(|answer| answer.status == status).count();
    assert_eq!((count(201), count(429)), (49, 151));
    for answer in answers.iter().filter(|answer| answer.status == 429) {
        assert_eq!(
            (&answer.body["code"], answer.header("retry-after")),
            (&json!("rate_limited"), "1")
        );
    }
    let path = format!("{ORDERS}/{}", resting.body["order_id"].as_str().unwrap());
    assert_eq!(venue.delete("alice", &path).await.status, 200);
    venue.pass(Duration::from_secs(1)).await;
    assert_eq!(
        venue.get("alice", "/api/v1/balances").await.status,
        200,
        "after that wait it goes on"
    );
}

fn named(quantity: &str) -> Value {
    let mut order = limit_order("BUY", "49000", quantity);
    order["client_order_id"] = json!("once");
    order
}

#[actix_web::test]
async fn security_17_a_client_order_id_stands_for_one_order_however_often_it_is_sent() {
    let venue = Venue::open().await;
    let answers = venue
        .all((0..50).map(|_| post("alice", ORDERS, &named("0.01"))).collect())
        .await;
    let ids: BTreeSet<_> = answers
        .iter()
        .map(|answer| answer.body["order_id"].to_string())
        .collect();
    assert_eq!(ids.len(), 1);
    let mut statuses: Vec<_> = answers.iter().map(|answer| answer.status).collect();
    statuses.sort_unstable();
    assert_eq!((statuses[..49].to_vec(), statuses[49]), (vec![200; 49], 201));
    let again = venue.post("alice", ORDERS, named("0.01")).await;
    assert_eq!(
        (again.status, again.body["order_id"].to_string()),
        (200, ids.first().unwrap().clone())
    );
    let other = venue.post("alice", ORDERS, named("0.02")).await;
    assert_eq!(
        (other.status, &other.body["code"]),
        (409, &json!("client_order_id_conflict"))
    );
    assert_eq!(other.body["order_id"].to_string(), *ids.first().unwrap());
    let of_bob = venue.post("bob", ORDERS, named("0.02")).await;
    assert_eq!(of_bob.status, 201, "another user's name is another name");
    let orders = venue.get("alice", ORDERS).await;
    assert_eq!(orders.body["orders"].as_array().unwrap().len(), 1);
    assert_eq!(venue.balance("alice", "USDT").await.1, "490");
}

#[actix_web::test]
async fn security_18_the_same_money_is_reserved_once() {
    let venue = Venue::open().await;
    // Each takes all 1,000,000 USDT.
    let all = |price: &str, quantity: &str| post("alice", ORDERS, &limit_order("BUY", price, quantity));
    let answers = venue
        .all(vec![all("50000", "20"), all("50000", "20"), all("40000", "25")])
        .await;
    let taken: Vec<&Answer> = answers.iter().filter(|answer| answer.status == 201).collect();
    let refused: Vec<&Answer> = answers.iter().filter(|answer| answer.status == 422).collect();
    assert_eq!((taken.len(), refused.len()), (1, 2));
    assert!(
        refused
            .iter()
            .all(|answer| answer.body["code"] == "insufficient_balance")
    );
    assert_eq!(
        venue.balance("alice", "USDT").await,
        ("0".to_owned(), "1000000".to_owned())
    );
    venue.delete("alice", ORDERS).await;
    assert_eq!(
        venue.balance("alice", "USDT").await,
        ("1000000".to_owned(), "0".to_owned())
    );
    let audit = venue.exchange.audit().await.unwrap();
    assert_eq!(audit.faults, []);
}

#[actix_web::test]
async fn security_30_nobody_trades_with_himself_unless_he_says_so() {
    for (mode, maker, taker, left, trades) in [
        (None, "OPEN", "CANCELLED", "0.03", 0),
        (Some("EXPIRE_TAKER"), "OPEN", "CANCELLED", "0.03", 0),
        (Some("EXPIRE_MAKER"), "CANCELLED", "OPEN", "0.03", 0),
        (Some("EXPIRE_BOTH"), "CANCELLED", "CANCELLED", "0.03", 0),
        (Some("DECREMENT"), "CANCELLED", "OPEN", "0.02", 0),
        (Some("NONE"), "FILLED", "PARTIALLY_FILLED", "0.02", 2),
    ] {
        let venue = Venue::open().await;
        let resting = venue.place("alice", "SELL", "50000", "0.01").await;
        let mut order = limit_order("BUY", "50000", "0.03");
        if let Some(mode) = mode {
            order["self_trade_prevention"] = json!(mode);
        }
        let taking = venue.post("alice", ORDERS, order).await;
        let path = format!("{ORDERS}/{}", resting.body["order_id"].as_str().unwrap());
        let resting = venue.get("alice", &path).await;
        assert_eq!(
            (
                &resting.body["status"],
                &taking.body["status"],
                &taking.body["remaining_quantity"]
            ),
            (&json!(maker), &json!(taker), &json!(left)),
            "{mode:?}: {}",
            taking.text
        );
        let own = venue.get("alice", "/api/v1/trades").await;
        assert_eq!(own.body["trades"].as_array().unwrap().len(), trades, "{mode:?}");
    }
    // A wash loop by the default mode: no volume comes of it, however long it goes on.
    let venue = Venue::open().await;
    for round in 0..20 {
        let side = if round % 2 == 0 { "SELL" } else { "BUY" };
        venue
            .post("alice", ORDERS, limit_order(side, "50000", "0.01"))
            .await;
    }
    let trades = venue.get("nobody", "/api/v1/markets/BTC-USDT/trades").await;
    assert_eq!(trades.body["trades"], json!([]));
    assert_eq!(venue.exchange.audit().await.unwrap().faults, []);
}
