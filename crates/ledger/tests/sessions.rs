//! Random sessions: every asset is conserved, nothing is ever negative, and a restored ledger goes on as the first would.
#![allow(clippy::unwrap_used, reason = "tests may panic")]

mod stage;

use domain::{
    Amount, Asset, Merge, OrderId, Release, RequestId, Reserve, Settle, SettleLeg, Stamp, Symbol, TradeId,
    Transfer, TransferKind, UserId,
};
use ledger::{Ledger, ReservationSlot, ReserveError, TransferAnswer};
use proptest::prelude::*;
use stage::Stage;

/// What a session can do; numbers are taken modulo what there is.
#[derive(Debug, Clone)]
enum Act {
    Transfer {
        kind: TransferKind,
        key: u8,
        user: u8,
        asset: u8,
        amount: u64,
    },
    Reserve {
        user: u8,
        buys: bool,
        amount: u64,
    },
    Amend {
        order: usize,
        amount: u64,
    },
    Merge {
        amendment: usize,
    },
    Trade {
        buyer: usize,
        seller: usize,
        parts: [u8; 3],
    },
    Release {
        order: usize,
        part: u8,
    },
    End {
        order: usize,
    },
    Restore {
        seed: u64,
    },
}

fn acts() -> impl Strategy<Value = Act> {
    let kind = prop_oneof![3 => Just(TransferKind::Deposit), 1 => Just(TransferKind::Withdrawal)];
    let amount = prop_oneof![4 => 1..1_000_000u64, 1 => 0..10u64, 1 => (1u64 << 61)..(1 << 63)];
    prop_oneof![
        3 => (kind, any::<u8>(), 0..4u8, 0..2u8, amount.clone())
            .prop_map(|(kind, key, user, asset, amount)| Act::Transfer { kind, key, user, asset, amount }),
        5 => (0..4u8, any::<bool>(), amount.clone())
            .prop_map(|(user, buys, amount)| Act::Reserve { user, buys, amount }),
        1 => (any::<usize>(), amount).prop_map(|(order, amount)| Act::Amend { order, amount }),
        1 => any::<usize>().prop_map(|amendment| Act::Merge { amendment }),
        5 => (any::<usize>(), any::<usize>(), any::<[u8; 3]>())
            .prop_map(|(buyer, seller, parts)| Act::Trade { buyer, seller, parts }),
        2 => (any::<usize>(), any::<u8>()).prop_map(|(order, part)| Act::Release { order, part }),
        2 => any::<usize>().prop_map(|order| Act::End { order }),
        1 => any::<u64>().prop_map(|seed| Act::Restore { seed }),
    ]
}

#[derive(Debug, Clone, Copy)]
struct Live {
    order_id: OrderId,
    request_id: Option<RequestId>,
    user_id: UserId,
    buys: bool,
    slot: ReservationSlot,
}

struct Session {
    stage: Stage,
    live: Vec<Live>,
    ids: u128,
}

fn symbol() -> Symbol {
    stage::symbol()
}

fn pays(buys: bool) -> Asset {
    if buys { symbol().quote } else { symbol().base }
}

/// So many 255ths of an amount.
fn part(of: Amount, parts: u8) -> Amount {
    Amount((u128::from(of.0) * u128::from(parts) / 255) as u64)
}

impl Session {
    fn new() -> Self {
        Self {
            stage: Stage::new(),
            live: Vec::new(),
            ids: 0,
        }
    }

    fn id(&mut self) -> u128 {
        self.ids += 1;
        self.ids
    }

    /// One of the live reservations of this kind.
    fn pick(&self, pick: usize, fits: impl Fn(&Live) -> bool) -> Option<Live> {
        let fitting: Vec<&Live> = self.live.iter().filter(|live| fits(live)).collect();
        (!fitting.is_empty()).then(|| *fitting[pick % fitting.len()])
    }

    fn forget(&mut self, gone: Live) {
        self.live.retain(|live| live.slot != gone.slot);
    }

