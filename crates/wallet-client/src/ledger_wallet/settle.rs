//! Settling in memory: which reservations pay for each party, and the trade itself.

use domain::{Amount, Asset, EntryAccount, EntryType, Settle, SettleLeg, Stamp, UserId};
use ledger::{LedgerFault, Posting};
use uuid::Uuid;

use super::{Books, Held, Reservation, entry_id, invalid, not_reserved};
use crate::{Answer, Refused, SettleTrade, TradeParty};

/// What one party gives and gets.
#[derive(Debug, Clone, Copy)]
struct Side {
    party: TradeParty,
    pays: Asset,
    paid: Amount,
    receives: Asset,
    received: Amount,
    entry: EntryType,
    fee_field: &'static str,
}

/// What pays for a party: the reservation that the trade is settled from, and what others give to it before.
struct Payer {
    from: Held,
    gathered: Vec<(Held, Amount)>,
}

impl Books {
    pub(super) fn settle(&mut self, s: &SettleTrade, at: Stamp) -> Result<Answer, Refused> {
        let sides = sides(s);
        for (field, amount) in [("base_amount", s.base), ("quote_amount", s.quote)] {
            if amount.is_zero() {
                return Err(invalid(field, "must be greater than 0"));
            }
        }
        for side in &sides {
            if side.party.fee > side.received {
                return Err(invalid(side.fee_field, "must be at most what is received"));
            }
        }
        let payers = [self.payer(&sides[0])?, self.payer(&sides[1])?];
        for (side, payer) in sides.iter().zip(&payers) {
            self.prepare(side, payer).map_err(fault)?;
        }
        let leg = |side: &Side, payer: &Payer| SettleLeg {
            order_id: payer.from.handle.order_id,
            user_id: side.party.user_id,
            fee: side.party.fee,
            release: side.party.release,
        };
        let settle = Settle {
            trade_id: s.trade_id,
            symbol: s.symbol,
            base: s.base,
            quote: s.quote,
            buyer: leg(&sides[0], &payers[0]),
            seller: leg(&sides[1], &payers[1]),
        };
        let mut postings: Vec<Posting> = Vec::new();
        let (buyer, seller) = (payers[0].from.handle.slot, payers[1].from.handle.slot);
        self.ledger
            .settle(&settle, buyer, seller, &mut postings)
            .map_err(fault)?;
        for (side, payer) in sides.iter().zip(&payers) {
            self.paid(side, payer).map_err(fault)?;
        }
        let first = self.entries.len();
        self.write(&postings, at);
        let entry_ids = sides
            .iter()
            .filter_map(|side| self.line_of(first, side))
            .collect();
        let (base, quote) = (s.symbol.base, s.symbol.quote);
        let users = [s.buyer.user_id, s.seller.user_id];
        let touched: Vec<(UserId, Asset)> = users
            .into_iter()
            .flat_map(|user| [(user, base), (user, quote)])
            .collect();
        Ok(self.answer(entry_ids, &touched))
    }

    /// Which reservations pay for a party. Nothing is changed.
    fn payer(&self, side: &Side) -> Result<Payer, Refused> {
        let need = side.paid.checked_add(side.party.release);
        let need = need.ok_or_else(|| not_reserved("nobody holds so much"))?;
        match side.party.order_id {
            Some(order_id) => {
                let from = self.held(order_id.as_u128())?;
                if (from.user_id, from.asset) != (side.party.user_id, side.pays) {
                    return Err(not_reserved("it is not this user's reservation of this asset"));
                }
                if from.receives.is_some_and(|receives| receives != side.receives) {
                    return Err(not_reserved("its order receives another asset"));
                }
                if self.ledger.reserved(from.handle.slot) < need {
                    return Err(not_reserved("it holds less"));
                }
                let gathered = Vec::new();
                Ok(Payer { from, gathered })
            }
            None => self.oldest(side, need),
        }
    }

    /// The party's oldest reservations that together hold what is needed.
    fn oldest(&self, side: &Side, need: Amount) -> Result<Payer, Refused> {
        let (user_id, asset) = (side.party.user_id, side.pays);
        let by_age = self
            .by_age
            .range((user_id, asset, 0)..=(user_id, asset, u64::MAX));
        let usable = |held: &Held| held.handle.request_id.is_none();
        let mut missing = need;
        let mut found: Option<Payer> = None;
        for held in by_age.filter_map(|(_, id)| self.held(*id).ok()).filter(usable) {
            let part = self.ledger.reserved(held.handle.slot).min(missing);
            if part.is_zero() {
                continue;
            }
            missing -= part;
            match &mut found {
                Some(payer) => payer.gathered.push((held, part)),
                None => {
                    let gathered = Vec::new();
                    found = Some(Payer { from: held, gathered });
                }
            }
            if missing.is_zero() {
                break;
            }
        }
        found
            .filter(|_| missing.is_zero())
            .ok_or_else(|| not_reserved("the user's reservations of this asset hold less"))
    }

    /// Brings together what pays for a party.
    fn prepare(&mut self, side: &Side, payer: &Payer) -> Result<(), LedgerFault> {
        for (held, part) in &payer.gathered {
            self.ledger.shift(&held.handle, &payer.from.handle, *part)?;
        }
        self.ledger.set_receives(&payer.from.handle, side.receives)?;
        Ok(())
    }

    /// Takes note of what a trade has left of those who paid. A trade that named the order has said what it receives.
    fn paid(&mut self, side: &Side, payer: &Payer) -> Result<(), LedgerFault> {
        let mut from = payer.from;
        if side.party.order_id.is_some() {
            from.receives = Some(side.receives);
        }
        let receives = from.receives.unwrap_or(from.asset);
        self.ledger.set_receives(&from.handle, receives)?;
        let others = payer.gathered.iter().map(|(held, _)| *held);
        for held in std::iter::once(from).chain(others) {
            let Held { handle, .. } = held;
            let id = handle.order_id.as_u128();
            if self.ledger.reserved(handle.slot).is_zero() {
                self.ledger.close(handle.order_id, handle.slot)?;
                self.end(id, held);
            } else {
                self.reservations.insert(id, Reservation::Held(held));
            }
        }
        Ok(())
    }

    /// The line of a settlement that tells what a party received.
    fn line_of(&self, first: usize, side: &Side) -> Option<Uuid> {
        let lines = self.entries.get(first..)?;
        let line = lines.iter().find(|line| {
            line.account == EntryAccount::User(side.party.user_id)
                && (line.asset, line.entry_type) == (side.receives, side.entry)
        });
        line.map(entry_id)
    }
}

fn sides(s: &SettleTrade) -> [Side; 2] {
    let SettleTrade {
        trade_id: _,
        symbol,
        base,
        quote,
        buyer,
        seller,
    } = *s;
    let buying = Side {
        party: buyer,
        pays: symbol.quote,
        paid: quote,
        receives: symbol.base,
        received: base,
        entry: EntryType::TradeBuy,
        fee_field: "buyer_fee",
    };
    let selling = Side {
        party: seller,
        pays: symbol.base,
        paid: base,
        receives: symbol.quote,
        received: quote,
        entry: EntryType::TradeSell,
        fee_field: "seller_fee",
    };
    [buying, selling]
}

/// What the checks before have let through can only be a balance that becomes too large.
fn fault(fault: LedgerFault) -> Refused {
    match fault {
        LedgerFault::AccountTooLarge { .. } => Refused::TooLarge,
        other => not_reserved(&other.to_string()),
    }
}
