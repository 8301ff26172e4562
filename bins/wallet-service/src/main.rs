//! Entry point of the wallet service.

use std::process::ExitCode;

use clap::Parser;
use wallet_service::Cli;

/// Bodies and rows are many small pieces of memory that one thread makes and another gives back.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    wallet_service::exit_code(Cli::parse().execute())
}
