//! When the exchange does not answer: what works goes on, and what was begun is ended.

use serde_json::{Value, json};

use crate::client::{Book, Client};
use crate::house::{ALICE, House, Plan, token, until};
use crate::moody::Answers;
use domain::Side;

#[tokio::test]
async fn the_server_starts_while_the_past_is_not_there_yet_and_the_streams_follow() {
    let plan = Plan::default();
    plan.moods.candles.set(Answers::Badly);
    let house = House::with(plan).await;
    house.fund(&[ALICE]).await;
    house.place(ALICE, Side::Buy, 1, 9_000).await;
    let mut client = Client::of(&house, &token(ALICE)).await;
    for channel in ["depth:BTC-USDT", "orders"] {
        let subscribe = json!({"op": "subscribe", "channels": [channel]});
        let answer = client.ask(subscribe).await;
        assert_eq!(answer["status"], 503, "{answer}");
        assert_eq!(answer["error"]["detail"], "the streams catch up", "{answer}");
    }
    let url = format!("http://{}/api/v1/markets/BTC-USDT/ticker", house.address);
    let answer = reqwest::get(url).await.unwrap();
    assert_eq!(answer.status(), 503);
    assert_eq!(answer.headers()["retry-after"], "1");
    house.get("/api/v1/markets/BTC-USDT/depth", None).await;
    house.moods.candles.set(Answers::Well);
    until("the streams are there", async || {
        let subscribe = json!({"op": "subscribe", "channels": ["depth:BTC-USDT"]});
        client.ask(subscribe).await["status"] == 200
    })
    .await;
    let mut book = Book::default();
    assert!(book.take(&client.next_of("depth:BTC-USDT").await));
    house.place(ALICE, Side::Buy, 1, 8_000).await;
    assert!(book.take(&client.next_of("depth:BTC-USDT").await));
    house.get("/api/v1/markets/BTC-USDT/ticker", None).await;
}

#[tokio::test]
async fn who_cannot_subscribe_again_is_told_everything_as_before() {
    let house = House::new().await;
    house.fund(&[ALICE]).await;
    let mut client = Client::of(&house, &token(ALICE)).await;
    let all = ["balances", "fills", "orders"];
    client.subscribe(&all).await;
    for _ in all {
        assert_eq!(client.next().await["type"], "snapshot");
    }
    house.moods.snapshots.set(Answers::Later);
    let subscribe = json!({"op": "subscribe", "id": "again", "channels": all});
    client.send(subscribe.to_string()).await;
    house.moods.snapshots.was_asked(2).await;
    house.place(ALICE, Side::Buy, 1, 9_000).await;
    // The streams know of it when another connection does.
    let mut public = Client::connect(&house).await;
    public.subscribe(&["depth:BTC-USDT"]).await;
    while public.next_of("depth:BTC-USDT").await["bids"] == json!([]) {}
    house.moods.snapshots.set(Answers::Badly);
    let (mut n, mut answer, mut orders, mut balances) = (3, Value::Null, 0, 0);
    while answer.is_null() || orders < 1 || balances < 1 {
        let frame = client.next().await;
        if frame["id"] == "again" {
            answer = frame;
            continue;
        }
        n += 1;
        assert_eq!(
            (&frame["n"], &frame["type"]),
            (&json!(n), &json!("update")),
            "{frame}"
        );
        match frame["channel"].as_str().unwrap() {
            "orders" => orders += 1,
            "balances" => balances += 1,
            _ => panic!("{frame}"),
        }
    }
    assert_eq!(answer["status"], 503, "{answer}");
    let followed = client.ok(json!({"op": "subscriptions"})).await;
    assert_eq!(followed["channels"].as_array().unwrap().len(), 3, "{followed}");
    house.place(ALICE, Side::Buy, 1, 9_001).await;
    assert_eq!(client.next_of("orders").await["n"], json!(n + 1));
    house.moods.snapshots.set(Answers::Well);
    client.subscribe(&["orders"]).await;
    let snapshot = client.next_of("orders").await;
    assert_eq!(snapshot["orders"].as_array().unwrap().len(), 2, "{snapshot}");
}
