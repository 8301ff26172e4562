//! The whole exchange fold as a target: reservations, matching, settlement, fees, events and digest.

use std::collections::BTreeSet;

use domain::{
    Amend, Amount, Asset, Cancel, Command, DefineMarket, FeeRate, Lots, MarketDefinition, MarketNumber,
    OrderId, OrderRef, Outcome, Place, Price, Quantity, Refusal, RequestId, SelfTradePrevention, Side, Size,
    Stamp, Symbol, Terms, TimeInForce, Transfer, TransferKind, UserId,
};
use exchange::{Exchange, Output};

use crate::flow::{Action, Flow, Lifetime, Step};
use crate::tally::{FillRow, Listener};
use crate::target::{BookRow, StillRests, Target};

const MARKET: MarketNumber = MarketNumber(1);
/// All money of one asset, shared out among the users of the flow.
const MONEY: u64 = 1 << 62;

/// The exchange, with every user of the flow funded before the time is taken.
pub struct Whole {
    exchange: Exchange,
    out: Output,
    at: Stamp,
}

impl Target for Whole {
    fn for_flow(flow: &Flow) -> Self {
        let mut whole = Self {
            exchange: Exchange::new(1),
            out: Output::default(),
            at: Stamp::from_micros(1_700_000_000_000_000),
        };
        whole.command(&Command::DefineMarket(DefineMarket {
            definition: definition(),
        }));
        let users: BTreeSet<u32> = flow.steps.iter().map(|step| step.user).collect();
        let share = Amount(MONEY / users.len().max(1) as u64);
        for user in users {
            for asset in [asset("BASE"), asset("QUOTE")] {
                let key = format!("{user}-{asset}")
                    .parse()
                    .expect("digits, a hyphen and capitals are a key");
                let (kind, user_id) = (TransferKind::Deposit, user_id(user));
                whole.command(&Command::Transfer(Transfer {
                    kind,
                    key,
                    user_id,
                    asset,
                    amount: share,
                }));
            }
        }
        whole.out.events.clear();
        whole
    }

    fn apply(&mut self, step: &Step, listener: &mut impl Listener) -> Result<(), StillRests> {
        let known = self
            .exchange
            .engine()
            .order(order_id(step))
            .map(|order| order.filled());
        match (step.action, known) {
            (Action::New(_), Some(_)) => return Err(StillRests),
            (Action::New(lifetime), None) => self.place(step, lifetime),
            (_, None) => listener.unknown(),
            (Action::Cancel, Some(_)) => self.cancel(step),
            // The exchange keeps the place of a smaller quantity, the flow's amendment never does.
            (Action::Amend, Some(_)) => {
                self.cancel(step);
                self.place(step, Lifetime::Gtc);
            }
            (Action::Reduce, Some(filled)) => self.reduce(step, filled),
        }
        for event in self.out.events.drain(..) {
            if let domain::Event::Trade(trade) = event.event {
                let (taker, maker) = match trade.maker_side {
                    Side::Buy => (trade.seller, trade.buyer),
                    Side::Sell => (trade.buyer, trade.seller),
                };
                listener.fill(FillRow {
                    taker: taker.order_id.as_u128() as u64,
                    maker: maker.order_id.as_u128() as u64,
                    price: trade.price,
                    quantity: trade.quantity,
                });
            }
        }
        Ok(())
    }

    fn open_orders(&self) -> usize {
        self.exchange.engine().live_orders()
    }

    fn book(&self) -> Vec<BookRow> {
        let levels = self.exchange.engine().book_levels(MARKET);
        levels
            .map(|(side, price, quantity, orders)| BookRow {
                side,
                price,
                quantity,
                orders,
            })
            .collect()
    }
}

impl Whole {
    fn command(&mut self, command: &Command) -> Outcome {
        self.at = self.at.plus_micros(1);
        let outcome = self.exchange.apply(self.at, command, &mut self.out);
        // As the writer does it: a digest stands in the log after every thousand commands.
        let _ = self.exchange.digest_due();
        outcome
    }

    fn place(&mut self, step: &Step, lifetime: Lifetime) {
        let Some(quantity) = Quantity::from_lots(step.quantity) else {
            return;
        };
        let time_in_force = match lifetime {
            Lifetime::Gtc if step.price.is_some() => TimeInForce::Gtc,
            Lifetime::Gtc | Lifetime::Ioc => TimeInForce::Ioc,
            Lifetime::Fok => TimeInForce::Fok,
        };
        let terms = match step.price {
            Some(price) => Terms::Limit {
                price,
                quantity,
                display: None,
                post_only: false,
            },
            None => Terms::Market {
                size: Size::Quantity(quantity),
            },
        };
        let outcome = self.command(&Command::Place(Place {
            order_id: order_id(step),
            user_id: user_id(step.user),
            institution_id: None,
            market: MARKET,
            side: step.side,
            terms,
            time_in_force,
            self_trade_prevention: SelfTradePrevention::None,
            client_order_id: None,
            received_at: self.at,
            deadline: None,
            protection_price: None,
        }));
        debug_assert!(matches!(outcome, Outcome::Placed(_)), "{outcome:?}");
    }

    fn cancel(&mut self, step: &Step) {
        let (user_id, order) = (user_id(step.user), OrderRef::Id(order_id(step)));
        self.command(&Command::Cancel(Cancel { user_id, order }));
    }

    fn reduce(&mut self, step: &Step, filled: Lots) {
        let outcome = self.command(&Command::Amend(Amend {
            request_id: RequestId::from_u128(u128::from(step.order_id)),
            user_id: user_id(step.user),
            order: OrderRef::Id(order_id(step)),
            price: None,
            quantity: Quantity::from_lots(filled + step.quantity),
        }));
        debug_assert!(
            !matches!(outcome, Outcome::Refused(Refusal::UnknownOrder)),
            "{outcome:?}"
        );
    }
}

fn order_id(step: &Step) -> OrderId {
    OrderId::from_u128(u128::from(step.order_id))
}

fn user_id(user: u32) -> UserId {
    UserId::from_u128(u128::from(user))
}

fn asset(code: &str) -> Asset {
    code.parse().expect("capitals are an asset")
}

/// A market without bands and with the usual fees, on a grid so fine that every flow fits.
fn definition() -> MarketDefinition {
    MarketDefinition {
        number: MARKET,
        symbol: Symbol {
            base: asset("BASE"),
            quote: asset("QUOTE"),
        },
        tick: Amount(1_000_000),
        lot: Amount(100),
        min_quantity: Lots(1),
        max_quantity: Lots(1_000_000_000),
        max_price: Price::from_ticks(4_000_000_000).expect("it is not zero"),
        min_notional: Amount::ZERO,
        market_band: None,
        limit_band: None,
        initial_price: Some(Price::ONE_TICK),
        maker_fee: FeeRate(100_000),
        taker_fee: FeeRate(100_000),
        max_open_orders: u32::MAX,
    }
}
