//! Who may do what: every role against every table, and the acts that must never be possible.

use tokio_postgres::error::SqlState;

use super::support::database;

/// Table, then what the gateway, the matcher and the wallet may do: s(elect), i(nsert), u(pdate), d(elete); c: update of
/// some columns. The auditor may select everywhere.
const RIGHTS: &[(&str, &str, &str, &str)] = &[
    ("accounts", "siu", "", ""),
    ("amendments", "siud", "", ""),
    ("api_keys", "siu", "", ""),
    ("audit_log", "si", "", ""),
    ("cancel_cutoffs", "siud", "siud", ""),
    ("candles", "s", "siu", ""),
    ("client_order_ids", "siud", "", ""),
    ("commands", "si", "siud", ""),
    ("dead_man", "siud", "", ""),
    ("detached_partitions", "s", "s", ""),
    ("house_accounts", "", "", "siu"),
    ("ledger_entries", "", "", "si"),
    ("ledger_transactions", "", "", "si"),
    ("market_state", "si", "siu", ""),
    ("markets", "siu", "siu", ""),
    ("orders", "sic", "siu", ""),
    ("register_version", "su", "", ""),
    ("reservations", "", "", "siu"),
    ("sessions", "siud", "", ""),
    ("shard_log", "s", "si", ""),
    ("shards", "s", "siu", ""),
    ("tiers", "siu", "", ""),
    ("trades", "s", "si", ""),
    ("undecodable", "si", "si", "si"),
    ("wallets", "", "", "siu"),
];

const FOUND: &str = "
    SELECT c.relname::text,
           CASE WHEN has_table_privilege($1, c.oid, 'SELECT') THEN 's' ELSE '' END
        || CASE WHEN has_table_privilege($1, c.oid, 'INSERT') THEN 'i' ELSE '' END
        || CASE WHEN has_table_privilege($1, c.oid, 'UPDATE') THEN 'u'
                WHEN has_any_column_privilege($1, c.oid, 'UPDATE') THEN 'c' ELSE '' END
        || CASE WHEN has_table_privilege($1, c.oid, 'DELETE') THEN 'd' ELSE '' END
        || CASE WHEN has_table_privilege($1, c.oid, 'TRUNCATE') THEN 't' ELSE '' END
        || CASE WHEN has_table_privilege($1, c.oid, 'TRIGGER') THEN '!' ELSE '' END
      FROM pg_class c
     WHERE c.relnamespace = 'public'::regnamespace AND c.relkind IN ('r', 'p') AND NOT c.relispartition
     ORDER BY 1";

#[tokio::test]
async fn each_role_has_the_rights_of_this_table_and_no_others() {
    let (_database, client) = database().await;
    let listed = |of: fn(&(&str, &str, &str, &str)) -> String| -> Vec<(String, String)> {
        RIGHTS.iter().map(|row| (row.0.to_owned(), of(row))).collect()
    };
    for (role, expected) in [
        ("trade_gateway", listed(|row| row.1.to_owned())),
        ("trade_matcher", listed(|row| row.2.to_owned())),
        ("trade_wallet", listed(|row| row.3.to_owned())),
        ("trade_auditor", listed(|_| "s".to_owned())),
    ] {
        let rows = client.query(FOUND, &[&role]).await.unwrap();
        let found: Vec<(String, String)> = rows.iter().map(|row| (row.get(0), row.get(1))).collect();
        assert_eq!(found, expected, "{role}");
    }
}

