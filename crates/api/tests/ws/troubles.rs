//! When the exchange does not answer: what works goes on, and what was begun is ended.

use serde_json::json;

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
