//! Whom the auditor asks, and when again, against listeners that answer as gateways do.

use std::net::TcpListener;
use std::sync::Arc;
use std::sync::atomic::{AtomicU16, AtomicUsize, Ordering};

use actix_web::web::{self, Data};
use actix_web::{App, HttpRequest, HttpResponse, HttpServer};
use distributed::audit::Touches;

use super::*;

/// More than a few answers take.
const SLACK: Duration = Duration::from_secs(1);

/// A listener that answers every request with one status, and counts them.
struct Gateway {
    url: String,
    status: Arc<AtomicU16>,
    asked: Arc<AtomicUsize>,
}

impl Gateway {
    fn start(status: u16) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let (status, asked) = (Arc::new(AtomicU16::new(status)), Arc::new(AtomicUsize::new(0)));
        let shared = (Arc::clone(&status), Arc::clone(&asked));
        let server = HttpServer::new(move || {
            App::new()
                .app_data(Data::new(shared.clone()))
                .default_service(web::to(Self::answer))
        });
        let server = server.workers(1).disable_signals().listen(listener).unwrap();
        tokio::spawn(server.run());
        Self { url, status, asked }
    }

    async fn answer(request: HttpRequest, shared: Data<(Arc<AtomicU16>, Arc<AtomicUsize>)>) -> HttpResponse {
        let market = request.path().strip_prefix("/api/v1/admin/markets/").unwrap();
        assert!(market.ends_with("-USDT/state"), "{market}");
        shared.1.fetch_add(1, Ordering::SeqCst);
        let status = shared.0.load(Ordering::SeqCst);
        HttpResponse::build(http::StatusCode::from_u16(status).unwrap()).finish()
    }

    fn asked(&self) -> usize {
        self.asked.load(Ordering::SeqCst)
    }
}

/// An address at which nobody listens.
fn nobody() -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    format!("http://{}", listener.local_addr().unwrap())
}

fn operator(gateways: Vec<String>) -> Operator {
    let mut settings = Settings::default();
    settings.auditor.gateways = gateways;
    Operator::of(&settings).unwrap()
}

fn broken() -> Broken {
    Broken {
        invariant: "balances",
        rule: String::new(),
        touches: Touches::Asset("USDT".to_owned()),
        account: None,
        subject: String::new(),
        amount: String::new(),
        what: String::new(),
    }
}

fn market() -> MarketRow {
    market_of("BTC")
}

fn market_of(base: &str) -> MarketRow {
    MarketRow {
        symbol: format!("{base}/USDT"),
        shard: 0,
        state: "open".to_owned(),
    }
}

/// So many markets are wanted.
fn many(markets: usize, now: Instant) -> Wanted {
    let rows: Vec<MarketRow> = (0..markets)
        .map(|number| market_of(&format!("A{number}")))
        .collect();
    let mut wanted = Wanted::default();
    assert_eq!(wanted.add(&broken(), &rows, now).len(), markets);
    wanted
}

fn wanted(now: Instant) -> Wanted {
    let mut wanted = Wanted::default();
    assert_eq!(wanted.add(&broken(), &[market()], now), ["BTC/USDT"]);
    wanted
}

#[test]
fn a_difference_that_is_off_by_more_and_more_is_one_reason() {
    let now = Instant::now();
    let mut wanted = wanted(now);
    let more = Broken {
        amount: "2".to_owned(),
        ..broken()
    };
    let other = Broken {
        subject: "another".to_owned(),
        ..broken()
    };
    for broken in [&more, &other] {
        wanted.add(broken, &[market()], now);
    }
    assert_eq!(wanted.0["BTC/USDT"].why, [more, other]);
}

