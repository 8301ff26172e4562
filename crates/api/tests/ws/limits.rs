//! What one connection, one user, and everybody together may do.

use std::time::Duration;

use api::{StreamOptions, WsLimits};
use domain::Side;
use futures_util::{SinkExt, StreamExt};
use http::Scope;
use serde_json::json;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::tungstenite::protocol::frame::Frame;
use tokio_tungstenite::tungstenite::protocol::frame::coding::{Data, OpCode};

use crate::client::{Book, Client};
use crate::house::{ALICE, BOB, House, Plan, token, token_for, until};

fn plan(change: impl FnOnce(&mut WsLimits)) -> Plan {
    let mut plan = Plan::default();
    change(&mut plan.limits);
    plan
}

#[tokio::test]
async fn a_frame_may_have_so_many_bytes() {
    let house = House::new().await;
    let mut client = Client::connect(&house).await;
    let id = |length| format!(r#"{{"op":"ping","id":1{}}}"#, " ".repeat(length));
    client.send(id(60_000)).await;
    assert_eq!(client.next().await["status"], 200);
    // The reset of the connection may overtake the close frame while the client still sends.
    client.send(id(64 * 1_024)).await;
    assert_eq!(client.closed().await, 1009);
    let mut client = Client::connect(&house).await;
    let _ = client.socket.send(Message::text("x".repeat(1 << 20))).await;
    let code = client.closed().await;
    assert!([1009, 0].contains(&code));
    Client::connect(&house).await.ok(json!({"op": "ping"})).await;
}

/// A text in frames of so many bytes.
fn split(text: &str, length: usize) -> Vec<Message> {
    let pieces: Vec<&[u8]> = text.as_bytes().chunks(length).collect();
    let last = pieces.len() - 1;
    let frame = |(at, piece): (usize, &&[u8])| {
        let code = OpCode::Data(if at == 0 { Data::Text } else { Data::Continue });
        Message::Frame(Frame::message(piece.to_vec(), code, at == last))
    };
    pieces.iter().enumerate().map(frame).collect()
}

#[tokio::test]
async fn pieces_of_a_message_count_together() {
    let house = House::new().await;
    let mut client = Client::connect(&house).await;
    for piece in split(r#"{"op":"ping","id":"in pieces"}"#, 7) {
        client.socket.send(piece).await.unwrap();
    }
    assert_eq!(client.next().await["id"], "in pieces");
    let mut raw = tokio::net::TcpStream::connect(house.address).await.unwrap();
    let handshake = format!(
        "GET /ws HTTP/1.1\r\nhost: {}\r\nconnection: upgrade\r\nupgrade: websocket\r\n\
         sec-websocket-version: 13\r\nsec-websocket-key: x3JJHMbDL1EzLkh9GBhXDw==\r\n\r\n",
        house.address
    );
    raw.write_all(handshake.as_bytes()).await.unwrap();
    // Frames of 30,000 bytes, masked with zeros: one that begins a text, then pieces that do not end it.
    for first in [0x01_u8, 0x00, 0x00] {
        let mut frame = vec![first, 0xFE, 0x75, 0x30, 0, 0, 0, 0];
        frame.extend(std::iter::repeat_n(b'x', 30_000));
        raw.write_all(&frame).await.unwrap();
    }
    let mut answer = Vec::new();
    raw.read_to_end(&mut answer).await.unwrap();
    assert!(
        answer.windows(2).any(|two| two == 1_009_u16.to_be_bytes()),
        "{answer:?}"
    );
}

#[tokio::test]
async fn a_connection_has_so_many_subscriptions() {
    let house = House::with(plan(|limits| limits.subscriptions = 3)).await;
    let mut client = Client::of(&house, &token(ALICE)).await;
    client
        .subscribe(&["depth:BTC-USDT", "trades:BTC-USDT", "orders"])
        .await;
    client.subscribe(&["depth:BTC-USDT", "orders", "orders"]).await;
    client
        .ok(json!({"op": "unsubscribe", "channels": ["orders"]}))
        .await;
    client.subscribe(&["ticker:BTC-USDT"]).await;
    let followed = client.ok(json!({"op": "subscriptions"})).await;
    assert_eq!(
        followed,
        json!({"channels": ["depth:BTC-USDT", "trades:BTC-USDT", "ticker:BTC-USDT"]})
    );
    client
        .send(json!({"op": "subscribe", "channels": ["orders"]}).to_string())
        .await;
    assert_eq!(client.closed().await, 4029);
    let mut client = Client::connect(&house).await;
    client
        .send(json!({"op": "subscribe", "channels": vec!["x"; 10_001]}).to_string())
        .await;
    assert_eq!(client.closed().await, 4029);
}

#[tokio::test]
async fn a_connection_may_ask_so_often() {
    let house = House::with(plan(|limits| limits.messages_per_second = 10)).await;
    let mut client = Client::connect(&house).await;
    for _ in 0..40 {
        if client
            .socket
            .send(Message::text(r#"{"op":"ping"}"#))
            .await
            .is_err()
        {
            break;
        }
    }
    assert_eq!(client.closed().await, 4029);
}

#[tokio::test]
async fn connections_are_counted_per_user_and_in_all() {
    let few = |limits: &mut WsLimits| {
        limits.connections_per_user = 2;
        limits.connections = 4;
    };
    let house = House::with(plan(few)).await;
    let bearer = format!("Bearer {}", token(ALICE));
    let first = Client::of(&house, &token(ALICE)).await;
    let _second = Client::of(&house, &token(ALICE)).await;
    let third = Client::open(&house, "/ws", &[("authorization", &bearer)]).await;
    assert_eq!(third.err(), Some(429));
    let mut third = Client::connect(&house).await;
    third
        .send(json!({"op": "auth", "token": token(ALICE)}).to_string())
        .await;
    assert_eq!(third.closed().await, 4029);
    let _bob = Client::of(&house, &token(BOB)).await;
    until("the third is gone", async || house.streams.connections() == 3).await;
    let _fourth = Client::connect(&house).await;
    assert_eq!(Client::open(&house, "/ws", &[]).await.err(), Some(503));
    drop(first);
    until("the first is gone", async || house.streams.connections() == 3).await;
    Client::of(&house, &token(ALICE))
        .await
        .ok(json!({"op": "ping"}))
        .await;
}

#[tokio::test]
async fn rights_and_rate_limits_are_those_of_http() {
    let house = House::with(Plan {
        rate: 1,
        ..Plan::default()
    })
    .await;
    let mut reader = Client::of(&house, &token_for(BOB, &[Scope::Read], 60)).await;
    reader.subscribe(&["orders", "fills", "balances"]).await;
    let none = Client::of(&house, &token_for(3, &[], 60))
        .await
        .ask(json!({"op": "subscribe", "channels": ["orders"]}))
        .await;
    assert_eq!(
        (&none["status"], &none["error"]["code"]),
        (&json!(403), &json!("forbidden"))
    );
    for request in [
        json!({"op": "cancel_all"}),
        json!({"op": "cancel_on_disconnect", "enabled": true}),
        json!({"op": "place", "order": {
            "symbol": "BTC/USDT", "side": "BUY", "order_type": "LIMIT", "price": "1", "quantity": "1"
        }}),
    ] {
        assert_eq!(reader.ask(request.clone()).await["status"], 403, "{request}");
        let anonymous = Client::connect(&house).await.ask(request.clone()).await;
        assert_eq!(anonymous["error"]["code"], "unauthenticated", "{request}");
    }
    let mut trader = Client::of(&house, &token(ALICE)).await;
    let item = json!({"op": "place", "order": {
        "symbol": "BTC/USDT", "side": "BUY", "order_type": "LIMIT", "price": "1", "quantity": "1"
    }});
    trader
        .ok(json!({"op": "batch", "items": vec![item.clone(); 50]}))
        .await;
    let second = trader
        .ask(json!({"op": "batch", "items": vec![item.clone(); 50]}))
        .await;
    assert_eq!(
        (&second["status"], &second["error"]["code"]),
        (&json!(429), &json!("rate_limited")),
        "{second}"
    );
    // Cancels are counted apart, so that everybody can always leave.
    trader.ok(json!({"op": "cancel_all"})).await;
}

#[tokio::test]
async fn a_client_that_says_nothing_is_given_up() {
    let quiet = |limits: &mut WsLimits| {
        limits.heartbeat = Duration::from_millis(20);
        limits.idle = Duration::from_millis(400);
    };
    let house = House::with(plan(quiet)).await;
    let mut answering = Client::of(&house, &token(ALICE)).await;
    // Answers pings as long as it reads.
    let reading = tokio::spawn(async move { answering.closed().await });
    let silent = Client::of(&house, &token(BOB)).await;
    until("the silent one is gone", async || {
        house.streams.connections() == 1
    })
    .await;
    let mut silent = silent;
    assert_eq!(silent.closed().await, 4010);
    assert!(!reading.is_finished());
}

#[tokio::test]
async fn a_client_that_does_not_read_is_cut_and_nobody_waits_for_it() {
    let streams = StreamOptions {
        queue_frames: 16,
        ..Plan::default().streams
    };
    let house = House::with(Plan {
        streams,
        ..Plan::default()
    })
    .await;
    house.fund(&[ALICE]).await;
    for level in 0..500 {
        house.place(ALICE, Side::Buy, 1, 9_000 + level).await;
    }
    let mut slow = Client::narrow(&house).await;
    let mut fast = Client::connect(&house).await;
    fast.subscribe(&["depth:BTC-USDT"]).await;
    let mut book = Book::default();
    assert!(book.take(&fast.next_of("depth:BTC-USDT").await));
    let subscribe = json!({"op": "subscribe", "channels": ["depth:BTC-USDT"]}).to_string();
    let mut level = 0;
    until("the slow one is cut", async || {
        let _ = slow.socket.feed(Message::text(subscribe.clone())).await;
        let _ = slow.socket.flush().await;
        level += 1;
        house.place(ALICE, Side::Buy, 1, 100 + level).await;
        assert!(
            book.take(&fast.next_of("depth:BTC-USDT").await),
            "a frame is missing"
        );
        house.streams.cut_as_slow() > 0
    })
    .await;
    let depth = house.get("/api/v1/markets/BTC-USDT/depth?limit=1000", None).await;
    while book.last_seq < depth["last_seq"].as_u64().unwrap() {
        assert!(
            book.take(&fast.next_of("depth:BTC-USDT").await),
            "a frame is missing"
        );
    }
    assert_eq!(book, Book::of(&depth));
    let mut code = 0;
    while let Some(Ok(message)) = slow.socket.next().await {
        if let Message::Close(Some(frame)) = message {
            code = frame.code.into();
        }
    }
    assert_eq!(code, 4008);
}

#[tokio::test]
async fn a_client_that_does_not_read_has_so_many_bytes_waiting() {
    let streams = StreamOptions {
        queue_frames: 1_000_000,
        queue_bytes: 100_000,
        ..Plan::default().streams
    };
    let house = House::with(Plan {
        streams,
        ..Plan::default()
    })
    .await;
    house.fund(&[ALICE]).await;
    for level in 0..100 {
        house.place(ALICE, Side::Buy, 1, 9_000 + level).await;
    }
    let mut reader = Client::connect(&house).await;
    let mut slow = Client::narrow(&house).await;
    let subscribe = json!({"op": "subscribe", "channels": ["depth:BTC-USDT"]}).to_string();
    until("the slow one is cut", async || {
        let _ = slow.socket.feed(Message::text(subscribe.clone())).await;
        let _ = slow.socket.flush().await;
        reader.subscribe(&["depth:BTC-USDT"]).await;
        house.streams.cut_as_slow() > 0
    })
    .await;
    assert_eq!(slow.closed().await, 4008);
    reader.ok(json!({"op": "ping"})).await;
}

#[tokio::test]
async fn a_connection_may_subscribe_so_often() {
    let few = |limits: &mut WsLimits| {
        limits.messages_per_second = 20;
        limits.subscriptions = 10;
    };
    let house = House::with(plan(few)).await;
    let mut client = Client::connect(&house).await;
    let ten = ["depth:BTC-USDT"; 10];
    client.subscribe(&ten).await;
    for _ in 0..9 {
        let again = json!({"op": "subscribe", "channels": ten}).to_string();
        if client.socket.send(Message::text(again)).await.is_err() {
            break;
        }
    }
    assert_eq!(client.closed().await, 4029);
}
