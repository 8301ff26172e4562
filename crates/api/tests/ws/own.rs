//! The channels of a user's own things.

use std::collections::BTreeMap;

use domain::{OrderRef, Quantity, SelfTradePrevention, Side, Terms};
use serde_json::{Value, json};
use trading::{Amendment, NewOrder, OrderEntry};

use crate::client::{Book, Client};
use crate::house::{ALICE, BOB, House, Plan, caller, limit, price, token, until};

/// What a client knows of its user after some frames.
#[derive(Debug, Default)]
struct Known {
    n: u64,
    orders: BTreeMap<String, Value>,
    fills: Vec<Value>,
    balances: BTreeMap<String, Value>,
}

impl Known {
    fn take(&mut self, frame: &Value) {
        self.n += 1;
        assert_eq!(frame["n"], json!(self.n), "{frame}");
        let list = |name: &str| frame[name].as_array().unwrap().clone();
        let text = |value: &Value| value.as_str().unwrap().to_owned();
        match (
            frame["channel"].as_str().unwrap(),
            frame["type"].as_str().unwrap(),
        ) {
            ("orders", "snapshot") => {
                self.orders = list("orders")
                    .into_iter()
                    .map(|order| (text(&order["order_id"]), order))
                    .collect();
            }
            ("orders", _) => {
                self.orders
                    .insert(text(&frame["order"]["order_id"]), frame["order"].clone());
            }
            ("fills", "snapshot") => self.fills.extend(list("trades")),
            ("fills", _) => self.fills.push(frame["trade"].clone()),
            ("balances", _) => {
                for balance in list("balances") {
                    self.balances.insert(text(&balance["asset"]), balance);
                }
            }
            _ => panic!("{frame}"),
        }
    }

    fn last_fill(&self) -> Option<&Value> {
        self.fills.last().map(|fill| &fill["trade_id"])
    }
}

/// Reads until what is known of orders and balances is what the exchange says.
async fn catch_up(client: &mut Client, known: &mut Known, house: &House, token: &str) {
    let orders = house
        .get("/api/v1/orders?status=open&limit=1000", Some(token))
        .await;
    let balances = house.get("/api/v1/balances", Some(token)).await;
    let balances = balances["balances"].as_array().unwrap();
    let trades = house.get("/api/v1/trades?limit=1", Some(token)).await;
    loop {
        let live = |order: &&Value| ["OPEN", "PARTIALLY_FILLED"].contains(&order["status"].as_str().unwrap());
        let mut shown: Vec<&Value> = known.orders.values().filter(live).collect();
        shown.sort_by_key(|order| std::cmp::Reverse(order["order_id"].as_str()));
        let same = shown == orders["orders"].as_array().unwrap().iter().collect::<Vec<_>>()
            && balances.iter().eq(known.balances.values())
            && (known.last_fill().is_some() || trades["trades"] == json!([]))
            && known
                .last_fill()
                .is_none_or(|fill| trades["trades"][0]["trade_id"] == *fill);
        if same {
            return;
        }
        known.take(&client.next().await);
    }
}

#[tokio::test]
async fn every_change_of_an_order_is_told_with_the_whole_order() {
    let house = House::new().await;
    house.fund(&[ALICE, BOB]).await;
    let token = token(ALICE);
    let mut client = Client::of(&house, &token).await;
    let earlier = house.place(ALICE, Side::Sell, 10, 11_000).await;
    client.subscribe(&["orders", "fills", "balances"]).await;
    let snapshot = client.next_of("orders").await;
    assert_eq!(
        snapshot["orders"][0]["order_id"],
        json!(earlier.order_id.to_string())
    );
    let order = house.place(ALICE, Side::Buy, 10, 9_900).await;
    let id = json!(order.order_id.to_string());
    let amendment = Amendment {
        quantity: Some(Quantity::from_lots(domain::Lots(12)).unwrap()),
        price: None,
    };
    house
        .exchange
        .amend(caller(ALICE), OrderRef::Id(order.order_id), amendment)
        .await
        .unwrap();
    for lots in [3, 4, 5] {
        house.place(BOB, Side::Sell, lots, 9_900).await;
    }
    let path = format!("/api/v1/orders/{}", order.order_id);
    let ended = house.get(&path, Some(&token)).await;
    let mut seen = Vec::new();
    let mut last_seq = 0;
    while seen.last().map(|order: &Value| &order["status"]) != Some(&json!("FILLED")) {
        let update = client.next_of("orders").await;
        assert_eq!(
            (&update["type"], &update["symbol"]),
            (&json!("update"), &json!("BTC/USDT"))
        );
        assert!(update["seq"].as_u64().unwrap() > last_seq);
        last_seq = update["seq"].as_u64().unwrap();
        assert_eq!(update["order"]["order_id"], id, "{update}");
        seen.push(update["order"].clone());
    }
    let steps: Vec<_> = seen
        .iter()
        .map(|order| {
            [
                &order["status"],
                &order["quantity"],
                &order["filled_quantity"],
                &order["filled_quote_quantity"],
            ]
        })
        .map(|step| step.map(|value| value.as_str().unwrap()).join(" "))
        .collect();
    assert_eq!(
        steps,
        [
            "OPEN 0.01 0 0",
            "OPEN 0.012 0 0",
            "PARTIALLY_FILLED 0.012 0.003 0.297",
            "PARTIALLY_FILLED 0.012 0.007 0.693",
            "FILLED 0.012 0.012 1.188",
        ]
    );
    assert_eq!(seen.last(), Some(&ended));
}

