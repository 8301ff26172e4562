//! Made-up history for tests: markets, orders, trades and lines, by numbers or at random.
#![allow(dead_code, reason = "each test file uses its own part of it")]
#![allow(clippy::unwrap_used, reason = "tests may panic")]

use std::sync::Arc;

use domain::{
    Amount, CancelReason, EntryAccount, EntryType, ExpireReason, FeeRate, InstitutionId, LedgerEntry, Lots,
    Market, MarketDefinition, MarketNumber, Order, OrderId, OrderState, Price, Progress, Quantity, Reference,
    RejectReason, SelfTradePrevention, Side, Size, Stamp, Terms, TimeInForce, Trade, TradeId, TradeSide,
    UserId,
};
use persistence::{HistoryBatch, HistoryWriter};
use proptest::prelude::*;

pub const START: u64 = 1_790_000_000_000_000;

pub fn at(micros: u64) -> Stamp {
    Stamp::from_micros(START + micros)
}

pub fn user(number: u128) -> UserId {
    UserId::from_u128(0xA11CE << 64 | number)
}

pub fn price(ticks: u32) -> Price {
    Price::from_ticks(ticks).unwrap()
}

pub fn quantity(lots: u64) -> Quantity {
    Quantity::from_lots(Lots(lots)).unwrap()
}

pub fn market(number: u32) -> Market {
    Market::new(MarketDefinition {
        number: MarketNumber(number),
        symbol: "BTC/USDT".parse().unwrap(),
        tick: Amount::parse("0.01").unwrap(),
        lot: Amount::parse("0.00001").unwrap(),
        min_quantity: Lots(1),
        max_quantity: Lots(100_000_000),
        max_price: price(50_000_000),
        min_notional: Amount::ZERO,
        market_band: None,
        limit_band: None,
        initial_price: None,
        maker_fee: FeeRate(100_000),
        taker_fee: FeeRate(100_000),
        max_open_orders: 200,
    })
    .unwrap()
}

pub fn writer(path: &std::path::Path) -> HistoryWriter {
    let mut writer = HistoryWriter::open(path).unwrap();
    for number in 0..4 {
        writer.define_market(&market(number));
    }
    writer
}

pub fn batch(first_seq: u64, last_seq: u64) -> HistoryBatch {
    HistoryBatch {
        first_seq,
        last_seq,
        at: at(last_seq),
        orders: Vec::new(),
        trades: Vec::new(),
        entries: Vec::new(),
    }
}

pub fn order(number: u64, user_id: UserId) -> Order {
    let progress = Progress {
        remaining: Lots(3),
        filled: Lots(7),
        prevented: Lots::ZERO,
    };
    Order {
        order_id: OrderId::at(at(number), number),
        user_id,
        institution_id: None,
        market: MarketNumber(u32::try_from(number % 3).unwrap()),
        side: Side::ALL[usize::try_from(number / 3 % 2).unwrap()],
        terms: Terms::Limit {
            price: price(5_000_000),
            quantity: quantity(10),
            display: None,
            post_only: false,
        },
        time_in_force: TimeInForce::Gtc,
        self_trade_prevention: SelfTradePrevention::ExpireTaker,
        client_order_id: None,
        quantity: Lots(10),
        protection_price: None,
        state: OrderState::Cancelled(progress, CancelReason::Requested),
        filled_notional: Amount(70),
        fee: Amount(1),
        maker_fee: FeeRate(100_000),
        taker_fee: FeeRate(100_000),
        deadline: at(number + 60),
        expires_at: None,
        created_at: at(number),
        updated_at: at(number + 5),
        triggered_at: None,
        ended_at: Some(at(number + 5)),
    }
}

/// A trade of a market; the parties' orders are those with these numbers.
pub fn trade(market: u32, number: u64, micros: u64, buyer: (u64, UserId), seller: (u64, UserId)) -> Trade {
    let market = MarketNumber(market);
    let party = |(order, user_id), fee| TradeSide {
        order_id: OrderId::at(at(order), order),
        user_id,
        fee: Amount(fee),
        remaining: Lots(order),
    };
    Trade {
        trade_id: TradeId::at(at(micros), market, number),
        market,
        number,
        price: price(5_000_000 + u32::try_from(number * 7 % 100).unwrap()),
        quantity: quantity(1 + number % 13),
        buyer: party(buyer, 3),
        seller: party(seller, 5),
        maker_side: Side::ALL[usize::try_from(number % 2).unwrap()],
        executed_at: at(micros),
    }
}

