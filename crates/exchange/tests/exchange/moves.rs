//! Random sessions: few users and few prices, so that everything meets everything.

use domain::{
    AddApiKey, Amend, Amount, ApiKey, Asset, Cancel, CancelAll, CancelAllAfter, ClientOrderId, CloseSession,
    Command, DefineMarket, DefineTier, FeeRate, KeyMaterial, Lots, MarketNumber, MarketState, OpenSession,
    OrderId, OrderRef, Place, Price, Quantity, RequestId, RevokeApiKey, Selection, SelfTradePrevention,
    SessionId, SetAccountTier, SetMarketState, Side, Size, Stamp, Terms, Tier, TierName, TimeInForce,
    Transfer, TransferKind, UserId,
};
use proptest::prelude::*;

use crate::script::definition;

/// What an order is to be, in small numbers.
#[derive(Debug, Clone)]
pub struct Wish {
    pub user: u8,
    pub market: u32,
    pub side: Side,
    pub kind: Kind,
    pub price: u32,
    pub stop: u32,
    pub lots: u64,
    pub display: Option<u64>,
    pub time_in_force: Life,
    pub prevention: SelfTradePrevention,
    pub client_id: Option<u8>,
    pub seconds_late: u64,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    Limit,
    PostOnly,
    Market,
    Budget,
    Stop,
    StopBudget,
    StopLimit,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Life {
    Gtc,
    Ioc,
    Fok,
    Day,
    Gtd { seconds: u64 },
}

/// One step of a session.
#[derive(Debug, Clone)]
pub enum Move {
    Place(Wish),
    /// The last order with a client id once more, under a new order id.
    Again,
    Cancel {
        order: usize,
        by_client_id: bool,
    },
    Amend {
        order: usize,
        price: Option<u32>,
        lots: Option<u64>,
    },
    CancelAll {
        user: Option<u8>,
        market: Option<u32>,
        side: Option<Side>,
        by_operator: bool,
    },
    Wait {
        seconds: u64,
    },
    Tick,
    Transfer {
        kind: TransferKind,
        user: u8,
        asset: u8,
        amount: u64,
        key: u8,
    },
    State {
        market: u32,
        state: MarketState,
    },
    Fees {
        market: u32,
        maker: u32,
        taker: u32,
    },
    Restart {
        hash_seed: u64,
    },
    /// Arm a user's switch for so many seconds.
    Switch {
        user: u8,
        seconds: u64,
    },
    /// A new session, or the last one once more.
    Open {
        user: u8,
        again: bool,
    },
    /// One of the last sessions, or one that never was.
    Close {
        session: usize,
        cancel: bool,
    },
    Tier {
        name: u8,
        maker: Option<u32>,
        taker: Option<u32>,
    },
    Join {
        user: u8,
        tier: Option<u8>,
    },
    Key {
        user: u8,
        name: u8,
    },
    Revoke {
        name: u8,
    },
}

pub const SYMBOLS: [&str; 2] = ["ABC/USD", "XYZ/USD"];
pub const ASSETS: [&str; 3] = ["ABC", "XYZ", "USD"];
pub const USERS: u8 = 4;
pub const WHOLE: u64 = 100_000_000;

pub fn user(number: u8) -> UserId {
    UserId::from_u128(500 + u128::from(number))
}

fn side() -> impl Strategy<Value = Side> {
    prop_oneof![Just(Side::Buy), Just(Side::Sell)]
}

fn prevention() -> impl Strategy<Value = SelfTradePrevention> {
    proptest::sample::select(SelfTradePrevention::ALL)
}

pub fn wish() -> impl Strategy<Value = Wish> {
    use Kind::{Budget, Limit, Market, PostOnly, Stop, StopBudget, StopLimit};
    let kind = prop_oneof![
        10 => Just(Limit), 3 => Just(PostOnly), 2 => Just(Market), 1 => Just(Budget), 2 => Just(Stop),
        1 => Just(StopBudget), 2 => Just(StopLimit)
    ];
    let life = prop_oneof![
        6 => Just(Life::Gtc), 2 => Just(Life::Ioc), 2 => Just(Life::Fok), 1 => Just(Life::Day),
        2 => (1..200u64).prop_map(|seconds| Life::Gtd { seconds })
    ];
    let display = proptest::option::weighted(0.2, 1..4u64);
    let client_id = proptest::option::weighted(0.2, 0..6u8);
    let late = prop_oneof![15 => Just(0), 1 => 1..90u64];
    let numbers = (95..=105u32, 95..=105u32, 1..=12u64, display, late);
    (
        0..USERS,
        0..2u32,
        side(),
        kind,
        numbers,
        life,
        prevention(),
        client_id,
    )
        .prop_map(
            |(user, market, side, kind, numbers, time_in_force, prevention, client_id)| {
                let (price, stop, lots, display, seconds_late) = numbers;
                Wish {
                    user,
                    market,
                    side,
                    kind,
                    price,
                    stop,
                    lots,
                    display: display.filter(|display| *display <= lots),
                    time_in_force,
                    prevention,
                    client_id,
                    seconds_late,
                }
            },
        )
}

fn amend() -> impl Strategy<Value = Move> {
    let price = proptest::option::of(95..=105u32);
    let lots = proptest::option::of(prop_oneof![6 => 1..=14u64, 1 => 15..=60u64]);
    (0..15usize, price, lots).prop_map(|(order, price, lots)| Move::Amend { order, price, lots })
}

fn cancel_all() -> impl Strategy<Value = Move> {
    let user = proptest::option::of(0..USERS);
    let market = proptest::option::of(0..2u32);
    (user, market, proptest::option::of(side()), any::<bool>()).prop_map(
        |(user, market, side, by_operator)| Move::CancelAll {
            user,
            market,
            side,
            by_operator,
        },
    )
}

fn transfer() -> impl Strategy<Value = Move> {
    let kind = prop_oneof![Just(TransferKind::Deposit), Just(TransferKind::Withdrawal)];
    (kind, 0..USERS, 0..3u8, 0..300u64, any::<u8>()).prop_map(|(kind, user, asset, amount, key)| {
        Move::Transfer {
            kind,
            user,
            asset,
            amount,
            key,
        }
    })
}

fn state() -> impl Strategy<Value = Move> {
    let state = prop_oneof![
        4 => Just(MarketState::Open), 1 => Just(MarketState::PostOnly), 1 => Just(MarketState::CancelOnly),
        1 => Just(MarketState::Halted)
    ];
    (0..2u32, state).prop_map(|(market, state)| Move::State { market, state })
}

/// What ends a user's orders by itself. Some times are refused.
fn ending() -> impl Strategy<Value = Move> {
    let seconds = prop_oneof![1 => Just(0u64), 8 => 1..60u64, 1 => Just(86_400), 1 => Just(86_401)];
    prop_oneof![
        4 => (0..USERS, seconds).prop_map(|(user, seconds)| Move::Switch { user, seconds }),
        2 => (0..USERS, proptest::bool::weighted(0.2)).prop_map(|(user, again)| Move::Open { user, again }),
        2 => (0..5usize, any::<bool>()).prop_map(|(session, cancel)| Move::Close { session, cancel }),
    ]
}

/// What operators keep: tiers, who is in them, API keys.
fn register() -> impl Strategy<Value = Move> {
    let fee = || proptest::option::of(prop_oneof![4 => 0..1_000_000u32, 1 => Just(100_000_000)]);
    prop_oneof![
        2 => (0..3u8, fee(), fee()).prop_map(|(name, maker, taker)| Move::Tier { name, maker, taker }),
        2 => (0..USERS, proptest::option::weighted(0.8, 0..4u8)).prop_map(|(user, tier)| Move::Join { user, tier }),
        1 => (0..USERS, 0..6u8).prop_map(|(user, name)| Move::Key { user, name }),
        1 => (0..6u8).prop_map(|name| Move::Revoke { name }),
    ]
}

/// What only moves orders: no states, no transfers, no fees.
pub fn trading() -> impl Strategy<Value = Move> {
    prop_oneof![
        20 => wish().prop_map(Move::Place),
        3 => (0..20usize, any::<bool>()).prop_map(|(order, by_client_id)| Move::Cancel { order, by_client_id }),
        5 => amend(),
        1 => cancel_all(),
        2 => (0..60u64).prop_map(|seconds| Move::Wait { seconds }),
        1 => Just(Move::Tick),
        2 => ending(),
    ]
}

/// Everything.
pub fn any_move() -> impl Strategy<Value = Move> {
    let fees = prop_oneof![Just(0u32), Just(100_000), Just(33_333_333), 0..1_000_000u32];
    prop_oneof![
        20 => trading(),
        1 => transfer(),
        1 => state(),
        1 => (0..2u32, fees.clone(), fees).prop_map(|(market, maker, taker)| Move::Fees { market, maker, taker }),
        1 => any::<u64>().prop_map(|hash_seed| Move::Restart { hash_seed }),
        1 => Just(Move::Again),
        2 => register(),
    ]
}

/// Makes commands of moves.
pub struct Director {
    pub now: Stamp,
    /// Every order placed so far: id, owner, client id.
    pub placed: Vec<(OrderId, UserId, Option<ClientOrderId>)>,
    named: Option<Place>,
    sessions: Vec<SessionId>,
    commands: u64,
}

impl Director {
    pub fn new() -> Self {
        Self {
            now: Stamp::from_micros(1_728_000_000_000_000 + 23 * 3_600_000_000),
            placed: Vec::new(),
            named: None,
            sessions: Vec::new(),
            commands: 0,
        }
    }

