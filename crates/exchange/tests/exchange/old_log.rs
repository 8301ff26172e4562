//! A log as it was written before sessions, switches, tiers and keys were known: it replays to the same digests.

use domain::{Digest, MarketNumber, MarketState, SelfTradePrevention, Side, TransferKind};

use crate::moves::{Director, Kind, Life, Move, USERS, Wish};
use crate::venue::{Venue, replay};

/// Numbers that are the same for ever, whatever the test library makes of its seeds.
struct Numbers(u64);

impl Numbers {
    fn below(&mut self, end: u64) -> u64 {
        self.0 = self
            .0
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) % end
    }

    fn one_of<T: Copy>(&mut self, all: &[T]) -> T {
        all[self.below(all.len() as u64) as usize]
    }

    fn wish(&mut self) -> Wish {
        use Kind::{Budget, Limit, Market, PostOnly, Stop, StopBudget, StopLimit};
        let seconds = 1 + self.below(200);
        let lots = 1 + self.below(12);
        Wish {
            user: self.below(u64::from(USERS)) as u8,
            market: self.below(2) as u32,
            side: self.one_of(&[Side::Buy, Side::Sell]),
            kind: self.one_of(&[
                Limit, Limit, Limit, Limit, PostOnly, Market, Budget, Stop, StopBudget, StopLimit,
            ]),
            price: 95 + self.below(11) as u32,
            stop: 95 + self.below(11) as u32,
            lots,
            display: (self.below(5) == 0).then_some(1 + lots / 3),
            time_in_force: self.one_of(&[
                Life::Gtc,
                Life::Gtc,
                Life::Gtc,
                Life::Ioc,
                Life::Fok,
                Life::Day,
                Life::Gtd { seconds },
            ]),
            prevention: self.one_of(SelfTradePrevention::ALL),
            client_id: (self.below(5) == 0).then_some(seconds as u8 % 6),
            seconds_late: if self.below(15) == 0 { self.below(90) } else { 0 },
        }
    }

    fn step(&mut self) -> Move {
        match self.below(40) {
            0..=2 => Move::Cancel {
                order: self.below(20) as usize,
                by_client_id: self.below(2) == 0,
            },
            3..=7 => Move::Amend {
                order: self.below(15) as usize,
                price: (self.below(2) == 0).then_some(95 + self.below(11) as u32),
                lots: (self.below(2) == 0).then_some(1 + self.below(20)),
            },
            8 => Move::CancelAll {
                user: (self.below(2) == 0).then_some(self.below(4) as u8),
                market: (self.below(2) == 0).then_some(self.below(2) as u32),
                side: (self.below(2) == 0).then_some(Side::Sell),
                by_operator: self.below(2) == 0,
            },
            9 | 10 => Move::Wait {
                seconds: self.below(60),
            },
            11 => Move::Tick,
            12 => Move::Transfer {
                kind: self.one_of(&[TransferKind::Deposit, TransferKind::Withdrawal]),
                user: self.below(4) as u8,
                asset: self.below(3) as u8,
                amount: self.below(300),
                key: self.below(256) as u8,
            },
            13 => Move::State {
                market: self.below(2) as u32,
                state: match self.below(3) {
                    0 => self.one_of(MarketState::ALL),
                    _ => MarketState::Open,
                },
            },
            14 | 15 => Move::State {
                market: self.below(2) as u32,
                state: MarketState::Open,
            },
            16 => Move::Fees {
                market: self.below(2) as u32,
                maker: self.below(1_000_000) as u32,
                taker: self.below(1_000_000) as u32,
            },
            17 => Move::Again,
            _ => Move::Place(self.wish()),
        }
    }
}

/// The digest of all events of the session, as the program gave it that wrote such logs.
const EVENTS: u128 = 0x162a_a5e2_e9e0_bce3_68b6_34de_39f9_5230;
/// The digest of the log's bytes, with the digests that stand in it.
const LOG: u128 = 0x758b_4280_f24c_b179_0712_8ea9_e226_4746;

#[test]
fn a_log_without_the_later_commands_replays_to_the_digests_of_its_time() {
    let (mut venue, mut director, mut numbers) = (Venue::new(), Director::new(), Numbers(20_261_122));
    for command in director.opening([200, 200, 30_000]) {
        venue.apply(director.now, command);
    }
    for _ in 0..4_000 {
        if let Some(command) = director.command(&numbers.step()) {
            venue.apply(director.now, command);
        }
    }
    venue.compare();
    assert!(venue.exchange.trades(MarketNumber(0)).count() > 150);
    let mut log = Digest::default();
    for entry in &venue.log {
        let mut bytes = Vec::new();
        entry.encode(&mut bytes).unwrap();
        log.bytes(&bytes);
    }
    let events = venue.exchange.event_digest();
    assert_eq!(
        (log.value(), events),
        (LOG, EVENTS),
        "{:#034x} {events:#034x}",
        log.value()
    );
    assert_eq!(replay(&venue.log, 3).event_digest(), EVENTS);
}
