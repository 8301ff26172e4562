-- The history of the embedded exchange. Everything here is made from the log and can be deleted and made again.
-- Ids are 16 bytes, times are microseconds since 1970, prices are ticks, quantities are lots, amounts units of 1e-8.

CREATE TABLE projection (
    id INTEGER PRIMARY KEY CHECK (id = 1),
    schema_version INTEGER NOT NULL,
    -- The last record of the log that is in here, and its time.
    seq INTEGER NOT NULL,
    at INTEGER NOT NULL
) STRICT;

INSERT INTO projection (id, schema_version, seq, at) VALUES (1, 1, 0, 0);

CREATE TABLE orders (
    order_id BLOB NOT NULL PRIMARY KEY,
    user_id BLOB NOT NULL,
    institution_id BLOB,
    market INTEGER NOT NULL,
    side TEXT NOT NULL,
    order_type TEXT NOT NULL,
    price INTEGER,
    stop_price INTEGER,
    -- What the owner asked for: lots, or an amount of the quote asset.
    size INTEGER,
    quote_quantity INTEGER,
    display_quantity INTEGER,
    post_only INTEGER NOT NULL,
    time_in_force TEXT NOT NULL,
    -- The end that a GTD order names.
    good_till INTEGER,
    self_trade_prevention TEXT NOT NULL,
    client_order_id TEXT,
    quantity INTEGER NOT NULL,
    protection_price INTEGER,
    status TEXT NOT NULL,
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
) STRICT;

-- The columns behind the id let a filtered page skip rows without reading them.
CREATE INDEX orders_user ON orders (user_id, order_id, market, side, status);
CREATE INDEX orders_client ON orders (user_id, client_order_id, order_id) WHERE client_order_id IS NOT NULL;

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
    maker_side TEXT NOT NULL,
    executed_at INTEGER NOT NULL,
    PRIMARY KEY (market, number)
) STRICT;

CREATE INDEX trades_buyer ON trades (buyer_user_id, trade_id, market);
CREATE INDEX trades_seller ON trades (seller_user_id, trade_id, market);
CREATE INDEX trades_buyer_order ON trades (buyer_order_id, trade_id);
CREATE INDEX trades_seller_order ON trades (seller_order_id, trade_id);

CREATE TABLE ledger_entries (
    seq INTEGER NOT NULL,
    line INTEGER NOT NULL,
    -- USER, FEE or EXTERNAL; only the first has a user.
    account TEXT NOT NULL,
    user_id BLOB,
    asset TEXT NOT NULL,
    available INTEGER NOT NULL,
    reserved INTEGER NOT NULL,
    entry_type TEXT NOT NULL,
    -- ORDER, AMENDMENT, TRADE (by their ids) or TRANSFER (by its key).
    reference_type TEXT NOT NULL,
    reference_id BLOB,
    transfer_key TEXT,
    at INTEGER NOT NULL,
    PRIMARY KEY (seq, line)
) STRICT, WITHOUT ROWID;

CREATE INDEX ledger_entries_user ON ledger_entries (user_id, seq, line) WHERE user_id IS NOT NULL;
CREATE INDEX ledger_entries_asset ON ledger_entries (user_id, asset, seq, line) WHERE user_id IS NOT NULL;

CREATE TABLE candles (
    market INTEGER NOT NULL,
    interval TEXT NOT NULL,
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
