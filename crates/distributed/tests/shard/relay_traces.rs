//! To which trace belongs what a new owner publishes and settles for one that died.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use amqprs::BasicProperties;
use amqprs::channel::{BasicGetArguments, Channel, QueueBindArguments, QueueDeclareArguments};
use amqprs::connection::{Connection, OpenConnectionArguments};
use distributed::shard::{Broker, ShardOptions};
use domain::Side;
use messaging::{Exchange, Queue, Topology};
use runtime::settings::MonitoringSettings;
use runtime::trace::{TraceContext, Traces, init};
use runtime::{Clock, Ids};
use testbed::{Seen, Sink};

use crate::bed::Bed;
use crate::broker::{clean, linked, port};

const SELLS: &str = "00000000000000000000000000000c01";
const BUYS: &str = "00000000000000000000000000000c02";
/// The span of the request that an order came with.
const REQUEST: &str = "b7ad6b7169203331";

/// Where the spans of this process go from now on.
fn collector() -> (Sink, Traces) {
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
    std::thread::spawn(start).join().unwrap()
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// Waits until it holds.
async fn until(what: &str, mut holds: impl FnMut() -> bool) {
    for _ in 0..3_000 {
        if holds() {
            return;
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    panic!("waited in vain until {what}");
}

/// The spans of this name in the sell's trace that are not known yet, once there is one.
async fn fresh(sink: &Sink, name: &str, known: &[Seen]) -> Vec<Seen> {
    let mut found = Vec::new();
    until(&format!("there is a new span {name:?}"), || {
        found = sink.trace(SELLS);
        found.retain(|span| span.name == name && !known.contains(span));
        !found.is_empty()
    })
    .await;
    found
}

/// A queue that hears every event of orders.
async fn listen(channel: &Channel, topology: &Topology) -> String {
    let declare = QueueDeclareArguments::exclusive_server_named();
    let (queue, ..) = channel.queue_declare(declare).await.unwrap().unwrap();
    let from = topology.exchange(Exchange::OrderEvents);
    let bind = QueueBindArguments::new(&queue, from, "#");
    channel.queue_bind(bind).await.unwrap();
    queue
}

fn trace_parent(properties: &BasicProperties) -> String {
    let name = "traceparent".try_into().unwrap();
    let value = properties.headers().unwrap().get(&name);
    value.map_or_else(|| "none".to_owned(), ToString::to_string)
}

/// The `traceparent` of each message of a queue, until there are no more.
async fn trace_parents(channel: &Channel, queue: &str) -> Vec<String> {
    let mut found = Vec::new();
    loop {
        let arguments = BasicGetArguments::new(queue).no_ack(true).finish();
        match channel.basic_get(arguments).await.unwrap() {
            Some((_, properties, _)) => found.push(trace_parent(&properties)),
            None => return found,
        }
    }
}

/// Has an owner commit an order of each trace that meet, in one batch, and die before it could tell anybody or have the
/// wallet settle it.
async fn die_in_between(bed: &Bed) {
    for (side, number, trace) in [(Side::Sell, 0, SELLS), (Side::Buy, 1, BUYS)] {
        let trace = TraceContext::parse(&format!("00-{trace}-{REQUEST}-01"));
        bed.send_of(trace, &bed.wish(number, side, 100, 10)).await;
    }
    let forever = u32::MAX;
    bed.heard.failing.store(forever, Ordering::SeqCst);
    bed.purse.deaf.store(forever, Ordering::SeqCst);
    let owner = bed.start(bed.options(), 0);
    bed.until_quiet_but_for_cursors().await;
    let tried = || {
        let tries = [&bed.heard.failing, &bed.purse.deaf];
        tries.iter().all(|left| left.load(Ordering::SeqCst) < forever)
    };
    until("it has tried to publish and to settle", tried).await;
    owner.kill().await;
    bed.purse.deaf.store(0, Ordering::SeqCst);
    let nothing_done = "SELECT count(*) FROM shards \
        WHERE shard = 0 AND last_seq > 0 AND published_seq < last_seq AND settled_seq < last_seq";
    assert_eq!(bed.number(nothing_done).await, 1);
    assert!(bed.heard.published().is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_new_owner_publishes_and_settles_for_a_dead_one_belongs_to_the_orders_trace() {
    let (sink, traces) = collector();
    let bed = Bed::new().await;
    let (topology, link) = linked("relay");
    link.until_up().await;
    let arguments = OpenConnectionArguments::new("127.0.0.1", port(), "guest", "guest");
    let connection = Connection::open(&arguments).await.unwrap();
    let channel = connection.open_channel(None).await.unwrap();
    let orders = listen(&channel, &topology).await;

    die_in_between(&bed).await;
    let applied = fresh(&sink, "apply command", &[]).await.remove(0);
    assert_eq!(hex(&applied.parent), REQUEST);
    let mut known = Vec::new();
    for name in ["commit batch", "publish events", "settle"] {
        let tried = fresh(&sink, name, &[]).await;
        assert!(tried.iter().all(|span| span.parent == applied.id), "{name}");
        known.extend(tried);
    }

    let successor = bed.start(
        ShardOptions {
            outlet: Arc::new(Broker::over(&link, Ids::new(Clock::System), Clock::System)),
            ..bed.options()
        },
        0,
    );
    bed.until_quiet().await;
    successor.stop().await;

    // The other order's command is a part of its own trace, and what was done for both is linked to it.
    until("the buy's span is there", || !sink.trace(BUYS).is_empty()).await;
    let other = sink.trace(BUYS).remove(0);
    assert_eq!(
        (other.name.as_str(), hex(&other.parent)),
        ("apply command", REQUEST.to_owned())
    );
    for name in ["publish events", "settle"] {
        for span in fresh(&sink, name, &known).await {
            assert_eq!(span.parent, applied.id, "{name}");
            assert_eq!(span.links, std::slice::from_ref(&other.id), "{name}");
        }
    }
    for (queue, count) in [(orders, 4), (topology.queue(&Queue::WalletTrades), 1)] {
        let found = trace_parents(&channel, &queue).await;
        // An owner that is slowed down loses its lease, and publishes once more.
        assert!(found.len() >= count, "{queue}: {found:?}");
        until(
            &format!("{queue}: the trace has what published {found:?}"),
            || {
                let is_new = |span: &&Seen| span.name == "publish events" && !known.contains(span);
                let spans = sink.trace(SELLS);
                let published: Vec<_> = (spans.iter().filter(is_new))
                    .map(|span| format!("00-{SELLS}-{}-01", hex(&span.id)))
                    .collect();
                found.iter().all(|one| published.contains(one))
            },
        )
        .await;
    }
    link.close(Duration::from_secs(5)).await;
    let _ = connection.close().await;
    clean(&topology).await;
    tokio::task::spawn_blocking(move || drop(traces)).await.unwrap();
}
