//! When the exchange does not answer: what works goes on, and what was begun is ended.

use std::time::Duration;

use api::StreamOptions;
use domain::{OrderRef, Side};
use futures_util::SinkExt;
use serde_json::{Value, json};
use tokio_tungstenite::tungstenite::Message;
use trading::Queries;

use crate::client::{Book, Client};
use crate::house::{ALICE, House, PATIENCE, Plan, caller, token, until};
use crate::moody::Answers;

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

async fn is_open(house: &House, order: &domain::Order) -> bool {
    let found = house.exchange.order(caller(ALICE), OrderRef::Id(order.order_id));
    !found.await.unwrap().state.is_final()
}

fn guard() -> Value {
    json!({"op": "cancel_on_disconnect", "enabled": true})
}

#[tokio::test]
async fn orders_are_cancelled_as_soon_as_the_exchange_takes_it() {
    let house = House::new().await;
    house.fund(&[ALICE]).await;
    let order = house.place(ALICE, Side::Buy, 10, 9_000).await;
    let mut client = Client::of(&house, &token(ALICE)).await;
    client.ok(guard()).await;
    house.moods.closing.set(Answers::Badly);
    drop(client);
    house.moods.closing.was_asked(4).await;
    assert!(is_open(&house, &order).await);
    house.moods.closing.set(Answers::Well);
    until("it is cancelled", async || !is_open(&house, &order).await).await;
}

#[tokio::test]
async fn the_streams_stop_in_time_though_a_session_cannot_be_ended() {
    let house = House::new().await;
    house.fund(&[ALICE]).await;
    let mut client = Client::of(&house, &token(ALICE)).await;
    client.ok(guard()).await;
    house.moods.closing.set(Answers::Later);
    drop(client);
    house.moods.closing.was_asked(1).await;
    let stopping = house.streams.stop(Duration::from_millis(20));
    tokio::time::timeout(PATIENCE, stopping).await.unwrap();
    house.moods.closing.set(Answers::Well);
    assert_eq!(*house.moods.closed.lock().unwrap(), Vec::new());
}

#[tokio::test]
async fn a_session_that_opens_after_its_connection_has_gone_is_ended() {
    let house = House::new().await;
    house.fund(&[ALICE]).await;
    house.moods.opening.set(Answers::Later);
    let mut client = Client::of(&house, &token(ALICE)).await;
    client.send(guard().to_string()).await;
    house.moods.opening.was_asked(1).await;
    drop(client);
    house.moods.opening.set(Answers::Well);
    until("it is ended", async || {
        house.moods.closed.lock().unwrap().len() == 1
    })
    .await;
    until("nobody is there", async || house.streams.connections() == 0).await;
    let mut client = Client::of(&house, &token(ALICE)).await;
    house.moods.opening.set(Answers::Badly);
    let answer = client.ask(guard()).await;
    assert!(answer["status"].as_u64().unwrap() >= 500, "{answer}");
    house.moods.opening.set(Answers::Well);
    client.ok(guard()).await;
}

#[tokio::test]
async fn orders_do_not_wait_for_the_farewell_of_their_connection() {
    let streams = StreamOptions {
        // More than come at once: it fills only when nothing leaves any more.
        queue_frames: 512,
        ..Plan::default().streams
    };
    let house = House::with(Plan {
        streams,
        ..Plan::default()
    })
    .await;
    house.fund(&[ALICE]).await;
    let mut slow = Client::narrow(&house).await;
    slow.ok(json!({"op": "auth", "token": token(ALICE)})).await;
    slow.ok(guard()).await;
    for level in 0..200 {
        house.place(ALICE, Side::Buy, 1, 9_000 + level).await;
    }
    let subscribe = json!({"op": "subscribe", "channels": ["depth:BTC-USDT"]}).to_string();
    until("the slow one is cut", async || {
        for _ in 0..20 {
            let _ = slow.socket.feed(Message::text(subscribe.clone())).await;
        }
        let _ = slow.socket.flush().await;
        house.streams.cut_as_slow() > 0
    })
    .await;
    house.moods.closing.was_asked(1).await;
    assert_eq!(house.streams.connections(), 1, "the farewell is not said yet");
}
