//! What each money instruction does to balances and postings, and what it refuses.
#![allow(clippy::unwrap_used, reason = "tests may panic")]

mod stage;

use domain::{Amount, Release, RequestId, Reserve, Settle, SettleLeg};
use ledger::{AccountRef, EntryType, LedgerFault, Posting, Reference, ReserveError};
use stage::{ALICE, BOB, Stage, amount, asset, leg, merge, order, release, reserve, settle, symbol};

/// Alice has reserved USDT to buy with order 1, Bob BTC to sell with order 2.
fn two_orders(usdt: &str, btc: &str) -> (Stage, ledger::ReservationSlot, ledger::ReservationSlot) {
    let mut stage = Stage::new();
    stage.fund(ALICE, "USDT", usdt);
    stage.fund(BOB, "BTC", btc);
    let buy = stage.reserve(&reserve(1, ALICE, "USDT", "BTC", usdt)).unwrap();
    let sell = stage.reserve(&reserve(2, BOB, "BTC", "USDT", btc)).unwrap();
    (stage, buy, sell)
}

#[test]
fn a_trade_gives_each_party_what_it_bought_less_its_fee() {
    // base, quote, buyer's fee, seller's fee -> buyer's base, seller's quote
    for (base, quote, buyer_fee, seller_fee, buyer_gets, seller_gets) in [
        ("0.5", "25000", "0.0005", "25", "0.4995", "24975"),
        ("1", "50000", "0.001", "50", "0.999", "49950"),
        ("1", "50000", "0", "0", "1", "50000"),
        ("0.00000001", "0.00000001", "0.00000001", "0.00000001", "0", "0"),
    ] {
        let (mut stage, buy, sell) = two_orders(quote, base);
        let trade = settle(
            base,
            quote,
            leg(1, ALICE, buyer_fee, "0"),
            leg(2, BOB, seller_fee, "0"),
        );
        stage.settle(&trade, buy, sell).unwrap();
        stage.assert_has(ALICE, "BTC", buyer_gets, "0");
        stage.assert_has(ALICE, "USDT", "0", "0");
        stage.assert_has(BOB, "USDT", seller_gets, "0");
        stage.assert_has(BOB, "BTC", "0", "0");
        assert_eq!(stage.ledger.fees(asset("BTC")), amount(buyer_fee));
        assert_eq!(stage.ledger.fees(asset("USDT")), amount(seller_fee));
        stage.ledger.close(order(1), buy).unwrap();
        stage.ledger.close(order(2), sell).unwrap();
        stage.ledger.check().unwrap();
    }
}

#[test]
fn a_trade_is_posted_line_by_line() {
    let (mut stage, buy, sell) = two_orders("30000", "1");
    let trade = settle(
        "0.5",
        "25000",
        leg(1, ALICE, "0.0005", "100"),
        leg(2, BOB, "25", "0"),
    );
    stage.settle(&trade, buy, sell).unwrap();
    let told: Vec<(AccountRef, &str, String, &str)> = stage
        .postings
        .iter()
        .map(|line: &Posting| {
            assert_eq!(line.reference, Reference::Trade(trade.trade_id));
            let sign = if line.delta < 0 { "-" } else { "" };
            let size = Amount(u64::try_from(line.delta.unsigned_abs()).unwrap());
            (
                line.account,
                line.asset.as_str(),
                format!("{sign}{size}"),
                line.entry.word(),
            )
        })
        .collect();
    let expected = [
        (AccountRef::reserved(ALICE), "USDT", "-25000", "TRADE_BUY"),
        (AccountRef::reserved(ALICE), "USDT", "-100", "RELEASE"),
        (AccountRef::available(ALICE), "USDT", "100", "RELEASE"),
        (AccountRef::available(ALICE), "BTC", "0.4995", "TRADE_BUY"),
        (AccountRef::Fee, "BTC", "0.0005", "FEE"),
        (AccountRef::reserved(BOB), "BTC", "-0.5", "TRADE_SELL"),
        (AccountRef::available(BOB), "USDT", "24975", "TRADE_SELL"),
        (AccountRef::Fee, "USDT", "25", "FEE"),
    ]
    .map(|(account, code, delta, entry)| (account, code, delta.to_owned(), entry));
    assert_eq!(told, expected);
}

