ALTER TABLE shard_log DROP COLUMN traces;
ALTER TABLE commands DROP COLUMN trace;
