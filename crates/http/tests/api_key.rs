//! Signed requests over a real connection: taken once, as they were signed, and never otherwise.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

use std::collections::HashMap;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use actix_web::{App, HttpServer, web};
use aws_lc_rs::hmac;
use aws_lc_rs::signature::{Ed25519KeyPair, KeyPair};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use edge_http::{
    ApiKeyLayer, ApiKeyRecord, Authenticated, Credential, Edge, EdgeLimits, IssuerSettings, JsonBody,
    JwtAlgorithm, JwtKeys, JwtSettings, KeyId, KeyMaterial, KeyStore, Problem, Scope, Scopes, SecretBox,
    SignedParts, TokenIssuer, TokenRequest, TokenVerifier, new_hmac_secret,
};
use runtime::ManualClock;
use secrecy::{ExposeSecret, SecretString};
use serde_json::Value;
use uuid::Uuid;

const NOW_MS: u64 = 1_767_225_600_000;
const SECRET: &str = "a secret that is long enough for HS256";
const BODY: &str = r#"{"price":"1","quantity":"2"}"#;
const TARGET: &str = "/orders?symbol=BTC-EUR&side=%62uy";

#[derive(Default)]
struct Keys(Mutex<HashMap<String, ApiKeyRecord>>);

impl KeyStore for Keys {
    fn find(&self, key_id: &str) -> Option<ApiKeyRecord> {
        self.0.lock().unwrap().get(key_id).cloned()
    }
}

#[derive(Clone, Copy, Debug, PartialEq)]
enum Kind {
    Hmac,
    Ed25519,
}

/// A server with a trading and a reading key of each kind.
struct Server {
    address: SocketAddr,
    clock: ManualClock,
    keys: Arc<Keys>,
    pair: Arc<Ed25519KeyPair>,
    client: reqwest::Client,
}

async fn place(caller: Authenticated, JsonBody(order): JsonBody<Value>) -> Result<String, Problem> {
    let identity = caller.with_any(&[Scope::Trade])?;
    assert_eq!(
        identity.expires_secs.is_none(),
        matches!(identity.credential, Credential::ApiKey(_))
    );
    Ok(format!("{} {} {order}", identity.user_id, identity.credential))
}

async fn look(caller: Authenticated) -> Result<String, Problem> {
    Ok(caller
        .with_any(&[Scope::Read, Scope::Trade])?
        .credential
        .to_string())
}

async fn open(body: String) -> String {
    body
}

fn verifier(clock: &ManualClock) -> TokenVerifier {
    let issuer = IssuerSettings {
        issuer: "us".to_owned(),
        audience: "engine".to_owned(),
        algorithm: JwtAlgorithm::Hs256,
        keys: JwtKeys::Secret(SecretString::from(SECRET)),
        leeway_secs: 5,
    };
    let settings = JwtSettings {
        issuers: vec![issuer],
        cache_entries: 100,
    };
    TokenVerifier::with_clock(&settings, clock.clone().into()).unwrap()
}

fn token() -> String {
    let request = TokenRequest {
        user_id: Uuid::from_u128(9),
        institution_id: None,
        scopes: Scopes::of(&[Scope::Trade]),
        issued_secs: NOW_MS / 1_000,
        valid_secs: 60,
    };
    let issuer = TokenIssuer::new(&SecretString::from(SECRET), "us", "engine").unwrap();
    issuer.issue(&request).unwrap().expose_secret().to_owned()
}

fn hmac_secret() -> SecretString {
    new_hmac_secret([7; 32])
}

impl Server {
    fn start() -> Self {
        Self::with_room(10_000)
    }

