//! The echo server over WebSocket: what it answers, and that the client counts it as it counts a gateway's answers.

use std::collections::BTreeSet;

use futures_util::{SinkExt as _, StreamExt as _};
use serde_json::Value;
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::tungstenite::protocol::frame::coding::CloseCode;

use super::{Only, PLAN, TIMEOUT, driven, shared};
use crate::flow::Op;
use crate::ws::Socket;
use crate::ws_lanes::{WsLanes, WsPlan};

/// Frames of a gateway's WebSocket, recorded.
const PLACED: &str = r#"{"id":17,"op":"place","status":201,"result":{"average_price":null,"cancelled_at":null,"client_order_id":"load18a3c-1","created_at":"2026-11-23T13:19:00.974290Z","deadline":"2026-11-23T13:20:00.974195Z","display_quantity":null,"expires_at":null,"fee":"0","fee_asset":"BTC","filled_at":null,"filled_quantity":"0","filled_quote_quantity":"0","institution_id":null,"order_id":"01a2088f-556e-7000-8000-00000000000f","order_type":"LIMIT","post_only":false,"price":"59321.07","protection_price":null,"quantity":"0.000123","quote_quantity":null,"reject_reason":null,"remaining_quantity":"0.000123","self_trade_prevention":"EXPIRE_TAKER","side":"BUY","status":"OPEN","stop_price":null,"symbol":"BTC/USDT","time_in_force":"GTC","triggered_at":null,"updated_at":"2026-11-23T13:19:00.974290Z","user_id":"00000000-0000-4000-8000-0000000000a1"}}"#;
const CANCELLED: &str = r#"{"id":19,"op":"cancel","status":200,"result":{"average_price":null,"cancelled_at":"2026-11-23T13:19:02.989407Z","client_order_id":"load18a3c-1","created_at":"2026-11-23T13:19:00.974290Z","deadline":"2026-11-23T13:20:00.974195Z","display_quantity":null,"expires_at":null,"fee":"0","fee_asset":"BTC","filled_at":null,"filled_quantity":"0","filled_quote_quantity":"0","institution_id":null,"order_id":"01a2088f-556e-7000-8000-00000000000f","order_type":"LIMIT","post_only":false,"price":"59000","protection_price":null,"quantity":"0.0002","quote_quantity":null,"reject_reason":"requested","remaining_quantity":"0.0002","self_trade_prevention":"EXPIRE_TAKER","side":"BUY","status":"CANCELLED","stop_price":null,"symbol":"BTC/USDT","time_in_force":"GTC","triggered_at":null,"updated_at":"2026-11-23T13:19:02.989407Z","user_id":"00000000-0000-4000-8000-0000000000a1"}}"#;

const PLACE: &str = r#"{"id":17,"op":"place","order":{"symbol":"BTC/USDT","side":"BUY","order_type":"LIMIT","price":"59321.07","quantity":"0.000123","time_in_force":"GTC","client_order_id":"load18a3c-1"}}"#;
const CANCEL: &str = r#"{"id":19,"op":"cancel","order_id":"01a2088f-556e-7000-8000-00000000000f"}"#;
const AMEND: &str = r#"{"id":"b","op":"amend","order_id":"01a2088f-556e-7000-8000-00000000000f","price":"59000","quantity":"0.0002"}"#;

/// The address of an echo server's WebSocket.
fn echo() -> String {
    let (server, addresses) = crate::echo::listen(2, 0).unwrap();
    actix_web::rt::spawn(server);
    format!("ws://{}/ws", addresses[0])
}

async fn asked(socket: &mut Socket, frame: &str) -> String {
    socket.send(frame.to_owned()).await.unwrap();
    let answer = tokio::time::timeout(TIMEOUT, socket.next()).await;
    answer.expect("no answer").unwrap().to_string()
}

fn json(text: &str) -> Value {
    serde_json::from_str(text).unwrap()
}

fn members(value: &Value) -> BTreeSet<&String> {
    value.as_object().unwrap().keys().collect()
}

#[actix_web::test]
async fn every_request_of_the_mix_is_answered_and_counted_once() {
    let url = echo();
    let local = tokio::task::LocalSet::new();
    local
        .run_until(async {
            let shared = shared("place=50,cancel=40,amend=10");
            let plan = WsPlan {
                url: url.as_str().into(),
                window: 5,
                timeout: TIMEOUT,
            };
            let users = shared.flow.borrow().users.clone();
            let mut lanes = WsLanes::open(&plan, &users, 3, &shared).await.unwrap();
            let totals = driven(PLAN, &shared, &mut Only(None, Some(&mut lanes))).await;
            lanes.finish().await;
            assert_eq!((totals.done, totals.refused), (300, 0));
            assert_eq!((totals.unknown, totals.not_sent), (0, 0));
            let lines = shared.tally.borrow().lines();
            let statuses = lines.iter().map(|line| {
                (
                    line.op,
                    line.statuses.keys().map(String::as_str).collect::<Vec<_>>(),
                )
            });
            assert_eq!(
                statuses.collect::<Vec<_>>(),
                [
                    (Op::Place, vec!["201"]),
                    (Op::Cancel, vec!["200"]),
                    (Op::Amend, vec!["200"])
                ]
            );
            let promises = shared.promises.borrow();
            let ids: BTreeSet<_> = promises.acknowledged.iter().map(|(id, _)| *id).collect();
            assert_eq!(promises.unreadable, 0);
            assert_eq!(
                ids.len() as u64,
                lines[0].latency.count,
                "each place has an id of its own"
            );
        })
        .await;
}

