//! Which tokens are taken: exactly the good ones.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

use jsonwebtoken::{Algorithm, EncodingKey, Header, encode, get_current_timestamp};
use secrecy::{ExposeSecret, SecretString};
use serde_json::{Map, Value, json};
use uuid::Uuid;

use edge_http::{JwtError, JwtKey, JwtSettings, Scope, Scopes, TokenIssuer, TokenRequest, TokenVerifier};

const SECRET: &str = "a secret that is long enough for HS256";
const USER: &str = "018bcfe5-687b-7000-8000-00000000002a";

fn settings() -> JwtSettings {
    JwtSettings {
        key: JwtKey::Hs256(SecretString::from(SECRET)),
        issuer: "us".to_owned(),
        audience: "engine".to_owned(),
        leeway_secs: 5,
        cache_entries: 100,
    }
}

fn verifier() -> TokenVerifier {
    TokenVerifier::new(&settings()).unwrap()
}

/// Good claims with these changes; null takes a claim out.
fn claims(changes: Value) -> Value {
    let now = get_current_timestamp();
    let mut claims: Map<String, Value> = serde_json::from_value(json!({
        "iss": "us", "aud": "engine", "sub": USER, "exp": now + 60, "scope": "trade read"
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

fn signed(algorithm: Algorithm, secret: &str, claims: &Value) -> String {
    encode(
        &Header::new(algorithm),
        claims,
        &EncodingKey::from_secret(secret.as_bytes()),
    )
    .unwrap()
}

fn good(changes: Value) -> String {
    signed(Algorithm::HS256, SECRET, &claims(changes))
}

#[test]
fn a_good_token_names_its_user_institution_and_rights() {
    let now = get_current_timestamp();
    for changes in [
        json!({}),
        json!({"exp": now - 3}),
        json!({"nbf": now - 1}),
        json!({"nbf": now + 3}),
        json!({"aud": ["other", "engine"]}),
        json!({"jku": "https://example.org/keys", "extra": [1, 2]}),
    ] {
        let identity = verifier().verify(&good(changes.clone())).unwrap();
        assert_eq!(identity.user_id.to_string(), USER);
        assert_eq!(identity.institution_id, None);
        assert_eq!(identity.scopes, Scopes::of(&[Scope::Trade, Scope::Read]));
    }
    let institution = "00000000-0000-4000-8000-000000000007";
    let identity = verifier()
        .verify(&good(json!({"institution_id": institution, "scope": null})))
        .unwrap();
    assert_eq!(identity.institution_id.unwrap().to_string(), institution);
    assert_eq!(identity.scopes, Scopes::NONE);
}

#[test]
fn a_token_with_a_wrong_claim_is_refused() {
    let now = get_current_timestamp();
    for changes in [
        json!({"exp": now - 7}),
        json!({"nbf": now + 3_600}),
        json!({"nbf": "soon"}),
        json!({"exp": null}),
        json!({"exp": "never"}),
        json!({"exp": -1}),
        json!({"aud": null}),
        json!({"aud": "other"}),
        json!({"aud": []}),
        json!({"iss": null}),
        json!({"iss": "them"}),
        json!({"sub": null}),
        json!({"sub": "alice"}),
        json!({"sub": USER.replace('-', "")}),
        json!({"sub": 7}),
        json!({"institution_id": "acme"}),
        json!({"scope": ["trade"]}),
    ] {
        let verifier = verifier();
        assert!(verifier.verify(&good(changes.clone())).is_err(), "{changes}");
        assert!(
            verifier.verify(&good(changes.clone())).is_err(),
            "{changes}, the second time"
        );
    }
}

#[test]
fn a_token_with_another_signature_or_none_is_refused() {
    let claims = claims(json!({}));
    let token = good(json!({}));
    let (signed_part, signature) = token.rsplit_once('.').unwrap();
    let payload = signed_part.split_once('.').unwrap().1;
    // {"alg":"none","typ":"JWT"} and {"alg":"None"}
    let none = "eyJhbGciOiJub25lIiwidHlwIjoiSldUIn0";
    let none_too = "eyJhbGciOiJOb25lIn0";
    for (what, token) in [
        (
            "wrong key",
            signed(Algorithm::HS256, &SECRET.replace('a', "b"), &claims),
        ),
        ("HS512", signed(Algorithm::HS512, SECRET, &claims)),
        ("HS384", signed(Algorithm::HS384, SECRET, &claims)),
        ("alg none", format!("{none}.{payload}.")),
        (
            "alg none with the signature",
            format!("{none}.{payload}.{signature}"),
        ),
        ("alg None", format!("{none_too}.{payload}.")),
        ("no signature", format!("{signed_part}.")),
        ("two parts", signed_part.to_owned()),
        (
            "half a signature",
            format!("{signed_part}.{}", &signature[..signature.len() / 2]),
        ),
        ("garbage", "garbage".to_owned()),
        ("empty", String::new()),
        ("dots", "..".to_owned()),
        ("long", format!("{token}{}", "A".repeat(10_000))),
    ] {
        assert!(verifier().verify(&token).is_err(), "{what}");
    }
    assert!(verifier().verify(&token).is_ok());
}

#[test]
fn a_verifier_of_public_keys_takes_no_token_that_is_signed_with_the_public_key_as_secret() {
    // The public key of RFC 8037, appendix A.
    let public = "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo";
    let settings = JwtSettings {
        key: JwtKey::EdDsa(public.to_owned()),
        ..settings()
    };
    let verifier = TokenVerifier::new(&settings).unwrap();
    assert!(
        verifier
            .verify(&signed(Algorithm::HS256, public, &claims(json!({}))))
            .is_err()
    );
    assert!(verifier.verify(&good(json!({}))).is_err());
}

#[test]
fn a_token_of_the_right_ed25519_key_is_taken() {
    use aws_lc_rs::signature::{Ed25519KeyPair, KeyPair};
    let pkcs8 = Ed25519KeyPair::generate_pkcs8(&aws_lc_rs::rand::SystemRandom::new()).unwrap();
    let pair = Ed25519KeyPair::from_pkcs8(pkcs8.as_ref()).unwrap();
    let public = base64url(pair.public_key().as_ref());
    let settings = JwtSettings {
        key: JwtKey::EdDsa(public),
        ..settings()
    };
    let verifier = TokenVerifier::new(&settings).unwrap();
    let key = EncodingKey::from_ed_der(pkcs8.as_ref());
    let token = encode(&Header::new(Algorithm::EdDSA), &claims(json!({})), &key).unwrap();
    assert!(verifier.verify(&token).is_ok());
    let expired = claims(json!({"exp": get_current_timestamp() - 7}));
    assert!(
        verifier
            .verify(&encode(&Header::new(Algorithm::EdDSA), &expired, &key).unwrap())
            .is_err()
    );
}

#[test]
fn a_remembered_token_still_ends() {
    let settings = JwtSettings {
        leeway_secs: 0,
        ..settings()
    };
    let verifier = TokenVerifier::new(&settings).unwrap();
    let token = good(json!({"exp": get_current_timestamp() + 1}));
    assert!(verifier.verify(&token).is_ok());
    // The library reads the system's clock, so the test has to wait for it: about two seconds, ten at most.
    for _ in 0..200 {
        if verifier.verify(&token).is_err() {
            return;
        }
        std::thread::sleep(std::time::Duration::from_millis(50));
    }
    panic!("the token is still taken");
}

#[test]
fn settings_that_would_be_unsafe_are_refused() {
    let short = JwtKey::Hs256(SecretString::from("x".repeat(31)));
    for (settings, error) in [
        (
            JwtSettings {
                key: short,
                ..settings()
            },
            JwtError::SecretTooShort,
        ),
        (
            JwtSettings {
                leeway_secs: 6,
                ..settings()
            },
            JwtError::LeewayTooLarge,
        ),
        (
            JwtSettings {
                issuer: String::new(),
                ..settings()
            },
            JwtError::NoIssuerOrAudience,
        ),
        (
            JwtSettings {
                audience: String::new(),
                ..settings()
            },
            JwtError::NoIssuerOrAudience,
        ),
        (
            JwtSettings {
                key: JwtKey::EdDsa("AAAA".to_owned()),
                ..settings()
            },
            JwtError::BadPublicKey,
        ),
        (
            JwtSettings {
                key: JwtKey::EdDsa("no key".to_owned()),
                ..settings()
            },
            JwtError::BadPublicKey,
        ),
    ] {
        assert_eq!(TokenVerifier::new(&settings).unwrap_err(), error);
    }
}

#[test]
fn an_issued_token_is_taken_and_no_secret_is_shown() {
    let secret = SecretString::from(SECRET);
    let issuer = TokenIssuer::new(&secret, "us", "engine").unwrap();
    let request = TokenRequest {
        user_id: Uuid::from_u128(7),
        institution_id: Some(Uuid::from_u128(8)),
        scopes: Scopes::of(&[Scope::Trade, Scope::AdminFunds]),
        issued_secs: get_current_timestamp(),
        valid_secs: 60,
    };
    let token = issuer.issue(&request).unwrap();
    let identity = verifier().verify(token.expose_secret()).unwrap();
    assert_eq!(identity.user_id, request.user_id);
    assert_eq!(identity.institution_id, request.institution_id);
    assert_eq!(identity.scopes, request.scopes);
    let shown = format!("{issuer:?} {token:?} {:?} {:?}", settings(), verifier());
    assert!(
        !shown.contains(SECRET) && !shown.contains(token.expose_secret()),
        "{shown}"
    );
    assert!(TokenIssuer::new(&SecretString::from("short"), "us", "engine").is_err());
}

fn base64url(bytes: &[u8]) -> String {
    const LETTERS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
    let mut text = String::new();
    for chunk in bytes.chunks(3) {
        let three = [chunk[0], *chunk.get(1).unwrap_or(&0), *chunk.get(2).unwrap_or(&0)];
        let bits = u32::from(three[0]) << 16 | u32::from(three[1]) << 8 | u32::from(three[2]);
        for place in 0..=chunk.len() {
            text.push(LETTERS[(bits >> (18 - 6 * place) & 63) as usize] as char);
        }
    }
    text
}
