//! The shape of plans: an id finds its one partition, and so does a time with the bounds of its ids.

use super::support::database;

/// The tables that a statement's plan touches.
async fn tables(client: &tokio_postgres::Client, sql: &str) -> Vec<String> {
    let explain = format!("EXPLAIN (ANALYZE, COSTS OFF, TIMING OFF, SUMMARY OFF) {sql}");
    let mut tables = Vec::new();
    for row in client.query(&explain, &[]).await.unwrap() {
        let line: String = row.get(0);
        if line.contains("never executed") || !line.contains("Scan") {
            continue;
        }
        let mut words = line.split_whitespace();
        while let Some(word) = words.next() {
            if word == "on"
                && let Some(table) = words.next()
                && (table.starts_with("orders_") || table.starts_with("trades_"))
                && !tables.contains(&table.to_owned())
                && !line.contains("Bitmap Index Scan")
            {
                tables.push(table.to_owned());
            }
        }
    }
    tables
}

#[tokio::test]
async fn each_look_up_reads_one_partition() {
    let (_database, client) = database().await;
    client
        .batch_execute(
            "SELECT make_partitions('2026-01-15', '2026-06-15');
             CREATE TABLE wanted AS SELECT v7_floor('2026-03-10 12:00+00') AS id, 1::bigint AS filled;
             ANALYZE wanted",
        )
        .await
        .unwrap();
    let (month, day) = (
        vec!["orders_2026_03".to_owned()],
        vec!["trades_2026_03_10".to_owned()],
    );
    for (sql, expected) in [
        (
            "SELECT * FROM orders WHERE order_id = '019cd7a3-5c00-0000-0000-000000000000'",
            &month,
        ),
        ("SELECT * FROM orders WHERE order_id = v7_floor('2026-03-10')", &month),
        (
            "SELECT * FROM orders WHERE order_id = ANY(ARRAY[v7_floor('2026-03-10'), v7_floor('2026-03-11')])",
            &month,
        ),
        (
            "SELECT * FROM orders WHERE order_id >= v7_floor('2026-03-10') AND order_id < v7_floor('2026-03-11')
                AND created_at >= '2026-03-10' AND created_at < '2026-03-11'",
            &month,
        ),
        (
            "UPDATE orders o SET rank = w.filled FROM wanted w WHERE o.order_id = w.id",
            &month,
        ),
        (
            "SELECT t.* FROM wanted w JOIN trades t ON t.trade_id = w.id",
            &day,
        ),
        (
            "SELECT * FROM trades WHERE symbol = 'BTC/USDT' AND executed_at >= '2026-03-10' AND executed_at < '2026-03-11'
                AND trade_id >= v7_floor('2026-03-10') AND trade_id < v7_floor('2026-03-11')",
            &day,
        ),
    ] {
        assert_eq!(&tables(&client, sql).await, expected, "{sql}");
    }
    // Without the bounds of the ids every partition is read: that is why all queries by time have them.
    let without = "SELECT * FROM trades WHERE executed_at >= '2026-03-10' AND executed_at < '2026-03-11'";
    assert!(tables(&client, without).await.len() > 100);
}

#[tokio::test]
async fn a_prepared_look_up_goes_to_one_partition_too() {
    let (_database, client) = database().await;
    client
        .batch_execute(
            "SELECT make_partitions('2026-01-15', '2026-06-15');
             SET plan_cache_mode = force_generic_plan;
             PREPARE by_id(uuid) AS SELECT * FROM orders WHERE order_id = $1;
             PREPARE by_time(timestamptz, timestamptz) AS SELECT * FROM trades
                 WHERE trade_id >= v7_floor($1) AND trade_id < v7_floor($2) AND executed_at >= $1 AND executed_at < $2",
        )
        .await
        .unwrap();
    for (sql, expected) in [
        ("EXECUTE by_id(v7_floor('2026-03-10'))", "orders_2026_03"),
        ("EXECUTE by_time('2026-03-10', '2026-03-11')", "trades_2026_03_10"),
    ] {
        assert_eq!(tables(&client, sql).await, [expected], "{sql}");
    }
}

#[tokio::test]
async fn orders_are_found_by_id_in_partitions_that_came_after_the_plan() {
    let (_database, client) = database().await;
    client
        .batch_execute("SELECT make_partitions('2026-01-15', '2026-01-15', '{orders}')")
        .await
        .unwrap();
    let found = |ids: &'static str| {
        let sql = format!("SELECT count(*) FROM order_rows({ids})");
        let client = &client;
        async move { client.query_one(&sql, &[]).await.unwrap().get::<_, i64>(0) }
    };
    let both = "ARRAY[v7_floor('2026-01-20'), v7_floor('2026-03-10'), NULL, v7_floor('2027-01-01')]";
    for _ in 0..8 {
        assert_eq!(found(both).await, 0);
    }
    client
        .batch_execute(
            "SELECT make_partitions('2026-02-15', '2026-06-15', '{orders}');
             INSERT INTO orders (order_id, user_id, symbol, side, order_type, status, quantity, price, created_at)
                 SELECT v7_floor(at), gen_random_uuid(), 'BTC/USDT', 'BUY', 'LIMIT', 'OPEN', 2, 100, at
                   FROM unnest('{2026-01-20,2026-03-10}'::timestamptz[]) AS at",
        )
        .await
        .unwrap();
    assert_eq!(found(both).await, 2);
    for none in ["NULL", "'{}'"] {
        assert_eq!(found(none).await, 0);
    }
}

#[tokio::test]
async fn ids_and_times_say_the_same_moment() {
    let (_database, client) = database().await;
    let wrong = "SELECT count(*) FROM generate_series('1970-01-01'::timestamptz, '2250-01-01', '37 days 03:07:11.123') AS at
                  WHERE v7_time(v7_floor(at)) <> date_trunc('milliseconds', at)
                     OR v7_floor(v7_time(v7_floor(at))) <> v7_floor(at)
                     OR v7_floor(at + interval '1 millisecond') <= v7_floor(at)";
    assert_eq!(client.query_one(wrong, &[]).await.unwrap().get::<_, i64>(0), 0);
    let made = "SELECT count(*) FILTER (WHERE substr(id::text, 15, 1) <> '7' OR substr(id::text, 20, 1) NOT IN ('8', '9', 'a', 'b')),
                       count(DISTINCT id), count(*) FILTER (WHERE v7_time(id) <> date_trunc('milliseconds', now()))
                  FROM (SELECT v7_new() AS id FROM generate_series(1, 10000)) AS made";
    let row = client.query_one(made, &[]).await.unwrap();
    assert_eq!(
        (row.get::<_, i64>(0), row.get::<_, i64>(1), row.get::<_, i64>(2)),
        (0, 10_000, 0)
    );
    // What the program takes for the time of an id is what the check takes for it.
    let uuid: uuid::Uuid = client
        .query_one("SELECT v7_floor('2026-03-10 12:34:56.789+00')", &[])
        .await
        .unwrap()
        .get(0);
    assert_eq!((uuid.as_u128() >> 80) as u64, 1_773_146_096_789);
}
