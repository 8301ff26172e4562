//! The auditor beside a whole exchange on servers of its own.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod fixtures;
mod venue;

use reqwest::Method;
use serde_json::json;
use testbed::Role;
use venue::{ALICE, BOB, Venue, until};

const CHANGE: &str =
    "UPDATE wallets SET available_balance = available_balance + 5 WHERE asset = 'BTC' AND user_id = ";
const MEND: &str =
    "UPDATE wallets SET available_balance = available_balance - 5 WHERE asset = 'BTC' AND user_id = ";

async fn change(venue: &Venue, sql: &str) {
    let rows = venue.sql.execute(&format!("{sql}'{ALICE}'"), &[]).await.unwrap();
    assert_eq!(rows, 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_balance_that_is_changed_by_hand_closes_its_markets_and_says_why_until_it_is_mended() {
    let venue = Venue::open().await;
    let (alice, bob) = (venue.token(ALICE), venue.token(BOB));
    let (status, resting) = venue.place(&alice, "BTC/USDT", "SELL", "60000.00", "0.50").await;
    assert_eq!(status, 201, "{resting}");
    let (status, bought) = venue.place(&bob, "BTC/USDT", "BUY", "60000.00", "0.20").await;
    assert_eq!((status, &bought["status"]), (201, &json!("FILLED")), "{bought}");
    venue.until_looked(3).await;
    assert_eq!(venue.differences().await, 0.0);
    for symbol in ["BTC/USDT", "ETH/USDT"] {
        assert_eq!(venue.state(symbol).await, "open");
    }

    change(&venue, CHANGE).await;
    until("the difference is shown", async || {
        venue.differences().await > 0.0
    })
    .await;
    until("the market closes", async || {
        venue.state("BTC/USDT").await == "cancel_only"
    })
    .await;
    let (status, refused) = venue.place(&bob, "BTC/USDT", "BUY", "100.00", "0.20").await;
    assert_eq!(
        (status, &refused["code"]),
        (422, &json!("market_state")),
        "{refused}"
    );
    let (status, other) = venue.place(&bob, "ETH/USDT", "BUY", "2990.00", "0.20").await;
    assert_eq!(status, 201, "{other}");
    assert_eq!(venue.state("ETH/USDT").await, "open");
    let order_id = resting["order_id"].as_str().unwrap();
    let (status, cancelled) = venue.cancel(&alice, order_id).await;
    assert_eq!(status, 200, "{cancelled}");

    // Who did it and why is written down, and said.
    let acts = "SELECT convert_from(line::bytea, 'UTF8') FROM audit_log WHERE convert_from(line::bytea, 'UTF8') LIKE '%market.state%'";
    let acts = venue.sql.query(acts, &[]).await.unwrap();
    let acts: Vec<String> = acts.iter().map(|row| row.get(0)).collect();
    assert_eq!(acts.len(), 1, "{acts:?}");
    for word in ["BTC/USDT", "cancel_only", "the auditor", "zero_sum", ALICE] {
        assert!(acts[0].contains(word), "{word}: {}", acts[0]);
    }
    let log = venue.exchange.of(Role::Auditor).next().unwrap().log();
    assert!(
        log.contains("\"ERROR\"") && log.contains("the books differ"),
        "{log}"
    );

    // An operator who has seen it is not overruled while it stays the same.
    let open = json!({ "state": "open" });
    let (status, _) = venue.admin(Method::PUT, "markets/BTC-USDT/state", open).await;
    assert_eq!(status, 200);
    venue.until_looked(4).await;
    assert_eq!(venue.state("BTC/USDT").await, "open");
    assert!(venue.differences().await > 0.0);

    change(&venue, MEND).await;
    until("the difference goes", async || venue.differences().await == 0.0).await;

    // It was gone: the same once more is a new one.
    change(&venue, CHANGE).await;
    until("the market closes again", async || {
        venue.state("BTC/USDT").await == "cancel_only"
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn while_orders_flow_there_is_no_false_alarm() {
    let venue = Venue::open().await;
    let tokens = [venue.token(ALICE), venue.token(BOB)];
    let looked = venue.last_success().await;
    let flow = async |lane: usize| {
        let (token, mut rests) = (&tokens[lane % 2], Vec::new());
        for step in 0..100 {
            let side = if (lane + step).is_multiple_of(3) {
                "SELL"
            } else {
                "BUY"
            };
            // Both within the band around the market's price.
            let (symbol, middle) = if step % 2 == 0 {
                ("BTC/USDT", 60_000)
            } else {
                ("ETH/USDT", 3_000)
            };
            let price = format!("{}.00", middle + (step * 7 + lane * 3) % 5);
            let (status, order) = venue.place(token, symbol, side, &price, "0.10").await;
            assert!(status == 201 || status == 202, "{order}");
            rests.push(order["order_id"].as_str().unwrap().to_owned());
            if step % 4 == 0 {
                // It may have ended by a trade.
                let (status, answer) = venue.cancel(token, &rests[step / 2]).await;
                assert!([200, 202, 404, 409, 422].contains(&status), "{answer}");
            }
            assert_eq!(venue.differences().await, 0.0, "step {step}");
        }
    };
    let (_, _, _, _) = tokio::join!(flow(0), flow(1), flow(2), flow(3));
    venue.until_looked(3).await;
    assert!(venue.last_success().await > looked);
    assert_eq!(venue.differences().await, 0.0);
    let trades = venue
        .sql
        .query_one("SELECT count(*) FROM trades", &[])
        .await
        .unwrap();
    assert!(trades.get::<_, i64>(0) > 50, "there was nothing to look at");
    let log = venue.exchange.of(Role::Auditor).next().unwrap().log();
    assert!(!log.contains("\"ERROR\""), "{log}");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_auditors_login_reads_and_never_writes() {
    let venue = Venue::open().await;
    let url = venue
        .exchange
        .postgres_url()
        .replace("postgres@", "auditor_login@");
    let (sql, driver) = tokio_postgres::connect(&url, tokio_postgres::NoTls)
        .await
        .unwrap();
    tokio::spawn(driver);
    let user = sql.query_one("SELECT current_user::text", &[]).await.unwrap();
    assert_eq!(user.get::<_, String>(0), "auditor_login");
    sql.query("SELECT * FROM wallets", &[]).await.unwrap();
    let tables = "SELECT relname::text FROM pg_class WHERE relnamespace = 'public'::regnamespace AND relkind IN ('r', 'p')";
    let tables = sql.query(tables, &[]).await.unwrap();
    assert!(tables.len() > 20);
    for row in tables {
        let table: String = row.get(0);
        for act in [format!("DELETE FROM {table}"), format!("TRUNCATE {table}")] {
            let refused = sql.batch_execute(&act).await.unwrap_err();
            let code = refused.code().unwrap();
            assert_eq!(code.code(), "42501", "{act}: {refused}");
        }
    }
    for act in [
        "UPDATE market_state SET status = 'cancel_only'",
        "UPDATE wallets SET available_balance = 0",
        "INSERT INTO audit_log VALUES (1, '', '', '')",
        "CREATE TABLE mine (x int)",
    ] {
        let refused = sql.batch_execute(act).await.unwrap_err();
        assert_eq!(refused.code().unwrap().code(), "42501", "{act}: {refused}");
    }
}
