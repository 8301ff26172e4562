//! The spans of real orders through a real embedded exchange, as a collector gets them.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

#[allow(dead_code, reason = "shared with the tests of the WebSocket")]
#[path = "../ws/client.rs"]
mod client;
#[allow(dead_code, reason = "shared with the tests of the WebSocket")]
#[path = "../ws/house.rs"]
mod house;
#[allow(dead_code, reason = "shared with the tests of the WebSocket")]
#[path = "../ws/moody.rs"]
mod moody;

use std::collections::BTreeSet;
use std::sync::{Arc, Condvar, Mutex, OnceLock};
use std::time::Duration;

use domain::Command;
use embedded::Probe;
use runtime::settings::MonitoringSettings;
use runtime::trace::{Traces, init};
use serde_json::{Value, json};
use testbed::{Seen, Sink};

use client::Client;
use house::{ALICE, BOB, House, PATIENCE, Plan, token, until};

/// Between two looks at what the collector has.
const LOOK: Duration = Duration::from_millis(20);

/// The span that a caller says its requests are part of.
const CALLERS_SPAN: &str = "b7ad6b7169203331";

/// What an order's trace has beneath its request, which may be of HTTP or of the WebSocket.
const PARTS: [(&str, &str); 5] = [
    ("queue", "the request"),
    ("apply command", "the request"),
    ("write journal", "apply command"),
    ("answer", "the request"),
    ("write history", "apply command"),
];

/// Where the spans of this process go. Only the first call sets it up, on threads that outlive the test.
fn collector() -> &'static Sink {
    static COLLECTOR: OnceLock<(Sink, Traces)> = OnceLock::new();
    let start = || {
        let sink = Sink::start_apart().unwrap();
        let settings = MonitoringSettings {
            jaeger_enabled: true,
            jaeger_endpoint: Some(sink.url()),
            trace_ratio: 1.0,
            ..MonitoringSettings::default()
        };
        let traces = init(&settings, "test").unwrap();
        (sink, traces)
    };
    // What sends spans must not be set up within an asynchronous task.
    let apart = || std::thread::spawn(start).join().unwrap();
    &COLLECTOR.get_or_init(apart).0
}

/// A place for an order of this trace, over HTTP.
async fn place(house: &House, user: u128, trace: &str, price: &str) -> Value {
    let answer = reqwest::Client::new()
        .post(format!("http://{}/api/v1/orders", house.address))
        .bearer_auth(token(user))
        .header("traceparent", format!("00-{trace}-{CALLERS_SPAN}-01"))
        .json(&order(price))
        .send()
        .await
        .unwrap();
    assert_eq!(answer.status(), 201);
    answer.json().await.unwrap()
}

fn order(price: &str) -> Value {
    json!({"symbol": "BTC/USDT", "side": "BUY", "order_type": "LIMIT", "price": price, "quantity": "1"})
}

/// The spans of a trace, once so many are there.
async fn spans(trace: &str, count: usize) -> Vec<Seen> {
    for _ in 0..PATIENCE.as_millis() / LOOK.as_millis() {
        let spans = collector().trace(trace);
        if spans.len() >= count {
            return spans;
        }
        tokio::time::sleep(LOOK).await;
    }
    collector().trace(trace)
}

/// Each span's name and that of the one that it is beneath; the span with this name is the request.
fn tree(spans: &[Seen], request: &str) -> BTreeSet<(String, String)> {
    let name = |span: &Seen| match span.name == request {
        true => "the request".to_owned(),
        false => span.name.clone(),
    };
    let parent = |span: &Seen| {
        let parent = spans.iter().find(|other| other.id == span.parent);
        parent.map_or_else(|| "nothing here".to_owned(), name)
    };
    spans.iter().map(|span| (name(span), parent(span))).collect()
}

/// The request and these parts of it.
fn with_request(parts: &[(&str, &str)]) -> BTreeSet<(String, String)> {
    let owned = |(name, parent): &(&str, &str)| ((*name).to_owned(), (*parent).to_owned());
    let request = ("the request", "nothing here");
    parts.iter().chain([&request]).map(owned).collect()
}

