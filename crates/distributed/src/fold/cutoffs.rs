//! The mass cancels that orders which were received before them still have to meet.

use std::collections::BTreeMap;

use domain::{CancelReason, MarketNumber, Place, Selection, Side, Stamp, UserId};

/// A cut-off is kept for so long after its moment: 24 hours.
const KEPT_MICROS: u64 = 24 * 60 * 60 * 1_000_000;

/// A mass cancel: orders received before its moment end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Cutoff {
    /// Which orders.
    pub selection: Selection,
    /// Why they end.
    pub reason: CancelReason,
    /// Those received before this moment.
    pub received_before: Stamp,
}

type Key = (Option<UserId>, Option<MarketNumber>, Option<Side>);

/// Cut-offs, of those with the same selection the latest.
#[derive(Debug, Default)]
pub(super) struct Cutoffs {
    latest: BTreeMap<Key, (Stamp, CancelReason)>,
}

impl Cutoffs {
    pub fn add(&mut self, cutoff: &Cutoff) {
        let Selection {
            user_id,
            market,
            side,
        } = cutoff.selection;
        let new = (cutoff.received_before, cutoff.reason);
        let latest = self.latest.entry((user_id, market, side)).or_insert(new);
        if latest.0 < new.0 {
            *latest = new;
        }
    }

    /// Forgets those that are so old that no order can meet them any more.
    pub fn forget(&mut self, at: Stamp) {
        self.latest
            .retain(|_, (received_before, _)| received_before.plus_micros(KEPT_MICROS) > at);
    }

    /// Why an order ends as soon as it comes; none: it lives.
    pub fn ends(&self, place: &Place) -> Option<CancelReason> {
        if self.latest.is_empty() {
            return None;
        }
        let users = [Some(place.user_id), None];
        let markets = [Some(place.market), None];
        let sides = [Some(place.side), None];
        let keys = users.into_iter().flat_map(|user| {
            markets
                .into_iter()
                .flat_map(move |market| sides.into_iter().map(move |side| (user, market, side)))
        });
        keys.filter_map(|key| self.latest.get(&key))
            .find(|(received_before, _)| place.received_at < *received_before)
            .map(|(_, reason)| *reason)
    }

    pub fn len(&self) -> usize {
        self.latest.len()
    }
}
