//! Unhappy input: nonsense, extremes and stamps that jump never panic, and everything holds afterwards.

use domain::{
    AddApiKey, Amend, Amount, ApiKey, Band, Cancel, CancelAll, CancelAllAfter, CloseSession, Command,
    DefineMarket, DefineTier, FeeRate, KeyMaterial, Lots, MarketDefinition, MarketNumber, MarketState,
    OpenSession, OrderId, OrderRef, Outcome, Place, Price, Quantity, Refusal, RequestId, RevokeApiKey,
    Selection, SelfTradePrevention, SessionId, SetAccountTier, SetMarketState, Side, Size, Stamp, Symbol,
    Terms, Tier, TimeInForce, Transfer, TransferKind, UserId,
};
use proptest::prelude::*;

use crate::properties::config;
use crate::script::definition;
use crate::venue::{Venue, replay};

const ASSETS: [&str; 4] = ["ABC", "XYZ", "USD", "EUR"];
const USERS: u128 = 3;

/// Numbers where things break.
fn edge() -> BoxedStrategy<u64> {
    prop_oneof![
        3 => 1..20u64,
        1 => Just(0),
        1 => Just(u64::MAX),
        1 => Just(u64::MAX - 1),
        1 => Just(i64::MAX as u64),
        1 => Just(i64::MAX as u64 + 1),
        1 => Just(u64::from(u32::MAX)),
        1 => Just(1 << 32),
        2 => (0..64u32).prop_map(|shift| 1 << shift),
        1 => any::<u64>(),
    ]
    .boxed()
}

fn ticks() -> BoxedStrategy<u32> {
    prop_oneof![
        4 => 1..20u32,
        1 => Just(0),
        1 => Just(u32::MAX),
        1 => Just(u32::MAX - 1),
        1 => (0..32u32).prop_map(|shift| 1 << shift),
        1 => any::<u32>(),
    ]
    .boxed()
}

fn price() -> impl Strategy<Value = Price> {
    ticks().prop_map(|ticks| Price::from_ticks(ticks).unwrap_or(Price::ONE_TICK))
}

fn quantity() -> impl Strategy<Value = Quantity> {
    edge().prop_map(|lots| Quantity::from_lots(Lots(lots.max(1))).unwrap())
}

fn stamp() -> impl Strategy<Value = Stamp> {
    prop_oneof![
        6 => (0..2_000u64).prop_map(|minutes| Stamp::from_micros(1_728_000_000_000_000 + minutes * 60_000_000)),
        1 => Just(Stamp::FIRST),
        1 => edge().prop_map(Stamp::from_micros),
    ]
}

fn market() -> impl Strategy<Value = MarketNumber> {
    prop_oneof![8 => 0..3u32, 1 => any::<u32>()].prop_map(MarketNumber)
}

fn user() -> impl Strategy<Value = UserId> {
    (1..=USERS + 1).prop_map(UserId::from_u128)
}

fn side() -> impl Strategy<Value = Side> {
    proptest::sample::select(Side::ALL)
}

fn size() -> impl Strategy<Value = Size> {
    prop_oneof![
        quantity().prop_map(Size::Quantity),
        edge().prop_map(|units| Size::Budget(Amount(units))),
        (1..5_000_000_000u64).prop_map(|units| Size::Budget(Amount(units))),
    ]
}

fn terms() -> impl Strategy<Value = Terms> {
    let display = || proptest::option::of(quantity());
    prop_oneof![
        4 => (price(), quantity(), display(), any::<bool>()).prop_map(|(price, quantity, display, post_only)| {
            Terms::Limit { price, quantity, display, post_only }
        }),
        4 => (price(), 1..20u64).prop_map(|(price, lots)| {
            let quantity = Quantity::from_lots(Lots(lots)).unwrap();
            Terms::Limit { price, quantity, display: None, post_only: false }
        }),
        2 => size().prop_map(|size| Terms::Market { size }),
        1 => (price(), size()).prop_map(|(stop_price, size)| Terms::Stop { stop_price, size }),
        1 => (price(), price(), quantity(), display()).prop_map(|(stop_price, price, quantity, display)| {
            Terms::StopLimit { stop_price, price, quantity, display }
        }),
    ]
}

fn time_in_force() -> impl Strategy<Value = TimeInForce> {
    prop_oneof![
        4 => Just(TimeInForce::Gtc),
        2 => Just(TimeInForce::Ioc),
        1 => Just(TimeInForce::Fok),
        1 => Just(TimeInForce::Day),
        2 => stamp().prop_map(TimeInForce::Gtd),
    ]
}

