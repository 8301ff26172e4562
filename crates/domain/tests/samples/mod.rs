//! One value of every kind, and of every form that a kind can take, under a name.

pub mod operators;

use std::sync::Arc;

use domain::{
    Amend, Amount, Cancel, CancelAll, CancelReason, Command, DefineMarket, Event, ExpireReason, FeeRate,
    InstitutionId, Lots, MarketEvent, MarketNumber, MarketState, Merge, MoneyInstruction, Order, OrderId,
    OrderRef, OrderState, Place, Progress, RejectReason, Release, RequestId, Reserve, Selection,
    SelfTradePrevention, SetMarketState, Settle, SettleLeg, Side, Size, Stamp, Terms, TimeInForce, Trade,
    TradeId, TradeSide, Transfer, TransferKind, UserId,
};

use crate::venue::{amount, btc_usdt, limit, market_order, price, quantity};

const MARKET: MarketNumber = MarketNumber(1);
const ALICE: UserId = UserId::from_u128(0xA11CE);
const BOB: UserId = UserId::from_u128(0xB0B);

fn at(seconds: u64) -> Stamp {
    Stamp::from_micros(1_790_000_000_000_000 + seconds * 1_000_000)
}

fn order_id(sequence: u64) -> OrderId {
    OrderId::at(at(0), sequence)
}

fn place(terms: Terms) -> Place {
    Place {
        order_id: order_id(1),
        user_id: ALICE,
        institution_id: None,
        market: MARKET,
        side: Side::Buy,
        terms,
        time_in_force: TimeInForce::Gtc,
        self_trade_prevention: SelfTradePrevention::ExpireTaker,
        client_order_id: None,
        received_at: at(0),
        deadline: None,
        protection_price: None,
    }
}

fn full_place() -> Place {
    let terms = Terms::Limit {
        price: price(5_000_000),
        quantity: quantity(500_000),
        display: Some(quantity(100_000)),
        post_only: true,
    };
    Place {
        institution_id: Some(InstitutionId::from_u128(0x1257)),
        side: Side::Sell,
        time_in_force: TimeInForce::Gtd(at(3_600)),
        self_trade_prevention: SelfTradePrevention::Decrement,
        client_order_id: Some("my-order.1".parse().unwrap()),
        deadline: Some(at(10)),
        ..place(terms)
    }
}

fn places() -> Vec<(&'static str, Place)> {
    let size = Size::Quantity(quantity(500_000));
    let protection_price = Some(price(5_500_000));
    let stop = Terms::Stop {
        stop_price: price(5_100_000),
        size,
    };
    let stop_limit = Terms::StopLimit {
        stop_price: price(5_100_000),
        price: price(5_200_000),
        quantity: quantity(500_000),
        display: None,
    };
    let by_budget = Terms::Market {
        size: Size::Budget(amount("1000")),
    };
    let with = |terms, time_in_force| Place {
        time_in_force,
        protection_price,
        ..place(terms)
    };
    vec![
        ("place-limit", place(limit(5_000_000, 500_000))),
        ("place-limit-with-all-options", full_place()),
        ("place-market", with(market_order(500_000), TimeInForce::Ioc)),
        ("place-market-by-budget", with(by_budget, TimeInForce::Fok)),
        ("place-stop", with(stop, TimeInForce::Day)),
        ("place-stop-limit", place(stop_limit)),
    ]
}

