-- Takes all rights in this database back. A role that no other database and no login uses goes too.

DO $$
DECLARE
    gone TEXT;
BEGIN
    FOREACH gone IN ARRAY ARRAY['trade_gateway', 'trade_matcher', 'trade_wallet', 'trade_auditor'] LOOP
        CONTINUE WHEN NOT EXISTS (SELECT 1 FROM pg_roles WHERE rolname = gone);
        EXECUTE format('DROP OWNED BY %I', gone);
        CONTINUE WHEN EXISTS (SELECT 1 FROM pg_auth_members m JOIN pg_roles r ON r.oid = m.roleid WHERE r.rolname = gone);
        BEGIN
            EXECUTE format('DROP ROLE %I', gone);
        EXCEPTION
            -- Another database uses it, or the one who migrates may not drop it.
            WHEN dependent_objects_still_exist OR insufficient_privilege THEN NULL;
        END;
    END LOOP;
END $$;

GRANT EXECUTE ON FUNCTION make_partitions(TIMESTAMPTZ, TIMESTAMPTZ, TEXT[]) TO PUBLIC;
GRANT EXECUTE ON FUNCTION trim_shard_log(INTEGER, TIMESTAMPTZ, INTEGER) TO PUBLIC;
