//! Keys from an address: a real local server counts how often it is asked, and the clock is moved by hand.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use aws_lc_rs::signature::{Ed25519KeyPair, KeyPair};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use edge_http::{IssuerSettings, JwtAlgorithm, JwtKeys, JwtSettings, TokenVerifier};
use jsonwebtoken::{Algorithm, EncodingKey, Header, encode, get_current_timestamp};
use serde_json::json;

/// What the server says, and how often it was asked.
#[derive(Clone)]
struct KeyServer {
    address: SocketAddr,
    asked: Arc<AtomicUsize>,
    answer: Arc<Mutex<String>>,
}

fn ok(body: &str) -> String {
    format!(
        "HTTP/1.1 200 OK\r\nContent-Length: {}\r\nConnection: close\r\n\r\n{body}",
        body.len()
    )
}

impl KeyServer {
    fn start(answer: String) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let server = Self {
            address: listener.local_addr().unwrap(),
            asked: Arc::default(),
            answer: Arc::new(Mutex::new(answer)),
        };
        let serving = server.clone();
        std::thread::spawn(move || {
            for stream in listener.incoming() {
                let mut stream = stream.unwrap();
                let mut request = Vec::new();
                let mut buffer = [0; 1_024];
                while !request.ends_with(b"\r\n\r\n") {
                    match stream.read(&mut buffer) {
                        Ok(count) if count > 0 => request.extend_from_slice(&buffer[..count]),
                        _ => break,
                    }
                }
                let answer = serving.answer.lock().unwrap().clone();
                let _ = stream.write_all(answer.as_bytes());
                serving.asked.fetch_add(1, Ordering::SeqCst);
            }
        });
        server
    }

    fn asked(&self) -> usize {
        self.asked.load(Ordering::SeqCst)
    }

    fn say(&self, answer: String) {
        *self.answer.lock().unwrap() = answer;
    }

    fn verifier(&self) -> TokenVerifier {
        let settings = JwtSettings {
            issuers: vec![IssuerSettings {
                issuer: "us".to_owned(),
                audience: "engine".to_owned(),
                algorithm: JwtAlgorithm::EdDsa,
                keys: JwtKeys::Address(format!("http://{}/keys", self.address)),
                leeway_secs: 5,
            }],
            cache_entries: 100,
        };
        TokenVerifier::new(&settings).unwrap()
    }
}

/// A key pair under a name.
struct Key {
    kid: String,
    pkcs8: Vec<u8>,
}

impl Key {
    fn new(kid: &str) -> Self {
        let pkcs8 = Ed25519KeyPair::generate_pkcs8(&aws_lc_rs::rand::SystemRandom::new()).unwrap();
        Self {
            kid: kid.to_owned(),
            pkcs8: pkcs8.as_ref().to_vec(),
        }
    }

    fn jwk(&self) -> serde_json::Value {
        let pair = Ed25519KeyPair::from_pkcs8(&self.pkcs8).unwrap();
        json!({"kty": "OKP", "crv": "Ed25519", "kid": self.kid, "x": URL_SAFE_NO_PAD.encode(pair.public_key())})
    }

    fn token_as(&self, kid: &str) -> String {
        let header = Header {
            kid: Some(kid.to_owned()),
            ..Header::new(Algorithm::EdDSA)
        };
        let claims = json!({
            "iss": "us", "aud": "engine", "sub": "018bcfe5-687b-7000-8000-00000000002a",
            "exp": get_current_timestamp() + 3_600
        });
        encode(&header, &claims, &EncodingKey::from_ed_der(&self.pkcs8)).unwrap()
    }

    fn token(&self) -> String {
        self.token_as(&self.kid)
    }
}

fn set(keys: &[&Key]) -> String {
    ok(&json!({"keys": keys.iter().map(|key| key.jwk()).collect::<Vec<_>>()}).to_string())
}

/// Moves tokio's clock; the sockets go on in real time.
async fn pass(seconds: u64) {
    tokio::time::pause();
    tokio::time::advance(Duration::from_secs(seconds)).await;
    tokio::time::resume();
}

/// Waits until it holds; what never comes to hold fails.
async fn until(what: &str, holds: impl Fn() -> bool) {
    for _ in 0..2_000 {
        if holds() {
            return;
        }
        tokio::time::sleep(Duration::from_millis(2)).await;
    }
    panic!("{what}");
}

