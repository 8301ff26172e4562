//! `cargo xtask load`: the load generator, in release.

use anyhow::Result;

use crate::shell;

/// What `cargo xtask load` can be told.
#[derive(clap::Args)]
#[command(disable_help_flag = true)]
pub struct Options {
    /// The load generator's own arguments: run, fanout, book, private, echo and theirs; `cargo xtask load --help` lists them
    #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
    arguments: Vec<String>,
}

/// Builds the load generator with optimisation and runs it with these arguments.
pub fn run(options: &Options) -> Result<()> {
    let words = ["run", "--quiet", "--release", "--package", "load", "--"];
    shell::run(shell::cargo(&words).args(&options.arguments))
}

#[cfg(test)]
mod tests {
    use clap::Parser as _;

    use crate::chore::Chore;

    #[test]
    fn all_arguments_are_passed_through() {
        for words in [&["run", "--rate", "5", "-h"][..], &["--help"], &[]] {
            let line = ["xtask", "load"].iter().chain(words);
            let Ok(Chore::Load(options)) = Chore::try_parse_from(line) else {
                panic!("{words:?} are not understood");
            };
            assert_eq!(options.arguments, words);
        }
    }
}
