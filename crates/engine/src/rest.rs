//! Taking a live order out of wherever it waits: the book, the stops, or the queue of triggered stops.

use domain::{Event, Lots, OrderRef, UserId};

use crate::funds::Funds;
use crate::orders::Key;
use crate::turn::Turn;

impl<F: Funds> Turn<'_, F> {
    /// Takes an order out of the book or the stops; it stays live until it is closed or enters again.
    pub fn withdraw(&mut self, key: Key) {
        let live = self.engine.orders.live_mut(key);
        let market = live.market;
        let row = &mut self.engine.markets[market];
        let Some(slot) = live.slot.take() else {
            let stop = live
                .order
                .terms
                .stop_price()
                .filter(|_| live.order.triggered_at.is_none());
            match stop {
                Some(stop_price) => {
                    row.stops.remove(live.order.side, stop_price, live.rank, key);
                }
                None => row.triggered.retain(|other| *other != key),
            }
            return;
        };
        let removed = row
            .book
            .remove(slot, key.0)
            .expect("a resting order stands where its slot says");
        let quantity = row.book.shown(removed.side, removed.price);
        self.emit(
            market,
            Event::Level {
                side: removed.side,
                price: removed.price,
                quantity,
            },
        );
    }

    /// Shrinks a resting order in its place.
    pub fn shrink(&mut self, key: Key, to: Lots) {
        let live = self.engine.orders.live(key);
        let (market, side) = (live.market, live.order.side);
        let (Some(slot), Some(price)) = (live.slot, live.order.terms.price()) else {
            return;
        };
        let book = &mut self.engine.markets[market].book;
        book.reduce(slot, key.0, to)
            .expect("a resting order stands where its slot says");
        let quantity = book.shown(side, price);
        self.emit(
            market,
            Event::Level {
                side,
                price,
                quantity,
            },
        );
    }

    /// A live order of this user's.
    pub fn find(&self, user_id: UserId, order: &OrderRef) -> Option<Key> {
        let key = self.engine.orders.by_id(self.engine.resolve(user_id, order)?)?;
        (self.engine.orders.live(key).order.user_id == user_id).then_some(key)
    }
}
