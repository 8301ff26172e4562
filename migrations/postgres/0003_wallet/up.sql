-- The wallet's tables: balances, reservations, and the ledger that explains them. Only the wallet service writes here.

-- The change of an account, or what one that everybody shares has.
CREATE DOMAIN total_units AS NUMERIC(38,8) CONSTRAINT chk_total_units CHECK (VALUE < 'NaN');
-- held: it may be used; closed: it has ended; refused: the balance did not cover it; tombstone: released before it came.
CREATE DOMAIN reservation_status AS VARCHAR(12) CONSTRAINT chk_reservation_status
    CHECK (VALUE IN ('held', 'closed', 'refused', 'tombstone'));
CREATE DOMAIN house_account AS VARCHAR(8) CONSTRAINT chk_house_account CHECK (VALUE IN ('FEE', 'EXTERNAL'));
CREATE DOMAIN ledger_entry_type AS VARCHAR(12) CONSTRAINT chk_entry_type CHECK (VALUE IN
    ('RESERVE', 'RELEASE', 'TRADE_BUY', 'TRADE_SELL', 'FEE', 'DEPOSIT', 'WITHDRAWAL', 'ADJUSTMENT'));
CREATE DOMAIN ledger_reference_kind AS VARCHAR(12) CONSTRAINT chk_reference_kind
    CHECK (VALUE IN ('order', 'amendment', 'trade', 'transfer'));

CREATE TABLE wallets (
    user_id UUID NOT NULL,
    asset VARCHAR(12) NOT NULL,
    available_balance units NOT NULL DEFAULT 0,
    reserved_balance units NOT NULL DEFAULT 0,
    -- How often it has changed.
    version BIGINT NOT NULL DEFAULT 0 CHECK (version >= 0),
    PRIMARY KEY (user_id, asset)
) WITH (fillfactor = 70);

-- The accounts that an asset has once, split by shard so that no row is everybody's: fees collected, and what came in
-- from outside less what went out.
CREATE TABLE house_accounts (
    asset VARCHAR(12) NOT NULL,
    shard INTEGER NOT NULL DEFAULT 0 CHECK (shard >= 0),
    fees total_units NOT NULL DEFAULT 0 CHECK (fees >= 0),
    external total_units NOT NULL DEFAULT 0,
    PRIMARY KEY (asset, shard)
) WITH (fillfactor = 10);

-- What an order, or an amendment on its way, holds. An order's own has the order's id, an amendment's the amendment's.
CREATE TABLE reservations (
    reservation_id UUID NOT NULL PRIMARY KEY,
    order_id UUID NOT NULL,
    user_id UUID NOT NULL,
    asset VARCHAR(12) NOT NULL,
    receives VARCHAR(12),
    -- What was granted, and what of it is left. A refused reserve and a release before its reserve leave both at 0.
    granted units NOT NULL,
    left_amount units NOT NULL CHECK (left_amount <= granted),
    status reservation_status NOT NULL,
    created_at TIMESTAMPTZ NOT NULL,
    CONSTRAINT chk_reservation CHECK (status = 'held' OR left_amount = 0)
-- Fills change what is left: with room in their pages these updates touch no index.
) WITH (fillfactor = 65);
CREATE INDEX idx_reservations_user_asset ON reservations(user_id, asset, created_at) WHERE status = 'held';

-- Every instruction that was answered, once, under its key.
CREATE TABLE ledger_transactions (
    key VARCHAR(140) NOT NULL PRIMARY KEY,
    number BIGINT GENERATED ALWAYS AS IDENTITY UNIQUE,
    body_hash BYTEA NOT NULL,
    -- The answer as it was given, in JSON.
    answer BYTEA NOT NULL,
    status SMALLINT NOT NULL,
    created_at TIMESTAMPTZ NOT NULL
);

CREATE TABLE ledger_entries (
    entry_id UUID NOT NULL PRIMARY KEY,
    -- Of `ledger_transactions`. No foreign key: it would be looked up for each line. They are written with their
    -- transaction, nobody may delete one, and the audit looks.
    transaction_number BIGINT NOT NULL,
    line INTEGER NOT NULL,
    -- A user's account; none: the house's.
    user_id UUID,
    house house_account,
    asset VARCHAR(12) NOT NULL,
    -- The change of what is free to use, and of what is held for orders. `amount` is their sum.
    available total_units NOT NULL,
    reserved total_units NOT NULL,
    amount NUMERIC(38,8) GENERATED ALWAYS AS (available + reserved) STORED,
    entry_type ledger_entry_type NOT NULL,
    reference_id VARCHAR(140) NOT NULL,
    -- What the reference is: order, amendment, trade, transfer.
    reference_kind ledger_reference_kind NOT NULL,
    description TEXT NOT NULL DEFAULT '',
    created_at TIMESTAMPTZ NOT NULL,
    UNIQUE (transaction_number, line),
    CONSTRAINT chk_account CHECK ((user_id IS NULL) <> (house IS NULL)),
    CONSTRAINT chk_entry_changes CHECK (available <> 0 OR reserved <> 0),
    CONSTRAINT chk_house_has_no_reserved CHECK (house IS NULL OR reserved = 0)
);
CREATE INDEX idx_ledger_entries_user ON ledger_entries(user_id, asset, transaction_number DESC, line DESC);

-- The lines of one statement sum to zero for each asset: all lines of a transaction are written in one statement.
CREATE FUNCTION ledger_entries_balance() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    wrong RECORD;
BEGIN
    SELECT transaction_number, asset, sum(available + reserved) AS total INTO wrong
      FROM written GROUP BY transaction_number, asset HAVING sum(available + reserved) <> 0 LIMIT 1;
    IF FOUND THEN
        RAISE EXCEPTION 'the lines of transaction % in % sum to %, not to zero',
            wrong.transaction_number, wrong.asset, wrong.total USING ERRCODE = 'check_violation';
    END IF;
    RETURN NULL;
END $$;
CREATE TRIGGER ledger_entries_balance AFTER INSERT ON ledger_entries
    REFERENCING NEW TABLE AS written FOR EACH STATEMENT EXECUTE FUNCTION ledger_entries_balance();