    /// Two markets, and so much of every asset for every user.
    pub fn opening(&self, whole: [u64; 3]) -> Vec<Command> {
        let define = |(number, symbol): (usize, &&str)| {
            let definition = definition(number as u32, symbol);
            Command::DefineMarket(DefineMarket { definition })
        };
        let mut commands: Vec<Command> = SYMBOLS.iter().enumerate().map(define).collect();
        for number in 0..USERS {
            for (asset, whole) in ASSETS.iter().zip(whole) {
                commands.push(Command::Transfer(Transfer {
                    kind: TransferKind::Deposit,
                    key: format!("opening-{number}-{asset}").parse().unwrap(),
                    user_id: user(number),
                    asset: asset.parse().unwrap(),
                    amount: Amount(whole * WHOLE),
                }));
            }
        }
        commands
    }

    /// The command of a move; none for moves that only wait or restart.
    pub fn command(&mut self, step: &Move) -> Option<Command> {
        self.commands += 1;
        let command = match step {
            Move::Place(wish) => {
                let place = self.place(wish);
                if place.client_order_id.is_some() {
                    self.named = Some(place.clone());
                }
                Command::Place(place)
            }
            Move::Again => {
                let order_id = OrderId::at(self.now, self.commands);
                let received_at = self.now;
                Command::Place(Place {
                    order_id,
                    received_at,
                    ..self.named.clone()?
                })
            }
            Move::Cancel { order, by_client_id } => {
                let (user_id, order) = self.known(*order, *by_client_id)?;
                Command::Cancel(Cancel { user_id, order })
            }
            Move::Amend { order, price, lots } => {
                let (user_id, order) = self.known(*order, false)?;
                Command::Amend(Amend {
                    request_id: RequestId::from_u128(u128::from(self.commands)),
                    user_id,
                    order,
                    price: price.and_then(Price::from_ticks),
                    quantity: lots.and_then(|lots| Quantity::from_lots(Lots(lots))),
                })
            }
            Move::CancelAll {
                user: number,
                market,
                side,
                by_operator,
            } => Command::CancelAll(CancelAll {
                selection: Selection {
                    user_id: number.map(user),
                    market: market.map(MarketNumber),
                    side: *side,
                },
                by_operator: *by_operator,
            }),
            Move::Wait { seconds } => {
                self.now = self.now.plus_micros(seconds * 1_000_000);
                return None;
            }
            Move::Tick => Command::Tick,
            Move::Transfer {
                kind,
                user: number,
                asset,
                amount,
                key,
            } => Command::Transfer(Transfer {
                kind: *kind,
                key: format!("key-{key}").parse().unwrap(),
                user_id: user(*number),
                asset: asset_of(*asset),
                amount: Amount(amount * WHOLE),
            }),
            Move::State { market, state } => {
                let (market, state) = (MarketNumber(*market), *state);
                Command::SetMarketState(SetMarketState { market, state })
            }
            Move::Fees { market, maker, taker } => {
                let mut definition = definition(*market, SYMBOLS[*market as usize]);
                (definition.maker_fee, definition.taker_fee) = (FeeRate(*maker), FeeRate(*taker));
                Command::DefineMarket(DefineMarket { definition })
            }
            Move::Restart { .. } => return None,
            other => self.other(other),
        };
        Some(command)
    }

