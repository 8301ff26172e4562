//! The embedded exchange, fed with a shard's log and with what the wallet decided: it must trade the same.

use std::collections::{BTreeMap, BTreeSet};

use distributed::{Batch, Entry, Funding, PlaceOrder, ShardCommand, Told, ToldRefusal};
use domain::{
    Amount, Asset, Cancel, CancelAll, Command, DefineTier, Event, MarketEvent, Order, OrderId, OrderRef,
    OrderState, SetAccountTier, Stamp, Status, Tier, Trade, Transfer, TransferKind, UserId,
};
use engine::OwnFees;
use exchange::{Exchange, Output};

/// How an order ended: status, lots filled, what they came to, fees.
type End = (Status, u64, u64, u64);

/// What a user gained or lost by trading, in units of 1e-8.
pub(super) type Gains = BTreeMap<(UserId, Asset), i128>;

/// The embedded exchange beside one shard's log.
///
/// Before an order it gets exactly what the wallet granted, and after each command everything that is free is taken out
/// again: so it refuses what the wallet refused, and what it was given less what came out is what trading cost.
pub(super) struct Twin {
    exchange: Exchange,
    keys: u64,
    tiers: BTreeSet<String>,
    gains: Gains,
    /// Users and assets that a command may have touched.
    touched: BTreeSet<(UserId, Asset)>,
    /// Orders that only the shard knows: ended by a mass cancel that came before them, or set aside.
    only_there: BTreeSet<OrderId>,
}

impl Twin {
    pub(super) fn new() -> Self {
        Self {
            exchange: Exchange::new(0),
            keys: 0,
            tiers: BTreeSet::new(),
            gains: Gains::new(),
            touched: BTreeSet::new(),
            only_there: BTreeSet::new(),
        }
    }

    /// Feeds a batch; what comes out otherwise than logged.
    pub(super) fn apply(&mut self, batch: &Batch) -> Result<(), String> {
        let mut out = Output::default();
        for entry in &batch.entries {
            self.entry(entry, &mut out);
        }
        let (ours, theirs) = (trades(&out.events), trades(&batch.events));
        if ours != theirs {
            let at = ours
                .iter()
                .zip(&theirs)
                .take_while(|(one, two)| one == two)
                .count();
            return Err(format!(
                "trade {at} of the batch is {:?}, logged as {:?}",
                ours.get(at),
                theirs.get(at)
            ));
        }
        let (ours, mut theirs) = (ends(&out.events), ends(&batch.events));
        theirs.retain(|id, _| !self.only_there.contains(id));
        if ours != theirs {
            let differing = theirs.iter().find(|(id, end)| ours.get(id) != Some(end));
            let extra = ours.iter().find(|(id, _)| !theirs.contains_key(id));
            return Err(format!(
                "an order ended otherwise: logged {differing:?}, or only here {extra:?}"
            ));
        }
        Ok(())
    }

    /// What trading brought everybody so far, and the fees that were collected.
    pub(super) fn gains(&self) -> (Gains, BTreeMap<Asset, i128>) {
        let mut gains = self.gains.clone();
        let ledger = self.exchange.ledger().snapshot();
        for account in &ledger.accounts {
            let total = i128::from(account.balance.available.0) + i128::from(account.balance.reserved.0);
            *gains.entry((account.user_id, account.asset)).or_default() += total;
        }
        gains.retain(|_, gain| *gain != 0);
        let fees = ledger
            .assets
            .iter()
            .map(|asset| (asset.asset, i128::from(asset.fees.0)));
        (gains, fees.filter(|(_, fees)| *fees != 0).collect())
    }

    fn entry(&mut self, entry: &Entry, out: &mut Output) {
        let at = entry.at;
        match &entry.command {
            ShardCommand::Place(order) => self.place(at, order, entry.told.as_ref(), out),
            ShardCommand::Cancel {
                user_id, order_id, ..
            } => {
                let cancel = Cancel {
                    user_id: *user_id,
                    order: OrderRef::Id(*order_id),
                };
                self.command(at, &Command::Cancel(cancel), out);
            }
            ShardCommand::Amend { amend, funding, .. } => {
                self.fund(at, *funding, out);
                self.command(at, &Command::Amend(amend.clone()), out);
            }
            ShardCommand::CancelAll {
                selection,
                by_operator,
                ..
            } => {
                let all = CancelAll {
                    selection: *selection,
                    by_operator: *by_operator,
                };
                self.command(at, &Command::CancelAll(all), out);
            }
            ShardCommand::DefineMarket(define) => {
                self.command(at, &Command::DefineMarket(define.as_ref().clone()), out);
            }
            ShardCommand::SetMarketState(set) => self.command(at, &Command::SetMarketState(*set), out),
            ShardCommand::Tick => self.command(at, &Command::Tick, out),
            ShardCommand::Quarantine { what, .. } => self.only_there.extend(what.order_id),
        }
    }

