-- The history of the embedded exchange. Everything here is made from the log and can be deleted and made again.
-- Ids are 16 bytes, times are microseconds since 1970, prices are ticks, quantities are lots, amounts units of 1e-8.
-- What is one of a few is a number: those of sides, types, statuses, modes and reasons of ledger lines are in codes.rs.
-- Each table is one tree, sorted by its key, without further indexes: rows are written in that order.

CREATE TABLE projection (
    id INTEGER PRIMARY KEY CHECK (id = 1),
    schema_version INTEGER NOT NULL,
    -- The last record of the log that is in here, and its time.
    seq INTEGER NOT NULL,
    at INTEGER NOT NULL
) STRICT;

INSERT INTO projection (id, schema_version, seq, at) VALUES (1, 1, 0, 0);

-- Short numbers for users, because keys begin with them.
CREATE TABLE users (
    -- 0 is the account of fees, 1 the outside.
    number INTEGER NOT NULL PRIMARY KEY CHECK (number > 1),
    user_id BLOB NOT NULL UNIQUE
) STRICT;

CREATE TABLE orders (
    order_id BLOB NOT NULL PRIMARY KEY,
    user_id BLOB NOT NULL,
    institution_id BLOB,
    market INTEGER NOT NULL,
    side INTEGER NOT NULL,
    order_type INTEGER NOT NULL,
    price INTEGER,
    stop_price INTEGER,
    -- What the owner asked for: lots, or an amount of the quote asset.
    size INTEGER,
    quote_quantity INTEGER,
    display_quantity INTEGER,
    post_only INTEGER NOT NULL,
    -- 0 GTC, 1 IOC, 2 FOK, 3 DAY, 4 GTD.
    time_in_force INTEGER NOT NULL,
    -- The end that a GTD order names.
    good_till INTEGER,
    self_trade_prevention INTEGER NOT NULL,
    client_order_id TEXT,
    quantity INTEGER NOT NULL,
    protection_price INTEGER,
    status INTEGER NOT NULL,
    reason TEXT,
    remaining INTEGER NOT NULL,
    filled INTEGER NOT NULL,
    prevented INTEGER NOT NULL,
    filled_notional INTEGER NOT NULL,
    fee INTEGER NOT NULL,
    maker_fee INTEGER NOT NULL,
    taker_fee INTEGER NOT NULL,
    deadline INTEGER NOT NULL,
    expires_at INTEGER,
    created_at INTEGER NOT NULL,
    updated_at INTEGER NOT NULL,
    triggered_at INTEGER,
    ended_at INTEGER
) STRICT, WITHOUT ROWID;

-- The columns behind the key let a filtered page skip orders without reading them.
CREATE TABLE own_orders (
    user_number INTEGER NOT NULL,
    order_id BLOB NOT NULL,
    market INTEGER NOT NULL,
    side INTEGER NOT NULL,
    status INTEGER NOT NULL,
    PRIMARY KEY (user_number, order_id)
) STRICT, WITHOUT ROWID;

CREATE TABLE client_orders (
    user_number INTEGER NOT NULL,
    client_order_id TEXT NOT NULL,
    order_id BLOB NOT NULL,
    PRIMARY KEY (user_number, client_order_id, order_id)
) STRICT, WITHOUT ROWID;

CREATE TABLE trades (
    trade_id BLOB NOT NULL,
    market INTEGER NOT NULL,
    number INTEGER NOT NULL,
    price INTEGER NOT NULL,
    quantity INTEGER NOT NULL,
    buyer_order_id BLOB NOT NULL,
    buyer_user_id BLOB NOT NULL,
    buyer_fee INTEGER NOT NULL,
    buyer_remaining INTEGER NOT NULL,
    seller_order_id BLOB NOT NULL,
    seller_user_id BLOB NOT NULL,
    seller_fee INTEGER NOT NULL,
    seller_remaining INTEGER NOT NULL,
    maker_side INTEGER NOT NULL,
    executed_at INTEGER NOT NULL,
    PRIMARY KEY (market, number)
) STRICT, WITHOUT ROWID;

-- Two rows a trade, one where buyer and seller are the same.
CREATE TABLE own_trades (
    user_number INTEGER NOT NULL,
    trade_id BLOB NOT NULL,
    market INTEGER NOT NULL,
    number INTEGER NOT NULL,
    PRIMARY KEY (user_number, trade_id)
) STRICT, WITHOUT ROWID;

CREATE TABLE order_trades (
    order_id BLOB NOT NULL,
    trade_id BLOB NOT NULL,
    market INTEGER NOT NULL,
    number INTEGER NOT NULL,
    PRIMARY KEY (order_id, trade_id)
) STRICT, WITHOUT ROWID;

CREATE TABLE ledger_entries (
    -- A user's number, 0 for fees, 1 for the outside.
    account INTEGER NOT NULL,
    asset TEXT NOT NULL,
    seq INTEGER NOT NULL,
    line INTEGER NOT NULL,
    available INTEGER NOT NULL,
    reserved INTEGER NOT NULL,
    entry_type INTEGER NOT NULL,
    -- 0 order, 1 amendment, 2 trade (by their ids), 3 transfer (by its key).
    reference_type INTEGER NOT NULL,
    reference_id BLOB,
    transfer_key TEXT,
    at INTEGER NOT NULL,
    PRIMARY KEY (account, asset, seq, line)
) STRICT, WITHOUT ROWID;

CREATE TABLE candles (
    market INTEGER NOT NULL,
    -- Its length in seconds.
    interval INTEGER NOT NULL,
    -- The start divided by the interval.
    number INTEGER NOT NULL,
    open INTEGER NOT NULL,
    high INTEGER NOT NULL,
    low INTEGER NOT NULL,
    close INTEGER NOT NULL,
    -- Decimal text: sums may pass 64 bits.
    base_volume TEXT NOT NULL,
    quote_volume TEXT NOT NULL,
    trade_count INTEGER NOT NULL,
    PRIMARY KEY (market, interval, number)
) STRICT, WITHOUT ROWID;
