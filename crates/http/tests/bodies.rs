//! What hostile bodies and hostile messages get.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

use std::net::SocketAddr;
use std::time::Duration;

use actix_web::http::header::CONTENT_TYPE;
use actix_web::test::{TestRequest, call_service, init_service, read_body_json};
use actix_web::{App, HttpServer, web};
use edge_http::{BodyLimit, Edge, EdgeLimits, JsonBody};
use serde::Deserialize;
use serde_json::Value;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

const SMALL: usize = 16 * 1024;
const LARGE: usize = 64 * 1024;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Order {
    client_order_id: String,
}

async fn order(JsonBody(order): JsonBody<Order>) -> String {
    order.client_order_id
}

async fn any(_: JsonBody<Value>) -> &'static str {
    "read"
}

fn routes(config: &mut web::ServiceConfig) {
    config
        .route("/order", web::post().to(order))
        .route("/any", web::post().to(any))
        .service(
            web::resource("/batch")
                .app_data(BodyLimit(LARGE))
                .route(web::post().to(any)),
        );
}

fn edge() -> Edge {
    let limits = EdgeLimits {
        body_timeout: Duration::from_millis(500),
        ..EdgeLimits::default()
    };
    Edge::new(limits, || "made".to_owned())
}

/// The status and the code of the answer.
async fn ask(path: &str, body: Vec<u8>, header: (&str, &str)) -> (u16, String) {
    let app = init_service(App::new().wrap(edge()).configure(routes)).await;
    let request = TestRequest::post()
        .uri(path)
        .insert_header((CONTENT_TYPE, "application/json"))
        .insert_header(header)
        .set_payload(body);
    let response = call_service(&app, request.to_request()).await;
    let status = response.status().as_u16();
    if status == 200 {
        return (status, String::new());
    }
    let body: Value = read_body_json(response).await;
    (status, body["code"].as_str().unwrap().to_owned())
}

/// A text of so many bytes, as JSON.
fn text(bytes: usize) -> Vec<u8> {
    format!("\"{}\"", "x".repeat(bytes - 2)).into_bytes()
}

#[actix_web::test]
async fn a_body_is_as_large_as_its_resource_allows_and_no_larger() {
    for (path, bytes, taken) in [
        ("/any", SMALL, true),
        ("/any", SMALL + 1, false),
        ("/batch", SMALL + 1, true),
        ("/batch", LARGE, true),
        ("/batch", LARGE + 1, false),
    ] {
        let announced = bytes.to_string();
        for header in [("x-other", "1"), ("content-length", announced.as_str())] {
            let (status, code) = ask(path, text(bytes), header).await;
            let expected = if taken { (200, "") } else { (413, "body_too_large") };
            assert_eq!((status, code.as_str()), expected, "{path} {bytes} {header:?}");
        }
    }
}

#[actix_web::test]
async fn what_is_no_plain_json_is_not_read() {
    let body = br#"{"client_order_id":"a"}"#;
    for (header, taken) in [
        (("Content-Encoding", "identity"), true),
        (("Content-Encoding", "gzip"), false),
        (("Content-Encoding", "identity, gzip"), false),
        (("Content-Encoding", "br"), false),
        (("Content-Encoding", ""), false),
        (("Content-Type", "application/json; charset=utf-8"), true),
        (("Content-Type", "text/plain"), false),
        (("Content-Type", "application/json+x"), false),
        (("Content-Type", "multipart/form-data; boundary=x"), false),
        (("Content-Type", ""), false),
    ] {
        let (status, code) = ask("/order", body.to_vec(), header).await;
        let expected = if taken {
            (200, "")
        } else {
            (415, "unsupported_media_type")
        };
        assert_eq!((status, code.as_str()), expected, "{header:?}");
    }
}

