//! What a gateway leaves behind when it dies between two steps, and what the wallet leaves unanswered, is gone on with.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use domain::{CancelReason, OrderRef, OrderState, Quantity, RejectReason, SessionId, Side, Status};
use tokio::time::Instant;
use trading::{Amendment, Caller, EntryError, Placed};

use super::house::{House, PATIENCE, limit, market, named};
use crate::intake::store::Stored;
use crate::intake::{Amending, Fresh, Intake};
use crate::{Funding, ShardCommand};

/// Stores an order, and nothing more: the gateway dies.
async fn stored(house: &House, user: Caller, name: &str) -> Fresh {
    let fresh = house
        .intake
        .fresh(user, named(name, limit(Side::Buy, 5, 100)))
        .unwrap();
    match house.intake.store(fresh).await {
        Ok(Stored::New(fresh)) => *fresh,
        other => panic!("{other:?}"),
    }
}

async fn sweep(house: &House) {
    house.age().await;
    // Two gateways at once do no harm.
    let other = house.another(PATIENCE).await;
    tokio::join!(Arc::clone(&house.intake).sweep_pending(), other.sweep_pending());
}

fn soon() -> Instant {
    Instant::now() + Duration::from_secs(10)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_order_is_gone_on_with_from_every_step() {
    let house = House::open().await;
    let alice = house.user(1, 3_000, 0).await;
    let bare = stored(&house, alice, "stored").await;
    let funded = stored(&house, alice, "funded").await;
    let funding = house.intake.fund(funded.reserve().unwrap(), soon()).await;
    assert!(matches!(funding, Some(Funding::Granted { .. })));
    house.owner.pause(true);
    let handed = stored(&house, alice, "handed").await;
    house.intake.drive(&handed, soon()).await.unwrap();
    let young = house
        .count("SELECT count(*) FROM orders WHERE swept_until IS NOT NULL")
        .await;
    Arc::clone(&house.intake).sweep_pending().await;
    assert_eq!(
        house
            .count("SELECT count(*) FROM orders WHERE swept_until IS NOT NULL")
            .await,
        young
    );
    sweep(&house).await;
    let waiting = house
        .count("SELECT count(*) FROM commands WHERE kind = 'place'")
        .await;
    assert_eq!(waiting, 3, "each order has one command");
    house.owner.pause(false);
    for order in [&bare, &funded, &handed] {
        house
            .until("it is open", async |house| {
                house.row(alice, order.id()).await.state.status() == Status::Open
            })
            .await;
        assert_eq!(house.owner.times(order.id()), 1);
    }
    assert_eq!(house.has(alice, "USDT").await, (1_500, 1_500));
    let again = house
        .intake
        .place(alice, named("stored", limit(Side::Buy, 5, 100)))
        .await;
    match again {
        Ok(Placed::Existing(order)) => assert_eq!(order.order_id, bare.id()),
        other => panic!("{other:?}"),
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nobody_reserves_for_an_order_whose_command_went_with_it_until_it_has_come_back() {
    let house = House::open().await;
    let alice = house.user(1, 3_000, 0).await;
    house.owner.pause(true);
    let mut orders = Vec::new();
    for (name, price) in [("good", 100), ("beyond", 151)] {
        let order = named(name, limit(Side::Buy, 5, price));
        let mut fresh = house.intake.fresh(alice, order).unwrap();
        fresh.turned_away_by = Some(0);
        match house.intake.store(fresh).await {
            Ok(Stored::New(fresh)) => orders.push(fresh.id()),
            other => panic!("{other:?}"),
        }
    }
    let [good, bad] = orders[..] else {
        panic!("{orders:?}");
    };
    // Its gateway dies, and others look for what it has left behind.
    sweep(&house).await;
    assert_eq!(house.has(alice, "USDT").await, (3_000, 0));
    house.owner.pause(false);
    house
        .until("one is turned away, and one comes back", async |house| {
            house.count("SELECT count(*) FROM commands").await == 0
        })
        .await;
    let end = house.row(alice, bad).await.state;
    assert_eq!(end, OrderState::Rejected(RejectReason::PriceOutOfBand));
    assert_eq!(house.row(alice, good).await.state, OrderState::Pending);
    assert_eq!(house.has(alice, "USDT").await, (3_000, 0));
    sweep(&house).await;
    house
        .until("it is open", async |house| {
            house.row(alice, good).await.state.status() == Status::Open
        })
        .await;
    let placed = house.owner.knobs.placed.lock().unwrap()[&good].clone();
    assert!(
        matches!(placed[..], [Funding::NotAsked, Funding::Granted { .. }]),
        "{placed:?}"
    );
    assert_eq!(house.has(alice, "USDT").await, (2_500, 500));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_order_that_cannot_be_read_keeps_no_other_back() {
    let house = House::open().await;
    let alice = house.user(1, 3_000, 0).await;
    let bad = stored(&house, alice, "bad").await;
    let good = stored(&house, alice, "good").await;
    let off_the_tick = "UPDATE orders SET price = 99.5 WHERE client_order_id = 'bad'";
    house.sql.batch_execute(off_the_tick).await.unwrap();
    sweep(&house).await;
    house
        .until("the other one is open", async |house| {
            house.row(alice, good.id()).await.state.status() == Status::Open
        })
        .await;
    assert_eq!(house.owner.times(bad.id()), 0);
    assert!(*house.table.reloads.lock().unwrap() > 0, "its market may be new");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_slow_gateway_that_goes_on_later_changes_nothing() {
    let house = House::open().await;
    let alice = house.user(1, 1_000, 0).await;
    let order = stored(&house, alice, "slow").await;
    sweep(&house).await;
    house
        .until("it is open", async |house| {
            house.row(alice, order.id()).await.state.status() == Status::Open
        })
        .await;
    house
        .intake
        .cancel(alice, OrderRef::Id(order.id()))
        .await
        .unwrap();
    house.intake.drive(&order, soon()).await.unwrap();
    house
        .until("its command is passed over", async |house| {
            house.count("SELECT count(*) FROM commands").await == 0
        })
        .await;
    assert_eq!(house.owner.times(order.id()), 1);
    assert_eq!(
        house.row(alice, order.id()).await.state.reason_code(),
        Some("requested")
    );
    assert_eq!(house.has(alice, "USDT").await, (1_000, 0));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_wallet_that_does_not_answer_leaves_the_order_pending_until_it_does() {
    let house = House::waiting(Duration::from_millis(300)).await;
    let alice = house.user(1, 1_000, 0).await;
    // It does what it is told, and nobody hears of it.
    house.wallet.silent.store(true, Ordering::SeqCst);
    let placed = house.intake.place(alice, limit(Side::Buy, 5, 100)).await;
    let Ok(Placed::Pending(order)) = placed else {
        panic!("{placed:?}")
    };
    assert_eq!(order.state, OrderState::Pending);
    assert_eq!(house.has(alice, "USDT").await, (500, 500));
    house.age().await;
    Arc::clone(&house.intake).sweep_pending().await;
    assert_eq!(house.row(alice, order.order_id).await.state, OrderState::Pending);
    house.wallet.silent.store(false, Ordering::SeqCst);
    let other = house.another(PATIENCE).await;
    // The lease of the turn before has to end.
    house
        .until("it is open", async |house| {
            Arc::clone(&other).sweep_pending().await;
            house.row(alice, order.order_id).await.state.status() == Status::Open
        })
        .await;
    assert_eq!(house.has(alice, "USDT").await, (500, 500), "reserved once");
    assert_eq!(house.owner.times(order.order_id), 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_reserve_behind_a_tombstone_is_refused_and_the_order_rejected() {
    let house = House::open().await;
    let alice = house.user(1, 1_000, 0).await;
    let order = stored(&house, alice, "released").await;
    let reserve = order.reserve().unwrap();
    let release = domain::Release {
        order_id: reserve.order_id,
        request_id: None,
        user_id: reserve.user_id,
        number: 1,
        asset: reserve.asset,
        amount: reserve.amount,
        last: true,
    };
    let release = wallet_client::Instruction::Release(release);
    wallet_client::Wallet::instruct(&house.wallet.inner, 0, vec![release])
        .await
        .unwrap()[0]
        .as_ref()
        .unwrap();
    house.intake.drive(&order, soon()).await.unwrap();
    let rejected = OrderState::Rejected(RejectReason::InsufficientBalance);
    house
        .until("it is rejected", async |house| {
            house.row(alice, order.id()).await.state == rejected
        })
        .await;
    assert_eq!(house.has(alice, "USDT").await, (1_000, 0));
}

/// An amendment to so many lots, as far as it is made.
async fn amending(house: &House, user: Caller, order: &Fresh, lots: u64) -> Amending {
    let stored = house.intake.live(user, OrderRef::Id(order.id())).await.unwrap();
    let amendment = Amendment {
        price: None,
        quantity: Quantity::from_lots(domain::Lots(lots)),
    };
    let moment = house.intake.moments.next().unwrap();
    Amending::new(user, &stored, &market(), amendment, moment)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_amendment_is_gone_on_with_from_every_step_and_applied_once() {
    let house = House::open().await;
    let alice = house.user(1, 5_000, 0).await;
    let mut orders = Vec::new();
    for name in ["drafted", "funded", "handed"] {
        let order = stored(&house, alice, name).await;
        house.intake.drive(&order, soon()).await.unwrap();
        house
            .until("it is open", async |house| {
                house.row(alice, order.id()).await.state.status() == Status::Open
            })
            .await;
        orders.push(order);
    }
    let mut fundings = Vec::new();
    for (step, order) in orders.iter().enumerate() {
        let amending = amending(&house, alice, order, 7).await;
        let before = house.intake.live(alice, OrderRef::Id(order.id())).await.unwrap();
        house.intake.write_draft(&amending, &before.order).await.unwrap();
        let reserve = amending.reserve.clone().unwrap();
        assert_eq!(reserve.amount, super::house::whole(200));
        let funding = match step {
            0 => None,
            _ => house.intake.fund(reserve, soon()).await,
        };
        if step == 2 {
            house
                .intake
                .finish_draft(&amending, funding.unwrap())
                .await
                .unwrap();
        }
        fundings.push((amending, funding));
    }
    house.age().await;
    let other = house.another(PATIENCE).await;
    let (one, two) = (Arc::clone(&house.intake), other);
    tokio::join!(one.sweep_amendments(), two.sweep_amendments());
    for order in &orders {
        house
            .until("it is amended", async |house| {
                house.row(alice, order.id()).await.quantity.0 == 7
            })
            .await;
    }
    // The gateway was only slow, and goes on.
    let (amending, funding) = &fundings[1];
    house
        .intake
        .finish_draft(amending, funding.unwrap())
        .await
        .unwrap();
    assert_eq!(house.count("SELECT count(*) FROM amendments").await, 0);
    house
        .until("every command is done", async |house| {
            house
                .count("SELECT count(*) FROM commands WHERE kind = 'amend'")
                .await
                == 0
        })
        .await;
    let applied = house.owner.knobs.applied.lock().unwrap().clone();
    let amendments = applied
        .iter()
        .filter(|command| matches!(command, ShardCommand::Amend { .. }));
    assert_eq!(amendments.count(), 3);
    assert_eq!(house.has(alice, "USDT").await, (2_900, 2_100));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn switches_and_sessions_fire_whoever_looks_and_once() {
    let house = House::open().await;
    let (alice, bob) = (house.user(1, 1_000, 0).await, house.user(2, 1_000, 0).await);
    let carol = house.user(3, 1_000, 0).await;
    let mut ids = Vec::new();
    for user in [alice, bob, carol] {
        let placed = house.intake.place(user, limit(Side::Buy, 1, 100)).await;
        let Ok(Placed::New(order)) = placed else {
            panic!("{placed:?}")
        };
        ids.push(order.order_id);
    }
    assert!(matches!(house.intake.arm(alice, 1_000_000).await, Ok(Some(_))));
    assert!(matches!(house.intake.arm(carol, 1_000_000).await, Ok(Some(_))));
    assert_eq!(house.intake.arm(carol, 0).await, Ok(None));
    let invalid = house.intake.arm(carol, 999_999).await;
    assert!(matches!(invalid, Err(EntryError::Invalid(_))));
    house.intake.open_session(bob).await.unwrap();
    let kept = house.intake.open_session(carol).await.unwrap();
    let dead = "UPDATE sessions SET alive_until = now() - interval '1 second' WHERE user_id <> \
        '00000000-0000-0000-0000-000000000003'";
    house.sql.batch_execute(dead).await.unwrap();
    let other = house.another(PATIENCE).await;
    let fire = |intake: &Arc<Intake>| Arc::clone(intake).fire_timers();
    tokio::join!(fire(&house.intake), fire(&other));
    let reason = |reason: &'static str, place: usize, user| {
        let id = ids[place];
        async move |house: &House| house.row(user, id).await.state.reason_code() == Some(reason)
    };
    house
        .until("bob's order ends", reason("disconnected", 1, bob))
        .await;
    house
        .until("alice's order ends", async |house| {
            fire(&house.intake).await;
            reason("dead_mans_switch", 0, alice)(house).await
        })
        .await;
    assert_eq!(house.row(carol, ids[2]).await.state.status(), Status::Open);
    assert_eq!(house.count("SELECT count(*) FROM dead_man").await, 0);
    let fired = house.owner.knobs.applied.lock().unwrap().clone();
    let fired = fired
        .iter()
        .filter(|command| matches!(command, ShardCommand::CancelAll { .. }));
    assert_eq!(fired.count(), 2, "each once");
    house.intake.close_session(kept, true).await.unwrap();
    assert_eq!(
        house.row(carol, ids[2]).await.state.reason_code(),
        Some(CancelReason::Disconnected.code())
    );
    house.intake.close_session(kept, true).await.unwrap();
    house
        .intake
        .close_session(SessionId::from_u128(7), true)
        .await
        .unwrap();
}
