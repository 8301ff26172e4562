//! Random sessions: few users and few prices, so that everything meets everything.

use domain::{MarketState, SelfTradePrevention, Side};
use proptest::prelude::*;

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
    pub life: Life,
    pub prevention: SelfTradePrevention,
    pub seconds_late: u64,
    /// Reserved beyond what is needed.
    pub extra: u64,
    /// The fee rates of its owner's tier.
    pub fees: Option<u32>,
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
    Cancel {
        order: usize,
    },
    Amend {
        order: usize,
        price: Option<u32>,
        lots: Option<u64>,
        extra: u64,
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
    State {
        market: u32,
        state: MarketState,
    },
    Fees {
        market: u32,
        maker: u32,
        taker: u32,
    },
    /// The shard is loaded from its rows, and goes on.
    Reload {
        hash_seed: u64,
    },
}

pub const USERS: u8 = 4;
pub const MARKETS: u32 = 2;

fn side() -> impl Strategy<Value = Side> {
    proptest::sample::select(Side::ALL)
}

fn wish() -> impl Strategy<Value = Wish> {
    use Kind::{Budget, Limit, Market, PostOnly, Stop, StopBudget, StopLimit};
    let kind = prop_oneof![
        12 => Just(Limit), 3 => Just(PostOnly), 2 => Just(Market), 1 => Just(Budget), 2 => Just(Stop),
        1 => Just(StopBudget), 2 => Just(StopLimit)
    ];
    let life = prop_oneof![
        8 => Just(Life::Gtc), 2 => Just(Life::Ioc), 1 => Just(Life::Fok), 1 => Just(Life::Day),
        2 => (1..200u64).prop_map(|seconds| Life::Gtd { seconds })
    ];
    let display = proptest::option::weighted(0.3, 1..4u64);
    let late = prop_oneof![15 => Just(0), 1 => 1..90u64];
    let extra = prop_oneof![5 => Just(0), 1 => 1..1_000u64];
    let fees = proptest::option::weighted(0.2, 0..1_000_000u32);
    let numbers = (95..=105u32, 95..=105u32, 1..=12u64, display, late, extra, fees);
    let prevention = proptest::sample::select(SelfTradePrevention::ALL);
    (0..USERS, 0..MARKETS, side(), kind, numbers, life, prevention).prop_map(
        |(user, market, side, kind, numbers, life, prevention)| {
            let (price, stop, lots, display, seconds_late, extra, fees) = numbers;
            Wish {
                user,
                market,
                side,
                kind,
                price,
                stop,
                lots,
                display: display.filter(|display| *display <= lots),
                life,
                prevention,
                seconds_late,
                extra,
                fees,
            }
        },
    )
}

fn amend() -> impl Strategy<Value = Move> {
    let price = proptest::option::of(95..=105u32);
    let lots = proptest::option::of(prop_oneof![6 => 1..=14u64, 1 => 15..=60u64]);
    let extra = prop_oneof![4 => Just(0), 1 => 1..1_000u64];
    (0..15usize, price, lots, extra).prop_map(|(order, price, lots, extra)| Move::Amend {
        order,
        price,
        lots,
        extra,
    })
}

fn cancel_all() -> impl Strategy<Value = Move> {
    let user = proptest::option::of(0..USERS);
    let market = proptest::option::of(0..MARKETS);
    (user, market, proptest::option::of(side()), any::<bool>()).prop_map(
        |(user, market, side, by_operator)| Move::CancelAll {
            user,
            market,
            side,
            by_operator,
        },
    )
}

/// Everything.
pub fn any_move() -> impl Strategy<Value = Move> {
    let state = prop_oneof![
        4 => Just(MarketState::Open), 1 => Just(MarketState::PostOnly), 1 => Just(MarketState::CancelOnly),
        1 => Just(MarketState::Halted)
    ];
    let fee = || prop_oneof![Just(0u32), Just(100_000), Just(33_333_333), 0..1_000_000u32];
    prop_oneof![
        40 => wish().prop_map(Move::Place),
        5 => (0..20usize).prop_map(|order| Move::Cancel { order }),
        10 => amend(),
        1 => cancel_all(),
        3 => (0..60u64).prop_map(|seconds| Move::Wait { seconds }),
        2 => (0..MARKETS, state).prop_map(|(market, state)| Move::State { market, state }),
        1 => (0..MARKETS, fee(), fee()).prop_map(|(market, maker, taker)| Move::Fees { market, maker, taker }),
        2 => any::<u64>().prop_map(|hash_seed| Move::Reload { hash_seed }),
    ]
}
