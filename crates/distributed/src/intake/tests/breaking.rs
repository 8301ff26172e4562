//! Connections to the database that break at any moment: what was answered holds, and nothing is done twice.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use domain::{OrderRef, Price, Quantity, Side};
use futures_util::future::join_all;
use testbed::{Direction, Proxy};
use trading::{Amendment, Caller, EntryError, Placed};

use super::house::{House, PATIENCE, limit, named};

/// Cuts connections, sometimes just before an answer would have come.
async fn trouble(proxy: &Proxy) {
    for n in 0_u64.. {
        proxy.heal();
        tokio::time::sleep(Duration::from_millis(80 + 50 * (n % 5))).await;
        match n % 3 {
            0 => proxy.cut(),
            1 => proxy.cut_after(Direction::ToClient, 400 + 700 * (n % 7)),
            _ => proxy.cut_after(Direction::ToServer, 600 + 900 * (n % 5)),
        }
        tokio::time::sleep(Duration::from_millis(3 + 4 * (n % 4))).await;
    }
}

fn name(n: usize) -> String {
    format!("order-{n}")
}

fn by_name(n: usize) -> OrderRef {
    OrderRef::Client(name(n).parse().unwrap())
}

/// Every answer is true, each order was applied once, and nothing is reserved but what orders need.
async fn what_was_answered_holds(house: &House, alice: Caller, answers: &[Result<Placed, EntryError>]) {
    let (mut new, mut refused) = (0, 0);
    for (n, answer) in answers.iter().enumerate() {
        let found = house.intake.look(alice.user_id, by_name(n)).await.unwrap();
        match answer {
            Ok(Placed::New(order) | Placed::Pending(order)) => {
                new += 1;
                assert_eq!(
                    found.map(|found| found.order.order_id),
                    Some(order.order_id),
                    "{n}"
                );
            }
            Err(EntryError::Unavailable { .. }) => {
                refused += 1;
                assert_eq!(found, None, "nothing was done, it was said: {n}");
            }
            Err(EntryError::OutcomeUnknown) => {}
            other => panic!("{n}: {other:?}"),
        }
    }
    assert!(new > 0, "{refused} of {} were refused", answers.len());
    let placed = house.owner.knobs.placed.lock().unwrap().clone();
    assert!(
        placed.values().all(|times| times.len() == 1),
        "each is applied once"
    );
    assert_eq!(
        placed.len() as i64,
        house.count("SELECT count(*) FROM orders").await
    );
    let needed = house
        .count("SELECT COALESCE(sum(reserve_left), 0)::bigint FROM orders")
        .await;
    assert_eq!(
        house.has(alice, "USDT").await.1 as i64,
        needed,
        "nothing else is reserved"
    );
    house.wallet.inner.check().unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn connections_that_break_at_any_moment_lose_nothing_and_double_nothing() {
    let house = House::open().await;
    let alice = house.user(1, 1_000_000, 0).await;
    let proxy = Proxy::start(5432).await.unwrap();
    let gateway = house.behind(&proxy).await;
    let work = async {
        let mut answers = Vec::new();
        for round in 0..6 {
            let numbers = round * 40..(round + 1) * 40;
            let place = |n: usize| gateway.place(alice, named(&name(n), limit(Side::Buy, 2, 90)));
            answers.extend(join_all(numbers.clone().map(place)).await);
            let more = Amendment {
                price: Price::from_ticks(95),
                quantity: Quantity::from_lots(domain::Lots(5)),
            };
            let amending = numbers
                .clone()
                .step_by(3)
                .map(|n| gateway.amend(alice, by_name(n), more));
            let cancelling = numbers.step_by(4).map(|n| gateway.cancel(alice, by_name(n)));
            tokio::join!(join_all(amending), join_all(cancelling));
        }
        answers
    };
    let answers = tokio::select! {
        answers = work => answers,
        () = trouble(&proxy) => unreachable!("it goes on for ever"),
    };
    proxy.heal();
    house.age().await;
    house
        .until("everything that was left is gone on with", async |house| {
            let (one, two) = (Arc::clone(&gateway), Arc::clone(&house.intake));
            tokio::join!(one.sweep_pending(), two.sweep_amendments());
            let left = "SELECT (SELECT count(*) FROM orders WHERE status = 'PENDING') \
                + (SELECT count(*) FROM amendments) + (SELECT count(*) FROM commands)";
            house.count(left).await == 0
        })
        .await;
    what_was_answered_holds(&house, alice, &answers).await;
    assert!(proxy.accepted() > 5, "connections were cut");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn without_a_database_nothing_is_done_and_that_is_said() {
    let house = House::open().await;
    let alice = house.user(1, 1_000, 0).await;
    let proxy = Proxy::start(5432).await.unwrap();
    let gateway = house.behind(&proxy).await;
    gateway
        .place(alice, named("first", limit(Side::Buy, 1, 90)))
        .await
        .unwrap();
    house.wallet.deaf.store(true, Ordering::SeqCst);
    proxy.cut();
    let placed = gateway
        .place(alice, named("second", limit(Side::Buy, 1, 90)))
        .await;
    let done = matches!(
        placed,
        Err(EntryError::Unavailable { .. } | EntryError::OutcomeUnknown)
    );
    assert!(done, "{placed:?}");
    let cancelled = gateway
        .cancel(alice, OrderRef::Client("first".parse().unwrap()))
        .await;
    assert!(
        matches!(cancelled, Err(EntryError::Unavailable { .. })),
        "{cancelled:?}"
    );
    Arc::clone(&gateway).sweep_pending().await;
    Arc::clone(&gateway).fire_timers().await;
    proxy.heal();
    house.wallet.deaf.store(false, Ordering::SeqCst);
    tokio::time::timeout(PATIENCE, async {
        while gateway
            .place(alice, named("third", limit(Side::Buy, 1, 90)))
            .await
            .is_err()
        {}
    })
    .await
    .unwrap();
    assert_eq!(
        house
            .count("SELECT count(*) FROM client_order_ids WHERE client_order_id = 'second'")
            .await,
        0
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_order_whose_second_try_is_not_answered_is_not_said_to_be_refused() {
    let house = House::open().await;
    let alice = house.user(1, 1_000, 0).await;
    // The name stands for an order that is nowhere: it is tried again, and the second try loses its connection.
    let trap = "INSERT INTO client_order_ids VALUES ('00000000-0000-0000-0000-000000000001', 'held', v7_new(), 1);
        CREATE SEQUENCE tries;
        CREATE FUNCTION end_the_second() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER AS $$ BEGIN
            IF nextval('tries') = 2 THEN PERFORM pg_terminate_backend(pg_backend_pid()); END IF; RETURN NEW; END $$;
        CREATE TRIGGER end_the_second BEFORE INSERT ON client_order_ids FOR EACH ROW EXECUTE FUNCTION end_the_second()";
    house.sql.batch_execute(trap).await.unwrap();
    let placed = house
        .intake
        .place(alice, named("held", limit(Side::Buy, 1, 100)))
        .await;
    assert_eq!(placed, Err(EntryError::OutcomeUnknown));
    assert_eq!(house.count("SELECT last_value FROM tries").await, 2);
}