#[test]
fn a_better_price_gives_the_difference_back_with_the_trade() {
    // Reserved at 50000 for 1 BTC; 0.4 trade at 49000: 19600 paid, 400 back, 30000 still held.
    let (mut stage, buy, sell) = two_orders("50000", "0.4");
    let trade = settle(
        "0.4",
        "19600",
        leg(1, ALICE, "0.0004", "400"),
        leg(2, BOB, "19.6", "0"),
    );
    stage.settle(&trade, buy, sell).unwrap();
    stage.assert_has(ALICE, "USDT", "400", "30000");
    stage.assert_has(ALICE, "BTC", "0.3996", "0");
    assert_eq!(stage.ledger.reserved(buy), amount("30000"));
    let left = LedgerFault::ReservationLeft {
        order_id: order(1),
        reserved: amount("30000"),
    };
    assert_eq!(stage.fault(|ledger, _| ledger.close(order(1), buy)), left);
    stage
        .release(&release(1, ALICE, "USDT", "30000", true), buy)
        .unwrap();
    stage.assert_has(ALICE, "USDT", "30400", "0");
}

#[test]
fn a_trade_of_a_user_with_itself_costs_only_the_fees() {
    let mut stage = Stage::new();
    stage.fund(ALICE, "USDT", "60000");
    stage.fund(ALICE, "BTC", "2");
    let buy = stage.reserve(&reserve(1, ALICE, "USDT", "BTC", "50000")).unwrap();
    let sell = stage.reserve(&reserve(2, ALICE, "BTC", "USDT", "1")).unwrap();
    let trade = settle(
        "1",
        "49000",
        leg(1, ALICE, "0.001", "1000"),
        leg(2, ALICE, "49", "0"),
    );
    stage.settle(&trade, buy, sell).unwrap();
    stage.assert_has(ALICE, "USDT", "59951", "0");
    stage.assert_has(ALICE, "BTC", "1.999", "0");
    assert_eq!(stage.ledger.fees(asset("USDT")), amount("49"));
}

#[test]
fn a_user_who_has_all_the_money_there_can_be_may_trade_with_itself() {
    let mut stage = Stage::new();
    let all = Amount::MAX.to_string();
    stage.fund(ALICE, "USDT", &all);
    stage.fund(ALICE, "BTC", &all);
    let buy = stage.reserve(&reserve(1, ALICE, "USDT", "BTC", &all)).unwrap();
    let sell = stage.reserve(&reserve(2, ALICE, "BTC", "USDT", &all)).unwrap();
    let trade = settle(&all, &all, leg(1, ALICE, "0", "0"), leg(2, ALICE, "0", "0"));
    stage.settle(&trade, buy, sell).unwrap();
    stage.assert_has(ALICE, "USDT", &all, "0");
    stage.assert_has(ALICE, "BTC", &all, "0");
}

#[test]
fn a_reserve_is_covered_or_refused_with_what_is_available() {
    let mut stage = Stage::new();
    let lacking = |units: &str| ReserveError::InsufficientBalance {
        available: amount(units),
    };
    let buy = reserve(1, ALICE, "USDT", "BTC", "100");
    assert_eq!(stage.fault(|ledger, to| ledger.reserve(&buy, to)), lacking("0"));
    stage.fund(ALICE, "BTC", "1");
    assert_eq!(stage.fault(|ledger, to| ledger.reserve(&buy, to)), lacking("0"));
    stage.fund(ALICE, "USDT", "99.99999999");
    assert_eq!(
        stage.fault(|ledger, to| ledger.reserve(&buy, to)),
        lacking("99.99999999")
    );
    stage.fund(ALICE, "USDT", "0.00000001");
    stage.reserve(&buy).unwrap();
    stage.assert_has(ALICE, "USDT", "0", "100");
    let another = reserve(2, ALICE, "USDT", "BTC", "0.00000001");
    assert_eq!(
        stage.fault(|ledger, to| ledger.reserve(&another, to)),
        lacking("0")
    );
    let monstrous = Reserve {
        amount: Amount(u64::MAX),
        ..another
    };
    assert_eq!(
        stage.fault(|ledger, to| ledger.reserve(&monstrous, to)),
        lacking("0")
    );
}