    /// Switches, sessions and the register.
    fn other(&mut self, step: &Move) -> Command {
        match *step {
            Move::Switch {
                user: number,
                seconds,
            } => Command::CancelAllAfter(CancelAllAfter {
                user_id: user(number),
                timeout_micros: seconds * 1_000_000,
            }),
            Move::Open { user: number, again } => {
                let new = SessionId::at(self.now, self.commands);
                let session_id = self.sessions.last().copied().filter(|_| again).unwrap_or(new);
                self.sessions.push(session_id);
                Command::OpenSession(OpenSession {
                    session_id,
                    user_id: user(number),
                })
            }
            Move::Close { session, cancel } => {
                let known = self.sessions.iter().rev().nth(session).copied();
                let session_id = known.unwrap_or(SessionId::from_u128(1));
                Command::CloseSession(CloseSession { session_id, cancel })
            }
            Move::Tier { name, maker, taker } => Command::DefineTier(DefineTier {
                tier: Tier {
                    name: tier_name(name),
                    orders_per_second: Some(u32::from(name)).filter(|rate| *rate > 0),
                    maker_fee: maker.map(FeeRate),
                    taker_fee: taker.map(FeeRate),
                },
            }),
            Move::Join { user: number, tier } => Command::SetAccountTier(SetAccountTier {
                user_id: user(number),
                tier: tier.map(tier_name),
            }),
            Move::Key { user: number, name } => Command::AddApiKey(Box::new(AddApiKey {
                key: ApiKey {
                    key_id: format!("key-{name}").parse().unwrap(),
                    user_id: user(number),
                    institution_id: None,
                    label: format!("key {}", self.commands),
                    material: KeyMaterial::HmacSha256(vec![name]),
                    scope: "trade".to_owned(),
                    addresses: vec!["10.0.0.0/8".to_owned()],
                    created_at: Stamp::FIRST,
                    revoked_at: None,
                },
            })),
            Move::Revoke { name } => Command::RevokeApiKey(RevokeApiKey {
                key_id: format!("key-{name}").parse().unwrap(),
            }),
            _ => Command::Tick,
        }
    }

