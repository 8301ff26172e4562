//! Every constraint, key, foreign key, trigger and enum has rows here that it refuses, under its very name.

mod money;
mod trading;

use std::collections::BTreeSet;

use tokio_postgres::Client;
use tokio_postgres::error::SqlState;

use super::support::database;
use money::{ACCOUNTS, ENTRIES, ENUMS, WALLET};
use trading::{ORDERS, SHARDS, TRADES};

/// One good row of every table; the cases below spoil them.
const GOOD: &str = "
    INSERT INTO markets VALUES ('BTC/USDT', 1, '\\x01', 0.01, 0.00001), ('ETH/USDT', 2, '\\x01', 0.01, 0.00001);
    INSERT INTO shards (shard, last_seq) VALUES (0, 5);
    INSERT INTO market_state (symbol, shard) VALUES ('BTC/USDT', 0);
    INSERT INTO orders (order_id, user_id, symbol, side, order_type, status, quantity, price, created_at)
        SELECT v7_new(), gen_random_uuid(), 'BTC/USDT', side::order_side_enum, 'LIMIT', 'OPEN', 2, 100,
               date_trunc('milliseconds', now())
          FROM unnest('{BUY,SELL}'::text[]) AS side;
    INSERT INTO trades (symbol, buyer_order_id, seller_order_id, buyer_user_id, seller_user_id, price, quantity,
                        is_buyer_maker)
        SELECT 'BTC/USDT', b.order_id, s.order_id, b.user_id, s.user_id, 100, 1, true
          FROM orders b JOIN orders s ON b.side = 'BUY' AND s.side = 'SELL';
    INSERT INTO candles VALUES ('BTC/USDT', 60, '2026-01-01', 5, 9, 3, 7, 1, 1, 1);
    INSERT INTO detached_partitions VALUES ('trades_2020_01_01', 'trades', '2020-01-01', '2020-01-02', now(), now());
    INSERT INTO shard_log VALUES (0, 1, 1, 1, '', '', now());
    INSERT INTO commands (id, shard, kind, order_id, body)
        SELECT id, 0, 'place', id, '' FROM gen_random_uuid() AS id;
    INSERT INTO client_order_ids VALUES (gen_random_uuid(), 'mine', gen_random_uuid(), 1);
    INSERT INTO amendments VALUES (gen_random_uuid(), gen_random_uuid(), '', now());
    INSERT INTO cancel_cutoffs VALUES (gen_random_uuid(), 0, NULL, NULL, NULL, 'user', now(), now());
    INSERT INTO dead_man VALUES (gen_random_uuid(), now());
    INSERT INTO sessions VALUES (gen_random_uuid(), gen_random_uuid(), gen_random_uuid(), now());
    INSERT INTO undecodable VALUES (gen_random_uuid(), 'queue', 'why', '');
    INSERT INTO wallets VALUES (gen_random_uuid(), 'BTC', 1, 1, 1);
    INSERT INTO house_accounts VALUES ('BTC', 0, 1, 1);
    INSERT INTO reservations VALUES (gen_random_uuid(), gen_random_uuid(), gen_random_uuid(), 'BTC', 'USDT', 2, 1, 'held', now());
    INSERT INTO ledger_transactions (key, body_hash, answer, status, created_at) VALUES ('a', '', '', 200, now());
    INSERT INTO ledger_transactions (key, body_hash, answer, status, created_at) VALUES ('b', '', '', 200, now());
    INSERT INTO ledger_entries (entry_id, transaction_number, line, user_id, house, asset, available, reserved,
                                entry_type, reference_id, reference_kind, created_at)
        SELECT gen_random_uuid(), number, line, CASE line WHEN 0 THEN gen_random_uuid() END,
               CASE line WHEN 1 THEN 'EXTERNAL' END, 'BTC', 1 - 2 * line, 0, 'DEPOSIT', 'd', 'transfer', now()
          FROM ledger_transactions, generate_series(0, 1) AS line WHERE key = 'a';
    INSERT INTO tiers VALUES ('vip', 5, 0.001, 0.001);
    INSERT INTO accounts VALUES (gen_random_uuid(), 'vip');
    INSERT INTO api_keys VALUES ('k', gen_random_uuid(), NULL, 'l', 'ed25519', '\\x01', 'trade', '{}', now());
    INSERT INTO audit_log VALUES (1, '', sha256('0'), sha256('1'));
