//! The durable command log on local disk: segments, checksums, group commit, snapshot files.
