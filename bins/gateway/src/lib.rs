//! The gateway: the API in front of the embedded or the distributed exchange.
