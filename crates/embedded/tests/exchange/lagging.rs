//! When history cannot be written: placements stop at the limits, cancels go on, and nothing is missing afterwards.

use std::fs;
use std::time::Duration;

use domain::{OrderRef, Side};
use embedded::{Embedded, HistoryLimits};
use trading::{EntryError, OrderEntry, OrderFilter, Queries, QueryError, TradeFilter};

use crate::house::{ALICE, BOB, House, fund, is_unavailable, limit, placed, until};
use crate::past::{Stuck, caught_up, file, sums_hold, trade};

/// Far more than a test reaches.
const WIDE: HistoryLimits = HistoryLimits {
    bytes: u64::MAX,
    orders: u64::MAX,
    age: Duration::MAX,
};

/// Places orders until one is refused because history lies behind; how many were taken.
async fn fill(exchange: &Embedded) -> u32 {
    for number in 0..1_000 {
        match exchange.place(ALICE, limit(Side::Buy, 10_001, 50)).await {
            Err(EntryError::Rejected(_)) => {}
            refused => {
                assert!(
                    is_unavailable(&refused, "history lies too far behind"),
                    "{refused:?}"
                );
                return number;
            }
        }
    }
    panic!("no placement is refused");
}

async fn is_told(exchange: &Embedded) {
    let health = exchange.health().await;
    let told = Some("lies too far behind".to_owned());
    assert!(
        !health.ready && health.dependencies.contains(&("history", told)),
        "{health:?}"
    );
}

#[tokio::test]
async fn placements_stop_at_each_limit_while_cancels_go_on() {
    for (limits, taken) in [
        (HistoryLimits { orders: 5, ..WIDE }, 6..=6),
        (HistoryLimits { bytes: 5_000, ..WIDE }, 2..=50),
        (
            HistoryLimits {
                age: Duration::from_secs(10),
                ..WIDE
            },
            0..=0,
        ),
    ] {
        let house = House::new();
        let (exchange, _) = house.open_with(|options| options.history = limits);
        fund(&exchange, &[ALICE, BOB]).await;
        caught_up(&exchange).await;
        let resting = placed(&exchange, ALICE, limit(Side::Buy, 5, 100)).await;
        caught_up(&exchange).await;
        let stuck = Stuck::new(house.path());
        if limits.age != Duration::MAX {
            placed(&exchange, BOB, limit(Side::Buy, 5, 99)).await;
            assert!(exchange.health().await.ready, "{limits:?}");
            until("history has begun to write it", || {
                house.clock.advance(Duration::from_secs(1));
                exchange.history_lag().millis > 10_000
            })
            .await;
        }
        let count = fill(&exchange).await;
        assert!(taken.contains(&count), "{count} of {taken:?}, {limits:?}");
        is_told(&exchange).await;
        let amendment = trading::Amendment::default();
        let amended = exchange
            .amend(ALICE, OrderRef::Id(resting.order_id), amendment)
            .await;
        assert!(is_unavailable(&amended, "history"), "{amended:?}");
        exchange
            .cancel(ALICE, OrderRef::Id(resting.order_id))
            .await
            .unwrap();
        assert!(exchange.cancel_all(BOB, None, None).await.is_ok());
        assert!(
            exchange.balances(ALICE).await.is_ok(),
            "what the writer has is still told"
        );
        stuck.release();
        caught_up(&exchange).await;
        until("the limits are kept again", || exchange.history_lag().bytes == 0).await;
        assert!(exchange.health().await.ready);
        placed(&exchange, ALICE, limit(Side::Buy, 5, 100)).await;
        sums_hold(&exchange, &house, &[ALICE, BOB]).await;
        assert_eq!(house.faults(), Vec::<String>::new());
    }
}

#[tokio::test]
async fn while_history_catches_up_no_list_misses_an_order() {
    let house = House::new();
    let (exchange, _) = house.open();
    fund(&exchange, &[ALICE, BOB]).await;
    trade(&exchange, &[ALICE, BOB], 0).await;
    drop(exchange);
    let old = fs::read(file(house.path())).unwrap();
    let (exchange, _) = house.open();
    trade(&exchange, &[ALICE, BOB], 1).await;
    let all = OrderFilter {
        limit: 1_000,
        ..OrderFilter::default()
    };
    let live = OrderFilter {
        live: Some(true),
        ..all
    };
    let own = TradeFilter {
        limit: 1_000,
        ..TradeFilter::default()
    };
    let before = (
        exchange.orders(ALICE, all).await,
        exchange.own_trades(ALICE, own).await,
    );
    let living = exchange.orders(ALICE, live).await;
    drop(exchange);
    fs::write(file(house.path()), old).unwrap();
    let stuck = Stuck::new(house.path());
    let (exchange, _) = house.open_with(|options| options.answer_timeout = Duration::from_millis(500));
    assert_eq!(
        exchange.orders(ALICE, all).await,
        Err(QueryError::Unavailable),
        "better none than some"
    );
    assert_eq!(
        exchange.own_trades(ALICE, own).await,
        Err(QueryError::Unavailable)
    );
    assert_eq!(
        exchange.orders(ALICE, live).await,
        living,
        "what lives is told all the same"
    );
    let new = exchange.place(ALICE, limit(Side::Buy, 1, 50)).await;
    assert!(new.is_ok(), "and the exchange trades: {new:?}");
    exchange.cancel_all(ALICE, None, None).await.unwrap();
    stuck.release();
    caught_up(&exchange).await;
    let orders = exchange.orders(ALICE, all).await.unwrap();
    let (before_orders, before_trades) = (before.0.unwrap(), before.1.unwrap());
    assert_eq!(orders.len(), before_orders.len() + 1);
    for (now, then) in orders[1..].iter().zip(&before_orders) {
        assert_eq!(now.order_id, then.order_id);
        assert!(now.state.is_final());
    }
    assert_eq!(exchange.own_trades(ALICE, own).await.unwrap(), before_trades);
    sums_hold(&exchange, &house, &[ALICE, BOB]).await;
}
