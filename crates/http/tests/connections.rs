//! How many connections may be open, over real ones.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

use std::net::SocketAddr;
use std::time::Duration;

use actix_web::{App, HttpServer, web};
use edge_http::{ConnectionCaps, Connections, Edge, EdgeLimits, TrustedProxies};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpSocket, TcpStream};

const REQUEST: &[u8] = b"GET / HTTP/1.1\r\nHost: x\r\n\r\n";

/// How long a client may take to send its headers.
const HEADERS_TIMEOUT: Duration = Duration::from_secs(5);

/// Starts a server on a free port. It ends with the test's runtime.
fn start(per_address: usize, total: usize, proxies: &[&str]) -> (SocketAddr, Connections) {
    let caps = ConnectionCaps { per_address, total };
    let connections = Connections::new(caps, TrustedProxies::parse(proxies).unwrap());
    let app = || {
        App::new()
            .wrap(Edge::new(EdgeLimits::default(), || "made".to_owned()))
            .route("/", web::get().to(|| async { "hello" }))
            .route("/health/live", web::get().to(|| async { "alive" }))
            .route("/health/live/x", web::get().to(|| async { "hello" }))
    };
    let server = HttpServer::new(app)
        .workers(1)
        .client_request_timeout(HEADERS_TIMEOUT)
        .on_connect(connections.on_connect())
        .bind(("127.0.0.1", 0))
        .unwrap();
    let address = server.addrs()[0];
    actix_web::rt::spawn(server.disable_signals().run());
    (address, connections)
}

/// Connects from one of the addresses of this machine.
async fn connect(from: &str, to: SocketAddr) -> TcpStream {
    let socket = TcpSocket::new_v4().unwrap();
    socket.bind(format!("{from}:0").parse().unwrap()).unwrap();
    socket.connect(to).await.unwrap()
}

/// The answer to one request, and whether the server closed the connection behind it.
async fn ask(stream: &mut TcpStream) -> (String, bool) {
    ask_for(stream, REQUEST).await
}

async fn ask_for(stream: &mut TcpStream, request: &[u8]) -> (String, bool) {
    stream.write_all(request).await.unwrap();
    let mut answer = Vec::new();
    loop {
        let mut bytes = [0; 4_096];
        let read = tokio::time::timeout(Duration::from_millis(300), stream.read(&mut bytes)).await;
        match read {
            Ok(Ok(0)) => return (String::from_utf8(answer).unwrap(), true),
            Ok(Ok(read)) => answer.extend_from_slice(&bytes[..read]),
            Ok(Err(error)) => panic!("{error}"),
            Err(_) => return (String::from_utf8(answer).unwrap(), false),
        }
    }
}

