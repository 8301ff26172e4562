-- The shards: who owns each, its log, its to-do list, and what the order path keeps beside the orders.

CREATE TABLE shards (
    shard INTEGER NOT NULL PRIMARY KEY CHECK (shard >= 0),
    -- Grows with every owner; who has not the present one writes nothing.
    epoch BIGINT NOT NULL DEFAULT 0 CHECK (epoch >= 0),
    -- The numbers of the last row in its log, of the last row that was published, and of the last that was settled.
    last_seq BIGINT NOT NULL DEFAULT 0,
    published_seq BIGINT NOT NULL DEFAULT 0,
    settled_seq BIGINT NOT NULL DEFAULT 0,
    lease_until TIMESTAMPTZ,
    owner VARCHAR(200),
    -- Why its owner takes no commands; none: it does.
    halted TEXT CHECK (length(halted) BETWEEN 1 AND 1000),
    -- The last batch before a market first came from another shard or went to one: what is behind it, the log alone does
    -- not explain.
    moved_after BIGINT CHECK (moved_after >= 0),
    CONSTRAINT chk_cursors CHECK (published_seq BETWEEN 0 AND last_seq AND settled_seq BETWEEN 0 AND last_seq)
    -- A few rows that change all the time: there is always room to do it in place.
) WITH (fillfactor = 10);

CREATE TABLE market_state (
    symbol VARCHAR(20) NOT NULL PRIMARY KEY REFERENCES markets(symbol),
    shard INTEGER NOT NULL REFERENCES shards(shard),
    status VARCHAR(16) NOT NULL DEFAULT 'open' CHECK (status IN ('open', 'post_only', 'cancel_only', 'halted')),
    last_price DECIMAL(20,8) CHECK (last_price > 0 AND last_price <= 92233720368.54775807),
    -- The rank of the last order that entered its shard, and the last turn given out in its book.
    rank BIGINT NOT NULL DEFAULT 0,
    turn BIGINT NOT NULL DEFAULT 0,
    trade_number BIGINT NOT NULL DEFAULT 0,
    event_seq BIGINT NOT NULL DEFAULT 0,
    -- The stamp of the last command of its shard: stamps never go back.
    last_time TIMESTAMPTZ NOT NULL DEFAULT 'epoch',
    -- Whether the fold has its definition: until then it is only wanted.
    defined BOOLEAN NOT NULL DEFAULT false,
    CONSTRAINT chk_market_numbers CHECK (rank >= 0 AND turn >= 0 AND trade_number >= 0 AND event_seq >= 0)
) WITH (fillfactor = 10);
CREATE INDEX idx_market_state_shard ON market_state(shard);

-- One row for each batch that a shard's owner applied; the shard's truth and its outbox.
CREATE TABLE shard_log (
    shard INTEGER NOT NULL REFERENCES shards(shard),
    seq BIGINT NOT NULL CHECK (seq > 0),
    epoch BIGINT NOT NULL CHECK (epoch >= 0),
    rules_version SMALLINT NOT NULL,
    commands BYTEA NOT NULL,
    events BYTEA NOT NULL,
    at TIMESTAMPTZ NOT NULL,
    PRIMARY KEY (shard, seq)
);

-- Removes at most so many rows of a shard's log that were written before a moment, oldest first, and only what is both
-- published and settled. Whoever may call it need not own the table. How many there were.
CREATE FUNCTION trim_shard_log(of_shard INTEGER, written_before TIMESTAMPTZ, at_most INTEGER) RETURNS INTEGER
    LANGUAGE sql VOLATILE SECURITY DEFINER SET search_path = public, pg_temp
    AS $$
    WITH gone AS (
        DELETE FROM shard_log l USING (
            SELECT o.seq FROM shard_log o JOIN shards s USING (shard)
             WHERE o.shard = of_shard AND o.seq <= least(s.published_seq, s.settled_seq)
             ORDER BY o.seq LIMIT at_most) old
         WHERE l.shard = of_shard AND l.seq = old.seq AND l.at < written_before RETURNING 1)
    SELECT count(*)::integer FROM gone $$;

CREATE DOMAIN command_kind AS VARCHAR(16) CONSTRAINT chk_command_kind
    CHECK (VALUE IN ('place', 'cancel', 'amend', 'cancel_all', 'market_state', 'define_market', 'quarantine'));

