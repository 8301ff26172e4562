//! The digest of a shard's state, kept up row by row: the sum of the digests of all live orders, markets and counters.

use std::collections::BTreeMap;

use domain::{Digest, MarketNumber, OrderId, Stamp};
use engine::LiveMarket;
use persistence::postgres::orders::{FoldState, StoredOrder};
use serde::Serialize;

/// What is kept of a live order beside the engine.
#[derive(Debug, Clone, Copy)]
struct Kept {
    digest: u128,
    fold: FoldState,
}

/// The digests of the rows, and their sum modulo 2^128. The order in which rows came plays no part in a sum, so that a
/// state that was loaded has the digest of the state that was kept.
#[derive(Debug, Default)]
pub(super) struct Sums {
    orders: BTreeMap<OrderId, Kept>,
    markets: BTreeMap<MarketNumber, u128>,
    sum: u128,
    buffer: Vec<u8>,
}

impl Sums {
    /// The order is now this.
    pub fn set_order(&mut self, stored: &StoredOrder) {
        let StoredOrder {
            order,
            fold,
            reserved: _,
        } = stored;
        let FoldState {
            rank,
            turn,
            shown,
            reserve_left,
            releases,
            amendment,
        } = fold;
        let row = (rank, turn, shown, reserve_left, releases, amendment);
        let digest = digest(&mut self.buffer, &("order", order, row));
        let kept = Kept { digest, fold: *fold };
        let old = self.orders.insert(order.order_id, kept);
        self.replace(old.map(|old| old.digest), Some(digest));
    }

    /// The order is not live any more. What the fold knew of it.
    pub fn drop_order(&mut self, id: OrderId) -> Option<FoldState> {
        let old = self.orders.remove(&id)?;
        self.replace(Some(old.digest), None);
        Some(old.fold)
    }

    /// The market is now this.
    pub fn set_market(&mut self, live: &LiveMarket) {
        let LiveMarket {
            definition,
            state,
            last_price,
            trade_number,
            event_seq,
            last_turn,
        } = live;
        let row = (definition, state, last_price, trade_number, event_seq, last_turn);
        let new = digest(&mut self.buffer, &("market", row));
        let old = self.markets.insert(definition.number, new);
        self.replace(old, Some(new));
    }

    /// The digest of the whole, with the shard's counters.
    pub fn total(&mut self, last_rank: u64, last: Stamp) -> u128 {
        let counters = digest(&mut self.buffer, &("counters", last_rank, last));
        self.sum.wrapping_add(counters)
    }

    const fn replace(&mut self, old: Option<u128>, new: Option<u128>) {
        if let Some(old) = old {
            self.sum = self.sum.wrapping_sub(old);
        }
        if let Some(new) = new {
            self.sum = self.sum.wrapping_add(new);
        }
    }
}

/// The digest of one row. Every field counts: it is the digest of the row's encoding.
fn digest(buffer: &mut Vec<u8>, row: &impl Serialize) -> u128 {
    buffer.clear();
    let bytes = postcard::to_extend(row, std::mem::take(buffer));
    let mut digest = Digest::default();
    match bytes {
        Ok(bytes) => {
            digest.bytes(&bytes);
            *buffer = bytes;
        }
        // Rows are plain values: there is nothing in them that could not be encoded.
        Err(error) => panic!("a row cannot be encoded: {error}"),
    }
    digest.value()
}
