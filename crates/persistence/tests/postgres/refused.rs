//! Every constraint, key, foreign key, trigger and enum has rows here that it refuses, under its very name.

use std::collections::BTreeSet;

use tokio_postgres::Client;
use tokio_postgres::error::SqlState;

use super::support::database;

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

const ORDERS: &[(&str, &str)] = &[
    ("chk_quantity_positive", "UPDATE orders SET quantity = 0"),
    ("chk_units", "UPDATE orders SET quantity = 'NaN'"),
    ("chk_units", "UPDATE orders SET quantity = 92233720368.54775808"),
    ("chk_filled_lte_quantity", "UPDATE orders SET filled_quantity = 3"),
    ("chk_units", "UPDATE orders SET filled_quantity = -1"),
    ("chk_units", "UPDATE orders SET prevented_quantity = -1"),
    (
        "chk_filled_lte_quantity",
        "UPDATE orders SET filled_quantity = 1, prevented_quantity = 2",
    ),
    ("chk_market_no_price", "UPDATE orders SET order_type = 'MARKET'"),
    ("chk_limit_has_price", "UPDATE orders SET price = NULL"),
    ("chk_stop", "UPDATE orders SET order_type = 'STOP', price = NULL"),
    (
        "chk_stop",
        "UPDATE orders SET order_type = 'STOP', stop_price = 1",
    ),
    ("chk_stop_limit", "UPDATE orders SET order_type = 'STOP_LIMIT'"),
    ("chk_stop_price", "UPDATE orders SET stop_price = 1"),
    ("chk_positive_units", "UPDATE orders SET price = 0"),
    ("chk_positive_units", "UPDATE orders SET display_quantity = 0"),
    ("chk_positive_units", "UPDATE orders SET protection_price = -1"),
    (
        "chk_positive_units",
        "UPDATE orders SET price = 92233720368.54775808",
    ),
    ("chk_positive_units", "UPDATE orders SET protection_price = 'NaN'"),
    ("chk_units", "UPDATE orders SET fee_paid = -1"),
    ("chk_units", "UPDATE orders SET filled_notional = 'NaN'"),
    ("chk_units", "UPDATE orders SET reserve_left = -1"),
    ("chk_units", "UPDATE orders SET reserved = -1"),
    ("chk_shown", "UPDATE orders SET displayed_remaining = 3"),
    ("chk_release_number", "UPDATE orders SET release_number = -1"),
    ("chk_fee_rate", "UPDATE orders SET maker_fee = 1"),
    ("chk_fee_rate", "UPDATE orders SET taker_fee = -0.1"),
    (
        "chk_budget",
        "UPDATE orders SET quote_quantity = 1 WHERE side = 'SELL'",
    ),
    ("chk_gtd", "UPDATE orders SET time_in_force = 'GTD'"),
    ("chk_filled", "UPDATE orders SET status = 'FILLED'"),
    (
        "chk_rejected",
        "UPDATE orders SET status = 'REJECTED', filled_quantity = 1",
    ),
    (
        "chk_pending",
        "UPDATE orders SET status = 'PENDING', filled_quantity = 1",
    ),
    (
        "chk_pending",
        "UPDATE orders SET status = 'PENDING', applied_at = now()",
    ),
    ("chk_pending", "UPDATE orders SET status = 'PENDING', turn = 1"),
    (
        "chk_ended",
        "UPDATE orders SET status = 'CANCELLED', reserve_left = 1",
    ),
    ("chk_ended", "UPDATE orders SET status = 'EXPIRED', turn = 1"),
    (
        "chk_ended",
        "UPDATE orders SET status = 'CANCELLED', displayed_remaining = 1",
    ),
    ("chk_filled_at", "UPDATE orders SET filled_at = now()"),
    ("chk_cancelled_at", "UPDATE orders SET cancelled_at = now()"),
    (
        "chk_order_id_time",
        "UPDATE orders SET created_at = created_at + interval '1 millisecond'",
    ),
    (
        "chk_self_trade_prevention",
        "UPDATE orders SET self_trade_prevention = 'MAYBE'",
    ),
    ("orders_pkey", "INSERT INTO orders SELECT * FROM orders"),
];

