-- Orders, trades and markets. Ids are UUIDv7 made by our servers; orders are partitioned by months and trades by days of
-- the time in their ids, so that an id finds its one partition and stays unique for certain.

CREATE TYPE order_side_enum AS ENUM ('BUY', 'SELL');
CREATE TYPE order_type_enum AS ENUM ('MARKET', 'LIMIT', 'STOP', 'STOP_LIMIT');
CREATE TYPE order_status_enum AS ENUM ('PENDING', 'OPEN', 'PARTIALLY_FILLED', 'FILLED', 'CANCELLED', 'REJECTED', 'EXPIRED');
CREATE TYPE time_in_force_enum AS ENUM ('GTC', 'IOC', 'FOK', 'DAY', 'GTD');

-- Rules of single values in tables that are written all the time are domains: a session reads and plans these once, those of
-- tables at every statement anew.
-- NaN passes every lower bound; and nothing is larger than what fits into 63 bits of units of 1e-8.
CREATE DOMAIN units AS DECIMAL(20,8) CONSTRAINT chk_units CHECK (VALUE BETWEEN 0 AND 92233720368.54775807);
CREATE DOMAIN positive_units AS DECIMAL(20,8) CONSTRAINT chk_positive_units CHECK (VALUE > 0 AND VALUE <= 92233720368.54775807);
CREATE DOMAIN fee_rate AS DECIMAL(9,8) CONSTRAINT chk_fee_rate CHECK (VALUE >= 0 AND VALUE < 1);
CREATE DOMAIN self_trade_prevention_word AS VARCHAR(16) CONSTRAINT chk_self_trade_prevention
    CHECK (VALUE IN ('NONE', 'EXPIRE_TAKER', 'EXPIRE_MAKER', 'EXPIRE_BOTH', 'DECREMENT'));

-- The lowest UUIDv7 of a moment: where the partitions' bounds lie.
CREATE FUNCTION v7_floor(at TIMESTAMPTZ) RETURNS UUID
    LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE
    AS $$ SELECT (lpad(to_hex(greatest(floor(extract(epoch FROM at) * 1000)::bigint, 0)), 12, '0')
                  || '00000000000000000000')::uuid $$;

-- The moment in a UUIDv7, in whole milliseconds. Made of immutable functions alone, so that it is inlined into the checks.
CREATE FUNCTION v7_time(id UUID) RETURNS TIMESTAMPTZ
    LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE
    AS $$ SELECT (timestamp 'epoch' + ('x' || encode(substring(uuid_send(id) FROM 1 FOR 6), 'hex'))::bit(48)::bigint
                                      * interval '1 millisecond') AT TIME ZONE 'UTC' $$;

-- A new UUIDv7 of the present transaction's time, for rows written by hand.
CREATE FUNCTION v7_new() RETURNS UUID
    LANGUAGE sql VOLATILE PARALLEL SAFE
    AS $$ SELECT (left(replace(v7_floor(now())::text, '-', ''), 12) || '7'
                  || substr(replace(gen_random_uuid()::text, '-', ''), 14))::uuid $$;

CREATE TABLE markets (
    symbol VARCHAR(20) NOT NULL PRIMARY KEY,
    number INTEGER NOT NULL UNIQUE CHECK (number BETWEEN 0 AND 1048575),
    -- The whole definition in postcard's encoding behind one byte of format version.
    definition BYTEA NOT NULL,
    tick DECIMAL(20,8) NOT NULL CHECK (tick > 0),
    lot DECIMAL(20,8) NOT NULL CHECK (lot > 0),
    created_at TIMESTAMPTZ NOT NULL DEFAULT now(),
    updated_at TIMESTAMPTZ NOT NULL DEFAULT now()
);

