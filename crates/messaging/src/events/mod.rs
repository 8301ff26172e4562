//! What the world hears of a market's events: the message of each, as JSON on `trade.events` or `order.events`.

mod order;
mod trade;

use bytes::Bytes;
use domain::{Event, Market, MarketEvent, MarketNumber, Stamp};
use serde::Serialize;
use uuid::{Builder, Uuid, Variant, Version};

use crate::Exchange;
use crate::envelope::{Envelope, JSON};
use order::{OrderBody, PreventedBody, TriggeredBody};
use trade::TradeBody;

/// A message and where it is published.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Message {
    /// The exchange.
    pub exchange: Exchange,
    /// The routing key, at most 255 bytes.
    pub key: String,
    /// The message.
    pub envelope: Envelope,
}

/// The message of an event of this market; none where the event is no news for these exchanges (levels of the book,
/// definitions and states of markets). `prev_seq` is the sequence of the market's event before it that went to the same
/// exchange; 0: none, or not known.
///
/// The same event gives the same message, id and all. Partial fills are told by their trades alone.
pub fn news_of(event: &MarketEvent, market: &Market, prev_seq: u64) -> Option<Message> {
    let place = Place {
        symbol: market.symbol().to_string(),
        seq: event.seq,
        prev: prev_seq,
    };
    let (exchange, word, kind, body) = match &event.event {
        Event::Trade(trade) => {
            let body = json(&TradeBody::new(place, trade, market))?;
            (Exchange::TradeEvents, "trade.executed", "trade.executed", body)
        }
        Event::OrderAccepted(order) => order_message("order.accepted", place, event.at, order, market)?,
        Event::OrderAmended(order) => order_message("order.amended", place, event.at, order, market)?,
        Event::OrderClosed(order) => order_message("order.closed", place, event.at, order, market)?,
        Event::OrderTriggered {
            order_id,
            user_id,
            last_price,
        } => {
            let body = TriggeredBody::new(place, event.at, (*order_id, *user_id), *last_price, market);
            let kind = "order.triggered";
            (Exchange::OrderEvents, kind, kind, json(&body)?)
        }
        Event::OrderPrevented {
            order_id,
            user_id,
            quantity,
            remaining,
        } => {
            let lots = (quantity.lots(), *remaining);
            let body = PreventedBody::new(place, event.at, (*order_id, *user_id), lots, market);
            let kind = "order.prevented";
            (Exchange::OrderEvents, kind, kind, json(&body)?)
        }
        Event::MarketDefined(_) | Event::MarketStateChanged(_) | Event::Level { .. } => return None,
    };
    let message_id = message_id(event.at, event.market, event.seq);
    // Kinds are short words of ours, and bodies far below the limit.
    let envelope = Envelope::new(message_id, kind, JSON, event.at, body).ok()?;
    Some(Message {
        exchange,
        key: format!("{word}.{}", market.symbol().dashed()),
        envelope: envelope.of_market(market.symbol(), event.seq),
    })
}

/// Where an event stands in its market.
#[derive(Debug, Serialize)]
struct Place {
    symbol: String,
    seq: u64,
    prev: u64,
}

type Parts = (Exchange, &'static str, &'static str, Bytes);

fn order_message(
    kind: &'static str,
    place: Place,
    at: Stamp,
    order: &domain::Order,
    market: &Market,
) -> Option<Parts> {
    let body = json(&OrderBody::new(kind, place, at, order, market))?;
    Some((
        Exchange::OrderEvents,
        order::word(order.state.status()),
        kind,
        body,
    ))
}

/// The JSON of a body. Structs of texts and numbers can always be written.
fn json(body: &impl Serialize) -> Option<Bytes> {
    serde_json::to_vec(body).ok().map(Bytes::from)
}

/// The id of an event's message: the stamp in milliseconds, 20 bits of market number, 54 bits of sequence, as UUIDv8.
fn message_id(at: Stamp, market: MarketNumber, seq: u64) -> Uuid {
    let number = u128::from(market.0 & 0xF_FFFF) << 54 | u128::from(seq & ((1 << 54) - 1));
    let high = number >> 62 & 0xFFF;
    let low = number & 0x3FFF_FFFF_FFFF_FFFF;
    let bits = u128::from(at.millis() & 0xFFFF_FFFF_FFFF) << 80 | high << 64 | low;
    Builder::from_u128(bits)
        .with_variant(Variant::RFC4122)
        .with_version(Version::Custom)
        .into_uuid()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_message_has_the_same_id_every_time_and_another_one_than_its_neighbours() {
        let at = Stamp::from_micros(1_790_000_000_000_000);
        let id = message_id(at, MarketNumber(1), 7);
        assert_eq!(id, message_id(at, MarketNumber(1), 7));
        assert_ne!(id, message_id(at, MarketNumber(1), 8));
        assert_ne!(id, message_id(at, MarketNumber(2), 7));
        assert_eq!(id.to_string(), "01a0c450-6c00-8000-8040-000000000007");
        assert_eq!(id.get_version_num(), 8);
    }
}
