//! The life of an order: every step from every state, and what never changes on the way.
#![allow(clippy::unwrap_used, reason = "tests may panic")]

use domain::{CancelReason, ExpireReason, Lots, OrderState, Progress, RejectReason, Status, Step};
use proptest::prelude::*;

fn progress(remaining: u64, filled: u64, prevented: u64) -> Progress {
    Progress {
        remaining: Lots(remaining),
        filled: Lots(filled),
        prevented: Lots(prevented),
    }
}

/// `open 6+4+0`: the state, then remaining, filled and prevented lots, then the reason.
fn show(state: OrderState) -> String {
    let name = match state {
        OrderState::Pending => "pending",
        OrderState::Open(_) => "open",
        OrderState::Filled(_) => "filled",
        OrderState::Cancelled(..) => "cancelled",
        OrderState::Expired(..) => "expired",
        OrderState::Rejected(_) => "rejected",
    };
    let Progress {
        remaining: Lots(remaining),
        filled: Lots(filled),
        prevented: Lots(prevented),
    } = state.progress();
    let reason = state.reason_code().unwrap_or_default();
    format!("{name} {remaining}+{filled}+{prevented} {reason}")
        .trim_end()
        .to_owned()
}

const STEPS: [(&str, Step); 19] = [
    ("accept 0", Step::Accept(Lots(0))),
    ("accept 10", Step::Accept(Lots(10))),
    ("fill 0", Step::Fill(Lots(0))),
    ("fill 1", Step::Fill(Lots(1))),
    ("fill 6", Step::Fill(Lots(6))),
    ("fill 10", Step::Fill(Lots(10))),
    ("fill 11", Step::Fill(Lots(11))),
    ("prevent 0", Step::Prevent(Lots(0))),
    ("prevent 1", Step::Prevent(Lots(1))),
    ("prevent 6", Step::Prevent(Lots(6))),
    ("prevent 11", Step::Prevent(Lots(11))),
    ("resize 20", Step::Resize(Lots(20))),
    ("resize 5", Step::Resize(Lots(5))),
    ("resize 4", Step::Resize(Lots(4))),
    ("resize 0", Step::Resize(Lots(0))),
    ("spend", Step::Spend),
    ("cancel", Step::Cancel(CancelReason::Requested)),
    ("expire", Step::Expire(ExpireReason::TimeInForce)),
    ("reject", Step::Reject(RejectReason::MarketState)),
];

/// Walks every step from one state; steps that the table does not name must be errors.
#[track_caller]
fn check(from: OrderState, allowed: &[(&str, &str)]) {
    let walked: Vec<(&str, String)> = STEPS
        .iter()
        .filter_map(|(name, step)| match from.after(*step) {
            Ok(next) => Some((*name, show(next))),
            Err(error) => {
                assert_eq!((error.from, error.step), (from, *step));
                None
            }
        })
        .collect();
    let allowed: Vec<(&str, String)> = allowed
        .iter()
        .map(|(name, next)| (*name, (*next).to_owned()))
        .collect();
    assert_eq!(walked, allowed, "from {}", show(from));
}

#[test]
fn a_pending_order_comes_to_life_or_ends() {
    check(
        OrderState::Pending,
        &[
            ("accept 10", "open 10+0+0"),
            ("expire", "expired 0+0+0 time_in_force"),
            ("reject", "rejected 0+0+0 market_state"),
        ],
    );
}

#[test]
fn a_fresh_order_can_take_every_step_of_a_live_one_but_spending() {
    check(
        OrderState::Open(progress(10, 0, 0)),
        &[
            ("fill 1", "open 9+1+0"),
            ("fill 6", "open 4+6+0"),
            ("fill 10", "filled 0+10+0"),
            ("prevent 1", "open 9+0+1"),
            ("prevent 6", "open 4+0+6"),
            ("resize 20", "open 20+0+0"),
            ("resize 5", "open 5+0+0"),
            ("resize 4", "open 4+0+0"),
            ("resize 0", "cancelled 10+0+0 amended"),
            ("cancel", "cancelled 10+0+0 requested"),
            ("expire", "expired 10+0+0 time_in_force"),
        ],
    );
}