#[test]
fn a_reserve_that_makes_no_sense_is_a_fault() {
    let mut stage = Stage::new();
    stage.fund(ALICE, "USDT", "100");
    let senseless = ReserveError::Fault(LedgerFault::SenselessReserve { order_id: order(1) });
    let nothing = reserve(1, ALICE, "USDT", "BTC", "0");
    assert_eq!(stage.fault(|ledger, to| ledger.reserve(&nothing, to)), senseless);
}

#[test]
fn a_refused_order_opens_no_account() {
    let mut stage = Stage::new();
    let _ = stage.reserve(&reserve(1, ALICE, "USDT", "BTC", "100"));
    assert_eq!(stage.ledger.snapshot(), ledger::LedgerSnapshot::default());
    assert_eq!(stage.ledger.balances(ALICE), []);
}

#[test]
fn an_account_is_seen_from_its_first_credit_on() {
    let (mut stage, buy, sell) = two_orders("50000", "1");
    assert_eq!(stage.ledger.balance(ALICE, asset("BTC")), None);
    let codes = |stage: &Stage| -> Vec<String> {
        let balances = stage.ledger.balances(ALICE);
        balances.iter().map(|(asset, _)| asset.to_string()).collect()
    };
    assert_eq!(codes(&stage), ["USDT"]);
    let trade = settle("1", "50000", leg(1, ALICE, "0", "0"), leg(2, BOB, "0", "0"));
    stage.settle(&trade, buy, sell).unwrap();
    assert_eq!(codes(&stage), ["BTC", "USDT"]);
    let versions = [("BTC", 1), ("USDT", 3)];
    for (code, version) in versions {
        let balance = stage.ledger.balance(ALICE, asset(code)).unwrap();
        assert_eq!(balance.version, version, "{code}");
    }
}

#[test]
fn releases_come_in_parts_and_the_last_ends_the_reservation() {
    let (mut stage, buy, _) = two_orders("100", "1");
    stage
        .release(&release(1, ALICE, "USDT", "30", false), buy)
        .unwrap();
    stage.assert_has(ALICE, "USDT", "30", "70");
    let left = LedgerFault::ReservationLeft {
        order_id: order(1),
        reserved: amount("1"),
    };
    let all_but_one = release(1, ALICE, "USDT", "69", true);
    assert_eq!(
        stage.fault(|ledger, to| ledger.release(&all_but_one, buy, to)),
        left
    );
    stage
        .release(&release(1, ALICE, "USDT", "70", true), buy)
        .unwrap();
    stage.assert_has(ALICE, "USDT", "100", "0");
    assert_eq!(stage.ledger.reserved(buy), Amount::ZERO);
}

#[test]
fn a_second_release_is_refused() {
    let (mut stage, buy, _) = two_orders("100", "1");
    let all = release(1, ALICE, "USDT", "100", true);
    stage.release(&all, buy).unwrap();
    let gone = LedgerFault::OtherReservation {
        slot: buy,
        order_id: order(1),
        request_id: None,
    };
    assert_eq!(stage.fault(|ledger, to| ledger.release(&all, buy, to)), gone);
    // Even when another order holds the slot by now.
    let next = stage.reserve(&reserve(3, ALICE, "USDT", "BTC", "100")).unwrap();
    assert_eq!(next, buy);
    assert_eq!(stage.fault(|ledger, to| ledger.release(&all, buy, to)), gone);
    assert_eq!(stage.fault(|ledger, _| ledger.close(order(1), buy)), gone);
}

#[test]
fn an_order_that_holds_nothing_any_more_ends_by_close_or_by_a_last_release_of_nothing() {
    for by_close in [true, false] {
        let (mut stage, buy, sell) = two_orders("50000", "1");
        let trade = settle("1", "50000", leg(1, ALICE, "0", "0"), leg(2, BOB, "0", "0"));
        stage.settle(&trade, buy, sell).unwrap();
        if by_close {
            stage.ledger.close(order(1), buy).unwrap();
        } else {
            stage.release(&release(1, ALICE, "USDT", "0", true), buy).unwrap();
            assert!(stage.postings.is_empty());
        }
        assert_eq!(stage.ledger.reservation_count(), 1);
        assert_eq!(stage.ledger.snapshot().reservations.len(), 1);
    }
}

