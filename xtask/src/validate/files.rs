//! The files of the repository, and which of them a pattern names.

use std::process::Command;

use anyhow::Result;

use crate::shell;

/// All files that are in the repository or could come into it, from its root.
///
/// # Errors
/// Git does not say.
pub fn of_repository() -> Result<Vec<String>> {
    let mut listing = Command::new("git");
    listing
        .args(["ls-files", "--cached", "--others", "--exclude-standard", "-z"])
        .current_dir(shell::root());
    let listing = shell::output(&mut listing)?;
    let there = |path: &&str| shell::root().join(path).is_file();
    let files = listing.split_terminator('\0').filter(there);
    Ok(files.map(str::to_owned).collect())
}

/// The files that one of the patterns names, but for those that a pattern behind a `!` names.
pub fn that_fit<'a>(files: &'a [String], patterns: &[&str]) -> Vec<&'a str> {
    let named = |path: &str, out: bool| {
        patterns.iter().any(|pattern| match pattern.strip_prefix('!') {
            Some(pattern) => out && fits(pattern, path),
            None => !out && fits(pattern, path),
        })
    };
    files
        .iter()
        .map(String::as_str)
        .filter(|path| named(path, false) && !named(path, true))
        .collect()
}

/// Whether a pattern names a path: `*` stands for any letters of a name, `**` for any number of folders.
pub fn fits(pattern: &str, path: &str) -> bool {
    let pattern: Vec<&str> = pattern.split('/').collect();
    let path: Vec<&str> = path.split('/').collect();
    folders_fit(&pattern, &path)
}

fn folders_fit(pattern: &[&str], path: &[&str]) -> bool {
    match (pattern, path) {
        ([], []) => true,
        (["**", rest @ ..], _) => (0..=path.len()).any(|skipped| folders_fit(rest, &path[skipped..])),
        ([first, rest @ ..], [name, names @ ..]) => name_fits(first, name) && folders_fit(rest, names),
        _ => false,
    }
}

fn name_fits(pattern: &str, name: &str) -> bool {
    match pattern.split_once('*') {
        None => pattern == name,
        Some((before, rest)) => name.strip_prefix(before).is_some_and(|name| {
            let ends = name.char_indices().map(|(at, _)| at).chain([name.len()]);
            ends.into_iter().any(|at| name_fits(rest, &name[at..]))
        }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_star_stands_for_letters_and_two_for_folders() {
        for (pattern, path, expected) in [
            ("**/*.sh", "a.sh", true),
            ("**/*.sh", "test/session/words.sh", true),
            ("**/*.sh", "test/words.shx", false),
            (".ci/run", ".ci/run", true),
            (".ci/run", "x/.ci/run", false),
            ("docker/**/Dockerfile*", "docker/Dockerfile", true),
            ("docker/**/Dockerfile*", "docker/a/b/Dockerfile.run", true),
            ("docker/**/Dockerfile*", "Dockerfile", false),
            ("deploy/*/x.yaml", "deploy/a/x.yaml", true),
            ("deploy/*/x.yaml", "deploy/x.yaml", false),
            ("deploy/*/x.yaml", "deploy/a/b/x.yaml", false),
            ("*.test.yaml", "a.test.yaml", true),
            ("*.test.yaml", "ä.yaml", false),
        ] {
            assert_eq!(fits(pattern, path), expected, "{pattern} {path}");
        }
    }

    #[test]
    fn what_stands_behind_an_exclamation_mark_is_left_out() {
        let files = ["a/x.yaml", "a/x.test.yaml", "b/x.yaml"].map(str::to_owned);
        assert_eq!(that_fit(&files, &["a/*.yaml", "!a/*.test.yaml"]), ["a/x.yaml"]);
        assert!(that_fit(&files, &["c/*"]).is_empty());
    }

    #[test]
    fn the_files_of_this_repository_are_found_with_the_hidden_ones() {
        let files = of_repository().unwrap();
        assert_eq!(that_fit(&files, &[".ci/run"]), [".ci/run"]);
        assert!(that_fit(&files, &["**/*.sh"]).len() > 5);
    }
}
