//! Made-up orders and trades: by numbers, or of every kind at random.

use std::sync::Arc;

use domain::{
    Amount, CancelReason, ExpireReason, FeeRate, InstitutionId, Lots, Market, MarketDefinition, MarketNumber,
    Order, OrderId, OrderState, Price, Progress, Quantity, RejectReason, RequestId, SelfTradePrevention,
    Side, Size, Stamp, Terms, TimeInForce, Trade, TradeId, TradeSide, UserId,
};
use persistence::postgres::orders::{FoldState, MarketGrids, StoredOrder};
use proptest::prelude::*;

const START: u64 = 1_790_000_000_000_000;
const DAY: u64 = 24 * 60 * 60 * 1_000_000;

fn market(number: u32, symbol: &str, tick: &str, lot: &str) -> Arc<Market> {
    let definition = MarketDefinition {
        number: MarketNumber(number),
        symbol: symbol.parse().unwrap(),
        tick: Amount::parse(tick).unwrap(),
        lot: Amount::parse(lot).unwrap(),
        min_quantity: Lots(1),
        max_quantity: Lots(1_000_000_000),
        max_price: price(1_000_000),
        min_notional: Amount::ZERO,
        market_band: None,
        limit_band: None,
        initial_price: None,
        maker_fee: FeeRate(100_000),
        taker_fee: FeeRate(200_000),
        max_open_orders: 200,
    };
    Arc::new(Market::new(definition).unwrap())
}

pub fn markets() -> MarketGrids {
    MarketGrids::new([
        market(1, "BTC/USDT", "0.01", "0.000001"),
        market(2, "ETH/BTC", "0.00001", "0.001"),
    ])
}

fn price(ticks: u32) -> Price {
    Price::from_ticks(ticks).unwrap()
}

fn quantity(lots: u64) -> Quantity {
    Quantity::from_lots(Lots(lots)).unwrap()
}

fn prices() -> impl Strategy<Value = Price> {
    prop_oneof![1..=1_000_000u32, Just(u32::MAX / 100)].prop_map(price)
}

fn stamps() -> impl Strategy<Value = Stamp> {
    (0..DAY).prop_map(|micros| Stamp::from_micros(START + micros))
}

fn sizes(lots: u64) -> impl Strategy<Value = Size> {
    prop_oneof![
        Just(Size::Quantity(quantity(lots))),
        (1..=u64::from(u32::MAX)).prop_map(|units| Size::Budget(Amount(units))),
    ]
}

fn terms() -> impl Strategy<Value = Terms> {
    let lots = 1..=1_000_000_000u64;
    lots.prop_flat_map(|lots| {
        let display = || proptest::option::of((1..=lots).prop_map(quantity));
        let all = quantity(lots);
        prop_oneof![
            (prices(), display(), any::<bool>()).prop_map(move |(price, display, post_only)| Terms::Limit {
                price,
                quantity: all,
                display,
                post_only
            }),
            sizes(lots).prop_map(|size| Terms::Market { size }),
            (prices(), sizes(lots)).prop_map(|(stop_price, size)| Terms::Stop { stop_price, size }),
            (prices(), prices(), display()).prop_map(move |(stop_price, price, display)| Terms::StopLimit {
                stop_price,
                price,
                quantity: all,
                display
            }),
        ]
    })
}

fn times_in_force() -> impl Strategy<Value = TimeInForce> {
    prop_oneof![
        Just(TimeInForce::Gtc),
        Just(TimeInForce::Ioc),
        Just(TimeInForce::Fok),
        Just(TimeInForce::Day),
        stamps().prop_map(TimeInForce::Gtd),
    ]
}

/// How an order of so many lots stands, and whether it ever came to life.
fn state(quantity: Lots, kind: usize, parts: (u64, u64), by_budget: bool) -> (OrderState, bool) {
    let filled = Lots(parts.0 % (quantity.0 + 1));
    let prevented = Lots(parts.1 % (quantity.0 - filled.0 + 1));
    let progress = |filled: Lots, prevented: Lots| Progress {
        remaining: quantity - filled - prevented,
        filled,
        prevented,
    };
    let some = progress(filled, prevented);
    let pick = parts.0 as usize;
    match kind {
        0 => (OrderState::Pending, false),
        1 => (OrderState::Open(some), true),
        2 if by_budget => (OrderState::Filled(some), true),
        2 => (OrderState::Filled(progress(quantity, Lots::ZERO)), true),
        3 => {
            let reasons = CancelReason::ALL;
            (OrderState::Cancelled(some, reasons[pick % reasons.len()]), true)
        }
        4 => {
            let reasons = ExpireReason::ALL;
            (OrderState::Expired(some, reasons[pick % reasons.len()]), true)
        }
        5 => (
            OrderState::Expired(Progress::default(), ExpireReason::TooLate),
            false,
        ),
        _ => {
            let reasons = RejectReason::ALL;
            (OrderState::Rejected(reasons[pick % reasons.len()]), false)
        }
    }
}

