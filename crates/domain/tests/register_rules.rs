//! What tiers and API keys must fulfil, each rule by itself.
#![allow(clippy::unwrap_used, reason = "tests may panic")]

#[allow(dead_code, reason = "each test file uses its own part of it")]
mod samples;
mod venue;

use domain::{ApiKey, FeeRate, KeyMaterial, MAX_ORDERS_PER_SECOND, Tier};
use samples::operators;

#[test]
fn a_tier_is_held_to_its_bounds() {
    type Change = fn(&mut Tier);
    let cases: [(Option<&str>, Change); 12] = [
        (None, |_| {}),
        (None, |tier| tier.orders_per_second = None),
        (None, |tier| tier.orders_per_second = Some(1)),
        (None, |tier| tier.orders_per_second = Some(MAX_ORDERS_PER_SECOND)),
        (Some("orders_per_second must be 1 to 1000000"), |tier| {
            tier.orders_per_second = Some(0);
        }),
        (Some("orders_per_second must be 1 to 1000000"), |tier| {
            tier.orders_per_second = Some(MAX_ORDERS_PER_SECOND + 1);
        }),
        (None, |tier| (tier.maker_fee, tier.taker_fee) = (None, None)),
        (None, |tier| tier.maker_fee = Some(FeeRate(99_999_999))),
        (Some("maker_fee must be below 1"), |tier| {
            tier.maker_fee = Some(FeeRate(100_000_000));
        }),
        (Some("maker_fee must be below 1"), |tier| {
            tier.maker_fee = Some(FeeRate(u32::MAX));
        }),
        (None, |tier| tier.taker_fee = Some(FeeRate(99_999_999))),
        (Some("taker_fee must be below 1"), |tier| {
            tier.taker_fee = Some(FeeRate(100_000_000));
        }),
    ];
    for (place, (expected, change)) in cases.into_iter().enumerate() {
        let mut tier = operators::tier();
        change(&mut tier);
        let found = tier.check().map_err(|error| error.to_string());
        assert_eq!(found.err().as_deref(), expected, "case {place}");
    }
}

#[test]
fn an_api_key_is_held_to_its_bounds() {
    const LABEL: Option<&str> = Some("label must be at most 100 printable characters");
    const SCOPE: Option<&str> = Some("scope must be at most 100 characters");
    const ADDRESSES: Option<&str> = Some("addresses must be at most 32 networks");
    const SECRET: Option<&str> = Some("secret must be sealed in 1 to 256 bytes");
    type Change = fn(&mut ApiKey);
    let cases: [(Option<&str>, Change); 18] = [
        (None, |_| {}),
        (None, |key| key.label = String::new()),
        (None, |key| key.label = "ü".repeat(100)),
        (LABEL, |key| key.label = "x".repeat(101)),
        (LABEL, |key| key.label = "two\nlines".to_owned()),
        (LABEL, |key| key.label = "\u{0}".to_owned()),
        (LABEL, |key| key.label = "\u{85}".to_owned()),
        (None, |key| key.scope = String::new()),
        (None, |key| key.scope = "x".repeat(100)),
        (SCOPE, |key| key.scope = "x".repeat(101)),
        (None, |key| key.addresses = Vec::new()),
        (None, |key| key.addresses = vec!["x".repeat(100); 32]),
        (ADDRESSES, |key| key.addresses = vec![String::new(); 33]),
        (ADDRESSES, |key| key.addresses = vec!["x".repeat(101)]),
        (None, |key| key.material = KeyMaterial::HmacSha256(vec![0])),
        (None, |key| key.material = KeyMaterial::HmacSha256(vec![0; 256])),
        (SECRET, |key| key.material = KeyMaterial::HmacSha256(Vec::new())),
        (SECRET, |key| key.material = KeyMaterial::HmacSha256(vec![0; 257])),
    ];
    for (place, (expected, change)) in cases.into_iter().enumerate() {
        let mut key = operators::api_key();
        change(&mut key);
        let found = key.check().map_err(|error| error.to_string());
        assert_eq!(found.err().as_deref(), expected, "case {place}");
    }
}
