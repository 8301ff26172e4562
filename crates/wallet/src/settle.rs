//! Settling a trade out of reservations: each order's own, or a user's oldest where the caller knows no orders.

use domain::{Amount, Asset, Settle, SettleLeg, Stamp};
use ledger::{LedgerFault, Posting, ReservationHandle};
use uuid::Uuid;
use wallet_client::{Refused, SettleTrade, TradeParty, UserBalance};

use crate::book::Book;
use crate::key::reservation_id;
use crate::reservations::{invalid, not_reserved, refusal};

/// Why a trade was not settled.
pub(crate) enum Unsettled {
    /// It is the caller's to hear.
    Refused(Refused),
    /// The book contradicts itself: nothing of it must be written.
    Fault(LedgerFault),
}

impl From<Refused> for Unsettled {
    fn from(refused: Refused) -> Self {
        Self::Refused(refused)
    }
}

impl From<LedgerFault> for Unsettled {
    fn from(fault: LedgerFault) -> Self {
        Self::Fault(fault)
    }
}

/// The reservation that pays for one party, made ready; taken back where the trade is not settled.
struct Payer {
    handle: ReservationHandle,
    /// What it says that it receives: the asset that it pays with, where that is not known.
    receives: Asset,
    /// Whether the trade names the order, and so has said what it receives.
    named: bool,
    /// What it took over from others.
    shifted: Vec<(ReservationHandle, Amount)>,
}

impl Book {
    /// Settles a trade.
    pub fn settle(
        &mut self,
        s: &SettleTrade,
        postings: &mut Vec<Posting>,
    ) -> Result<Vec<UserBalance>, Unsettled> {
        check(s)?;
        let (base, quote) = (s.symbol.base, s.symbol.quote);
        let buyer = self.payer(&s.buyer, (quote, s.quote), base)?;
        let seller = match self.payer(&s.seller, (base, s.base), quote) {
            Ok(seller) => seller,
            Err(refused) => {
                self.take_back(buyer)?;
                return Err(refused);
            }
        };
        let leg = |party: &TradeParty, payer: &Payer| SettleLeg {
            order_id: payer.handle.order_id,
            user_id: party.user_id,
            fee: party.fee,
            release: party.release,
        };
        let settle = Settle {
            trade_id: s.trade_id,
            symbol: s.symbol,
            base: s.base,
            quote: s.quote,
            buyer: leg(&s.buyer, &buyer),
            seller: leg(&s.seller, &seller),
        };
        let slots = (buyer.handle.slot, seller.handle.slot);
        if let Err(fault) = self.ledger.settle(&settle, slots.0, slots.1, postings) {
            self.take_back(seller)?;
            self.take_back(buyer)?;
            return Err(refusal(fault).into());
        }
        for payer in [buyer, seller] {
            self.paid(payer)?;
        }
        let balances = [&s.buyer, &s.seller].into_iter().flat_map(|party| {
            let user_id = party.user_id;
            [self.balance(user_id, base), self.balance(user_id, quote)]
        });
        Ok(balances.collect())
    }

    /// The reservation that pays for a party, holding at least what the trade takes out of it.
    fn payer(
        &mut self,
        party: &TradeParty,
        (pays, paid): (Asset, Amount),
        receives: Asset,
    ) -> Result<Payer, Unsettled> {
        let needed = paid
            .checked_add(party.release)
            .ok_or_else(|| not_reserved("nobody holds that much"))?;
        match party.order_id {
            Some(order_id) => {
                let id = reservation_id(order_id, None);
                let held = self.reservations.get(&id);
                let (handle, row) = held
                    .and_then(|held| Some((held.handle?, held.row)))
                    .ok_or_else(|| not_reserved(format!("order {order_id} holds nothing")))?;
                if (row.user_id, row.asset, row.order_id) != (party.user_id, pays, order_id) {
                    return Err(not_reserved(format!(
                        "order {order_id} is another user's, or pays another asset"
                    ))
                    .into());
                }
                if row.receives.is_some_and(|known| known != receives) {
                    return Err(not_reserved(format!("order {order_id} receives another asset")).into());
                }
                if self.ledger.reserved(handle.slot) < needed {
                    return Err(not_reserved(format!("order {order_id} holds less")).into());
                }
                Ok(Payer {
                    handle,
                    receives: self.ledger.set_receives(&handle, receives)?,
                    named: true,
                    shifted: Vec::new(),
                })
            }
            None => self.oldest(party, pays, needed, receives),
        }
    }

