-- The wallet's tables: balances, reservations, and the ledger that explains them. Only the wallet service writes here.

CREATE TABLE wallets (
    user_id UUID NOT NULL,
    asset VARCHAR(12) NOT NULL,
    -- NaN passes every lower bound; and nothing is larger than what fits into 63 bits of units of 1e-8.
    available_balance DECIMAL(20,8) NOT NULL DEFAULT 0 CHECK (available_balance BETWEEN 0 AND 92233720368.54775807),
    reserved_balance DECIMAL(20,8) NOT NULL DEFAULT 0 CHECK (reserved_balance BETWEEN 0 AND 92233720368.54775807),
    -- How often it has changed.
    version BIGINT NOT NULL DEFAULT 0 CHECK (version >= 0),
    PRIMARY KEY (user_id, asset)
) WITH (fillfactor = 70);

-- The accounts that an asset has once, split by shard so that no row is everybody's: fees collected, and what came in
-- from outside less what went out.
CREATE TABLE house_accounts (
    asset VARCHAR(12) NOT NULL,
    shard INTEGER NOT NULL DEFAULT 0 CHECK (shard >= 0),
    fees NUMERIC(38,8) NOT NULL DEFAULT 0 CHECK (fees >= 0 AND fees < 'NaN'),
    external NUMERIC(38,8) NOT NULL DEFAULT 0 CHECK (external < 'NaN'),
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
    granted DECIMAL(20,8) NOT NULL CHECK (granted BETWEEN 0 AND 92233720368.54775807),
    left_amount DECIMAL(20,8) NOT NULL CHECK (left_amount BETWEEN 0 AND granted),
    -- held: it may be used; closed: it has ended; refused: the balance did not cover it; tombstone: released before it came.
    status VARCHAR(12) NOT NULL CHECK (status IN ('held', 'closed', 'refused', 'tombstone')),
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
    house VARCHAR(8) CHECK (house IN ('FEE', 'EXTERNAL')),
    asset VARCHAR(12) NOT NULL,
    -- The change of what is free to use, and of what is held for orders. `amount` is their sum.
    available NUMERIC(38,8) NOT NULL CHECK (available < 'NaN'),
    reserved NUMERIC(38,8) NOT NULL CHECK (reserved < 'NaN'),
    amount NUMERIC(38,8) GENERATED ALWAYS AS (available + reserved) STORED,
    entry_type VARCHAR(12) NOT NULL CHECK (entry_type IN
        ('RESERVE', 'RELEASE', 'TRADE_BUY', 'TRADE_SELL', 'FEE', 'DEPOSIT', 'WITHDRAWAL', 'ADJUSTMENT')),
    reference_id VARCHAR(140) NOT NULL,
    -- What the reference is: order, amendment, trade, transfer.
    reference_kind VARCHAR(12) NOT NULL CHECK (reference_kind IN ('order', 'amendment', 'trade', 'transfer')),
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
