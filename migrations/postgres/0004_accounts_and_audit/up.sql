-- What operators keep about users, and the list of what operators did.

CREATE TABLE tiers (
    name VARCHAR(100) NOT NULL PRIMARY KEY,
    orders_per_second INTEGER CHECK (orders_per_second BETWEEN 1 AND 1000000),
    maker_fee DECIMAL(9,8) CHECK (maker_fee >= 0 AND maker_fee < 1),
    taker_fee DECIMAL(9,8) CHECK (taker_fee >= 0 AND taker_fee < 1)
);

CREATE TABLE accounts (
    user_id UUID NOT NULL PRIMARY KEY,
    tier VARCHAR(100) REFERENCES tiers(name),
    created_at TIMESTAMPTZ NOT NULL DEFAULT now()
);

CREATE TABLE api_keys (
    key_id VARCHAR(100) NOT NULL PRIMARY KEY,
    user_id UUID NOT NULL,
    institution_id UUID,
    label VARCHAR(100) NOT NULL,
    kind VARCHAR(12) NOT NULL CHECK (kind IN ('ed25519', 'hmac_sha256')),
    -- The public key, or the sealed secret.
    material BYTEA NOT NULL CHECK (octet_length(material) BETWEEN 1 AND 256),
    scope VARCHAR(100) NOT NULL,
    addresses TEXT[] NOT NULL CHECK (cardinality(addresses) <= 32),
    created_at TIMESTAMPTZ NOT NULL,
    revoked_at TIMESTAMPTZ
);
CREATE INDEX idx_api_keys_user ON api_keys(user_id, created_at);

-- Grows with every change of the three above, so that a gateway sees by one row whether its copy is old.
CREATE TABLE register_version (
    id INTEGER NOT NULL PRIMARY KEY CHECK (id = 1),
    version BIGINT NOT NULL
);
INSERT INTO register_version (id, version) VALUES (1, 1);

-- Operators' acts, chained: `hash` covers `previous` and the line. Nobody updates or deletes here.
CREATE TABLE audit_log (
    number BIGINT NOT NULL PRIMARY KEY,
    line BYTEA NOT NULL,
    -- Unique too, so that the chain never forks.
    previous BYTEA NOT NULL UNIQUE CHECK (octet_length(previous) = 32),
    hash BYTEA NOT NULL UNIQUE CHECK (octet_length(hash) = 32),
    created_at TIMESTAMPTZ NOT NULL DEFAULT now()
);
CREATE FUNCTION audit_log_is_append_only() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'audit_log is append-only' USING ERRCODE = 'insufficient_privilege';
END $$;
CREATE TRIGGER audit_log_is_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON audit_log
    FOR EACH STATEMENT EXECUTE FUNCTION audit_log_is_append_only();