#[tokio::test]
async fn triggers_and_self_trade_prevention_are_changes_too() {
    let house = House::new().await;
    house.fund(&[ALICE, BOB]).await;
    let token = token(ALICE);
    let mut client = Client::of(&house, &token).await;
    client.subscribe(&["orders"]).await;
    client.next_of("orders").await;
    // A first price, then a stop above it.
    house.place(BOB, Side::Sell, 1, 10_000).await;
    house.place(BOB, Side::Buy, 1, 10_000).await;
    let stop = NewOrder {
        terms: Terms::StopLimit {
            stop_price: price(10_010),
            price: price(10_005),
            quantity: Quantity::from_lots(domain::Lots(4)).unwrap(),
            display: None,
        },
        ..limit(Side::Buy, 4, 10_005)
    };
    house.exchange.place(caller(ALICE), stop).await.unwrap();
    house.place(BOB, Side::Sell, 1, 10_010).await;
    house.place(BOB, Side::Buy, 1, 10_010).await;
    let opened = client.next_of("orders").await["order"].take();
    assert_eq!(opened["triggered_at"], json!(null), "{opened}");
    let triggered = client.next_of("orders").await["order"].take();
    assert!(triggered["triggered_at"].is_string(), "{triggered}");
    let path = format!("/api/v1/orders/{}", opened["order_id"].as_str().unwrap());
    assert_eq!(triggered, house.get(&path, Some(&token)).await);
    // The same user's sell takes a part of it away without a trade.
    let own = NewOrder {
        self_trade_prevention: SelfTradePrevention::Decrement,
        ..limit(Side::Sell, 1, 10_005)
    };
    house.exchange.place(caller(ALICE), own).await.unwrap();
    let listed = house.get(&path, Some(&token)).await;
    assert_eq!(listed["remaining_quantity"], "0.003");
    let mut seen = BTreeMap::new();
    for _ in 0..3 {
        let order = client.next_of("orders").await["order"].take();
        seen.insert(order["order_id"].as_str().unwrap().to_owned(), order);
    }
    assert_eq!(seen.get(opened["order_id"].as_str().unwrap()), Some(&listed));
    let ended = seen.values().find(|order| order["side"] == "SELL").unwrap();
    assert_eq!(
        (&ended["status"], &ended["reject_reason"]),
        (&json!("CANCELLED"), &json!("self_trade"))
    );
}

#[tokio::test]
async fn who_trades_with_itself_is_told_of_both_sides() {
    let house = House::new().await;
    house.fund(&[ALICE]).await;
    let token = token(ALICE);
    let mut client = Client::of(&house, &token).await;
    client.subscribe(&["fills"]).await;
    let snapshot = client.next().await;
    assert_eq!(
        snapshot,
        json!({"channel": "fills", "type": "snapshot", "n": 1, "complete": true, "trades": []})
    );
    house.place(ALICE, Side::Sell, 5, 10_000).await;
    house.place(ALICE, Side::Buy, 3, 10_000).await;
    let fills = [client.next().await, client.next().await];
    let told: Vec<_> = fills
        .iter()
        .map(|fill| (fill["trade"]["side"].clone(), fill["trade"]["role"].clone()))
        .collect();
    assert_eq!(
        told,
        [(json!("BUY"), json!("TAKER")), (json!("SELL"), json!("MAKER"))]
    );
    let listed = house.get("/api/v1/trades", Some(&token)).await;
    let streamed: Vec<&Value> = fills.iter().map(|fill| &fill["trade"]).collect();
    assert_eq!(
        streamed,
        listed["trades"].as_array().unwrap().iter().collect::<Vec<_>>()
    );
}

