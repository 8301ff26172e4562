//! Habits of Markdown files: links into the repository lead somewhere.

use std::path::{Component, Path};

/// What is wrong with one Markdown file, each as `:LINE: rule`.
pub fn problems(root: &Path, path: &str, text: &str) -> Vec<String> {
    let folder = Path::new(path).parent().unwrap_or(Path::new(""));
    let mut problems = Vec::new();
    let mut in_code = false;
    for (index, line) in text.lines().enumerate() {
        if line.trim_start().starts_with("```") {
            in_code = !in_code;
        }
        if in_code {
            continue;
        }
        for target in targets(line) {
            let rule = match inside(folder, target) {
                None => "leads out of the repository",
                Some(inside) if !root.join(&inside).exists() => "leads nowhere",
                Some(_) => continue,
            };
            problems.push(format!(":{}: the link to {target} {rule}", index + 1));
        }
    }
    problems
}

/// The files that a line links to: `[text](target)` and `[text]: target`, without addresses and places in a page.
fn targets(line: &str) -> Vec<&str> {
    let inline = line.split("](").skip(1).filter_map(|rest| rest.split(')').next());
    let reference = line
        .strip_prefix('[')
        .and_then(|rest| rest.split_once("]: "))
        .map(|(_, target)| target);
    inline
        .chain(reference)
        .filter_map(|target| target.split_whitespace().next())
        .map(|target| target.split('#').next().unwrap_or_default())
        .filter(|target| !target.is_empty() && !target.contains("://") && !target.starts_with("mailto:"))
        .collect()
}

/// The target as seen from the root, or none when it lies outside.
fn inside(folder: &Path, target: &str) -> Option<std::path::PathBuf> {
    let mut place = std::path::PathBuf::new();
    for part in folder.join(target).components() {
        match part {
            Component::Normal(name) => place.push(name),
            Component::CurDir => {}
            Component::ParentDir if place.pop() => {}
            _ => return None,
        }
    }
    Some(place)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn links_that_lead_nowhere_are_found() {
        let root = tempfile::tempdir().unwrap();
        std::fs::create_dir_all(root.path().join("docs/adr")).unwrap();
        for file in ["README.md", "docs/a.md"] {
            std::fs::write(root.path().join(file), "").unwrap();
        }
        for (line, expected) in [
            ("[a](a.md) and [b](../README.md#start) in [c](adr/)", None),
            (
                "[a](https://example.org/x) [b](#here) <https://example.org>",
                None,
            ),
            ("[a]: ../README.md", None),
            ("[a](b.md)", Some(":1: the link to b.md leads nowhere")),
            (
                "see [a](a.md), [b](b.md \"title\")",
                Some(":1: the link to b.md leads nowhere"),
            ),
            ("[a]: b.md", Some(":1: the link to b.md leads nowhere")),
            (
                "[a](../../elsewhere.md)",
                Some(":1: the link to ../../elsewhere.md leads out of the repository"),
            ),
            ("```\n[a](b.md)\n```", None),
        ] {
            let found = problems(root.path(), "docs/a.md", line);
            assert_eq!(found.first().map(String::as_str), expected, "{line}");
        }
    }
}
