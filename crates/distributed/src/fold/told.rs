//! What the engine answers, as the log tells it.

use std::sync::Arc;

use domain::{Event, MarketEvent, Order, OrderId, Refusal};
use engine::{Answer, Engine};

use crate::{Told, ToldRefusal};

/// What an answer of the engine's comes to. `events` are those of the same command.
pub(super) fn told(engine: &Engine, answer: Answer, events: &[MarketEvent]) -> Told {
    let order = |id: OrderId| order_after(engine, id, events);
    match answer {
        Answer::Done | Answer::NotMine | Answer::Armed(_) | Answer::SessionOpened(_) => Told::Done,
        Answer::Placed(id) => order(id).map_or(Told::Done, Told::Placed),
        Answer::Cancelled(id) => order(id).map_or(Told::Done, Told::Cancelled),
        Answer::Amended(id) => order(id).map_or(Told::Done, Told::Amended),
        Answer::CancelledAll(count) => Told::CancelledAll(count),
        Answer::Repeated(_) => Told::Refused(ToldRefusal::Repeated),
        Answer::Refused(refusal) => Told::Refused(refused(refusal)),
    }
}

/// An order after a command that spoke of it: it is live, or the command has ended it.
fn order_after(engine: &Engine, id: OrderId, events: &[MarketEvent]) -> Option<Arc<Order>> {
    if let Some(order) = engine.order(id) {
        return Some(Arc::new(order.clone()));
    }
    events.iter().rev().find_map(|event| match &event.event {
        Event::OrderClosed(order) if order.order_id == id => Some(Arc::clone(order)),
        _ => None,
    })
}

/// Why nothing changed.
pub(super) fn refused(refusal: Refusal) -> ToldRefusal {
    let invalid = |field: &str, rule: &str| ToldRefusal::Invalid {
        field: field.to_owned(),
        rule: rule.to_owned(),
    };
    match refusal {
        Refusal::UnknownMarket => ToldRefusal::UnknownMarket,
        Refusal::UnknownOrder | Refusal::OrderEnded(_) => ToldRefusal::NotLive,
        Refusal::MarketState(state) => ToldRefusal::MarketState(state),
        Refusal::Amendment(reason) => ToldRefusal::Amendment(reason),
        Refusal::Shape(error) => invalid(error.field, &error.rule),
        Refusal::Definition(errors) => match errors.first() {
            Some(error) => invalid(error.field, &error.rule),
            None => invalid("definition", "breaks a rule"),
        },
        // Client ids, transfers and the register are not the shard's.
        Refusal::ClientIdConflict(_) => invalid("client_order_id", "is taken"),
        Refusal::TransferKeyConflict
        | Refusal::InsufficientBalance
        | Refusal::BalanceTooLarge
        | Refusal::UnknownTier
        | Refusal::UnknownApiKey
        | Refusal::ApiKeyTaken => invalid("command", "is not for a shard"),
    }
}
