//! Entry point of the matcher.

use clap::Parser as _;

fn main() -> anyhow::Result<()> {
    matcher::run(matcher::Arguments::parse(), &mut std::io::stdout())
}
