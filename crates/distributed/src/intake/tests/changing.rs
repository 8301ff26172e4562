//! Cancels and amendments: of what is live, of what is still on its way, and what they need of the wallet.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use domain::{CancelReason, OrderId, OrderRef, OrderState, Price, Quantity, RejectReason, Side, Status};
use futures_util::future::join_all;
use trading::{Amendment, Caller, EntryError, NewOrder, Placed};

use super::house::{House, limit, named};
use crate::intake::Mass;
use crate::{Funding, ShardCommand};

async fn open(house: &House, user: Caller, order: NewOrder) -> OrderId {
    match house.intake.place(user, order).await {
        Ok(Placed::New(order)) => order.order_id,
        other => panic!("{other:?}"),
    }
}

fn to(price: u32, lots: u64) -> Amendment {
    Amendment {
        price: Price::from_ticks(price),
        quantity: Quantity::from_lots(domain::Lots(lots)),
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_cancel_by_either_name_ends_the_order_once() {
    let house = House::open().await;
    let (alice, mallory) = (house.user(1, 1_000, 0).await, house.user(2, 0, 0).await);
    let id = open(&house, alice, named("mine", limit(Side::Buy, 5, 100))).await;
    let by_name = || OrderRef::Client("mine".parse().unwrap());
    for theirs in [OrderRef::Id(id), by_name(), OrderRef::Id(OrderId::from_u128(7))] {
        assert_eq!(
            house.intake.cancel(mallory, theirs).await,
            Err(EntryError::UnknownOrder)
        );
    }
    let cancelled = house.intake.cancel(alice, by_name()).await.unwrap();
    assert_eq!(cancelled.state.reason_code(), Some("requested"));
    assert_eq!(house.has(alice, "USDT").await, (1_000, 0));
    for name in [OrderRef::Id(id), by_name()] {
        let again = house.intake.cancel(alice, name).await;
        assert_eq!(again, Err(EntryError::OrderEnded(Arc::new(cancelled.clone()))));
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn many_cancels_of_one_order_cancel_it_once() {
    let house = House::open().await;
    let alice = house.user(1, 1_000, 0).await;
    let id = open(&house, alice, limit(Side::Buy, 5, 100)).await;
    let answers = join_all((0..20).map(|_| house.intake.cancel(alice, OrderRef::Id(id)))).await;
    let done = answers.iter().filter(|answer| answer.is_ok()).count();
    assert_eq!(done, 1, "{answers:?}");
    let ended = |answer: &&Result<_, _>| matches!(answer, Err(EntryError::OrderEnded(_)));
    assert_eq!(answers.iter().filter(ended).count(), 19);
    assert_eq!(house.has(alice, "USDT").await, (1_000, 0));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_cancel_of_an_order_on_its_way_waits_for_it() {
    let house = House::waiting(Duration::from_millis(300)).await;
    let alice = house.user(1, 1_000, 0).await;
    house.wallet.deaf.store(true, Ordering::SeqCst);
    let placed = house
        .intake
        .place(alice, named("slow", limit(Side::Buy, 5, 100)))
        .await;
    let Ok(Placed::Pending(order)) = placed else {
        panic!("{placed:?}")
    };
    let cancel = house
        .intake
        .cancel(alice, OrderRef::Client("slow".parse().unwrap()))
        .await;
    let expected = EntryError::Pending {
        order: Arc::clone(&order),
        applied: false,
    };
    assert_eq!(cancel, Err(expected));
    let amend = house
        .intake
        .amend(alice, OrderRef::Id(order.order_id), to(101, 5))
        .await;
    assert!(matches!(amend, Err(EntryError::Unavailable { .. })), "{amend:?}");
    house.wallet.deaf.store(false, Ordering::SeqCst);
    house.age().await;
    Arc::clone(&house.intake).sweep_pending().await;
    house
        .until("it is placed, then cancelled", async |house| {
            house.row(alice, order.order_id).await.state.reason_code() == Some("requested")
        })
        .await;
    assert_eq!(house.has(alice, "USDT").await, (1_000, 0));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_amendment_reserves_what_it_needs_more_and_gives_back_what_it_needs_less() {
    let house = House::open().await;
    let alice = house.user(1, 1_000, 0).await;
    let id = open(&house, alice, limit(Side::Buy, 5, 100)).await;
    let amend = |amendment| house.intake.amend(alice, OrderRef::Id(id), amendment);
    let amended = amend(to(90, 8)).await.unwrap();
    assert_eq!(
        (amended.quantity.0, amended.terms.price().map(Price::ticks)),
        (8, Some(90))
    );
    assert_eq!(house.has(alice, "USDT").await, (280, 720));
    amend(to(90, 2)).await.unwrap();
    assert_eq!(house.has(alice, "USDT").await, (820, 180));
    let poor = amend(to(90, 100)).await;
    assert_eq!(
        poor,
        Err(EntryError::AmendmentRefused(RejectReason::InsufficientBalance))
    );
    let far = amend(to(u32::MAX, 2)).await;
    assert_eq!(far, Err(EntryError::AmendmentRefused(RejectReason::PriceTooHigh)));
    assert_eq!(
        house.has(alice, "USDT").await,
        (820, 180),
        "what is refused holds nothing"
    );
    let same = amend(Amendment::default()).await.unwrap();
    assert_eq!(same.quantity.0, 2);
    let funded = house.owner.knobs.applied.lock().unwrap().clone();
    let funded = funded.iter().filter_map(|command| match command {
        ShardCommand::Amend { funding, .. } => Some(matches!(funding, Funding::Granted { .. })),
        _ => None,
    });
    assert_eq!(funded.collect::<Vec<_>>(), [true, false, false, false, false]);
    assert_eq!(house.count("SELECT count(*) FROM amendments").await, 0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_amendment_whose_order_changes_meanwhile_is_tried_again() {
    let house = House::open().await;
    let alice = house.user(1, 100_000, 0).await;
    let id = open(&house, alice, limit(Side::Buy, 50, 100)).await;
    let amend = |lots| house.intake.amend(alice, OrderRef::Id(id), to(100, lots));
    // Each reads the order while others change it: what was reserved is often too little.
    let answers = join_all((0..12).map(|n| amend(if n % 2 == 0 { 10 } else { 100 }))).await;
    for answer in &answers {
        let fine = matches!(answer, Ok(_) | Err(EntryError::Unavailable { .. }));
        assert!(fine, "{answer:?}");
    }
    let order = house.row(alice, id).await;
    assert_eq!(
        house.has(alice, "USDT").await.1,
        100 * order.quantity.0,
        "nothing is left over"
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_market_that_is_halted_takes_no_cancel_and_no_amendment() {
    let house = House::open().await;
    let alice = house.user(1, 1_000, 0).await;
    let id = open(&house, alice, limit(Side::Buy, 5, 100)).await;
    let halted = domain::MarketState::Halted;
    house
        .intake
        .set_market_state(super::house::BTC, halted)
        .await
        .unwrap();
    let cancel = house.intake.cancel(alice, OrderRef::Id(id)).await;
    assert_eq!(cancel, Err(EntryError::MarketState(halted)));
    let amend = house.intake.amend(alice, OrderRef::Id(id), to(101, 9)).await;
    assert_eq!(amend, Err(EntryError::MarketState(halted)));
    assert_eq!(house.has(alice, "USDT").await, (500, 500));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_mass_cancel_takes_what_is_live_and_what_was_received_before_and_comes_later() {
    let house = House::waiting(Duration::from_millis(300)).await;
    let (alice, bob) = (house.user(1, 10_000, 10).await, house.user(2, 1_000, 0).await);
    for n in 0..3 {
        open(&house, alice, limit(Side::Buy, 1, 90 + n)).await;
    }
    open(&house, alice, limit(Side::Sell, 1, 120)).await;
    let bobs = open(&house, bob, limit(Side::Buy, 1, 80)).await;
    house.wallet.deaf.store(true, Ordering::SeqCst);
    let late = house.intake.place(alice, limit(Side::Buy, 1, 99)).await;
    let Ok(Placed::Pending(late)) = late else {
        panic!("{late:?}")
    };
    tokio::time::sleep(Duration::from_millis(5)).await;
    let mass = |market, side| Mass {
        selection: domain::Selection {
            user_id: Some(alice.user_id),
            market,
            side,
        },
        reason: CancelReason::MassCancel,
        everywhere: false,
    };
    let nowhere = Some(domain::MarketNumber(9));
    assert_eq!(
        house.intake.cancel_many(mass(nowhere, None)).await,
        Err(EntryError::UnknownMarket)
    );
    let buys = mass(Some(super::house::BTC), Some(Side::Buy));
    assert_eq!(house.intake.cancel_many(buys).await, Ok(3));
    house.wallet.deaf.store(false, Ordering::SeqCst);
    house.age().await;
    Arc::clone(&house.intake).sweep_pending().await;
    house
        .until("it ends as soon as it comes", async |house| {
            house.row(alice, late.order_id).await.state.reason_code() == Some("mass_cancel")
        })
        .await;
    assert_eq!(house.has(alice, "USDT").await, (10_000, 0));
    assert_eq!(house.has(alice, "BTC").await, (9, 1));
    assert_eq!(house.row(bob, bobs).await.state.status(), Status::Open);
    let cutoffs = "SELECT count(*) FROM cancel_cutoffs WHERE symbol = 'BTC/USDT' AND side = 'BUY'";
    assert_eq!(house.count(cutoffs).await, 1);
    assert!(matches!(
        house.row(alice, late.order_id).await.state,
        OrderState::Cancelled(..)
    ));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_mass_cancel_that_is_written_twice_takes_nothing_that_came_between() {
    let house = House::open().await;
    let alice = house.user(1, 1_000, 0).await;
    let before = open(&house, alice, limit(Side::Buy, 1, 90)).await;
    let mass = Mass::of_user(alice.user_id, CancelReason::MassCancel);
    let rows = house.intake.mass_rows(&[mass], &[0]).unwrap();
    house.intake.hand_mass(&rows).await.unwrap();
    house
        .until("it is done", async |house| {
            house.count("SELECT count(*) FROM commands").await == 0
        })
        .await;
    assert_eq!(house.row(alice, before).await.state.status(), Status::Cancelled);
    let between = open(&house, alice, limit(Side::Buy, 1, 91)).await;
    // The answer to the first was lost.
    house.intake.hand_mass(&rows).await.unwrap();
    let done = house.intake.cancel(alice, OrderRef::Id(between)).await.unwrap();
    assert_eq!(done.state.reason_code(), Some("requested"), "it was still live");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_mass_cancel_goes_to_every_shard_whatever_markets_are_known_there() {
    let house = House::open().await;
    let alice = house.user(1, 1_000, 0).await;
    house
        .sql
        .batch_execute("INSERT INTO shards (shard) VALUES (1)")
        .await
        .unwrap();
    let impatient = house.another(Duration::from_millis(100)).await;
    let mass = Mass::of_user(alice.user_id, CancelReason::MassCancel);
    // Nobody owns the second shard, so it is not known what the cancel takes there.
    assert_eq!(impatient.cancel_many(mass).await, Err(EntryError::OutcomeUnknown));
    impatient.open_session(alice).await.unwrap();
    let over = "UPDATE sessions SET alive_until = now() - interval '1 second'";
    house.sql.batch_execute(over).await.unwrap();
    impatient.fire_timers().await;
    let there = "SELECT count(*) FROM commands WHERE shard = 1 AND kind = 'cancel_all'";
    assert_eq!(house.count(there).await, 2);
}
