//! The digest of events: every field of every event goes in, in an order that never changes.

use domain::{
    Command, Digest, Event, MarketDefinition, MarketEvent, Order, OrderState, Outcome, Price, Size, Stamp,
    Terms, TimeInForce, Trade, TradeSide, TransferReceipt,
};

/// Adds what one command came to.
pub(crate) fn add(
    digest: &mut Digest,
    seq: u64,
    at: Stamp,
    command: &Command,
    outcome: &Outcome,
    events: &[MarketEvent],
) {
    digest.word(seq);
    digest.word(match outcome {
        Outcome::Done => 0,
        Outcome::Placed(_) => 1,
        Outcome::Repeated(_) | Outcome::RepeatedLongAgo(_) => 2,
        Outcome::Cancelled(_) => 3,
        Outcome::Amended(_) => 4,
        Outcome::CancelledAll(_) => 5,
        Outcome::Refused(_) => 6,
        Outcome::Transferred(_) => 7,
        Outcome::Armed(_) => 8,
        Outcome::SessionOpened(_) => 9,
    });
    if let Outcome::Transferred(receipt) = outcome {
        add_receipt(digest, receipt);
    }
    if !matches!(outcome, Outcome::Refused(_)) {
        crate::silent::add(digest, at, command);
    }
    for event in events {
        let MarketEvent {
            market,
            seq,
            at,
            event,
        } = event;
        digest.word(u64::from(market.0));
        digest.word(*seq);
        digest.word(at.micros());
        add_event(digest, event);
    }
}

/// Transfers have no events: what they came to goes in itself.
fn add_receipt(digest: &mut Digest, receipt: &TransferReceipt) {
    let TransferReceipt {
        key,
        kind,
        user_id,
        asset,
        amount,
        available,
        at,
    } = receipt;
    digest.bytes(key.as_str().as_bytes());
    digest.wide(user_id.as_u128());
    digest.bytes(asset.as_str().as_bytes());
    for word in [*kind as u64, amount.0, available.0, at.micros()] {
        digest.word(word);
    }
}

fn add_event(digest: &mut Digest, event: &Event) {
    match event {
        Event::MarketDefined(definition) => {
            digest.word(1);
            add_definition(digest, definition);
        }
        Event::MarketStateChanged(state) => {
            digest.word(2);
            digest.word(*state as u64);
        }
        Event::OrderAccepted(order) => {
            digest.word(3);
            add_order(digest, order);
        }
        Event::OrderTriggered {
            order_id,
            user_id,
            last_price,
        } => {
            digest.word(4);
            digest.wide(order_id.as_u128());
            digest.wide(user_id.as_u128());
            digest.word(u64::from(last_price.ticks()));
        }
        Event::Trade(trade) => {
            digest.word(5);
            add_trade(digest, trade);
        }
        Event::OrderPrevented {
            order_id,
            user_id,
            quantity,
            remaining,
        } => {
            digest.word(6);
            digest.wide(order_id.as_u128());
            digest.wide(user_id.as_u128());
            digest.word(quantity.lots().0);
            digest.word(remaining.0);
        }
        Event::OrderAmended(order) => {
            digest.word(7);
            add_order(digest, order);
        }
        Event::OrderClosed(order) => {
            digest.word(8);
            add_order(digest, order);
        }
        Event::Level {
            side,
            price,
            quantity,
        } => {
            digest.word(9);
            digest.word(*side as u64);
            digest.word(u64::from(price.ticks()));
            digest.word(quantity.0);
        }
    }
}

fn add_definition(digest: &mut Digest, definition: &MarketDefinition) {
    let MarketDefinition {
        number,
        symbol,
        tick,
        lot,
        min_quantity,
        max_quantity,
        max_price,
        min_notional,
        market_band,
        limit_band,
        initial_price,
        maker_fee,
        taker_fee,
        max_open_orders,
    } = definition;
    digest.bytes(symbol.to_string().as_bytes());
    let band = |band: &Option<domain::Band>| band.map_or(0, |band| 1 + u64::from(band.0));
    for word in [
        u64::from(number.0),
        tick.0,
        lot.0,
        min_quantity.0,
        max_quantity.0,
        u64::from(max_price.ticks()),
        min_notional.0,
        band(market_band),
        band(limit_band),
        initial_price.map_or(0, |price| u64::from(price.ticks())),
        u64::from(maker_fee.0),
        u64::from(taker_fee.0),
        u64::from(*max_open_orders),
    ] {
        digest.word(word);
    }
}

