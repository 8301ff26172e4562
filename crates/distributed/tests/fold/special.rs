//! What only a shard does: chunks of mass cancels, cut-offs, quarantine, and grants that are too small.

use distributed::fold::{Cutoff, Output, ShardFold};
use distributed::{Funding, PlaceOrder, Quarantined, ShardCommand, Told, ToldRefusal};
use domain::{
    Amend, Amount, CancelReason, DefineMarket, Lots, MarketNumber, MoneyInstruction, OrderId, OrderRef,
    OrderState, Place, Price, Quantity, RejectReason, RequestId, Selection, SelfTradePrevention, Side, Stamp,
    Terms, TimeInForce, UserId,
};
use engine::OwnFees;
use uuid::Uuid;
use wallet_client::UserBalance;

use crate::wishes::{definition, user};

const NOW: Stamp = Stamp::from_micros(1_790_000_000_000_000);

fn shard() -> ShardFold {
    let mut fold = ShardFold::new(3);
    let mut definition = definition(0);
    definition.max_open_orders = 1_000_000;
    let define = ShardCommand::DefineMarket(Box::new(DefineMarket { definition }));
    let mut out = Output::default();
    assert_eq!(fold.apply(NOW, &define, 0, &mut out).told, Some(Told::Done));
    fold.changes(&out);
    fold
}

fn granted(user_id: UserId, amount: u64) -> Funding {
    let balance = UserBalance {
        user_id,
        asset: "USD".parse().unwrap(),
        available: Amount::ZERO,
        reserved: Amount(amount),
        version: 1,
    };
    Funding::Granted {
        amount: Amount(amount),
        balance,
    }
}

/// A buy of one lot at this price; it needs 1,000 units a tick.
fn buy(number: u64, price: u32, granted_units: u64) -> PlaceOrder {
    PlaceOrder {
        place: Place {
            order_id: OrderId::at(NOW, number),
            user_id: user((number % 2) as u8),
            institution_id: None,
            market: MarketNumber(0),
            side: Side::Buy,
            terms: Terms::Limit {
                price: Price::from_ticks(price).unwrap(),
                quantity: Quantity::from_lots(Lots(1)).unwrap(),
                display: None,
                post_only: false,
            },
            time_in_force: TimeInForce::Gtc,
            self_trade_prevention: SelfTradePrevention::None,
            client_order_id: None,
            received_at: NOW,
            deadline: None,
            protection_price: None,
        },
        fees: OwnFees::default(),
        funding: granted(user((number % 2) as u8), granted_units),
    }
}

fn place(order: &PlaceOrder) -> ShardCommand {
    ShardCommand::Place(Box::new(order.clone()))
}

/// Applies one command as a batch of its own.
fn apply(fold: &mut ShardFold, command: &ShardCommand) -> (Told, Output) {
    let mut out = Output::default();
    let applied = fold.apply(NOW, command, 0, &mut out);
    fold.changes(&out);
    (applied.told.unwrap(), out)
}

fn state_of(told: &Told) -> OrderState {
    match told {
        Told::Placed(order) => order.state,
        other => panic!("{other:?}"),
    }
}

/// What all releases come to.
fn released(out: &Output) -> u64 {
    let release = |one: &MoneyInstruction| match one {
        MoneyInstruction::Release(release) => release.amount.0,
        _ => 0,
    };
    out.money.iter().map(release).sum()
}

fn cancel_all(user_id: Option<UserId>, received_before: Stamp) -> ShardCommand {
    ShardCommand::CancelAll {
        selection: Selection {
            user_id,
            ..Selection::default()
        },
        reason: CancelReason::DeadMansSwitch,
        by_operator: true,
        received_before,
    }
}

#[test]
fn a_mass_cancel_goes_in_steps_of_a_thousand_and_tells_their_sum_at_the_end() {
    let mut fold = shard();
    for number in 0..2_500 {
        apply(&mut fold, &place(&buy(number, 90, 90_000)));
    }
    let (all, mut done, mut steps) = (cancel_all(None, NOW), 0, Vec::new());
    loop {
        let mut out = Output::default();
        let applied = fold.apply(NOW, &all, done, &mut out);
        let changes = fold.changes(&out);
        assert_eq!(changes.orders.len() as u64, applied.cancelled);
        done += applied.cancelled;
        steps.push(applied.cancelled);
        if let Some(told) = applied.told {
            assert_eq!(told, Told::CancelledAll(2_500));
            break;
        }
        fold.engine().check().unwrap();
    }
    assert_eq!(steps, [1_000, 1_000, 500]);
    assert_eq!(fold.engine().live_orders(), 0);
}

