//! Money rules: what is exact is exact, only fees round, and a reservation always covers its fills.
#![allow(clippy::unwrap_used, reason = "tests may panic")]

mod venue;

use domain::{Amount, Band, FeeRate, Lots, Market, Price, Side, Size, Stamp, TimeInForce};
use proptest::prelude::*;
use venue::{amount, btc_market, btc_usdt, eth_usdt, price, quantity, xrp_usdt};

#[test]
fn fees_are_rounded_up_to_one_unit() {
    for (received, rate, fee) in [
        ("0.5", 100_000, "0.0005"),
        ("25000", 100_000, "25"),
        ("1", 100_000, "0.001"),
        ("50000", 100_000, "50"),
        ("1", 0, "0"),
        ("0", 99_999_999, "0"),
        ("0.00000001", 1, "0.00000001"),
        ("0.00000001", 99_999_999, "0.00000001"),
        ("0.00000999", 100_000, "0.00000001"),
        ("0.00001001", 100_000, "0.00000002"),
        ("92233720368.54775807", 99_999_999, "92233719446.21055439"),
    ] {
        assert_eq!(
            FeeRate(rate).of(amount(received)),
            amount(fee),
            "{received} at {rate}"
        );
    }
}

#[test]
fn the_worst_price_of_a_market_order_follows_the_band_and_the_grid() {
    use Side::{Buy, Sell};
    let wide = Some(Band(u32::MAX));
    for (band, side, reference, worst) in [
        (Some(Band(1_000)), Buy, 5_000_000, 5_500_000),
        (Some(Band(1_000)), Sell, 5_000_000, 4_500_000),
        // Inside the band, never on the tick beyond it.
        (Some(Band(1_000)), Buy, 15, 16),
        (Some(Band(1_000)), Sell, 15, 14),
        (Some(Band(1_000)), Buy, 1, 1),
        (Some(Band(1_000)), Sell, 1, 1),
        // Never above the highest price, never below one tick.
        (Some(Band(1_000)), Buy, 950_000_000, 1_000_000_000),
        (Some(Band(10_000)), Sell, 5_000_000, 1),
        (None, Buy, 5_000_000, 1_000_000_000),
        (None, Sell, 5_000_000, 1),
        (wide, Buy, u32::MAX, 1_000_000_000),
        (wide, Sell, u32::MAX, 1),
    ] {
        let mut definition = btc_usdt();
        definition.market_band = band;
        let market = Market::new(definition).unwrap();
        let found = market.protection_price(side, price(reference));
        assert_eq!(found, price(worst), "{band:?} {side:?} {reference}");
    }
}

#[test]
fn a_reservation_is_what_the_side_pays_with() {
    let market = btc_market();
    let half = Size::Quantity(quantity(500_000));
    let worst = price(5_000_000);
    for (side, size, reserved) in [
        (Side::Buy, half, "25000"),
        (Side::Sell, half, "0.5"),
        (Side::Buy, Size::Budget(amount("123.45")), "123.45"),
    ] {
        assert_eq!(
            market.reservation(side, size, worst),
            amount(reserved),
            "{side:?} {size:?}"
        );
    }
}

#[test]
fn a_budget_stands_for_the_lots_that_it_buys_at_one_tick() {
    let market = Market::new(xrp_usdt()).unwrap();
    for (budget, lots) in [
        (amount("0.00001"), 1),
        (amount("5"), 500_000),
        (amount("100"), 10_000_000),
        (amount("1000000"), 10_000_000),
        (Amount(1), 1),
        (Amount::MAX, 10_000_000),
    ] {
        assert_eq!(market.lots(Size::Budget(budget)), Lots(lots), "{budget}");
    }
}

