//! What a market's definition must fulfil, and how a market reads and writes numbers.
#![allow(clippy::unwrap_used, reason = "tests may panic")]

mod venue;

use domain::{Amount, Band, FeeRate, Lots, Market, MarketDefinition, MarketNumber, MarketState, Price};
use venue::{amount, btc_market, btc_usdt, eth_usdt, price, xrp_usdt};

#[test]
fn the_plans_markets_are_valid() {
    for (definition, tick_lot) in [(btc_usdt(), 1), (eth_usdt(), 10), (xrp_usdt(), 1_000)] {
        let market = Market::new(definition.clone()).unwrap();
        assert_eq!(market.tick_lot(), tick_lot, "{}", definition.symbol);
        assert_eq!(market.definition(), &definition);
    }
}

#[test]
fn each_rule_is_checked_by_itself() {
    type Change = fn(&mut MarketDefinition);
    let cases: [(&str, &str, Change); 20] = [
        ("number", "must be below 1048576", |d| {
            d.number = MarketNumber(1 << 20)
        }),
        ("symbol", "must name two different assets", |d| {
            d.symbol.base = d.symbol.quote
        }),
        ("symbol", "must have at most 20 characters", |d| {
            d.symbol = "ABCDEFGHIJ/KLMNOPQRST".parse().unwrap()
        }),
        ("lot", "must be greater than 0", |d| d.lot = Amount::ZERO),
        (
            "lot",
            "must have, together with the tick, at most 8 decimals",
            |d| d.lot = amount("0.0000001"),
        ),
        (
            "lot",
            "must have, together with the tick, at most 8 decimals",
            |d| d.tick = amount("0.001"),
        ),
        ("min_quantity", "must be at least one lot", |d| {
            d.min_quantity = Lots::ZERO
        }),
        ("max_quantity", "must not be below min_quantity", |d| {
            d.max_quantity = Lots(99)
        }),
        (
            "max_price",
            "times max_quantity must be below 92233720368.54775808 of the quote asset",
            |d| d.max_quantity = Lots(9_223_372_037),
        ),
        (
            "max_price",
            "must be below 92233720368.54775808 of the quote asset",
            |d| {
                d.tick = amount("80000000000");
                (d.max_price, d.max_quantity, d.min_quantity) = (price(2), Lots(1), Lots(1));
            },
        ),
        (
            "max_quantity",
            "must be below 92233720368.54775808 of the base asset",
            |d| {
                (d.tick, d.lot) = (amount("0.00000001"), amount("1"));
                (d.max_price, d.max_quantity) = (price(1), Lots(92_233_720_369));
            },
        ),
        ("initial_price", "must not be above max_price", |d| {
            d.initial_price = Some(price(1_000_000_001))
        }),
        ("market_band", "must be greater than 0", |d| {
            d.market_band = Some(Band(0))
        }),
        ("limit_band", "must be greater than 0", |d| {
            d.limit_band = Some(Band(0))
        }),
        ("maker_fee", "must be below 1", |d| {
            d.maker_fee = FeeRate(100_000_000)
        }),
        ("taker_fee", "must be below 1", |d| {
            d.taker_fee = FeeRate(u32::MAX)
        }),
        ("max_open_orders", "must be greater than 0", |d| {
            d.max_open_orders = 0
        }),
        ("tick", "must be greater than 0", |d| d.tick = Amount::ZERO),
        // The largest numbers that can be written down are refused, not added up.
        (
            "max_price",
            "times max_quantity must be below 92233720368.54775808 of the quote asset",
            |d| (d.max_price, d.max_quantity) = (price(u32::MAX), Lots(9_223_372_036_854)),
        ),
        (
            "max_price",
            "times max_quantity must be below 92233720368.54775808 of the quote asset",
            |d| d.tick = Amount(u64::MAX - u64::MAX % 1_000_000),
        ),
    ];
    for (field, rule, change) in cases {
        let mut definition = btc_usdt();
        change(&mut definition);
        let errors = Market::new(definition).unwrap_err();
        let found = errors
            .iter()
            .any(|error| error.field == field && error.rule == rule);
        assert!(found, "{field} {rule}: {errors:?}");
    }
}

