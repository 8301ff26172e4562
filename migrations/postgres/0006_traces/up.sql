-- The trace that a command came with, and the traces of a batch's commands, so that whoever goes on with them later, in
-- another process or after a restart, does so in the same trace. Null: it is not recorded.

-- 16 bytes of the trace, 8 of the span, 1 of flags.
ALTER TABLE commands ADD COLUMN trace BYTEA CONSTRAINT chk_commands_trace CHECK (length(trace) = 25);
-- As many of them.
ALTER TABLE shard_log ADD COLUMN traces BYTEA CONSTRAINT chk_shard_log_traces
    CHECK (length(traces) > 0 AND length(traces) % 25 = 0);