    /// The user's oldest reservation of the asset, with what is missing to the amount taken over from the next ones.
    fn oldest(
        &mut self,
        party: &TradeParty,
        pays: Asset,
        needed: Amount,
        receives: Asset,
    ) -> Result<Payer, Unsettled> {
        let mut candidates: Vec<(Stamp, Uuid, ReservationHandle)> = self
            .reservations
            .values()
            .filter(|held| (held.row.user_id, held.row.asset) == (party.user_id, pays))
            .filter_map(|held| Some((held.row.created_at, held.row.reservation_id, held.handle?)))
            .filter(|(_, _, handle)| handle.request_id.is_none())
            .collect();
        candidates.sort_unstable_by_key(|(created_at, id, _)| (*created_at, *id));
        let mut missing = needed;
        let mut parts = Vec::new();
        for (_, _, handle) in candidates {
            let part = missing.min(self.ledger.reserved(handle.slot));
            if !part.is_zero() {
                missing -= part;
                parts.push((handle, part));
            }
        }
        let Some(((handle, _), others)) = parts.split_first().filter(|_| missing.is_zero()) else {
            let user_id = party.user_id;
            return Err(not_reserved(format!("the orders of user {user_id} hold less {pays}")).into());
        };
        let mut payer = Payer {
            handle: *handle,
            receives: self.ledger.set_receives(handle, receives)?,
            named: false,
            shifted: Vec::new(),
        };
        for (from, part) in others {
            self.ledger.shift(from, handle, *part)?;
            payer.shifted.push((*from, *part));
        }
        Ok(payer)
    }

    /// Leaves a payer as it was.
    fn take_back(&mut self, payer: Payer) -> Result<(), LedgerFault> {
        let Payer {
            handle,
            receives,
            named: _,
            shifted,
        } = payer;
        for (from, part) in shifted.iter().rev() {
            self.ledger.shift(&handle, from, *part)?;
        }
        self.ledger.set_receives(&handle, receives)?;
        Ok(())
    }

    /// Notes what a trade has left of those who paid.
    fn paid(&mut self, payer: Payer) -> Result<(), LedgerFault> {
        let Payer {
            handle,
            receives: before,
            named,
            shifted,
        } = payer;
        let receives = self.ledger.set_receives(&handle, before)?;
        if named {
            self.ledger.set_receives(&handle, receives)?;
        }
        let others = shifted.into_iter().map(|(from, _)| from);
        for one in std::iter::once(handle).chain(others) {
            let empty = self.ledger.reserved(one.slot).is_zero();
            if empty {
                self.ledger.close(one.order_id, one.slot)?;
            }
            let id = reservation_id(one.order_id, one.request_id);
            let Some(held) = self.reservations.get_mut(&id) else {
                continue;
            };
            held.change();
            if named {
                held.row.receives = Some(receives);
            }
            if empty {
                held.close();
            }
        }
        Ok(())
    }
}

/// What can be told from the instruction alone.
fn check(s: &SettleTrade) -> Result<(), Refused> {
    let too_much = "must not be above what is received";
    for (field, amount) in [("base_amount", s.base), ("quote_amount", s.quote)] {
        if amount.is_zero() {
            return Err(invalid(field, "must be greater than 0"));
        }
    }
    if s.symbol.base == s.symbol.quote {
        return Err(invalid("symbol", "must be of two assets"));
    }
    if s.buyer.fee > s.base {
        return Err(invalid("buyer_fee", too_much));
    }
    if s.seller.fee > s.quote {
        return Err(invalid("seller_fee", too_much));
    }
    Ok(())
}
