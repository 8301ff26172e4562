//! `load run`: prepare, drive, compare with an echo server, check, report.

use std::cell::RefCell;
use std::rc::Rc;

use runtime::Clock;
use serde::Serialize;
use serde_json::{Value, json};

use crate::api::Api;
use crate::check::{self, Wanted};
use crate::cli::{Protocol, RunArgs};
use crate::connection::Place;
use crate::drive::{Plan, Shared, drive};
use crate::echo::EchoServer;
use crate::flow::{Action, Flow};
use crate::lag::Watch;
use crate::lanes::{BothLanes, Server};
use crate::market;
use crate::output::{Failed, note, say};
use crate::report;
use crate::saturate::{self, Step};
use crate::setup;
use crate::tally::{Line, Promises, Totals};

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

/// The echo server, and what goes to it.
struct Echo {
    server: Server,
    flow: Rc<RefCell<Flow>>,
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

    /// Measures the echo server in the same way: the same client, protocols, connections, rate and size of requests.
    async fn compare(&mut self, gateway: &Driven, report: &mut Value) -> anyhow::Result<()> {
        let server = EchoServer::start()?;
        let echo = self.echo(server.place.clone());
        // The same arrivals as the gateway had.
        self.step = 0;
        let driven = if self.arguments.saturate {
            let found = self.saturate(Some(&echo)).await?;
            report["echo_steps"] = serde_json::to_value(&found.steps)?;
            say(&format!("highest rate of the echo server: {:.0}/s", found.rate()));
            found.best()?
        } else {
            self.drive(self.arguments.rate, Some(&echo)).await?
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

    /// The echo server that listens there, and the flow that it gets: the run's own, from its beginning.
    fn echo(&self, place: Place) -> Echo {
        let flow = self.flow.borrow().twin(self.arguments.target.seed);
        Echo {
            server: Server {
                ws_url: format!("ws://{}/ws", place.authority).into(),
                place,
                is_echo: true,
            },
            flow: Rc::new(RefCell::new(flow)),
        }
    }

    async fn saturate(&mut self, echo: Option<&Echo>) -> anyhow::Result<saturate::Found> {
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
    async fn drive(&mut self, rate: f64, echo: Option<&Echo>) -> anyhow::Result<Driven> {
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
        let (what, server, flow, promises) = match echo {
            // What the echo server acknowledges nobody owes.
            Some(echo) => ("echo", echo.server.clone(), &echo.flow, Rc::default()),
            None => ("gateway", self.gateway(), &self.flow, Rc::clone(&self.promises)),
        };
        let shared = Rc::new(Shared::new(Rc::clone(flow), promises, of.warmup));
        let mut lanes = BothLanes::open(of, &server, &shared).await?;
        let choose = |protocol| {
            if server.is_echo && protocol == Protocol::Http {
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

    fn gateway(&self) -> Server {
        Server {
            place: self.api.public().clone(),
            ws_url: self.arguments.target.ws_url.as_str().into(),
            is_echo: false,
        }
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

#[cfg(test)]
mod tests {
    use clap::Parser as _;

    use super::*;
    use crate::flow::Op;

    #[derive(clap::Parser)]
    struct Line {
        #[command(flatten)]
        arguments: RunArgs,
    }

    /// A session that has measured nothing yet; its gateway is never asked.
    fn session(words: &str) -> Session {
        let words =
            format!("run --rate 400 --arrivals fixed --duration 600ms --warmup 0s --connections 3 {words}");
        let Line { arguments } = Line::try_parse_from(words.split(' ')).unwrap();
        let api = Rc::new(Api::new(&arguments.target).unwrap());
        let users = (1..=5).map(|number| api.user(uuid::Uuid::from_u128(number)).unwrap());
        let (users, markets) = (users.collect(), vec![market::example()]);
        let mut flow = Flow::new(users, markets, "r".to_owned(), arguments.mix, arguments.taker, 1);
        // As in a run: over WebSocket only users with a connection act.
        if arguments.protocol == Protocol::Ws {
            flow.active = 3;
        }
        Session {
            api,
            flow: Rc::new(RefCell::new(flow)),
            promises: Rc::default(),
            step: 0,
            arguments,
        }
    }

    fn seen(driven: &Driven) -> Vec<(Protocol, Op)> {
        let lines = driven.operations.iter();
        lines.map(|line| (line.protocol, line.op)).collect()
    }

    async fn echoed(words: &str) -> Vec<(Protocol, Op)> {
        let (server, addresses) = crate::echo::listen(1, 0).unwrap();
        actix_web::rt::spawn(server);
        let local = tokio::task::LocalSet::new();
        let work = async {
            let mut session = session(words);
            let echo = session.echo(Place::of(&format!("http://{}", addresses[0])).unwrap());
            let driven = session.drive(400.0, Some(&echo)).await.unwrap();
            assert_eq!(driven.totals.done, 239, "{driven:?}");
            let lost = driven.totals.refused + driven.totals.unknown + driven.totals.not_sent;
            assert_eq!(lost, 0, "{driven:?}");
            assert!(session.promises.borrow().acknowledged.is_empty());
            assert!(session.promises.borrow().unknown.is_empty());
            seen(&driven)
        };
        local.run_until(work).await
    }

    #[actix_web::test]
    async fn the_echo_server_is_compared_over_the_protocol_of_the_run() {
        let mix = "--mix place=50,cancel=40,amend=10 --protocol";
        let (http, ws) = (Protocol::Http, Protocol::Ws);
        let all = [(ws, Op::Place), (ws, Op::Cancel), (ws, Op::Amend)];
        assert_eq!(echoed(&format!("{mix} http")).await, [(http, Op::Echo)]);
        assert_eq!(echoed(&format!("{mix} ws")).await, all);
        let both = [&[(http, Op::Echo)][..], &all].concat();
        assert_eq!(echoed(&format!("{mix} both")).await, both);
    }

    #[tokio::test]
    async fn without_an_echo_server_there_is_no_comparison() {
        for protocol in ["http", "ws"] {
            let mut session = session(&format!("--protocol {protocol}"));
            // Nobody may listen on this port.
            let echo = session.echo(Place::of("http://127.0.0.1:1").unwrap());
            let error = session.drive(400.0, Some(&echo)).await.unwrap_err();
            assert!(error.to_string().contains("cannot connect"), "{error}");
        }
    }
}
