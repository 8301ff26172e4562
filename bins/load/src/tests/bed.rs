//! What tests of driving share: users and a plan, lanes of one kind, and the ids that servers answer with.

use std::cell::RefCell;
use std::rc::Rc;
use std::time::Duration;

use serde_json::Value;

use crate::api::User;
use crate::cli::Protocol;
use crate::drive::{Job, Lanes, Plan, Queue, Shared, drive};
use crate::flow::Flow;
use crate::schedule::Arrivals;
use crate::tally::{Promises, Totals};
use crate::ws_lanes::WsLanes;

use super::TIMEOUT;

pub(super) fn shared(mix: &str) -> Rc<Shared> {
    let users = (1..=3).map(|number| User {
        id: uuid::Uuid::from_u128(number),
        token: "token".to_owned(),
    });
    let markets = vec![crate::market::example()];
    let flow = Flow::new(
        users.collect(),
        markets,
        "r".to_owned(),
        mix.parse().unwrap(),
        0.2,
        1,
    );
    let flow = Rc::new(RefCell::new(flow));
    Rc::new(Shared::new(
        flow,
        Rc::new(RefCell::new(Promises::default())),
        Duration::ZERO,
    ))
}

pub(super) const PLAN: Plan = Plan {
    arrivals: Arrivals::Fixed,
    rate: 1_000.0,
    warmup: Duration::ZERO,
    duration: Duration::from_millis(301),
    in_flight: 1_000,
    timeout: TIMEOUT,
    seed: 1,
};

pub(super) struct Only<'a>(pub(super) Option<&'a Queue>, pub(super) Option<&'a mut WsLanes>);

impl Lanes for Only<'_> {
    fn protocol(&mut self) -> Protocol {
        if self.0.is_some() {
            Protocol::Http
        } else {
            Protocol::Ws
        }
    }

    fn take(&mut self, _: Protocol, job: Job) -> Result<(), Job> {
        match (self.0, &mut self.1) {
            (Some(queue), _) => queue.push(job),
            (None, Some(lanes)) => return lanes.take(job),
            (None, None) => return Err(job),
        }
        Ok(())
    }

    fn close(&mut self) {
        if let Some(queue) = self.0 {
            queue.close();
        }
        if let Some(lanes) = &self.1 {
            lanes.close();
        }
    }

    fn drain(&mut self) -> Vec<Job> {
        match (self.0, &self.1) {
            (Some(queue), _) => std::iter::from_fn(|| queue.pop()).collect(),
            (None, Some(lanes)) => lanes.drain(),
            (None, None) => Vec::new(),
        }
    }
}

pub(super) async fn driven(plan: Plan, shared: &Rc<Shared>, lanes: &mut Only<'_>) -> Totals {
    let flow = Rc::clone(&shared.flow);
    drive(plan, shared, lanes, "test", |_| flow.borrow_mut().next())
        .await
        .unwrap()
}

pub(super) fn order_id(body: &[u8]) -> String {
    let body: Value = serde_json::from_slice(body).unwrap();
    let name = body["client_order_id"].as_str().unwrap();
    let number: u128 = name.rsplit('-').next().unwrap().parse().unwrap();
    uuid::Uuid::from_u128(number).to_string()
}