CREATE TABLE orders (
    order_id UUID NOT NULL DEFAULT v7_new() PRIMARY KEY,
    user_id UUID NOT NULL,
    institution_id UUID,
    symbol VARCHAR(20) NOT NULL,
    side order_side_enum NOT NULL,
    order_type order_type_enum NOT NULL,
    status order_status_enum NOT NULL DEFAULT 'PENDING',
    quantity units NOT NULL,
    filled_quantity units NOT NULL DEFAULT 0,
    price positive_units,
    stop_price positive_units,
    time_in_force time_in_force_enum NOT NULL DEFAULT 'GTC',
    client_order_id VARCHAR(100),
    created_at TIMESTAMPTZ NOT NULL DEFAULT date_trunc('milliseconds', now()),
    updated_at TIMESTAMPTZ NOT NULL DEFAULT now(),
    filled_at TIMESTAMPTZ,
    -- When it ended in any other way: cancelled, expired, rejected.
    cancelled_at TIMESTAMPTZ,
    -- What the fold knows beside the above.
    quote_quantity positive_units,
    display_quantity positive_units,
    post_only BOOLEAN NOT NULL DEFAULT false,
    self_trade_prevention self_trade_prevention_word NOT NULL DEFAULT 'EXPIRE_TAKER',
    protection_price positive_units,
    prevented_quantity units NOT NULL DEFAULT 0,
    filled_notional units NOT NULL DEFAULT 0,
    fee_paid units NOT NULL DEFAULT 0,
    maker_fee fee_rate NOT NULL DEFAULT 0,
    taker_fee fee_rate NOT NULL DEFAULT 0,
    deadline TIMESTAMPTZ,
    -- The end that DAY or GTD gives it.
    expires_at TIMESTAMPTZ,
    triggered_at TIMESTAMPTZ,
    -- The stamp at which the fold accepted or refused it; none: PENDING.
    applied_at TIMESTAMPTZ,
    reject_reason VARCHAR(40),
    -- When it entered, counted over its shard.
    rank BIGINT,
    -- Its place in the queue of its price level: earlier is lower. None: it does not rest.
    turn BIGINT,
    -- What of it the book shows. None: it does not rest.
    displayed_remaining units,
    -- What is left of its reservation, and how many releases it had.
    reserve_left units NOT NULL DEFAULT 0,
    release_number INTEGER NOT NULL DEFAULT 0,
    -- The amendment that was applied last.
    amendment UUID,
    -- What the gateway reserved for it, and until when a sweeper has taken it on.
    reserved units,
    swept_until TIMESTAMPTZ,

    CONSTRAINT chk_quantity_positive CHECK (quantity > 0),
    CONSTRAINT chk_filled_lte_quantity CHECK (filled_quantity + prevented_quantity <= quantity),
    CONSTRAINT chk_market_no_price CHECK (order_type <> 'MARKET' OR price IS NULL),
    CONSTRAINT chk_limit_has_price CHECK (order_type <> 'LIMIT' OR price IS NOT NULL),
    CONSTRAINT chk_stop CHECK (order_type <> 'STOP' OR (stop_price IS NOT NULL AND price IS NULL)),
    CONSTRAINT chk_stop_limit CHECK (order_type <> 'STOP_LIMIT' OR (stop_price IS NOT NULL AND price IS NOT NULL)),
    CONSTRAINT chk_stop_price CHECK (stop_price IS NULL OR order_type IN ('STOP', 'STOP_LIMIT')),
    CONSTRAINT chk_shown CHECK (displayed_remaining <= quantity),
    CONSTRAINT chk_release_number CHECK (release_number >= 0),
    CONSTRAINT chk_budget CHECK (quote_quantity IS NULL OR side = 'BUY'),
    CONSTRAINT chk_gtd CHECK (time_in_force <> 'GTD' OR expires_at IS NOT NULL),
    CONSTRAINT chk_filled CHECK (status <> 'FILLED' OR filled_quantity = quantity OR quote_quantity IS NOT NULL),
    CONSTRAINT chk_rejected CHECK (status <> 'REJECTED' OR filled_quantity = 0),
    CONSTRAINT chk_pending CHECK (status <> 'PENDING'
        OR (applied_at IS NULL AND filled_quantity = 0 AND prevented_quantity = 0 AND turn IS NULL)),
    -- What has ended holds no money and no place in the book.
    CONSTRAINT chk_ended CHECK (status IN ('PENDING', 'OPEN', 'PARTIALLY_FILLED')
        OR (turn IS NULL AND displayed_remaining IS NULL AND reserve_left = 0)),
    CONSTRAINT chk_filled_at CHECK (filled_at IS NULL OR status = 'FILLED'),
    CONSTRAINT chk_cancelled_at CHECK (cancelled_at IS NULL OR status IN ('CANCELLED', 'EXPIRED', 'REJECTED')),
    CONSTRAINT chk_order_id_time CHECK (v7_time(order_id) = date_trunc('milliseconds', created_at))
) PARTITION BY RANGE (order_id);

