//! Which tokens are taken: exactly the good ones.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

use std::time::Duration;

use jsonwebtoken::{Algorithm, EncodingKey, Header, encode, get_current_timestamp};
use secrecy::{ExposeSecret, SecretString};
use serde_json::{Map, Value, json};
use uuid::Uuid;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use edge_http::{
    Credential, IssuerSettings, JwtAlgorithm, JwtError, JwtKeys, JwtSettings, ListedKey, Scope, Scopes,
    TokenIssuer, TokenRequest, TokenVerifier,
};
use runtime::{Clock, ManualClock};

const SECRET: &str = "a secret that is long enough for HS256";
const USER: &str = "018bcfe5-687b-7000-8000-00000000002a";

fn one(keys: JwtKeys, algorithm: JwtAlgorithm) -> IssuerSettings {
    IssuerSettings {
        issuer: "us".to_owned(),
        audience: "engine".to_owned(),
        algorithm,
        keys,
        leeway_secs: 5,
    }
}

fn hs256() -> IssuerSettings {
    one(JwtKeys::Secret(SecretString::from(SECRET)), JwtAlgorithm::Hs256)
}

fn settings_of(issuers: Vec<IssuerSettings>) -> JwtSettings {
    JwtSettings {
        issuers,
        cache_entries: 100,
    }
}

fn verifier_of(issuer: IssuerSettings) -> TokenVerifier {
    TokenVerifier::new(&settings_of(vec![issuer])).unwrap()
}

