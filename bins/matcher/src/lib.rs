//! The matcher: shard worker, and the replay of recorded order flows.