fn only<'a>(spans: &'a [Seen], name: &str) -> &'a Seen {
    let mut with = spans.iter().filter(|span| span.name == name);
    let span = with.next().unwrap();
    assert_eq!(with.next(), None, "there is one {name:?}");
    span
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

#[tokio::test]
async fn an_orders_trace_goes_from_its_request_to_the_journal_and_back() {
    collector();
    let house = House::with(Plan {
        joins_callers: true,
        ..Plan::default()
    })
    .await;
    house.fund(&[ALICE, BOB]).await;

    let trace = "00000000000000000000000000000a01";
    place(&house, ALICE, trace, "99").await;
    let over_http = spans(trace, 6).await;
    let request = "POST /api/v1/orders";
    assert_eq!(tree(&over_http, request), with_request(&PARTS));
    assert_eq!(over_http.len(), 6, "each is there once");
    assert_eq!(hex(&only(&over_http, request).parent), CALLERS_SPAN);

    let mut client = Client::of(&house, &token(BOB)).await;
    client.ok(json!({"op": "place", "order": order("98")})).await;
    let mut placements = Vec::new();
    until("the placement's span is sent", async || {
        placements = collector().traces_with("ws place");
        !placements.is_empty()
    })
    .await;
    assert_eq!(placements.len(), 1);
    let over_websocket = spans(&placements[0], 6).await;
    assert_eq!(tree(&over_websocket, "ws place"), with_request(&PARTS));
    assert_eq!(over_websocket.len(), 6, "each is there once");
}

/// Holds the writer at a change of a market's state until it is let go.
#[derive(Clone, Default)]
struct Gate(Arc<(Mutex<[bool; 2]>, Condvar)>);

impl Gate {
    fn probe(&self) -> Probe {
        let gate = self.clone();
        Probe::new(move |command| {
            if matches!(command, Command::SetMarketState(_)) {
                let (state, changed) = &*gate.0;
                let mut state = state.lock().unwrap();
                state[0] = true;
                drop(changed.wait_while(state, |[_, open]| !*open).unwrap());
            }
        })
    }

    /// Whether the writer is held.
    fn holds(&self) -> bool {
        self.0.0.lock().unwrap()[0]
    }

    fn open(&self) {
        self.0.0.lock().unwrap()[1] = true;
        self.0.1.notify_all();
    }
}

#[tokio::test]
async fn what_is_written_for_two_orders_at_once_is_in_the_trace_of_the_first_and_linked_to_the_other() {
    collector();
    let gate = Gate::default();
    let house = House::with(Plan {
        joins_callers: true,
        probe: gate.probe(),
        ..Plan::default()
    })
    .await;
    house.fund(&[ALICE, BOB]).await;
    let (first, second) = (
        "00000000000000000000000000000b01",
        "00000000000000000000000000000b02",
    );
    let house = &house;
    // While the writer is held in the middle of a batch, the orders come, one after the other, and join it.
    let opening = trading::Operations::set_market_state(
        &*house.exchange,
        domain::MarketNumber(1),
        domain::MarketState::Open,
    );
    let orders = async {
        until("the writer is held", async || gate.holds()).await;
        let one = place(house, ALICE, first, "97");
        let other = async {
            until("the first waits", async || house.exchange.waiting() == 1).await;
            place(house, BOB, second, "96").await
        };
        let opens = async {
            until("both wait", async || house.exchange.waiting() == 2).await;
            gate.open();
        };
        tokio::join!(one, other, opens)
    };
    let (opened, _) = tokio::join!(opening, orders);
    opened.unwrap();

    let (first, second) = (spans(first, 6).await, spans(second, 4).await);
    let request = "POST /api/v1/orders";
    assert_eq!(tree(&first, request), with_request(&PARTS));
    let alone = PARTS.map(|part| (!part.0.starts_with("write")).then_some(part));
    let alone: Vec<_> = alone.into_iter().flatten().collect();
    assert_eq!(tree(&second, request), with_request(&alone));
    let applied = &only(&second, "apply command").id;
    for both in ["write journal", "write history"] {
        assert_eq!(only(&first, both).links, std::slice::from_ref(applied), "{both}");
    }
}
