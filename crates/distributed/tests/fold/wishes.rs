//! Users, markets, and placements made of wishes.

use domain::{
    Amount, FeeRate, Lots, MarketDefinition, MarketNumber, OrderId, Place, Price, Quantity, Size, Stamp,
    Terms, TimeInForce, UserId,
};

use crate::moves::{Kind, Life, Wish};

pub fn user(number: u8) -> UserId {
    UserId::from_u128(500 + u128::from(number))
}

pub fn definition(number: u32) -> MarketDefinition {
    MarketDefinition {
        number: MarketNumber(number),
        symbol: ["ABC/USD", "XYZ/USD"][number as usize].parse().unwrap(),
        tick: Amount::parse("0.01").unwrap(),
        lot: Amount::parse("0.001").unwrap(),
        min_quantity: Lots(1),
        max_quantity: Lots(50),
        max_price: Price::from_ticks(10_000).unwrap(),
        min_notional: Amount::ZERO,
        market_band: Some(domain::Band(500)),
        limit_band: None,
        initial_price: Price::from_ticks(100),
        maker_fee: FeeRate(100_000),
        taker_fee: FeeRate(200_000),
        max_open_orders: 30,
    }
}

/// The placement of a wish; none where it makes no sense.
pub fn wished(now: Stamp, number: u64, wish: &Wish) -> Option<Place> {
    let price = Price::from_ticks(wish.price)?;
    let stop_price = Price::from_ticks(wish.stop)?;
    let quantity = Quantity::from_lots(Lots(wish.lots))?;
    let display = wish.display.and_then(|lots| Quantity::from_lots(Lots(lots)));
    let budget = Size::Budget(Amount(wish.lots * 100 * 1_000 + 7));
    let all = Size::Quantity(quantity);
    let terms = match wish.kind {
        Kind::Limit | Kind::PostOnly => Terms::Limit {
            price,
            quantity,
            display,
            post_only: wish.kind == Kind::PostOnly,
        },
        Kind::Market => Terms::Market { size: all },
        Kind::Budget => Terms::Market { size: budget },
        Kind::Stop => Terms::Stop {
            stop_price,
            size: all,
        },
        Kind::StopBudget => Terms::Stop {
            stop_price,
            size: budget,
        },
        Kind::StopLimit => Terms::StopLimit {
            stop_price,
            price,
            quantity,
            display,
        },
    };
    let time_in_force = match wish.life {
        Life::Gtc => TimeInForce::Gtc,
        Life::Ioc => TimeInForce::Ioc,
        Life::Fok => TimeInForce::Fok,
        Life::Day => TimeInForce::Day,
        Life::Gtd { seconds } => TimeInForce::Gtd(now.plus_micros(seconds * 1_000_000)),
    };
    terms.check(wish.side, time_in_force, wish.prevention).ok()?;
    let micros = now.micros() - wish.seconds_late * 1_000_000;
    Some(Place {
        order_id: OrderId::at(now, number),
        user_id: user(wish.user),
        institution_id: None,
        market: MarketNumber(wish.market),
        side: wish.side,
        terms,
        time_in_force,
        self_trade_prevention: wish.prevention,
        client_order_id: None,
        received_at: Stamp::from_micros(micros),
        deadline: None,
        protection_price: None,
    })
}
