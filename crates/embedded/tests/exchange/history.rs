//! What has ended is in history, agrees with the exchange, and is found there long after the writer has forgotten it.

use std::sync::Arc;
use std::time::Duration;

use domain::{Order, OrderRef, Side};
use trading::{EntryError, NewOrder, OrderEntry, OrderFilter, Placed, Queries, TradeFilter};

use crate::house::{ALICE, BOB, House, PATIENCE, fund, limit, placed, user};
use crate::past::{Stuck, caught_up, dump, lines, sums_hold, trade};

#[tokio::test]
async fn what_happened_is_in_history_and_agrees_with_the_exchange() {
    let house = House::new();
    let (exchange, opened) = house.open();
    assert_eq!(opened.history, 0);
    let users: Vec<_> = (1..=5).map(user).collect();
    fund(&exchange, &users).await;
    for round in 0..5 {
        trade(&exchange, &users, round).await;
    }
    caught_up(&exchange).await;
    sums_hold(&exchange, &house, &users).await;
    let mut live = 0;
    for caller in &users {
        let all = OrderFilter {
            limit: 1_000,
            ..OrderFilter::default()
        };
        let orders = exchange.orders(*caller, all).await.unwrap();
        let own = TradeFilter {
            limit: 1_000,
            ..TradeFilter::default()
        };
        let trades = exchange.own_trades(*caller, own).await.unwrap();
        for order in orders {
            let sides = trades.iter().flat_map(|t| [(&t.buyer, t), (&t.seller, t)]);
            let filled = sides.filter(|(side, _)| side.order_id == order.order_id);
            let filled: u64 = filled.map(|(_, trade)| trade.quantity.lots().0).sum();
            assert_eq!(order.filled().0, filled, "{order:?}");
            let kept = format!(
                "SELECT status AS line FROM orders WHERE hex(order_id) = '{:032X}'",
                order.order_id.as_u128()
            );
            let kept = lines(house.path(), &kept);
            if order.state.is_final() {
                assert_eq!(kept, [order.state.status().word()], "{order:?}");
            } else {
                assert_eq!(
                    kept,
                    Vec::<String>::new(),
                    "an order that lives is not in history"
                );
                live += 1;
            }
        }
    }
    assert!(live > 0);
    let tape = exchange.trades(crate::house::BTC, 1_000).await.unwrap();
    let trades = lines(house.path(), "SELECT '' || count(*) AS line FROM trades");
    assert_eq!(trades, [tape.len().to_string()]);
}

#[tokio::test]
async fn a_stop_waits_until_history_has_everything() {
    let house = House::new();
    let (exchange, _) = house.open();
    fund(&exchange, &[ALICE, BOB]).await;
    caught_up(&exchange).await;
    let stuck = Stuck::new(house.path());
    for round in 0..10 {
        trade(&exchange, &[ALICE, BOB], round).await;
    }
    let lag = exchange.history_lag();
    assert!(lag.records > 400 && lag.bytes > 0, "{lag:?}");
    let seq = exchange.audit().await.unwrap().seq;
    let stopping = std::thread::spawn(move || {
        exchange.stop();
        exchange
    });
    let path = house.path().to_path_buf();
    crate::house::until("the exchange has stopped taking", || {
        // The last snapshot is written when only history is left to do.
        journal::Snapshots::new(&path).list().unwrap() == [seq]
    })
    .await;
    stuck.release();
    drop(stopping.join().unwrap());
    let before = dump(house.path());
    let (exchange, opened) = house.open();
    assert_eq!(
        (opened.history, opened.replayed),
        (seq, 0),
        "nothing is left to catch up"
    );
    sums_hold(&exchange, &house, &[ALICE, BOB]).await;
    drop(exchange);
    assert_eq!(dump(house.path()), before);
}

/// Places this order so many times, always some hundreds at once; all of them are rejected and so end at once.
async fn reject_many(exchange: &Arc<embedded::Embedded>, count: usize) {
    let mut done = 0;
    while done < count {
        let mut placing = tokio::task::JoinSet::new();
        for _ in 0..500 {
            let exchange = Arc::clone(exchange);
            placing.spawn(async move { exchange.place(BOB, limit(Side::Buy, 10_001, 100)).await });
        }
        while let Some(answer) = placing.join_next().await {
            match answer.unwrap() {
                Err(EntryError::Rejected(_)) => done += 1,
                // History lies behind for a moment.
                Err(EntryError::Unavailable { .. }) => tokio::time::sleep(Duration::from_millis(20)).await,
                other => panic!("{other:?}"),
            }
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_order_is_found_long_after_the_writer_has_forgotten_it() {
    let house = House::new();
    let (exchange, _) = house.open_with(|options| {
        options.history.orders = 20_000;
        options.answer_timeout = PATIENCE;
    });
    fund(&exchange, &[ALICE, BOB]).await;
    let exchange = Arc::new(exchange);
    let named = NewOrder {
        client_order_id: Some("long-ago".parse().unwrap()),
        ..limit(Side::Buy, 5, 90)
    };
    let order = placed(&exchange, ALICE, named.clone()).await;
    let ended = exchange
        .cancel(ALICE, OrderRef::Id(order.order_id))
        .await
        .unwrap();
    let lives = placed(&exchange, ALICE, limit(Side::Buy, 5, 91)).await;
    reject_many(&exchange, exchange::ENDED_ORDERS + 1).await;
    let found: Result<Order, _> = exchange.order(ALICE, OrderRef::Id(order.order_id)).await;
    assert_eq!(found, Ok(ended.clone()));
    let by_name = OrderRef::Client("long-ago".parse().unwrap());
    assert_eq!(exchange.order(ALICE, by_name.clone()).await, Ok(ended.clone()));
    assert_eq!(
        exchange.order(BOB, OrderRef::Id(order.order_id)).await,
        Err(trading::QueryError::NotFound),
        "somebody else's stays unknown"
    );
    match exchange.place(ALICE, named).await {
        Ok(Placed::Existing(again)) => assert_eq!(*again, ended, "placed again: the same order"),
        other => panic!("{other:?}"),
    }
    let all = OrderFilter {
        limit: 10,
        ..OrderFilter::default()
    };
    let orders = exchange.orders(ALICE, all).await.unwrap();
    assert_eq!(orders, [lives.clone(), ended], "lists are of both, newest first");
    let before = OrderFilter {
        before: Some(lives.order_id),
        ..all
    };
    assert_eq!(exchange.orders(ALICE, before).await.unwrap().len(), 1);
    assert_eq!(
        exchange.cancel(ALICE, by_name).await,
        Err(EntryError::UnknownOrder),
        "what the writer has forgotten cannot be cancelled"
    );
}
