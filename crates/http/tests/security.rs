//! Bad tokens over a real connection: every one gets the same 401.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

use std::net::SocketAddr;
use std::time::Duration;

use actix_web::{App, HttpServer, web};
use aws_lc_rs::signature::{Ed25519KeyPair, KeyPair};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use edge_http::{
    Authenticated, Edge, EdgeLimits, IssuerSettings, JwtAlgorithm, JwtKeys, JwtSettings, ListedKey, Problem,
    Scope, TokenVerifier,
};
use jsonwebtoken::{Algorithm, EncodingKey, Header, encode};
use runtime::ManualClock;
use secrecy::SecretString;
use serde_json::{Map, Value, json};

const NOW: u64 = 1_767_225_600;
const SECRET: &str = "a secret that is long enough for HS256";

struct Key {
    pkcs8: Vec<u8>,
}

impl Key {
    fn new() -> Self {
        let pkcs8 = Ed25519KeyPair::generate_pkcs8(&aws_lc_rs::rand::SystemRandom::new()).unwrap();
        Self {
            pkcs8: pkcs8.as_ref().to_vec(),
        }
    }

    /// The `x` of its JWK.
    fn public(&self) -> String {
        let pair = Ed25519KeyPair::from_pkcs8(&self.pkcs8).unwrap();
        URL_SAFE_NO_PAD.encode(pair.public_key())
    }

    fn sign(&self, kid: &str, claims: &Value) -> String {
        let header = Header {
            kid: Some(kid.to_owned()),
            ..Header::new(Algorithm::EdDSA)
        };
        encode(&header, claims, &EncodingKey::from_ed_der(&self.pkcs8)).unwrap()
    }
}

/// Good claims of the issuer `ed` with these changes; null takes a claim out.
fn claims(changes: Value) -> Value {
    let mut claims: Map<String, Value> = serde_json::from_value(json!({
        "iss": "ed", "aud": "engine", "sub": "018bcfe5-687b-7000-8000-00000000002a", "exp": NOW + 3_600,
        "scope": "trade"
    }))
    .unwrap();
    for (name, value) in changes.as_object().unwrap() {
        match value {
            Value::Null => claims.remove(name),
            value => claims.insert(name.clone(), value.clone()),
        };
    }
    Value::Object(claims)
}

fn hs256(secret: &[u8], claims: &Value) -> String {
    encode(
        &Header::new(Algorithm::HS256),
        claims,
        &EncodingKey::from_secret(secret),
    )
    .unwrap()
}

async fn trade(caller: Authenticated) -> Result<String, Problem> {
    Ok(caller.with_any(&[Scope::Trade])?.user_id.to_string())
}

struct Server {
    address: SocketAddr,
    clock: ManualClock,
    old: Key,
    new: Key,
    client: reqwest::Client,
}

impl Server {
    /// Knows the issuer `ed` with two Ed25519 keys, the old one until a minute from now, and `hs` with a secret.
    fn start() -> Self {
        let (old, new) = (Key::new(), Key::new());
        let listed = |kid: &str, key: &Key, not_after| ListedKey {
            kid: Some(kid.to_owned()),
            material: SecretString::from(key.public()),
            not_after,
        };
        let ed = IssuerSettings {
            issuer: "ed".to_owned(),
            audience: "engine".to_owned(),
            algorithm: JwtAlgorithm::EdDsa,
            keys: JwtKeys::Listed(vec![
                listed("old", &old, Some(NOW + 60)),
                listed("new", &new, None),
            ]),
            leeway_secs: 5,
        };
        let hs = IssuerSettings {
            issuer: "hs".to_owned(),
            algorithm: JwtAlgorithm::Hs256,
            keys: JwtKeys::Secret(SecretString::from(SECRET)),
            ..ed.clone()
        };
        let settings = JwtSettings {
            issuers: vec![ed, hs],
            cache_entries: 100,
        };
        let clock = ManualClock::at(NOW * 1_000_000);
        let verifier = TokenVerifier::with_clock(&settings, clock.clone().into()).unwrap();
        let verifier = web::Data::new(verifier);
        let app = move || {
            App::new()
                .wrap(Edge::new(EdgeLimits::default(), || "made".to_owned()))
                .app_data(verifier.clone())
                .service(web::resource("/trade").route(web::get().to(trade)))
        };
        let server = HttpServer::new(app).workers(1).bind(("127.0.0.1", 0)).unwrap();
        let address = server.addrs()[0];
        actix_web::rt::spawn(server.disable_signals().run());
        Self {
            address,
            clock,
            old,
            new,
            client: reqwest::Client::builder().no_proxy().build().unwrap(),
        }
    }

