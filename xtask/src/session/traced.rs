//! One real order's trace: every hop from the request to its settlement is there, each beneath the one that caused it.

use std::time::Duration;

use anyhow::{Context, Result, bail, ensure};
use serde_json::Value;
use testbed::{Exchange, Member, Role, Seen, Sink};
use tokio::time::Instant;

use crate::http::{Answer, Asked, Question, ask};
use crate::shell;

/// How long the last span may take to arrive.
const PATIENCE: Duration = Duration::from_secs(30);
/// Between two looks.
const LOOK: Duration = Duration::from_millis(100);

/// The hops of an order that meets another at once, as program and span, each with the one that it is beneath. The last part
/// is the relay's: it goes on from what the log has kept.
const HOPS: [(&str, &str, &str); 15] = [
    ("gateway", "POST /api/v1/orders", ""),
    ("gateway", "store orders", "POST /api/v1/orders"),
    ("gateway", "reserve funds", "POST /api/v1/orders"),
    ("gateway", "wallet call", "reserve funds"),
    (
        "wallet-service",
        "POST /api/v1/wallets/instructions",
        "wallet call",
    ),
    (
        "wallet-service",
        "wallet transaction",
        "POST /api/v1/wallets/instructions",
    ),
    ("gateway", "hand commands over", "POST /api/v1/orders"),
    ("matcher", "hear hint", "hand commands over"),
    ("matcher", "apply command", "POST /api/v1/orders"),
    ("matcher", "commit batch", "apply command"),
    ("gateway", "hear news", "commit batch"),
    ("matcher", "publish events", "apply command"),
    ("matcher", "settle", "apply command"),
    ("matcher", "wallet call", "settle"),
    ("gateway", "hear news", "settle"),
];

/// Places an order that meets another, and waits until its trace is whole.
///
/// # Errors
/// A hop is missing, or beneath another one than the one that caused it.
pub async fn followed(exchange: &Exchange, sink: &Sink) -> Result<()> {
    let gateway = exchange.of(Role::Gateway).next().context("there is no gateway")?;
    for (user, side) in [("alice", "SELL"), ("bob", "BUY")] {
        let token = shell::output(&mut gateway.command(&["token", user]))?;
        let order = format!(
            r#"{{"symbol":"BTC/USDT","side":"{side}","order_type":"LIMIT","price":"50000","quantity":"0.001","client_order_id":"traced"}}"#
        );
        let answer = placed(gateway, token.trim(), &order).await?;
        ensure!(
            answer.status == 201,
            "an order is answered with {} {}",
            answer.status,
            answer.body
        );
    }
    let id = trace_of_last_order(gateway)?;
    let deadline = Instant::now() + PATIENCE;
    loop {
        let spans = sink.trace(&id);
        match missing(&spans) {
            None => {
                println!(
                    "trace {id}: {} spans, every hop beneath the one that caused it",
                    spans.len()
                );
                return Ok(());
            }
            Some(hop) if Instant::now() > deadline => {
                bail!("trace {id} has no {hop}; it has\n{}", told(&spans));
            }
            Some(_) => tokio::time::sleep(LOOK).await,
        }
    }
}

/// Each line of JSON that the programs have logged since their start names a trace.
///
/// # Errors
/// One does not.
pub fn in_every_line(exchange: &Exchange) -> Result<()> {
    let mut lines = 0;
    for member in exchange.members() {
        let log = member.log();
        let of_json = log
            .lines()
            .filter_map(|line| serde_json::from_str::<Value>(line).ok());
        for line in of_json {
            let id = line["trace_id"].as_str().unwrap_or_default();
            ensure!(id.len() == 32, "{} logs without a trace: {line}", member.name());
            lines += 1;
        }
    }
    ensure!(lines > 0, "no program has logged anything");
    println!("a trace's id in each of {lines} lines of the logs");
    Ok(())
}

async fn placed(gateway: &Member, token: &str, body: &str) -> Result<Answer> {
    let question = Question {
        port: gateway.port(),
        method: "POST",
        path: "/api/v1/orders",
        token,
        body,
    };
    match ask(question).await {
        Asked::Answer(answer) => Ok(answer),
        Asked::NotSent | Asked::Unknown => bail!("{} does not take an order", gateway.name()),
    }
}

/// The trace that the gateway's log names for the last order that it took.
fn trace_of_last_order(gateway: &Member) -> Result<String> {
    let log = gateway.log();
    let lines = log
        .lines()
        .rev()
        .filter_map(|line| serde_json::from_str::<Value>(line).ok());
    let mut orders = lines.filter(|line| {
        line["target"] == "access" && line["method"] == "POST" && line["route"] == "/api/v1/orders"
    });
    let line = orders.next().context("the log has no order")?;
    let id = line["trace_id"]
        .as_str()
        .context("the log line of an order has no trace_id")?;
    Ok(id.to_owned())
}

/// The first hop that is not there, beneath what it belongs to.
fn missing(spans: &[Seen]) -> Option<String> {
    let name_of = |id: &[u8]| {
        spans
            .iter()
            .find(|span| span.id == id)
            .map_or("", |span| span.name.as_str())
    };
    let hop = HOPS.iter().find(|(service, name, parent)| {
        let is_there =
            |span: &&Seen| span.service == *service && span.name == *name && name_of(&span.parent) == *parent;
        !spans.iter().any(|span| is_there(&span))
    });
    hop.map(|(service, name, parent)| format!("{name:?} of {service} beneath {parent:?}"))
}

fn told(spans: &[Seen]) -> String {
    let name_of = |id: &[u8]| {
        spans
            .iter()
            .find(|span| span.id == id)
            .map_or("-", |span| span.name.as_str())
    };
    let line = |span: &Seen| {
        format!(
            "{} {:?} beneath {:?}",
            span.service,
            span.name,
            name_of(&span.parent)
        )
    };
    spans.iter().map(line).collect::<Vec<_>>().join("\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn whole() -> Vec<Seen> {
        let id = |service: &str, name: &str| format!("{service} {name}").into_bytes();
        let hops = HOPS.iter().map(|(service, name, parent)| Seen {
            service: (*service).to_owned(),
            name: (*name).to_owned(),
            id: id(service, name),
            links: Vec::new(),
            parent: (HOPS.iter().find(|hop| hop.1 == *parent)).map_or_else(Vec::new, |hop| id(hop.0, parent)),
        });
        hops.collect()
    }

    #[test]
    fn a_missing_hop_and_one_beneath_another_are_named() {
        assert_eq!(missing(&whole()), None);
        for at in 0..HOPS.len() {
            let mut spans = whole();
            spans.remove(at);
            assert!(missing(&spans).is_some(), "{:?}", HOPS[at]);
            let mut spans = whole();
            spans[at].parent = b"somewhere else".to_vec();
            let is_root = HOPS[at].2.is_empty();
            assert_eq!(missing(&spans).is_none(), is_root, "{:?}", HOPS[at]);
        }
    }
}
