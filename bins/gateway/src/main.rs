//! Entry point of the gateway.

use std::process::ExitCode;

use clap::Parser;
use gateway::Cli;

/// Orders and frames are many small pieces of memory that one thread makes and another gives back.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    gateway::exit_code(Cli::parse().execute())
}