    async fn ask(&self, token: Option<&str>) -> (u16, String) {
        let mut request = self.client.get(format!("http://{}/trade", self.address));
        if let Some(token) = token {
            request = request.header("authorization", format!("Bearer {token}"));
        }
        let answer = request.send().await.unwrap();
        (answer.status().as_u16(), answer.text().await.unwrap())
    }
}

#[actix_web::test]
async fn every_bad_token_gets_the_same_401() {
    let server = Server::start();
    let good = claims(json!({}));
    let payload = URL_SAFE_NO_PAD.encode(good.to_string());
    let unsigned = |header: Value| format!("{}.{payload}.", URL_SAFE_NO_PAD.encode(header.to_string()));
    let of_new = |changes: Value| server.new.sign("new", &claims(changes));
    let public = server.new.public();
    let point = URL_SAFE_NO_PAD.decode(&public).unwrap();
    let nothing = server.ask(None).await;
    assert_eq!(nothing.0, 401);
    for (what, token) in [
        ("garbage", "garbage".to_owned()),
        ("dots", "..".to_owned()),
        ("alg none", unsigned(json!({"alg": "none", "kid": "new"}))),
        ("alg NONE", unsigned(json!({"alg": "NONE", "kid": "new"}))),
        ("no alg", unsigned(json!({"typ": "JWT", "kid": "new"}))),
        (
            "HS256 with the public key's text",
            hs256(public.as_bytes(), &good),
        ),
        ("HS256 with the public key's bytes", hs256(&point, &good)),
        (
            "HS256 with the other issuer's secret",
            hs256(SECRET.as_bytes(), &good),
        ),
        ("another key", Key::new().sign("new", &good)),
        ("the old key under the new name", server.old.sign("new", &good)),
        (
            "a key for the issuer of secrets",
            server.new.sign("new", &claims(json!({"iss": "hs"}))),
        ),
        ("an unknown kid", server.new.sign("newer", &good)),
        ("a path as kid", server.new.sign("../../new", &good)),
        ("SQL as kid", server.new.sign("new' OR '1'='1", &good)),
        ("10 kB of kid", server.new.sign(&"k".repeat(10_000), &good)),
        ("exp 6 s ago", of_new(json!({"exp": NOW - 6}))),
        ("nbf in an hour", of_new(json!({"nbf": NOW + 3_600}))),
        ("no exp", of_new(json!({"exp": null}))),
        ("no aud", of_new(json!({"aud": null}))),
        ("no iss", of_new(json!({"iss": null}))),
        ("no sub", of_new(json!({"sub": null}))),
        ("another aud", of_new(json!({"aud": "wallet"}))),
        ("another iss", of_new(json!({"iss": "them"}))),
    ] {
        assert_eq!(server.ask(Some(&token)).await, nothing, "{what}");
    }
    assert_eq!(server.ask(Some(&of_new(json!({})))).await.0, 200);
    assert_eq!(server.ask(Some(&of_new(json!({"exp": NOW - 5})))).await.0, 200);
    let by_secret = hs256(SECRET.as_bytes(), &claims(json!({"iss": "hs"})));
    assert_eq!(server.ask(Some(&by_secret)).await.0, 200);
    assert_eq!(server.ask(Some(&of_new(json!({"scope": "read"})))).await.0, 403);
}

#[actix_web::test]
async fn a_thousand_unknown_keys_are_a_thousand_times_the_same_401() {
    let server = Server::start();
    let nothing = server.ask(None).await;
    let stranger = Key::new();
    for number in 0..1_000 {
        let token = stranger.sign(&format!("unknown-{number}"), &claims(json!({})));
        assert_eq!(server.ask(Some(&token)).await, nothing, "{number}");
    }
}

#[actix_web::test]
async fn the_old_key_counts_while_the_keys_overlap_and_not_after() {
    let server = Server::start();
    let of_old = server.old.sign("old", &claims(json!({})));
    let of_new = server.new.sign("new", &claims(json!({})));
    for (waited, old, new) in [
        (0, 200, 200),
        (60, 200, 200),
        (1, 401, 200),
        (3_000, 401, 200),
        (600, 401, 401),
    ] {
        server.clock.advance(Duration::from_secs(waited));
        assert_eq!(
            server.ask(Some(&of_old)).await.0,
            old,
            "the old key {waited} s later"
        );
        assert_eq!(
            server.ask(Some(&of_new)).await.0,
            new,
            "the new key {waited} s later"
        );
    }
}
