//! What the tables of orders, trades and shards refuse, each under the name of what refuses it.

pub(super) const ORDERS: &[(&str, &str)] = &[
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

pub(super) const TRADES: &[(&str, &str)] = &[
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

pub(super) const SHARDS: &[(&str, &str)] = &[
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
    ("chk_shard_log_traces", "UPDATE shard_log SET traces = ''"),
    (
        "chk_shard_log_traces",
        "UPDATE shard_log SET traces = decode(repeat('01', 26), 'hex')",
    ),
    ("commands_pkey", "INSERT INTO commands SELECT * FROM commands"),
    (
        "chk_commands_place",
        "UPDATE commands SET order_id = gen_random_uuid() WHERE kind = 'place'",
    ),
    ("chk_command_kind", "UPDATE commands SET kind = 'other'"),
    (
        "chk_commands_trace",
        "UPDATE commands SET trace = decode(repeat('01', 24), 'hex')",
    ),
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