    fn with_room(room: usize) -> Self {
        let pkcs8 = Ed25519KeyPair::generate_pkcs8(&aws_lc_rs::rand::SystemRandom::new()).unwrap();
        let pair = Arc::new(Ed25519KeyPair::from_pkcs8(pkcs8.as_ref()).unwrap());
        let secrets = SecretBox::derive(&SecretString::from("s".repeat(32))).unwrap();
        let keys = Arc::new(Keys::default());
        for (name, scopes) in [
            ("trade", &[Scope::Trade, Scope::Read][..]),
            ("read", &[Scope::Read]),
        ] {
            for kind in [Kind::Hmac, Kind::Ed25519] {
                let id = key_id(kind, name);
                let material = match kind {
                    Kind::Hmac => {
                        let secret = hmac_secret();
                        let sealed =
                            secrets.seal(KeyId::new(&id).unwrap(), secret.expose_secret().as_bytes());
                        KeyMaterial::HmacSha256(sealed.unwrap().into())
                    }
                    Kind::Ed25519 => KeyMaterial::Ed25519(pair.public_key().as_ref().try_into().unwrap()),
                };
                let record = ApiKeyRecord {
                    user_id: Uuid::from_u128(7),
                    institution_id: None,
                    scopes: Scopes::of(scopes),
                    material,
                    addresses: Vec::new(),
                    revoked: false,
                };
                keys.0.lock().unwrap().insert(id, record);
            }
        }
        let clock = ManualClock::at(NOW_MS * 1_000);
        let store: Arc<dyn KeyStore> = Arc::clone(&keys) as Arc<dyn KeyStore>;
        let layer = ApiKeyLayer::with_room(store, secrets, clock.clone().into(), room);
        let verifier = web::Data::new(verifier(&clock));
        let limits = EdgeLimits {
            body_bytes: 1_024,
            body_timeout: Duration::from_secs(2),
            request_timeout: Duration::from_secs(10),
        };
        let app = move || {
            App::new()
                .wrap(layer.clone())
                .wrap(Edge::new(limits, || "made".to_owned()))
                .app_data(verifier.clone())
                .service(
                    web::resource("/orders")
                        .route(web::post().to(place))
                        .route(web::get().to(look)),
                )
                .service(web::resource("/other").route(web::post().to(place)))
                .service(web::resource("/open").route(web::post().to(open)))
        };
        let server = HttpServer::new(app).workers(2).bind(("127.0.0.1", 0)).unwrap();
        let address = server.addrs()[0];
        actix_web::rt::spawn(server.disable_signals().run());
        Self {
            address,
            clock,
            keys,
            pair,
            client: reqwest::Client::builder().no_proxy().build().unwrap(),
        }
    }

    fn change(&self, kind: Kind, change: impl FnOnce(&mut ApiKeyRecord)) {
        change(
            self.keys
                .0
                .lock()
                .unwrap()
                .get_mut(&key_id(kind, "trade"))
                .unwrap(),
        );
    }

    fn sign(&self, kind: Kind, message: &[u8]) -> String {
        match kind {
            Kind::Hmac => {
                let key = hmac::Key::new(hmac::HMAC_SHA256, hmac_secret().expose_secret().as_bytes());
                let tag = hmac::sign(&key, message);
                tag.as_ref().iter().map(|byte| format!("{byte:02x}")).collect()
            }
            Kind::Ed25519 => STANDARD.encode(self.pair.sign(message)),
        }
    }

    /// A good order, signed at this time.
    fn order(&self, kind: Kind, timestamp_ms: u64) -> Sent {
        let timestamp = timestamp_ms.to_string();
        let message = SignedParts {
            timestamp: &timestamp,
            recv_window: "5000",
            method: "POST",
            target: TARGET,
            body: BODY.as_bytes(),
        };
        Sent {
            method: reqwest::Method::POST,
            target: TARGET.to_owned(),
            body: BODY.to_owned(),
            headers: vec![
                ("x-api-key", key_id(kind, "trade")),
                ("x-api-timestamp", timestamp.clone()),
                ("x-api-signature", self.sign(kind, &message.bytes())),
            ],
        }
    }

    async fn send(&self, sent: &Sent) -> (u16, String) {
        let url = format!("http://{}{}", self.address, sent.target);
        let mut request = self
            .client
            .request(sent.method.clone(), url)
            .body(sent.body.clone());
        request = request.header("content-type", "application/json");
        for (name, value) in &sent.headers {
            request = request.header(*name, value);
        }
        let answer = request.send().await.unwrap();
        (answer.status().as_u16(), answer.text().await.unwrap())
    }
}

fn key_id(kind: Kind, name: &str) -> String {
    format!("{kind:?}-{name}")
}

/// A request as it goes out.
#[derive(Clone)]
struct Sent {
    method: reqwest::Method,
    target: String,
    body: String,
    headers: Vec<(&'static str, String)>,
}

impl Sent {
    fn with(mut self, name: &'static str, value: impl Into<String>) -> Self {
        self.headers.retain(|(other, _)| *other != name);
        self.and(name, value)
    }

    fn and(mut self, name: &'static str, value: impl Into<String>) -> Self {
        self.headers.push((name, value.into()));
        self
    }

    fn without(mut self, name: &str) -> Self {
        self.headers.retain(|(other, _)| *other != name);
        self
    }