    fn place(&mut self, at: Stamp, order: &PlaceOrder, told: Option<&Told>, out: &mut Output) {
        let PlaceOrder { place, fees, funding } = order;
        let aside = match told {
            // A mass cancel that came before it has ended it: the embedded exchange has no such thing.
            Some(Told::Placed(order)) => matches!(order.state, OrderState::Cancelled(progress, reason)
                if progress.filled.is_zero() && reason != domain::CancelReason::SelfTrade),
            Some(Told::Refused(ToldRefusal::Repeated | ToldRefusal::Unfunded)) => return,
            Some(Told::Refused(_)) => true,
            _ => false,
        };
        if aside {
            self.only_there.insert(place.order_id);
            return;
        }
        self.tier(at, place.user_id, *fees, out);
        self.fund(at, *funding, out);
        self.command(at, &Command::Place(place.clone()), out);
    }

    /// Puts a user into a tier with these fees.
    fn tier(&mut self, at: Stamp, user_id: UserId, fees: OwnFees, out: &mut Output) {
        let rate =
            |rate: Option<domain::FeeRate>| rate.map_or_else(|| "own".to_owned(), |rate| rate.0.to_string());
        let text = format!("{}-{}", rate(fees.maker), rate(fees.taker));
        let Ok(name) = text.parse::<domain::TierName>() else {
            return;
        };
        if self.tiers.insert(text) {
            let tier = Tier {
                name: name.clone(),
                orders_per_second: None,
                maker_fee: fees.maker,
                taker_fee: fees.taker,
            };
            self.exchange
                .apply(at, &Command::DefineTier(DefineTier { tier }), out);
        }
        let set = SetAccountTier {
            user_id,
            tier: Some(name),
        };
        self.exchange.apply(at, &Command::SetAccountTier(set), out);
    }

    /// Gives what the wallet granted.
    fn fund(&mut self, at: Stamp, funding: Funding, out: &mut Output) {
        if let Funding::Granted { amount, balance } = funding {
            self.transfer(
                at,
                TransferKind::Deposit,
                (balance.user_id, balance.asset),
                amount,
                out,
            );
        }
    }

    fn transfer(
        &mut self,
        at: Stamp,
        kind: TransferKind,
        (user_id, asset): (UserId, Asset),
        amount: Amount,
        out: &mut Output,
    ) {
        self.keys += 1;
        let Ok(key) = self.keys.to_string().parse() else {
            return;
        };
        let transfer = Transfer {
            kind,
            key,
            user_id,
            asset,
            amount,
        };
        self.exchange.apply(at, &Command::Transfer(transfer), out);
        let gain = self.gains.entry((user_id, asset)).or_default();
        match kind {
            TransferKind::Deposit => *gain -= i128::from(amount.0),
            TransferKind::Withdrawal => *gain += i128::from(amount.0),
        }
        self.touched.insert((user_id, asset));
    }

    /// Applies a command, and takes out whatever is free after it.
    fn command(&mut self, at: Stamp, command: &Command, out: &mut Output) {
        let before = out.events.len();
        self.exchange.apply(at, command, out);
        let mut touched = std::mem::take(&mut self.touched);
        for event in &out.events[before..] {
            self.touch(event, &mut touched);
        }
        for (user_id, asset) in touched {
            let free = self.exchange.ledger().balance(user_id, asset);
            let free = free.map_or(Amount::ZERO, |balance| balance.available);
            if !free.is_zero() {
                self.transfer(at, TransferKind::Withdrawal, (user_id, asset), free, out);
            }
        }
        self.touched.clear();
    }

    fn touch(&self, event: &MarketEvent, touched: &mut BTreeSet<(UserId, Asset)>) {
        let Some(market) = self.exchange.engine().market(event.market) else {
            return;
        };
        let symbol = market.symbol();
        let users = match &event.event {
            Event::Trade(trade) => [Some(trade.buyer.user_id), Some(trade.seller.user_id)],
            Event::OrderClosed(order) | Event::OrderAmended(order) | Event::OrderAccepted(order) => {
                [Some(order.user_id), None]
            }
            Event::OrderPrevented { user_id, .. } => [Some(*user_id), None],
            _ => [None, None],
        };
        for user in users.into_iter().flatten() {
            touched.extend([(user, symbol.base), (user, symbol.quote)]);
        }
    }
}

fn trades(events: &[MarketEvent]) -> Vec<Trade> {
    let trade = |event: &MarketEvent| match &event.event {
        Event::Trade(trade) => Some(**trade),
        _ => None,
    };
    events.iter().filter_map(trade).collect()
}

fn ends(events: &[MarketEvent]) -> BTreeMap<OrderId, End> {
    let end = |event: &MarketEvent| match &event.event {
        Event::OrderClosed(order) => Some((order.order_id, ending(order))),
        _ => None,
    };
    events.iter().filter_map(end).collect()
}

fn ending(order: &Order) -> End {
    (
        order.state.status(),
        order.filled().0,
        order.filled_notional.0,
        order.fee.0,
    )
}
