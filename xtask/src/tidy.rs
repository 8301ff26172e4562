//! `cargo xtask tidy`: the habits that no other tool checks.

mod markdown;
mod source;

use std::path::Path;

use anyhow::{Result, bail};

use crate::shell;

/// Names that say nothing about what a crate owns.
const EMPTY_NAMES: [&str; 9] = [
    "common", "errors", "helpers", "manager", "misc", "models", "services", "types", "utils",
];

/// Text files whose white space counts.
const TEXT_ENDINGS: [&str; 7] = ["md", "rs", "sh", "sql", "toml", "yaml", "yml"];

/// The chore.
pub fn run() -> Result<()> {
    let root = shell::root();
    let mut listing = std::process::Command::new("git");
    listing
        .args(["ls-files", "--cached", "--others", "--exclude-standard", "-z"])
        .current_dir(&root);
    let listing = shell::output(&mut listing)?;
    let mut files = 0;
    let mut broken = Vec::new();
    for path in listing
        .split_terminator('\0')
        .filter(|path| root.join(path).is_file())
    {
        files += 1;
        let problems = check(&root, path)?;
        broken.extend(problems.into_iter().map(|problem| format!("{path}{problem}")));
    }
    if broken.is_empty() {
        println!("tidy: {files} files keep to the habits");
        return Ok(());
    }
    bail!("{} habit(s) broken:\n  {}", broken.len(), broken.join("\n  "))
}

/// What is wrong with one file, each as `:LINE: rule` or `: rule`.
fn check(root: &Path, path: &str) -> Result<Vec<String>> {
    let ending = path.rsplit('.').next().unwrap_or_default();
    let mut problems = crate_name(path);
    // Fixtures and golden files are kept as they came, letter by letter.
    let verbatim = path.contains("/fixtures/") || path.contains("/golden/");
    if verbatim || !TEXT_ENDINGS.contains(&ending) {
        return Ok(problems);
    }
    let text = std::fs::read_to_string(root.join(path))?;
    problems.extend(white_space(&text));
    match ending {
        "rs" => problems.extend(source::problems(path, &text)),
        "md" => problems.extend(markdown::problems(root, path, &text)),
        _ => {}
    }
    Ok(problems)
}

/// `crates/NAME/Cargo.toml` and `bins/NAME/Cargo.toml` must be called for what they own.
fn crate_name(path: &str) -> Vec<String> {
    let name = match path.split('/').collect::<Vec<_>>()[..] {
        ["crates" | "bins", name, "Cargo.toml"] if EMPTY_NAMES.contains(&name) => name,
        _ => return Vec::new(),
    };
    vec![format!(": `{name}` says nothing about what the crate owns")]
}

fn white_space(text: &str) -> Vec<String> {
    let mut problems = Vec::new();
    for (index, line) in text.lines().enumerate() {
        if line.contains('\t') {
            problems.push(format!(":{}: tab", index + 1));
        }
        if line.trim_end() != line {
            problems.push(format!(":{}: white space at the end", index + 1));
        }
    }
    if !text.is_empty() && !text.ends_with('\n') {
        problems.push(": no line end at the end of the file".to_owned());
    }
    problems
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn this_repository_is_tidy() {
        run().unwrap();
    }

    #[test]
    fn white_space_is_found_with_its_line() {
        assert_eq!(
            white_space("a\n\tb\nc \n"),
            [":2: tab", ":3: white space at the end"]
        );
        assert_eq!(white_space("a"), [": no line end at the end of the file"]);
        assert!(white_space("").is_empty());
    }

    #[test]
    fn crates_with_empty_names_are_refused() {
        assert_eq!(crate_name("crates/utils/Cargo.toml").len(), 1);
        assert_eq!(crate_name("bins/services/Cargo.toml").len(), 1);
        assert!(crate_name("crates/domain/Cargo.toml").is_empty());
        assert!(crate_name("crates/utils/src/lib.rs").is_empty());
    }

    #[test]
    fn fixtures_are_left_alone() {
        let root = tempfile::tempdir().unwrap();
        std::fs::create_dir_all(root.path().join("tests/fixtures")).unwrap();
        std::fs::write(root.path().join("tests/fixtures/a.md"), "a \n").unwrap();
        std::fs::write(root.path().join("tests/a.md"), "a \n").unwrap();
        assert!(check(root.path(), "tests/fixtures/a.md").unwrap().is_empty());
        assert_eq!(
            check(root.path(), "tests/a.md").unwrap(),
            [":1: white space at the end"]
        );
    }
}
