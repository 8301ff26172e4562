//! `cargo xtask migrate`, `partitions`, `bench-inserts`: chores around the database. What it is and where
//! stands in the settings, as for the gateway, whose commands do the work.

use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};

use crate::shell;

/// What `cargo xtask migrate` can be told.
#[derive(clap::Subcommand)]
pub enum Migrate {
    /// Runs the migrations that the database lacks, and makes partitions ahead
    Up,
    /// Takes the last migrations back: what their tables held is lost
    Down {
        /// How many
        #[arg(long, default_value_t = 1)]
        steps: usize,
        /// Outside of development: yes, lose it
        #[arg(long)]
        lose_data: bool,
    },
    /// Lists the migrations that the database has and those that it lacks
    Status,
    /// Begins a migration: a numbered folder with an up.sql and a down.sql
    New {
        /// What it does: `add_something`
        name: String,
    },
}

/// What `cargo xtask partitions` can be told.
#[derive(clap::Subcommand)]
pub enum Partitions {
    /// Makes what is missing, as far ahead as the settings say
    Make,
    /// Lists all of them
    List,
    /// Takes out what is older than the settings keep, and drops what was taken out long enough ago
    Rotate,
}

/// What `cargo xtask bench-inserts` can be told.
#[derive(clap::Args)]
pub struct BenchInserts {
    /// Arguments of the example: the rows of each run, and how many runs
    #[arg(trailing_var_arg = true)]
    arguments: Vec<String>,
}

/// What `cargo xtask audit` can be told.
#[derive(clap::Args)]
pub struct Audit {
    /// The database of a distributed exchange, which may run: postgres://user:password@host:port/name
    #[arg(
        long,
        env = "DATABASE_URL",
        hide_env_values = true,
        required_unless_present = "data"
    )]
    database: Option<String>,
    /// Also replay the shards' logs
    #[arg(long)]
    replay: bool,
    /// The data directory of an embedded exchange instead: its log and its audit file
    #[arg(long, conflicts_with_all = ["database", "replay"])]
    data: Option<PathBuf>,
}

/// Runs `matcher audit`, or `gateway journal verify` and `gateway audit verify`.
pub fn audit(options: &Audit) -> Result<()> {
    if let Some(data) = &options.data {
        let data = data.display().to_string();
        shell::run(&mut shell::cargo(&[
            "run",
            "--quiet",
            "--package",
            "gateway",
            "--",
            "journal",
            "verify",
            &data,
        ]))?;
        let file = format!("{data}/audit.log");
        return shell::run(&mut shell::cargo(&[
            "run",
            "--quiet",
            "--package",
            "gateway",
            "--",
            "audit",
            "verify",
            &file,
        ]));
    }
    let mut words = vec!["run", "--quiet", "--package", "matcher", "--", "audit"];
    if options.replay {
        words.push("--replay");
    }
    let mut command = shell::cargo(&words);
    if let Some(database) = &options.database {
        // Not among its arguments, which everybody on the machine can read.
        command.env("DATABASE_URL", database);
    }
    shell::run(&mut command)
}

/// Runs `gateway migrate`, or begins a migration.
pub fn migrate(command: &Migrate) -> Result<()> {
    let words: Vec<String> = match command {
        Migrate::Up => vec!["up".to_owned()],
        Migrate::Down { steps, lose_data } => {
            let words = ["down".to_owned(), "--steps".to_owned(), steps.to_string()];
            let lose = lose_data.then(|| "--lose-data".to_owned());
            words.into_iter().chain(lose).collect()
        }
        Migrate::Status => vec!["status".to_owned()],
        Migrate::New { name } => {
            let folder = begin(&shell::root().join("migrations/postgres"), name)?;
            println!("fill up.sql and down.sql in {}", folder.display());
            return Ok(());
        }
    };
    gateway("migrate", &words)
}

/// Runs `gateway partitions`.
pub fn partitions(command: &Partitions) -> Result<()> {
    let word = match command {
        Partitions::Make => "make",
        Partitions::List => "list",
        Partitions::Rotate => "rotate",
    };
    gateway("partitions", &[word.to_owned()])
}

/// Measures how many orders a second the database takes.
pub fn bench_inserts(options: &BenchInserts) -> Result<()> {
    let words = [
        "run",
        "--quiet",
        "--release",
        "--package",
        "persistence",
        "--features",
        "postgres",
        "--example",
        "insert_speed",
        "--",
    ];
    shell::run(shell::cargo(&words).args(&options.arguments))
}

fn gateway(command: &str, words: &[String]) -> Result<()> {
    let run = ["run", "--quiet", "--package", "gateway", "--", command];
    shell::run(shell::cargo(&run).args(words))
}

/// Makes the folder of the next migration.
fn begin(migrations: &Path, name: &str) -> Result<PathBuf> {
    let letter = |letter: char| letter.is_ascii_lowercase() || letter.is_ascii_digit() || letter == '_';
    if name.is_empty() || name.len() > 60 || !name.chars().all(letter) {
        bail!("a migration's name has 1 to 60 of a-z, 0-9 and _: add_something");
    }
    let mut last = 0;
    let folders = std::fs::read_dir(migrations).with_context(|| migrations.display().to_string())?;
    for folder in folders {
        let folder = folder?.file_name().to_string_lossy().into_owned();
        let number = folder.split('_').next().and_then(|digits| digits.parse().ok());
        last = last.max(number.unwrap_or(0));
    }
    let folder = migrations.join(format!("{:04}_{name}", last + 1));
    std::fs::create_dir(&folder).with_context(|| folder.display().to_string())?;
    let up = "-- What it is for. It runs in a transaction of its own: no BEGIN, no COMMIT.\n";
    let down = "-- Takes up.sql back, so that up, down and up again give the same schema.\n";
    std::fs::write(folder.join("up.sql"), up)?;
    std::fs::write(folder.join("down.sql"), down)?;
    Ok(folder)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_new_migration_has_the_next_number() {
        let folder = tempfile::tempdir().unwrap();
        let first = begin(folder.path(), "first").unwrap();
        assert!(first.ends_with("0001_first") && first.join("down.sql").is_file());
        std::fs::create_dir(folder.path().join("0041_other")).unwrap();
        assert!(begin(folder.path(), "next").unwrap().ends_with("0042_next"));
        for name in ["", "Up", "a b", "../x", &"a".repeat(61)] {
            assert!(begin(folder.path(), name).is_err(), "{name:?}");
        }
    }
}
