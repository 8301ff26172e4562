//! What the real programs show at `/metrics`, compared with the table: before the first order, and after some.
#![allow(
    clippy::unwrap_used,
    clippy::print_stdout,
    reason = "tests may panic and say what they leave out"
)]

mod shown;

use std::path::{Path, PathBuf};

use futures_util::{SinkExt as _, StreamExt as _};
use http::Program;
use serde_json::{Value, json};
use shown::{LOOK, LOOKS, Shown, assert_complete, until};
use testbed::{Exchange, ExchangeOptions, Member, Role};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::tungstenite::client::IntoClientRequest as _;

fn token(gateway: &Member, user: &str) -> String {
    let told = gateway.command(&["token", user]).output().unwrap();
    assert!(told.status.success());
    String::from_utf8(told.stdout).unwrap().trim().to_owned()
}

fn order(side: &str, price: &str, quantity: &str) -> Value {
    json!({ "symbol": "BTC/USDT", "side": side, "order_type": "LIMIT", "price": price, "quantity": quantity })
}

/// The status of the answer to an order over HTTP, and its code.
async fn place(gateway: &Member, token: &str, order: &Value) -> (u16, String) {
    let asked = reqwest::Client::new()
        .post(format!("{}/api/v1/orders", gateway.url()))
        .bearer_auth(token)
        .header("Content-Type", "application/json")
        .body(order.to_string());
    let answer = asked.send().await.unwrap();
    let status = answer.status().as_u16();
    let body: Value = serde_json::from_str(&answer.text().await.unwrap()).unwrap();
    (status, body["code"].as_str().unwrap_or_default().to_owned())
}

/// The status of the answer to an order over WebSocket.
async fn place_over_socket(gateway: &Member, token: &str, order: &Value) -> u64 {
    let mut request = gateway.websocket_url().into_client_request().unwrap();
    let bearer = format!("Bearer {token}").parse().unwrap();
    request.headers_mut().insert("Authorization", bearer);
    let (mut socket, _) = tokio_tungstenite::connect_async(request).await.unwrap();
    let text = json!({ "op": "place", "order": order }).to_string();
    socket.send(Message::text(text)).await.unwrap();
    loop {
        if let Message::Text(answer) = socket.next().await.unwrap().unwrap() {
            let answer: Value = serde_json::from_str(&answer).unwrap();
            return answer["status"].as_u64().unwrap();
        }
    }
}