    /// Acts, and tells what came of it.
    fn act(&mut self, act: &Act) -> String {
        match act {
            Act::Transfer {
                kind,
                key,
                user,
                asset,
                amount,
            } => {
                let asset = if *asset == 0 {
                    symbol().base
                } else {
                    symbol().quote
                };
                let transfer = Transfer {
                    kind: *kind,
                    key: key.to_string().parse().unwrap(),
                    user_id: UserId::from_u128(u128::from(*user)),
                    asset,
                    amount: Amount(*amount),
                };
                let at = Stamp::from_micros(u64::from(*key) + 1);
                let answer: TransferAnswer = self.stage.step(|ledger, to| ledger.transfer(&transfer, at, to));
                format!("{answer:?}")
            }
            Act::Reserve { user, buys, amount } => {
                let order_id = OrderId::from_u128(self.id());
                self.reserve(
                    order_id,
                    None,
                    UserId::from_u128(u128::from(*user)),
                    *buys,
                    *amount,
                )
            }
            Act::Amend { order, amount } => match self.pick(*order, |live| live.request_id.is_none()) {
                Some(live) => {
                    let request_id = RequestId::from_u128(self.id());
                    self.reserve(live.order_id, Some(request_id), live.user_id, live.buys, *amount)
                }
                None => String::new(),
            },
            Act::Merge { amendment } => self.merge(*amendment),
            Act::Trade { buyer, seller, parts } => self.trade(*buyer, *seller, *parts),
            Act::Release { order, part: parts } => match self.pick(*order, |_| true) {
                Some(live) => {
                    let amount = part(self.stage.ledger.reserved(live.slot), *parts);
                    self.release(live, amount, false)
                }
                None => String::new(),
            },
            Act::End { order } => self.end(*order),
            Act::Restore { seed } => self.restore(*seed),
        }
    }

    fn reserve(
        &mut self,
        order_id: OrderId,
        request_id: Option<RequestId>,
        user_id: UserId,
        buys: bool,
        amount: u64,
    ) -> String {
        let (asset, receives) = (pays(buys), pays(!buys));
        let r = Reserve {
            order_id,
            request_id,
            user_id,
            asset,
            receives,
            amount: Amount(amount),
        };
        let before = self.stage.ledger.balance(user_id, asset).unwrap_or_default();
        match self.stage.step(|ledger, to| ledger.reserve(&r, to)) {
            Ok(slot) => {
                assert!(r.amount <= before.available);
                self.live.push(Live {
                    order_id,
                    request_id,
                    user_id,
                    buys,
                    slot,
                });
                "reserved".to_owned()
            }
            Err(ReserveError::InsufficientBalance { available }) => {
                assert!(r.amount > available && available == before.available);
                format!("lacking {available}")
            }
            Err(ReserveError::Fault(fault)) => {
                assert_eq!(amount, 0, "{fault}");
                fault.to_string()
            }
        }
    }

    fn merge(&mut self, pick: usize) -> String {
        let Some(from) = self.pick(pick, |live| live.request_id.is_some()) else {
            return String::new();
        };
        let into = self.pick(0, |live| {
            live.order_id == from.order_id && live.request_id.is_none()
        });
        let (Some(into), Some(request_id)) = (into, from.request_id) else {
            return String::new();
        };
        let amount = self.stage.ledger.reserved(from.slot);
        let asset = pays(from.buys);
        let m = Merge {
            request_id,
            order_id: from.order_id,
            user_id: from.user_id,
            asset,
            amount,
        };
        self.stage
            .step(|ledger, to| ledger.merge(&m, from.slot, into.slot, to))
            .unwrap();
        self.forget(from);
        "merged".to_owned()
    }

