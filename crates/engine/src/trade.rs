//! A trade between a taker and a maker, and what self-trade prevention takes away in place of one.

use domain::{Amount, Event, Price, Quantity, Settle, SettleLeg, Side, Step, Trade, TradeId, TradeSide};

use crate::funds::{Funds, FundsSlot};
use crate::orders::Key;
use crate::place::{budget, step};
use crate::turn::Turn;

/// What one party's order gave to a trade.
struct Party {
    funds: FundsSlot,
    leg: SettleLeg,
    side: TradeSide,
    is_final: bool,
}

impl<F: Funds> Turn<'_, F> {
    /// One fill: both orders move on, fees are taken, money moves, and the maker ends if nothing of it is left.
    /// The taker that is used up ends too.
    pub fn trade(&mut self, market: usize, taker: Key, maker: Key, price: Price, quantity: Quantity) {
        let maker_side = self.engine.orders.live(maker).order.side;
        let at = self.at;
        let row = self.row_mut(market);
        row.last_price = Some(price);
        row.trade_number += 1;
        let number = row.trade_number;
        let symbol = row.market.symbol();
        let base = row.market.base_amount(quantity.lots());
        let quote = row.market.notional(price, quantity.lots());
        let trade_id = TradeId::at(at, row.market.number(), number);
        let maker_party = self.fill(maker, true, quantity, base, quote);
        let taker_party = self.fill(taker, false, quantity, base, quote);
        let (maker_ends, taker_ends) = (maker_party.is_final, taker_party.is_final);
        let (buyer, seller) = match maker_side {
            Side::Buy => (maker_party, taker_party),
            Side::Sell => (taker_party, maker_party),
        };
        let settle = Settle {
            trade_id,
            symbol,
            base,
            quote,
            buyer: buyer.leg,
            seller: seller.leg,
        };
        self.funds.settle(&settle, buyer.funds, seller.funds);
        let trade = Trade {
            trade_id,
            market: self.row(market).market.number(),
            number,
            price,
            quantity,
            buyer: buyer.side,
            seller: seller.side,
            maker_side,
            executed_at: self.at,
        };
        self.emit(market, Event::Trade(Box::new(trade)));
        if maker_ends {
            self.finish(maker);
        }
        if taker_ends {
            self.finish(taker);
        }
    }

    /// One order's part in a fill.
    fn fill(&mut self, key: Key, maker: bool, quantity: Quantity, base: Amount, quote: Amount) -> Party {
        let live = self.engine.orders.live_mut(key);
        let market = &self.engine.markets[live.market].market;
        let order = &mut live.order;
        order.state = step(order.state, Step::Fill(quantity.lots()));
        order.filled_notional += quote;
        order.updated_at = self.at;
        let rate = if maker { order.maker_fee } else { order.taker_fee };
        let (received, given, release) = match (order.side, budget(&order.terms), order.worst_price()) {
            (Side::Buy, None, Some(worst)) => (base, quote, market.notional(worst, quantity.lots()) - quote),
            (Side::Buy, ..) => (base, quote, Amount::ZERO),
            (Side::Sell, ..) => (quote, base, Amount::ZERO),
        };
        let fee = rate.of(received);
        order.fee += fee;
        live.reserved -= given + release;
        Party {
            funds: live.funds,
            leg: SettleLeg {
                order_id: order.order_id,
                user_id: order.user_id,
                fee,
                release,
            },
            side: TradeSide {
                order_id: order.order_id,
                user_id: order.user_id,
                fee,
                remaining: order.remaining(),
            },
            is_final: order.state.is_final(),
        }
    }

    /// Self-trade prevention takes lots away from an order without a trade.
    pub fn prevent(&mut self, key: Key, quantity: Quantity) {
        let live = self.engine.orders.live_mut(key);
        let market = live.market;
        live.order.state = step(live.order.state, Step::Prevent(quantity.lots()));
        live.order.updated_at = self.at;
        let (order_id, user_id) = (live.order.order_id, live.order.user_id);
        let event = Event::OrderPrevented {
            order_id,
            user_id,
            quantity,
            remaining: live.order.remaining(),
        };
        let ends = live.order.state.is_final();
        self.emit(market, event);
        if ends {
            self.finish(key);
        } else {
            self.release_surplus(key);
        }
    }
}
