//! Every column that a shard's fold lives by counts: without any one of them the state is another.

use distributed::fold::{ShardFold, ShardRows};
use domain::{Amount, CancelReason, Lots, MarketState, OrderState, Progress, Side, TimeInForce};
use engine::LiveMarket;
use persistence::postgres::orders::StoredOrder;

use crate::moves::{Kind, Life, Move, Wish};
use crate::twins::Twins;

fn wish(user: u8, side: Side, kind: Kind, price: u32, lots: u64) -> Wish {
    Wish {
        user,
        market: 0,
        side,
        kind,
        price,
        stop: 105,
        lots,
        display: None,
        life: Life::Gtc,
        prevention: domain::SelfTradePrevention::Decrement,
        seconds_late: 0,
        extra: 0,
        fees: Some(7),
    }
}

/// A book with a bit of everything: an iceberg that was refilled and stands behind a later order, a waiting stop, an
/// amended order that is partly filled, partly prevented, and expires.
fn lively() -> Twins {
    let mut twins = Twins::open(10_000_000_000);
    let iceberg = Wish {
        display: Some(2),
        ..wish(0, Side::Sell, Kind::Limit, 100, 9)
    };
    let dated = Wish {
        life: Life::Gtd { seconds: 1_000 },
        extra: 5,
        ..wish(1, Side::Buy, Kind::Limit, 98, 9)
    };
    for wish in [
        iceberg,
        wish(2, Side::Sell, Kind::Limit, 100, 4),
        wish(3, Side::Buy, Kind::Limit, 100, 3),
        wish(3, Side::Buy, Kind::Stop, 100, 2),
        wish(3, Side::Buy, Kind::StopLimit, 104, 2),
        dated,
        wish(2, Side::Sell, Kind::Limit, 98, 2),
        wish(1, Side::Sell, Kind::Limit, 98, 1),
    ] {
        twins.step(&Move::Place(wish));
        twins.step(&Move::Wait { seconds: 1 });
    }
    twins.step(&Move::Amend {
        order: 2,
        price: Some(99),
        lots: Some(12),
        extra: 3,
    });
    twins.compare();
    twins
}

