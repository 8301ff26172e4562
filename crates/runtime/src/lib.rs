//! Settings, telemetry, shutdown, and the only source of time and ids.