CREATE INDEX idx_orders_user_symbol_status ON orders(user_id, symbol, status);
CREATE INDEX idx_orders_symbol_status ON orders(symbol, status) WHERE status IN ('OPEN', 'PARTIALLY_FILLED');
-- Only those that wait are looked for by their age: an order that has come in changes it no more.
CREATE INDEX idx_orders_status_created ON orders(status, created_at) WHERE status = 'PENDING';
CREATE INDEX idx_orders_user ON orders(user_id, order_id);

CREATE TABLE trades (
    trade_id UUID NOT NULL DEFAULT v7_new() PRIMARY KEY,
    symbol VARCHAR(20) NOT NULL,
    buyer_order_id UUID NOT NULL REFERENCES orders(order_id),
    seller_order_id UUID NOT NULL REFERENCES orders(order_id),
    buyer_user_id UUID NOT NULL,
    seller_user_id UUID NOT NULL,
    price positive_units NOT NULL,
    quantity positive_units NOT NULL,
    buyer_fee units NOT NULL DEFAULT 0,
    seller_fee units NOT NULL DEFAULT 0,
    is_buyer_maker BOOLEAN NOT NULL,
    executed_at TIMESTAMPTZ NOT NULL DEFAULT date_trunc('milliseconds', now()),
    -- Its number in the market, from 1, and what remained of both orders after it.
    number BIGINT CHECK (number > 0),
    buyer_remaining units NOT NULL DEFAULT 0,
    seller_remaining units NOT NULL DEFAULT 0,
    CONSTRAINT chk_trade_sides CHECK (buyer_order_id <> seller_order_id),
    -- A fee is taken from what is received: the buyer's in the base asset, the seller's in the quote asset.
    CONSTRAINT chk_trade_fees CHECK (buyer_fee <= quantity AND seller_fee <= price * quantity),
    CONSTRAINT chk_trade_id_time CHECK (v7_time(trade_id) = date_trunc('milliseconds', executed_at))
) PARTITION BY RANGE (trade_id);

CREATE INDEX idx_trades_buyer ON trades(buyer_user_id, executed_at DESC);
CREATE INDEX idx_trades_seller ON trades(seller_user_id, executed_at DESC);
CREATE INDEX idx_trades_symbol_time ON trades(symbol, executed_at DESC);
CREATE INDEX idx_trades_symbol_number ON trades(symbol, number);
CREATE INDEX idx_trades_buyer_order ON trades(buyer_order_id);
CREATE INDEX idx_trades_seller_order ON trades(seller_order_id);

-- Orders by their ids, each of which is given once. To plan a look-up in a partitioned table takes longer than the look-up:
-- here each session plans it once, and without sequential scans, since a partition that is empty then does not stay so.
CREATE FUNCTION order_rows(ids UUID[]) RETURNS SETOF orders
    LANGUAGE plpgsql STABLE STRICT PARALLEL SAFE
    SET plan_cache_mode = force_generic_plan SET enable_seqscan = off
    AS $$
DECLARE
    one UUID;
BEGIN
    FOREACH one IN ARRAY ids LOOP
        RETURN QUERY SELECT * FROM orders o WHERE o.order_id = one;
    END LOOP;
END $$;

