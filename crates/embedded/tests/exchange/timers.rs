//! Orders end by themselves when their time comes, however many there are and whether or not anybody asks.

use std::time::Duration;

use domain::{Event, OrderRef, Side, Stamp, TimeInForce};
use embedded::Embedded;
use trading::{Feeds, NewOrder, OrderEntry, OrderFilter, Queries};

use crate::house::{ALICE, BOB, House, PATIENCE, fund, limit, placed, replayed, until, user};

/// Waits for so many orders to end, without asking the exchange for anything.
async fn ended(
    events: &mut tokio::sync::broadcast::Receiver<std::sync::Arc<trading::Update>>,
    count: usize,
) -> Vec<domain::Order> {
    let mut orders = Vec::new();
    while orders.len() < count {
        let batch = tokio::time::timeout(PATIENCE, events.recv())
            .await
            .unwrap()
            .unwrap();
        for event in &batch.events {
            if let Event::OrderClosed(order) = &event.event {
                orders.push(domain::Order::clone(order));
            }
        }
    }
    orders
}

/// Waits for so many orders to end; how many events each batch had.
async fn ended_in_batches(
    events: &mut tokio::sync::broadcast::Receiver<std::sync::Arc<trading::Update>>,
    count: usize,
) -> Vec<usize> {
    let (mut sizes, mut closed) = (Vec::new(), 0);
    while closed < count {
        let batch = tokio::time::timeout(PATIENCE, events.recv())
            .await
            .unwrap()
            .unwrap();
        sizes.push(batch.events.len());
        closed += batch
            .events
            .iter()
            .filter(|e| matches!(e.event, Event::OrderClosed(_)))
            .count();
    }
    sizes
}

fn timed(time_in_force: TimeInForce, at: u32) -> NewOrder {
    NewOrder {
        time_in_force,
        ..limit(Side::Buy, 5, at)
    }
}

#[tokio::test]
async fn day_and_gtd_orders_end_by_themselves() {
    let house = House::new();
    let (exchange, _) = house.open();
    fund(&exchange, &[ALICE]).await;
    let soon = Stamp::from_micros(house.clock.wall_us() + 90_000_000);
    let gtd = placed(&exchange, ALICE, timed(TimeInForce::Gtd(soon), 100)).await;
    let day = placed(&exchange, ALICE, timed(TimeInForce::Day, 99)).await;
    let mut events = exchange.updates();
    house.clock.advance(Duration::from_secs(90));
    let first = ended(&mut events, 1).await;
    assert_eq!(
        (first[0].order_id, first[0].state.reason_code()),
        (gtd.order_id, Some("time_in_force"))
    );
    assert!(first[0].ended_at.unwrap() >= soon);
    house.clock.advance(Duration::from_secs(24 * 3_600));
    let second = ended(&mut events, 1).await;
    assert_eq!(
        (second[0].order_id, second[0].state.reason_code()),
        (day.order_id, Some("time_in_force"))
    );
    let audit = exchange.audit().await.unwrap();
    assert_eq!(audit.faults, []);
    drop(exchange);
    let again = replayed(house.path());
    assert_eq!(again.event_digest(), audit.digest);
    assert_eq!(again.engine().live_orders(), 0);
}

#[tokio::test]
async fn orders_whose_time_came_while_nothing_ran_end_at_the_start() {
    let house = House::new();
    let (exchange, _) = house.open();
    fund(&exchange, &[ALICE, BOB]).await;
    let day = placed(&exchange, ALICE, timed(TimeInForce::Day, 100)).await;
    drop(exchange);
    house.clock.advance(Duration::from_secs(3 * 24 * 3_600));
    let (exchange, _) = house.open();
    let ask = placed(&exchange, BOB, limit(Side::Sell, 5, 100)).await;
    assert_eq!(ask.filled().0, 0, "it never trades again");
    let found = exchange.order(ALICE, OrderRef::Id(day.order_id)).await.unwrap();
    assert_eq!(found.state.reason_code(), Some("time_in_force"));
}

/// Places so many orders, some users at a time.
async fn place_many(exchange: &Embedded, count: u32, time_in_force: TimeInForce) {
    let mut placing = Vec::new();
    for number in 0..count {
        let caller = user(10 + u128::from(number % 5));
        placing.push(exchange.place(caller, timed(time_in_force, 1 + number % 90)));
    }
    for answer in trading_together(placing).await {
        answer.unwrap();
    }
}

