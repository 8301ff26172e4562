//! What is due when: orders that expire, and switches that run out.

use domain::{
    CancelAllAfter, CloseSession, Command, MarketNumber, OpenSession, OrderId, Place, Refusal,
    SelfTradePrevention, SessionId, Side, Stamp, TimeInForce, UserId,
};
use engine::Answer;

use crate::recorder::{Stage, limit};

const START: Stamp = Stamp::from_micros(5_000_000);
const ALICE: UserId = UserId::from_u128(101);

fn second(number: u64) -> Stamp {
    START.plus_micros(number * 1_000_000)
}

fn arm(user_id: UserId, seconds: u64) -> Command {
    Command::CancelAllAfter(CancelAllAfter {
        user_id,
        timeout_micros: seconds * 1_000_000,
    })
}

fn order_until(end: Stamp) -> Command {
    Command::Place(Place {
        order_id: OrderId::from_u128(900),
        user_id: ALICE,
        institution_id: None,
        market: MarketNumber(7),
        side: Side::Buy,
        terms: limit(90, 1),
        time_in_force: TimeInForce::Gtd(end),
        self_trade_prevention: SelfTradePrevention::ExpireTaker,
        client_order_id: None,
        received_at: START,
        deadline: None,
        protection_price: None,
    })
}

#[test]
fn the_next_tick_is_due_at_the_first_expiry_or_switch() {
    let bob = UserId::from_u128(102);
    for (commands, due) in [
        (vec![], None),
        (vec![arm(ALICE, 5)], Some(5)),
        (vec![arm(ALICE, 5), arm(ALICE, 9)], Some(9)),
        (vec![arm(ALICE, 5), arm(ALICE, 0)], None),
        (vec![arm(ALICE, 5), arm(bob, 3)], Some(3)),
        (vec![arm(ALICE, 5), order_until(second(4))], Some(4)),
        (vec![arm(ALICE, 5), order_until(second(6))], Some(5)),
        (vec![order_until(second(6))], Some(6)),
        (
            vec![order_until(second(6)), arm(ALICE, 7), arm(ALICE, 0)],
            Some(6),
        ),
    ] {
        let mut stage = Stage::new();
        for command in &commands {
            stage.apply(command);
        }
        let due = due.map(second);
        assert_eq!(stage.engine.next_due(), due, "{commands:?}");
        let Some(due) = due else { continue };
        assert!(!stage.engine.is_due(Stamp::from_micros(due.micros() - 1)));
        assert!(stage.engine.is_due(due));
    }
}

#[test]
fn a_switch_gives_every_reservation_of_its_user_back() {
    let mut stage = Stage::new();
    let own = Some((101, SelfTradePrevention::ExpireTaker));
    stage.place(Side::Buy, limit(90, 2), own);
    stage.place(Side::Sell, limit(110, 3), own);
    stage.place(Side::Sell, limit(111, 3), None);
    assert_eq!(stage.apply(&arm(ALICE, 5)), Answer::Armed(Some(second(5))));
    assert_eq!(stage.engine.switch_of(ALICE), Some(second(5)));
    stage.asked();
    stage.apply_at(second(5), &Command::Tick);
    assert_eq!(
        stage.asked(),
        "release 1 #1 180 USD last; release 2 #1 3 ABC last"
    );
    assert_eq!(stage.engine.switch_of(ALICE), None);
    assert_eq!(stage.engine.next_due(), None);
}

#[test]
fn sessions_are_told_in_order_and_counted_by_user() {
    let mut stage = Stage::new();
    let open = |number| {
        Command::OpenSession(OpenSession {
            session_id: SessionId::from_u128(number),
            user_id: ALICE,
        })
    };
    for number in (0..100).rev() {
        let opened = Answer::SessionOpened(SessionId::from_u128(number));
        assert_eq!(stage.apply(&open(number)), opened);
    }
    let told: Vec<u128> = stage
        .engine
        .sessions()
        .map(|(id, user_id)| {
            assert_eq!(user_id, ALICE);
            id.as_u128()
        })
        .collect();
    assert_eq!(told, (0..100).collect::<Vec<_>>());
    match stage.apply(&open(100)) {
        Answer::Refused(Refusal::Shape(error)) => assert_eq!(
            error.to_string(),
            "cancel_on_disconnect is set by as many sessions as a user may have: 100"
        ),
        other => panic!("{other:?}"),
    }
    let close = |number| {
        Command::CloseSession(CloseSession {
            session_id: SessionId::from_u128(number),
            cancel: true,
        })
    };
    for number in 0..101 {
        assert_eq!(stage.apply(&close(number)), Answer::CancelledAll(0));
    }
    assert_eq!(stage.engine.sessions().count(), 0);
}

#[test]
fn the_rule_for_a_switchs_time_is_told() {
    match Stage::new().apply(&arm(ALICE, 86_401)) {
        Answer::Refused(Refusal::Shape(error)) => {
            assert_eq!(error.to_string(), "timeout_ms must be 0 or 1000 to 86400000");
        }
        other => panic!("{other:?}"),
    }
}
