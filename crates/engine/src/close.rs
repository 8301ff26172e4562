//! How an order ends, whatever ends it: its funds come back, its client id is kept for a while, and it is said once.

use std::sync::Arc;

use domain::{Amount, Event, Release, Step};

use crate::funds::Funds;
use crate::orders::Key;
use crate::place::{pays_and_receives, step};
use crate::turn::Turn;

impl<F: Funds> Turn<'_, F> {
    /// Takes a final step with an order that is neither in the book nor among the stops any more.
    pub fn close(&mut self, key: Key, last: Step) {
        let live = self.engine.orders.live_mut(key);
        live.order.state = step(live.order.state, last);
        self.finish(key);
    }

    /// Ends an order whose state is final.
    pub fn finish(&mut self, key: Key) {
        let engine = &mut *self.engine;
        let owner = engine.orders.live(key).owner;
        let user = engine.users.get_mut(owner);
        let Some(mut live) = engine.orders.remove(key, &mut user.list) else {
            return;
        };
        if engine.keeps_client_ids
            && let Some(id) = &live.order.client_order_id
        {
            user.end(id.clone(), self.at);
        }
        if let Some(end) = live.order.expires_at {
            engine.timers.remove(&(end, live.rank, key));
        }
        live.order.updated_at = self.at;
        live.order.ended_at = Some(self.at);
        if live.reserved.is_zero() {
            self.funds.close(live.order.order_id, live.funds);
        } else {
            let symbol = engine.markets[live.market].market.symbol();
            let release = Release {
                order_id: live.order.order_id,
                request_id: None,
                user_id: live.order.user_id,
                number: live.releases + 1,
                asset: pays_and_receives(symbol, live.order.side).0,
                amount: live.reserved,
                last: true,
            };
            self.funds.release(&release, live.funds);
        }
        self.emit(live.market, Event::OrderClosed(Arc::new(live.order)));
    }

    /// Gives back what a live order has reserved beyond what it still needs.
    pub fn release_surplus(&mut self, key: Key) {
        let live = self.engine.orders.live_mut(key);
        let market = &self.engine.markets[live.market].market;
        let surplus = live.reserved - market.still_needed(&live.order);
        if surplus == Amount::ZERO {
            return;
        }
        live.reserved -= surplus;
        live.releases += 1;
        let release = Release {
            order_id: live.order.order_id,
            request_id: None,
            user_id: live.order.user_id,
            number: live.releases,
            asset: pays_and_receives(market.symbol(), live.order.side).0,
            amount: surplus,
            last: false,
        };
        self.funds.release(&release, live.funds);
    }
}