pub fn commands() -> Vec<(&'static str, Command)> {
    let transfer = Transfer {
        kind: TransferKind::Deposit,
        key: "deposit:1".parse().unwrap(),
        user_id: ALICE,
        asset: btc_usdt().symbol.quote,
        amount: amount("1000.5"),
    };
    let withdrawal = Transfer {
        kind: TransferKind::Withdrawal,
        ..transfer.clone()
    };
    let amend = Amend {
        request_id: RequestId::at(at(1), 2),
        user_id: ALICE,
        order: OrderRef::Id(order_id(1)),
        price: Some(price(4_900_000)),
        quantity: None,
    };
    let amend_quantity = Amend {
        order: OrderRef::Client("my-order.1".parse().unwrap()),
        price: None,
        quantity: Some(quantity(400_000)),
        ..amend.clone()
    };
    let cancel = |order| {
        Command::Cancel(Cancel {
            user_id: ALICE,
            order,
        })
    };
    let everything = CancelAll {
        selection: Selection::default(),
        by_operator: true,
    };
    let own_bids = CancelAll {
        selection: Selection {
            user_id: Some(ALICE),
            market: Some(MARKET),
            side: Some(Side::Buy),
        },
        by_operator: false,
    };
    let define = DefineMarket {
        definition: btc_usdt(),
    };
    let halt = SetMarketState {
        market: MARKET,
        state: MarketState::Halted,
    };
    let mut commands = vec![
        ("define-market", Command::DefineMarket(define)),
        ("set-market-state", Command::SetMarketState(halt)),
    ];
    commands.extend(
        places()
            .into_iter()
            .map(|(name, place)| (name, Command::Place(place))),
    );
    commands.extend([
        ("cancel-by-id", cancel(OrderRef::Id(order_id(1)))),
        (
            "cancel-by-client-order-id",
            cancel(OrderRef::Client("my-order.1".parse().unwrap())),
        ),
        ("amend-price", Command::Amend(amend)),
        ("amend-quantity", Command::Amend(amend_quantity)),
        ("cancel-all-by-operator", Command::CancelAll(everything)),
        ("cancel-all-own-bids", Command::CancelAll(own_bids)),
        ("deposit", Command::Transfer(transfer)),
        ("withdrawal", Command::Transfer(withdrawal)),
        ("tick", Command::Tick),
    ]);
    commands.extend(operators::commands());
    commands
}

fn order(state: OrderState) -> Order {
    let Progress { filled, .. } = state.progress();
    Order {
        order_id: order_id(1),
        user_id: ALICE,
        institution_id: Some(InstitutionId::from_u128(0x1257)),
        market: MARKET,
        side: Side::Buy,
        terms: limit(5_000_000, 500_000),
        time_in_force: TimeInForce::Gtc,
        self_trade_prevention: SelfTradePrevention::ExpireTaker,
        client_order_id: Some("my-order.1".parse().unwrap()),
        quantity: Lots(500_000),
        protection_price: None,
        state,
        filled_notional: Amount(filled.0 * 5_000_000),
        fee: Amount(filled.0 / 10),
        maker_fee: FeeRate(100_000),
        taker_fee: FeeRate(100_000),
        deadline: at(60),
        expires_at: None,
        created_at: at(0),
        updated_at: at(5),
        triggered_at: None,
        ended_at: state.is_final().then_some(at(5)),
    }
}

fn triggered_stop() -> Order {
    Order {
        terms: Terms::Stop {
            stop_price: price(5_100_000),
            size: Size::Budget(amount("1000")),
        },
        time_in_force: TimeInForce::Day,
        client_order_id: None,
        protection_price: Some(price(5_610_000)),
        expires_at: Some(at(0).next_midnight()),
        triggered_at: Some(at(4)),
        ..order(OrderState::Expired(
            Progress {
                remaining: Lots(400_000),
                filled: Lots(100_000),
                prevented: Lots::ZERO,
            },
            ExpireReason::Immediate,
        ))
    }
}

fn trade() -> Trade {
    let party = |sequence, user_id, fee, remaining| TradeSide {
        order_id: order_id(sequence),
        user_id,
        fee: amount(fee),
        remaining: Lots(remaining),
    };
    Trade {
        trade_id: TradeId::at(at(5), MARKET, 1),
        market: MARKET,
        number: 1,
        price: price(5_000_000),
        quantity: quantity(500_000),
        buyer: party(1, ALICE, "0.0005", 0),
        seller: party(2, BOB, "25", 10),
        maker_side: Side::Sell,
        executed_at: at(5),
    }
}