async fn trading_together<F: Future>(futures: Vec<F>) -> Vec<F::Output> {
    use std::task::Poll;
    let mut waiting: Vec<_> = futures.into_iter().map(|f| (Box::pin(f), None)).collect();
    std::future::poll_fn(|context| {
        for (future, output) in &mut waiting {
            if output.is_none()
                && let Poll::Ready(ready) = future.as_mut().poll(context)
            {
                *output = Some(ready);
            }
        }
        if waiting.iter().all(|(_, output)| output.is_some()) {
            Poll::Ready(())
        } else {
            Poll::Pending
        }
    })
    .await;
    waiting.into_iter().filter_map(|(_, output)| output).collect()
}

#[tokio::test]
async fn thousands_end_at_once_in_chunks_before_the_next_command() {
    let house = House::new();
    let (exchange, _) = house.open();
    let users: Vec<_> = (10..15).map(user).collect();
    fund(&exchange, &users).await;
    fund(&exchange, &[BOB]).await;
    place_many(&exchange, 5_000, TimeInForce::Day).await;
    let before = exchange.audit().await.unwrap();
    let mut events = exchange.updates();
    house.clock.advance(Duration::from_secs(24 * 3_600));
    // This sale would meet all of them, had any been left.
    let ask = placed(&exchange, BOB, limit(Side::Sell, 10_000, 1)).await;
    assert_eq!(ask.filled().0, 0);
    let audit = exchange.audit().await.unwrap();
    assert_eq!(audit.faults, []);
    let batches = ended_in_batches(&mut events, 5_000).await;
    assert!(
        batches.iter().all(|events| *events <= 6_100),
        "no batch holds them all: {batches:?}"
    );
    let digests = audit.seq / 1_000 - before.seq / 1_000;
    assert_eq!(
        audit.seq - before.seq - digests,
        5 + 1,
        "five ticks of at most 1,000, and the sale"
    );
    for caller in users {
        let live = OrderFilter {
            live: Some(true),
            limit: 1_000,
            ..OrderFilter::default()
        };
        assert_eq!(exchange.orders(caller, live).await.unwrap(), Vec::new());
        let balances = exchange.balances(caller).await.unwrap();
        assert!(balances.iter().all(|balance| balance.reserved.is_zero()));
    }
    drop(exchange);
    assert_eq!(replayed(house.path()).event_digest(), audit.digest);
}

#[tokio::test]
async fn a_mass_cancel_of_thousands_is_done_before_the_next_command() {
    let house = House::new();
    let (exchange, _) = house.open();
    let users: Vec<_> = (10..15).map(user).collect();
    fund(&exchange, &users).await;
    fund(&exchange, &[BOB]).await;
    place_many(&exchange, 2_500, TimeInForce::Gtc).await;
    let everything = trading::Operations::cancel_selected(&exchange, domain::Selection::default());
    assert_eq!(everything.await, Ok(2_500));
    let ask = placed(&exchange, BOB, limit(Side::Sell, 10_000, 1)).await;
    assert_eq!(ask.filled().0, 0);
    let audit = exchange.audit().await.unwrap();
    assert_eq!(audit.faults, []);
    drop(exchange);
    assert_eq!(replayed(house.path()).event_digest(), audit.digest);
}

#[tokio::test]
async fn what_waited_longer_than_its_deadline_expires() {
    let house = House::new();
    let clock = house.clock.clone();
    let slow = std::sync::Arc::new(std::sync::atomic::AtomicBool::new(false));
    let is_slow = std::sync::Arc::clone(&slow);
    let (go_on, held) = std::sync::mpsc::channel();
    let held = std::sync::Mutex::new(held);
    let (exchange, _) = house.open_with(|options| {
        options.batch_max = 1;
        options.probe = embedded::Probe::new(move |_| {
            if is_slow.swap(false, std::sync::atomic::Ordering::AcqRel) {
                held.lock().unwrap().recv().unwrap();
                clock.advance(Duration::from_secs(61));
            }
        });
    });
    fund(&exchange, &[ALICE]).await;
    slow.store(true, std::sync::atomic::Ordering::Release);
    let first = exchange.place(ALICE, limit(Side::Buy, 5, 100));
    let second = exchange.place(ALICE, limit(Side::Buy, 5, 99));
    // Received after the minute, the second would not have waited.
    let both_came = async {
        until("the second waits", || exchange.waiting() == 1).await;
        go_on.send(()).unwrap();
    };
    let (first, second, ()) = tokio::join!(first, second, both_came);
    let state = |placed| match placed {
        Ok(trading::Placed::New(order)) => order.state.reason_code(),
        other => panic!("{other:?}"),
    };
    assert_eq!((state(first), state(second)), (None, Some("too_late")));
}
