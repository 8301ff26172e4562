//! Reserve first, then settle in parts or release: every order's instructions, written out.

use domain::{
    Amend, Cancel, Command, Lots, OrderId, OrderRef, Price, Quantity, Refusal, RejectReason, RequestId,
    SelfTradePrevention, Side, UserId,
};
use engine::{Answer, CHUNK};

use crate::recorder::{Stage, budget, limit};

fn amend(number: u128, price: u32, lots: u64) -> Command {
    Command::Amend(Amend {
        request_id: RequestId::from_u128(900),
        user_id: UserId::from_u128(100 + number),
        order: OrderRef::Id(OrderId::from_u128(number)),
        price: Price::from_ticks(price),
        quantity: Quantity::from_lots(Lots(lots)),
    })
}

fn cancel(number: u128) -> Command {
    Command::Cancel(Cancel {
        user_id: UserId::from_u128(100 + number),
        order: OrderRef::Id(OrderId::from_u128(number)),
    })
}

#[test]
fn a_sell_reserves_lots_and_a_buy_their_cost() {
    let mut stage = Stage::new();
    stage.place(Side::Sell, limit(110, 5), None);
    stage.place(Side::Buy, limit(90, 5), None);
    assert_eq!(stage.asked(), "reserve 1 order 5 ABC; reserve 2 order 450 USD");
    stage.apply(&cancel(1));
    stage.apply(&cancel(2));
    assert_eq!(
        stage.asked(),
        "release 1 #1 5 ABC last; release 2 #1 450 USD last"
    );
}

#[test]
fn a_fill_settles_with_what_comes_back_and_a_used_up_order_is_closed() {
    let mut stage = Stage::new();
    stage.place(Side::Sell, limit(100, 5), None);
    stage.place(Side::Buy, limit(110, 7), None);
    assert_eq!(
        stage.asked(),
        "reserve 1 order 5 ABC; reserve 2 order 770 USD; settle 5 for 500, back 50 and 0; close 1"
    );
    stage.apply(&cancel(2));
    assert_eq!(stage.asked(), "release 2 #1 220 USD last");
}

#[test]
fn a_budget_gives_its_rest_back_at_its_end() {
    let mut stage = Stage::new();
    stage.place(Side::Sell, limit(100, 9), None);
    stage.place(Side::Buy, budget(550), None);
    assert_eq!(
        stage.asked(),
        "reserve 1 order 9 ABC; reserve 2 order 550 USD; settle 5 for 500, back 0 and 0; release 2 #1 50 USD last"
    );
}

#[test]
fn amendments_reserve_under_their_own_key_and_release_by_number() {
    let mut stage = Stage::new();
    stage.place(Side::Buy, limit(90, 5), None);
    stage.asked();
    assert_eq!(
        stage.apply(&amend(1, 90, 7)),
        Answer::Amended(OrderId::from_u128(1))
    );
    assert_eq!(stage.asked(), "reserve 1 amendment 180 USD; merge 1 180 USD");
    stage.apply(&amend(1, 80, 7));
    stage.apply(&amend(1, 80, 6));
    assert_eq!(stage.asked(), "release 1 #1 70 USD; release 1 #2 80 USD");
    stage.apply(&cancel(1));
    assert_eq!(stage.asked(), "release 1 #3 480 USD last");
}

#[test]
fn a_refused_amendment_gives_its_own_reservation_back() {
    let mut stage = Stage::new();
    stage.place(Side::Sell, limit(100, 5), None);
    let mut post_only = limit(90, 5);
    if let domain::Terms::Limit { post_only, .. } = &mut post_only {
        *post_only = true;
    }
    stage.place(Side::Buy, post_only, None);
    stage.asked();
    let refused = Answer::Refused(Refusal::Amendment(RejectReason::PostOnlyWouldTake));
    assert_eq!(stage.apply(&amend(2, 101, 5)), refused);
    assert_eq!(
        stage.asked(),
        "reserve 2 amendment 55 USD; release 2 #1 55 USD last"
    );
    stage.funds.broke = true;
    let refused = Answer::Refused(Refusal::Amendment(RejectReason::InsufficientBalance));
    assert_eq!(stage.apply(&amend(2, 99, 5)), refused);
    stage.funds.broke = false;
    stage.asked();
    stage.apply(&cancel(2));
    assert_eq!(
        stage.asked(),
        "release 2 #1 450 USD last",
        "the order is as it was"
    );
}

#[test]
fn prevention_releases_what_it_takes_away() {
    let mut stage = Stage::new();
    let own = Some((50, SelfTradePrevention::Decrement));
    stage.place(Side::Buy, limit(100, 5), own);
    stage.place(Side::Sell, limit(100, 3), own);
    assert_eq!(
        stage.asked(),
        "reserve 1 order 500 USD; reserve 2 order 3 ABC; release 1 #1 300 USD; release 2 #1 3 ABC last"
    );
    stage.place(Side::Sell, limit(100, 1), None);
    assert_eq!(
        stage.asked(),
        "reserve 3 order 1 ABC; settle 1 for 100, back 0 and 0; close 3"
    );
    stage.place(
        Side::Sell,
        limit(90, 1),
        Some((50, SelfTradePrevention::ExpireBoth)),
    );
    assert_eq!(
        stage.asked(),
        "reserve 4 order 1 ABC; release 1 #2 100 USD last; release 4 #1 1 ABC last"
    );
}

#[test]
fn who_is_refused_funds_leaves_an_order_that_was_rejected_and_nothing_reserved() {
    let mut stage = Stage::new();
    stage.funds.broke = true;
    stage.place(Side::Buy, limit(90, 5), None);
    assert_eq!(stage.asked(), "reserve 1 order 450 USD");
    assert_eq!(stage.engine.live_orders(), 0);
    assert_eq!(
        stage.events.len(),
        2,
        "the market's definition, and the order's end"
    );
}

#[test]
fn a_tick_does_no_more_than_a_chunk() {
    const { assert!(CHUNK == 1_000) };
    let mut stage = Stage::new();
    assert!(stage.engine.next_due().is_none());
    assert_eq!(stage.apply(&Command::Tick), Answer::Done);
    assert_eq!(stage.asked(), "");
}