#[actix_web::test]
async fn texts_that_parsers_disagree_about_are_refused() {
    let nested = |depth: usize| format!("{}{}", "[".repeat(depth), "]".repeat(depth));
    let id = |id: &str| format!(r#"{{"client_order_id":"{id}"}}"#);
    for (what, path, body, expected) in [
        ("a good one", "/order", id("a"), (200, "")),
        ("127 deep", "/any", nested(127), (200, "")),
        ("129 deep", "/any", nested(129), (400, "invalid_json")),
        (
            "as deep as fits",
            "/any",
            nested(SMALL / 2),
            (400, "invalid_json"),
        ),
        (
            "a repeated key",
            "/order",
            r#"{"client_order_id":"a","client_order_id":"b"}"#.to_owned(),
            (400, "invalid_field"),
        ),
        ("an escaped NUL", "/order", id(r"a\u0000"), (400, "invalid_json")),
        (
            "an escaped NUL in a free form",
            "/any",
            id(r"a\u0000"),
            (400, "invalid_json"),
        ),
        (
            "a NUL behind a backslash",
            "/order",
            id(r"\\\u0000"),
            (400, "invalid_json"),
        ),
        (
            "no NUL, but what reads like one",
            "/order",
            id(r"\\u0000"),
            (200, ""),
        ),
        ("a bare NUL", "/order", id("\0"), (400, "invalid_json")),
        ("a bare line end", "/order", id("a\nb"), (400, "invalid_json")),
        (
            "a high surrogate alone",
            "/order",
            id(r"\ud83d"),
            (400, "invalid_json"),
        ),
        (
            "a low surrogate alone",
            "/order",
            id(r"\ude00"),
            (400, "invalid_json"),
        ),
        (
            "a surrogate alone in a free form",
            "/any",
            id(r"\ud83d"),
            (400, "invalid_json"),
        ),
        ("a pair of surrogates", "/order", id(r"\ud83d\ude00"), (200, "")),
        ("something behind", "/order", id("a") + "x", (400, "invalid_json")),
        (
            "another one behind",
            "/order",
            id("a") + &id("b"),
            (400, "invalid_json"),
        ),
        ("a NUL behind", "/order", id("a") + "\0", (400, "invalid_json")),
        (
            "a backslash at the end",
            "/order",
            r#"{"client_order_id":"\"#.to_owned(),
            (400, "invalid_json"),
        ),
        ("not a number", "/any", "NaN".to_owned(), (400, "invalid_json")),
    ] {
        let (status, code) = ask(path, body.into_bytes(), ("x-other", "1")).await;
        assert_eq!((status, code.as_str()), expected, "{what}");
    }
}

/// Starts a server on a free port. It ends with the test's runtime.
fn start() -> SocketAddr {
    let server = HttpServer::new(|| App::new().wrap(edge()).configure(routes))
        .workers(1)
        .client_request_timeout(Duration::from_millis(500))
        .bind(("127.0.0.1", 0))
        .unwrap();
    let address = server.addrs()[0];
    actix_web::rt::spawn(server.disable_signals().run());
    address
}

/// Sends the parts with pauses between them; gives what comes, and whether the server closed the connection.
async fn exchange(address: SocketAddr, parts: &[&str]) -> (String, bool) {
    let mut stream = TcpStream::connect(address).await.unwrap();
    for (at, part) in parts.iter().enumerate() {
        if at > 0 {
            tokio::time::sleep(Duration::from_millis(200)).await;
        }
        // A server that has given up closes its side; what it said before still counts.
        if stream.write_all(part.as_bytes()).await.is_err() {
            break;
        }
    }
    let mut answer = Vec::new();
    let end = tokio::time::timeout(Duration::from_secs(5), stream.read_to_end(&mut answer)).await;
    (String::from_utf8(answer).unwrap(), end.is_ok())
}

fn post(headers: &str, body: &str) -> String {
    format!("POST /any HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n{headers}\r\n\r\n{body}")
}

#[actix_web::test]
async fn a_message_of_two_lengths_ends_its_connection_with_one_answer() {
    let address = start();
    let smuggled = "0\r\n\r\nGET /nowhere HTTP/1.1\r\nHost: x\r\n\r\n";
    for headers in [
        "Content-Length: 4\r\nTransfer-Encoding: chunked",
        "Transfer-Encoding: chunked\r\nContent-Length: 4",
        "Content-Length: 4\r\nContent-Length: 5",
        "Content-Length: 4, 5",
        "Content-Length: +4",
        "Transfer-Encoding: xchunked",
        "Transfer-Encoding: chunked, identity",
        "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked",
        "Transfer-Encoding : chunked",
    ] {
        let (answer, closed) = exchange(address, &[&post(headers, smuggled)]).await;
        assert!(answer.starts_with("HTTP/1.1 400"), "{headers}: {answer}");
        assert_eq!(answer.matches("HTTP/1.1").count(), 1, "{headers}: {answer}");
        assert!(closed, "{headers}: {answer}");
    }
}

#[actix_web::test]
async fn a_chunked_body_is_counted_too() {
    let address = start();
    let chunks = |bytes: usize| {
        let body = String::from_utf8(text(bytes)).unwrap();
        format!("{bytes:x}\r\n{body}\r\n0\r\n\r\n")
    };
    for (bytes, status) in [(SMALL, "HTTP/1.1 200"), (SMALL + 1, "HTTP/1.1 413")] {
        let request = post("Transfer-Encoding: chunked\r\nConnection: close", &chunks(bytes));
        let (answer, _) = exchange(address, &[&request]).await;
        assert!(answer.starts_with(status), "{bytes}: {answer}");
    }
}

#[actix_web::test]
async fn headers_and_bodies_that_drip_are_cut_off() {
    let address = start();
    let headers = ["GET /any HTTP/1.1\r\n", "H", "o", "s", "t", ":", " x\r\n\r\n"];
    let (answer, closed) = exchange(address, &headers).await;
    assert!(closed, "{answer}");
    assert!(
        answer.is_empty() || answer.starts_with("HTTP/1.1 408"),
        "{answer}"
    );
    let (answer, closed) = exchange(address, &[]).await;
    assert!(
        closed && (answer.is_empty() || answer.starts_with("HTTP/1.1 408")),
        "{answer}"
    );
    let body = post("Content-Length: 30", "\"");
    let (answer, _) = exchange(address, &[&body, "a", "b", "c", "d", "e"]).await;
    assert!(answer.starts_with("HTTP/1.1 408"), "{answer}");
    assert!(answer.contains("\"code\":\"request_timeout\""), "{answer}");
}
