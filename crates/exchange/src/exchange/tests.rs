//! Several faults of an exchange at once, made by hand: none hides another.
#![allow(clippy::unwrap_used, reason = "tests may panic")]

use domain::{
    AddApiKey, Amount, ApiKey, DefineMarket, FeeRate, KeyMaterial, Lots, MarketDefinition, Price, Quantity,
    SelfTradePrevention, Side, Terms, TimeInForce, TransferKind,
};

use super::*;

const NOW: Stamp = Stamp::from_micros(5_000_000);
const ALICE: UserId = UserId::from_u128(1);

fn definition() -> MarketDefinition {
    MarketDefinition {
        number: MarketNumber(7),
        symbol: "ABC/USD".parse().unwrap(),
        tick: Amount(100_000_000),
        lot: Amount(100_000_000),
        min_quantity: Lots(1),
        max_quantity: Lots(100),
        max_price: Price::from_ticks(1_000).unwrap(),
        min_notional: Amount::ZERO,
        market_band: None,
        limit_band: None,
        initial_price: None,
        maker_fee: FeeRate(0),
        taker_fee: FeeRate(0),
        max_open_orders: 100,
    }
}

fn bid(number: u128, lots: u64) -> Place {
    Place {
        order_id: OrderId::from_u128(number),
        user_id: ALICE,
        institution_id: None,
        market: MarketNumber(7),
        side: Side::Buy,
        terms: Terms::Limit {
            price: Price::from_ticks(90).unwrap(),
            quantity: Quantity::from_lots(Lots(lots)).unwrap(),
            display: None,
            post_only: false,
        },
        time_in_force: TimeInForce::Gtc,
        self_trade_prevention: SelfTradePrevention::ExpireTaker,
        client_order_id: None,
        received_at: NOW,
        deadline: None,
        protection_price: None,
    }
}

fn key() -> ApiKey {
    ApiKey {
        key_id: "k".parse().unwrap(),
        user_id: ALICE,
        institution_id: None,
        label: "desk".to_owned(),
        material: KeyMaterial::Ed25519([1; 32]),
        scope: "trade".to_owned(),
        addresses: Vec::new(),
        created_at: Stamp::FIRST,
        revoked_at: None,
    }
}

/// Alice has money, an API key, and bids of so many lots, numbered from 1.
fn exchange(bids: &[u64]) -> Exchange {
    let mut exchange = Exchange::new(1);
    let deposit = Transfer {
        kind: TransferKind::Deposit,
        key: "first".parse().unwrap(),
        user_id: ALICE,
        asset: "USD".parse().unwrap(),
        amount: Amount(10_000 * 100_000_000),
    };
    let mut commands = vec![
        Command::DefineMarket(DefineMarket {
            definition: definition(),
        }),
        Command::Transfer(deposit),
        Command::AddApiKey(Box::new(AddApiKey { key: key() })),
    ];
    let orders = (1..).zip(bids);
    commands.extend(orders.map(|(number, lots)| Command::Place(bid(number, *lots))));
    for command in &commands {
        exchange.apply(NOW, command, &mut Output::default());
    }
    assert_eq!(exchange.engine.live_orders(), bids.len());
    assert_eq!((exchange.faults(), exchange.check()), (vec![], Ok(())));
    exchange
}

#[test]
fn what_is_wrong_in_one_room_hides_nothing_of_another() {
    let mut exchange = exchange(&[5, 6, 7]);
    // Of the bids, two are held for otherwise, and there is one reservation too many.
    exchange.ledger = self::exchange(&[5, 8, 9, 1]).ledger;
    let held = Fault::Reservation(OrderId::from_u128(2));
    assert_eq!(exchange.faults(), [held.clone(), Fault::Stray]);
    assert_eq!(exchange.check(), Err(held.clone()));
    // A key of the future.
    exchange.last = Stamp::FIRST;
    let register = Fault::Register(RegisterFault::Key("k".parse().unwrap()));
    assert_eq!(exchange.faults(), [register.clone(), held, Fault::Stray]);
    assert_eq!(exchange.check(), Err(register));
}

#[test]
fn a_reservation_that_no_order_needs_is_no_fault_of_an_order() {
    let mut exchange = exchange(&[5]);
    exchange.ledger = self::exchange(&[5, 6]).ledger;
    assert_eq!(exchange.faults(), [Fault::Stray]);
}
