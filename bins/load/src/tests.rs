//! The client against small servers of its own: HTTP and WebSocket as gateways speak them, and as broken ones do.

use std::time::Duration;

use actix_web::web::{Bytes, get, post};
use actix_web::{App, HttpResponse, HttpServer};
use futures_util::{SinkExt as _, StreamExt as _, stream};
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpListener;
use tokio::task::{LocalSet, spawn_local};
use tokio_tungstenite::tungstenite::Message;

use crate::connection::{Connection, Place, request};
use crate::drive::Plan;
use crate::flow::Action;
use crate::http_lanes::HttpLanes;
use crate::ws::Socket;
use crate::ws_lanes::{WsLanes, WsPlan};

mod bed;
mod echo;

use self::bed::{Only, PLAN, driven, order_id, shared};

const TIMEOUT: Duration = Duration::from_secs(20);

fn place_of(address: impl std::fmt::Display) -> Place {
    Place::of(&format!("http://{address}")).unwrap()
}

/// A server of actix that answers whole, chunked, large and with nothing.
fn actix() -> Place {
    let server = HttpServer::new(|| {
        App::new()
            .route(
                "/echo",
                post().to(|body: Bytes| async move { HttpResponse::Ok().body(body) }),
            )
            .route("/none", get().to(|| async { HttpResponse::NoContent().finish() }))
            .route(
                "/chunked",
                get().to(|| async {
                    let chunk = |number: usize| {
                        Ok::<_, std::io::Error>(Bytes::from(number.to_string().repeat(5_000)))
                    };
                    HttpResponse::Accepted().streaming(stream::iter((0..10).map(chunk)))
                }),
            )
            .route(
                "/close",
                get().to(|| async { HttpResponse::Ok().force_close().body("bye") }),
            )
    })
    .workers(1)
    .disable_signals()
    .bind(("127.0.0.1", 0))
    .unwrap();
    let place = place_of(server.addrs()[0]);
    actix_web::rt::spawn(server.run());
    place
}

fn bytes(place: &Place, method: &str, path: &str, body: &str) -> Vec<u8> {
    let mut buffer = String::new();
    request(&mut buffer, method, path, place, "", body);
    buffer.into_bytes()
}

#[actix_web::test]
async fn one_connection_carries_answers_of_every_kind() {
    let place = actix();
    let mut connection = Connection::new(place.clone(), TIMEOUT);
    for round in 0..3 {
        let long = "x".repeat(100_000 * round);
        for text in ["{}", "a", long.as_str()] {
            let sent = bytes(&place, "POST", "/echo", text);
            let answer = connection.send(&sent).await.unwrap();
            assert_eq!((answer.status, answer.body.len()), (200, text.len()));
        }
        let none = connection.send(&bytes(&place, "GET", "/none", "")).await.unwrap();
        assert_eq!((none.status, none.body.len(), none.keep_alive), (204, 0, true));
        let chunked = connection
            .send(&bytes(&place, "GET", "/chunked", ""))
            .await
            .unwrap();
        assert_eq!((chunked.status, chunked.body.len()), (202, 50_000));
        let missing = connection
            .send(&bytes(&place, "GET", "/missing", ""))
            .await
            .unwrap();
        assert_eq!(missing.status, 404);
        let closed = connection
            .send(&bytes(&place, "GET", "/close", ""))
            .await
            .unwrap();
        assert_eq!((closed.body.as_slice(), closed.keep_alive), (&b"bye"[..], false));
    }
}

/// A server that writes these pieces, one packet each, to whoever connects, and closes.
async fn scripted(pieces: &'static [&'static str]) -> Place {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let place = place_of(listener.local_addr().unwrap());
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            stream.set_nodelay(true).unwrap();
            let mut head = [0; 1024];
            let _ = stream.read(&mut head).await.unwrap();
            for piece in pieces {
                stream.write_all(piece.as_bytes()).await.unwrap();
                tokio::task::yield_now().await;
            }
        }
    });
    place
}