#[test]
fn deadlines_are_short_for_what_trades_at_once() {
    let received_at = Stamp::from_micros(1_000_000);
    let place = |terms, time_in_force| domain::Place {
        order_id: domain::OrderId::from_u128(1),
        user_id: domain::UserId::from_u128(1),
        institution_id: None,
        market: domain::MarketNumber(1),
        side: Side::Buy,
        terms,
        time_in_force,
        self_trade_prevention: domain::SelfTradePrevention::ExpireTaker,
        client_order_id: None,
        received_at,
        deadline: None,
        protection_price: None,
    };
    let post_only = domain::Terms::Limit {
        price: price(1),
        quantity: quantity(1),
        display: None,
        post_only: true,
    };
    let stop = domain::Terms::Stop {
        stop_price: price(1),
        size: Size::Quantity(quantity(1)),
    };
    for (terms, time_in_force, seconds) in [
        (venue::limit(1, 1), TimeInForce::Gtc, 60),
        (venue::limit(1, 1), TimeInForce::Day, 60),
        (stop, TimeInForce::Gtc, 60),
        (venue::limit(1, 1), TimeInForce::Ioc, 5),
        (venue::limit(1, 1), TimeInForce::Fok, 5),
        (venue::market_order(1), TimeInForce::Ioc, 5),
        (post_only, TimeInForce::Gtc, 5),
    ] {
        let place = place(terms, time_in_force);
        assert_eq!(
            place.deadline(),
            received_at.plus_micros(seconds * 1_000_000),
            "{place:?}"
        );
        let own = Stamp::from_micros(7);
        assert_eq!(
            domain::Place {
                deadline: Some(own),
                ..place
            }
            .deadline(),
            own
        );
    }
}

/// A built-in market, a price and a quantity within its limits.
fn traded() -> impl Strategy<Value = (Market, Price, Lots)> {
    prop_oneof![Just(btc_usdt()), Just(eth_usdt()), Just(xrp_usdt())].prop_flat_map(|definition| {
        let prices = 1..=definition.max_price.ticks();
        let lots = 1..=definition.max_quantity.0;
        (Just(Market::new(definition).unwrap()), prices, lots)
            .prop_map(|(market, ticks, lots)| (market, price(ticks), Lots(lots)))
    })
}

proptest! {
    #[test]
    fn a_fee_is_the_least_whole_number_of_units_that_covers_the_rate(
        received in 0..=Amount::MAX.0,
        rate in 0..100_000_000u32,
    ) {
        let fee = FeeRate(rate).of(Amount(received));
        let exact = u128::from(received) * u128::from(rate);
        prop_assert!(fee.0 <= received);
        prop_assert!(u128::from(fee.0) * 100_000_000 >= exact);
        prop_assert!(u128::from(fee.0) * 100_000_000 < exact + 100_000_000);
    }

    #[test]
    fn price_times_quantity_is_exact((market, price, lots) in traded()) {
        let (tick, lot) = (market.definition().tick, market.definition().lot);
        let exact = u128::from(price.ticks()) * u128::from(tick.0) * u128::from(lots.0) * u128::from(lot.0);
        prop_assert_eq!(u128::from(market.notional(price, lots).0) * 100_000_000, exact);
        prop_assert!(market.notional(price, lots) <= Amount::MAX);
        prop_assert_eq!(market.price("price", market.price_amount(price)), Ok(price));
        let quantity = domain::Quantity::from_lots(lots).unwrap();
        prop_assert_eq!(market.quantity("quantity", market.base_amount(lots)), Ok(quantity));
    }

    #[test]
    fn a_buy_in_parts_at_better_prices_never_costs_more_than_was_reserved(
        (market, worst, lots) in traded(),
        cuts in prop::collection::vec((0..=100u64, 0..=100u32), 0..10),
    ) {
        let reserved = market.reservation(Side::Buy, Size::Quantity(domain::Quantity::from_lots(lots).unwrap()), worst);
        let (mut rest, mut held) = (lots, reserved);
        for (share, better) in cuts {
            let part = Lots(rest.0 * share / 100);
            let ticks = u64::from(worst.ticks()) * u64::from(better) / 100;
            let paid = Price::from_ticks(ticks as u32).map_or(Amount::ZERO, |price| market.notional(price, part));
            let freed = market.notional(worst, part) - paid;
            held = held - paid - freed;
            rest -= part;
            prop_assert_eq!(held, market.notional(worst, rest));
        }
    }

    #[test]
    fn protection_lies_inside_the_band_and_on_the_safe_side(
        ticks in 1..=1_000_000_000u32,
        band in 1..=20_000u32,
    ) {
        let mut definition = btc_usdt();
        definition.market_band = Some(Band(band));
        let market = Market::new(definition).unwrap();
        let (reference, band) = (u64::from(ticks), u64::from(band));
        let buy = u64::from(market.protection_price(Side::Buy, price(ticks)).ticks());
        let sell = u64::from(market.protection_price(Side::Sell, price(ticks)).ticks());
        prop_assert!(reference <= buy && buy * 10_000 <= reference * (10_000 + band));
        prop_assert!(sell <= reference && sell * 10_000 >= reference * 10_000u64.saturating_sub(band));
    }
}