/// One column of an order's row is lost. False: this order has nothing there.
type Loss = (&'static str, fn(&mut StoredOrder) -> bool);

/// Takes a value that may be missing.
fn lose<T>(value: &mut Option<T>) -> bool {
    value.take().is_some()
}

/// Changes how far an order has come.
fn progress(stored: &mut StoredOrder, change: fn(&mut Progress)) -> bool {
    let OrderState::Open(progress) = &mut stored.order.state else {
        return false;
    };
    let before = *progress;
    change(progress);
    *progress != before
}

const ORDER_COLUMNS: &[Loss] = &[
    ("user_id", |o| {
        o.order.user_id = domain::UserId::from_u128(1);
        true
    }),
    ("institution_id", |o| {
        o.order.institution_id = Some(domain::InstitutionId::from_u128(1));
        true
    }),
    ("side", |o| {
        o.order.side = o.order.side.opposite();
        true
    }),
    ("time_in_force", |o| {
        let was = std::mem::replace(&mut o.order.time_in_force, TimeInForce::Gtc);
        was != TimeInForce::Gtc
    }),
    ("self_trade_prevention", |o| {
        o.order.self_trade_prevention = domain::SelfTradePrevention::None;
        true
    }),
    ("client_order_id", |o| {
        o.order.client_order_id = Some("x".parse().unwrap());
        true
    }),
    ("quantity", |o| {
        o.order.quantity += Lots(1);
        true
    }),
    ("filled_quantity", |o| {
        progress(o, |p| {
            p.remaining += p.filled;
            p.filled = Lots::ZERO;
        })
    }),
    ("prevented_quantity", |o| {
        progress(o, |p| {
            p.remaining += p.prevented;
            p.prevented = Lots::ZERO;
        })
    }),
    ("protection_price", |o| lose(&mut o.order.protection_price)),
    ("filled_notional", |o| {
        std::mem::take(&mut o.order.filled_notional) != Amount::ZERO
    }),
    ("fee_paid", |o| std::mem::take(&mut o.order.fee) != Amount::ZERO),
    ("maker_fee", |o| std::mem::take(&mut o.order.maker_fee).0 != 0),
    ("taker_fee", |o| std::mem::take(&mut o.order.taker_fee).0 != 0),
    ("expires_at", |o| lose(&mut o.order.expires_at)),
    ("triggered_at", |o| {
        o.order.triggered_at = Some(o.order.created_at);
        true
    }),
    ("applied_at", |o| {
        o.order.created_at = domain::Stamp::FIRST;
        true
    }),
    ("updated_at", |o| {
        o.order.updated_at = domain::Stamp::FIRST;
        true
    }),
    ("rank", |o| lose(&mut o.fold.rank)),
    ("turn", |o| lose(&mut o.fold.turn)),
    ("displayed_remaining", |o| lose(&mut o.fold.shown)),
    ("reserve_left", |o| {
        std::mem::take(&mut o.fold.reserve_left) != Amount::ZERO
    }),
    ("release_number", |o| std::mem::take(&mut o.fold.releases) != 0),
    ("amendment", |o| lose(&mut o.fold.amendment)),
    ("status", |o| {
        let p = o.order.state.progress();
        o.order.state = OrderState::Cancelled(p, CancelReason::Requested);
        true
    }),
];

type MarketLoss = (&'static str, fn(&mut LiveMarket));

const MARKET_COLUMNS: &[MarketLoss] = &[
    ("status", |m| m.state = MarketState::Halted),
    ("last_price", |m| m.last_price = None),
    ("trade_number", |m| m.trade_number = 0),
    ("event_seq", |m| m.event_seq = 0),
    ("turn", |m| m.last_turn += 1),
    ("definition", |m| m.definition.max_open_orders += 1),
];

/// Whether a shard of these rows is the one of this digest.
fn is_same(rows: ShardRows, digest: u128) -> bool {
    ShardFold::load(rows, 9).is_ok_and(|mut fold| fold.digest() == digest)
}

#[test]
fn no_column_of_an_order_can_be_lost() {
    let twins = lively();
    assert!(is_same(twins.rows(), twins.digest));
    for (column, lose) in ORDER_COLUMNS {
        let mut lost = 0;
        for at in 0..twins.rows().orders.len() {
            let mut rows = twins.rows();
            if lose(&mut rows.orders[at]) {
                lost += 1;
                assert!(!is_same(rows, twins.digest), "{column}");
            }
        }
        assert!(lost > 0, "no order has anything in {column}");
    }
}

#[test]
fn no_column_of_a_market_and_no_row_can_be_lost() {
    let twins = lively();
    for (column, lose) in MARKET_COLUMNS {
        let mut rows = twins.rows();
        lose(&mut rows.markets[0]);
        assert!(!is_same(rows, twins.digest), "{column}");
    }
    let mut rows = twins.rows();
    rows.last_rank += 1;
    assert!(!is_same(rows, twins.digest), "rank");
    let mut rows = twins.rows();
    rows.last = rows.last.plus_micros(1);
    assert!(!is_same(rows, twins.digest), "last_time");
    let mut rows = twins.rows();
    rows.orders.pop();
    assert!(!is_same(rows, twins.digest), "an order");
    let mut rows = twins.rows();
    rows.markets.pop();
    assert!(!is_same(rows, twins.digest), "a market");
}

#[test]
fn an_order_before_its_turn_is_another_state() {
    let twins = lively();
    let mut rows = twins.rows();
    let turns: Vec<usize> = (0..rows.orders.len())
        .filter(|at| rows.orders[*at].order.side == Side::Sell && rows.orders[*at].fold.turn.is_some())
        .collect();
    let [one, other] = turns[..] else {
        panic!("two sells rest: {turns:?}");
    };
    let swapped = rows.orders[one].fold.turn;
    rows.orders[one].fold.turn = rows.orders[other].fold.turn;
    rows.orders[other].fold.turn = swapped;
    assert!(!is_same(rows, twins.digest));
}
