//! The JSON of every event that other services hear of. A change of a file under `golden` is a change of a contract.
//! `UPDATE_GOLDEN=1 cargo test -p messaging --test events` writes them anew.
#![allow(clippy::unwrap_used, reason = "tests may panic")]

// The events of the contract of `domain`: a new kind is missing here as soon as it is there.
#[path = "../../domain/tests/samples/mod.rs"]
#[allow(dead_code, reason = "only the events are of interest")]
mod samples;
#[path = "../../domain/tests/venue/mod.rs"]
mod venue;

use std::collections::BTreeSet;
use std::path::PathBuf;

use domain::{Event, Market};
use messaging::{Exchange, JSON, news_of};
use serde_json::Value;

fn market() -> Market {
    Market::new(venue::btc_usdt()).unwrap()
}

fn golden(file: &str) -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
        .join("tests/golden/events")
        .join(file)
}

fn compare(file: &str, text: &str) {
    let path = golden(file);
    if std::env::var_os("UPDATE_GOLDEN").is_some() {
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(&path, text).unwrap();
    }
    let written = std::fs::read_to_string(&path).unwrap_or_default();
    assert_eq!(
        text, written,
        "{file} is a contract; UPDATE_GOLDEN=1 writes it anew"
    );
}

#[test]
fn every_event_has_its_message_or_none() {
    let market = market();
    let mut files = BTreeSet::new();
    for (name, event) in samples::events() {
        let message = news_of(&event, &market, event.seq - 1);
        let is_silent = matches!(
            event.event,
            Event::MarketDefined(_) | Event::MarketStateChanged(_) | Event::Level { .. }
        );
        assert_eq!(message.is_none(), is_silent, "{name}");
        let Some(message) = message else { continue };
        let envelope = &message.envelope;
        let body: Value = serde_json::from_slice(envelope.body()).unwrap();
        let exchange = match message.exchange {
            Exchange::TradeEvents => "trade.events",
            Exchange::OrderEvents => "order.events",
            other => panic!("{name} goes to {other:?}"),
        };
        let text = format!(
            "{exchange} {} {} {}\n{}\n",
            message.key,
            envelope.kind(),
            envelope.message_id(),
            serde_json::to_string_pretty(&body).unwrap()
        );
        compare(&format!("{name}.txt"), &text);
        files.insert(format!("{name}.txt"));

        assert_eq!(envelope.content_type(), JSON);
        assert_eq!(envelope.created_at(), event.at);
        assert_eq!(envelope.market(), Some((market.symbol(), event.seq)));
        assert_eq!(
            (&body["seq"], &body["prev"], &body["symbol"], &body["event"]),
            (
                &event.seq.into(),
                &(event.seq - 1).into(),
                &"BTC/USDT".into(),
                &envelope.kind().into()
            ),
            "{name}"
        );
    }
    for entry in std::fs::read_dir(golden("")).unwrap() {
        let file = entry.unwrap().file_name().into_string().unwrap();
        assert!(files.contains(&file), "{file} has no event");
    }
}

#[test]
fn an_orders_message_goes_under_the_word_of_its_status() {
    let market = market();
    let mut keys = BTreeSet::new();
    for (name, event) in samples::events() {
        if let Event::OrderClosed(order) | Event::OrderAccepted(order) | Event::OrderAmended(order) =
            &event.event
        {
            let word = order.state.status().word().to_lowercase();
            let message = news_of(&event, &market, 0).unwrap();
            assert_eq!(message.key, format!("order.{word}.BTC-USDT"), "{name}");
            keys.insert(word);
        }
    }
    let all = [
        "cancelled",
        "expired",
        "filled",
        "open",
        "partially_filled",
        "rejected",
    ];
    assert!(
        all.iter().filter(|word| keys.contains(**word)).count() >= 5,
        "{keys:?}"
    );
}

#[test]
fn numbers_are_decimal_strings_and_never_floats() {
    let market = market();
    let is_whole = |number: &serde_json::Number| number.is_u64();
    for (name, event) in samples::events() {
        let Some(message) = news_of(&event, &market, 0) else {
            continue;
        };
        let body: Value = serde_json::from_slice(message.envelope.body()).unwrap();
        for (field, value) in body.as_object().unwrap() {
            match value {
                Value::Number(number) => {
                    assert!(
                        is_whole(number) && ["seq", "prev", "number"].contains(&field.as_str()),
                        "{name}.{field}"
                    );
                }
                Value::Array(_) | Value::Object(_) => panic!("{name}.{field} is no plain value"),
                _ => {}
            }
        }
    }
}
