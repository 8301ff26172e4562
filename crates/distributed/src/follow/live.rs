//! How many live orders each user has in each market, as far as this gateway has followed.

use std::collections::HashMap;

use domain::{Event, Lots, MarketEvent, MarketNumber, Order, OrderState, UserId};

/// Counts of live orders; users without any take no room.
#[derive(Debug, Default)]
pub(super) struct LiveCounts(HashMap<UserId, Vec<(MarketNumber, u32)>>);

impl LiveCounts {
    /// These, to begin with.
    pub fn begin(counts: impl IntoIterator<Item = (UserId, MarketNumber, u32)>) -> Self {
        let mut live = Self::default();
        for (user_id, market, count) in counts.into_iter().filter(|(.., count)| *count > 0) {
            live.0.entry(user_id).or_default().push((market, count));
        }
        live
    }

    /// Takes the next event of a market.
    pub fn take(&mut self, event: &MarketEvent) {
        match &event.event {
            Event::OrderAccepted(order) => {
                let markets = self.0.entry(order.user_id).or_default();
                match markets.iter_mut().find(|(market, _)| *market == event.market) {
                    Some((_, count)) => *count += 1,
                    None => markets.push((event.market, 1)),
                }
            }
            Event::OrderClosed(order) if has_lived(order) => self.end(order.user_id, event.market),
            _ => {}
        }
    }

    fn end(&mut self, user_id: UserId, ended_in: MarketNumber) {
        let Some(markets) = self.0.get_mut(&user_id) else {
            return;
        };
        markets.retain_mut(|(market, count)| {
            *count -= u32::from(*market == ended_in);
            *count > 0
        });
        if markets.is_empty() {
            self.0.remove(&user_id);
        }
    }

    /// How many live orders a user has in the markets that are meant.
    pub fn of(&self, user_id: UserId, is_meant: impl Fn(MarketNumber) -> bool) -> u32 {
        let markets = self.0.get(&user_id).into_iter().flatten();
        let meant = markets.filter(|(market, _)| is_meant(*market));
        meant.map(|(_, count)| *count).fold(0, u32::saturating_add)
    }
}

/// Whether an order that has ended ever came to life: then it has lots, traded or not.
fn has_lived(order: &Order) -> bool {
    let lots = order.state.progress();
    !matches!(order.state, OrderState::Rejected(_))
        && [lots.remaining, lots.filled, lots.prevented] != [Lots::ZERO; 3]
}
