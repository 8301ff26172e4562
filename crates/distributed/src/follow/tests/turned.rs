//! What a gateway guesses of new orders by what it has followed: the same as the shard that it follows.

use domain::{
    Amount, DefineMarket, Lots, MarketNumber, MarketState, OrderId, Place, Price, Quantity,
    SelfTradePrevention, SetMarketState, Side, Size, Stamp, Terms, TimeInForce, UserId,
};
use engine::OwnFees;
use persistence::postgres::views::{LiveCount, MarketRow, Outset};
use wallet_client::UserBalance;

use super::super::board::Board;
use super::writer::definition;
use crate::encoding::encode;
use crate::fold::{Output, ShardFold};
use crate::{Batch, Funding, PlaceOrder, ShardCommand, Told};

const NOW: Stamp = Stamp::from_micros(1_790_000_000_000_000);
const ALICE: UserId = UserId::from_u128(1);
const BOB: UserId = UserId::from_u128(2);

fn price(ticks: u32) -> Price {
    Price::from_ticks(ticks).unwrap()
}

fn one_lot() -> Quantity {
    Quantity::from_lots(Lots(1)).unwrap()
}

fn limit(user_id: UserId, side: Side, at: u32) -> Place {
    Place {
        order_id: OrderId::at(NOW, u64::MAX),
        user_id,
        institution_id: None,
        market: MarketNumber(1),
        side,
        terms: Terms::Limit {
            price: price(at),
            quantity: one_lot(),
            display: None,
            post_only: false,
        },
        time_in_force: TimeInForce::Gtc,
        self_trade_prevention: SelfTradePrevention::None,
        client_order_id: None,
        received_at: NOW,
        deadline: None,
        protection_price: None,
    }
}

/// A shard of two markets with at most three orders a user, and a gateway that follows it.
struct House {
    fold: ShardFold,
    board: Board,
    seq: u64,
}

impl House {
    fn new() -> Self {
        let mut house = Self {
            fold: ShardFold::new(3),
            board: Board::new(16),
            seq: 0,
        };
        for number in [1, 2] {
            let mut definition = definition(number);
            definition.max_open_orders = 3;
            definition.limit_band = Some(domain::Band(1_000));
            house.apply(&ShardCommand::DefineMarket(Box::new(DefineMarket { definition })));
        }
        house
    }

    fn apply(&mut self, command: &ShardCommand) -> Told {
        let mut out = Output::default();
        let applied = self.fold.apply(NOW, command, 0, &mut out);
        self.seq += 1;
        self.board.take(&Batch {
            shard: 0,
            seq: self.seq,
            epoch: 1,
            entries: Vec::new(),
            events: out.events,
            money: Vec::new(),
            digest: 0,
            traces: Vec::new(),
        });
        applied.told.unwrap()
    }

    /// Places an order that has its funds; its id.
    fn place(&mut self, mut place: Place) -> OrderId {
        place.order_id = OrderId::at(NOW, self.seq);
        let asset = match place.side {
            Side::Buy => "USDT".to_owned(),
            Side::Sell => format!("B{}", place.market.0),
        };
        let amount = Amount(match place.side {
            Side::Buy => 100_000_000 * u64::from(place.terms.price().unwrap().ticks()),
            Side::Sell => 100_000_000,
        });
        let balance = UserBalance {
            user_id: place.user_id,
            asset: asset.parse().unwrap(),
            available: Amount::ZERO,
            reserved: amount,
            version: 1,
        };
        let id = place.order_id;
        let order = PlaceOrder {
            place,
            fees: OwnFees::default(),
            funding: Funding::Granted { amount, balance },
        };
        let told = self.apply(&ShardCommand::Place(Box::new(order)));
        assert!(matches!(told, Told::Placed(_)), "{told:?}");
        id
    }

    fn cancel(&mut self, user_id: UserId, order_id: OrderId) {
        self.apply(&ShardCommand::Cancel {
            user_id,
            order_id,
            market: MarketNumber(1),
            received_at: NOW,
        });
    }

    fn set_state(&mut self, state: MarketState) {
        let market = MarketNumber(1);
        self.apply(&ShardCommand::SetMarketState(SetMarketState { market, state }));
    }

    /// What the gateway guesses, and that it is what the shard says.
    fn turns_away(&self, place: &Place) -> bool {
        let guess = self.board.turns_away(place, NOW).is_some();
        assert_eq!(guess, self.fold.engine().turns_away(NOW, place), "{place:?}");
        guess
    }
}

fn stop(side: Side, at: u32) -> Place {
    Place {
        terms: Terms::Stop {
            stop_price: price(at),
            size: Size::Quantity(one_lot()),
        },
        ..limit(ALICE, side, at)
    }
}