/// Lets everything that is ready run.
async fn settle() {
    for _ in 0..20 {
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
}

fn spawn(verifier: &TokenVerifier) -> tokio::task::JoinHandle<()> {
    let refresher = verifier.jwks_refresher().unwrap();
    tokio::spawn(refresher.run(std::future::pending()))
}

#[tokio::test]
async fn a_thousand_unknown_keys_cause_one_fetch_a_minute() {
    let (known, other) = (Key::new("1"), Key::new("2"));
    let server = KeyServer::start(set(&[&known]));
    let verifier = server.verifier();
    assert!(verifier.verify(&known.token()).is_err(), "nothing is fetched yet");
    assert_eq!(server.asked(), 0);
    let task = spawn(&verifier);
    until("the first fetch", || verifier.verify(&known.token()).is_ok()).await;
    assert_eq!(server.asked(), 1);
    let long = "k".repeat(3_000);
    for minute in 1..4 {
        for n in 0..1_000 {
            let kid = format!("unknown-{n}");
            assert!(verifier.verify(&other.token_as(&kid)).is_err());
        }
        for kid in ["../1", "1' OR '1'='1", "http://127.0.0.1/x", long.as_str()] {
            assert!(verifier.verify(&known.token_as(kid)).is_err(), "{kid}");
        }
        settle().await;
        assert_eq!(server.asked(), minute, "within the minute");
        pass(50).await;
        settle().await;
        assert_eq!(server.asked(), minute, "before the minute is over");
        pass(11).await;
        until("the next fetch", || server.asked() == minute + 1).await;
        settle().await;
    }
    assert!(verifier.verify(&known.token()).is_ok());
    task.abort();
}

#[tokio::test]
async fn a_new_key_is_found_by_the_token_that_names_it_and_a_removed_one_is_forgotten() {
    let (old, new) = (Key::new("old"), Key::new("new"));
    let server = KeyServer::start(set(&[&old]));
    let verifier = server.verifier();
    let task = spawn(&verifier);
    let (of_old, of_new) = (old.token(), new.token());
    until("the first fetch", || verifier.verify(&of_old).is_ok()).await;
    server.say(set(&[&old, &new]));
    assert!(verifier.verify(&of_new).is_err());
    pass(61).await;
    until("the new key", || verifier.verify(&of_new).is_ok()).await;
    assert!(
        verifier.verify(&of_old).is_ok(),
        "both are good while they overlap"
    );
    server.say(set(&[&new]));
    pass(599).await;
    settle().await;
    pass(2).await;
    until("the regular fetch", || verifier.verify(&of_old).is_err()).await;
    assert!(verifier.verify(&of_new).is_ok());
    task.abort();
}

#[tokio::test]
async fn what_cannot_be_fetched_leaves_the_old_keys() {
    let (key, other) = (Key::new("1"), Key::new("2"));
    let server = KeyServer::start(set(&[&key]));
    let verifier = server.verifier();
    let task = spawn(&verifier);
    until("the first fetch", || verifier.verify(&key.token()).is_ok()).await;
    let elsewhere = KeyServer::start(set(&[&other]));
    let redirect = format!(
        "HTTP/1.1 302 Found\r\nLocation: http://{}/keys\r\nContent-Length: 0\r\nConnection: close\r\n\r\n",
        elsewhere.address
    );
    let large = ok(&json!({"keys": [other.jwk()], "filler": "x".repeat(70_000)}).to_string());
    let many = ok(&json!({"keys": vec![other.jwk(); 33]}).to_string());
    let fault = "HTTP/1.1 500 Oops\r\nContent-Length: 0\r\nConnection: close\r\n\r\n".to_owned();
    for (what, answer) in [
        ("a redirect", redirect),
        ("too large", large),
        ("too many", many),
        ("an error", fault),
        ("no JWK set", ok("<html>")),
        ("no HTTP", "garbage".to_owned()),
    ] {
        server.say(answer);
        // A fetch that fails is tried again after a minute, the first one only when a token asks for it.
        assert!(verifier.verify(&other.token()).is_err());
        let before = server.asked();
        pass(61).await;
        until(what, || server.asked() == before + 1).await;
        settle().await;
        assert!(verifier.verify(&key.token()).is_ok(), "{what}");
        assert!(verifier.verify(&other.token()).is_err(), "{what}");
    }
    assert_eq!(elsewhere.asked(), 0);
    server.say(set(&[&key, &other]));
    pass(61).await;
    until("it recovers", || verifier.verify(&other.token()).is_ok()).await;
    task.abort();
}

#[tokio::test]
async fn the_refresher_ends_when_it_is_told_to() {
    let server = KeyServer::start(set(&[]));
    let (stop, stopped) = tokio::sync::oneshot::channel::<()>();
    let refresher = server.verifier().jwks_refresher().unwrap();
    let task = tokio::spawn(refresher.run(async {
        let _ = stopped.await;
    }));
    until("the first fetch", || server.asked() == 1).await;
    stop.send(()).unwrap();
    task.await.unwrap();
}
