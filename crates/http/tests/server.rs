//! The same over a real connection: what a hostile or broken client gets.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

use std::net::SocketAddr;
use std::time::Duration;

use actix_web::{App, HttpResponse, HttpServer, web};
use edge_http::{Edge, EdgeLimits, JsonBody};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

async fn echo(JsonBody(text): JsonBody<String>) -> String {
    text
}

async fn break_down() -> HttpResponse {
    panic!("secret panic")
}

async fn slow() -> &'static str {
    std::future::pending().await
}

/// Starts a server on a free port. It ends with the test's runtime.
fn start() -> SocketAddr {
    let limits = EdgeLimits {
        body_bytes: 64,
        body_timeout: Duration::from_millis(300),
        request_timeout: Duration::from_millis(600),
    };
    let app = move || {
        App::new()
            .wrap(Edge::new(limits, || "made".to_owned()))
            .service(web::resource("/echo").route(web::post().to(echo)))
            .service(web::resource("/panic").route(web::get().to(break_down)))
            .service(web::resource("/slow").route(web::get().to(slow)))
    };
    let server = HttpServer::new(app).workers(1).bind(("127.0.0.1", 0)).unwrap();
    let address = server.addrs()[0];
    actix_web::rt::spawn(server.disable_signals().run());
    address
}

/// Sends the parts, half a limit apart, and reads what comes until the server closes the connection or falls silent.
async fn exchange(address: SocketAddr, parts: &[&str]) -> String {
    let mut stream = TcpStream::connect(address).await.unwrap();
    let mut answer = Vec::new();
    for (at, part) in parts.iter().enumerate() {
        if at > 0 {
            tokio::time::sleep(Duration::from_millis(150)).await;
        }
        // A server that has given up closes its side; what it said before still counts.
        if stream.write_all(part.as_bytes()).await.is_err() {
            break;
        }
    }
    let _ = tokio::time::timeout(Duration::from_secs(2), stream.read_to_end(&mut answer)).await;
    String::from_utf8(answer).unwrap()
}

fn post(headers: &str, body: &str) -> String {
    format!("POST /echo HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n{headers}\r\n\r\n{body}")
}

#[actix_web::test]
async fn a_good_request_is_answered_and_panics_and_hangs_too() {
    let address = start();
    for (request, starts, contains) in [
        (post("Content-Length: 4", "\"hi\""), "HTTP/1.1 200", "hi"),
        (
            "GET /panic HTTP/1.1\r\nHost: x\r\n\r\n".to_owned(),
            "HTTP/1.1 500",
            "\"code\":\"internal\"",
        ),
        (
            "GET /slow HTTP/1.1\r\nHost: x\r\n\r\n".to_owned(),
            "HTTP/1.1 504",
            "\"code\":\"timeout\"",
        ),
    ] {
        let answer = exchange(address, &[&request]).await;
        assert!(answer.starts_with(starts), "{request}: {answer}");
        assert!(answer.contains(contains), "{request}: {answer}");
        assert!(answer.to_lowercase().contains("x-request-id: made"), "{answer}");
        assert!(!answer.contains("secret"), "{answer}");
    }
}

#[actix_web::test]
async fn a_panic_does_not_take_the_connection_of_others_with_it() {
    let address = start();
    let both = "GET /panic HTTP/1.1\r\nHost: x\r\n\r\nGET /nowhere HTTP/1.1\r\nHost: x\r\n\r\n";
    let answer = exchange(address, &[both]).await;
    assert!(
        answer.contains("HTTP/1.1 500") && answer.contains("HTTP/1.1 404"),
        "{answer}"
    );
    assert!(
        exchange(address, &[&post("Content-Length: 4", "\"hi\"")])
            .await
            .starts_with("HTTP/1.1 200")
    );
}

#[actix_web::test]
async fn a_body_that_drips_or_never_ends_is_cut_off() {
    let address = start();
    let head = post("Content-Length: 30", "\"");
    let answer = exchange(address, &[&head, "a", "b", "c", "d"]).await;
    assert!(answer.starts_with("HTTP/1.1 408"), "{answer}");
    assert!(answer.contains("\"code\":\"request_timeout\""), "{answer}");
    let chunk = format!("40\r\n{}\r\n", "x".repeat(64));
    let answer = exchange(
        address,
        &[&post("Transfer-Encoding: chunked", &chunk), &chunk, &chunk],
    )
    .await;
    assert!(answer.starts_with("HTTP/1.1 413"), "{answer}");
    let answer = exchange(address, &[&post("Content-Length: 65", "")]).await;
    assert!(answer.starts_with("HTTP/1.1 413"), "{answer}");
}

#[actix_web::test]
async fn messages_with_two_lengths_are_refused() {
    let address = start();
    for headers in [
        "Content-Length: 4\r\nTransfer-Encoding: chunked",
        "Content-Length: 4\r\nContent-Length: 5",
        "Transfer-Encoding: xchunked",
        "Content-Length: -4",
    ] {
        let answer = exchange(address, &[&post(headers, "\"hi\"")]).await;
        assert!(answer.starts_with("HTTP/1.1 400"), "{headers}: {answer}");
        assert_eq!(answer.matches("HTTP/1.1").count(), 1, "{headers}: {answer}");
    }
}
