//! To which request the lines belong that the writer logs of its command.

use std::sync::{Arc, Mutex};

use domain::{Command, Side};
use embedded::Probe;
use runtime::trace::{self, TraceContext};
use tracing::field::{Field, Visit};
use tracing::span::{Attributes, Id, Record};
use tracing::{Event, Metadata, Subscriber};
use trading::{EntryError, OrderEntry};

use crate::house::{ALICE, House, fund, limit, until};

/// What was logged, each with the context that it was logged under.
#[derive(Clone, Default)]
struct Lines(Arc<Mutex<Vec<(String, TraceContext)>>>);

/// Finds the text of a line.
struct Text(String);

impl Visit for Text {
    fn record_debug(&mut self, field: &Field, value: &dyn std::fmt::Debug) {
        if field.name() == "message" {
            self.0 = format!("{value:?}");
        }
    }
}

impl Subscriber for Lines {
    fn enabled(&self, _: &Metadata<'_>) -> bool {
        true
    }

    fn new_span(&self, _: &Attributes<'_>) -> Id {
        Id::from_u64(1)
    }

    fn record(&self, _: &Id, _: &Record<'_>) {}

    fn record_follows_from(&self, _: &Id, _: &Id) {}

    fn event(&self, event: &Event<'_>) {
        let mut text = Text(String::new());
        event.record(&mut text);
        if let Some(context) = trace::current() {
            self.0.lock().unwrap().push((text.0, context));
        }
    }

    fn enter(&self, _: &Id) {}

    fn exit(&self, _: &Id) {}
}

#[tokio::test]
async fn what_is_logged_of_a_command_that_kills_belongs_to_its_request() {
    let lines = Lines::default();
    // The writer is a thread of its own.
    tracing::subscriber::set_global_default(lines.clone()).unwrap();
    let house = House::new();
    let (exchange, _) = house.open_with(|options| {
        options.probe = Probe::new(|command| {
            if matches!(command, Command::Place(_)) {
                panic!("the fold has a fault");
            }
        });
    });
    fund(&exchange, &[ALICE]).await;
    // Logs name the requests of all traces, of those too that are not recorded.
    let request = TraceContext::parse("00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-00").unwrap();
    let placing = exchange.place(ALICE, limit(Side::Buy, 1, 50));
    let answer = trace::within(Some(request), placing).await;
    assert_eq!(answer, Err(EntryError::OutcomeUnknown));
    until("the fatal hook fires", || !house.faults().is_empty()).await;
    let lines = lines.0.lock().unwrap().clone();
    assert_eq!(
        lines,
        [
            ("kept the command that cannot be applied".to_owned(), request),
            (
                "the exchange stops at once: nothing more may be answered".to_owned(),
                request
            ),
        ]
    );
}