";

const CASES: [&[(&str, &str)]; 7] = [ORDERS, TRADES, SHARDS, WALLET, ENTRIES, ACCOUNTS, ENUMS];

/// What the schema has that could refuse a row.
const EXPECTED: &str = "
    SELECT conname::text FROM pg_constraint
     WHERE connamespace = 'public'::regnamespace AND conparentid = 0 AND coninhcount = 0
       AND contype IN ('c', 'f', 'p', 'u', 'x')
    UNION SELECT i.indexrelid::regclass::text FROM pg_index i JOIN pg_class c ON c.oid = i.indrelid
     WHERE i.indisunique AND c.relnamespace = 'public'::regnamespace AND NOT c.relispartition
       AND NOT EXISTS (SELECT 1 FROM pg_constraint WHERE conindid = i.indexrelid)
    UNION SELECT 'trigger ' || tgname FROM pg_trigger WHERE NOT tgisinternal
    UNION SELECT 'enum ' || typname FROM pg_type WHERE typtype = 'e' AND typnamespace = 'public'::regnamespace";

/// The name of what refused a statement; the partition's name is taken off.
async fn refused_by(client: &Client, name: &str, sql: &str) -> String {
    client.batch_execute("BEGIN").await.unwrap();
    let refused = client.batch_execute(sql).await;
    client.batch_execute("ROLLBACK").await.unwrap();
    let error = refused.expect_err(sql);
    let error = error.as_db_error().expect(sql);
    if let Some(constraint) = error.constraint() {
        let dated = constraint.chars().filter(char::is_ascii_digit).count() >= 6;
        return match constraint.rsplit_once("_pkey") {
            Some(_) if dated => format!("{}_pkey", constraint.split('_').next().unwrap()),
            _ => constraint.to_owned(),
        };
    }
    let expected = match name.split_once(' ') {
        Some(("trigger", "ledger_entries_balance")) => {
            *error.code() == SqlState::CHECK_VIOLATION && error.message().contains("not to zero")
        }
        Some(("trigger", "audit_log_is_append_only")) => error.message() == "audit_log is append-only",
        Some(("enum", name)) => {
            *error.code() == SqlState::INVALID_TEXT_REPRESENTATION && error.message().contains(name)
        }
        _ => false,
    };
    if expected {
        name.to_owned()
    } else {
        error.to_string()
    }
}

#[tokio::test]
async fn every_constraint_key_trigger_and_enum_refuses_what_it_must() {
    let (_database, client) = database().await;
    client.batch_execute(GOOD).await.unwrap();
    let cases = || CASES.into_iter().flatten();
    for (name, sql) in cases() {
        assert_eq!(refused_by(&client, name, sql).await, *name, "{sql}");
    }
    let rows = client.query(EXPECTED, &[]).await.unwrap();
    let expected: BTreeSet<String> = rows.iter().map(|row| row.get(0)).collect();
    let tested: BTreeSet<String> = cases().map(|(name, _)| (*name).to_owned()).collect();
    assert_eq!(expected, tested, "what the schema has, and what is tested here");
}

#[tokio::test]
async fn no_amount_is_without_its_rule() {
    let (_database, client) = database().await;
    // The sum of two others is checked with them.
    let plain = "SELECT a.attrelid::regclass || '.' || a.attname FROM pg_attribute a JOIN pg_class c ON c.oid = a.attrelid
         WHERE a.atttypid = 'numeric'::regtype AND a.attnum > 0 AND a.attgenerated = '' AND NOT c.relispartition
           AND c.relname IN ('orders', 'trades', 'wallets', 'house_accounts', 'reservations', 'ledger_entries')";
    let rows = client.query(plain, &[]).await.unwrap();
    let plain: Vec<String> = rows.iter().map(|row| row.get(0)).collect();
    assert_eq!(plain, Vec::<String>::new());
}