const TRADES: &[(&str, &str)] = &[
    ("trades_pkey", "INSERT INTO trades SELECT * FROM trades"),
    (
        "trades_buyer_order_id_fkey",
        "UPDATE trades SET buyer_order_id = gen_random_uuid()",
    ),
    (
        "trades_seller_order_id_fkey",
        "UPDATE trades SET seller_order_id = gen_random_uuid()",
    ),
    ("chk_positive_units", "UPDATE trades SET price = 0"),
    ("chk_positive_units", "UPDATE trades SET price = 'NaN'"),
    ("chk_positive_units", "UPDATE trades SET quantity = 0"),
    ("trades_number_check", "UPDATE trades SET number = 0"),
    ("chk_units", "UPDATE trades SET buyer_remaining = -1"),
    ("chk_units", "UPDATE trades SET seller_remaining = 'NaN'"),
    (
        "chk_trade_sides",
        "UPDATE trades SET seller_order_id = buyer_order_id",
    ),
    ("chk_trade_fees", "UPDATE trades SET buyer_fee = 1.00000001"),
    ("chk_trade_fees", "UPDATE trades SET seller_fee = 100.00000001"),
    ("chk_units", "UPDATE trades SET buyer_fee = -1"),
    (
        "chk_trade_id_time",
        "UPDATE trades SET executed_at = executed_at - interval '1 millisecond'",
    ),
    ("candles_pkey", "INSERT INTO candles SELECT * FROM candles"),
    ("candles_span_check", "UPDATE candles SET span = 0"),
    ("chk_candle", "UPDATE candles SET low = 6"),
    ("chk_candle", "UPDATE candles SET high = 6"),
    ("chk_candle", "UPDATE candles SET low = 0"),
    ("chk_candle", "UPDATE candles SET high = 'NaN'"),
    ("chk_candle_volume", "UPDATE candles SET volume = -1"),
    ("chk_candle_volume", "UPDATE candles SET quote_volume = 'NaN'"),
    ("chk_candle_volume", "UPDATE candles SET trade_count = -1"),
    (
        "markets_pkey",
        "INSERT INTO markets VALUES ('BTC/USDT', 3, '', 1, 1)",
    ),
    (
        "markets_number_key",
        "INSERT INTO markets VALUES ('XRP/USDT', 1, '', 1, 1)",
    ),
    (
        "markets_number_check",
        "UPDATE markets SET number = 1048576 WHERE number = 1",
    ),
    ("markets_tick_check", "UPDATE markets SET tick = 0"),
    ("markets_lot_check", "UPDATE markets SET lot = 0"),
    (
        "detached_partitions_pkey",
        "INSERT INTO detached_partitions SELECT * FROM detached_partitions",
    ),
    (
        "detached_partitions_parent_check",
        "UPDATE detached_partitions SET parent = 'wallets'",
    ),
    (
        "chk_detached_bounds",
        "UPDATE detached_partitions SET ends_at = begins_at",
    ),
    (
        "chk_detached_grace",
        "UPDATE detached_partitions SET drop_after = detached_at - interval '1 second'",
    ),
];

const SHARDS: &[(&str, &str)] = &[
    ("shards_pkey", "INSERT INTO shards (shard) VALUES (0)"),
    ("shards_shard_check", "INSERT INTO shards (shard) VALUES (-1)"),
    ("shards_epoch_check", "UPDATE shards SET epoch = -1"),
    ("shards_halted_check", "UPDATE shards SET halted = ''"),
    (
        "shards_halted_check",
        "UPDATE shards SET halted = repeat('x', 1001)",
    ),
    ("shards_moved_after_check", "UPDATE shards SET moved_after = -1"),
    ("chk_cursors", "UPDATE shards SET published_seq = 6"),
    ("chk_cursors", "UPDATE shards SET settled_seq = -1"),
    (
        "market_state_pkey",
        "INSERT INTO market_state (symbol, shard) VALUES ('BTC/USDT', 0)",
    ),
    (
        "market_state_symbol_fkey",
        "INSERT INTO market_state (symbol, shard) VALUES ('NO/SUCH', 0)",
    ),
    ("market_state_shard_fkey", "UPDATE market_state SET shard = 9"),
    (
        "market_state_status_check",
        "UPDATE market_state SET status = 'closed'",
    ),
    (
        "market_state_last_price_check",
        "UPDATE market_state SET last_price = 0",
    ),
    ("chk_market_numbers", "UPDATE market_state SET trade_number = -1"),
    ("shard_log_pkey", "INSERT INTO shard_log SELECT * FROM shard_log"),
    ("shard_log_seq_check", "UPDATE shard_log SET seq = 0"),
    ("shard_log_epoch_check", "UPDATE shard_log SET epoch = -1"),
    ("shard_log_shard_fkey", "UPDATE shard_log SET shard = 9"),
    ("commands_pkey", "INSERT INTO commands SELECT * FROM commands"),
    (
        "chk_commands_place",
        "UPDATE commands SET order_id = gen_random_uuid() WHERE kind = 'place'",
    ),
    ("chk_command_kind", "UPDATE commands SET kind = 'other'"),
    ("commands_shard_check", "UPDATE commands SET shard = -1"),
    ("commands_attempts_check", "UPDATE commands SET attempts = -1"),
    ("commands_progress_check", "UPDATE commands SET progress = -1"),
    ("chk_commands_order", "UPDATE commands SET order_id = NULL"),
    (
        "client_order_ids_pkey",
        "INSERT INTO client_order_ids SELECT user_id, client_order_id, gen_random_uuid(), 2 FROM client_order_ids",
    ),
    (
        "amendments_pkey",
        "INSERT INTO amendments SELECT * FROM amendments",
    ),
    (
        "cancel_cutoffs_pkey",
        "INSERT INTO cancel_cutoffs SELECT * FROM cancel_cutoffs",
    ),
    ("cancel_cutoffs_shard_fkey", "UPDATE cancel_cutoffs SET shard = 9"),
    ("dead_man_pkey", "INSERT INTO dead_man SELECT * FROM dead_man"),
    ("sessions_pkey", "INSERT INTO sessions SELECT * FROM sessions"),
    (
        "undecodable_pkey",
        "INSERT INTO undecodable SELECT * FROM undecodable",
    ),
];