#[test]
fn a_mass_cancel_of_exactly_a_thousand_is_told_at_once() {
    let mut fold = shard();
    for number in 0..1_000 {
        apply(&mut fold, &place(&buy(number, 90, 90_000)));
    }
    let (told, _) = apply(&mut fold, &cancel_all(None, NOW));
    assert_eq!(told, Told::CancelledAll(1_000));
}

#[test]
fn an_order_that_was_received_before_a_mass_cancel_ends_though_it_comes_later() {
    let mut fold = shard();
    let moment = NOW.plus_micros(1);
    let (told, _) = apply(&mut fold, &cancel_all(Some(user(0)), moment));
    assert_eq!(told, Told::CancelledAll(0));
    let (told, out) = apply(&mut fold, &place(&buy(2, 90, 90_000)));
    let OrderState::Cancelled(progress, CancelReason::DeadMansSwitch) = state_of(&told) else {
        panic!("{told:?}");
    };
    assert_eq!((progress.remaining, released(&out)), (Lots(1), 90_000));
    let (told, _) = apply(&mut fold, &place(&buy(3, 90, 90_000)));
    assert!(
        matches!(state_of(&told), OrderState::Open(_)),
        "another user's: {told:?}"
    );
    let mut later = buy(4, 90, 90_000);
    later.place.received_at = moment;
    let (told, _) = apply(&mut fold, &place(&later));
    assert!(
        matches!(state_of(&told), OrderState::Open(_)),
        "not before: {told:?}"
    );
}

#[test]
fn cutoffs_hold_over_a_restart() {
    let mut fold = shard();
    let cutoff = Cutoff {
        selection: Selection {
            side: Some(Side::Buy),
            ..Selection::default()
        },
        reason: CancelReason::Disconnected,
        received_before: NOW.plus_micros(1),
    };
    let rows = distributed::fold::ShardRows {
        last_rank: 0,
        last: NOW,
        markets: vec![fold.engine().live_market(MarketNumber(0)).unwrap()],
        orders: Vec::new(),
        cutoffs: vec![cutoff],
    };
    fold = ShardFold::load(rows, 1).unwrap();
    let (told, _) = apply(&mut fold, &place(&buy(2, 90, 90_000)));
    assert!(matches!(
        state_of(&told),
        OrderState::Cancelled(_, CancelReason::Disconnected)
    ));
}

#[test]
fn a_quarantined_placement_is_rejected_and_its_funds_come_back() {
    let mut fold = shard();
    let order = buy(1, 90, 90_000);
    let what = Quarantined {
        command_id: Uuid::from_u128(1),
        order_id: Some(order.place.order_id),
    };
    let command = ShardCommand::Quarantine {
        what,
        command: Some(Box::new(place(&order))),
    };
    let (told, out) = apply(&mut fold, &command);
    assert_eq!(state_of(&told), OrderState::Rejected(RejectReason::Quarantined));
    assert_eq!((released(&out), out.money.len()), (90_000, 1));
    let unreadable = ShardCommand::Quarantine { what, command: None };
    let (told, out) = apply(&mut fold, &unreadable);
    assert_eq!(told, Told::Refused(ToldRefusal::Quarantined));
    assert_eq!(out.unplaceable, [order.place.order_id]);
}

#[test]
fn a_quarantined_amendment_gives_its_funds_back() {
    let mut fold = shard();
    apply(&mut fold, &place(&buy(1, 90, 90_000)));
    let command = ShardCommand::Quarantine {
        what: Quarantined {
            command_id: Uuid::from_u128(1),
            order_id: None,
        },
        command: Some(Box::new(amend(1, 95, granted(user(1), 5_000)))),
    };
    let (told, out) = apply(&mut fold, &command);
    assert_eq!(told, Told::Refused(ToldRefusal::Quarantined));
    let [MoneyInstruction::Release(release)] = out.money[..] else {
        panic!("{:?}", out.money);
    };
    assert_eq!(
        (release.request_id, release.amount),
        (Some(RequestId::from_u128(7)), Amount(5_000))
    );
}

fn amend(number: u64, price: u32, funding: Funding) -> ShardCommand {
    ShardCommand::Amend {
        amend: Amend {
            request_id: RequestId::from_u128(7),
            user_id: user((number % 2) as u8),
            order: OrderRef::Id(OrderId::at(NOW, number)),
            price: Price::from_ticks(price),
            quantity: None,
        },
        market: MarketNumber(0),
        received_at: NOW,
        funding,
    }
}

