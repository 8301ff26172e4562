//! The markets in the settings.
#![allow(clippy::unwrap_used, reason = "a test may fail so")]

mod support;

use runtime::Settings;
use runtime::settings::Market;
use support::{fixture, load, problems};

#[test]
fn one_json_variable_replaces_the_markets() {
    let json = r#"[{"symbol":"ETH/USDT","taker_fee":"0.002"},
        {"symbol":"ETH/BTC","tick":"0.00001","lot":"0.001","min_quantity":"0.001","max_quantity":"50000","max_price":"1"}]"#;
    let settings = load(&fixture("plan.yaml"), &[("TRADE_ENGINE_MATCHING__MARKETS", json)]).unwrap();
    let markets = settings.matching.markets();
    assert_eq!(markets.len(), 2);
    let usual = &Settings::default().matching.markets()[1];
    assert_eq!(
        markets[0],
        Market {
            taker_fee: "0.002".to_owned(),
            ..usual.clone()
        }
    );
    assert_eq!(
        (markets[1].maker_fee.as_str(), &markets[1].initial_price),
        ("0.001", &None)
    );

    let found = problems("", &[("TRADE_ENGINE_MATCHING__MARKETS", "[{")]);
    assert_eq!(
        found,
        ["matching.markets: invalid type: string \"[{\", expected a sequence"]
    );
}

#[test]
fn the_default_markets_keep_the_numbers_inside_their_limits() {
    let units = |text: &str| {
        let (whole, fraction) = text.split_once('.').unwrap_or((text, ""));
        format!("{whole}{fraction:0<8}").parse::<i128>().unwrap()
    };
    let one = 100_000_000;
    for market in Settings::default().matching.markets() {
        let [tick, lot, least, most, top] = [
            &market.tick,
            &market.lot,
            &market.min_quantity,
            &market.max_quantity,
            &market.max_price,
        ]
        .map(|text| units(text));
        assert!(top % tick == 0 && top / tick < 1 << 32, "{market:?}");
        assert!(least % lot == 0 && most % lot == 0 && least < most, "{market:?}");
        assert!(
            tick * lot % one == 0,
            "price x quantity is exact in units of 1e-8: {market:?}"
        );
        assert!(top * most / one < 1 << 63, "{market:?}");
        let initial = units(market.initial_price.as_ref().unwrap());
        assert!(initial % tick == 0 && initial < top, "{market:?}");
    }
}
