//! Whom a gateway behind the load balancer (docker/nginx/nginx.conf) takes its callers for: nobody passes for another address.
#![allow(
    clippy::unwrap_used,
    clippy::print_stderr,
    reason = "tests may panic and say what they leave out"
)]

use std::collections::BTreeSet;
use std::net::{IpAddr, SocketAddr};
use std::path::Path;

use futures_util::future::join_all;
use serde_json::Value;
use tempfile::TempDir;
use testbed::{Member, Nginx, Options};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpSocket;

/// How many requests are made where a few are too many.
const REQUESTS: u8 = 40;
/// What asks for a WebSocket.
const HANDSHAKE: &str = "Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n\
    Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n";

/// A gateway and the balancer before it.
struct Venue {
    gateway: Member,
    nginx: Nginx,
    _dir: TempDir,
}

impl Venue {
    /// With these limits; none where nginx is not installed.
    async fn start(limits: &[(&str, &str)]) -> Option<Self> {
        let dir = tempfile::tempdir().unwrap();
        let programs = Path::new(env!("CARGO_BIN_EXE_gateway")).parent().unwrap();
        let mut gateway = Member::embedded(programs, dir.path()).unwrap();
        gateway.set("TRADE_ENGINE_EMBEDDED__MIN_FREE_BYTES", "16777216");
        gateway.set("TRADE_ENGINE_LOGGING__FORMAT", "json");
        // The balancer.
        gateway.set("TRADE_ENGINE_SERVER__TRUSTED_PROXIES", r#"["127.0.0.1"]"#);
        for (name, value) in limits {
            gateway.set(format!("TRADE_ENGINE_LIMITS__{name}"), *value);
        }
        let websockets = gateway.websocket_url();
        let websockets = websockets.trim_start_matches("ws://").trim_end_matches("/ws");
        let public = format!("127.0.0.1:{}", gateway.port());
        let mut options = Options::new();
        for number in 1..=2 {
            options = options
                .setting(&format!("gateway-{number}:8080"), &public)
                .setting(&format!("gateway-{number}:8081"), websockets);
        }
        match Nginx::start(options).await {
            Ok(nginx) => {
                gateway.start().await.unwrap();
                Some(Self {
                    gateway,
                    nginx,
                    _dir: dir,
                })
            }
            Err(error) if format!("{error:#}").contains("is not installed") => {
                eprintln!("skipped: {error:#}");
                None
            }
            Err(error) => panic!("{error:#}"),
        }
    }

    /// The two listeners of the balancer.
    fn ports(&self) -> [u16; 2] {
        let url = self.nginx.websocket_url();
        let websockets = url.rsplit(':').next().unwrap().trim_end_matches("/ws");
        [self.nginx.port(), websockets.parse().unwrap()]
    }

    /// The addresses that the gateway has logged callers of these routes under.
    fn logged(&self, routes: &[&str]) -> BTreeSet<IpAddr> {
        let log = self.gateway.log();
        let lines = log.lines().filter_map(|line| serde_json::from_str(line).ok());
        let lines = lines.filter(|line: &Value| routes.iter().any(|route| line["route"] == *route));
        lines
            .map(|line| line["address"].as_str().unwrap().parse().unwrap())
            .collect()
    }
}

/// The headers of a caller that says to be somebody else, each time another, in all the ways there are.
fn forged(number: u8) -> String {
    format!(
        "X-Forwarded-For: 198.51.100.{number}\r\nX-Forwarded-For: 203.0.113.{number}, 198.51.100.{number}\r\n\
         Forwarded: for=198.51.100.{number}\r\nX-Real-IP: 198.51.100.{number}\r\n"
    )
}

/// The status of the answer to a request from this address of our machine.
async fn asked(from: &str, port: u16, path: &str, headers: &str) -> u16 {
    let socket = TcpSocket::new_v4().unwrap();
    socket.bind(format!("{from}:0").parse().unwrap()).unwrap();
    let mut stream = socket
        .connect(SocketAddr::from(([127, 0, 0, 1], port)))
        .await
        .unwrap();
    let kind = if path == "/ws" { HANDSHAKE } else { "" };
    let request = format!("GET {path} HTTP/1.1\r\nHost: x\r\n{kind}{headers}\r\n");
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut answer = [0; "HTTP/1.1 200".len()];
    stream.read_exact(&mut answer).await.unwrap();
    let (_, status) = str::from_utf8(&answer).unwrap().split_once(' ').unwrap();
    status.parse().unwrap()
}

#[tokio::test]
async fn who_guesses_tokens_under_ever_different_addresses_is_stopped_all_the_same() {
    const GUESS: &str = "Authorization: Bearer x\r\n";
    let limits = [
        ("ADDRESS_REQUESTS_PER_SECOND", "100000"),
        ("ADDRESS_BURST", "100000"),
        ("FAILED_LOGINS_PER_MINUTE", "3"),
    ];
    let Some(venue) = Venue::start(&limits).await else {
        return;
    };
    let [public, websockets] = venue.ports();
    let mut callers = BTreeSet::new();
    for (what, from, honest, port, path) in [
        (
            "over HTTP",
            "127.0.0.11",
            "127.0.0.12",
            public,
            "/api/v1/balances",
        ),
        ("to a WebSocket", "127.0.0.13", "127.0.0.14", public, "/ws"),
        (
            "at the second listener",
            "127.0.0.15",
            "127.0.0.16",
            websockets,
            "/ws",
        ),
        (
            "where the gateway trusts it as a proxy",
            "127.0.0.1",
            "127.0.0.17",
            public,
            "/api/v1/balances",
        ),
    ] {
        let mut answers = BTreeSet::new();
        for number in 0..REQUESTS {
            answers.insert(asked(from, port, path, &format!("{GUESS}{}", forged(number))).await);
        }
        assert_eq!(answers, BTreeSet::from([401, 429]), "{what}");
        assert_eq!(asked(honest, port, path, GUESS).await, 401, "{what}");
        callers.extend([from, honest].map(|address| address.parse::<IpAddr>().unwrap()));
    }
    assert_eq!(venue.logged(&["/api/v1/balances", "/ws"]), callers);
}

#[tokio::test]
async fn who_asks_too_much_under_ever_different_addresses_is_stopped_all_the_same() {
    let limits = [("ADDRESS_REQUESTS_PER_SECOND", "1"), ("ADDRESS_BURST", "2")];
    let Some(venue) = Venue::start(&limits).await else {
        return;
    };
    let [public, _] = venue.ports();
    const PATH: &str = "/api/v1/markets";
    for from in ["127.0.0.21", "127.0.0.1"] {
        let headers: Vec<String> = (0..REQUESTS).map(forged).collect();
        // At once: a second gives one request more.
        let asking = headers.iter().map(|headers| asked(from, public, PATH, headers));
        let answers = join_all(asking).await;
        assert!(answers.contains(&429), "{from}: {answers:?}");
    }
    assert_eq!(asked("127.0.0.22", public, PATH, "").await, 200);
    let callers = ["127.0.0.1", "127.0.0.21", "127.0.0.22"].map(|address| address.parse().unwrap());
    assert_eq!(venue.logged(&["/api/v1/markets"]), BTreeSet::from(callers));
}