#[test]
fn wrong_releases_are_faults() {
    let (mut stage, buy, sell) = two_orders("100", "1");
    let other = |slot, id| LedgerFault::OtherReservation {
        slot,
        order_id: order(id),
        request_id: None,
    };
    let unknown = ledger::ReservationSlot(99);
    for (r, slot, fault) in [
        (release(1, ALICE, "USDT", "1", false), sell, other(sell, 1)),
        (release(1, ALICE, "USDT", "1", false), unknown, other(unknown, 1)),
        (release(7, ALICE, "USDT", "1", false), buy, other(buy, 7)),
        (
            release(1, BOB, "USDT", "1", false),
            buy,
            LedgerFault::OtherUser {
                order_id: order(1),
                user_id: BOB,
            },
        ),
        (
            release(1, ALICE, "BTC", "1", false),
            buy,
            LedgerFault::OtherAsset {
                order_id: order(1),
                asset: asset("BTC"),
            },
        ),
        (
            release(1, ALICE, "USDT", "100.00000001", false),
            buy,
            LedgerFault::ReservationTooSmall {
                order_id: order(1),
                reserved: amount("100"),
            },
        ),
    ] {
        assert_eq!(
            stage.fault(|ledger, to| ledger.release(&r, slot, to)),
            fault,
            "{r:?}"
        );
    }
}

#[test]
fn wrong_settlements_are_faults() {
    let (mut stage, buy, sell) = two_orders("100", "1");
    let good = settle("1", "100", leg(1, ALICE, "0", "0"), leg(2, BOB, "0", "0"));
    let too_small = |id, units| LedgerFault::ReservationTooSmall {
        order_id: order(id),
        reserved: amount(units),
    };
    let other_asset = |id, code| LedgerFault::OtherAsset {
        order_id: order(id),
        asset: asset(code),
    };
    let eth: domain::Symbol = "ETH/USDT".parse().unwrap();
    let eur: domain::Symbol = "BTC/EUR".parse().unwrap();
    for (s, fault) in [
        (
            Settle {
                quote: amount("100.00000001"),
                ..good
            },
            too_small(1, "100"),
        ),
        (
            Settle {
                base: amount("1.00000001"),
                ..good
            },
            too_small(2, "1"),
        ),
        (
            Settle {
                buyer: leg(1, ALICE, "0", "0.00000001"),
                ..good
            },
            too_small(1, "100"),
        ),
        (
            Settle {
                seller: leg(2, BOB, "0", "0.00000001"),
                ..good
            },
            too_small(2, "1"),
        ),
        (
            Settle {
                buyer: SettleLeg {
                    release: Amount(u64::MAX),
                    ..good.buyer
                },
                ..good
            },
            too_small(1, "100"),
        ),
        (
            Settle {
                buyer: leg(1, ALICE, "1.00000001", "0"),
                ..good
            },
            LedgerFault::FeeTooLarge { order_id: order(1) },
        ),
        (
            Settle {
                seller: leg(2, BOB, "100.00000001", "0"),
                ..good
            },
            LedgerFault::FeeTooLarge { order_id: order(2) },
        ),
        (
            Settle {
                buyer: leg(1, BOB, "0", "0"),
                ..good
            },
            LedgerFault::OtherUser {
                order_id: order(1),
                user_id: BOB,
            },
        ),
        (
            Settle {
                seller: leg(3, BOB, "0", "0"),
                ..good
            },
            LedgerFault::OtherReservation {
                slot: sell,
                order_id: order(3),
                request_id: None,
            },
        ),
        (Settle { symbol: eth, ..good }, other_asset(1, "ETH")),
        (Settle { symbol: eur, ..good }, other_asset(1, "EUR")),
        (
            Settle {
                symbol: domain::Symbol {
                    base: symbol().quote,
                    quote: symbol().base,
                },
                ..good
            },
            other_asset(1, "BTC"),
        ),
    ] {
        assert_eq!(
            stage.fault(|ledger, to| ledger.settle(&s, buy, sell, to)),
            fault,
            "{s:?}"
        );
    }
    stage.settle(&good, buy, sell).unwrap();
}