#[actix_web::test]
async fn an_answer_has_the_members_and_the_size_of_a_gateways() {
    let mut socket = Socket::connect(&echo(), Some("token")).await.unwrap();
    for (request, recorded) in [(PLACE, PLACED), (CANCEL, CANCELLED)] {
        let answer = asked(&mut socket, request).await;
        let (given, wanted) = (json(&answer), json(recorded));
        for name in ["id", "op", "status"] {
            assert_eq!(given[name], wanted[name], "{request}");
        }
        assert_eq!(given["result"]["status"], wanted["result"]["status"]);
        assert_eq!(members(&given), members(&wanted), "{request}");
        assert_eq!(members(&given["result"]), members(&wanted["result"]), "{request}");
        let differ = answer.len().abs_diff(recorded.len());
        assert!(
            differ * 20 < recorded.len(),
            "{differ} bytes of {}",
            recorded.len()
        );
    }
}

#[actix_web::test]
async fn what_the_request_says_is_sent_back() {
    let mut socket = Socket::connect(&echo(), None).await.unwrap();
    let placed = json(&asked(&mut socket, PLACE).await);
    let order = &json(PLACE)["order"];
    for name in members(order) {
        assert_eq!(placed["result"][name], order[name], "{name}");
    }
    let amended = json(&asked(&mut socket, AMEND).await);
    assert_eq!((&amended["id"], &amended["status"]), (&"b".into(), &200.into()));
    for name in ["order_id", "price", "quantity"] {
        assert_eq!(amended["result"][name], json(AMEND)[name], "{name}");
    }
}

#[actix_web::test]
async fn a_request_with_a_hole_is_refused_and_the_next_one_answered() {
    let mut socket = Socket::connect(&echo(), None).await.unwrap();
    for request in [
        r#"{"id":1,"op":"place"}"#,
        r#"{"id":1,"op":"place","order":"all"}"#,
        r#"{"id":1,"op":"cancel"}"#,
        r#"{"id":1,"op":"amend","order_id":7}"#,
        r#"{"id":1,"op":"subscribe","channels":[]}"#,
    ] {
        let refused = json(&asked(&mut socket, request).await);
        assert_eq!(
            (&refused["id"], &refused["status"]),
            (&1.into(), &400.into()),
            "{request}"
        );
        assert!(refused.get("result").is_none(), "{request}");
    }
    assert_eq!(json(&asked(&mut socket, PLACE).await)["status"], 201);
}

#[actix_web::test]
async fn what_is_no_request_ends_the_connection_with_a_reason() {
    let url = echo();
    for (frame, wanted) in [
        (Message::text("place"), CloseCode::Protocol),
        (Message::text("[]"), CloseCode::Protocol),
        (Message::text(r#"{"op":"place","order":{}}"#), CloseCode::Protocol),
        (Message::text(r#"{"id":1}"#), CloseCode::Protocol),
        (Message::binary(PLACE.as_bytes().to_vec()), CloseCode::Unsupported),
    ] {
        let (mut socket, _) = tokio_tungstenite::connect_async(&url).await.unwrap();
        socket.send(Message::Ping("p".into())).await.unwrap();
        socket.send(frame.clone()).await.unwrap();
        let mut seen = Vec::new();
        while let Some(Ok(message)) = tokio::time::timeout(TIMEOUT, socket.next()).await.unwrap() {
            seen.push(message);
        }
        let [Message::Pong(pong), Message::Close(Some(close))] = &seen[..] else {
            panic!("{frame:?}: {seen:?}");
        };
        assert_eq!((pong.as_ref(), close.code), (&b"p"[..], wanted), "{frame:?}");
    }
}

#[actix_web::test]
async fn without_a_handshake_there_is_no_websocket() {
    let url = echo();
    let place = super::place_of(url.trim_start_matches("ws://").trim_end_matches("/ws"));
    let mut connection = super::Connection::new(place.clone(), TIMEOUT);
    let asked = super::bytes(&place, "GET", "/ws", "");
    assert_eq!(connection.send(&asked).await.unwrap().status, 400);
    let asked = super::bytes(&place, "POST", "/echo", PLACE);
    let answer = connection.send(&asked).await.unwrap();
    assert_eq!(
        (answer.status, json(PLACE)),
        (200, serde_json::from_slice(&answer.body).unwrap())
    );
}