pub fn events() -> Vec<(&'static str, MarketEvent)> {
    let lots = |remaining, filled, prevented| Progress {
        remaining: Lots(remaining),
        filled: Lots(filled),
        prevented: Lots(prevented),
    };
    let closed = |state| Event::OrderClosed(Arc::new(order(state)));
    let level = |side, lots| Event::Level {
        side,
        price: price(5_000_000),
        quantity: Lots(lots),
    };
    let triggered = Event::OrderTriggered {
        order_id: order_id(1),
        user_id: ALICE,
        last_price: price(5_100_000),
    };
    let prevented = Event::OrderPrevented {
        order_id: order_id(1),
        user_id: ALICE,
        quantity: quantity(100_000),
        remaining: Lots(400_000),
    };
    let events = [
        ("market-defined", Event::MarketDefined(Box::new(btc_usdt()))),
        (
            "market-state-changed",
            Event::MarketStateChanged(MarketState::CancelOnly),
        ),
        (
            "order-accepted",
            Event::OrderAccepted(Arc::new(order(OrderState::Open(lots(500_000, 0, 0))))),
        ),
        ("order-triggered", triggered),
        ("trade", Event::Trade(Box::new(trade()))),
        ("order-prevented", prevented),
        (
            "order-amended",
            Event::OrderAmended(Arc::new(order(OrderState::Open(lots(300_000, 200_000, 0))))),
        ),
        ("order-filled", closed(OrderState::Filled(lots(0, 500_000, 0)))),
        (
            "order-cancelled",
            closed(OrderState::Cancelled(
                lots(0, 400_000, 100_000),
                CancelReason::SelfTrade,
            )),
        ),
        ("order-expired", Event::OrderClosed(Arc::new(triggered_stop()))),
        (
            "order-rejected",
            closed(OrderState::Rejected(RejectReason::InsufficientBalance)),
        ),
        ("level", level(Side::Buy, 700_000)),
        ("level-gone", level(Side::Sell, 0)),
        (
            "order-cancelled-by-switch",
            closed(OrderState::Cancelled(
                lots(0, 400_000, 0),
                CancelReason::DeadMansSwitch,
            )),
        ),
        (
            "order-cancelled-at-disconnect",
            closed(OrderState::Cancelled(lots(0, 0, 0), CancelReason::Disconnected)),
        ),
    ];
    let in_sequence = |(seq, (name, event)): (u64, (&'static str, Event))| {
        let market_event = MarketEvent {
            market: MARKET,
            seq,
            at: at(5),
            event,
        };
        (name, market_event)
    };
    (1..).zip(events).map(in_sequence).collect()
}

pub fn money() -> Vec<(&'static str, MoneyInstruction)> {
    let symbol = btc_usdt().symbol;
    let request_id = RequestId::at(at(1), 2);
    let reserve = Reserve {
        order_id: order_id(1),
        request_id: None,
        user_id: ALICE,
        asset: symbol.quote,
        receives: symbol.base,
        amount: amount("25100"),
    };
    let for_amendment = Reserve {
        request_id: Some(request_id),
        ..reserve.clone()
    };
    let leg = |sequence, user_id, fee, release| SettleLeg {
        order_id: order_id(sequence),
        user_id,
        fee: amount(fee),
        release: amount(release),
    };
    let settle = Settle {
        trade_id: TradeId::at(at(5), MARKET, 1),
        symbol,
        base: amount("0.5"),
        quote: amount("25000"),
        buyer: leg(1, ALICE, "0.0005", "100"),
        seller: leg(2, BOB, "25", "0"),
    };
    let release = Release {
        order_id: order_id(1),
        request_id: None,
        user_id: ALICE,
        number: 1,
        asset: symbol.quote,
        amount: amount("25100"),
        last: true,
    };
    let of_amendment = Release {
        request_id: Some(request_id),
        ..release
    };
    let merge = Merge {
        request_id,
        order_id: order_id(1),
        user_id: ALICE,
        asset: symbol.quote,
        amount: amount("50"),
    };
    vec![
        ("reserve", MoneyInstruction::Reserve(reserve)),
        ("reserve-for-amendment", MoneyInstruction::Reserve(for_amendment)),
        ("settle", MoneyInstruction::Settle(settle)),
        ("release", MoneyInstruction::Release(release)),
        ("release-of-amendment", MoneyInstruction::Release(of_amendment)),
        ("merge", MoneyInstruction::Merge(merge)),
    ]
}