#[tokio::test]
async fn packets_may_be_cut_anywhere() {
    let place = scripted(&[
        "HTTP/1.1 20",
        "0 OK\r\nContent-Le",
        "ngth: 5\r\n\r",
        "\nhe",
        "ll",
        "o",
    ])
    .await;
    let mut connection = Connection::new(place.clone(), TIMEOUT);
    // The server closes after each answer, so each request but the first may meet a closed connection.
    let answer = connection.send(&bytes(&place, "GET", "/", "")).await.unwrap();
    assert_eq!(answer.body, b"hello");
}

#[tokio::test]
async fn a_connection_that_closes_in_the_middle_is_an_error_and_the_next_request_gets_a_new_one() {
    for pieces in [
        &["HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhel"][..],
        &["HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhe"],
        &["HTTP/1.1 2"],
        &[],
    ] {
        let place = scripted(pieces).await;
        let mut connection = Connection::new(place.clone(), TIMEOUT);
        for _ in 0..2 {
            let error = connection.send(&bytes(&place, "GET", "/", "")).await.unwrap_err();
            assert!(error.to_string().contains("closed"), "{pieces:?}: {error}");
        }
    }
}

#[tokio::test(start_paused = true)]
async fn an_answer_that_never_comes_is_given_up() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let place = place_of(listener.local_addr().unwrap());
    let mut connection = Connection::new(place.clone(), TIMEOUT);
    let error = connection.send(&bytes(&place, "GET", "/", "")).await.unwrap_err();
    assert_eq!(error.to_string(), "no answer within 20s");
}

#[actix_web::test]
async fn every_arrival_is_counted_once_and_every_acknowledgement_is_a_promise() {
    let orders = |body: Bytes| async move {
        let id = order_id(&body);
        // Every fifth is refused.
        if id.ends_with(['0', '5', 'a']) {
            return HttpResponse::ServiceUnavailable().json(json!({"code": "overloaded"}));
        }
        HttpResponse::Created().json(json!({"order_id": id, "status": "OPEN"}))
    };
    let server = HttpServer::new(move || App::new().route("/api/v1/orders", post().to(orders)))
        .workers(1)
        .disable_signals()
        .bind(("127.0.0.1", 0))
        .unwrap();
    let place = place_of(server.addrs()[0]);
    actix_web::rt::spawn(server.run());
    let local = LocalSet::new();
    local
        .run_until(async {
            let shared = shared("place=1");
            let lanes = HttpLanes::open(&place, 4, TIMEOUT, &shared, &"{}".into())
                .await
                .unwrap();
            let totals = driven(PLAN, &shared, &mut Only(Some(&lanes.queue), None)).await;
            lanes.finish().await;
            let promises = shared.promises.borrow();
            assert_eq!(totals.done + totals.refused, 300);
            assert!(totals.refused > 0 && totals.unknown == 0 && totals.not_sent == 0);
            assert_eq!(promises.acknowledged.len() as u64, totals.done);
            // 503 may have happened all the same: it is looked up.
            assert_eq!(promises.unknown.len() as u64, totals.refused);
        })
        .await;
}

#[tokio::test]
async fn beyond_the_cap_arrivals_are_counted_as_not_sent() {
    // A server that takes requests and never answers.
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let place = place_of(listener.local_addr().unwrap());
    let local = LocalSet::new();
    local
        .run_until(async {
            let shared = shared("place=1");
            let plan = Plan {
                in_flight: 7,
                timeout: Duration::from_millis(400),
                ..PLAN
            };
            let lanes = HttpLanes::open(&place, 7, plan.timeout, &shared, &"{}".into())
                .await
                .unwrap();
            let totals = driven(plan, &shared, &mut Only(Some(&lanes.queue), None)).await;
            assert_eq!(totals.unknown + totals.not_sent, 300);
            assert_eq!(totals.unknown, 7);
            assert_eq!(shared.promises.borrow().unknown.len(), 7);
        })
        .await;
}