/// Places orders over both ways, and looks at what counts them: at the gateway, and where they are matched.
async fn assert_orders_are_counted(gateway: &Member, matching: &Member) {
    let (alice, bob) = (token(gateway, "alice"), token(gateway, "bob"));
    let placed = |kind: &str, side: &str| {
        format!(r#"orders_placed_total{{symbol="BTC/USDT",type="{kind}",side="{side}"}}"#)
    };
    let shown = Shown::by(gateway).await;
    let none = (placed("LIMIT", "SELL"), placed("MARKET", "BUY"));
    assert_eq!((shown.sum(&none.0), shown.sum(&none.1)), (Some(0.0), Some(0.0)));
    let durations = r#"order_placement_duration_seconds_count{symbol="BTC/USDT"}"#;
    assert_eq!(shown.sum(durations), Some(0.0));

    let answered = |status: u16| {
        format!(r#"http_requests_total{{method="POST",route="/api/v1/orders",status="{status}"}}"#)
    };
    for status in [201, 202, 500, 503, 504] {
        assert_eq!(shown.sum(&answered(status)), Some(0.0), "{status}");
    }
    let (sell, _) = place(gateway, &alice, &order("SELL", "50000.00", "0.01000")).await;
    assert!(matches!(sell, 201 | 202), "{sell}");
    until(gateway, &answered(sell), 1.0).await;
    let buy = place_over_socket(gateway, &bob, &order("BUY", "50000.00", "0.01000")).await;
    assert!(matches!(buy, 201 | 202), "{buy}");
    let (status, reason) = place(gateway, &bob, &order("BUY", "50000.00", "9000.00000")).await;
    assert_eq!(status, 422, "{reason}");
    let crooked = place_over_socket(gateway, &bob, &order("BUY", "50000.001", "0.01000")).await;
    assert_eq!(crooked, 400);

    until(gateway, &placed("LIMIT", "SELL"), 1.0).await;
    until(gateway, &placed("LIMIT", "BUY"), 1.0).await;
    until(gateway, "orders_placed_total", 2.0).await;
    until(gateway, durations, 3.0).await;
    for reason in [reason.as_str(), "invalid_field"] {
        until(
            gateway,
            &format!(r#"orders_rejected_total{{reason="{reason}"}}"#),
            1.0,
        )
        .await;
    }
    until(gateway, "orders_rejected_total", 2.0).await;
    for (name, wanted) in [
        ("trades_total", 1.0),
        ("orders_matched_total", 2.0),
        ("traded_value_total", 500.0),
    ] {
        until(matching, &format!(r#"{name}{{symbol="BTC/USDT"}}"#), wanted).await;
    }
    let filled = r#"orders_closed_total{symbol="BTC/USDT",status="FILLED"}"#;
    until(matching, filled, 2.0).await;
    let matched = Shown::by(matching).await.sum("matching_duration_seconds_count");
    assert!(matched >= Some(2.0), "{matched:?}");
}

/// Opens connections, which workers of a listener hold, and looks whether the tasks that hold them count.
async fn assert_tasks_of_listeners_count(member: &Member) {
    const CONNECTIONS: u16 = 50;
    let address = member.metrics_url().replace("http://", "");
    let head = format!("GET /metrics HTTP/1.1\r\nHost: {address}\r\n\r\n");
    let mut found = None;
    for _ in 0..LOOKS {
        let before = Shown::by(member).await.sum("runtime_tasks").unwrap();
        let mut held = Vec::new();
        for _ in 0..CONNECTIONS {
            let mut connection = TcpStream::connect(&address).await.unwrap();
            connection.write_all(head.as_bytes()).await.unwrap();
            connection.read_u8().await.unwrap();
            held.push(connection);
        }
        found = Shown::by(member).await.sum("runtime_tasks");
        // Other tasks come and go.
        if found >= Some(before + f64::from(CONNECTIONS / 2)) {
            return;
        }
        drop(held);
        tokio::time::sleep(LOOK).await;
    }
    panic!(
        "{}: {CONNECTIONS} connections are no tasks: {found:?}",
        member.name()
    );
}

/// Where the programs are: this test is built beside them.
fn programs() -> PathBuf {
    Path::new(env!("CARGO_BIN_EXE_gateway"))
        .parent()
        .unwrap()
        .to_owned()
}

/// Whether the other programs are built beside this one, as by whoever tests the whole workspace. In continuous integration
/// their absence is a failure.
fn has_services(programs: &Path) -> bool {
    let there = ["matcher", "wallet-service"]
        .iter()
        .all(|name| programs.join(name).is_file());
    if !there {
        assert!(
            std::env::var("CI").as_deref() != Ok("true"),
            "matcher or wallet-service is not built"
        );
        println!("LEFT OUT: cargo build -p matcher -p wallet-service, then this runs");
    }
    there
}

#[tokio::test(flavor = "multi_thread")]
async fn an_embedded_gateway_shows_all_of_its_table_from_the_start_and_counts_orders() {
    let dir = tempfile::tempdir().unwrap();
    let mut gateway = Member::embedded(&programs(), dir.path()).unwrap();
    gateway.set("TRADE_ENGINE_EMBEDDED__MIN_FREE_BYTES", "16777216");
    gateway.start().await.unwrap();
    assert_complete(&[&gateway], Program::EmbeddedGateway).await;
    assert_orders_are_counted(&gateway, &gateway).await;
    assert_complete(&[&gateway], Program::EmbeddedGateway).await;
    assert_tasks_of_listeners_count(&gateway).await;
    let shown = Shown::by(&gateway).await;
    for (series, least) in [
        ("build_info{", 1.0),
        ("journal_sync_seconds_count", 1.0),
        ("disk_free_bytes", 1.0),
        ("process_resident_memory_bytes", 1.0),
        ("intake_capacity", 1.0),
        (r#"ready{dependency="journal"}"#, 1.0),
        (r#"order_stage_duration_seconds_count{stage="queue"}"#, 2.0),
        (r#"order_stage_duration_seconds_count{stage="fanout"}"#, 2.0),
        (r#"order_stage_duration_seconds_count{stage="auth"}"#, 2.0),
    ] {
        let found = shown.sum(series);
        assert!(found >= Some(least), "{series}: {found:?}");
    }
    gateway.stop().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn the_programs_of_a_distributed_exchange_show_all_of_their_tables_from_the_start_and_count_orders() {
    let programs = programs();
    if !has_services(&programs) {
        return;
    }
    let options = ExchangeOptions::new(&programs)
        .gateways(1)
        .auditors(1)
        .setting("TRADE_ENGINE_SERVER__ANSWER_TIMEOUT", "30s");
    let mut exchange = Exchange::start(options).await.unwrap();
    let of = |role: Role| exchange.of(role).collect::<Vec<&Member>>();
    let (gateways, matchers) = (of(Role::Gateway), of(Role::Matcher));
    let all = [
        (Program::Gateway, &gateways),
        (Program::Matcher, &matchers),
        (Program::Wallet, &of(Role::Wallet)),
        (Program::Auditor, &of(Role::Auditor)),
    ];
    for (program, members) in all {
        assert_complete(members, program).await;
    }
    let (mut owner, mut stand_by) = (None, None);
    for matcher in &matchers {
        match Shown::by(matcher).await.sum("shard_lease_state{") {
            Some(2.0) => owner = Some(*matcher),
            Some(0.0) => stand_by = Some(*matcher),
            other => panic!("{}: {other:?}", matcher.name()),
        }
    }
    let (owner, stand_by) = (owner.unwrap(), stand_by.unwrap());
    assert_orders_are_counted(gateways[0], owner).await;
    for (program, members) in all {
        assert_complete(members, program).await;
        for member in members {
            assert_tasks_of_listeners_count(member).await;
        }
    }
    until(owner, "shard_settle_lag_seconds{", 0.0).await;
    until(owner, "shard_trades_unsettled{", 0.0).await;
    let shown = Shown::by(owner).await;
    for series in ["shard_epoch{", "shard_sequence{", "database_up"] {
        assert!(shown.sum(series) >= Some(1.0), "{series}");
    }
    for stage in ["queue", "apply", "commit", "settle", "publish"] {
        let series = format!(r#"order_stage_duration_seconds_count{{stage="{stage}"}}"#);
        assert!(shown.sum(&series) >= Some(1.0), "{series}");
    }
    let shown = Shown::by(gateways[0]).await;
    for series in [
        "database_up",
        "redis_up",
        "broker_up",
        r#"ready{dependency="wallet"}"#,
    ] {
        assert_eq!(shown.sum(series), Some(1.0), "{series}");
    }
    for stage in ["auth", "store", "reserve", "hand", "outcome", "fanout"] {
        let series = format!(r#"order_stage_duration_seconds_count{{stage="{stage}"}}"#);
        assert!(shown.sum(&series) >= Some(1.0), "{series}");
    }
    // Where nobody owns a shard, nothing of an ownership is told.
    for series in ["shard_epoch{", "shard_sequence{", "shard_settle_lag_batches{"] {
        assert_eq!(Shown::by(stand_by).await.sum(series), Some(0.0), "{series}");
    }
    exchange.stop().await.unwrap();
}
