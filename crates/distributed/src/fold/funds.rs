//! The fold's keeper of balances: it answers with what the command carries, and writes down what the engine asks for.

use domain::{Amount, Merge, MoneyInstruction, OrderId, Release, RequestId, Reserve, Settle};
use engine::{Funds, FundsSlot};

use crate::Funding;

/// Reservations are the wallet's affair; to the engine they all stand in the same place.
pub(super) const SLOT: FundsSlot = FundsSlot(0);

/// What one command brings along, and what the engine makes of it.
#[derive(Debug)]
pub(super) struct RecordedFunds<'a> {
    funding: Funding,
    /// What was granted and not asked for yet.
    unused: Option<Amount>,
    /// The engine asked for more than was granted.
    short: bool,
    /// Releases of the reservation that the command brings, so far.
    released: u32,
    money: &'a mut Vec<MoneyInstruction>,
}

impl<'a> RecordedFunds<'a> {
    pub fn new(funding: Funding, money: &'a mut Vec<MoneyInstruction>) -> Self {
        let unused = match funding {
            Funding::Granted { amount, .. } => Some(amount),
            Funding::None | Funding::Refused | Funding::NotAsked => None,
        };
        Self {
            funding,
            unused,
            short: false,
            released: 0,
            money,
        }
    }

    /// Whether the engine asked for more than was granted, where it was not the balance that did not cover it.
    pub const fn is_outdated(&self) -> bool {
        self.short && !matches!(self.funding, Funding::Refused)
    }

    /// Gives back all that was granted under this id and never used.
    pub fn give_back(mut self, order_id: OrderId, request_id: Option<RequestId>) {
        let Funding::Granted { balance, .. } = self.funding else {
            return;
        };
        if let Some(amount) = self.unused.take() {
            self.released += 1;
            self.push(Release {
                order_id,
                request_id,
                user_id: balance.user_id,
                number: self.released,
                asset: balance.asset,
                amount,
                last: true,
            });
        }
    }

    fn push(&mut self, release: Release) {
        if !release.amount.is_zero() {
            self.money.push(MoneyInstruction::Release(release));
        }
    }
}

impl Funds for RecordedFunds<'_> {
    fn reserve(&mut self, reserve: &Reserve) -> Option<FundsSlot> {
        let surplus = self
            .unused
            .and_then(|granted| granted.checked_sub(reserve.amount));
        let Some(surplus) = surplus else {
            self.short = true;
            return None;
        };
        self.unused = None;
        if !surplus.is_zero() {
            self.released += 1;
            self.push(Release {
                order_id: reserve.order_id,
                request_id: reserve.request_id,
                user_id: reserve.user_id,
                number: self.released,
                asset: reserve.asset,
                amount: surplus,
                last: false,
            });
        }
        Some(SLOT)
    }

    fn released(&self) -> u32 {
        self.released
    }

    fn settle(&mut self, settle: &Settle, _: FundsSlot, _: FundsSlot) {
        self.money.push(MoneyInstruction::Settle(*settle));
    }

    fn release(&mut self, release: &Release, _: FundsSlot) {
        let mut release = *release;
        if release.request_id.is_some() {
            // The engine knows nothing of a surplus that was given back before.
            release.number += self.released;
        }
        self.push(release);
    }

    fn merge(&mut self, merge: &Merge, _: FundsSlot, _: FundsSlot) {
        self.money.push(MoneyInstruction::Merge(*merge));
    }

    fn close(&mut self, _: OrderId, _: FundsSlot) {}
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests may panic")]

    use domain::{Asset, UserId};
    use wallet_client::UserBalance;

    use super::*;

    fn asset() -> Asset {
        "USDT".parse().unwrap()
    }

    fn granted(amount: u64) -> Funding {
        let balance = UserBalance {
            user_id: UserId::from_u128(7),
            asset: asset(),
            available: Amount(1),
            reserved: Amount(amount),
            version: 3,
        };
        Funding::Granted {
            amount: Amount(amount),
            balance,
        }
    }

    fn reserve(amount: u64, request_id: Option<RequestId>) -> Reserve {
        Reserve {
            order_id: OrderId::from_u128(1),
            request_id,
            user_id: UserId::from_u128(7),
            asset: asset(),
            receives: "BTC".parse().unwrap(),
            amount: Amount(amount),
        }
    }

    /// Number, amount and whether it is the last, of each release.
    fn releases(money: &[MoneyInstruction]) -> Vec<(u32, u64, bool)> {
        let release = |one: &MoneyInstruction| match one {
            MoneyInstruction::Release(release) => (release.number, release.amount.0, release.last),
            other => panic!("{other:?}"),
        };
        money.iter().map(release).collect()
    }

    #[test]
    fn a_surplus_is_given_back_first_and_the_engine_counts_on() {
        let mut money = Vec::new();
        let mut funds = RecordedFunds::new(granted(10), &mut money);
        assert_eq!(funds.reserve(&reserve(7, None)), Some(SLOT));
        assert_eq!(funds.released(), 1);
        funds.give_back(OrderId::from_u128(1), None);
        assert_eq!(releases(&money), [(1, 3, false)]);
    }

    #[test]
    fn what_nobody_asked_for_is_given_back_whole() {
        let mut money = Vec::new();
        RecordedFunds::new(granted(10), &mut money).give_back(OrderId::from_u128(1), None);
        assert_eq!(releases(&money), [(1, 10, true)]);
    }

    #[test]
    fn too_little_is_no_grant_and_comes_back_whole() {
        let mut money = Vec::new();
        let mut funds = RecordedFunds::new(granted(10), &mut money);
        assert_eq!(funds.reserve(&reserve(11, None)), None);
        assert!(funds.is_outdated());
        funds.give_back(OrderId::from_u128(1), None);
        assert_eq!(releases(&money), [(1, 10, true)]);
    }

    #[test]
    fn a_refused_reservation_holds_nothing() {
        let mut money = Vec::new();
        let mut funds = RecordedFunds::new(Funding::Refused, &mut money);
        assert_eq!(funds.reserve(&reserve(1, None)), None);
        assert!(!funds.is_outdated());
        funds.give_back(OrderId::from_u128(1), None);
        assert_eq!(money, []);
    }

    #[test]
    fn an_amendments_releases_are_numbered_through() {
        let mut money = Vec::new();
        let request_id = Some(RequestId::from_u128(5));
        let mut funds = RecordedFunds::new(granted(10), &mut money);
        assert_eq!(funds.reserve(&reserve(4, request_id)), Some(SLOT));
        let release = Release {
            order_id: OrderId::from_u128(1),
            request_id,
            user_id: UserId::from_u128(7),
            number: 1,
            asset: asset(),
            amount: Amount(4),
            last: true,
        };
        funds.release(&release, SLOT);
        assert_eq!(releases(&money), [(1, 6, false), (2, 4, true)]);
    }
}