    fn trade(&mut self, buyer: usize, seller: usize, parts: [u8; 3]) -> String {
        let buyer = self.pick(buyer, |live| live.buys && live.request_id.is_none());
        let seller = self.pick(seller, |live| !live.buys && live.request_id.is_none());
        let (Some(buyer), Some(seller)) = (buyer, seller) else {
            return String::new();
        };
        let held = self.stage.ledger.reserved(buyer.slot);
        let quote = part(held, parts[0]);
        let base = part(self.stage.ledger.reserved(seller.slot), parts[1]);
        let leg = |live: Live, fee, release| SettleLeg {
            order_id: live.order_id,
            user_id: live.user_id,
            fee,
            release,
        };
        let s = Settle {
            trade_id: TradeId::from_u128(self.id()),
            symbol: symbol(),
            base,
            quote,
            buyer: leg(buyer, part(base, parts[2]), part(held - quote, parts[2])),
            seller: leg(seller, part(quote, parts[2]), Amount::ZERO),
        };
        self.stage
            .step(|ledger, to| ledger.settle(&s, buyer.slot, seller.slot, to))
            .unwrap();
        format!("{s:?}")
    }

    fn release(&mut self, live: Live, amount: Amount, last: bool) -> String {
        let asset = pays(live.buys);
        let r = Release {
            order_id: live.order_id,
            user_id: live.user_id,
            request_id: live.request_id,
            number: 1,
            asset,
            amount,
            last,
        };
        self.stage
            .step(|ledger, to| ledger.release(&r, live.slot, to))
            .unwrap();
        format!("released {amount}")
    }

    fn end(&mut self, pick: usize) -> String {
        let in_flight: Vec<OrderId> = self
            .live
            .iter()
            .filter(|live| live.request_id.is_some())
            .map(|live| live.order_id)
            .collect();
        let ends = |live: &Live| live.request_id.is_some() || !in_flight.contains(&live.order_id);
        let Some(live) = self.pick(pick, ends) else {
            return String::new();
        };
        let rest = self.stage.ledger.reserved(live.slot);
        self.forget(live);
        if rest.is_zero() && live.request_id.is_none() {
            self.stage.ledger.close(live.order_id, live.slot).unwrap();
            return "closed".to_owned();
        }
        self.release(live, rest, true)
    }

    fn restore(&mut self, seed: u64) -> String {
        let snapshot = self.stage.ledger.snapshot();
        let (restored, handles) = Ledger::restore(snapshot.clone(), seed).unwrap();
        assert_eq!(restored.snapshot(), snapshot);
        self.stage.ledger = restored;
        for live in &mut self.live {
            let same = |handle: &&ledger::ReservationHandle| {
                (handle.order_id, handle.request_id) == (live.order_id, live.request_id)
            };
            live.slot = handles.iter().find(same).unwrap().slot;
        }
        String::new()
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(256))]

    /// The stage checks after every act that the postings sum to zero and that the whole ledger holds.
    #[test]
    fn random_sessions_conserve_every_asset(acts in prop::collection::vec(acts(), 1..120)) {
        let mut session = Session::new();
        for act in &acts {
            session.act(act);
        }
        let held: u128 = session.live.iter().map(|live| u128::from(session.stage.ledger.reserved(live.slot).0)).sum();
        let reserved: u128 = session
            .stage
            .ledger
            .snapshot()
            .accounts
            .iter()
            .map(|record| u128::from(record.balance.reserved.0))
            .sum();
        prop_assert_eq!(held, reserved);
    }

    #[test]
    fn a_restored_ledger_goes_on_as_the_first_would(acts in prop::collection::vec(acts(), 1..80)) {
        let (mut with, mut without) = (Session::new(), Session::new());
        for act in &acts {
            let told = with.act(act);
            if !matches!(act, Act::Restore { .. }) {
                prop_assert_eq!(told, without.act(act));
                prop_assert_eq!(&with.stage.postings, &without.stage.postings);
            }
        }
        prop_assert_eq!(with.stage.ledger.snapshot(), without.stage.ledger.snapshot());
    }
}
