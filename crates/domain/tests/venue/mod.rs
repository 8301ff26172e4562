//! The default markets, and short ways to say prices and quantities.
#![allow(dead_code, reason = "each test file uses its own part of it")]
#![allow(clippy::unwrap_used, reason = "tests may panic")]

use domain::{
    Amount, Band, FeeRate, Lots, Market, MarketDefinition, MarketNumber, Price, Quantity, Size, Terms,
};

pub fn amount(text: &str) -> Amount {
    Amount::parse(text).unwrap()
}

pub fn price(ticks: u32) -> Price {
    Price::from_ticks(ticks).unwrap()
}

pub fn quantity(lots: u64) -> Quantity {
    Quantity::from_lots(Lots(lots)).unwrap()
}

pub fn limit(ticks: u32, lots: u64) -> Terms {
    Terms::Limit {
        price: price(ticks),
        quantity: quantity(lots),
        display: None,
        post_only: false,
    }
}

pub fn market_order(lots: u64) -> Terms {
    Terms::Market {
        size: Size::Quantity(quantity(lots)),
    }
}

pub fn budget(text: &str) -> Terms {
    Terms::Market {
        size: Size::Budget(amount(text)),
    }
}

fn definition(
    number: u32,
    symbol: &str,
    [tick, lot, min_quantity, max_quantity]: [&str; 4],
    max_price: u32,
) -> MarketDefinition {
    let lots = |text| Lots(amount(text).0 / amount(lot).0);
    MarketDefinition {
        number: MarketNumber(number),
        symbol: symbol.parse().unwrap(),
        tick: amount(tick),
        lot: amount(lot),
        min_quantity: lots(min_quantity),
        max_quantity: lots(max_quantity),
        max_price: price(max_price),
        min_notional: amount("5"),
        market_band: Some(Band(1_000)),
        limit_band: Some(Band(5_000)),
        initial_price: None,
        maker_fee: FeeRate(100_000),
        taker_fee: FeeRate(100_000),
        max_open_orders: 200,
    }
}

/// BTC/USDT: ticks of 0.01 up to 10 million, lots of 0.000001 from 0.0001 to 1000.
pub fn btc_usdt() -> MarketDefinition {
    definition(
        1,
        "BTC/USDT",
        ["0.01", "0.000001", "0.0001", "1000"],
        1_000_000_000,
    )
}

/// ETH/USDT: ticks of 0.01 up to a million, lots of 0.00001 from 0.001 to 10,000.
pub fn eth_usdt() -> MarketDefinition {
    definition(2, "ETH/USDT", ["0.01", "0.00001", "0.001", "10000"], 100_000_000)
}

/// XRP/USDT: ticks of 0.0001 up to 10,000, lots of 0.1 from 10 to a million.
pub fn xrp_usdt() -> MarketDefinition {
    definition(3, "XRP/USDT", ["0.0001", "0.1", "10", "1000000"], 100_000_000)
}

pub fn btc_market() -> Market {
    Market::new(btc_usdt()).unwrap()
}
