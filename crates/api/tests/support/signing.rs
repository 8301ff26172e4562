//! Signed requests: what the holder of an API key sends.

use actix_web::test::TestRequest;
use aws_lc_rs::hmac;
use aws_lc_rs::signature::{Ed25519KeyPair, KeyPair};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use http::SignedParts;

/// Signs with one of the two algorithms.
pub enum Signer {
    Ed25519(Box<Ed25519KeyPair>),
    Hmac(String),
}

impl Signer {
    /// A new Ed25519 key.
    pub fn ed25519() -> Self {
        let pkcs8 = Ed25519KeyPair::generate_pkcs8(&aws_lc_rs::rand::SystemRandom::new()).unwrap();
        Self::Ed25519(Box::new(Ed25519KeyPair::from_pkcs8(pkcs8.as_ref()).unwrap()))
    }

    /// The public key in base64; none for HMAC.
    pub fn public_key(&self) -> Option<String> {
        match self {
            Self::Ed25519(pair) => Some(STANDARD.encode(pair.public_key().as_ref())),
            Self::Hmac(_) => None,
        }
    }

    fn sign(&self, message: &[u8]) -> String {
        match self {
            Self::Ed25519(pair) => STANDARD.encode(pair.sign(message)),
            Self::Hmac(secret) => {
                let key = hmac::Key::new(hmac::HMAC_SHA256, secret.as_bytes());
                let tag = hmac::sign(&key, message);
                tag.as_ref().iter().map(|byte| format!("{byte:02x}")).collect()
            }
        }
    }

    /// A request signed under this key id at this time.
    pub fn request(&self, key_id: &str, at_ms: u64, method: &str, target: &str, body: &str) -> TestRequest {
        let timestamp = at_ms.to_string();
        let parts = SignedParts {
            timestamp: &timestamp,
            recv_window: "5000",
            method,
            target,
            body: body.as_bytes(),
        };
        let signature = self.sign(&parts.bytes());
        let request = TestRequest::default()
            .method(method.parse().unwrap())
            .uri(target)
            .insert_header(("x-api-key", key_id))
            .insert_header(("x-api-timestamp", timestamp.clone()))
            .insert_header(("x-api-signature", signature));
        if body.is_empty() {
            request
        } else {
            request
                .insert_header(("content-type", "application/json"))
                .set_payload(body.to_owned())
        }
    }
}
