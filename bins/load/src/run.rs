//! `load run`: prepare, drive, compare with an echo server, check, report.

use std::cell::RefCell;
use std::rc::Rc;
use std::time::Duration;

use runtime::Clock;
use serde::Serialize;
use serde_json::{Value, json};

use crate::api::Api;
use crate::check::{self, Wanted};
use crate::cli::{Protocol, RunArgs};
use crate::drive::{Job, Lanes, Plan, Shared, drive};
use crate::echo::EchoServer;
use crate::flow::{Action, Flow};
use crate::http_lanes::HttpLanes;
use crate::lag::Watch;
use crate::market;
use crate::output::{Failed, note, say};
use crate::report;
use crate::saturate::{self, Step};
use crate::setup;
use crate::tally::{Line, Promises, Totals};
use crate::ws_lanes::{WsLanes, WsPlan};

/// Requests a second that one WebSocket may carry; the gateway closes it beyond.
const WS_RATE: f64 = 100.0;

/// What one drive at one rate came to.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct Driven {
    pub(crate) totals: Totals,
    pub(crate) operations: Vec<Line>,
}

/// A flow, what was promised, and where it goes.
struct Session {
    arguments: RunArgs,
    api: Rc<Api>,
    flow: Rc<RefCell<Flow>>,
    promises: Rc<RefCell<Promises>>,
    /// Different arrivals at each step.
    step: u64,
}

/// A name for this run that no other has.
pub(crate) fn run_name() -> String {
    format!("load{:x}", Clock::System.wall_us())
}

/// Does it.
///
/// # Errors
/// The gateway cannot be reached or set up, or a check does not hold.
pub(crate) async fn run(arguments: RunArgs) -> anyhow::Result<()> {
    let mut report = report::head("run", &arguments)?;
    let api = Rc::new(Api::new(&arguments.target)?);
    let markets = market::open(&api, &arguments.markets).await?;
    let name = run_name();
    let count = usize::try_from(arguments.users)?;
    let prepared = setup::prepare(&api, &arguments.target, count, &markets, &name).await?;
    setup::others(&api, &markets, arguments.empty_books).await?;
    let mut flow = Flow::new(
        prepared.users,
        markets,
        name,
        arguments.mix,
        arguments.taker,
        arguments.target.seed,
    );
    if arguments.protocol == Protocol::Ws {
        flow.active = count.min(usize::try_from(arguments.connections)?);
    }
    let mut session = Session {
        api: Rc::clone(&api),
        flow: Rc::new(RefCell::new(flow)),
        promises: Rc::default(),
        step: 0,
        arguments,
    };
    let watch = Watch::begin(&api);
    let gateway = session.measure(&mut report).await?;
    report["history_lag"] = serde_json::to_value(watch.end(&api).await)?;
    if session.arguments.compare_echo {
        session.compare(&gateway, &mut report).await?;
    }
    let failed = session.check(&prepared.funds, &mut report).await?;
    let users = session.flow.borrow().users.clone();
    setup::clear(&api, &users).await?;
    report::write(session.arguments.target.report.as_deref(), &report)?;
    if failed > 0 {
        return Err(Failed(failed).into());
    }
    Ok(())
}

impl Session {
    /// Measures the gateway.
    async fn measure(&mut self, report: &mut Value) -> anyhow::Result<Driven> {
        let driven = if self.arguments.saturate {
            let found = self.saturate(None).await?;
            report["steps"] = serde_json::to_value(&found.steps)?;
            say(&format!("highest rate of the gateway: {:.0}/s", found.rate()));
            found.best()?
        } else {
            self.drive(self.arguments.rate, None).await?
        };
        report::print("gateway", &driven.totals, &driven.operations);
        report["gateway"] = serde_json::to_value(&driven)?;
        Ok(driven)
    }

    /// Measures the echo server in the same way: the same client, connections, rate and size of requests.
    async fn compare(&mut self, gateway: &Driven, report: &mut Value) -> anyhow::Result<()> {
        if self.arguments.protocol == Protocol::Ws {
            note("the echo server speaks HTTP only: nothing is compared");
            return Ok(());
        }
        let server = EchoServer::start()?;
        // The same arrivals as the gateway had.
        self.step = 0;
        let driven = if self.arguments.saturate {
            let found = self.saturate(Some(&server)).await?;
            report["echo_steps"] = serde_json::to_value(&found.steps)?;
            say(&format!("highest rate of the echo server: {:.0}/s", found.rate()));
            found.best()?
        } else {
            self.drive(self.arguments.rate, Some(&server)).await?
        };
        report::print("echo", &driven.totals, &driven.operations);
        let ratio = |of: fn(&Totals) -> f64| {
            let echo = of(&driven.totals);
            (echo > 0.0).then(|| of(&gateway.totals) / echo)
        };
        report["ratio_gateway_to_echo"] = json!({
            "done_rate": ratio(|totals| totals.done_rate),
            "latency_p50": ratio(|totals| totals.latency.p50_us as f64),
            "latency_p99": ratio(|totals| totals.latency.p99_us as f64),
            "service_time_p50": ratio(|totals| totals.service_time.p50_us as f64),
        });
        say(&format!("gateway / echo: {}", report["ratio_gateway_to_echo"]));
        report["echo"] = serde_json::to_value(&driven)?;
        Ok(())
    }

    async fn saturate(&mut self, echo: Option<&EchoServer>) -> anyhow::Result<saturate::Found> {
        let limit = self.arguments.p99_limit;
        let mut search = saturate::Search::new(self.arguments.rate);
        while let Some(rate) = search.next() {
            let driven = self.drive(rate, echo).await?;
            let step = Step::judge(rate, driven, limit);
            note(&step.line());
            search.tell(step);
        }
        Ok(search.found())
    }

