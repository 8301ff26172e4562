//! Subscribing and unsubscribing.

use std::collections::BTreeSet;

use http::{Bucket, Problem, Scope};
use serde_json::json;
use trading::Caller;

use super::connection::{Connection, who};
use super::request::{Outcome, ok};
use crate::error;
use crate::streams::outbox::Close;
use crate::streams::topic::{Channel, OwnTopic, Topic};
use crate::wire;

/// The channels of these names.
fn parse(connection: &Connection, names: &[String]) -> Result<BTreeSet<Channel>, Problem> {
    if names.is_empty() {
        return Err(Problem::invalid_field("channels", "must name a channel"));
    }
    let markets = connection.state.exchange.markets();
    names.iter().map(|name| Channel::parse(name, &markets)).collect()
}

/// The caller, where own channels are among these; looking at one's own things is charged for.
pub(super) async fn admit(connection: &Connection, names: &[String]) -> Result<Option<Caller>, Problem> {
    if !names.iter().any(|name| OwnTopic::from_name(name).is_some()) {
        return Ok(None);
    }
    let identity = connection.with_any(&[Scope::Read, Scope::Trade])?;
    connection.charge(identity, Bucket::Orders, 1).await?;
    Ok(Some(who(identity)))
}

/// Follows channels.
pub(super) async fn subscribe(
    connection: &Connection,
    caller: Option<Caller>,
    names: Vec<String>,
    fills_after: Option<String>,
) -> Outcome {
    let most = connection.state.ws.subscriptions;
    let too_many = || {
        connection
            .seat
            .outbox
            .cut(Close::TooMany("too many subscriptions"));
        Problem::invalid_field("channels", format!("must come to {most} at most"))
    };
    if names.len() > most {
        return Err(too_many());
    }
    let _turn = connection.subscribing.lock().await;
    let channels = parse(connection, &names)?;
    if connection.seat.count_with(&channels) > most {
        return Err(too_many());
    }
    let fills_after = fills_after.map(|text| wire::id("fills_after", &text)).transpose();
    let fills_after = fills_after.map_err(error::field)?;
    if fills_after.is_some() && !channels.contains(&Channel::Own(OwnTopic::Fills)) {
        return Err(Problem::invalid_field(
            "fills_after",
            "goes with the channel fills",
        ));
    }
    let (mut public, mut own) = (Vec::<Topic>::new(), BTreeSet::new());
    for channel in channels {
        match channel {
            Channel::Public(topic) => public.push(topic),
            Channel::Own(topic) => {
                own.insert(topic);
            }
        }
    }
    connection.seat.check(&public)?;
    if let (Some(caller), false) = (caller, own.is_empty()) {
        connection.seat.subscribe_own(caller, own, fills_after).await?;
    }
    connection.seat.subscribe(&public)?;
    ok(json!({ "channels": names }))
}

/// Stops following channels.
pub(super) async fn unsubscribe(connection: &Connection, names: Vec<String>) -> Outcome {
    let most = connection.state.ws.subscriptions;
    if names.len() > most {
        return Err(Problem::invalid_field(
            "channels",
            format!("must be at most {most}"),
        ));
    }
    let _turn = connection.subscribing.lock().await;
    for channel in parse(connection, &names)? {
        connection.seat.unsubscribe(channel);
    }
    ok(json!({ "channels": names }))
}