#[tokio::test]
async fn what_a_role_may_not_do_is_refused() {
    let (_database, client) = database().await;
    let partition: String = client
        .query_one("SELECT min(relname)::text FROM pg_class WHERE relispartition AND relname LIKE 'trades%' AND relkind = 'r'", &[])
        .await
        .unwrap()
        .get(0);
    let past_the_table = format!("INSERT INTO {partition} SELECT * FROM {partition}");
    for (role, sql) in [
        ("trade_gateway", "UPDATE trades SET price = 1"),
        ("trade_gateway", "DELETE FROM trades"),
        ("trade_gateway", "INSERT INTO trades SELECT * FROM trades"),
        ("trade_gateway", "UPDATE orders SET status = 'FILLED'"),
        (
            "trade_gateway",
            "UPDATE orders SET swept_until = now(), filled_quantity = 1",
        ),
        ("trade_gateway", "DELETE FROM orders"),
        ("trade_gateway", "SELECT * FROM wallets"),
        ("trade_gateway", "UPDATE wallets SET available_balance = 1"),
        (
            "trade_gateway",
            "INSERT INTO ledger_entries (entry_id) VALUES (gen_random_uuid())",
        ),
        ("trade_gateway", "DELETE FROM commands"),
        ("trade_gateway", "UPDATE shards SET epoch = 9"),
        ("trade_gateway", "INSERT INTO shard_log SELECT * FROM shard_log"),
        ("trade_gateway", "UPDATE audit_log SET line = ''"),
        ("trade_gateway", "DELETE FROM audit_log"),
        ("trade_gateway", "TRUNCATE audit_log"),
        ("trade_gateway", past_the_table.as_str()),
        ("trade_gateway", "ALTER TABLE audit_log DISABLE TRIGGER ALL"),
        ("trade_gateway", "SET session_replication_role = replica"),
        ("trade_gateway", "CREATE TABLE mine (x int)"),
        ("trade_matcher", "SELECT * FROM wallets"),
        ("trade_matcher", "UPDATE wallets SET available_balance = 1"),
        ("trade_matcher", "UPDATE reservations SET left_amount = 0"),
        ("trade_matcher", "INSERT INTO ledger_transactions DEFAULT VALUES"),
        ("trade_matcher", "UPDATE trades SET price = 1"),
        ("trade_matcher", "DELETE FROM trades"),
        ("trade_matcher", "UPDATE shard_log SET events = ''"),
        ("trade_matcher", "DELETE FROM shard_log"),
        ("trade_matcher", "SELECT * FROM api_keys"),
        ("trade_matcher", "INSERT INTO audit_log VALUES (1, '', '', '')"),
        ("trade_matcher", past_the_table.as_str()),
        ("trade_wallet", "SELECT * FROM orders"),
        ("trade_wallet", "UPDATE orders SET status = 'FILLED'"),
        ("trade_wallet", "SELECT * FROM trades"),
        ("trade_wallet", "INSERT INTO trades SELECT * FROM trades"),
        ("trade_wallet", "UPDATE ledger_entries SET available = 1"),
        ("trade_wallet", "DELETE FROM ledger_entries"),
        ("trade_wallet", "DELETE FROM ledger_transactions"),
        ("trade_wallet", "DELETE FROM wallets"),
        ("trade_wallet", "SELECT * FROM commands"),
        ("trade_wallet", "SELECT make_partitions(now(), now())"),
        ("trade_gateway", "SELECT trim_shard_log(0, now(), 1)"),
        ("trade_auditor", "INSERT INTO audit_log VALUES (1, '', '', '')"),
        ("trade_auditor", "UPDATE orders SET status = 'FILLED'"),
        ("trade_auditor", "UPDATE wallets SET available_balance = 1"),
        ("trade_auditor", "DELETE FROM undecodable"),
        ("trade_auditor", "SELECT make_partitions(now(), now())"),
        ("trade_auditor", "SELECT * FROM trades FOR UPDATE"),
    ] {
        let acting = format!("SET ROLE {role}");
        client.batch_execute(&acting).await.unwrap();
        let error = client.batch_execute(sql).await.expect_err(sql);
        let error = error.as_db_error().unwrap();
        let denied = [SqlState::INSUFFICIENT_PRIVILEGE].contains(error.code());
        assert!(denied, "{role}: {sql}: {error}");
        let message = error.message();
        let named = ["permission denied", "must be owner"]
            .iter()
            .any(|words| message.starts_with(words));
        assert!(named, "{role}: {sql}: {error}");
        client.batch_execute("RESET ROLE").await.unwrap();
    }
}

#[tokio::test]
async fn what_a_role_must_do_it_can() {
    let (_database, client) = database().await;
    let order = "INSERT INTO orders (user_id, symbol, side, order_type, quantity, price)
                     VALUES (gen_random_uuid(), 'BTC/USDT', 'BUY', 'LIMIT', 1, 1)";
    for (role, statements) in [
        (
            "trade_gateway",
            &[
                order,
                order,
                "UPDATE orders o SET swept_until = now() WHERE o.order_id IN
                     (SELECT order_id FROM orders FOR UPDATE SKIP LOCKED) AND o.status = 'PENDING'",
                "SELECT make_partitions(now() + interval '50 days', now() + interval '51 days')",
                "INSERT INTO audit_log VALUES (1, '', sha256('0'), sha256('1'))",
                "INSERT INTO markets VALUES ('BTC/USDT', 1, '', 1, 1)",
            ][..],
        ),
        (
            "trade_matcher",
            &[
                "INSERT INTO shards (shard) VALUES (0)",
                "SELECT count(*) FROM (SELECT 1 FROM orders ORDER BY order_id FOR NO KEY UPDATE) AS locked",
                "UPDATE orders SET status = 'OPEN', rank = 1",
                "INSERT INTO trades (symbol, buyer_order_id, seller_order_id, buyer_user_id, seller_user_id, price,
                                     quantity, is_buyer_maker)
                     SELECT 'BTC/USDT', a.order_id, b.order_id, a.user_id, b.user_id, 1, 1, true
                       FROM orders a JOIN orders b ON a.order_id < b.order_id",
                "INSERT INTO shard_log VALUES (0, 1, 1, 1, '', '', now())",
                "DELETE FROM commands",
                "SELECT make_partitions(now() + interval '60 days', now() + interval '61 days')",
            ],
        ),
        (
            "trade_wallet",
            &[
                "INSERT INTO wallets VALUES (gen_random_uuid(), 'BTC', 1, 0)",
                "SELECT 1 FROM wallets ORDER BY user_id FOR UPDATE",
                "UPDATE wallets SET available_balance = 2",
                "INSERT INTO ledger_transactions (key, body_hash, answer, status, created_at)
                     VALUES ('a', '', '', 200, now())",
                "INSERT INTO ledger_entries (entry_id, transaction_number, line, user_id, house, asset, available,
                                             reserved, entry_type, reference_id, reference_kind, created_at)
                     SELECT gen_random_uuid(), number, line, CASE line WHEN 0 THEN gen_random_uuid() END,
                            CASE line WHEN 1 THEN 'EXTERNAL' END, 'BTC', 1 - 2 * line, 0, 'DEPOSIT', 'd', 'transfer', now()
                       FROM ledger_transactions, generate_series(0, 1) AS line",
            ],
        ),
        (
            "trade_auditor",
            &[
                "SELECT * FROM trades JOIN orders ON order_id = buyer_order_id",
                "SELECT * FROM wallets JOIN ledger_entries USING (user_id)",
                "SELECT * FROM audit_log",
            ],
        ),
    ] {
        client.batch_execute(&format!("SET ROLE {role}")).await.unwrap();
        for sql in statements {
            client.batch_execute(sql).await.unwrap_or_else(|error| panic!("{role}: {sql}: {error:?}"));
        }
        client.batch_execute("RESET ROLE").await.unwrap();
    }
}