/// A WebSocket that answers two requests at a time, the second first.
async fn crosswise(listener: TcpListener) {
    while let Ok((stream, _)) = listener.accept().await {
        spawn_local(async move {
            let mut socket = tokio_tungstenite::accept_async(stream).await.unwrap();
            let mut first = None;
            while let Some(Ok(Message::Text(text))) = socket.next().await {
                let frame: Value = serde_json::from_str(&text).unwrap();
                let order = frame["order"].to_string();
                let id = order_id(order.as_bytes());
                let answer = json!({"id": frame["id"], "op": "place", "status": 201,
                    "result": {"order_id": id, "status": "OPEN"}});
                match first.take() {
                    None => first = Some(answer),
                    Some(before) => {
                        for answer in [answer, before] {
                            let frame = Message::text(answer.to_string());
                            socket.send(frame).await.unwrap();
                        }
                    }
                }
            }
        });
    }
}

#[tokio::test]
async fn answers_over_a_websocket_are_matched_by_id_in_any_order() {
    let local = LocalSet::new();
    local
        .run_until(async {
            let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
            let url = format!("ws://{}/ws", listener.local_addr().unwrap());
            spawn_local(crosswise(listener));
            let shared = shared("place=1");
            let plan = WsPlan {
                url: url.as_str().into(),
                window: 20,
                timeout: TIMEOUT,
            };
            // One connection, so that the number of requests on it is even.
            shared.flow.borrow_mut().active = 1;
            let users = shared.flow.borrow().users.clone();
            let mut lanes = WsLanes::open(&plan, &users, 1, &shared).await.unwrap();
            let totals = driven(PLAN, &shared, &mut Only(None, Some(&mut lanes))).await;
            lanes.finish().await;
            assert_eq!((totals.done, totals.unknown, totals.not_sent), (300, 0, 0));
            let ids: std::collections::BTreeSet<_> = shared
                .promises
                .borrow()
                .acknowledged
                .iter()
                .map(|(id, _)| *id)
                .collect();
            assert_eq!(ids.len(), 300);
        })
        .await;
}

#[tokio::test]
async fn what_waits_for_a_connection_until_the_end_was_not_sent() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let place = place_of(listener.local_addr().unwrap());
    let local = LocalSet::new();
    local
        .run_until(async {
            let shared = shared("place=1");
            let timeout = Duration::from_millis(400);
            let plan = Plan { timeout, ..PLAN };
            // Connections with more patience than the run: only two requests ever leave.
            let lanes = HttpLanes::open(&place, 2, timeout * 2, &shared, &"{}".into())
                .await
                .unwrap();
            let totals = driven(plan, &shared, &mut Only(Some(&lanes.queue), None)).await;
            assert_eq!((totals.unknown, totals.not_sent), (2, 298));
        })
        .await;
}

#[tokio::test]
async fn frames_that_overtake_the_answer_to_a_subscription_are_kept() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("ws://{}/ws", listener.local_addr().unwrap());
    tokio::spawn(async move {
        for status in [200, 403] {
            let (stream, _) = listener.accept().await.unwrap();
            let mut socket = tokio_tungstenite::accept_async(stream).await.unwrap();
            let asked = socket.next().await.unwrap().unwrap();
            let asked: Value = serde_json::from_str(asked.to_text().unwrap()).unwrap();
            assert_eq!(asked["fills_after"], "t");
            for frame in [
                json!({"channel": "orders", "n": 1}),
                json!({"id": asked["id"], "op": "subscribe", "status": status}),
                json!({"channel": "fills", "n": 2}),
            ] {
                socket.send(Message::text(frame.to_string())).await.unwrap();
            }
            socket.close(None).await.unwrap();
        }
    });
    let mut socket = Socket::connect(&url, Some("token")).await.unwrap();
    let before = socket.subscribe(&["orders", "fills"], Some("t")).await.unwrap();
    assert_eq!(before.len(), 1);
    assert!(socket.next().await.unwrap().contains("fills"));
    assert!(socket.next().await.is_err());
    let mut socket = Socket::connect(&url, None).await.unwrap();
    assert!(socket.subscribe(&["orders"], Some("t")).await.is_err());
}

#[test]
fn an_action_knows_its_user() {
    let shared = shared("place=1");
    let action = shared.flow.borrow_mut().next();
    assert!(action.user() < 3);
    assert_eq!(Action::Echo.user(), 0);
}