const WALLET: &[(&str, &str)] = &[
    (
        "wallets_pkey",
        "INSERT INTO wallets SELECT user_id, asset FROM wallets",
    ),
    (
        "chk_units",
        "UPDATE wallets SET available_balance = -0.00000001",
    ),
    (
        "chk_units",
        "UPDATE wallets SET available_balance = 'NaN'",
    ),
    (
        "chk_units",
        "UPDATE wallets SET available_balance = 92233720368.54775808",
    ),
    (
        "chk_units",
        "UPDATE wallets SET reserved_balance = -0.00000001",
    ),
    (
        "chk_units",
        "UPDATE wallets SET reserved_balance = 'NaN'",
    ),
    ("wallets_version_check", "UPDATE wallets SET version = -1"),
    (
        "house_accounts_pkey",
        "INSERT INTO house_accounts SELECT * FROM house_accounts",
    ),
    (
        "house_accounts_shard_check",
        "UPDATE house_accounts SET shard = -1",
    ),
    (
        "house_accounts_fees_check",
        "UPDATE house_accounts SET fees = -0.00000001",
    ),
    (
        "chk_total_units",
        "UPDATE house_accounts SET fees = 'NaN'",
    ),
    (
        "chk_total_units",
        "UPDATE house_accounts SET external = 'NaN'",
    ),
    (
        "reservations_pkey",
        "INSERT INTO reservations SELECT * FROM reservations",
    ),
    (
        "chk_units",
        "UPDATE reservations SET granted = 'NaN'",
    ),
    ("reservations_check", "UPDATE reservations SET left_amount = 3"),
    ("chk_units", "UPDATE reservations SET left_amount = -1"),
    (
        "chk_reservation_status",
        "UPDATE reservations SET status = 'open', left_amount = 0",
    ),
    (
        "chk_reservation",
        "UPDATE reservations SET status = 'tombstone'",
    ),
    (
        "ledger_transactions_pkey",
        "INSERT INTO ledger_transactions (key, body_hash, answer, status, created_at) VALUES ('a', '', '', 200, now())",
    ),
    (
        "ledger_transactions_number_key",
        "INSERT INTO ledger_transactions (key, number, body_hash, answer, status, created_at) OVERRIDING SYSTEM VALUE
             SELECT 'c', number, '', '', 200, now() FROM ledger_transactions WHERE key = 'a'",
    ),
];

