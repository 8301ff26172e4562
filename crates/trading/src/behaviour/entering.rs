//! Many orders at once: funds are promised once, and every rule holds afterwards.

use domain::{OrderRef, RejectReason, Side::Buy, Side::Sell};

use crate::behaviour::Venue;
use crate::behaviour::stage::{Stage, together};
use crate::{Amendment, Caller, EntryError, OrderEntry, Placed};

pub(super) async fn of_two_parallel_orders_that_need_all_funds_one_is_rejected<V: Venue>(venue: &V) {
    let stage = Stage::open(venue).await;
    for _ in 0..5 {
        let alice = stage.user(0, 500).await;
        let answers = together([99, 100].map(|at| stage.place(alice, stage.limit(Buy, 5, at)))).await;
        let taken = answers
            .iter()
            .filter(|answer| matches!(answer, Ok(Placed::New(_))))
            .count();
        let refused = answers.iter().filter(|answer| match answer {
            Err(EntryError::Rejected(order)) => {
                order.state.reason_code() == Some(RejectReason::InsufficientBalance.code())
            }
            _ => false,
        });
        assert_eq!((taken, refused.count()), (1, 1), "{answers:?}");
    }
    stage.finish().await;
}

pub(super) async fn money_of_a_sale_can_be_spent_at_once<V: Venue>(venue: &V) {
    let stage = Stage::open(venue).await;
    let (alice, bob) = (stage.user(5, 0).await, stage.user(0, 1_000).await);
    stage.limits(bob, Buy, 5, 100).await;
    stage.limits(alice, Sell, 5, 100).await;
    assert_eq!(stage.has(alice).await, "base 0 + 0, quote 499 + 0");
    stage.limits(alice, Buy, 4, 100).await;
    assert_eq!(stage.has(alice).await, "base 0 + 0, quote 99 + 400");
    stage.finish().await;
}

pub(super) async fn many_users_in_parallel_keep_every_rule<V: Venue>(venue: &V) {
    let stage = Stage::open(venue).await;
    let mut users = Vec::new();
    for _ in 0..8 {
        users.push(stage.user(60, 6_000).await);
    }
    together(
        users
            .iter()
            .enumerate()
            .map(|(number, user)| busy(&stage, *user, number as u32)),
    )
    .await;
    assert!(!stage.trades().await.is_empty(), "some of them traded");
    stage.finish().await;
}

/// One user's orders, amendments and cancels, one after the other.
async fn busy<V: Venue>(stage: &Stage<'_, V>, user: Caller, number: u32) {
    for turn in 0..12 {
        let word = (number * 31 + turn * 17) % 11;
        let side = if (number + turn).is_multiple_of(2) {
            Buy
        } else {
            Sell
        };
        let placed = match stage
            .place(user, stage.limit(side, u64::from(2 + word), 95 + word))
            .await
        {
            Ok(Placed::New(order)) => order,
            Err(EntryError::Rejected(_)) => continue,
            other => panic!("an order is taken or rejected: {other:?}"),
        };
        let order = OrderRef::Id(placed.order_id);
        let answer = match turn % 3 {
            0 => stage.exchange().cancel(user, order).await,
            1 => {
                let at = super::stage::price(95 + (word + 5) % 11);
                let amendment = Amendment {
                    price: Some(at),
                    quantity: None,
                };
                stage.exchange().amend(user, order, amendment).await
            }
            _ => continue,
        };
        match answer {
            Ok(_) | Err(EntryError::OrderEnded(_) | EntryError::AmendmentRefused(_)) => {}
            other => panic!("an order can be changed, or has ended: {other:?}"),
        }
    }
}