fn add_order(digest: &mut Digest, order: &Order) {
    let Order {
        order_id,
        user_id,
        institution_id,
        market,
        side,
        terms,
        time_in_force,
        self_trade_prevention,
        client_order_id,
        quantity,
        protection_price,
        state,
        filled_notional,
        fee,
        maker_fee,
        taker_fee,
        deadline,
        expires_at,
        created_at,
        updated_at,
        triggered_at,
        ended_at,
    } = order;
    digest.wide(order_id.as_u128());
    digest.wide(user_id.as_u128());
    digest.wide(institution_id.map_or(0, |id| id.as_u128()));
    digest.bytes(client_order_id.as_ref().map_or(&[], |id| id.as_str().as_bytes()));
    add_terms(digest, terms);
    add_state(digest, state);
    let time = |at: &Option<Stamp>| at.map_or(0, |at| at.micros());
    for word in [
        u64::from(market.0),
        *side as u64,
        tif(*time_in_force),
        *self_trade_prevention as u64,
        quantity.0,
        ticks(*protection_price),
        filled_notional.0,
        fee.0,
        u64::from(maker_fee.0),
        u64::from(taker_fee.0),
        deadline.micros(),
        time(expires_at),
        created_at.micros(),
        updated_at.micros(),
        time(triggered_at),
        time(ended_at),
    ] {
        digest.word(word);
    }
}

fn add_terms(digest: &mut Digest, terms: &Terms) {
    let (by_budget, size) = match terms.size() {
        Size::Budget(budget) => (true, budget.0),
        Size::Quantity(quantity) => (false, quantity.lots().0),
    };
    for word in [
        terms.order_type() as u64,
        ticks(terms.price()),
        ticks(terms.stop_price()),
        u64::from(by_budget),
        size,
        terms.display().map_or(0, |shown| shown.lots().0),
        u64::from(terms.post_only()),
    ] {
        digest.word(word);
    }
}

fn add_state(digest: &mut Digest, state: &OrderState) {
    let progress = state.progress();
    let reason = match state {
        OrderState::Pending | OrderState::Open(_) | OrderState::Filled(_) => 0,
        OrderState::Cancelled(_, reason) => 1 + *reason as u64,
        OrderState::Expired(_, reason) => 1 + *reason as u64,
        OrderState::Rejected(reason) => 1 + *reason as u64,
    };
    for word in [
        state.status() as u64,
        reason,
        progress.remaining.0,
        progress.filled.0,
        progress.prevented.0,
    ] {
        digest.word(word);
    }
}

fn ticks(price: Option<Price>) -> u64 {
    price.map_or(0, |price| u64::from(price.ticks()))
}

const fn tif(time_in_force: TimeInForce) -> u64 {
    match time_in_force {
        TimeInForce::Gtc => 0,
        TimeInForce::Ioc => 1,
        TimeInForce::Fok => 2,
        TimeInForce::Day => 3,
        TimeInForce::Gtd(end) => 4 + end.micros(),
    }
}

fn add_trade(digest: &mut Digest, trade: &Trade) {
    let Trade {
        trade_id,
        market,
        number,
        price,
        quantity,
        buyer,
        seller,
        maker_side,
        executed_at,
    } = trade;
    digest.wide(trade_id.as_u128());
    for word in [
        u64::from(market.0),
        *number,
        u64::from(price.ticks()),
        quantity.lots().0,
        *maker_side as u64,
        executed_at.micros(),
    ] {
        digest.word(word);
    }
    for TradeSide {
        order_id,
        user_id,
        fee,
        remaining,
    } in [buyer, seller]
    {
        digest.wide(order_id.as_u128());
        digest.wide(user_id.as_u128());
        digest.word(fee.0);
        digest.word(remaining.0);
    }
}