fn place() -> impl Strategy<Value = Command> {
    let what = (user(), market(), side(), terms().boxed(), time_in_force().boxed());
    let how = (
        proptest::sample::select(SelfTradePrevention::ALL),
        proptest::option::weighted(0.3, 0..5u8),
        stamp().boxed(),
        proptest::option::weighted(0.9, Just(Stamp::from_micros(u64::MAX))),
        proptest::option::weighted(0.2, price()),
    );
    (what, how).prop_map(|(what, how)| {
        let (user_id, market, side, terms, time_in_force) = what;
        let (self_trade_prevention, client_id, received_at, deadline, protection_price) = how;
        Command::Place(Place {
            order_id: OrderId::from_u128(0),
            user_id,
            institution_id: None,
            market,
            side,
            terms,
            time_in_force,
            self_trade_prevention,
            client_order_id: client_id.map(|id| format!("id-{id}").parse().unwrap()),
            received_at,
            deadline,
            protection_price,
        })
    })
}

fn order_ref() -> impl Strategy<Value = OrderRef> {
    prop_oneof![
        4 => (1..60u128).prop_map(|id| OrderRef::Id(OrderId::from_u128(id))),
        1 => (0..5u8).prop_map(|id| OrderRef::Client(format!("id-{id}").parse().unwrap())),
    ]
}

fn amend() -> impl Strategy<Value = Command> {
    let numbers = (proptest::option::of(price()), proptest::option::of(quantity()));
    (user(), order_ref(), numbers).prop_map(|(user_id, order, (price, quantity))| {
        Command::Amend(Amend {
            request_id: RequestId::from_u128(0),
            user_id,
            order,
            price,
            quantity,
        })
    })
}

fn define() -> impl Strategy<Value = Command> {
    let grid = (
        0..3u32,
        0..3usize,
        0..3usize,
        prop_oneof![8 => Just(0u64), 1 => edge()],
    );
    let limits = (edge(), edge(), price(), edge(), proptest::option::of(price()));
    // Wider bands are another crate's to refuse or to bear.
    let bands = (
        proptest::option::of(0..2_000_000u32),
        proptest::option::of(0..2_000_000u32),
    );
    (grid, limits, bands, ticks(), ticks(), 0..40u32).prop_map(
        |(grid, limits, bands, maker_fee, taker_fee, max_open_orders)| {
            let (number, base, quote, odd) = grid;
            let (min_quantity, max_quantity, max_price, min_notional, initial_price) = limits;
            let grid = if odd == 0 { 100_000_000 } else { odd };
            Command::DefineMarket(DefineMarket {
                definition: MarketDefinition {
                    number: MarketNumber(number),
                    symbol: Symbol {
                        base: ASSETS[base].parse().unwrap(),
                        quote: ASSETS[quote + 1].parse().unwrap(),
                    },
                    tick: Amount(grid),
                    lot: Amount(100_000_000),
                    min_quantity: Lots(min_quantity.min(20)),
                    max_quantity: Lots(max_quantity),
                    max_price,
                    min_notional: Amount(min_notional.min(1 << 40)),
                    market_band: bands.0.map(Band),
                    limit_band: bands.1.map(Band),
                    initial_price: initial_price.map(|price| price.min(max_price)),
                    maker_fee: FeeRate(maker_fee),
                    taker_fee: FeeRate(taker_fee),
                    max_open_orders,
                },
            })
        },
    )
}

fn transfer() -> impl Strategy<Value = Command> {
    let kind = prop_oneof![Just(TransferKind::Deposit), Just(TransferKind::Withdrawal)];
    (kind, user(), 0..4usize, edge(), 0..40u8).prop_map(|(kind, user_id, asset, units, key)| {
        Command::Transfer(Transfer {
            kind,
            key: format!("key-{key}").parse().unwrap(),
            user_id,
            asset: ASSETS[asset].parse().unwrap(),
            amount: Amount(units),
        })
    })
}

fn command() -> impl Strategy<Value = Command> {
    let cancel_all = (
        proptest::option::of(user()),
        proptest::option::of(market()),
        proptest::option::of(side()),
        any::<bool>(),
    );
    prop_oneof![
        20 => place().boxed(),
        4 => amend().boxed(),
        2 => (user(), order_ref()).prop_map(|(user_id, order)| Command::Cancel(Cancel { user_id, order })),
        1 => cancel_all.prop_map(|(user_id, market, side, by_operator)| {
            Command::CancelAll(CancelAll { selection: Selection { user_id, market, side }, by_operator })
        }),
        2 => define().boxed(),
        2 => transfer().boxed(),
        1 => (market(), proptest::sample::select(MarketState::ALL)).prop_map(|(market, state)| {
            Command::SetMarketState(SetMarketState { market, state })
        }),
        1 => Just(Command::Tick),
        2 => silent(),
    ]
}