#[tokio::test]
async fn every_column_that_must_have_a_value_refuses_to_be_without() {
    let (_database, client) = database().await;
    client.batch_execute(GOOD).await.unwrap();
    // An identity takes no value at all, and the audit log no change.
    let columns = "SELECT c.relname::text, a.attname::text FROM pg_attribute a JOIN pg_class c ON c.oid = a.attrelid
         WHERE c.relnamespace = 'public'::regnamespace AND c.relkind IN ('r', 'p') AND NOT c.relispartition
           AND a.attnum > 0 AND a.attnotnull AND NOT a.attisdropped AND a.attidentity = '' AND a.attgenerated = ''
           AND c.relname <> 'audit_log'";
    let columns = client.query(columns, &[]).await.unwrap();
    assert!(columns.len() > 100);
    for row in columns {
        let (table, column): (String, String) = (row.get(0), row.get(1));
        let sql = format!("UPDATE {table} SET {column} = NULL");
        let error = client.batch_execute(&sql).await.expect_err(&sql);
        let error = error.as_db_error().unwrap();
        if error.message().starts_with("no partition of relation") {
            assert!(["order_id", "trade_id"].contains(&column.as_str()), "{sql}");
            continue;
        }
        assert_eq!(*error.code(), SqlState::NOT_NULL_VIOLATION, "{sql}: {error}");
        assert_eq!(error.column(), Some(column.as_str()), "{sql}");
    }
}

#[tokio::test]
async fn the_words_are_those_of_the_contract() {
    let (_database, client) = database().await;
    let labels = "SELECT t.typname::text, array_agg(e.enumlabel::text ORDER BY e.enumsortorder)
                    FROM pg_enum e JOIN pg_type t ON t.oid = e.enumtypid GROUP BY 1 ORDER BY 1";
    let rows = client.query(labels, &[]).await.unwrap();
    let found: Vec<(String, Vec<String>)> = rows.iter().map(|row| (row.get(0), row.get(1))).collect();
    let expected = [
        ("order_side_enum", "BUY SELL"),
        (
            "order_status_enum",
            "PENDING OPEN PARTIALLY_FILLED FILLED CANCELLED REJECTED EXPIRED",
        ),
        ("order_type_enum", "MARKET LIMIT STOP STOP_LIMIT"),
        ("time_in_force_enum", "GTC IOC FOK DAY GTD"),
    ];
    let expected = expected.map(|(name, words)| {
        let words = words.split(' ').map(str::to_owned).collect::<Vec<_>>();
        (name.to_owned(), words)
    });
    assert_eq!(found, expected);
}

#[tokio::test]
async fn a_row_outside_of_the_partitions_says_so() {
    let (_database, client) = database().await;
    for (table, sql) in [
        (
            "orders",
            "INSERT INTO orders (order_id, user_id, symbol, side, order_type, quantity, price, created_at)
                 VALUES (v7_floor('2020-01-01'), gen_random_uuid(), 'BTC/USDT', 'BUY', 'LIMIT', 1, 1, '2020-01-01')",
        ),
        (
            "orders",
            "INSERT INTO orders (order_id, user_id, symbol, side, order_type, quantity, price)
                 VALUES ('ffffffff-ffff-4fff-bfff-ffffffffffff', gen_random_uuid(), 'BTC/USDT', 'BUY', 'LIMIT', 1, 1)",
        ),
        (
            "trades",
            "INSERT INTO trades (trade_id, symbol, buyer_order_id, seller_order_id, buyer_user_id, seller_user_id,
                                 price, quantity, is_buyer_maker, executed_at)
                 VALUES (v7_floor('2020-01-01'), 'BTC/USDT', gen_random_uuid(), gen_random_uuid(), gen_random_uuid(),
                         gen_random_uuid(), 1, 1, true, '2020-01-01')",
        ),
    ] {
        let error = client.batch_execute(sql).await.expect_err(sql);
        let message = error.as_db_error().unwrap().message().to_owned();
        assert_eq!(message, format!("no partition of relation \"{table}\" found for row"));
    }
}

#[tokio::test]
async fn an_order_goes_only_after_its_trades() {
    let (_database, client) = database().await;
    client.batch_execute(GOOD).await.unwrap();
    let error = client.batch_execute("DELETE FROM orders").await.unwrap_err();
    let error = error.as_db_error().unwrap();
    assert_eq!(*error.code(), SqlState::FOREIGN_KEY_VIOLATION);
    client
        .batch_execute("DELETE FROM trades; DELETE FROM orders")
        .await
        .unwrap();
}