-- The shards' to-do lists. No foreign key to `shards`: every insert would lock the one row that the owner updates in every
-- commit. A shard comes from `market_state`, which has the foreign key.
CREATE TABLE commands (
    id UUID NOT NULL PRIMARY KEY,
    shard INTEGER NOT NULL CHECK (shard >= 0),
    kind command_kind NOT NULL,
    -- The order that it is about; none: many, or a market.
    order_id UUID,
    body BYTEA NOT NULL,
    attempts INTEGER NOT NULL DEFAULT 0 CHECK (attempts >= 0),
    -- How many orders a mass cancel has cancelled so far.
    progress BIGINT NOT NULL DEFAULT 0 CHECK (progress >= 0),
    created_at TIMESTAMPTZ NOT NULL DEFAULT now(),
    CONSTRAINT chk_commands_order CHECK (kind NOT IN ('place', 'cancel', 'amend') OR order_id IS NOT NULL),
    -- An order is placed once: the primary key says so.
    CONSTRAINT chk_commands_place CHECK (kind <> 'place' OR order_id = id)
    -- Rows come and go: the dead ones are cleared away by their number, not by their share.
) WITH (autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 10000,
        autovacuum_vacuum_insert_scale_factor = 0, autovacuum_vacuum_insert_threshold = 100000,
        autovacuum_analyze_scale_factor = 0, autovacuum_analyze_threshold = 50000);
CREATE INDEX idx_commands_shard ON commands(shard, id);

CREATE TABLE client_order_ids (
    user_id UUID NOT NULL,
    client_order_id VARCHAR(100) NOT NULL,
    order_id UUID NOT NULL,
    -- A keyed hash of what was asked for.
    body_hash BIGINT NOT NULL,
    PRIMARY KEY (user_id, client_order_id)
);
CREATE INDEX idx_client_order_ids_order ON client_order_ids(order_id);

-- Amendments that need more funds: written before the wallet is asked, and taken out with the insert of their command,
-- so that a sweeper finds what a gateway left behind, and each is handed to its shard once.
CREATE TABLE amendments (
    request_id UUID NOT NULL PRIMARY KEY,
    order_id UUID NOT NULL,
    body BYTEA NOT NULL,
    created_at TIMESTAMPTZ NOT NULL,
    swept_until TIMESTAMPTZ
);
CREATE INDEX idx_amendments_created ON amendments(created_at);

-- Mass cancels that also take orders which were received before them and come later.
CREATE TABLE cancel_cutoffs (
    id UUID NOT NULL PRIMARY KEY,
    shard INTEGER NOT NULL REFERENCES shards(shard),
    user_id UUID,
    symbol VARCHAR(20),
    side order_side_enum,
    reason VARCHAR(40) NOT NULL,
    received_before TIMESTAMPTZ NOT NULL,
    until TIMESTAMPTZ NOT NULL
);
CREATE INDEX idx_cancel_cutoffs_shard ON cancel_cutoffs(shard, until);

-- Dead man's switches that are armed.
CREATE TABLE dead_man (
    user_id UUID NOT NULL PRIMARY KEY,
    fires_at TIMESTAMPTZ NOT NULL,
    swept_until TIMESTAMPTZ
);
CREATE INDEX idx_dead_man_fires ON dead_man(fires_at);

-- Connections at whose end their user's orders are cancelled; kept alive by the gateway that holds them.
CREATE TABLE sessions (
    session_id UUID NOT NULL PRIMARY KEY,
    user_id UUID NOT NULL,
    gateway UUID NOT NULL,
    alive_until TIMESTAMPTZ NOT NULL,
    swept_until TIMESTAMPTZ
);
CREATE INDEX idx_sessions_gateway ON sessions(gateway);
CREATE INDEX idx_sessions_user ON sessions(user_id);
CREATE INDEX idx_sessions_alive ON sessions(alive_until);

-- Messages that could not be decoded, kept as they came.
CREATE TABLE undecodable (
    id UUID NOT NULL PRIMARY KEY,
    source VARCHAR(200) NOT NULL,
    error TEXT NOT NULL,
    body BYTEA NOT NULL,
    created_at TIMESTAMPTZ NOT NULL DEFAULT now()
);