#[test]
fn an_amendments_reservation_is_merged_into_its_orders() {
    let mut stage = Stage::new();
    stage.fund(ALICE, "USDT", "150");
    let start = reserve(1, ALICE, "USDT", "BTC", "100");
    let more = Reserve {
        request_id: Some(RequestId::from_u128(11)),
        ..reserve(1, ALICE, "USDT", "BTC", "50")
    };
    let order_slot = stage.reserve(&start).unwrap();
    let slot = stage.reserve(&more).unwrap();
    stage.assert_has(ALICE, "USDT", "0", "150");

    let other = |slot, request_id| LedgerFault::OtherReservation {
        slot,
        order_id: order(1),
        request_id,
    };
    let whole = merge(1, 11, ALICE, "USDT", "50");
    let part = merge(1, 11, ALICE, "USDT", "49");
    let stranger = merge(1, 12, ALICE, "USDT", "50");
    let release_more = release(1, ALICE, "USDT", "50", true);
    let left = LedgerFault::ReservationLeft {
        order_id: order(1),
        reserved: amount("1"),
    };
    assert_eq!(
        stage.fault(|ledger, to| ledger.merge(&part, slot, order_slot, to)),
        left
    );
    assert_eq!(
        stage.fault(|ledger, to| ledger.merge(&stranger, slot, order_slot, to)),
        other(slot, Some(stranger.request_id))
    );
    assert_eq!(
        stage.fault(|ledger, to| ledger.merge(&whole, order_slot, slot, to)),
        other(order_slot, Some(whole.request_id))
    );
    assert_eq!(
        stage.fault(|ledger, to| ledger.release(&release_more, slot, to)),
        other(slot, None),
        "an amendment's slot is not its order's"
    );

    stage
        .step(|ledger, to| ledger.merge(&whole, slot, order_slot, to))
        .unwrap();
    assert!(
        stage
            .postings
            .iter()
            .all(|posting| posting.entry == EntryType::Adjustment)
    );
    stage.assert_has(ALICE, "USDT", "0", "150");
    assert_eq!(stage.ledger.reserved(order_slot), amount("150"));
    assert_eq!(stage.ledger.reserved(slot), Amount::ZERO);
    assert_eq!(
        stage.fault(|ledger, to| ledger.merge(&whole, slot, order_slot, to)),
        other(slot, Some(whole.request_id))
    );
}

#[test]
fn the_same_order_reserved_for_twice_is_found_by_the_check() {
    let mut stage = Stage::new();
    stage.fund(ALICE, "USDT", "10");
    let r = reserve(1, ALICE, "USDT", "BTC", "1");
    stage.reserve(&r).unwrap();
    stage.ledger.reserve(&r, &mut ()).unwrap();
    let twice = LedgerFault::BadSnapshot {
        records: "reservations",
        index: 1,
    };
    assert_eq!(stage.ledger.check(), Err(twice));
}

#[test]
fn a_refused_amendments_reservation_is_given_back_whole() {
    let mut stage = Stage::new();
    stage.fund(ALICE, "USDT", "150");
    let request_id = Some(RequestId::from_u128(11));
    let order_slot = stage.reserve(&reserve(1, ALICE, "USDT", "BTC", "100")).unwrap();
    let more = Reserve {
        request_id,
        ..reserve(1, ALICE, "USDT", "BTC", "50")
    };
    let slot = stage.reserve(&more).unwrap();
    let back = Release {
        request_id,
        ..release(1, ALICE, "USDT", "50", true)
    };
    let other = LedgerFault::OtherReservation {
        slot: order_slot,
        order_id: order(1),
        request_id,
    };
    assert_eq!(
        stage.fault(|ledger, to| ledger.release(&back, order_slot, to)),
        other
    );
    stage.release(&back, slot).unwrap();
    assert!(
        stage
            .postings
            .iter()
            .all(|line| line.reference == Reference::Amendment(more.request_id.unwrap()))
    );
    stage.assert_has(ALICE, "USDT", "50", "100");
    let gone = LedgerFault::OtherReservation {
        slot,
        order_id: order(1),
        request_id,
    };
    assert_eq!(stage.fault(|ledger, to| ledger.release(&back, slot, to)), gone);
}