fn verifier() -> TokenVerifier {
    verifier_of(hs256())
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
        assert_eq!(identity.credential, Credential::Token);
        assert!(identity.expires_secs.is_some());
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
    let verifier = verifier_of(one(JwtKeys::Public(public.to_owned()), JwtAlgorithm::EdDsa));
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
    let public = URL_SAFE_NO_PAD.encode(pair.public_key());
    let verifier = verifier_of(one(JwtKeys::Public(public), JwtAlgorithm::EdDsa));
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

/// A clock that stands at the machine's second, and a verifier that goes by it.
fn with_hands(issuers: Vec<IssuerSettings>) -> (ManualClock, TokenVerifier) {
    let hands = ManualClock::at(get_current_timestamp() * 1_000_000);
    let verifier = TokenVerifier::with_clock(&settings_of(issuers), Clock::from(hands.clone())).unwrap();
    (hands, verifier)
}

#[test]
fn a_remembered_token_still_ends() {
    let (hands, verifier) = with_hands(vec![hs256()]);
    let token = good(json!({"exp": hands.wall_us() / 1_000_000 + 1}));
    for (seconds, taken) in [(0, true), (6, true), (1, false), (0, false)] {
        hands.advance(Duration::from_secs(seconds));
        assert_eq!(verifier.verify(&token).is_ok(), taken, "{seconds} s later");
    }
}

fn listed(kid: Option<&str>, secret: &str, not_after: Option<u64>) -> ListedKey {
    ListedKey {
        kid: kid.map(str::to_owned),
        material: SecretString::from(secret),
        not_after,
    }
}

fn signed_as(kid: Option<&str>, secret: &str, claims: &Value) -> String {
    let header = Header {
        kid: kid.map(str::to_owned),
        ..Header::new(Algorithm::HS256)
    };
    encode(&header, claims, &EncodingKey::from_secret(secret.as_bytes())).unwrap()
}

#[test]
fn an_old_key_is_taken_beside_the_new_one_until_its_end() {
    let (old, new) = ("o".repeat(32), "n".repeat(32));
    let now = get_current_timestamp();
    let keys = JwtKeys::Listed(vec![
        listed(Some("old"), &old, Some(now + 10)),
        listed(Some("new"), &new, None),
        listed(None, SECRET, Some(now + 20)),
    ]);
    let (hands, verifier) = with_hands(vec![one(keys, JwtAlgorithm::Hs256)]);
    hands.set_wall_us(now * 1_000_000);
    let claims = claims(json!({}));
    let tokens = [
        signed_as(Some("old"), &old, &claims),
        signed_as(Some("new"), &new, &claims),
        signed_as(None, SECRET, &claims),
    ];
    for (after, taken) in [
        (0, [true, true, true]),
        (10, [true, true, true]),
        (11, [false, true, true]),
        (21, [false, true, false]),
    ] {
        hands.set_wall_us((now + after) * 1_000_000);
        // Each of them twice: verified, and remembered.
        for _ in 0..2 {
            let found = tokens.each_ref().map(|token| verifier.verify(token).is_ok());
            assert_eq!(found, taken, "after {after} s");
        }
    }
    for (kid, secret) in [("old", &new), ("new", &old), ("none", &new), ("", &new)] {
        assert!(
            verifier.verify(&signed_as(Some(kid), secret, &claims)).is_err(),
            "{kid}"
        );
    }
    let fresh_with_ended_key = signed_as(Some("old"), &old, &self::claims(json!({"exp": now + 600})));
    assert!(verifier.verify(&fresh_with_ended_key).is_err());
}

#[test]
fn a_token_is_checked_with_the_keys_of_the_issuer_it_names_and_no_other() {
    let theirs = "t".repeat(32);
    let them = IssuerSettings {
        issuer: "them".to_owned(),
        audience: "theirs".to_owned(),
        ..one(
            JwtKeys::Secret(SecretString::from(theirs.clone())),
            JwtAlgorithm::Hs256,
        )
    };
    let verifier = TokenVerifier::new(&settings_of(vec![hs256(), them])).unwrap();
    for (iss, aud, secret, taken) in [
        ("us", "engine", SECRET, true),
        ("them", "theirs", theirs.as_str(), true),
        ("us", "engine", theirs.as_str(), false),
        ("them", "theirs", SECRET, false),
        ("us", "theirs", SECRET, false),
        ("them", "engine", theirs.as_str(), false),
        ("nobody", "engine", SECRET, false),
    ] {
        let token = signed(Algorithm::HS256, secret, &claims(json!({"iss": iss, "aud": aud})));
        assert_eq!(verifier.verify(&token).is_ok(), taken, "{iss} {aud}");
    }
    let both = signed(Algorithm::HS256, SECRET, &claims(json!({"iss": ["us", "them"]})));
    assert!(verifier.verify(&both).is_err());
}

#[test]
fn a_name_of_a_key_finds_it_or_nothing() {
    let keys = JwtKeys::Listed(vec![listed(Some("1"), SECRET, None)]);
    let verifier = verifier_of(one(keys, JwtAlgorithm::Hs256));
    for kid in [
        "../1".to_owned(),
        "/etc/passwd".to_owned(),
        "1' OR '1'='1".to_owned(),
        "1; DROP TABLE keys".to_owned(),
        "1\0".to_owned(),
        " 1".to_owned(),
        "k".repeat(129),
        "k".repeat(10_000),
    ] {
        assert!(
            verifier
                .verify(&signed_as(Some(&kid), SECRET, &claims(json!({}))))
                .is_err(),
            "{kid}"
        );
    }
    assert!(
        verifier
            .verify(&signed_as(Some("1"), SECRET, &claims(json!({}))))
            .is_ok()
    );
    let single = self::verifier();
    let long = "k".repeat(129);
    assert!(
        single
            .verify(&signed_as(Some("any"), SECRET, &claims(json!({}))))
            .is_ok()
    );
    assert!(
        single
            .verify(&signed_as(Some(&long), SECRET, &claims(json!({}))))
            .is_err()
    );
}

#[test]
fn keys_that_a_token_brings_along_are_not_used() {
    let mine = "m".repeat(32);
    let jwk = json!({"kty": "oct", "k": URL_SAFE_NO_PAD.encode(&mine), "alg": "HS256"});
    for (header, what) in [
        (json!({"alg": "HS256", "jwk": jwk}), "jwk"),
        (json!({"alg": "HS256", "jku": "https://example.org/keys"}), "jku"),
        (json!({"alg": "HS256", "x5u": "https://example.org/cert"}), "x5u"),
        (json!({"alg": "HS256", "x5c": ["AAAA"]}), "x5c"),
    ] {
        for (secret, taken) in [(mine.as_str(), false), (SECRET, true)] {
            let token = signed_with_header(&header, secret);
            assert_eq!(verifier().verify(&token).is_ok(), taken, "{what}");
        }
    }
    let critical = json!({"alg": "HS256", "crit": ["exp"]});
    assert!(verifier().verify(&signed_with_header(&critical, SECRET)).is_err());
}

fn signed_with_header(header: &Value, secret: &str) -> String {
    let parts = [header.to_string(), claims(json!({})).to_string()].map(|part| URL_SAFE_NO_PAD.encode(part));
    let message = parts.join(".");
    let key = aws_lc_rs::hmac::Key::new(aws_lc_rs::hmac::HMAC_SHA256, secret.as_bytes());
    let signature = aws_lc_rs::hmac::sign(&key, message.as_bytes());
    format!("{message}.{}", URL_SAFE_NO_PAD.encode(signature))
}

#[test]
fn a_file_of_keys_is_read_again_and_what_left_it_is_refused_at_once() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("keys.json");
    let (old, new) = ("o".repeat(32), "n".repeat(32));
    let jwk =
        |kid: &str, secret: &str| json!({"kty": "oct", "kid": kid, "k": URL_SAFE_NO_PAD.encode(secret)});
    let write = |keys: Value| std::fs::write(&path, json!({"keys": keys}).to_string()).unwrap();
    write(json!([jwk("1", &old)]));
    let verifier = verifier_of(one(JwtKeys::File(path.clone()), JwtAlgorithm::Hs256));
    let claims = claims(json!({}));
    let tokens = [
        signed_as(Some("1"), &old, &claims),
        signed_as(Some("2"), &new, &claims),
    ];
    let taken = || tokens.each_ref().map(|token| verifier.verify(token).is_ok());
    assert_eq!(taken(), [true, false]);
    write(json!([jwk("1", &old), jwk("2", &new)]));
    assert_eq!(taken(), [true, false], "not read again yet");
    verifier.reload().unwrap();
    assert_eq!(taken(), [true, true]);
    write(json!([jwk("2", &new)]));
    verifier.reload().unwrap();
    assert_eq!(taken(), [false, true], "a remembered token of a removed key");
    for broken in ["", "{", "{\"keys\":[]}", &"x".repeat(70_000)] {
        std::fs::write(&path, broken).unwrap();
        assert_eq!(verifier.reload(), Err(JwtError::BadKeyFile));
        assert_eq!(taken(), [false, true], "the old keys stay");
    }
    std::fs::remove_file(&path).unwrap();
    assert_eq!(verifier.reload(), Err(JwtError::BadKeyFile));
    let gone = one(JwtKeys::File(path.clone()), JwtAlgorithm::Hs256);
    assert_eq!(
        TokenVerifier::new(&settings_of(vec![gone])).unwrap_err(),
        JwtError::BadKeyFile
    );
}