-- Candles of every interval, kept up by whoever matches the market.
CREATE TABLE candles (
    symbol VARCHAR(20) NOT NULL,
    -- Its length in seconds.
    span INTEGER NOT NULL CHECK (span > 0),
    opened_at TIMESTAMPTZ NOT NULL,
    open DECIMAL(20,8) NOT NULL,
    high DECIMAL(20,8) NOT NULL,
    low DECIMAL(20,8) NOT NULL,
    close DECIMAL(20,8) NOT NULL,
    volume DECIMAL(38,8) NOT NULL,
    quote_volume DECIMAL(38,8) NOT NULL,
    trade_count BIGINT NOT NULL,
    PRIMARY KEY (symbol, span, opened_at),
    CONSTRAINT chk_candle CHECK (low > 0 AND low <= open AND low <= close AND high >= open AND high >= close
        AND high < 'NaN'),
    CONSTRAINT chk_candle_volume CHECK (volume >= 0 AND volume < 'NaN' AND quote_volume >= 0 AND quote_volume < 'NaN'
        AND trade_count >= 0)
);

-- Partitions that were taken out and wait to be dropped: until then they can be attached again.
CREATE TABLE detached_partitions (
    name VARCHAR(63) NOT NULL PRIMARY KEY,
    parent VARCHAR(63) NOT NULL CHECK (parent IN ('orders', 'trades')),
    -- What it holds: rows from the one moment to the other.
    begins_at TIMESTAMPTZ NOT NULL,
    ends_at TIMESTAMPTZ NOT NULL,
    detached_at TIMESTAMPTZ NOT NULL,
    drop_after TIMESTAMPTZ NOT NULL,
    CONSTRAINT chk_detached_bounds CHECK (ends_at > begins_at),
    CONSTRAINT chk_detached_grace CHECK (drop_after >= detached_at)
);

-- Makes the partitions that are missing: months of orders and days of trades from one moment to another, in UTC.
-- How many were made. A table is made first and attached then: that waits for writers only, not for readers, and for
-- two seconds at most. Whoever may call it need not own the tables.
CREATE FUNCTION make_partitions(first TIMESTAMPTZ, last TIMESTAMPTZ, parents TEXT[] DEFAULT '{orders,trades}')
    RETURNS INTEGER LANGUAGE plpgsql SECURITY DEFINER
    SET search_path = public, pg_temp SET lock_timeout = '2s'
    AS $$
DECLARE
    step RECORD;
    made INTEGER := 0;
BEGIN
    PERFORM pg_advisory_xact_lock(1886544244);
    FOR step IN
        SELECT 'orders' AS parent, 'orders_' || to_char(at, 'YYYY_MM') AS child, at AS low, at + interval '1 month' AS high,
               -- Fills update rows of orders in place where there is room on the page.
               ' WITH (fillfactor = 60)' AS storage
          FROM generate_series(date_trunc('month', first AT TIME ZONE 'UTC'), last AT TIME ZONE 'UTC', interval '1 month') AS at
         WHERE 'orders' = ANY(parents)
        UNION ALL
        SELECT 'trades', 'trades_' || to_char(at, 'YYYY_MM_DD'), at, at + interval '1 day', ''
          FROM generate_series(date_trunc('day', first AT TIME ZONE 'UTC'), last AT TIME ZONE 'UTC', interval '1 day') AS at
         WHERE 'trades' = ANY(parents)
    LOOP
        IF to_regclass('public.' || step.child) IS NULL THEN
            EXECUTE format('CREATE TABLE public.%I (LIKE public.%I INCLUDING DEFAULTS INCLUDING CONSTRAINTS)%s',
                step.child, step.parent, step.storage);
            EXECUTE format('ALTER TABLE public.%I ATTACH PARTITION public.%I FOR VALUES FROM (%L) TO (%L)', step.parent,
                step.child, v7_floor(step.low AT TIME ZONE 'UTC'), v7_floor(step.high AT TIME ZONE 'UTC'));
            made := made + 1;
        END IF;
    END LOOP;
    RETURN made;
END $$;