    /// Drives one rate against the gateway or the echo server.
    async fn drive(&mut self, rate: f64, echo: Option<&EchoServer>) -> anyhow::Result<Driven> {
        self.step += 1;
        let of = &self.arguments;
        let plan = Plan {
            arrivals: of.arrivals,
            rate,
            warmup: of.warmup,
            duration: of.duration,
            in_flight: of.in_flight,
            timeout: of.timeout,
            seed: of.target.seed.wrapping_add(self.step),
        };
        let shared = Rc::new(Shared::new(
            Rc::clone(&self.flow),
            Rc::clone(&self.promises),
            of.warmup,
        ));
        let protocol = if echo.is_some() {
            Protocol::Http
        } else {
            of.protocol
        };
        let mut lanes = self.lanes(protocol, echo, &shared).await?;
        let flow = Rc::clone(&self.flow);
        let (what, echoes) = (if echo.is_some() { "echo" } else { "gateway" }, echo.is_some());
        let choose = || {
            if echoes {
                Action::Echo
            } else {
                flow.borrow_mut().next()
            }
        };
        let totals = drive(plan, &shared, &mut lanes, what, choose).await;
        lanes.finish().await;
        let operations = shared.tally.borrow().lines();
        Ok(Driven {
            totals: totals?,
            operations,
        })
    }

    async fn lanes(
        &self,
        protocol: Protocol,
        echo: Option<&EchoServer>,
        shared: &Rc<Shared>,
    ) -> anyhow::Result<BothLanes> {
        let of = &self.arguments;
        let example: Rc<str> = self.flow.borrow_mut().example().into();
        let mut lanes = BothLanes {
            http: None,
            ws: None,
            turn: false,
        };
        if protocol != Protocol::Ws {
            let place = echo.map_or_else(|| self.api.public().clone(), |echo| echo.place.clone());
            let http = HttpLanes::open(&place, of.connections, of.timeout, shared, &example).await?;
            lanes.http = Some(http);
        }
        if protocol != Protocol::Http {
            let share = if protocol == Protocol::Both { 0.5 } else { 1.0 };
            if of.rate * share > f64::from(of.connections) * WS_RATE * 0.9 {
                note(
                    "a WebSocket carries up to 100 requests a second: more connections are needed for this rate",
                );
            }
            let plan = WsPlan {
                url: of.target.ws_url.as_str().into(),
                window: of.ws_window.max(1),
                timeout: of.timeout,
            };
            let users = self.flow.borrow().users.clone();
            let count = usize::try_from(of.connections)?;
            lanes.ws = Some(WsLanes::open(&plan, &users, count, shared).await?);
        }
        Ok(lanes)
    }

    /// Checks what came of it; how many checks do not hold.
    async fn check(&self, funds: &setup::Money, report: &mut Value) -> anyhow::Result<usize> {
        if self.arguments.no_check {
            return Ok(0);
        }
        let promises = self.promises.take();
        let (users, markets, unknown) = {
            let flow = self.flow.borrow();
            let name = |(user, number): &(usize, u64)| (*user, flow.client_order_id(*number));
            let unknown: Vec<_> = promises.unknown.iter().map(name).collect();
            (flow.users.clone(), flow.markets.clone(), unknown)
        };
        let wanted = Wanted {
            api: &self.api,
            users: &users,
            markets: &markets,
            promises: &promises,
            unknown: &unknown,
            funds,
            sample: self.arguments.check_sample,
            settle: self.arguments.settle,
        };
        let checks = check::check(&wanted).await?;
        checks.iter().for_each(report::Check::print);
        report["checks"] = serde_json::to_value(&checks)?;
        Ok(checks.iter().filter(|check| check.failed > 0).count())
    }
}

/// Lanes of one protocol or of both.
struct BothLanes {
    http: Option<HttpLanes>,
    ws: Option<WsLanes>,
    turn: bool,
}

impl BothLanes {
    async fn finish(self) {
        if let Some(http) = self.http {
            http.finish().await;
        }
        if let Some(ws) = self.ws {
            ws.finish().await;
        }
        // Sockets are closed before the next step opens its own.
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

impl Lanes for BothLanes {
    fn protocol(&mut self) -> Protocol {
        self.turn = !self.turn;
        match (&self.http, &self.ws) {
            (Some(_), Some(_)) if self.turn => Protocol::Http,
            (Some(_), None) => Protocol::Http,
            _ => Protocol::Ws,
        }
    }

    fn take(&mut self, protocol: Protocol, job: Job) -> Result<(), Job> {
        let job = match (protocol, &mut self.ws) {
            (Protocol::Ws, Some(ws)) => match ws.take(job) {
                Ok(()) => return Ok(()),
                // A user without a WebSocket of its own goes over HTTP.
                Err(job) => job,
            },
            _ => job,
        };
        match &self.http {
            Some(http) => {
                http.queue.push(job);
                Ok(())
            }
            None => Err(job),
        }
    }

    fn close(&mut self) {
        if let Some(http) = &self.http {
            http.queue.close();
        }
        if let Some(ws) = &self.ws {
            ws.close();
        }
    }
    fn drain(&mut self) -> Vec<Job> {
        let mut jobs = self.ws.as_ref().map(WsLanes::drain).unwrap_or_default();
        if let Some(http) = &self.http {
            jobs.extend(std::iter::from_fn(|| http.queue.pop()));
        }
        jobs
    }
}
