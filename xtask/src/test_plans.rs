//! Holds `docs/test-plans` against the repository: what a plan names as its command exists.

use std::path::Path;

use crate::shell;

/// The folders of packages whose name is not that of their folder.
const RENAMED: [(&str, &str); 1] = [("edge-http", "http")];

#[test]
fn every_command_of_the_test_plans_exists() {
    let root = shell::root();
    let mut plans = 0;
    for entry in std::fs::read_dir(root.join("docs/test-plans")).unwrap() {
        let path = entry.unwrap().path();
        let text = std::fs::read_to_string(&path).unwrap();
        plans += usize::from(text.starts_with("# Test plan TE-"));
        let missing: Vec<String> = text
            .split('`')
            .skip(1)
            .step_by(2)
            .flat_map(|code| missing(&root, code))
            .collect();
        // What is open may name what is still to come.
        let missing: Vec<&String> = missing.iter().filter(|name| !is_open(&text, name)).collect();
        assert!(missing.is_empty(), "{}: there is no {missing:?}", path.display());
    }
    assert_eq!(plans, 9);
}

fn is_open(text: &str, name: &str) -> bool {
    let mut lines = text.lines().filter(|line| line.contains(name));
    lines.all(|line| line.contains("| open"))
}

/// What a command names and the repository does not have.
fn missing(root: &Path, code: &str) -> Vec<String> {
    let mut found = Vec::new();
    let words: Vec<&str> = code.split_whitespace().collect();
    if let [script, ..] = words[..]
        && (script.starts_with("test/") || script.starts_with(".ci/"))
        && !root.join(script).exists()
    {
        found.push(script.to_owned());
    }
    let after = |flag: &str| {
        words
            .iter()
            .zip(words.iter().skip(1))
            .find(|(word, _)| **word == flag)
            .map(|(_, next)| *next)
    };
    if let Some(package) = after("-p") {
        let folder = RENAMED
            .iter()
            .find(|(name, _)| *name == package)
            .map_or(package, |(_, folder)| folder);
        let folder = ["crates", "bins", "."].map(|parent| root.join(parent).join(folder));
        match folder
            .into_iter()
            .find(|folder| folder.join("Cargo.toml").exists())
        {
            None => found.push(package.to_owned()),
            Some(folder) => {
                let target = after("--test").filter(|target| {
                    let tests = folder.join("tests");
                    !tests.join(format!("{target}.rs")).exists()
                        && !tests.join(target).join("main.rs").exists()
                });
                found.extend(target.map(|target| format!("--test {target}")));
            }
        }
    }
    found
}

#[test]
fn what_is_not_there_is_found() {
    let root = shell::root();
    assert!(missing(&root, "cargo test -p edge-http --test rates").is_empty());
    assert!(missing(&root, "test/session.sh").is_empty());
    assert!(missing(&root, "cargo xtask test").is_empty());
    assert_eq!(missing(&root, "cargo test -p nothing --test x"), ["nothing"]);
    assert_eq!(
        missing(&root, "cargo test -p api --test nothing"),
        ["--test nothing"]
    );
    assert_eq!(missing(&root, "test/nothing.sh"), ["test/nothing.sh"]);
}
