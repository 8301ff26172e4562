//! The public channels.

use domain::{OrderRef, Side};
use serde_json::{Value, json};
use trading::OrderEntry;

use crate::client::{Book, Client};
use crate::house::{ALICE, BOB, House, Plan, caller, token};

const DEPTH: &str = "/api/v1/markets/BTC-USDT/depth?limit=1000";
const TICKER: &str = "/api/v1/markets/BTC-USDT/ticker";

/// Numbers that look random and are the same every time.
struct Dice(u64);

impl Dice {
    fn roll(&mut self, below: u64) -> u64 {
        self.0 = self
            .0
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) % below
    }
}

/// Places or cancels something near the price.
async fn stir(house: &House, dice: &mut Dice, live: &mut Vec<OrderRef>) {
    if dice.roll(3) == 0 && !live.is_empty() {
        let order = live.swap_remove(dice.roll(live.len() as u64) as usize);
        // It may have traded meanwhile.
        let _ = house.exchange.cancel(caller(ALICE), order).await;
        return;
    }
    let side = if dice.roll(2) == 0 { Side::Buy } else { Side::Sell };
    let price = 9_990 + dice.roll(20) as u32;
    let order = house.place(ALICE, side, 1 + dice.roll(50), price).await;
    live.push(OrderRef::Id(order.order_id));
}

#[tokio::test]
async fn a_book_kept_from_frames_is_the_book_through_reconnections() {
    let house = House::new().await;
    house.fund(&[ALICE]).await;
    let (mut dice, mut live) = (Dice(1), Vec::new());
    for _ in 0..40 {
        stir(&house, &mut dice, &mut live).await;
    }
    let mut deltas = 0;
    for round in 0..200 {
        let mut client = Client::connect(&house).await;
        client
            .send(json!({"op": "subscribe", "channels": ["depth:BTC-USDT"]}).to_string())
            .await;
        for _ in 0..dice.roll(6) {
            stir(&house, &mut dice, &mut live).await;
        }
        // A level that nobody else touches, so that the last event is one that a frame must tell of.
        house.place(ALICE, Side::Buy, 1, 100 + round).await;
        let depth = house.get(DEPTH, None).await;
        let last_seq = depth["last_seq"].as_u64().unwrap();
        let mut book = Book::default();
        while book.last_seq < last_seq {
            let frame = client.next_of("depth:BTC-USDT").await;
            deltas += u32::from(frame["type"] == "delta");
            assert!(
                book.take(&frame),
                "round {round}: a frame is missing before {frame}"
            );
        }
        assert_eq!(book, Book::of(&depth), "round {round}");
    }
    assert!(deltas >= 100, "only {deltas} deltas");
}

#[tokio::test]
async fn trades_come_once_and_in_order() {
    let house = House::new().await;
    house.fund(&[ALICE, BOB]).await;
    for _ in 0..60 {
        house.place(ALICE, Side::Sell, 2, 10_000).await;
        house.place(BOB, Side::Buy, 2, 10_000).await;
    }
    // The streams may not have all of them yet: what is missing in the snapshot comes as an update.
    let mut client = Client::connect(&house).await;
    client.subscribe(&["trades:BTC-USDT"]).await;
    let snapshot = client.next().await;
    assert_eq!(snapshot["type"], "snapshot");
    let mut trades = snapshot["trades"].as_array().unwrap().clone();
    assert!(trades.len() <= 50);
    house.place(ALICE, Side::Sell, 5, 10_001).await;
    house.place(BOB, Side::Buy, 3, 10_001).await;
    let over_http = house.get("/api/v1/markets/BTC-USDT/trades?limit=50", None).await;
    let last = &over_http["trades"][0];
    while trades.last().map(|trade| &trade["trade_id"]) != Some(&last["trade_id"]) {
        let update = client.next().await;
        assert_eq!(update["type"], "update");
        trades.extend(update["trades"].as_array().unwrap().iter().cloned());
    }
    let latest: Vec<Value> = trades.iter().rev().take(50).cloned().collect();
    for (streamed, listed) in latest.iter().zip(over_http["trades"].as_array().unwrap()) {
        for (field, value) in listed
            .as_object()
            .unwrap()
            .iter()
            .filter(|(field, _)| *field != "symbol")
        {
            assert_eq!(&streamed[field], value, "{field}");
        }
    }
    let seqs: Vec<u64> = trades
        .iter()
        .map(|trade| trade["seq"].as_u64().unwrap())
        .collect();
    assert!(seqs.is_sorted_by(|one, next| one < next), "{seqs:?}");
}

