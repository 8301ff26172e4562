//! A keeper of balances that grants up to a limit, writes everything down and checks that the engine never asks for more
//! than it was granted.

use std::collections::BTreeMap;

use domain::{
    Amount, Asset, Command, DefineMarket, FeeRate, Lots, MarketDefinition, MarketEvent, MarketNumber, Merge,
    OrderId, Place, Price, Quantity, Release, RequestId, Reserve, SelfTradePrevention, Settle, Side, Size,
    Stamp, Terms, TimeInForce, UserId,
};
use engine::{Answer, Engine, Funds, FundsSlot};

pub const WHOLE: u64 = 100_000_000;

/// One reservation as it stands.
#[derive(Debug)]
struct Held {
    order_id: OrderId,
    request_id: Option<RequestId>,
    asset: Asset,
    left: Amount,
    releases: u32,
}

#[derive(Debug, Default)]
pub struct Recorder {
    /// Refuses everything.
    pub broke: bool,
    held: BTreeMap<u32, Held>,
    slots: u32,
    /// What was asked, one line each.
    pub asked: Vec<String>,
}

impl Recorder {
    fn take(&mut self, slot: FundsSlot, order_id: OrderId, amount: Amount) -> &mut Held {
        let held = self.held.get_mut(&slot.0).expect("the slot is in use");
        assert_eq!(held.order_id, order_id, "the slot is this order's");
        held.left = held.left.checked_sub(amount).expect("no more than was granted");
        held
    }

    fn free(&mut self, slot: FundsSlot) {
        let held = self.held.remove(&slot.0).expect("the slot is in use");
        assert!(
            held.left.is_zero(),
            "nothing of an ended order stays reserved: {held:?}"
        );
    }

    pub fn in_use(&self) -> usize {
        self.held.len()
    }
}

impl Funds for Recorder {
    fn reserve(&mut self, r: &Reserve) -> Option<FundsSlot> {
        let purpose = if r.request_id.is_some() {
            "amendment"
        } else {
            "order"
        };
        let number = r.order_id.as_u128();
        self.asked
            .push(format!("reserve {number} {purpose} {} {}", r.amount, r.asset));
        if self.broke {
            return None;
        }
        assert!(!r.amount.is_zero() && r.asset != r.receives);
        self.slots += 1;
        let held = Held {
            order_id: r.order_id,
            request_id: r.request_id,
            asset: r.asset,
            left: r.amount,
            releases: 0,
        };
        self.held.insert(self.slots, held);
        Some(FundsSlot(self.slots))
    }

    fn settle(&mut self, s: &Settle, buyer: FundsSlot, seller: FundsSlot) {
        let (b, q) = (s.base, s.quote);
        self.asked.push(format!(
            "settle {b} for {q}, back {} and {}",
            s.buyer.release, s.seller.release
        ));
        assert_eq!(
            self.take(buyer, s.buyer.order_id, s.quote + s.buyer.release)
                .asset,
            s.symbol.quote
        );
        assert_eq!(
            self.take(seller, s.seller.order_id, s.base + s.seller.release)
                .asset,
            s.symbol.base
        );
        assert!(s.buyer.fee <= s.base && s.seller.fee <= s.quote);
    }

    fn release(&mut self, r: &Release, slot: FundsSlot) {
        let last = if r.last { " last" } else { "" };
        let number = r.order_id.as_u128();
        self.asked.push(format!(
            "release {number} #{} {} {}{last}",
            r.number, r.amount, r.asset
        ));
        assert!(!r.amount.is_zero());
        let held = self.take(slot, r.order_id, r.amount);
        held.releases += 1;
        assert_eq!((held.request_id, held.asset), (r.request_id, r.asset));
        assert_eq!(
            held.releases, r.number,
            "an order's releases are numbered from 1 without a gap"
        );
        if r.last {
            self.free(slot);
        }
    }