/// Short texts, many of them the same.
fn text() -> impl Strategy<Value = String> {
    prop_oneof![8 => "[ab]{1,2}", 1 => any::<String>(), 1 => Just("x".repeat(101))]
}

/// Switches, sessions, tiers and keys, with numbers and texts where things break.
fn silent() -> impl Strategy<Value = Command> {
    let name = || (0..4u8).prop_map(|name| format!("name-{name}"));
    let session = || {
        prop_oneof![
            (0..4u128).prop_map(SessionId::from_u128),
            Just(SessionId::from_u128(u128::MAX))
        ]
    };
    let fee = || proptest::option::of(ticks().prop_map(FeeRate));
    let tier = (name(), proptest::option::of(ticks()), fee(), fee());
    let key = (
        name(),
        user(),
        text(),
        text(),
        proptest::collection::vec(text(), 0..40),
    );
    prop_oneof![
        (user(), edge()).prop_map(|(user_id, timeout_micros)| {
            Command::CancelAllAfter(CancelAllAfter {
                user_id,
                timeout_micros,
            })
        }),
        (user(), 0..600_000_000u64).prop_map(|(user_id, timeout_micros)| {
            Command::CancelAllAfter(CancelAllAfter {
                user_id,
                timeout_micros,
            })
        }),
        (session(), user())
            .prop_map(|(session_id, user_id)| { Command::OpenSession(OpenSession { session_id, user_id }) }),
        (session(), any::<bool>())
            .prop_map(|(session_id, cancel)| { Command::CloseSession(CloseSession { session_id, cancel }) }),
        tier.prop_map(|(name, orders_per_second, maker_fee, taker_fee)| {
            let name = name.parse().unwrap();
            Command::DefineTier(DefineTier {
                tier: Tier {
                    name,
                    orders_per_second,
                    maker_fee,
                    taker_fee,
                },
            })
        }),
        (user(), proptest::option::of(name())).prop_map(|(user_id, tier)| {
            let tier = tier.map(|name| name.parse().unwrap());
            Command::SetAccountTier(SetAccountTier { user_id, tier })
        }),
        key.prop_map(|(key_id, user_id, label, scope, addresses)| {
            let material = KeyMaterial::HmacSha256(label.clone().into_bytes());
            let (created_at, revoked_at) = (Stamp::from_micros(u64::MAX), Some(Stamp::FIRST));
            let (key_id, institution_id) = (key_id.parse().unwrap(), None);
            let key = ApiKey {
                key_id,
                user_id,
                institution_id,
                label,
                material,
                scope,
                addresses,
                created_at,
                revoked_at,
            };
            Command::AddApiKey(Box::new(AddApiKey { key }))
        }),
        name().prop_map(|name| Command::RevokeApiKey(RevokeApiKey {
            key_id: name.parse().unwrap()
        })),
    ]
}

/// Two markets whose limits leave room for large numbers, and users with nearly all the money there can be.
fn opened() -> Venue {
    let mut venue = Venue::new();
    for (number, symbol) in [(0, "ABC/USD"), (1, "XYZ/USD")] {
        let mut definition = definition(number, symbol);
        definition.max_price = Price::from_ticks(1_000).unwrap();
        definition.max_quantity = Lots(92_000_000);
        venue.apply(Stamp::FIRST, Command::DefineMarket(DefineMarket { definition }));
    }
    for user_id in (1..=USERS).map(UserId::from_u128) {
        for asset in ASSETS {
            let transfer = Transfer {
                kind: TransferKind::Deposit,
                key: format!("opening-{asset}-{user_id}").parse().unwrap(),
                user_id,
                asset: asset.parse().unwrap(),
                amount: Amount(i64::MAX as u64 / 4),
            };
            venue.apply(Stamp::FIRST, Command::Transfer(transfer));
        }
    }
    venue
}

proptest! {
    #![proptest_config(config(300))]
    #[test]
    fn no_command_whatever_its_numbers_breaks_anything(
        commands in prop::collection::vec((stamp(), command()), 1..120),
    ) {
        let mut venue = opened();
        // Ids are made by whoever owns the sequence: they are unique.
        for (number, (at, mut command)) in (1..).zip(commands) {
            match &mut command {
                Command::Place(place) => place.order_id = OrderId::from_u128(number),
                Command::Amend(amend) => amend.request_id = RequestId::from_u128(number),
                _ => {}
            }
            venue.apply(at, command);
            venue.compare();
            if number % 40 == 0 {
                venue.restart(number as u64);
            }
        }
        let replayed = replay(&venue.log, 6);
        prop_assert_eq!(replayed.state_digest().unwrap(), venue.exchange.state_digest().unwrap());
    }
}

