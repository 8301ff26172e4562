//! Entry point of the wallet service.

fn main() {}
