//! A tape of events to fold: short ways to say levels and trades.
#![allow(dead_code, reason = "each test file uses its own part of the tape")]
#![allow(clippy::unwrap_used, reason = "tests may panic")]

use domain::{
    Amount, Event, FeeRate, Lots, Market, MarketDefinition, MarketEvent, MarketNumber, OrderId, Price,
    Quantity, Side, Stamp, Trade, TradeId, TradeSide, UserId,
};

pub const MARKET: MarketNumber = MarketNumber(1);
pub const MINUTE: u64 = 60_000_000;

/// XRP/USDT: one lot (0.1) costs 1,000 units (0.00001) at one tick (0.0001).
pub fn market() -> Market {
    Market::new(MarketDefinition {
        number: MARKET,
        symbol: "XRP/USDT".parse().unwrap(),
        tick: Amount::parse("0.0001").unwrap(),
        lot: Amount::parse("0.1").unwrap(),
        min_quantity: Lots(1),
        max_quantity: Lots(10_000_000),
        max_price: price(100_000_000),
        min_notional: Amount::ZERO,
        market_band: None,
        limit_band: None,
        initial_price: None,
        maker_fee: FeeRate(0),
        taker_fee: FeeRate(0),
        max_open_orders: 1,
    })
    .unwrap()
}

pub fn price(ticks: u32) -> Price {
    Price::from_ticks(ticks).unwrap()
}

pub fn level(seq: u64, side: Side, ticks: u32, lots: u64) -> MarketEvent {
    MarketEvent {
        market: MARKET,
        seq,
        at: Stamp::from_micros(seq),
        event: Event::Level {
            side,
            price: price(ticks),
            quantity: Lots(lots),
        },
    }
}

/// The market's trade of this number, which is its event of this number too.
pub fn trade(number: u64, micros: u64, ticks: u32, lots: u64) -> MarketEvent {
    let at = Stamp::from_micros(micros);
    let party = |id| TradeSide {
        order_id: OrderId::from_u128(id),
        user_id: UserId::from_u128(id),
        fee: Amount::ZERO,
        remaining: Lots::ZERO,
    };
    let trade = Trade {
        trade_id: TradeId::at(at, MARKET, number),
        market: MARKET,
        number,
        price: price(ticks),
        quantity: Quantity::from_lots(Lots(lots)).unwrap(),
        buyer: party(1),
        seller: party(2),
        maker_side: Side::Sell,
        executed_at: at,
    };
    MarketEvent {
        market: MARKET,
        seq: number,
        at,
        event: Event::Trade(Box::new(trade)),
    }
}

/// A bar in short: open, high, low, close, lots, units of the quote asset, trades.
pub fn numbers(bar: &market_data::Bar) -> (u32, u32, u32, u32, u128, u128, u64) {
    (
        bar.open.ticks(),
        bar.high.ticks(),
        bar.low.ticks(),
        bar.close.ticks(),
        bar.base_volume,
        bar.quote_volume,
        bar.trade_count,
    )
}
