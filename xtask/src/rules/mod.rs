//! `cargo xtask rules`: takes one safety rule at a time out of a copy of the checkout, and sees the test fail that guards it.

mod copy;
mod report;
mod table;
mod trial;
mod verdict;

use std::fs::{self, File};
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail, ensure};
use tokio::time::Instant;

use crate::servers::Servers;
use crate::shell;
use copy::Scratch;
use report::{Outcome, Report};
use table::{RULES, Rule};
use trial::Trial;

/// What `cargo xtask rules` can be told.
#[derive(clap::Args)]
pub struct Options {
    /// Only these rules
    #[arg(long, value_delimiter = ',')]
    only: Vec<String>,
    /// Prints the rules and where they stand, and does nothing
    #[arg(long)]
    list: bool,
    /// Where the copy, what is built of it and what the tests print stay [default: `rules` in cargo's target folder]
    #[arg(long)]
    dir: Option<PathBuf>,
}

/// Sees every test pass with all rules, and fail without its own.
///
/// # Errors
/// A test passes without its rule, or it was not found out whether it does.
pub fn run(options: &Options) -> Result<()> {
    let rules = chosen(&options.only)?;
    if options.list {
        for rule in rules {
            println!("{}", described(rule));
        }
        return Ok(());
    }
    let begun = Instant::now();
    let dir = match &options.dir {
        Some(dir) => shell::root().join(dir),
        None => shell::target()?.join("rules"),
    };
    let logs = dir.join("logs");
    fs::create_dir_all(&logs).with_context(|| logs.display().to_string())?;
    let _alone = alone(&dir)?;
    let mut servers = Servers::default();
    servers.find(true)?;
    let scratch = Scratch::of(&shell::root(), dir.join("copy"))?;
    let trial = Trial {
        copy: scratch.root(),
        target: dir.join("target"),
        logs,
        servers: &servers,
    };
    let report = tried(&rules, &scratch, &trial)?;
    println!("\n{}\n", report.table());
    let not_noticed = report.not_noticed();
    let (count, seconds) = (rules.len(), begun.elapsed().as_secs());
    if not_noticed.is_empty() {
        println!("rules: all {count} tests fail without their rules, {seconds} s in all");
        return Ok(());
    }
    println!("what was printed: {}", trial.logs.display());
    bail!(
        "rules: {} of {count} were not seen to be noticed: {}",
        not_noticed.len(),
        not_noticed.join(", ")
    )
}

/// All tests with their rules first, which are built at once; then each without its own.
fn tried(rules: &[&Rule], scratch: &Scratch, trial: &Trial<'_>) -> Result<Report> {
    let mut report = Report::default();
    let mut sound = Vec::new();
    for rule in rules {
        let begun = Instant::now();
        let name = format!("{}.with", rule.name);
        match trial.of(rule, &name).map(Outcome::with) {
            Ok(None) => {
                println!("{}: {} passes with it", rule.name, rule.test);
                sound.push(*rule);
            }
            Ok(Some(outcome)) => println!("{}", report.add(rule, outcome, begun.elapsed())),
            Err(error) => {
                let outcome = Outcome::Unclear(format!("with the rule: {error:#}"));
                println!("{}", report.add(rule, outcome, begun.elapsed()));
            }
        }
    }
    for rule in sound {
        let begun = Instant::now();
        let outcome = without(rule, scratch, trial)?;
        println!("{}", report.add(rule, outcome, begun.elapsed()));
    }
    Ok(report)
}

/// Takes a rule out, runs its test, and puts the rule back whatever comes of it.
///
/// # Errors
/// It cannot be put back: nothing can be told of the other rules then.
fn without(rule: &Rule, scratch: &Scratch, trial: &Trial<'_>) -> Result<Outcome> {
    let unclear = |error: anyhow::Error| Outcome::Unclear(format!("{error:#}"));
    let removed = match scratch.take_out(rule.removal) {
        Ok(removed) => removed,
        Err(error) => return Ok(unclear(error)),
    };
    let verdict = trial.of(rule, &format!("{}.without", rule.name));
    removed.put_back()?;
    Ok(verdict.map_or_else(unclear, Outcome::without))
}

/// The rules of these names, all where none is named.
fn chosen(only: &[String]) -> Result<Vec<&'static Rule>> {
    let unknown = only
        .iter()
        .find(|name| !RULES.iter().any(|rule| rule.name == **name));
    if let Some(unknown) = unknown {
        let names = RULES.map(|rule| rule.name);
        bail!("there is no rule {unknown}, but {}", names.join(", "));
    }
    let wanted = |rule: &&Rule| only.is_empty() || only.iter().any(|name| name == rule.name);
    Ok(RULES.iter().filter(wanted).collect())
}

fn described(rule: &Rule) -> String {
    let mut files: Vec<&str> = rule.removal.iter().map(|edit| edit.file).collect();
    files.dedup();
    let Rule {
        name,
        package,
        target,
        test,
        ..
    } = rule;
    format!(
        "{name}\n    {}\n    cargo test -p {package} {} -- --exact {test}",
        files.join(", "),
        target.join(" ")
    )
}

/// Two runs in one folder would take out each other's rules.
fn alone(dir: &Path) -> Result<File> {
    let path = dir.join("lock");
    let file = File::create(&path).with_context(|| path.display().to_string())?;
    ensure!(
        file.try_lock().is_ok(),
        "another run works in {}: wait for it, or name another folder with --dir",
        dir.display()
    );
    Ok(file)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rules_are_chosen_by_name_and_unknown_names_refused() {
        assert_eq!(chosen(&[]).unwrap().len(), RULES.len());
        let last = RULES.len() - 1;
        let names = [RULES[last].name, RULES[0].name].map(str::to_owned);
        let names: Vec<&str> = chosen(&names).unwrap().iter().map(|rule| rule.name).collect();
        assert_eq!(names, [RULES[0].name, RULES[last].name]);
        let error = chosen(&["no-such".to_owned()]).unwrap_err().to_string();
        assert!(error.starts_with("there is no rule no-such") && error.contains(RULES[0].name));
    }

    #[test]
    fn two_runs_do_not_share_a_folder() {
        let place = tempfile::tempdir().unwrap();
        let dir = place.path().to_owned();
        let first = alone(&dir).unwrap();
        assert!(alone(&dir).unwrap_err().to_string().contains("another run"));
        drop(first);
        assert!(alone(&dir).is_ok());
    }

    #[test]
    fn a_rule_is_described_with_what_runs_its_test() {
        let text = described(&RULES[0]);
        assert!(text.starts_with(RULES[0].name), "{text}");
        assert!(
            text.contains("cargo test -p distributed --test shard -- --exact "),
            "{text}"
        );
    }
}
