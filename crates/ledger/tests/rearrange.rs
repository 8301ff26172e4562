//! What an order receives may be said late, and one reservation may hold what another held.
#![allow(clippy::unwrap_used, reason = "tests may panic")]

mod stage;

use domain::{RequestId, Reserve};
use ledger::{LedgerFault, ReservationHandle, ReservationSlot};
use stage::{ALICE, BOB, Stage, amount, asset, leg, order, reserve, settle};

fn handle(id: u128, slot: ReservationSlot) -> ReservationHandle {
    ReservationHandle {
        order_id: order(id),
        request_id: None,
        slot,
    }
}

#[test]
fn a_reservation_settles_only_once_it_is_known_what_its_order_receives() {
    let mut stage = Stage::new();
    stage.fund(ALICE, "USDT", "100");
    stage.fund(BOB, "BTC", "1");
    let buyer = stage.reserve(&reserve(1, ALICE, "USDT", "USDT", "100")).unwrap();
    let seller = stage.reserve(&reserve(2, BOB, "BTC", "BTC", "1")).unwrap();
    let trade = settle("1", "100", leg(1, ALICE, "0.1", "0"), leg(2, BOB, "1", "0"));
    let other_asset = |id: u128, code: &str| LedgerFault::OtherAsset {
        order_id: order(id),
        asset: asset(code),
    };
    assert_eq!(
        stage.fault(|ledger, to| ledger.settle(&trade, buyer, seller, to)),
        other_asset(1, "BTC")
    );
    let said = stage.step(|ledger, _| ledger.set_receives(&handle(1, buyer), asset("BTC")));
    assert_eq!(said, Ok(asset("USDT")));
    assert_eq!(
        stage.fault(|ledger, to| ledger.settle(&trade, buyer, seller, to)),
        other_asset(2, "USDT")
    );
    let said = stage.step(|ledger, _| ledger.set_receives(&handle(2, seller), asset("USDT")));
    assert_eq!(said, Ok(asset("BTC")));
    stage.settle(&trade, buyer, seller).unwrap();
    stage.assert_has(ALICE, "BTC", "0.9", "0");
    stage.assert_has(BOB, "USDT", "99", "0");
    let gone = handle(7, buyer);
    let unknown = stage.fault(|ledger, _| ledger.set_receives(&gone, asset("ETH")));
    assert!(matches!(unknown, LedgerFault::OtherReservation { .. }));
}

#[test]
fn one_reservation_takes_what_another_of_the_same_account_holds() {
    let mut stage = Stage::new();
    stage.fund(ALICE, "USDT", "100");
    stage.fund(ALICE, "BTC", "1");
    let first = stage.reserve(&reserve(1, ALICE, "USDT", "BTC", "10")).unwrap();
    let amendment = Reserve {
        request_id: Some(RequestId::from_u128(5)),
        ..reserve(1, ALICE, "USDT", "BTC", "20")
    };
    let second = stage.reserve(&amendment).unwrap();
    let coins = stage.reserve(&reserve(3, ALICE, "BTC", "USDT", "1")).unwrap();
    let second = ReservationHandle {
        request_id: amendment.request_id,
        ..handle(1, second)
    };
    let (first, coins) = (handle(1, first), handle(3, coins));
    stage
        .step(|ledger, _| ledger.shift(&second, &first, amount("15")))
        .unwrap();
    let held = [&first, &second].map(|handle| stage.ledger.reserved(handle.slot).to_string());
    assert_eq!(held, ["25", "5"]);
    stage.assert_has(ALICE, "USDT", "70", "30");
    let too_much = stage.fault(|ledger, _| ledger.shift(&second, &first, amount("5.00000001")));
    assert!(matches!(too_much, LedgerFault::ReservationTooSmall { .. }));
    let other = stage.fault(|ledger, _| ledger.shift(&second, &coins, amount("1")));
    assert!(matches!(other, LedgerFault::OtherAsset { .. }));
    stage
        .step(|ledger, _| ledger.shift(&first, &first, amount("25")))
        .unwrap();
    assert_eq!(stage.ledger.reserved(first.slot), amount("25"));
}