#[tokio::test]
async fn ticker_and_candles_follow_the_trades() {
    let house = House::new().await;
    house.fund(&[ALICE, BOB]).await;
    let mut client = Client::connect(&house).await;
    client
        .subscribe(&["ticker:BTC-USDT", "candles:BTC-USDT:1d", "candles:BTC-USDT:1m"])
        .await;
    let ticker = client.next_of("ticker:BTC-USDT").await;
    assert_eq!(
        (&ticker["type"], &ticker["last_price"], &ticker["trades"]),
        (&json!("snapshot"), &json!(null), &json!(0))
    );
    let candles = client.next_of("candles:BTC-USDT:1d").await;
    assert_eq!(
        (&candles["type"], &candles["interval"], &candles["candles"]),
        (&json!("snapshot"), &json!("1d"), &json!([]))
    );
    house.place(ALICE, Side::Sell, 2_000, 10_050).await;
    house.place(BOB, Side::Buy, 500, 10_050).await;
    house.place(ALICE, Side::Buy, 1_000, 9_950).await;
    house.place(BOB, Side::Sell, 400, 9_950).await;
    let expected = [
        ("last_price", json!("99.5")),
        ("open_price", json!("100.5")),
        ("high_price", json!("100.5")),
        ("low_price", json!("99.5")),
        ("price_change", json!("-1")),
        ("volume", json!("0.9")),
        ("quote_volume", json!("90.05")),
        ("trades", json!(2)),
        ("best_bid", json!("99.5")),
        ("best_bid_quantity", json!("0.6")),
        ("best_ask", json!("100.5")),
        ("best_ask_quantity", json!("1.5")),
    ];
    let is_there = |ticker: &Value| expected.iter().all(|(field, value)| ticker[field] == *value);
    loop {
        let frame = client.next_of("ticker:BTC-USDT").await;
        assert_eq!(frame["type"], "update");
        if is_there(&frame) {
            break;
        }
    }
    let over_http = house.get(TICKER, None).await;
    assert!(is_there(&over_http), "{over_http}");
    assert_eq!(over_http["symbol"], "BTC/USDT");
    let mut client = Client::connect(&house).await;
    client.subscribe(&["candles:BTC-USDT:1d"]).await;
    let candles = client.next_of("candles:BTC-USDT:1d").await["candles"].take();
    let listed = house
        .get("/api/v1/markets/BTC-USDT/candles?interval=1d", None)
        .await;
    assert_eq!(candles, listed["candles"]);
}

#[tokio::test]
async fn ticker_trades_and_candles_are_right_after_a_restart() {
    let house = House::new().await;
    house.fund(&[ALICE, BOB]).await;
    for price in [10_000, 10_100, 9_900] {
        house.place(ALICE, Side::Sell, 10, price).await;
        house.place(BOB, Side::Buy, 10, price).await;
    }
    house.place(ALICE, Side::Sell, 10, 10_500).await;
    let mut before = Value::Null;
    crate::house::until("the ticker has all", async || {
        before = house.get(TICKER, None).await;
        before["trades"] == 3 && before["best_ask"] == "105"
    })
    .await;
    let house = house.again(Plan::default()).await;
    let after = house.get(TICKER, None).await;
    assert_eq!(before, after);
    let mut client = Client::connect(&house).await;
    client
        .subscribe(&["trades:BTC-USDT", "candles:BTC-USDT:1d"])
        .await;
    let trades = client.next_of("trades:BTC-USDT").await;
    let prices: Vec<_> = trades["trades"]
        .as_array()
        .unwrap()
        .iter()
        .map(|trade| trade["price"].clone())
        .collect();
    assert_eq!(prices, ["100", "101", "99"]);
    house.place(BOB, Side::Buy, 10, 10_500).await;
    let candle = loop {
        let frame = client.next_of("candles:BTC-USDT:1d").await;
        let running = frame["candles"].as_array().unwrap().last().unwrap().clone();
        if running["trades"] == 4 {
            break running;
        }
    };
    assert_eq!(
        (&candle["open"], &candle["high"], &candle["close"]),
        (&json!("100"), &json!("105"), &json!("105"))
    );
}

#[tokio::test]
async fn a_market_that_is_defined_while_it_runs_has_streams() {
    use trading::{Operations, Queries};
    let house = House::new().await;
    house.fund(&[ALICE]).await;
    let mut client = Client::of(&house, &token(ALICE)).await;
    client.subscribe(&["orders"]).await;
    let mut definition = house.exchange.markets().all()[0].market.definition().clone();
    definition.number = domain::MarketNumber(3);
    definition.symbol = "SOL/USDT".parse().unwrap();
    house.exchange.define_market(definition).await.unwrap();
    crate::house::until("it is known", async || {
        let answer = client
            .ask(json!({"op": "subscribe", "channels": ["depth:SOL-USDT"]}))
            .await;
        answer["status"] == 200
    })
    .await;
    let mut book = Book::default();
    assert!(book.take(&client.next_of("depth:SOL-USDT").await));
    let order = house.place_in(3, ALICE, Side::Buy, 10, 9_000).await;
    assert!(book.take(&client.next_of("depth:SOL-USDT").await));
    let depth = house.get("/api/v1/markets/SOL-USDT/depth", None).await;
    assert_eq!(book, Book::of(&depth));
    house
        .exchange
        .cancel(caller(ALICE), OrderRef::Id(order.order_id))
        .await
        .unwrap();
    loop {
        let update = client.next_of("orders").await;
        if update["order"]["status"] == "CANCELLED" {
            assert_eq!(update["symbol"], "SOL/USDT");
            break;
        }
    }
}