#[tokio::test]
async fn the_next_gateway_is_asked_where_the_one_before_does_not_say_that_it_has_stored_it() {
    for status in [503, 403, 500, 502] {
        let (first, second) = (Gateway::start(status), Gateway::start(200));
        let operator = operator(vec![nobody(), first.url.clone(), second.url.clone()]);
        let now = Instant::now();
        let mut wanted = wanted(now);
        wanted.command(&operator, now).await;
        assert_eq!((first.asked(), second.asked()), (1, 1), "{status}");
        assert!(wanted.0.is_empty(), "{status}");
    }
}

#[tokio::test]
async fn a_gateway_that_breaks_off_keeps_no_market_open() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let broken = format!("http://{}", listener.local_addr().unwrap());
    std::thread::spawn(move || listener.incoming().for_each(drop));
    let second = Gateway::start(200);
    let operator = operator(vec![broken, second.url.clone()]);
    let now = Instant::now();
    let mut wanted = wanted(now);
    wanted.command(&operator, now).await;
    assert_eq!(second.asked(), 1);
    assert!(wanted.0.is_empty());
}

#[tokio::test]
async fn what_nobody_says_to_have_stored_is_asked_for_at_every_look() {
    let gateway = Gateway::start(503);
    let operator = operator(vec![gateway.url.clone()]);
    let now = Instant::now();
    let mut wanted = wanted(now);
    wanted.command(&operator, now).await;
    wanted.command(&operator, now).await;
    assert_eq!(gateway.asked(), 2);
    gateway.status.store(200, Ordering::SeqCst);
    wanted.command(&operator, now).await;
    assert!(wanted.0.is_empty());
}

#[tokio::test]
async fn what_is_stored_is_asked_of_no_other_gateway_and_not_again_at_once() {
    let (first, second) = (Gateway::start(504), Gateway::start(200));
    let operator = operator(vec![first.url.clone(), second.url.clone()]);
    let mut now = Instant::now();
    let mut wanted = wanted(now);
    let mut asked = 0;
    for pause in [30, 60, 120, 240, 480, 960, 1_800, 1_800] {
        wanted.command(&operator, now).await;
        asked += 1;
        wanted
            .command(&operator, now + Duration::from_secs(pause - 1))
            .await;
        assert_eq!((first.asked(), second.asked()), (asked, 0), "{pause}");
        // It counts from the answer on.
        now += Duration::from_secs(pause) + SLACK;
    }
    first.status.store(200, Ordering::SeqCst);
    wanted.command(&operator, now).await;
    assert!(wanted.0.is_empty());
    assert_eq!(second.asked(), 0);
}

#[tokio::test]
async fn all_markets_are_asked_for_in_one_look_where_gateways_answer() {
    let gateway = Gateway::start(200);
    let operator = operator(vec![gateway.url.clone()]);
    let now = Instant::now();
    let mut wanted = many(5 * AT_ONCE, now);
    wanted.command(&operator, now).await;
    assert_eq!(gateway.asked(), 5 * AT_ONCE);
    assert!(wanted.0.is_empty());
}

/// The clock stands, and jumps to the next moment at which something ends, which is always that a gateway's time is up.
#[tokio::test(start_paused = true)]
async fn where_gateways_hang_a_look_ends_and_the_next_one_goes_on_with_the_others() {
    let hangs = [(); 3].map(|()| TcpListener::bind("127.0.0.1:0").unwrap());
    let url = |hangs: &TcpListener| format!("http://{}", hangs.local_addr().unwrap());
    let operator = operator(hangs.iter().map(url).collect());
    let mut wanted = many(2 * AT_ONCE + 1, Instant::now());
    for (look, expected) in [
        (1, [AT_ONCE + 1, AT_ONCE, 0]),
        (2, [1, 2 * AT_ONCE, 0]),
        (3, [0, AT_ONCE + 2, AT_ONCE - 1]),
    ] {
        let begun = Instant::now();
        wanted.command(&operator, begun).await;
        assert!(begun.elapsed() <= ASKING + PATIENCE * 3, "{look}");
        let asked = |times| wanted.0.values().filter(|want| want.asked == times).count();
        assert_eq!([asked(0), asked(1), asked(2)], expected, "{look}");
    }
}