#[test]
fn an_amendment_whose_grant_is_too_small_by_now_is_to_be_asked_again() {
    let mut fold = shard();
    apply(&mut fold, &place(&buy(1, 90, 90_000)));
    for funding in [granted(user(1), 4_999), Funding::None] {
        let (told, out) = apply(&mut fold, &amend(1, 95, funding));
        assert_eq!(told, Told::Refused(ToldRefusal::AmendmentOutdated));
        let expected = if funding == Funding::None { 0 } else { 4_999 };
        assert_eq!(released(&out), expected);
    }
    let (told, out) = apply(&mut fold, &amend(1, 95, Funding::Refused));
    let expected = ToldRefusal::Amendment(RejectReason::InsufficientBalance);
    assert_eq!((told, released(&out)), (Told::Refused(expected), 0));
}

#[test]
fn an_order_for_which_nobody_asked_the_wallet_is_turned_away_or_is_to_come_again_with_its_funds() {
    let mut fold = shard();
    let not_asked = |number, price| PlaceOrder {
        funding: Funding::NotAsked,
        ..buy(number, price, 0)
    };
    let too_high = fold
        .engine()
        .market(MarketNumber(0))
        .unwrap()
        .definition()
        .max_price
        .ticks()
        + 1;
    let (told, out) = apply(&mut fold, &place(&not_asked(1, too_high)));
    assert_eq!(state_of(&told), OrderState::Rejected(RejectReason::PriceTooHigh));
    assert!(out.money.is_empty(), "{:?}", out.money);

    let before = fold.digest();
    let (told, out) = apply(&mut fold, &place(&not_asked(2, 90)));
    assert_eq!(told, Told::Refused(ToldRefusal::Unfunded));
    assert_eq!((out.events.len(), out.money.len(), fold.digest()), (0, 0, before));
    let (told, out) = apply(&mut fold, &place(&buy(2, 90, 90_000)));
    assert!(matches!(state_of(&told), OrderState::Open(_)), "{told:?}");
    assert_eq!(out.unplaceable, []);

    let elsewhere = PlaceOrder {
        place: Place {
            market: MarketNumber(9),
            ..not_asked(3, 90).place
        },
        ..not_asked(3, 90)
    };
    let (told, out) = apply(&mut fold, &place(&elsewhere));
    assert_eq!(told, Told::Refused(ToldRefusal::Unfunded), "nobody can tell");
    assert_eq!(out.unplaceable, []);
}

#[test]
fn the_same_amendment_twice_is_done_once() {
    let mut fold = shard();
    apply(&mut fold, &place(&buy(1, 90, 90_000)));
    let command = amend(1, 95, granted(user(1), 5_000));
    let (told, _) = apply(&mut fold, &command);
    assert!(matches!(told, Told::Amended(_)), "{told:?}");
    let (told, out) = apply(&mut fold, &command);
    assert_eq!(
        (told, out.money),
        (Told::Refused(ToldRefusal::Repeated), Vec::new())
    );
}

#[test]
fn a_placement_that_comes_twice_is_done_once() {
    let mut fold = shard();
    let command = place(&buy(1, 90, 90_000));
    apply(&mut fold, &command);
    let (told, out) = apply(&mut fold, &command);
    assert_eq!(told, Told::Refused(ToldRefusal::Repeated));
    assert_eq!((out.events, out.money), (Vec::new(), Vec::new()));
}

#[test]
fn a_placement_with_too_small_a_grant_is_rejected_and_gets_it_back() {
    let mut fold = shard();
    let (told, out) = apply(&mut fold, &place(&buy(1, 90, 89_999)));
    assert_eq!(
        state_of(&told),
        OrderState::Rejected(RejectReason::InsufficientBalance)
    );
    assert_eq!(released(&out), 89_999);
}

#[test]
fn a_placement_in_an_unknown_market_gets_its_funds_back_and_its_row_is_named() {
    let mut fold = shard();
    let mut order = buy(1, 90, 90_000);
    order.place.market = MarketNumber(77);
    let (told, out) = apply(&mut fold, &place(&order));
    assert_eq!(told, Told::Refused(ToldRefusal::UnknownMarket));
    assert_eq!(
        (released(&out), out.unplaceable),
        (90_000, vec![order.place.order_id])
    );
}

#[test]
fn a_placement_of_no_shape_is_rejected_and_told_why() {
    let mut fold = shard();
    let mut order = buy(1, 90, 90_000);
    order.place.time_in_force = TimeInForce::Ioc;
    order.place.terms = Terms::Limit {
        price: Price::ONE_TICK,
        quantity: Quantity::from_lots(Lots(1)).unwrap(),
        display: None,
        post_only: true,
    };
    let (told, out) = apply(&mut fold, &place(&order));
    assert!(
        matches!(told, Told::Refused(ToldRefusal::Invalid { .. })),
        "{told:?}"
    );
    assert_eq!((released(&out), out.events.len()), (90_000, 1));
}