#[test]
fn what_is_just_inside_the_rules_is_a_market() {
    type Change = fn(&mut MarketDefinition);
    let cases: [(&str, Change); 7] = [
        ("the last number", |d| d.number = MarketNumber((1 << 20) - 1)),
        ("the largest value", |d| d.max_quantity = Lots(9_223_372_036)),
        ("one size only", |d| d.max_quantity = d.min_quantity),
        ("a first price at the highest", |d| {
            d.initial_price = Some(d.max_price)
        }),
        ("the highest fee", |d| d.maker_fee = FeeRate(99_999_999)),
        ("no bands", |d| (d.market_band, d.limit_band) = (None, None)),
        ("the widest bands", |d| {
            (d.market_band, d.limit_band) = (Some(Band(u32::MAX)), Some(Band(u32::MAX)));
        }),
    ];
    for (name, change) in cases {
        let mut definition = btc_usdt();
        change(&mut definition);
        assert!(Market::new(definition).is_ok(), "{name}");
    }
}

#[test]
fn all_broken_rules_are_told_at_once() {
    let mut definition = btc_usdt();
    definition.maker_fee = FeeRate(u32::MAX);
    definition.max_open_orders = 0;
    let fields: Vec<&str> = Market::new(definition)
        .unwrap_err()
        .iter()
        .map(|error| error.field)
        .collect();
    assert_eq!(fields, ["maker_fee", "max_open_orders"]);
}

#[test]
fn prices_and_quantities_are_read_on_the_grid_only() {
    let market = btc_market();
    for (text, read) in [
        ("0.01", Ok(1)),
        ("50000", Ok(5_000_000)),
        ("42949672.95", Ok(u32::MAX)),
        ("0", Err("must be greater than 0")),
        ("0.005", Err("must be a multiple of the tick 0.01")),
        ("50000.001", Err("must be a multiple of the tick 0.01")),
        ("42949672.96", Err("must not be above 10000000")),
        ("92233720368.54", Err("must not be above 10000000")),
    ] {
        let found = market.price("price", amount(text));
        assert_eq!(
            found.as_ref().map(|p| p.ticks()).map_err(|e| &*e.rule),
            read.as_ref().copied().map_err(|e| *e),
            "{text}"
        );
    }
    for (text, read) in [
        ("0.000001", Ok(1)),
        ("1.5", Ok(1_500_000)),
        ("92233720368.547758", Ok(92_233_720_368_547_758)),
        ("0", Err("must be greater than 0")),
        ("0.0000001", Err("must be a multiple of the lot 0.000001")),
        ("1.0000005", Err("must be a multiple of the lot 0.000001")),
    ] {
        let found = market.quantity("quantity", amount(text));
        assert_eq!(
            found.as_ref().map(|q| q.lots().0).map_err(|e| &*e.rule),
            read.as_ref().copied().map_err(|e| *e),
            "{text}"
        );
    }
}

#[test]
fn a_market_keeps_its_grid_whatever_else_changes() {
    let market = btc_market();
    type Change = fn(&mut MarketDefinition);
    let cases: [(bool, Change); 5] = [
        (true, |d| d.maker_fee = FeeRate(1)),
        (true, |d| d.max_price = Price::ONE_TICK),
        (false, |d| (d.tick, d.max_price) = (amount("0.1"), price(1_000))),
        (false, |d| {
            (d.lot, d.max_price) = (amount("0.00001"), price(1_000))
        }),
        (false, |d| d.number = MarketNumber(2)),
    ];
    for (same, change) in cases {
        let mut definition = btc_usdt();
        change(&mut definition);
        assert_eq!(
            market.same_grid(&Market::new(definition.clone()).unwrap()),
            same,
            "{definition:?}"
        );
    }
}

#[test]
fn market_states_have_words() {
    for state in MarketState::ALL {
        assert_eq!(MarketState::from_word(state.word()), Some(*state));
    }
    assert_eq!(MarketState::from_word("OPEN"), None);
}
