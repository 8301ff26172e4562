//! Settling a trade: what both parties held changes hands, less fees, and what they held too much comes back.

use domain::{Amount, Asset, Settle, SettleLeg};

use crate::account::Row;
use crate::asset::AssetNumber;
use crate::ledger::take;
use crate::posting::{credit, debit};
use crate::{AccountRef, EntryType, Ledger, LedgerFault, Postings, Reference, ReservationSlot};

/// One party's part of a settlement, checked.
struct Party<'a> {
    leg: &'a SettleLeg,
    slot: ReservationSlot,
    /// What its reservation holds afterwards.
    rest: Amount,
    pays: Row,
    pays_asset: Asset,
    /// What it gives to the other party.
    paid: Amount,
    receives: Row,
    receives_asset: Asset,
    fee_account: AssetNumber,
    /// What it receives, less its fee.
    net: Amount,
    entry: EntryType,
}

/// What one party of a trade gives and gets.
struct Exchange {
    pays: Asset,
    paid: Amount,
    receives: Asset,
    received: Amount,
    entry: EntryType,
}

impl Ledger {
    /// Settles one trade. Buyer and seller may be the same user. Whether the trade was settled before is for the caller
    /// to know.
    ///
    /// # Errors
    /// A slot, user or asset is not what the instruction says, a reservation does not cover its part, a fee is above
    /// what is received. Nothing was changed.
    pub fn settle(
        &mut self,
        s: &Settle,
        buyer: ReservationSlot,
        seller: ReservationSlot,
        postings: &mut impl Postings,
    ) -> Result<(), LedgerFault> {
        let buy = Exchange {
            pays: s.symbol.quote,
            paid: s.quote,
            receives: s.symbol.base,
            received: s.base,
            entry: EntryType::TradeBuy,
        };
        let sell = Exchange {
            pays: s.symbol.base,
            paid: s.base,
            receives: s.symbol.quote,
            received: s.quote,
            entry: EntryType::TradeSell,
        };
        let buyer = self.party(buyer, &s.buyer, buy)?;
        let seller = self.party(seller, &s.seller, sell)?;
        self.check_room(&buyer, &seller)?;
        self.check_room(&seller, &buyer)?;
        // Nothing can fail from here on.
        for party in [&buyer, &seller] {
            self.reservations.set_amount(party.slot, party.rest);
            self.accounts[party.pays].pay(party.paid, party.leg.release);
            self.accounts[party.receives].receive(party.net);
            self.assets[party.fee_account].fees += party.leg.fee;
        }
        for party in [&buyer, &seller] {
            post(party, Reference::Trade(s.trade_id), postings);
        }
        Ok(())
    }

    /// Checks one party's part.
    fn party<'a>(
        &self,
        slot: ReservationSlot,
        leg: &'a SettleLeg,
        exchange: Exchange,
    ) -> Result<Party<'a>, LedgerFault> {
        let Exchange {
            pays,
            paid,
            receives,
            received,
            entry,
        } = exchange;
        let order_id = leg.order_id;
        let held = self.reservations.order(slot, order_id)?;
        self.check_payer(held, leg.user_id, pays)?;
        let fee_account = self.accounts[held.receives].asset;
        if self.assets[fee_account].asset != receives {
            return Err(LedgerFault::OtherAsset {
                order_id,
                asset: receives,
            });
        }
        // A sum that passes 2^63 - 1 is more than any reservation holds.
        let taken = paid.checked_add(leg.release).unwrap_or(Amount(u64::MAX));
        let rest = take(held, taken)?;
        let net = received
            .checked_sub(leg.fee)
            .ok_or(LedgerFault::FeeTooLarge { order_id })?;
        Ok(Party {
            leg,
            slot,
            rest,
            pays: held.pays,
            pays_asset: pays,
            paid,
            receives: held.receives,
            receives_asset: receives,
            fee_account,
            net,
            entry,
        })
    }

    /// Checks that what a party receives, and its fee, have room in their accounts. In a trade of a user with itself
    /// the account that receives is the one that the other party pays from.
    fn check_room(&self, party: &Party<'_>, other: &Party<'_>) -> Result<(), LedgerFault> {
        let leaving = if party.receives == other.pays {
            u128::from(other.paid.0)
        } else {
            0
        };
        let total = self.accounts[party.receives].balance.total() - leaving + u128::from(party.net.0);
        let fees = self.assets[party.fee_account].fees.checked_add(party.leg.fee);
        if total > u128::from(Amount::MAX.0) || fees.is_none() {
            return Err(LedgerFault::AccountTooLarge {
                asset: party.receives_asset,
            });
        }
        Ok(())
    }
}

/// Posts one party's part: what it pays, what comes back to it, what it receives, its fee.
fn post(party: &Party<'_>, trade: Reference, postings: &mut impl Postings) {
    let SettleLeg {
        order_id: _,
        user_id,
        fee,
        release,
    } = *party.leg;
    let (available, reserved) = (AccountRef::available(user_id), AccountRef::reserved(user_id));
    let (pays, receives, entry) = (party.pays_asset, party.receives_asset, party.entry);
    debit(postings, reserved, pays, party.paid, entry, trade.clone());
    debit(
        postings,
        reserved,
        pays,
        release,
        EntryType::Release,
        trade.clone(),
    );
    credit(
        postings,
        available,
        pays,
        release,
        EntryType::Release,
        trade.clone(),
    );
    credit(postings, available, receives, party.net, entry, trade.clone());
    credit(postings, AccountRef::Fee, receives, fee, EntryType::Fee, trade);
}