pub fn entry(seq: u64, line: u32, account: EntryAccount) -> LedgerEntry {
    LedgerEntry {
        seq,
        line,
        account,
        asset: ["USDT", "BTC", "ETH"][usize::try_from((seq + u64::from(line)) % 3).unwrap()]
            .parse()
            .unwrap(),
        available: i64::try_from(seq).unwrap() * 1_000 - 7_500,
        reserved: -i64::from(line),
        entry_type: EntryType::ALL[usize::try_from(seq % 8).unwrap()],
        reference: Reference::Order(OrderId::at(at(seq), seq)),
        at: at(seq),
    }
}

fn stamps() -> impl Strategy<Value = Stamp> {
    (1..=u64::MAX).prop_map(Stamp::from_micros)
}

fn prices() -> impl Strategy<Value = Price> {
    (1..=u32::MAX).prop_map(price)
}

fn quantities() -> impl Strategy<Value = Quantity> {
    (1..=u64::MAX).prop_map(quantity)
}

fn sizes() -> impl Strategy<Value = Size> {
    prop_oneof![
        quantities().prop_map(Size::Quantity),
        any::<u64>().prop_map(|units| Size::Budget(Amount(units))),
    ]
}

fn terms() -> impl Strategy<Value = Terms> {
    let display = || proptest::option::of(quantities());
    prop_oneof![
        (prices(), quantities(), display(), any::<bool>()).prop_map(
            |(price, quantity, display, post_only)| Terms::Limit {
                price,
                quantity,
                display,
                post_only
            }
        ),
        sizes().prop_map(|size| Terms::Market { size }),
        (prices(), sizes()).prop_map(|(stop_price, size)| Terms::Stop { stop_price, size }),
        (prices(), prices(), quantities(), display()).prop_map(|(stop_price, price, quantity, display)| {
            Terms::StopLimit {
                stop_price,
                price,
                quantity,
                display,
            }
        }),
    ]
}

fn states() -> impl Strategy<Value = OrderState> {
    let progress =
        (any::<u64>(), any::<u64>(), any::<u64>()).prop_map(|(remaining, filled, prevented)| Progress {
            remaining: Lots(remaining),
            filled: Lots(filled),
            prevented: Lots(prevented),
        });
    let cancelled = proptest::sample::select(CancelReason::ALL);
    let expired = proptest::sample::select(ExpireReason::ALL);
    let rejected = proptest::sample::select(RejectReason::ALL);
    prop_oneof![
        Just(OrderState::Pending),
        progress.clone().prop_map(OrderState::Open),
        progress.clone().prop_map(OrderState::Filled),
        (progress.clone(), cancelled).prop_map(|(progress, reason)| OrderState::Cancelled(progress, reason)),
        (progress, expired).prop_map(|(progress, reason)| OrderState::Expired(progress, reason)),
        rejected.prop_map(OrderState::Rejected),
    ]
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

/// Orders of every form, with numbers up to the limits of their types.
pub fn any_order() -> impl Strategy<Value = Order> {
    let ids = (any::<u128>(), any::<u128>(), any::<Option<u128>>(), any::<u32>());
    let names = proptest::option::of("[A-Za-z0-9._:-]{1,100}");
    let kinds = (
        proptest::sample::select(Side::ALL),
        terms(),
        times_in_force(),
        proptest::sample::select(SelfTradePrevention::ALL),
        states(),
        names,
        proptest::option::of(prices()),
    );
    let numbers = (
        any::<u64>(),
        any::<u64>(),
        any::<u64>(),
        any::<u32>(),
        any::<u32>(),
    );
    let maybe = || proptest::option::of(stamps());
    let times = (stamps(), maybe(), stamps(), stamps(), maybe(), maybe());
    (ids, kinds, numbers, times).prop_map(|(ids, kinds, numbers, times)| Order {
        order_id: OrderId::from_u128(ids.0),
        user_id: UserId::from_u128(ids.1),
        institution_id: ids.2.map(InstitutionId::from_u128),
        market: MarketNumber(ids.3),
        side: kinds.0,
        terms: kinds.1,
        time_in_force: kinds.2,
        self_trade_prevention: kinds.3,
        client_order_id: kinds.5.map(|name| name.parse().unwrap()),
        quantity: Lots(numbers.0),
        protection_price: kinds.6,
        state: kinds.4,
        filled_notional: Amount(numbers.1),
        fee: Amount(numbers.2),
        maker_fee: FeeRate(numbers.3),
        taker_fee: FeeRate(numbers.4),
        deadline: times.0,
        expires_at: times.1,
        created_at: times.2,
        updated_at: times.3,
        triggered_at: times.4,
        ended_at: times.5,
    })
}

/// A batch with these orders.
pub fn with_orders(seq: u64, orders: Vec<Order>) -> HistoryBatch {
    HistoryBatch {
        orders: orders.into_iter().map(Arc::new).collect(),
        ..batch(seq, seq)
    }
}