    fn header(&self, name: &str) -> String {
        let found = self.headers.iter().find(|(other, _)| *other == name);
        found.unwrap().1.clone()
    }
}

#[actix_web::test]
async fn a_good_request_is_taken_once_and_the_handler_gets_its_body() {
    for kind in [Kind::Hmac, Kind::Ed25519] {
        let server = Server::start();
        let order = server.order(kind, NOW_MS);
        let (status, text) = server.send(&order).await;
        assert_eq!(status, 200, "{kind:?}: {text}");
        let whom = Uuid::from_u128(7);
        assert_eq!(text, format!("{whom} key:{kind:?}-trade {BODY}"));
        for _ in 0..4 {
            assert_eq!(server.send(&order).await.0, 401, "{kind:?}: a replay");
        }
        server.clock.advance(Duration::from_millis(5_000));
        assert_eq!(
            server.send(&order).await.0,
            401,
            "{kind:?}: a replay at the end of the window"
        );
        server.clock.advance(Duration::from_secs(60));
        assert_eq!(
            server.send(&order).await.0,
            401,
            "{kind:?}: a replay after the window"
        );
        server.clock.set_wall_us(NOW_MS * 1_000);
        assert_eq!(
            server.send(&order).await.0,
            401,
            "{kind:?}: a replay after the clock stepped back"
        );
    }
}

#[actix_web::test]
async fn a_request_that_is_not_as_it_was_signed_is_refused() {
    for kind in [Kind::Hmac, Kind::Ed25519] {
        let server = Server::start();
        let order = server.order(kind, NOW_MS);
        let signature = order.header("x-api-signature");
        let changed = |change: fn(&mut Sent)| {
            let mut sent = order.clone();
            change(&mut sent);
            sent
        };
        let mut flipped = signature.clone().into_bytes();
        flipped[3] = if flipped[3] == b'a' { b'b' } else { b'a' };
        let mut bodies = Vec::new();
        for (what, sent) in [
            (
                "the body",
                changed(|sent| sent.body = BODY.replace("\"1\"", "\"9\"")),
            ),
            (
                "a space in the body",
                changed(|sent| sent.body = BODY.replace(':', ": ")),
            ),
            ("no body", changed(|sent| sent.body = String::new())),
            (
                "the path",
                changed(|sent| sent.target = TARGET.replace("/orders", "/other")),
            ),
            (
                "an unknown path",
                changed(|sent| sent.target = TARGET.replace("/orders", "/nowhere")),
            ),
            (
                "the order of the query",
                changed(|sent| sent.target = "/orders?side=%62uy&symbol=BTC-EUR".to_owned()),
            ),
            (
                "the escapes",
                changed(|sent| sent.target = TARGET.replace("%62", "b")),
            ),
            ("more query", changed(|sent| sent.target += "&x=1")),
            ("no query", changed(|sent| sent.target = "/orders".to_owned())),
            ("the method", changed(|sent| sent.method = reqwest::Method::GET)),
            (
                "the timestamp",
                order.clone().with("x-api-timestamp", (NOW_MS + 1).to_string()),
            ),
            (
                "the timestamp's text",
                order.clone().with("x-api-timestamp", format!("0{NOW_MS}")),
            ),
            ("the window", order.clone().with("x-api-recv-window", "60000")),
            (
                "the window's text",
                order.clone().with("x-api-recv-window", "05000"),
            ),
            (
                "too long a window",
                order.clone().with("x-api-recv-window", "60001"),
            ),
            ("no number", order.clone().with("x-api-recv-window", "+5000")),
            (
                "two windows",
                order
                    .clone()
                    .and("x-api-recv-window", "5000")
                    .and("x-api-recv-window", "5000"),
            ),
            ("no timestamp", order.clone().without("x-api-timestamp")),
            (
                "a negative timestamp",
                order.clone().with("x-api-timestamp", "-1"),
            ),
            (
                "a huge timestamp",
                order.clone().with("x-api-timestamp", "9".repeat(40)),
            ),
            ("no signature", order.clone().without("x-api-signature")),
            ("an empty signature", order.clone().with("x-api-signature", "")),
            (
                "another signature",
                order
                    .clone()
                    .with("x-api-signature", String::from_utf8(flipped.clone()).unwrap()),
            ),
            (
                "a longer signature",
                order.clone().with("x-api-signature", format!("{signature}00")),
            ),
            (
                "a shorter signature",
                order
                    .clone()
                    .with("x-api-signature", &signature[..signature.len() - 2]),
            ),
            (
                "capitals",
                order
                    .clone()
                    .with("x-api-signature", signature.to_ascii_uppercase()),
            ),
            (
                "two signatures",
                order.clone().and("x-api-signature", signature.clone()),
            ),
            ("an unknown key", order.clone().with("x-api-key", "nobody")),
            (
                "a strange key",
                order.clone().with("x-api-key", "../../etc' OR 1=1"),
            ),
            ("a long key", order.clone().with("x-api-key", "k".repeat(5_000))),
            (
                "another key's id",
                order.clone().with("x-api-key", key_id(kind, "nobody")),
            ),
            ("two keys", order.clone().and("x-api-key", "nobody")),
            (
                "a token too",
                order.clone().and("authorization", format!("Bearer {}", token())),
            ),
        ] {
            let (status, text) = server.send(&sent).await;
            assert_eq!(status, 401, "{kind:?}, {what}: {text}");
            bodies.push(text);
        }
        let no_token = order.clone().without("x-api-key");
        bodies.push(server.send(&no_token).await.1);
        assert!(bodies.windows(2).all(|two| two[0] == two[1]), "{bodies:?}");
        assert_eq!(
            server.send(&order).await.0,
            200,
            "{kind:?}: what was refused took no place"
        );
    }
}

#[actix_web::test]
async fn a_signature_of_the_other_kind_is_refused() {
    let server = Server::start();
    for (kind, other) in [(Kind::Hmac, Kind::Ed25519), (Kind::Ed25519, Kind::Hmac)] {
        let order = server
            .order(kind, NOW_MS)
            .with("x-api-key", key_id(other, "trade"));
        assert_eq!(server.send(&order).await.0, 401, "{kind:?}");
    }
}

#[actix_web::test]
async fn a_request_counts_within_its_window_only() {
    for kind in [Kind::Hmac, Kind::Ed25519] {
        let server = Server::start();
        for (signed_ms, status) in [
            (NOW_MS - 6_000, 401),
            (NOW_MS - 5_001, 401),
            (NOW_MS - 5_000, 200),
            (NOW_MS + 999, 200),
            (NOW_MS + 1_000, 401),
            (NOW_MS + 6_000, 401),
            (0, 401),
        ] {
            let order = server.order(kind, signed_ms);
            assert_eq!(server.send(&order).await.0, status, "{kind:?} {signed_ms}");
        }
    }
}

#[actix_web::test]
async fn a_window_that_is_named_is_signed_and_holds() {
    let server = Server::start();
    for (window, age_ms, status) in [
        ("5000", 1_000, 200),
        ("10000", 9_000, 200),
        ("60000", 60_000, 200),
        ("100", 101, 401),
        ("60001", 1, 401),
    ] {
        let timestamp = (NOW_MS - age_ms).to_string();
        let message = SignedParts {
            timestamp: &timestamp,
            recv_window: window,
            method: "POST",
            target: TARGET,
            body: BODY.as_bytes(),
        };
        let order = server
            .order(Kind::Hmac, NOW_MS - age_ms)
            .with("x-api-recv-window", window)
            .with("x-api-signature", server.sign(Kind::Hmac, &message.bytes()));
        assert_eq!(server.send(&order).await.0, status, "{window}");
    }
}

#[actix_web::test]
async fn a_revoked_key_or_a_foreign_address_is_refused() {
    for kind in [Kind::Hmac, Kind::Ed25519] {
        let server = Server::start();
        let mut signed_ms = NOW_MS;
        for (networks, status) in [
            (&["127.0.0.0/8"][..], 200),
            (&["10.0.0.0/8", "127.0.0.1/32"], 200),
            (&["10.0.0.0/8", "::1/128"], 401),
            (&[], 200),
        ] {
            server.change(kind, |key| {
                key.addresses = networks.iter().map(|network| network.parse().unwrap()).collect();
            });
            signed_ms -= 1;
            assert_eq!(
                server.send(&server.order(kind, signed_ms)).await.0,
                status,
                "{networks:?}"
            );
        }
        server.change(kind, |key| key.revoked = true);
        assert_eq!(server.send(&server.order(kind, NOW_MS)).await.0, 401, "revoked");
        server.change(kind, |key| key.revoked = false);
        assert_eq!(server.send(&server.order(kind, NOW_MS)).await.0, 200);
        server.change(kind, |key| key.material = KeyMaterial::HmacSha256([1; 90].into()));
        assert_eq!(
            server.send(&server.order(kind, NOW_MS + 1)).await.0,
            401,
            "sealed by nobody"
        );
    }
}

#[actix_web::test]
async fn a_key_that_may_only_look_places_nothing() {
    for kind in [Kind::Hmac, Kind::Ed25519] {
        let server = Server::start();
        let order = server.order(kind, NOW_MS).with("x-api-key", key_id(kind, "read"));
        assert_eq!(server.send(&order).await.0, 403, "{kind:?}");
        let timestamp = NOW_MS.to_string();
        let message = SignedParts {
            timestamp: &timestamp,
            recv_window: "5000",
            method: "GET",
            target: "/orders",
            body: b"",
        };
        let sent = Sent {
            method: reqwest::Method::GET,
            target: "/orders".to_owned(),
            body: String::new(),
            headers: vec![
                ("x-api-key", key_id(kind, "read")),
                ("x-api-timestamp", timestamp.clone()),
                ("x-api-signature", server.sign(kind, &message.bytes())),
            ],
        };
        assert_eq!(server.send(&sent).await, (200, format!("key:{kind:?}-read")));
    }
}

#[actix_web::test]
async fn requests_without_a_key_pass_and_tokens_count_as_before() {
    let server = Server::start();
    let order = Sent {
        method: reqwest::Method::POST,
        target: TARGET.to_owned(),
        body: BODY.to_owned(),
        headers: vec![("authorization", format!("Bearer {}", token()))],
    };
    let (status, text) = server.send(&order).await;
    assert_eq!(
        (status, text),
        (200, format!("{} token {BODY}", Uuid::from_u128(9)))
    );
    assert_eq!(server.send(&order.clone().without("authorization")).await.0, 401);
    let open = Sent {
        target: "/open".to_owned(),
        ..order.without("authorization")
    };
    assert_eq!(server.send(&open).await, (200, BODY.to_owned()));
}

#[actix_web::test]
async fn when_no_more_can_be_remembered_new_requests_are_refused_and_replays_too() {
    let server = Server::with_room(16);
    let mut taken = Vec::new();
    let mut refused = 0;
    for age_ms in 0..200 {
        let order = server.order(Kind::Hmac, NOW_MS - age_ms);
        match server.send(&order).await.0 {
            200 => taken.push(order),
            503 => refused += 1,
            status => panic!("{status}"),
        }
    }
    assert!(!taken.is_empty() && taken.len() <= 16 && refused >= 184);
    for order in &taken {
        assert_eq!(server.send(order).await.0, 401);
    }
    server.clock.advance(Duration::from_secs(7));
    assert_eq!(
        server.send(&server.order(Kind::Hmac, NOW_MS + 7_000)).await.0,
        200
    );
}

#[actix_web::test]
async fn the_limits_of_the_edge_hold_for_signed_bodies() {
    let server = Server::start();
    let mut order = server.order(Kind::Hmac, NOW_MS);
    order.body = "x".repeat(1_025);
    let (status, text) = server.send(&order).await;
    assert_eq!(status, 413, "{text}");
    let id = key_id(Kind::Hmac, "trade");
    let head = |method: &str, more: &str| {
        format!(
            "{method} /orders HTTP/1.1\r\nHost: x\r\nX-API-Key: {id}\r\nX-API-Timestamp: {NOW_MS}\r\n\
             X-API-Signature: 00\r\nConnection: close\r\n{more}\r\n"
        )
    };
    for (what, head, starts) in [
        (
            "a body that never comes",
            head("POST", "Content-Length: 10\r\n"),
            "HTTP/1.1 408",
        ),
        (
            "a handshake, which has no body",
            head("GET", "Upgrade: websocket\r\n").replace("Connection: close", "Connection: Upgrade"),
            "HTTP/1.1 401",
        ),
    ] {
        let answer = raw(server.address, &head).await;
        assert!(answer.starts_with(starts), "{what}: {answer}");
    }
}

/// The first line of what comes back.
async fn raw(address: SocketAddr, text: &str) -> String {
    use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader};
    let mut stream = tokio::net::TcpStream::connect(address).await.unwrap();
    stream.write_all(text.as_bytes()).await.unwrap();
    let mut line = String::new();
    let mut reader = BufReader::new(stream);
    let _ = tokio::time::timeout(Duration::from_secs(10), reader.read_line(&mut line)).await;
    line
}
