//! The auditor's statements on a filled database: how PostgreSQL plans them, and how much they tell.

use secrecy::SecretString;
use testbed::Database;
use tokio_postgres::{Client, NoTls};

use std::collections::BTreeMap;

use super::*;
use crate::postgres::connect;

/// Ten thousand trades between twenty thousand orders, all as they must be.
const FILL: &str = "
    INSERT INTO orders (order_id, user_id, symbol, side, order_type, status, quantity, filled_quantity, filled_notional, price,
            filled_at, created_at)
        SELECT v7_floor(at), gen_random_uuid(), 'BTC/USDT', (CASE WHEN n % 2 = 1 THEN 'BUY' ELSE 'SELL' END)::order_side_enum,
               'LIMIT', 'FILLED', 1, 1, 100, 100, at, at
          FROM (SELECT n, date_trunc('milliseconds', now()) - n * interval '1 millisecond' AS at
                  FROM generate_series(1, 20000) AS n) AS numbered;
    INSERT INTO trades (trade_id, symbol, buyer_order_id, seller_order_id, buyer_user_id, seller_user_id, price, quantity,
            is_buyer_maker, executed_at, number)
        SELECT b.order_id, 'BTC/USDT', b.order_id, s.order_id, b.user_id, s.user_id, 100, 1, true, b.created_at,
               row_number() OVER (ORDER BY b.order_id)
          FROM orders b JOIN orders s ON s.created_at = b.created_at - interval '1 millisecond'
         WHERE b.side = 'BUY';
    ANALYZE orders, trades";

async fn filled() -> (Database, Client) {
    let database = Database::create().await.unwrap();
    let (client, connection) = tokio_postgres::connect(&database.url(), NoTls).await.unwrap();
    tokio::spawn(connection);
    client.batch_execute(FILL).await.unwrap();
    (database, client)
}

/// The steps of the plan, outermost first, each as PostgreSQL calls it.
async fn plan(client: &Client, rule: &str) -> Vec<String> {
    let lowest = "'00000000-0000-0000-0000-000000000000'::uuid";
    let statement = statement(rule, lowest, lowest).replace("$1", &TOLD.to_string());
    let rows = client
        .query(&format!("EXPLAIN (COSTS OFF) {statement}"), &[])
        .await
        .unwrap();
    let lines = rows.iter().map(|row| row.get::<_, String>(0));
    lines
        .map(|line| line.trim_start_matches([' ', '-', '>']).to_owned())
        .collect()
}

#[tokio::test]
async fn each_rule_looks_for_all_that_breaks_it_before_the_first_rows_are_told() {
    let (_database, client) = filled().await;
    for Rule { name: rule, sql, .. } in RULES {
        let plan = plan(&client, sql).await;
        assert!(plan.iter().any(|step| step == "CTE broken"), "{rule}: {plan:#?}");
        assert_eq!(plan.last().unwrap(), "CTE Scan on broken", "{rule}: {plan:#?}");
        assert!(!plan.iter().any(|step| step == "Limit"), "{rule}: {plan:#?}");
    }
}

#[tokio::test]
async fn no_rule_goes_through_all_trades_for_each_order() {
    let (_database, client) = filled().await;
    for Rule { name: rule, sql, .. } in &RULES[..3] {
        assert!(sql.contains("trades") && sql.contains("orders"), "{rule}");
        let plan = plan(&client, sql).await;
        let loops = plan.iter().filter(|step| step.starts_with("Nested Loop"));
        assert_eq!(loops.count(), 0, "{rule}: {plan:#?}");
    }
}

#[tokio::test]
async fn of_many_rows_of_a_market_that_break_a_rule_the_first_twenty_are_told_and_hide_no_other_markets() {
    let (database, client) = filled().await;
    let mut connection = connect(&SecretString::from(database.url())).await.unwrap();
    assert_eq!(broken_rules(&mut connection).await.unwrap(), []);
    let three = "UPDATE orders SET symbol = 'ETH/USDT' WHERE order_id IN \
                 (SELECT order_id FROM orders ORDER BY order_id DESC LIMIT 3); TRUNCATE trades";
    client.batch_execute(three).await.unwrap();
    let mut told = BTreeMap::new();
    for row in broken_rules(&mut connection).await.unwrap() {
        *told.entry((row.rule, row.market.unwrap())).or_insert(0) += 1;
    }
    let mut wanted = BTreeMap::new();
    for rule in [
        "an order's fees and notional are the sums of its trades'",
        "an order's filled quantity is the sum of its trades",
    ] {
        wanted.insert((rule, "BTC/USDT".to_owned()), TOLD);
        wanted.insert((rule, "ETH/USDT".to_owned()), 3);
    }
    assert_eq!(told, wanted);
}