fn place_of(terms: Terms, side: Side, time_in_force: TimeInForce) -> Place {
    Place {
        order_id: OrderId::from_u128(1),
        user_id: UserId::from_u128(1),
        institution_id: None,
        market: MarketNumber(0),
        side,
        terms,
        time_in_force,
        self_trade_prevention: SelfTradePrevention::ExpireTaker,
        client_order_id: None,
        received_at: Stamp::FIRST,
        deadline: None,
        protection_price: None,
    }
}

#[test]
fn a_protection_price_from_outside_is_held_to_the_market() {
    let quantity = Quantity::from_lots(Lots(92_000_000)).unwrap();
    let size = Size::Quantity(quantity);
    let mut place = place_of(Terms::Market { size }, Side::Buy, TimeInForce::Ioc);
    place.protection_price = Price::from_ticks(u32::MAX);
    let (outcome, _) = opened().apply(Stamp::FIRST, Command::Place(place.clone()));
    let Outcome::Placed(order) = outcome else {
        panic!("{outcome:?}")
    };
    assert_eq!(order.protection_price, Price::from_ticks(1_000));
    // and an order with a limit has none
    let (price, display) = (Price::from_ticks(7).unwrap(), None);
    place.terms = Terms::Limit {
        price,
        quantity,
        display,
        post_only: false,
    };
    let (outcome, _) = opened().apply(Stamp::FIRST, Command::Place(place));
    let Outcome::Placed(order) = outcome else {
        panic!("{outcome:?}")
    };
    assert_eq!(order.protection_price, None);
}

#[test]
fn the_largest_numbers_are_refused_with_their_reason() {
    let most = Quantity::from_lots(Lots(u64::MAX)).unwrap();
    let highest = Price::from_ticks(u32::MAX).unwrap();
    let (display, post_only) = (None, false);
    let limit = |price, quantity| Terms::Limit {
        price,
        quantity,
        display,
        post_only,
    };
    let one = Quantity::from_lots(Lots(1)).unwrap();
    for (terms, reason) in [
        (limit(highest, most), "quantity_too_large"),
        (limit(highest, one), "price_too_high"),
        (limit(Price::ONE_TICK, most), "quantity_too_large"),
        (
            Terms::Stop {
                stop_price: highest,
                size: Size::Quantity(one),
            },
            "price_too_high",
        ),
        (
            Terms::Market {
                size: Size::Quantity(most),
            },
            "quantity_too_large",
        ),
        (
            Terms::Market {
                size: Size::Budget(Amount(u64::MAX)),
            },
            "insufficient_balance",
        ),
        (
            Terms::Market {
                size: Size::Budget(Amount::MAX),
            },
            "insufficient_balance",
        ),
    ] {
        let life = match terms {
            Terms::Market { .. } => TimeInForce::Ioc,
            _ => TimeInForce::Gtc,
        };
        let mut venue = opened();
        let (outcome, _) = venue.apply(Stamp::FIRST, Command::Place(place_of(terms, Side::Buy, life)));
        venue.compare();
        let Outcome::Placed(order) = outcome else {
            panic!("{terms:?}: {outcome:?}")
        };
        assert_eq!(order.state.reason_code(), Some(reason), "{terms:?}");
    }
}

#[test]
fn an_unknown_market_takes_nothing() {
    let one = Quantity::from_lots(Lots(1)).unwrap();
    let terms = Terms::Market {
        size: Size::Quantity(one),
    };
    let mut place = place_of(terms, Side::Buy, TimeInForce::Ioc);
    place.market = MarketNumber(u32::MAX);
    let (outcome, events) = opened().apply(Stamp::FIRST, Command::Place(place));
    assert_eq!(outcome, Outcome::Refused(Refusal::UnknownMarket));
    assert!(events.is_empty());
}

#[test]
fn a_day_order_at_the_end_of_time_ends_at_once() {
    let one = Quantity::from_lots(Lots(1)).unwrap();
    let terms = Terms::Limit {
        price: Price::ONE_TICK,
        quantity: one,
        display: None,
        post_only: false,
    };
    let end = Stamp::from_micros(u64::MAX);
    let mut place = place_of(terms, Side::Buy, TimeInForce::Day);
    place.received_at = end;
    let mut venue = opened();
    let (outcome, _) = venue.apply(end, Command::Place(place));
    let Outcome::Placed(order) = outcome else {
        panic!("{outcome:?}")
    };
    assert_eq!(order.state.reason_code(), Some("time_in_force"));
    venue.compare();
}