#[tokio::test]
async fn nothing_is_lost_and_nothing_comes_twice_over_reconnections() {
    let house = House::new().await;
    house.fund(&[ALICE, BOB]).await;
    let token = token(ALICE);
    let mut fills: Vec<Value> = Vec::new();
    // Where history has nothing before, a client begins with an id that is before all others.
    let mut after = json!("00000000-0000-0000-0000-000000000000");
    for round in 0..40_u32 {
        let mut client = Client::of(&house, &token).await;
        let subscribe = json!({
            "op": "subscribe", "channels": ["orders", "fills", "balances"], "fills_after": after
        });
        // The snapshot is made while orders trade.
        client.send(subscribe.to_string()).await;
        let trading = async {
            for step in 0..u64::from(1 + round % 5) {
                house.place(ALICE, Side::Sell, 3 + step, 10_000 + round).await;
                house.place(BOB, Side::Buy, 2, 10_000 + round).await;
                house.place(ALICE, Side::Buy, 2 + step, 9_000 + round).await;
            }
        };
        let mut known = Known::default();
        let reading = async {
            loop {
                let frame = client.next().await;
                if frame["op"] == "subscribe" {
                    assert_eq!(frame["status"], 200, "{frame}");
                    return;
                }
                known.take(&frame);
            }
        };
        tokio::join!(trading, reading);
        catch_up(&mut client, &mut known, &house, &token).await;
        after = known.last_fill().cloned().unwrap_or(after);
        fills.append(&mut known.fills);
    }
    let listed = house.get("/api/v1/trades?limit=1000", Some(&token)).await;
    let mut listed = listed["trades"].as_array().unwrap().clone();
    listed.reverse();
    assert_eq!(fills.len(), listed.len());
    assert_eq!(fills, listed);
}

#[tokio::test]
async fn when_the_server_falls_behind_its_clients_begin_again() {
    let plan = Plan {
        follows: false,
        ..Plan::default()
    };
    let house = House::with(plan).await;
    house.fund(&[ALICE]).await;
    let mut public = Client::connect(&house).await;
    public.subscribe(&["depth:BTC-USDT"]).await;
    let mut own = Client::of(&house, &token(ALICE)).await;
    own.subscribe(&["orders"]).await;
    let mut idle = Client::connect(&house).await;
    idle.ok(json!({"op": "ping"})).await;
    // More batches than a follower may lie behind.
    for number in 0..4_200 {
        house.place(ALICE, Side::Buy, 1, 5_000 + number % 100).await;
    }
    tokio::spawn(std::sync::Arc::clone(&house.streams).run());
    assert_eq!((public.closed().await, own.closed().await), (4011, 4011));
    let depth = house.get("/api/v1/markets/BTC-USDT/depth?limit=1000", None).await;
    until("the streams are there again", async || {
        let answer = idle
            .ask(json!({"op": "subscribe", "channels": ["depth:BTC-USDT"]}))
            .await;
        answer["status"] == 200
    })
    .await;
    let mut book = Book::default();
    assert!(book.take(&idle.next_of("depth:BTC-USDT").await));
    assert_eq!(book, Book::of(&depth));
    house.place(ALICE, Side::Buy, 1, 4_000).await;
    assert!(book.take(&idle.next_of("depth:BTC-USDT").await));
}

#[tokio::test]
async fn a_snapshot_of_fills_says_when_there_were_more() {
    let house = House::new().await;
    house.fund(&[ALICE, BOB]).await;
    house.place(ALICE, Side::Sell, 10_000, 10_000).await;
    for _ in 0..1_001 {
        house.place(BOB, Side::Buy, 1, 10_000).await;
    }
    let mut client = Client::of(&house, &token(ALICE)).await;
    let first = json!("00000000-0000-0000-0000-000000000000");
    client
        .ok(json!({"op": "subscribe", "channels": ["fills"], "fills_after": first}))
        .await;
    let snapshot = client.next().await;
    assert_eq!(snapshot["complete"], false);
    let trades = snapshot["trades"].as_array().unwrap();
    assert_eq!(trades.len(), 1_000);
    let last = house.get("/api/v1/trades?limit=1", Some(&token(ALICE))).await;
    assert_eq!(trades.last(), Some(&last["trades"][0]));
}
