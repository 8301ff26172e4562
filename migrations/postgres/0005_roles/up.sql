-- Who may do what. Roles belong to the whole server: those that are there already are taken as they are. Programs log in
-- as members of them.

DO $$
DECLARE
    wanted TEXT;
BEGIN
    FOREACH wanted IN ARRAY ARRAY['trade_gateway', 'trade_matcher', 'trade_wallet', 'trade_auditor'] LOOP
        IF NOT EXISTS (SELECT 1 FROM pg_roles WHERE rolname = wanted) THEN
            BEGIN
                EXECUTE format('CREATE ROLE %I NOLOGIN', wanted);
            EXCEPTION
                -- Somebody made it at the same moment, for another database.
                WHEN duplicate_object OR unique_violation THEN NULL;
            END;
        END IF;
    END LOOP;
END $$;

REVOKE CREATE ON SCHEMA public FROM PUBLIC;
GRANT USAGE ON SCHEMA public TO trade_gateway, trade_matcher, trade_wallet, trade_auditor;

GRANT EXECUTE ON FUNCTION order_rows(UUID[]) TO trade_gateway, trade_matcher, trade_auditor;

-- Partitions are made by those whose rows need them; only the tables' owner takes them out.
REVOKE EXECUTE ON FUNCTION make_partitions(TIMESTAMPTZ, TIMESTAMPTZ, TEXT[]) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION make_partitions(TIMESTAMPTZ, TIMESTAMPTZ, TEXT[]) TO trade_gateway, trade_matcher;

-- The gateway stores orders and asks; what becomes of them is the matcher's to write.
GRANT SELECT, INSERT, UPDATE (reserved, swept_until) ON orders TO trade_gateway;
GRANT SELECT ON trades, candles, shards, shard_log, detached_partitions TO trade_gateway;
GRANT SELECT, INSERT ON commands, market_state, audit_log, undecodable TO trade_gateway;
GRANT SELECT, INSERT, UPDATE ON markets, tiers, accounts, api_keys TO trade_gateway;
GRANT SELECT, UPDATE ON register_version TO trade_gateway;
GRANT SELECT, INSERT, UPDATE, DELETE ON client_order_ids, amendments, cancel_cutoffs, dead_man, sessions
    TO trade_gateway;

-- The matcher writes what its fold says. A trade and a row of the log never change; old rows of the log go by
-- the function.
GRANT SELECT, INSERT, UPDATE ON orders, candles, markets, market_state, shards TO trade_matcher;
GRANT SELECT, INSERT ON trades, shard_log, undecodable TO trade_matcher;
REVOKE EXECUTE ON FUNCTION trim_shard_log(INTEGER, TIMESTAMPTZ, INTEGER) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION trim_shard_log(INTEGER, TIMESTAMPTZ, INTEGER) TO trade_matcher;
GRANT SELECT, INSERT, UPDATE, DELETE ON commands, cancel_cutoffs TO trade_matcher;
GRANT SELECT ON detached_partitions TO trade_matcher;

-- The wallet knows balances and nothing else. What it has written into the ledger never changes.
GRANT SELECT, INSERT, UPDATE ON wallets, house_accounts, reservations TO trade_wallet;
GRANT SELECT, INSERT ON ledger_transactions, ledger_entries, undecodable TO trade_wallet;

-- The auditor reads both sides.
GRANT SELECT ON ALL TABLES IN SCHEMA public TO trade_auditor;
ALTER DEFAULT PRIVILEGES IN SCHEMA public GRANT SELECT ON TABLES TO trade_auditor;

-- Everybody looks at the start whether the schema is theirs.
DO $$
BEGIN
    IF to_regclass('__diesel_schema_migrations') IS NOT NULL THEN
        GRANT SELECT ON __diesel_schema_migrations TO trade_gateway, trade_matcher, trade_wallet, trade_auditor;
    END IF;
END $$;
