//! What the tables of the wallet, of accounts and of the audit log refuse, and words that no enum has.

pub(super) const WALLET: &[(&str, &str)] = &[
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

pub(super) const ENTRIES: &[(&str, &str)] = &[
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

pub(super) const ACCOUNTS: &[(&str, &str)] = &[
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

pub(super) const ENUMS: &[(&str, &str)] = &[
    ("enum order_side_enum", "UPDATE orders SET side = 'HOLD'"),
    ("enum order_type_enum", "UPDATE orders SET order_type = 'ICEBERG'"),
    ("enum order_status_enum", "UPDATE orders SET status = 'LOST'"),
    (
        "enum time_in_force_enum",
        "UPDATE orders SET time_in_force = 'SOON'",
    ),
];
