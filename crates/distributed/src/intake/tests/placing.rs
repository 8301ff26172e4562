//! Placing: one order for each request, whatever comes twice, late or at once.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use domain::{
    Amount, Lots, MarketNumber, OrderState, Price, Quantity, RejectReason, Side, Size, Stamp, Status, Terms,
    TimeInForce,
};
use futures_util::future::join_all;
use trading::{EntryError, NewOrder, Placed};

use super::house::{House, PATIENCE, limit, market, named};
use crate::Funding;

fn id(placed: &Placed) -> domain::OrderId {
    match placed {
        Placed::New(order) | Placed::Existing(order) | Placed::Pending(order) => order.order_id,
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_order_is_stored_funded_applied_and_answered() {
    let house = House::open().await;
    let alice = house.user(1, 1_000, 0).await;
    let placed = house
        .intake
        .place(alice, named("first", limit(Side::Buy, 5, 100)))
        .await;
    let Ok(Placed::New(order)) = placed else {
        panic!("{placed:?}");
    };
    assert_eq!(order.state.status(), Status::Open);
    assert_eq!(
        house.row(alice, order.order_id).await,
        *order,
        "the row is the order"
    );
    assert_eq!(house.has(alice, "USDT").await, (500, 500));
    assert_eq!(house.owner.times(order.order_id), 1);
    let times =
        "SELECT count(*) FROM orders WHERE v7_time(order_id) = created_at AND created_at <= applied_at";
    assert_eq!(house.count(times).await, 1, "its id and its time are one");
    house
        .until("its command is done", async |house| {
            house.count("SELECT count(*) FROM commands").await == 0
        })
        .await;
    assert!(house.heard.hints.lock().unwrap().contains(&0));
    assert_eq!(house.told.waiting(), 0, "nobody waits any more");
    assert_eq!(market().symbol().to_string(), "BTC/USDT");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_order_that_the_tables_do_not_take_fails_none_that_comes_with_it() {
    let house = House::open().await;
    let alice = house.user(1, 10_000, 0).await;
    for (table, rule) in [
        ("orders", "client_order_id <> 'order-7'"),
        // Of the commands it is one of those whose bodies end with this byte.
        ("commands", "get_byte(uuid_send(id), 15) % 8 <> 3"),
    ] {
        let change = format!("ALTER TABLE {table} ADD CONSTRAINT a_test CHECK ({rule})");
        house.sql.batch_execute(&change).await.unwrap();
    }
    let places = (0..40).map(|n| {
        let order = named(&format!("order-{n}"), limit(Side::Buy, 1, 100));
        house.intake.place(alice, order)
    });
    let answers = join_all(places).await;
    let mut pending = 0;
    for (n, answer) in answers.into_iter().enumerate() {
        match answer {
            Ok(Placed::New(order)) => assert_eq!(
                order.client_order_id.as_ref().map(|name| name.as_str()),
                Some(&*format!("order-{n}"))
            ),
            Ok(Placed::Pending(order)) => {
                pending += 1;
                assert_eq!(order.order_id.as_u128() % 8, 3, "its command is not taken: {n}");
            }
            other => assert!(
                n == 7 && matches!(other, Err(EntryError::Unavailable { .. })),
                "{n}: {other:?}"
            ),
        }
    }
    let stored = house.count("SELECT count(*) FROM orders").await;
    assert_eq!(stored, 39, "all but the one");
    let waiting = house
        .count("SELECT count(*) FROM orders WHERE status = 'PENDING'")
        .await;
    assert_eq!(waiting, pending);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn duplicates_in_parallel_give_one_order_over_all_gateways() {
    let house = House::open().await;
    let alice = house.user(1, 10_000, 0).await;
    let other = house.another(PATIENCE).await;
    let order = named("twin", limit(Side::Buy, 5, 100));
    let gateways = [&house.intake, &other];
    let placing = (0..40).map(|n| gateways[n % 2].place(alice, order.clone()));
    let answers: Vec<Placed> = join_all(placing).await.into_iter().map(Result::unwrap).collect();
    let new = answers.iter().filter(|answer| matches!(answer, Placed::New(_)));
    assert_eq!(new.count(), 1, "{answers:?}");
    assert!(answers.iter().all(|answer| id(answer) == id(&answers[0])));
    assert!(!answers.iter().any(|answer| matches!(answer, Placed::Pending(_))));
    assert_eq!(house.count("SELECT count(*) FROM orders").await, 1);
    assert_eq!(house.has(alice, "USDT").await, (9_500, 500));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_duplicate_does_not_fail_those_that_came_with_it() {
    let house = House::open().await;
    let alice = house.user(1, 100_000, 0).await;
    let first = house
        .intake
        .place(alice, named("taken", limit(Side::Buy, 1, 100)))
        .await;
    let first = id(&first.unwrap());
    let orders = (0..60).map(|n| match n % 6 {
        0 => named("taken", limit(Side::Buy, 1, 100)),
        1 => named("taken", limit(Side::Buy, 2, 100)),
        2 => limit(Side::Buy, 1, 99),
        _ => named(&format!("n-{n}"), limit(Side::Buy, 1, 98)),
    });
    let answers = join_all(orders.map(|order| house.intake.place(alice, order))).await;
    for (n, answer) in answers.into_iter().enumerate() {
        match (n % 6, answer) {
            (0, Ok(Placed::Existing(order))) => assert_eq!(order.order_id, first),
            (1, Err(EntryError::ClientIdConflict(id))) => assert_eq!(id, first),
            (2.., Ok(Placed::New(_))) => {}
            (_, other) => panic!("{n}: {other:?}"),
        }
    }
    assert_eq!(house.count("SELECT count(*) FROM orders").await, 41);
    let calls = house.wallet.calls.lock().unwrap().clone();
    assert!(calls.len() < 41, "reserves are asked for together: {calls:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_client_id_is_free_again_a_day_after_its_order_ended() {
    let house = House::open().await;
    let alice = house.user(1, 1_000, 0).await;
    let order = named("daily", limit(Side::Buy, 1, 100));
    let first = id(&house.intake.place(alice, order.clone()).await.unwrap());
    let by_id = domain::OrderRef::Id(first);
    house.intake.cancel(alice, by_id).await.unwrap();
    let other = named("daily", limit(Side::Buy, 2, 100));
    let refused = house.intake.place(alice, other.clone()).await;
    assert_eq!(refused, Err(EntryError::ClientIdConflict(first)));
    let ended = |hours: u32| format!("UPDATE orders SET cancelled_at = now() - interval '{hours} hours'");
    house.sql.batch_execute(&ended(23)).await.unwrap();
    let refused = house.intake.place(alice, other.clone()).await;
    assert_eq!(refused, Err(EntryError::ClientIdConflict(first)));
    house.sql.batch_execute(&ended(25)).await.unwrap();
    let twins = join_all((0..4).map(|_| house.intake.place(alice, other.clone()))).await;
    let second = id(twins[0].as_ref().unwrap());
    assert_ne!(second, first);
    assert!(
        twins.iter().all(|twin| id(twin.as_ref().unwrap()) == second),
        "{twins:?}"
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_refused_reserve_rejects_the_order_through_the_log_and_uses_up_its_id() {
    let house = House::open().await;
    let alice = house.user(1, 100, 0).await;
    let order = named("poor", limit(Side::Buy, 5, 100));
    let Err(EntryError::Rejected(rejected)) = house.intake.place(alice, order.clone()).await else {
        panic!("it has no funds");
    };
    assert_eq!(
        rejected.state,
        OrderState::Rejected(RejectReason::InsufficientBalance)
    );
    assert_eq!(house.row(alice, rejected.order_id).await, *rejected);
    match house.intake.place(alice, order).await {
        Ok(Placed::Existing(again)) => assert_eq!(again.order_id, rejected.order_id),
        other => panic!("{other:?}"),
    }
    assert_eq!(house.has(alice, "USDT").await, (100, 0));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_wallet_is_not_asked_for_an_order_that_its_shard_will_turn_away() {
    let house = House::open().await;
    let alice = house.user(1, 1_000, 0).await;
    house.table.turning_away.store(true, Ordering::SeqCst);
    house.wallet.deaf.store(true, Ordering::SeqCst);
    let calls = house.wallet.calls.lock().unwrap().len();
    let Err(EntryError::Rejected(rejected)) = house.intake.place(alice, limit(Side::Buy, 1, 151)).await
    else {
        panic!("it lies beyond the band");
    };
    assert_eq!(rejected.state, OrderState::Rejected(RejectReason::PriceOutOfBand));
    assert_eq!(house.row(alice, rejected.order_id).await, *rejected);
    assert_eq!(house.wallet.calls.lock().unwrap().len(), calls);
    assert_eq!(house.has(alice, "USDT").await, (1_000, 0));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_order_that_is_not_turned_away_after_all_comes_again_with_its_funds() {
    let house = House::open().await;
    let alice = house.user(1, 1_000, 0).await;
    house.table.turning_away.store(true, Ordering::SeqCst);
    let order = named("guessed", limit(Side::Buy, 2, 100));
    let twins = join_all((0..3).map(|_| house.intake.place(alice, order.clone()))).await;
    let first = id(twins[0].as_ref().unwrap());
    for twin in &twins {
        let placed = twin.as_ref().unwrap();
        assert_eq!(id(placed), first);
        assert!(!matches!(placed, Placed::Pending(_)), "{placed:?}");
    }
    let placed = house.owner.knobs.placed.lock().unwrap()[&first].clone();
    assert!(
        matches!(placed[..], [Funding::NotAsked, Funding::Granted { .. }]),
        "{placed:?}"
    );
    assert_eq!(house.has(alice, "USDT").await, (800, 200));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn market_orders_are_protected_by_the_last_price() {
    let house = House::open().await;
    let (alice, bob) = (house.user(1, 100_000, 0).await, house.user(2, 0, 100).await);
    let at_market = |side, size| NewOrder {
        terms: Terms::Market { size },
        time_in_force: TimeInForce::Ioc,
        ..limit(side, 1, 100)
    };
    let lots = |lots| Size::Quantity(Quantity::from_lots(Lots(lots)).unwrap());
    let protection = async |order: NewOrder| match house.intake.place(alice, order).await {
        Ok(Placed::New(order)) => order.protection_price.map(Price::ticks),
        other => panic!("{other:?}"),
    };
    assert_eq!(protection(at_market(Side::Buy, lots(2))).await, Some(110));
    house.intake.place(bob, limit(Side::Sell, 5, 120)).await.unwrap();
    house.intake.place(alice, limit(Side::Buy, 5, 120)).await.unwrap();
    assert_eq!(protection(at_market(Side::Buy, lots(2))).await, Some(132));
    let budget = Size::Budget(Amount(100));
    assert_eq!(protection(at_market(Side::Buy, budget)).await, Some(132));
    let stop = NewOrder {
        terms: Terms::Stop {
            stop_price: Price::from_ticks(150).unwrap(),
            size: lots(1),
        },
        ..limit(Side::Buy, 1, 100)
    };
    assert_eq!(protection(stop).await, Some(165));
    let placed = house.owner.knobs.placed.lock().unwrap();
    let granted = placed
        .values()
        .flatten()
        .filter(|funding| matches!(funding, Funding::Granted { .. }));
    assert_eq!(granted.count(), placed.len());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_makes_no_sense_leaves_nothing_and_what_breaks_a_limit_is_rejected() {
    let house = House::open().await;
    let alice = house.user(1, 1_000, 10).await;
    let place = |order| house.intake.place(alice, order);
    let elsewhere = NewOrder {
        market: MarketNumber(9),
        ..limit(Side::Buy, 1, 100)
    };
    assert_eq!(place(elsewhere).await, Err(EntryError::UnknownMarket));
    let lots = |lots| Size::Quantity(Quantity::from_lots(Lots(lots)).unwrap());
    for (terms, time_in_force, field) in [
        (Terms::Market { size: lots(1) }, TimeInForce::Gtc, "time_in_force"),
        (
            Terms::Market { size: lots(u64::MAX) },
            TimeInForce::Ioc,
            "quantity",
        ),
        (
            Terms::Market {
                size: Size::Budget(Amount(u64::MAX)),
            },
            TimeInForce::Ioc,
            "quote_quantity",
        ),
    ] {
        let order = NewOrder {
            terms,
            time_in_force,
            ..limit(Side::Buy, 1, 100)
        };
        match place(order).await {
            Err(EntryError::Invalid(error)) => assert_eq!(error.field, field),
            other => panic!("{other:?}"),
        }
    }
    assert_eq!(house.count("SELECT count(*) FROM orders").await, 0);
    assert_eq!(house.count("SELECT count(*) FROM client_order_ids").await, 0);
    let most = 92_233_720_368;
    for (order, reason) in [
        (limit(Side::Buy, most, u32::MAX), RejectReason::QuantityTooLarge),
        (limit(Side::Sell, most, 100), RejectReason::QuantityTooLarge),
        (limit(Side::Buy, 1, u32::MAX), RejectReason::PriceTooHigh),
        (limit(Side::Buy, 1, 151), RejectReason::PriceOutOfBand),
        (limit(Side::Buy, 11, 100), RejectReason::InsufficientBalance),
    ] {
        match place(order).await {
            Err(EntryError::Rejected(order)) => assert_eq!(order.state, OrderState::Rejected(reason)),
            other => panic!("{reason}: {other:?}"),
        }
    }
    let far = Stamp::from_micros(u64::MAX);
    let order = NewOrder {
        time_in_force: TimeInForce::Gtd(far),
        deadline: Some(far),
        ..named(&"x".repeat(100), limit(Side::Buy, 1, 100))
    };
    assert!(matches!(place(order).await, Ok(Placed::New(_))));
    assert_eq!(house.has(alice, "USDT").await, (900, 100));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_outcome_that_is_not_known_in_time_is_told_so() {
    let house = House::waiting(Duration::from_millis(300)).await;
    let alice = house.user(1, 1_000, 0).await;
    house.owner.pause(true);
    let order = named("late", limit(Side::Buy, 1, 100));
    let Ok(Placed::Pending(pending)) = house.intake.place(alice, order.clone()).await else {
        panic!("nobody applies it");
    };
    assert_eq!(pending.state, OrderState::Pending);
    assert_eq!(house.row(alice, pending.order_id).await, *pending);
    let again = house.intake.place(alice, order.clone()).await;
    assert_eq!(again, Ok(Placed::Pending(Arc::clone(&pending))));
    house.owner.knobs.unsettled.store(true, Ordering::SeqCst);
    house.owner.pause(false);
    house
        .until("it is applied", async |house| {
            house.row(alice, pending.order_id).await.state != OrderState::Pending
        })
        .await;
    let Ok(Placed::Pending(open)) = house.intake.place(alice, limit(Side::Buy, 1, 99)).await else {
        panic!("its money is not settled");
    };
    assert_eq!(open.state.status(), Status::Open, "what is known is told");
    assert_eq!(house.told.waiting(), 0, "who gave up is forgotten");
    assert!(matches!(
        house.intake.place(alice, order).await,
        Ok(Placed::Existing(_))
    ));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_caller_that_goes_away_does_not_cut_the_path() {
    let house = House::open().await;
    let alice = house.user(1, 1_000, 0).await;
    for n in 0..10_u64 {
        let place = house
            .intake
            .place(alice, named(&format!("gone-{n}"), limit(Side::Buy, 1, 100)));
        // The caller is gone after some polls, wherever that is.
        let _ = tokio::time::timeout(Duration::from_micros(300 * n), place).await;
    }
    house
        .until("all are applied", async |house| {
            house
                .count("SELECT count(*) FROM orders WHERE status = 'OPEN'")
                .await
                >= 9
        })
        .await;
    assert_eq!(house.count("SELECT count(*) FROM orders").await, 10);
    assert_eq!(house.has(alice, "USDT").await, (0, 1_000));
}