/// Orders of every kind and state, as a fold leaves them.
pub fn any_order() -> impl Strategy<Value = StoredOrder> {
    let ids = (any::<u128>(), any::<Option<u128>>(), 1..=2u32, stamps());
    let kinds = (
        terms(),
        proptest::sample::select(Side::ALL),
        times_in_force(),
        proptest::sample::select(SelfTradePrevention::ALL),
        proptest::option::of("[A-Za-z0-9._:-]{1,100}"),
        proptest::option::of(prices()),
        0..7usize,
    );
    let numbers = (
        any::<u64>(),
        any::<u64>(),
        0..=1u64 << 50,
        0..=1u64 << 50,
        0..100_000_000u32,
    );
    let maybe = || proptest::option::of(stamps());
    let times = (stamps(), stamps(), stamps(), maybe(), maybe());
    let fold = (
        1..=1u64 << 60,
        any::<Option<u32>>(),
        0..=1u64 << 50,
        0..=i32::MAX as u32,
        any::<Option<u128>>(),
    );
    (ids, kinds, numbers, times, fold).prop_map(|(ids, kinds, numbers, times, fold)| {
        let (terms, side, time_in_force, self_trade_prevention, name, protection, kind) = kinds;
        let market = MarketNumber(ids.2);
        let lots = markets().numbered(market).unwrap().lots(terms.size());
        let by_budget = matches!(terms.size(), Size::Budget(_));
        let side = if by_budget { Side::Buy } else { side };
        let (state, alive) = state(lots, kind, (numbers.0, numbers.1), by_budget);
        let pending = state == OrderState::Pending;
        let id_time = Stamp::from_micros(ids.3.millis() * 1_000);
        let applied = if pending { id_time } else { times.0 };
        let order = Order {
            order_id: OrderId::at(ids.3, numbers.0),
            user_id: UserId::from_u128(ids.0),
            institution_id: ids.1.map(InstitutionId::from_u128),
            market,
            side,
            terms,
            time_in_force,
            self_trade_prevention,
            client_order_id: name.map(|name| name.parse().unwrap()),
            quantity: lots,
            protection_price: protection.filter(|_| terms.price().is_none()),
            state,
            filled_notional: Amount(if pending { 0 } else { numbers.2 }),
            fee: Amount(if pending { 0 } else { numbers.3 }),
            maker_fee: FeeRate(numbers.4),
            taker_fee: FeeRate(99_999_999 - numbers.4),
            deadline: times.1,
            expires_at: match time_in_force {
                TimeInForce::Gtd(end) => Some(end),
                TimeInForce::Day => Some(applied.next_midnight()).filter(|_| !pending),
                _ => None,
            },
            created_at: applied,
            updated_at: if pending { applied } else { times.2 },
            triggered_at: times.3.filter(|_| !pending),
            ended_at: state.is_final().then_some(times.4.unwrap_or(applied)),
        };
        let live = alive && !state.is_final();
        let fold = FoldState {
            rank: alive.then_some(fold.0),
            turn: fold.1.map(u64::from).filter(|_| live),
            shown: fold
                .1
                .map(|shown| Lots(u64::from(shown) % (lots.0 + 1)))
                .filter(|_| live),
            reserve_left: Amount(if live { fold.2 } else { 0 }),
            releases: if alive { fold.3 } else { 0 },
            amendment: fold.4.map(RequestId::from_u128).filter(|_| alive),
        };
        StoredOrder {
            order,
            fold,
            reserved: None,
        }
    })
}

/// A trade between two orders of a market.
pub fn trade(number: u64, buyer: &Order, seller: &Order, parts: (u32, u64, u64)) -> Trade {
    let at = Stamp::from_micros(START + parts.1 % DAY);
    let (price, quantity) = (price(parts.0), quantity(1 + parts.2 % 1_000_000_000));
    let markets = markets();
    let grid = markets.numbered(buyer.market).unwrap();
    // At most what the party receives.
    let party = |order: &Order, received: Amount| TradeSide {
        order_id: order.order_id,
        user_id: order.user_id,
        fee: Amount(parts.1 % (received.0 + 1)),
        remaining: Lots(parts.2 % 1_000_000_000),
    };
    Trade {
        trade_id: TradeId::at(at, buyer.market, number),
        market: buyer.market,
        number,
        price,
        quantity,
        buyer: party(buyer, grid.base_amount(quantity.lots())),
        seller: party(seller, grid.notional(price, quantity.lots())),
        maker_side: Side::ALL[(parts.1 % 2) as usize],
        executed_at: at,
    }
}

pub fn sample(number: u64) -> StoredOrder {
    let at = Stamp::from_micros(START + number * 1_000);
    StoredOrder {
        order: Order {
            order_id: OrderId::at(at, number),
            user_id: UserId::from_u128(7),
            institution_id: None,
            market: MarketNumber(1),
            side: Side::Buy,
            terms: Terms::Limit {
                price: price(5),
                quantity: quantity(10),
                display: None,
                post_only: false,
            },
            time_in_force: TimeInForce::Gtc,
            self_trade_prevention: SelfTradePrevention::None,
            client_order_id: None,
            quantity: Lots(10),
            protection_price: None,
            state: OrderState::Pending,
            filled_notional: Amount::ZERO,
            fee: Amount::ZERO,
            maker_fee: FeeRate(0),
            taker_fee: FeeRate(0),
            deadline: at,
            expires_at: None,
            created_at: at,
            updated_at: at,
            triggered_at: None,
            ended_at: None,
        },
        fold: FoldState::default(),
        reserved: None,
    }
}
