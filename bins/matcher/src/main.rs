//! Entry point of the matcher.

use std::io::Write as _;
use std::process::ExitCode;

use clap::Parser as _;

/// Orders are many small pieces of memory that one thread makes and another gives back.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    match matcher::run(matcher::Arguments::parse(), &mut std::io::stdout()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            // Where standard error is closed nobody can be told.
            let _ = writeln!(std::io::stderr(), "matcher: {error:#}");
            ExitCode::FAILURE
        }
    }
}
