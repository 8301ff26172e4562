//! Money instructions made up by chance: mostly such that they can be done, some that cannot, some that came before.

use domain::{Amount, Asset, OrderId, Release, Reserve, Symbol, UserId};

use super::dice::Dice;
use super::stage::{Stage, merge};
use crate::{Instruction, LedgerWallet, SettleTrade, TradeParty};

/// The most units that a made-up order is about.
const MOST: u64 = 1_000_000;

/// A user, and whether it asks without order ids and received assets.
#[derive(Debug, Clone, Copy)]
pub(super) struct Person {
    pub id: UserId,
    pub old: bool,
}

/// An order whose reserve was granted.
#[derive(Debug, Clone)]
struct Order {
    reserve: Reserve,
    releases: u32,
    amendments: Vec<Reserve>,
}

/// Makes up instructions from the same dice and what the reference holds.
pub(super) struct Script<'a> {
    stage: &'a Stage<'a>,
    dice: Dice,
    /// Two that are bought and sold, and one that they are paid with.
    pub assets: [Asset; 3],
    pub people: Vec<Person>,
    orders: Vec<Order>,
    /// Reserves whose release came before them.
    late: Vec<Reserve>,
    told: Vec<Instruction>,
    /// The latest order's id: ids rise, so that of two orders of one moment the older has the lower one.
    last_order: OrderId,
}

impl<'a> Script<'a> {
    pub fn new(stage: &'a Stage<'a>, seed: u64) -> Self {
        let people = (0..6).map(|number| Person {
            id: stage.user(),
            old: number >= 4,
        });
        Self {
            stage,
            dice: Dice::new(seed),
            assets: [stage.base, stage.another_asset(), stage.quote],
            people: people.collect(),
            orders: Vec::new(),
            late: Vec::new(),
            told: Vec::new(),
            last_order: stage.order(),
        }
    }

    pub fn dice(&self) -> &Dice {
        &self.dice
    }

    /// The next instruction.
    pub fn next(&mut self, reference: &LedgerWallet) -> Instruction {
        let made = match self.dice.below(100) {
            0..28 => None,
            28..36 => self.amendment(reference),
            36..50 => self.release(reference),
            50..54 => Some(self.early_release()),
            54..57 => self.late.pop().map(Instruction::Reserve),
            57..80 => self.settle(reference),
            80..87 => self.nameless(reference),
            87..92 => self.merge(),
            _ => self.again(),
        };
        let made = made.unwrap_or_else(|| Instruction::Reserve(self.reserve()));
        self.told.push(made.clone());
        made
    }

    /// Takes note of an order or amendment that was granted.
    pub fn granted(&mut self, reserve: &Reserve) {
        let known = self
            .orders
            .iter_mut()
            .find(|order| order.reserve.order_id == reserve.order_id);
        match (known, reserve.request_id) {
            (Some(order), Some(_)) if !order.amendments.contains(reserve) => {
                order.amendments.push(reserve.clone());
            }
            (None, None) => self.orders.push(Order {
                reserve: reserve.clone(),
                releases: 0,
                amendments: Vec::new(),
            }),
            _ => {}
        }
    }

    fn units(&self, most: u64) -> Amount {
        Amount(self.dice.below(most.max(1)) + 1)
    }

    fn person(&self) -> Person {
        let one = self.dice.pick(&self.people).copied();
        one.expect("there are people")
    }

    fn reserve(&mut self) -> Reserve {
        let Person { id, old } = self.person();
        let [first, second, quote] = self.assets;
        let base = if self.dice.percent(50) { first } else { second };
        let (asset, other) = if self.dice.percent(50) {
            (quote, base)
        } else {
            (base, quote)
        };
        self.last_order = OrderId::from_u128(self.last_order.as_u128() + 1);
        Reserve {
            order_id: self.last_order,
            request_id: None,
            user_id: id,
            asset,
            receives: if old { asset } else { other },
            amount: self.units(MOST),
        }
    }

    fn amendment(&self, reference: &LedgerWallet) -> Option<Instruction> {
        let order = self.dice.pick(&self.orders)?;
        reference.left(order.reserve.order_id.as_u128())?;
        Some(Instruction::Reserve(Reserve {
            request_id: Some(self.stage.request()),
            amount: self.units(MOST / 10),
            ..order.reserve.clone()
        }))
    }

    fn release(&mut self, reference: &LedgerWallet) -> Option<Instruction> {
        let count = self.orders.len() as u64;
        let place = usize::try_from(self.dice.below(count)).ok()?;
        let (kind, part) = (self.dice.below(10), self.dice.below(MOST));
        let order = self.orders.get_mut(place)?;
        let of = match order.amendments.last() {
            Some(amendment) if kind < 3 => amendment.clone(),
            _ => order.reserve.clone(),
        };
        let id = of
            .request_id
            .map_or(of.order_id.as_u128(), |request| request.as_u128());
        let left = reference.left(id).unwrap_or_default();
        order.releases += 1;
        let (number, amount, last) = match kind {
            0..2 => (0, left, false),
            2 => (0, Amount(left.0.saturating_sub(1)), false),
            3..5 => (order.releases, left, true),
            5 => (order.releases, left + Amount(1), false),
            _ => (order.releases, Amount(part % left.0.max(1) + 1), false),
        };
        // What gives back nothing tells nothing.
        (amount > Amount::ZERO).then_some(Instruction::Release(Release {
            order_id: of.order_id,
            request_id: of.request_id,
            user_id: of.user_id,
            number,
            asset: of.asset,
            amount,
            last,
        }))
    }

