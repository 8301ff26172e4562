//! Service tokens as they stand in calls.

use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::Value;

use crate::stub::{Came, Stub, call, client, done, options};

/// Header and claims of a call's token.
fn token(came: &Came) -> (Value, Value) {
    let token = came
        .header("authorization")
        .unwrap()
        .strip_prefix("Bearer ")
        .unwrap();
    let mut parts = token.split('.').map(|part| URL_SAFE_NO_PAD.decode(part).unwrap());
    let mut part = || serde_json::from_slice(&parts.next().unwrap()).unwrap();
    (part(), part())
}

#[tokio::test]
async fn each_call_shows_a_short_token_that_is_renewed_in_time() {
    let stub = Stub::start(vec![done()]).await;
    let (wallet, clock) = client(options(&stub.url));
    for _ in 0..3 {
        assert_eq!(call(&wallet).await, "answered");
        clock.advance(Duration::from_secs(20));
    }
    let came = stub.came();
    let (header, claims) = token(&came[0]);
    assert_eq!(header["alg"], "HS256");
    assert_eq!(
        (&claims["iss"], &claims["aud"]),
        (&"services".into(), &"wallet".into())
    );
    assert_eq!(
        (&claims["iat"], &claims["exp"]),
        (&1_700_000_000.into(), &1_700_000_060.into())
    );
    assert_eq!(claims["sub"].as_str().map(str::len), Some(36));
    assert_eq!(came[1].header("authorization"), came[0].header("authorization"));
    let (_, renewed) = token(&came[2]);
    assert_eq!(renewed["exp"], 1_700_000_100);
    assert_eq!(renewed["sub"], claims["sub"], "the same caller");
}