/// Waits until so many connections are open.
async fn until_open(connections: &Connections, open: usize) {
    for _ in 0..500 {
        if connections.open() == open {
            return;
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    panic!("{} are open, not {open}", connections.open());
}

async fn assert_served(stream: &mut TcpStream) {
    let (answer, closed) = ask(stream).await;
    assert!(answer.starts_with("HTTP/1.1 200") && !closed, "{answer}");
}

async fn assert_refused(stream: &mut TcpStream) {
    let (answer, closed) = ask(stream).await;
    assert!(answer.starts_with("HTTP/1.1 503"), "{answer}");
    assert!(answer.contains("\"code\":\"too_many_connections\""), "{answer}");
    assert!(answer.to_lowercase().contains("connection: close"), "{answer}");
    assert!(answer.to_lowercase().contains("x-request-id: made"), "{answer}");
    assert!(closed, "{answer}");
}

#[actix_web::test]
async fn an_address_above_its_cap_is_refused_and_takes_no_room_from_others() {
    let (server, connections) = start(2, 3, &[]);
    let mut first = connect("127.0.0.1", server).await;
    let mut second = connect("127.0.0.1", server).await;
    until_open(&connections, 2).await;
    let mut above = Vec::new();
    for opened in 3..6 {
        above.push(connect("127.0.0.1", server).await);
        until_open(&connections, opened).await;
    }
    let mut other = connect("127.0.0.2", server).await;
    assert_served(&mut first).await;
    assert_served(&mut other).await;
    for stream in &mut above {
        assert_refused(stream).await;
    }
    until_open(&connections, 3).await;
    assert_eq!(connections.addresses(), 2);
    assert_served(&mut second).await;
    drop(first);
    until_open(&connections, 2).await;
    let mut again = connect("127.0.0.1", server).await;
    assert_served(&mut again).await;
}

#[actix_web::test]
async fn above_the_total_everybody_new_is_refused_and_nothing_stays_counted() {
    let (server, connections) = start(10, 2, &[]);
    let mut kept = Vec::new();
    for (opened, from) in [(1, "127.0.0.1"), (2, "127.0.0.2")] {
        kept.push(connect(from, server).await);
        until_open(&connections, opened).await;
    }
    let mut above = connect("127.0.0.3", server).await;
    assert_refused(&mut above).await;
    for stream in &mut kept {
        assert_served(stream).await;
    }
    drop((kept, above));
    until_open(&connections, 0).await;
    assert_eq!(connections.addresses(), 0);
    assert_served(&mut connect("127.0.0.3", server).await).await;
}

#[actix_web::test]
async fn whether_it_lives_is_told_when_no_connection_is_left_and_nothing_else_is() {
    let (server, connections) = start(10, 1, &[]);
    let mut kept = connect("127.0.0.1", server).await;
    until_open(&connections, 1).await;
    let mut watcher = connect("127.0.0.2", server).await;
    let (answer, closed) = ask_for(&mut watcher, b"GET /health/live HTTP/1.1\r\nHost: x\r\n\r\n").await;
    assert!(
        answer.starts_with("HTTP/1.1 200") && answer.ends_with("alive"),
        "{answer}"
    );
    assert!(
        closed,
        "nobody holds a connection above the cap by asking: {answer}"
    );
    let mut other = connect("127.0.0.2", server).await;
    let (answer, _) = ask_for(&mut other, b"GET /health/live/x HTTP/1.1\r\nHost: x\r\n\r\n").await;
    assert!(answer.starts_with("HTTP/1.1 503"), "{answer}");
    assert_served(&mut kept).await;
}

#[actix_web::test]
async fn a_trusted_proxy_has_no_cap_of_its_own() {
    let (server, connections) = start(1, 3, &["127.0.0.9"]);
    let mut kept = Vec::new();
    for opened in 1..4 {
        kept.push(connect("127.0.0.9", server).await);
        until_open(&connections, opened).await;
    }
    for stream in &mut kept {
        assert_served(stream).await;
    }
    assert_refused(&mut connect("127.0.0.9", server).await).await;
}

#[actix_web::test]
async fn new_caps_hold_for_whoever_connects_from_then_on() {
    let (server, connections) = start(1, 2, &[]);
    let mut first = connect("127.0.0.1", server).await;
    assert_served(&mut first).await;
    assert_refused(&mut connect("127.0.0.1", server).await).await;
    until_open(&connections, 1).await;
    connections.set(ConnectionCaps {
        per_address: 2,
        total: 2,
    });
    let mut second = connect("127.0.0.1", server).await;
    assert_served(&mut second).await;
    assert_refused(&mut connect("127.0.0.2", server).await).await;
    connections.set(ConnectionCaps {
        per_address: 1,
        total: 3,
    });
    assert_served(&mut connect("127.0.0.2", server).await).await;
    for stream in [&mut first, &mut second] {
        assert_served(stream).await;
    }
}

/// Opens so many connections that say nothing; others are served meanwhile, and the silent ones are closed.
async fn flood_with_silence(many: usize) {
    let (server, connections) = start(many, many + 1, &[]);
    let mut silent = Vec::new();
    for _ in 0..many {
        silent.push(connect("127.0.0.1", server).await);
    }
    assert_served(&mut connect("127.0.0.2", server).await).await;
    assert!(connections.open() > many / 2, "{} are open", connections.open());
    for stream in &mut silent {
        let mut answer = Vec::new();
        let end = tokio::time::timeout(Duration::from_secs(60), stream.read_to_end(&mut answer)).await;
        assert!(end.is_ok(), "a connection that says nothing stays open");
        assert!(
            answer.is_empty() || answer.starts_with(b"HTTP/1.1 408"),
            "{}",
            String::from_utf8_lossy(&answer)
        );
    }
    drop(silent);
    until_open(&connections, 0).await;
    assert_served(&mut connect("127.0.0.1", server).await).await;
}

#[actix_web::test]
async fn a_thousand_silent_connections_keep_nobody_out_and_are_closed() {
    // Both ends are in this process; a shell may allow no more than 1,024 files.
    flood_with_silence(if may_open(2_200) { 1_000 } else { 400 }).await;
}

#[actix_web::test]
#[ignore = "needs 10,000 open files: ulimit -n 20000"]
async fn five_thousand_silent_connections_keep_nobody_out_and_are_closed() {
    flood_with_silence(5_000).await;
}

/// Whether this process may have so many files open.
fn may_open(files: usize) -> bool {
    let kept: Result<Vec<_>, _> = (0..files).map(|_| std::fs::File::open("/dev/null")).collect();
    kept.is_ok()
}
