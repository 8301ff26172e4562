DROP TABLE audit_log;
DROP FUNCTION audit_log_is_append_only();
DROP TABLE register_version;
DROP TABLE api_keys;
DROP TABLE accounts;
DROP TABLE tiers;