    fn merge(&mut self, m: &Merge, amendment: FundsSlot, order: FundsSlot) {
        self.asked
            .push(format!("merge {} {} {}", m.order_id.as_u128(), m.amount, m.asset));
        let from = self.take(amendment, m.order_id, m.amount);
        assert_eq!((from.request_id, from.asset), (Some(m.request_id), m.asset));
        self.free(amendment);
        let into = self.held.get_mut(&order.0).expect("the slot is in use");
        assert_eq!(
            (into.order_id, into.request_id, into.asset),
            (m.order_id, None, m.asset)
        );
        into.left += m.amount;
    }

    fn close(&mut self, order_id: OrderId, slot: FundsSlot) {
        self.asked.push(format!("close {}", order_id.as_u128()));
        self.take(slot, order_id, Amount::ZERO);
        self.free(slot);
    }
}

/// An engine with a market ABC/USD of a tick and a lot of 1, a maker fee of 0.1 % and a taker fee of 0.2 %.
pub struct Stage {
    pub engine: Engine,
    pub funds: Recorder,
    pub events: Vec<MarketEvent>,
    orders: u128,
}

impl Stage {
    pub fn new() -> Self {
        let definition = MarketDefinition {
            number: MarketNumber(7),
            symbol: "ABC/USD".parse().unwrap(),
            tick: Amount(WHOLE),
            lot: Amount(WHOLE),
            min_quantity: Lots(1),
            max_quantity: Lots(10_000),
            max_price: Price::from_ticks(1_000).unwrap(),
            min_notional: Amount::ZERO,
            market_band: None,
            limit_band: None,
            initial_price: Price::from_ticks(100),
            maker_fee: FeeRate(100_000),
            taker_fee: FeeRate(200_000),
            max_open_orders: 100,
        };
        let mut stage = Self {
            engine: Engine::new(1),
            funds: Recorder::default(),
            events: Vec::new(),
            orders: 0,
        };
        stage.apply(&Command::DefineMarket(DefineMarket { definition }));
        stage
    }

    /// Applies a command and checks that every live order, and nothing else, holds a reservation.
    pub fn apply(&mut self, command: &Command) -> Answer {
        self.apply_at(Stamp::from_micros(5_000_000), command)
    }

    /// The same at another moment.
    pub fn apply_at(&mut self, at: Stamp, command: &Command) -> Answer {
        let answer = self.engine.apply(at, command, &mut self.funds, &mut self.events);
        self.engine.check().unwrap();
        assert_eq!(self.funds.in_use(), self.engine.live_orders());
        for (order_id, slot, amount) in self.engine.reservations() {
            let held = &self.funds.held[&slot.0];
            assert_eq!((held.order_id, held.left), (order_id, amount));
        }
        answer
    }

    /// Places an order; orders are numbered from 1, and each has a user of its own unless one is named.
    pub fn place(&mut self, side: Side, terms: Terms, mode: Option<(u128, SelfTradePrevention)>) -> OrderId {
        self.orders += 1;
        let order_id = OrderId::from_u128(self.orders);
        let (user, self_trade_prevention) =
            mode.unwrap_or((100 + self.orders, SelfTradePrevention::ExpireTaker));
        let time_in_force = match terms {
            Terms::Market { .. } => TimeInForce::Ioc,
            _ => TimeInForce::Gtc,
        };
        let place = Place {
            order_id,
            user_id: UserId::from_u128(user),
            institution_id: None,
            market: MarketNumber(7),
            side,
            terms,
            time_in_force,
            self_trade_prevention,
            client_order_id: None,
            received_at: Stamp::from_micros(5_000_000),
            deadline: None,
            protection_price: None,
        };
        assert_eq!(self.apply(&Command::Place(place)), Answer::Placed(order_id));
        order_id
    }

    /// What was asked of balances since the last time.
    pub fn asked(&mut self) -> String {
        std::mem::take(&mut self.funds.asked).join("; ")
    }
}

pub fn limit(price: u32, lots: u64) -> Terms {
    Terms::Limit {
        price: Price::from_ticks(price).unwrap(),
        quantity: Quantity::from_lots(Lots(lots)).unwrap(),
        display: None,
        post_only: false,
    }
}

pub fn budget(whole: u64) -> Terms {
    Terms::Market {
        size: Size::Budget(Amount(whole * WHOLE)),
    }
}
