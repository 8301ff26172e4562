//! The exchange in one process: writer thread, journal, snapshots.