#[test]
fn a_partly_filled_order_counts_what_is_filled() {
    check(
        OrderState::Open(progress(6, 4, 0)),
        &[
            ("fill 1", "open 5+5+0"),
            ("fill 6", "filled 0+10+0"),
            ("prevent 1", "open 5+4+1"),
            ("prevent 6", "cancelled 0+4+6 self_trade"),
            ("resize 20", "open 16+4+0"),
            ("resize 5", "open 1+4+0"),
            ("resize 4", "cancelled 6+4+0 amended"),
            ("resize 0", "cancelled 6+4+0 amended"),
            ("spend", "filled 6+4+0"),
            ("cancel", "cancelled 6+4+0 requested"),
            ("expire", "expired 6+4+0 time_in_force"),
        ],
    );
}

#[test]
fn an_order_that_lost_lots_to_self_trade_prevention_never_ends_filled_by_its_lots() {
    check(
        OrderState::Open(progress(6, 2, 2)),
        &[
            ("fill 1", "open 5+3+2"),
            ("fill 6", "cancelled 0+8+2 self_trade"),
            ("prevent 1", "open 5+2+3"),
            ("prevent 6", "cancelled 0+2+8 self_trade"),
            ("resize 20", "open 16+2+2"),
            ("resize 5", "open 1+2+2"),
            ("resize 4", "cancelled 6+2+2 amended"),
            ("resize 0", "cancelled 6+2+2 amended"),
            ("spend", "filled 6+2+2"),
            ("cancel", "cancelled 6+2+2 requested"),
            ("expire", "expired 6+2+2 time_in_force"),
        ],
    );
}

#[test]
fn an_order_that_has_ended_takes_no_step() {
    let p = progress(3, 7, 0);
    check(OrderState::Filled(progress(0, 10, 0)), &[]);
    for reason in CancelReason::ALL {
        check(OrderState::Cancelled(p, *reason), &[]);
    }
    for reason in ExpireReason::ALL {
        check(OrderState::Expired(p, *reason), &[]);
    }
    for reason in RejectReason::ALL {
        check(OrderState::Rejected(*reason), &[]);
    }
}

#[test]
fn the_status_is_the_plans() {
    for (state, status) in [
        (OrderState::Pending, Status::Pending),
        (OrderState::Open(progress(10, 0, 0)), Status::Open),
        (OrderState::Open(progress(10, 0, 3)), Status::Open),
        (OrderState::Open(progress(9, 1, 0)), Status::PartiallyFilled),
        (OrderState::Filled(progress(0, 10, 0)), Status::Filled),
        (
            OrderState::Cancelled(progress(9, 1, 0), CancelReason::MassCancel),
            Status::Cancelled,
        ),
        (
            OrderState::Expired(progress(9, 1, 0), ExpireReason::Immediate),
            Status::Expired,
        ),
        (OrderState::Rejected(RejectReason::PriceTooHigh), Status::Rejected),
    ] {
        assert_eq!(state.status(), status, "{}", show(state));
        let live = matches!(status, Status::Pending | Status::Open | Status::PartiallyFilled);
        assert_eq!(state.is_final(), !live, "{}", show(state));
    }
}

proptest! {
    #[test]
    fn lots_are_never_made_or_lost(quantity in 1..1_000u64, steps in prop::collection::vec((0..3u8, 0..300u64), 0..40)) {
        let mut quantity = Lots(quantity);
        let mut state = OrderState::Pending.after(Step::Accept(quantity)).unwrap();
        for (kind, lots) in steps {
            let step = [Step::Fill, Step::Prevent, Step::Resize][usize::from(kind)](Lots(lots));
            let Ok(next) = state.after(step) else { continue };
            let (before, after) = (state.progress(), next.progress());
            prop_assert!(!state.is_final());
            prop_assert!(before.filled <= after.filled && before.prevented <= after.prevented);
            if let (Step::Resize(lots), false) = (step, next.is_final()) {
                quantity = lots;
            }
            prop_assert_eq!(after.remaining + after.filled + after.prevented, quantity);
            prop_assert_eq!(next.status() == Status::Filled, after.filled == quantity);
            state = next;
        }
    }
}