    /// The release of a reservation that has not come.
    fn early_release(&mut self) -> Instruction {
        let reserve = self.reserve();
        self.late.push(reserve.clone());
        Instruction::Release(Release {
            order_id: reserve.order_id,
            request_id: None,
            user_id: reserve.user_id,
            number: u32::from(self.dice.percent(50)),
            asset: reserve.asset,
            amount: reserve.amount,
            last: true,
        })
    }

    /// A trade between two orders that are there.
    fn settle(&self, reference: &LedgerWallet) -> Option<Instruction> {
        let [first, second, quote] = self.assets;
        let base = if self.dice.percent(50) { first } else { second };
        let (buy, holds) = self.order(reference, quote, base)?;
        let (sell, offers) = self.order(reference, base, quote)?;
        let excess = |percent| Amount(u64::from(self.dice.percent(percent)));
        let base_amount = self.units(offers.0) + excess(3);
        let quote_amount = self.units(holds.0) + excess(3);
        let spare = holds.checked_sub(quote_amount).unwrap_or_default();
        let release = if self.dice.percent(30) {
            self.units(spare.0)
        } else {
            Amount::ZERO
        };
        let party = |order: &Order, received: Amount, release| TradeParty {
            user_id: order.reserve.user_id,
            order_id: Some(order.reserve.order_id),
            fee: self.fee(received),
            release,
        };
        Some(Instruction::Settle(SettleTrade {
            trade_id: self.stage.trade(),
            symbol: Symbol { base, quote },
            base: base_amount,
            quote: quote_amount,
            buyer: party(buy, base_amount, release),
            seller: party(sell, quote_amount, Amount::ZERO),
        }))
    }

    /// Less than what is received.
    fn fee(&self, received: Amount) -> Amount {
        if self.dice.percent(50) {
            Amount(received.0 / 500)
        } else {
            Amount::ZERO
        }
    }

    /// An order that holds one asset and receives the other, and how much it holds.
    fn order(&self, reference: &LedgerWallet, pays: Asset, receives: Asset) -> Option<(&Order, Amount)> {
        let fitting: Vec<(&Order, Amount)> = self
            .orders
            .iter()
            .filter(|order| order.reserve.asset == pays && [pays, receives].contains(&order.reserve.receives))
            .filter_map(|order| Some((order, reference.left(order.reserve.order_id.as_u128())?)))
            .filter(|(_, left)| !left.is_zero())
            .collect();
        self.dice.pick(&fitting).copied()
    }

    /// A trade between two who name no orders.
    fn nameless(&self, reference: &LedgerWallet) -> Option<Instruction> {
        let old: Vec<UserId> = self
            .people
            .iter()
            .filter(|one| one.old)
            .map(|one| one.id)
            .collect();
        let [first, second, quote] = self.assets;
        let base = if self.dice.percent(50) { first } else { second };
        let (buyer, seller) = (*self.dice.pick(&old)?, *self.dice.pick(&old)?);
        let held = |user: UserId, asset: Asset| -> u64 {
            let of_user = self
                .orders
                .iter()
                .filter(|order| (order.reserve.user_id, order.reserve.asset) == (user, asset));
            let left = of_user.filter_map(|order| reference.left(order.reserve.order_id.as_u128()));
            left.map(|left| left.0).sum()
        };
        let (base_held, quote_held) = (held(seller, base), held(buyer, quote));
        let party = |user_id| TradeParty {
            user_id,
            order_id: None,
            fee: Amount::ZERO,
            release: Amount::ZERO,
        };
        Some(Instruction::Settle(SettleTrade {
            trade_id: self.stage.trade(),
            symbol: Symbol { base, quote },
            base: self.units(base_held + u64::from(self.dice.percent(10))),
            quote: self.units(quote_held),
            buyer: party(buyer),
            seller: party(seller),
        }))
    }

    fn merge(&mut self) -> Option<Instruction> {
        let order = self
            .orders
            .iter_mut()
            .rev()
            .find(|order| !order.amendments.is_empty())?;
        let amendment = order.amendments.pop()?;
        let mut merge = merge(&amendment);
        if self.dice.percent(10) {
            merge.amount += Amount(1);
        }
        Some(Instruction::Merge(merge))
    }

    /// An instruction that came before, or another under its key.
    fn again(&self) -> Option<Instruction> {
        let mut again = self.dice.pick(&self.told)?.clone();
        if self.dice.percent(30) {
            match &mut again {
                Instruction::Reserve(reserve) => reserve.amount += Amount(1),
                Instruction::Release(release) => release.amount += Amount(1),
                Instruction::Settle(settle) => settle.quote += Amount(1),
                Instruction::Merge(merge) => merge.amount += Amount(1),
            }
        }
        Some(again)
    }
}