    /// One of the last orders placed.
    fn known(&self, back: usize, by_client_id: bool) -> Option<(UserId, OrderRef)> {
        let place = self
            .placed
            .len()
            .checked_sub(1 + back % self.placed.len().max(1))?;
        let (id, owner, client_id) = &self.placed[place];
        let order = match client_id {
            Some(client_id) if by_client_id => OrderRef::Client(client_id.clone()),
            _ => OrderRef::Id(*id),
        };
        Some((*owner, order))
    }

    fn place(&mut self, wish: &Wish) -> Place {
        let order_id = OrderId::at(self.now, self.commands);
        let client_order_id = wish.client_id.map(|id| format!("id-{id}").parse().unwrap());
        let (terms, immediate_only) = terms(wish);
        self.placed
            .push((order_id, user(wish.user), client_order_id.clone()));
        Place {
            order_id,
            user_id: user(wish.user),
            institution_id: None,
            market: MarketNumber(wish.market),
            side: wish.side,
            terms,
            time_in_force: match wish.time_in_force {
                Life::Fok => TimeInForce::Fok,
                _ if immediate_only => TimeInForce::Ioc,
                Life::Gtc => TimeInForce::Gtc,
                Life::Ioc => TimeInForce::Ioc,
                Life::Day => TimeInForce::Day,
                Life::Gtd { seconds } => TimeInForce::Gtd(self.now.plus_micros(seconds * 1_000_000)),
            },
            self_trade_prevention: wish.prevention,
            client_order_id,
            received_at: Stamp::from_micros(self.now.micros() - wish.seconds_late * 1_000_000),
            deadline: None,
            protection_price: None,
        }
    }
}

fn tier_name(number: u8) -> TierName {
    format!("tier-{number}").parse().unwrap()
}

fn asset_of(number: u8) -> Asset {
    ASSETS[usize::from(number)].parse().unwrap()
}

/// The terms of a wish, and whether they are for immediate orders only.
fn terms(wish: &Wish) -> (Terms, bool) {
    let quantity = Quantity::from_lots(Lots(wish.lots)).unwrap();
    let budget = Size::Budget(Amount(wish.lots * 101 * WHOLE));
    let size = Size::Quantity(quantity);
    let display = wish.display.and_then(|lots| Quantity::from_lots(Lots(lots)));
    let price = Price::from_ticks(wish.price).unwrap();
    let stop_price = Price::from_ticks(wish.stop).unwrap();
    match wish.kind {
        Kind::Limit | Kind::PostOnly => {
            let post_only = wish.kind == Kind::PostOnly;
            let terms = Terms::Limit {
                price,
                quantity,
                display,
                post_only,
            };
            (terms, false)
        }
        Kind::Market => (Terms::Market { size }, true),
        Kind::Budget => (Terms::Market { size: budget }, true),
        Kind::Stop => (Terms::Stop { stop_price, size }, false),
        Kind::StopBudget => (
            Terms::Stop {
                stop_price,
                size: budget,
            },
            false,
        ),
        Kind::StopLimit => {
            let terms = Terms::StopLimit {
                stop_price,
                price,
                quantity,
                display,
            };
            (terms, false)
        }
    }
}