#[test]
fn settings_that_would_be_unsafe_are_refused() {
    let secret = |text: &str| JwtKeys::Secret(SecretString::from(text));
    let public = |text: &str| JwtKeys::Public(text.to_owned());
    let address = |text: &str| JwtKeys::Address(text.to_owned());
    let long = "k".repeat(129);
    let (hs, ed) = (JwtAlgorithm::Hs256, JwtAlgorithm::EdDsa);
    for (keys, algorithm, error) in [
        (secret(&"x".repeat(31)), hs, JwtError::SecretTooShort),
        (public("AAAA"), ed, JwtError::BadPublicKey),
        (public("no key"), ed, JwtError::BadPublicKey),
        (secret(SECRET), ed, JwtError::WrongKeys),
        (public("AAAA"), hs, JwtError::WrongKeys),
        (address("https://example.org/keys"), hs, JwtError::WrongKeys),
        (address("http://example.org/keys"), ed, JwtError::BadKeyAddress),
        (JwtKeys::Listed(Vec::new()), hs, JwtError::BadKeyList),
        (
            JwtKeys::Listed(vec![listed(Some("1"), SECRET, None); 2]),
            hs,
            JwtError::BadKeyList,
        ),
        (
            JwtKeys::Listed(vec![listed(None, SECRET, None); 2]),
            hs,
            JwtError::BadKeyList,
        ),
        (
            JwtKeys::Listed(vec![listed(Some(""), SECRET, None)]),
            hs,
            JwtError::BadKeyList,
        ),
        (
            JwtKeys::Listed(vec![listed(Some(&long), SECRET, None)]),
            hs,
            JwtError::BadKeyList,
        ),
        (
            JwtKeys::Listed(vec![listed(Some("1"), "short", None)]),
            hs,
            JwtError::SecretTooShort,
        ),
        (
            JwtKeys::Listed(vec![listed(Some("1"), SECRET, None)]),
            ed,
            JwtError::BadPublicKey,
        ),
    ] {
        let settings = settings_of(vec![one(keys, algorithm)]);
        assert_eq!(TokenVerifier::new(&settings).unwrap_err(), error, "{settings:?}");
    }
    let changed = |change: fn(&mut IssuerSettings)| {
        let mut issuer = hs256();
        change(&mut issuer);
        vec![issuer]
    };
    for (issuers, error) in [
        (changed(|issuer| issuer.leeway_secs = 6), JwtError::LeewayTooLarge),
        (
            changed(|issuer| issuer.issuer = String::new()),
            JwtError::NoIssuerOrAudience,
        ),
        (
            changed(|issuer| issuer.audience = String::new()),
            JwtError::NoIssuerOrAudience,
        ),
        (Vec::new(), JwtError::IssuerCount),
        (vec![hs256(); 17], JwtError::IssuerCount),
        (vec![hs256(); 2], JwtError::IssuerTwice),
    ] {
        assert_eq!(TokenVerifier::new(&settings_of(issuers)).unwrap_err(), error);
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
    let shown = format!(
        "{issuer:?} {token:?} {:?} {:?}",
        settings_of(vec![hs256()]),
        verifier()
    );
    assert!(
        !shown.contains(SECRET) && !shown.contains(token.expose_secret()),
        "{shown}"
    );
    assert!(TokenIssuer::new(&SecretString::from("short"), "us", "engine").is_err());
}
