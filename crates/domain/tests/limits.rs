//! Which rule an order breaks: the market's limits and bands, and the combinations that make no sense.
#![allow(clippy::unwrap_used, reason = "tests may panic")]

mod venue;

use domain::{Amount, Market, RejectReason, SelfTradePrevention, Side, Size, Stamp, Terms, TimeInForce};
use venue::{btc_market, btc_usdt, budget, limit, market_order, price, quantity};

fn stop(stop_price: u32, lots: u64) -> Terms {
    Terms::Stop {
        stop_price: price(stop_price),
        size: Size::Quantity(quantity(lots)),
    }
}

fn stop_limit(stop_price: u32, ticks: u32, lots: u64) -> Terms {
    Terms::StopLimit {
        stop_price: price(stop_price),
        price: price(ticks),
        quantity: quantity(lots),
        display: None,
    }
}

#[test]
fn an_order_is_held_to_the_markets_limits() {
    use RejectReason::{
        NoReferencePrice, NotionalTooSmall, PriceOutOfBand, PriceTooHigh, QuantityTooLarge, QuantityTooSmall,
    };
    // At 50000.00 the least value of 5 USDT is 100 lots, which is the least quantity too.
    let at = Some(5_000_000);
    for (terms, reference, broken) in [
        (limit(5_000_000, 100), at, None),
        (limit(5_000_000, 99), at, Some(QuantityTooSmall)),
        (limit(5_000_000, 1_000_000_000), at, None),
        (limit(5_000_000, 1_000_000_001), at, Some(QuantityTooLarge)),
        (limit(5_000_000, u64::MAX), at, Some(QuantityTooLarge)),
        (limit(1_000_000_000, 100), None, None),
        (limit(1_000_000_001, 100), None, Some(PriceTooHigh)),
        (limit(u32::MAX, 1_000_000_000), None, Some(PriceTooHigh)),
        (limit(4_999_999, 100), at, Some(NotionalTooSmall)),
        (limit(1, 1_000), None, Some(NotionalTooSmall)),
        // The band of 50 % around the reference price.
        (limit(7_500_000, 100), at, None),
        (limit(7_500_001, 100), at, Some(PriceOutOfBand)),
        (limit(2_500_000, 200), at, None),
        (limit(2_499_999, 300), at, Some(PriceOutOfBand)),
        (limit(u32::MAX / 8, 100), None, None),
        // Market orders are measured at the reference price.
        (market_order(100), at, None),
        (market_order(100), Some(4_999_999), Some(NotionalTooSmall)),
        (market_order(99), at, Some(QuantityTooSmall)),
        (market_order(100), None, Some(NoReferencePrice)),
        (market_order(1_000_000_000), Some(u32::MAX), None),
        (budget("5"), at, None),
        (budget("4.99999999"), at, Some(NotionalTooSmall)),
        (budget("5"), None, Some(NoReferencePrice)),
        (budget("92233720368.54775807"), at, None),
        // Stops are measured at their stop price, whatever the last price is.
        (stop(5_000_000, 100), None, None),
        (stop(4_999_999, 100), at, Some(NotionalTooSmall)),
        (stop(1_000_000_001, 100), at, Some(PriceTooHigh)),
        (stop_limit(9_000_000, 9_000_000, 100), at, None),
        (stop_limit(5_000_000, 7_500_001, 100), at, Some(PriceOutOfBand)),
        (stop_limit(1_000_000_001, 5_000_000, 100), at, Some(PriceTooHigh)),
        (stop_limit(5_000_000, 1_000_000_001, 100), at, Some(PriceTooHigh)),
        // Of two broken rules the first one is told.
        (limit(u32::MAX, 1), at, Some(QuantityTooSmall)),
    ] {
        let found = btc_market().check_limits(&terms, reference.map(price));
        assert_eq!(found.err(), broken, "{terms:?} at {reference:?}");
    }
}

#[test]
fn without_a_band_any_price_up_to_the_highest_will_do() {
    let mut definition = btc_usdt();
    definition.limit_band = None;
    let market = Market::new(definition).unwrap();
    for ticks in [5_000, 1_000_000_000] {
        assert_eq!(
            market.check_limits(&limit(ticks, 1_000_000), Some(price(5_000_000))),
            Ok(())
        );
    }
}

#[test]
fn types_and_times_that_do_not_fit_each_other_are_refused() {
    use SelfTradePrevention::{Decrement, ExpireTaker};
    use Side::{Buy, Sell};
    use TimeInForce::{Day, Fok, Gtc, Ioc};
    let iceberg = |display| Terms::Limit {
        price: price(1),
        quantity: quantity(10),
        display: Some(quantity(display)),
        post_only: false,
    };
    let post_only = Terms::Limit {
        price: price(1),
        quantity: quantity(1),
        display: None,
        post_only: true,
    };
    let budget_stop = Terms::Stop {
        stop_price: price(1),
        size: Size::Budget(Amount(1)),
    };
    let nothing = Terms::Market {
        size: Size::Budget(Amount::ZERO),
    };
    let stop_iceberg = |display| Terms::StopLimit {
        stop_price: price(1),
        price: price(1),
        quantity: quantity(10),
        display: Some(quantity(display)),
    };
    let gtd = TimeInForce::Gtd(Stamp::from_micros(9));
    for (terms, side, time_in_force, prevention, field) in [
        (limit(1, 1), Buy, Gtc, ExpireTaker, None),
        (limit(1, 1), Sell, Fok, Decrement, None),
        (limit(1, 1), Sell, gtd, Decrement, None),
        (market_order(1), Buy, Ioc, ExpireTaker, None),
        (market_order(1), Sell, Fok, Decrement, None),
        (market_order(1), Buy, Gtc, ExpireTaker, Some("time_in_force")),
        (market_order(1), Buy, Day, ExpireTaker, Some("time_in_force")),
        (market_order(1), Buy, gtd, ExpireTaker, Some("time_in_force")),
        (stop(1, 1), Sell, Gtc, ExpireTaker, None),
        (stop(1, 1), Sell, Ioc, ExpireTaker, None),
        (post_only, Buy, Gtc, ExpireTaker, None),
        (post_only, Buy, Ioc, ExpireTaker, Some("post_only")),
        (post_only, Buy, Fok, ExpireTaker, Some("post_only")),
        (iceberg(10), Buy, Gtc, ExpireTaker, None),
        (iceberg(11), Buy, Gtc, ExpireTaker, Some("display_quantity")),
        (iceberg(1), Buy, Ioc, ExpireTaker, Some("display_quantity")),
        (stop_iceberg(10), Sell, Day, ExpireTaker, None),
        (stop_iceberg(11), Sell, Day, ExpireTaker, Some("display_quantity")),
        (budget("1"), Buy, Ioc, ExpireTaker, None),
        (budget("1"), Sell, Ioc, ExpireTaker, Some("quote_quantity")),
        (budget("1"), Buy, Ioc, Decrement, Some("self_trade_prevention")),
        (budget_stop, Buy, Gtc, ExpireTaker, None),
        (budget_stop, Sell, Gtc, ExpireTaker, Some("quote_quantity")),
        (nothing, Buy, Ioc, ExpireTaker, Some("quote_quantity")),
    ] {
        let found = terms.check(side, time_in_force, prevention);
        assert_eq!(
            found.err().map(|error| error.field),
            field,
            "{terms:?} {side:?} {time_in_force:?}"
        );
    }
}
