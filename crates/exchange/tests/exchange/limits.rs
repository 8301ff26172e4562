//! What is kept is bounded, and the oldest goes first: ended orders, client ids, trades.

use domain::{
    Amount, Command, DefineMarket, Lots, MarketNumber, OrderId, Outcome, Place, Price, Quantity,
    SelfTradePrevention, Side, Stamp, Terms, TimeInForce, Transfer, TransferKind, UserId,
};
use engine::CLIENT_IDS_PER_USER;
use exchange::{ENDED_ORDERS, Exchange, Output, RECENT_TRADES};

use crate::script::definition;

const NOW: Stamp = Stamp::from_micros(1_728_000_000_000_000);

struct Desk {
    exchange: Exchange,
    out: Output,
    orders: u128,
}

impl Desk {
    fn new() -> Self {
        let mut desk = Self {
            exchange: Exchange::new(1),
            out: Output::default(),
            orders: 0,
        };
        let definition = definition(0, "ABC/USD");
        desk.apply(&Command::DefineMarket(DefineMarket { definition }));
        desk
    }

    fn apply(&mut self, command: &Command) -> Outcome {
        self.out.events.clear();
        self.exchange.apply(NOW, command, &mut self.out)
    }

    /// A limit order at 100, fill-or-kill or not.
    fn place(&mut self, user: u128, side: Side, client_id: Option<String>, life: TimeInForce) -> Outcome {
        self.orders += 1;
        let place = Place {
            order_id: OrderId::from_u128(self.orders),
            user_id: UserId::from_u128(user),
            institution_id: None,
            market: MarketNumber(0),
            side,
            terms: Terms::Limit {
                price: Price::from_ticks(100).unwrap(),
                quantity: Quantity::from_lots(Lots(1)).unwrap(),
                display: None,
                post_only: false,
            },
            time_in_force: life,
            self_trade_prevention: SelfTradePrevention::None,
            client_order_id: client_id.map(|id| id.parse().unwrap()),
            received_at: NOW,
            deadline: None,
            protection_price: None,
        };
        self.apply(&Command::Place(place))
    }
}

#[test]
fn ended_orders_and_client_ids_are_kept_up_to_their_limits() {
    let mut desk = Desk::new();
    // another user's order that will be forgotten, and its client id, which will not
    desk.place(2, Side::Buy, Some("mine".to_owned()), TimeInForce::Fok);
    let limit = CLIENT_IDS_PER_USER.max(ENDED_ORDERS);
    for number in 1..=limit {
        desk.place(1, Side::Buy, Some(format!("id-{number}")), TimeInForce::Fok);
    }
    let forgotten = OrderId::from_u128(1);
    assert_eq!(desk.exchange.order(forgotten), None);
    let again = desk.place(2, Side::Buy, Some("mine".to_owned()), TimeInForce::Fok);
    assert_eq!(again, Outcome::RepeatedLongAgo(forgotten));
    // the user with the most ids keeps them all until one more order ends
    let again = desk.place(1, Side::Buy, Some("id-1".to_owned()), TimeInForce::Fok);
    assert_eq!(again, Outcome::RepeatedLongAgo(OrderId::from_u128(2)));
    desk.place(1, Side::Buy, None, TimeInForce::Fok);
    desk.place(1, Side::Buy, Some("one-more".to_owned()), TimeInForce::Fok);
    let anew = desk.place(1, Side::Buy, Some("id-1".to_owned()), TimeInForce::Fok);
    assert!(
        matches!(anew, Outcome::Placed(_)),
        "the oldest id was forgotten: {anew:?}"
    );
    let again = desk.place(1, Side::Buy, Some("id-3".to_owned()), TimeInForce::Fok);
    assert!(
        !matches!(again, Outcome::Placed(_)),
        "a later one was not: {again:?}"
    );
    // a restored exchange has kept the same
    let bytes = desk.exchange.snapshot().unwrap();
    assert_eq!(Exchange::restore(&bytes, 9).unwrap().snapshot().unwrap(), bytes);
}

#[test]
fn the_last_trades_are_kept_up_to_their_limit() {
    let mut desk = Desk::new();
    for (user, asset) in [(1, "ABC"), (2, "USD")] {
        desk.apply(&Command::Transfer(Transfer {
            kind: TransferKind::Deposit,
            key: asset.parse().unwrap(),
            user_id: UserId::from_u128(user),
            asset: asset.parse().unwrap(),
            amount: Amount(1_000_000 * 100_000_000),
        }));
    }
    for _ in 0..=RECENT_TRADES {
        desk.place(1, Side::Sell, None, TimeInForce::Gtc);
        desk.place(2, Side::Buy, None, TimeInForce::Gtc);
    }
    let numbers: Vec<u64> = desk
        .exchange
        .trades(MarketNumber(0))
        .map(|trade| trade.number)
        .collect();
    let most = RECENT_TRADES as u64;
    assert_eq!(numbers, (2..=most + 1).rev().collect::<Vec<_>>());
    let ended = desk.exchange.ended_orders_of(UserId::from_u128(2)).count();
    assert_eq!(ended, RECENT_TRADES + 1);
    desk.exchange.check().unwrap();
}