#[test]
fn a_gateway_guesses_what_its_shard_says_of_limits_bands_and_triggers() {
    let mut house = House::new();
    let table =
        |house: &House| [90, 91, 109, 110, 111].map(|at| house.turns_away(&limit(ALICE, Side::Buy, at)));
    assert_eq!(
        table(&house),
        [false, false, false, false, true],
        "around the initial price"
    );
    house.place(limit(ALICE, Side::Sell, 110));
    assert_eq!(table(&house), [false, false, false, false, true], "no trade yet");
    house.place(limit(BOB, Side::Buy, 110));
    assert_eq!(
        table(&house),
        [true, true, false, false, false],
        "around the last price"
    );
    for (order, expected) in [
        (stop(Side::Buy, 110), true),
        (stop(Side::Buy, 111), false),
        (stop(Side::Sell, 110), true),
        (stop(Side::Sell, 109), false),
    ] {
        assert_eq!(house.turns_away(&order), expected, "{order:?}");
    }
    let late = Place {
        deadline: Some(Stamp::from_micros(NOW.micros() - 1)),
        ..limit(ALICE, Side::Buy, 100)
    };
    let over = Place {
        time_in_force: TimeInForce::Gtd(NOW),
        ..limit(ALICE, Side::Buy, 100)
    };
    assert!(house.turns_away(&late) && house.turns_away(&over));
    let elsewhere = Place {
        market: MarketNumber(9),
        ..limit(ALICE, Side::Buy, 100)
    };
    assert!(!house.turns_away(&elsewhere), "nobody can tell");
}

#[test]
fn a_gateway_guesses_what_its_shard_says_in_every_state_of_the_market() {
    let mut house = House::new();
    house.place(limit(BOB, Side::Sell, 105));
    house.place(limit(BOB, Side::Buy, 95));
    for (state, takes, rests) in [
        (MarketState::Open, false, false),
        (MarketState::PostOnly, true, false),
        (MarketState::CancelOnly, true, true),
        (MarketState::Halted, true, true),
    ] {
        house.set_state(state);
        for (order, expected) in [
            (limit(ALICE, Side::Buy, 105), takes),
            (limit(ALICE, Side::Buy, 104), rests),
            (limit(ALICE, Side::Sell, 95), takes),
            (limit(ALICE, Side::Sell, 96), rests),
        ] {
            assert_eq!(house.turns_away(&order), expected, "{state:?} {order:?}");
        }
    }
}

#[test]
fn a_gateway_counts_the_live_orders_of_a_user_in_all_markets_of_the_shard() {
    let mut house = House::new();
    let (any, bobs) = (limit(ALICE, Side::Buy, 100), limit(BOB, Side::Buy, 100));
    let first = house.place(limit(ALICE, Side::Buy, 99));
    house.place(limit(ALICE, Side::Buy, 98));
    assert!(!house.turns_away(&any));
    // One that never came to life does not count, neither when it comes nor when it goes.
    let killed = Place {
        time_in_force: TimeInForce::Fok,
        ..any.clone()
    };
    house.place(killed);
    assert!(!house.turns_away(&any));
    house.place(Place {
        market: MarketNumber(2),
        ..any.clone()
    });
    assert!(house.turns_away(&any));
    house.place(limit(BOB, Side::Buy, 120));
    assert!(house.turns_away(&any) && !house.turns_away(&bobs));
    house.cancel(ALICE, first);
    assert!(!house.turns_away(&any));
    house.place(limit(ALICE, Side::Buy, 100));
    assert!(house.turns_away(&any));
    house.place(limit(BOB, Side::Sell, 100));
    assert!(!house.turns_away(&any), "it traded away");
}

#[test]
fn a_gateway_begins_with_the_counts_and_the_last_price_of_the_tables() {
    let board = Board::new(16);
    let mut definition = definition(1);
    definition.max_open_orders = 3;
    definition.limit_band = Some(domain::Band(1_000));
    let row = MarketRow {
        number: MarketNumber(1),
        symbol: "B1/USDT".to_owned(),
        definition: encode(&definition).unwrap(),
        shard: 0,
        state: MarketState::Open,
        last_price: Some(120 * 100_000_000),
        event_seq: 7,
    };
    let live = |user_id, count| LiveCount {
        user_id,
        symbol: "B1/USDT".to_owned(),
        count,
    };
    let outset = Outset {
        markets: vec![row],
        live: vec![live(ALICE, 3), live(BOB, 2)],
        ..Outset::default()
    };
    board.begin(&outset).unwrap();
    let guess = |user_id, at| board.turns_away(&limit(user_id, Side::Buy, at), NOW).is_some();
    assert_eq!([guess(ALICE, 120), guess(BOB, 120)], [true, false]);
    assert_eq!(
        [guess(BOB, 107), guess(BOB, 133)],
        [true, true],
        "around the last price"
    );
}