const ENTRIES: &[(&str, &str)] = &[
    (
        "ledger_entries_pkey",
        "INSERT INTO ledger_entries (entry_id, transaction_number, line, user_id, asset, available, reserved,
                                     entry_type, reference_id, reference_kind, created_at)
             SELECT entry_id, transaction_number, 7, gen_random_uuid(), asset, available, reserved,
                    entry_type, reference_id, reference_kind, created_at FROM ledger_entries",
    ),
    (
        "ledger_entries_transaction_number_line_key",
        "UPDATE ledger_entries SET line = 0",
    ),
    (
        "chk_total_units",
        "UPDATE ledger_entries SET available = 'NaN'",
    ),
    (
        "chk_total_units",
        "UPDATE ledger_entries SET reserved = 'NaN' WHERE line = 0",
    ),
    (
        "chk_entry_type",
        "UPDATE ledger_entries SET entry_type = 'GIFT'",
    ),
    (
        "chk_house_account",
        "UPDATE ledger_entries SET house = 'OTHER' WHERE line = 1",
    ),
    (
        "chk_reference_kind",
        "UPDATE ledger_entries SET reference_kind = 'other'",
    ),
    (
        "chk_account",
        "UPDATE ledger_entries SET house = 'FEE' WHERE line = 0",
    ),
    ("chk_account", "UPDATE ledger_entries SET user_id = NULL WHERE line = 0"),
    (
        "chk_entry_changes",
        "UPDATE ledger_entries SET available = 0 WHERE line = 0",
    ),
    (
        "chk_house_has_no_reserved",
        "UPDATE ledger_entries SET reserved = 1 WHERE line = 1",
    ),
    (
        "trigger ledger_entries_balance",
        "INSERT INTO ledger_entries (entry_id, transaction_number, line, user_id, asset, available, reserved,
                                     entry_type, reference_id, reference_kind, created_at)
             SELECT gen_random_uuid(), number, line, gen_random_uuid(), 'BTC', 1 - 2 * line, line, 'ADJUSTMENT', 'x',
                    'transfer', now() FROM ledger_transactions, generate_series(0, 1) AS line WHERE key = 'b'",
    ),
];

const ACCOUNTS: &[(&str, &str)] = &[
    ("tiers_pkey", "INSERT INTO tiers VALUES ('vip')"),
    (
        "tiers_orders_per_second_check",
        "UPDATE tiers SET orders_per_second = 0",
    ),
    ("tiers_maker_fee_check", "UPDATE tiers SET maker_fee = 1"),
    ("tiers_taker_fee_check", "UPDATE tiers SET taker_fee = -0.1"),
    ("accounts_pkey", "INSERT INTO accounts SELECT * FROM accounts"),
    ("accounts_tier_fkey", "UPDATE accounts SET tier = 'no such'"),
    ("accounts_tier_fkey", "DELETE FROM tiers"),
    ("api_keys_pkey", "INSERT INTO api_keys SELECT * FROM api_keys"),
    ("api_keys_kind_check", "UPDATE api_keys SET kind = 'password'"),
    ("api_keys_material_check", "UPDATE api_keys SET material = ''"),
    (
        "api_keys_addresses_check",
        "UPDATE api_keys SET addresses = array_fill('::1'::text, '{33}')",
    ),
    (
        "register_version_pkey",
        "INSERT INTO register_version VALUES (1, 2)",
    ),
    (
        "register_version_id_check",
        "INSERT INTO register_version VALUES (2, 2)",
    ),
    (
        "audit_log_pkey",
        "INSERT INTO audit_log VALUES (1, '', sha256('1'), sha256('2'))",
    ),
    (
        "audit_log_hash_key",
        "INSERT INTO audit_log VALUES (2, '', sha256('1'), sha256('1'))",
    ),
    (
        "audit_log_previous_key",
        "INSERT INTO audit_log VALUES (2, '', sha256('0'), sha256('2'))",
    ),
    (
        "audit_log_hash_check",
        "INSERT INTO audit_log VALUES (2, '', sha256('1'), '')",
    ),
    (
        "audit_log_previous_check",
        "INSERT INTO audit_log VALUES (2, '', '', sha256('2'))",
    ),
    (
        "trigger audit_log_is_append_only",
        "UPDATE audit_log SET line = 'other'",
    ),
    ("trigger audit_log_is_append_only", "DELETE FROM audit_log"),
    ("trigger audit_log_is_append_only", "TRUNCATE audit_log"),
];

const ENUMS: &[(&str, &str)] = &[
    ("enum order_side_enum", "UPDATE orders SET side = 'HOLD'"),
    ("enum order_type_enum", "UPDATE orders SET order_type = 'ICEBERG'"),
    ("enum order_status_enum", "UPDATE orders SET status = 'LOST'"),
    (
        "enum time_in_force_enum",
        "UPDATE orders SET time_in_force = 'SOON'",
    ),
];

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
