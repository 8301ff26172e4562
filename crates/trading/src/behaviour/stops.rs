//! Stops: they wait unseen, with their funds reserved, until the last price reaches them.

use domain::{Side, Side::Buy, Side::Sell, Size, Terms};

use crate::NewOrder;
use crate::behaviour::Venue;
use crate::behaviour::stage::{Stage, lots, price, told};

/// A market order behind a trigger.
fn stop<V: Venue>(stage: &Stage<'_, V>, side: Side, quantity: u64, at: u32) -> NewOrder {
    let (stop_price, size) = (price(at), Size::Quantity(lots(quantity)));
    stage.order(side, Terms::Stop { stop_price, size })
}

pub(super) async fn a_stop_waits_reserves_and_enters_when_the_last_price_reaches_it<V: Venue>(venue: &V) {
    let stage = Stage::open(venue).await;
    let (alice, maker, taker) = (
        stage.user(5, 0).await,
        stage.user(0, 2_000).await,
        stage.user(4, 0).await,
    );
    let waiting = stage.placed(alice, stop(&stage, Sell, 5, 95)).await;
    assert_eq!(
        (told(&waiting).as_str(), waiting.triggered_at),
        ("OPEN 0/5", None)
    );
    assert_eq!(stage.has(alice).await, "base 0 + 5, quote 0 + 0");
    stage.limits(maker, Buy, 2, 96).await;
    stage.limits(maker, Buy, 10, 95).await;
    assert_eq!(stage.book().await, "bids 2@96 10@95 asks");
    stage.limits(taker, Sell, 2, 96).await;
    assert_eq!(
        stage.stands(alice, &waiting).await,
        "OPEN 0/5",
        "96 is above the stop price"
    );
    stage.limits(taker, Sell, 2, 95).await;
    let triggered = stage.look(alice, &waiting).await;
    assert_eq!(told(&triggered), "FILLED 5/5");
    assert!(triggered.triggered_at.is_some());
    assert_eq!(stage.book().await, "bids 3@95 asks");
    stage.finish().await;
}

pub(super) async fn a_stop_limit_enters_at_its_limit<V: Venue>(venue: &V) {
    let stage = Stage::open(venue).await;
    let (alice, maker, taker) = (
        stage.user(0, 1_000).await,
        stage.user(5, 0).await,
        stage.user(0, 1_000).await,
    );
    let terms = Terms::StopLimit {
        stop_price: price(105),
        price: price(107),
        quantity: lots(5),
        display: None,
    };
    let waiting = stage.placed(alice, stage.order(Buy, terms)).await;
    assert_eq!(stage.has(alice).await, "base 0 + 0, quote 465 + 535");
    stage.limits(maker, Sell, 2, 105).await;
    stage.limits(maker, Sell, 3, 106).await;
    stage.limits(taker, Buy, 2, 105).await;
    assert_eq!(stage.stands(alice, &waiting).await, "PARTIALLY_FILLED 3/5");
    assert_eq!(stage.book().await, "bids 2@107 asks");
    assert_eq!(stage.has(alice).await, "base 2.994 + 0, quote 468 + 214");
    stage.finish().await;
}

pub(super) async fn triggered_stops_trigger_others<V: Venue>(venue: &V) {
    let stage = Stage::open(venue).await;
    let maker = stage.user(0, 5_000).await;
    let [alice, carol, dave] = [
        stage.user(2, 0).await,
        stage.user(2, 0).await,
        stage.user(4, 0).await,
    ];
    let near = stage.placed(alice, stop(&stage, Sell, 2, 95)).await;
    let far = stage.placed(carol, stop(&stage, Sell, 2, 94)).await;
    for (quantity, at) in [(4, 95), (2, 94), (6, 93)] {
        stage.limits(maker, Buy, quantity, at).await;
    }
    let taker = stage.limits(dave, Sell, 4, 95).await;
    assert_eq!(told(&taker), "FILLED 4/4");
    assert_eq!(stage.stands(alice, &near).await, "FILLED 2/2");
    assert_eq!(stage.stands(carol, &far).await, "FILLED 2/2");
    let prices: Vec<u32> = stage.trades().await.iter().map(|t| t.price.ticks()).collect();
    assert_eq!(prices, [93, 94, 95], "newest first");
    stage.finish().await;
}
