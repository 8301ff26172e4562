//! The copy of the checkout in which rules are taken out: as the developer has it, and brought up to date before every run.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, ensure};

use super::table::Edit;
use crate::shell;

/// The copy.
///
/// It stays between runs, so that cargo compiles only what has changed: a file is written only where its text is another
/// one, and is new for cargo then, also where a run was broken off with a rule taken out.
pub struct Scratch {
    root: PathBuf,
}

/// What stood in the files that a removal has changed.
#[must_use]
pub struct Removed {
    before: Vec<(PathBuf, String)>,
}

impl Scratch {
    /// Makes or mends the copy: all files that git does not ignore, as they lie there, and nothing else.
    ///
    /// # Errors
    /// Git does not list the files, or one cannot be read or written.
    pub fn of(checkout: &Path, root: PathBuf) -> Result<Self> {
        let mut git = Command::new("git");
        git.args(["ls-files", "--cached", "--others", "--exclude-standard", "-z"])
            .current_dir(checkout);
        let listing = shell::output(&mut git)?;
        // One that was deleted and is tracked still is not there to be copied.
        let files: BTreeSet<&Path> = (listing.split_terminator('\0').map(Path::new))
            .filter(|path| checkout.join(path).is_file())
            .collect();
        fs::create_dir_all(&root).with_context(|| root.display().to_string())?;
        remove_others(&root, Path::new(""), &files)?;
        for file in files {
            copy(&checkout.join(file), &root.join(file)).with_context(|| file.display().to_string())?;
        }
        Ok(Self { root })
    }

    /// Where it lies.
    pub fn root(&self) -> &Path {
        &self.root
    }

    /// Takes a rule out.
    ///
    /// # Errors
    /// A text does not stand in its file once: then nothing is changed; or a file cannot be written.
    pub fn take_out(&self, removal: &[Edit]) -> Result<Removed> {
        let mut before: Vec<(PathBuf, String)> = Vec::new();
        let mut after: Vec<String> = Vec::new();
        for edit in removal {
            let path = self.root.join(edit.file);
            let at = before.iter().position(|(known, _)| *known == path);
            let at = match at {
                Some(at) => at,
                None => {
                    let text = fs::read_to_string(&path).with_context(|| edit.file.to_owned())?;
                    before.push((path, text.clone()));
                    after.push(text);
                    before.len() - 1
                }
            };
            after[at] = replaced(&after[at], edit)?;
        }
        for ((path, _), text) in before.iter().zip(after) {
            fs::write(path, text).with_context(|| path.display().to_string())?;
        }
        Ok(Removed { before })
    }
}

impl Removed {
    /// Puts the rule back.
    ///
    /// # Errors
    /// A file cannot be written.
    pub fn put_back(self) -> Result<()> {
        for (path, text) in self.before {
            fs::write(&path, text).with_context(|| path.display().to_string())?;
        }
        Ok(())
    }
}

fn replaced(text: &str, edit: &Edit) -> Result<String> {
    let times = text.matches(edit.there).count();
    ensure!(times == 1, "{} has {times} times: {}", edit.file, edit.there);
    Ok(text.replacen(edit.there, edit.instead, 1))
}

/// Removes what the checkout has not, so that no file of an earlier run is compiled.
fn remove_others(root: &Path, folder: &Path, files: &BTreeSet<&Path>) -> Result<()> {
    for entry in fs::read_dir(root.join(folder))? {
        let entry = entry?;
        let inside = folder.join(entry.file_name());
        if entry.file_type()?.is_dir() {
            remove_others(root, &inside, files)?;
        } else if !files.contains(inside.as_path()) {
            fs::remove_file(entry.path()).with_context(|| entry.path().display().to_string())?;
        }
    }
    Ok(())
}

/// Leaves a file alone that is the same already: its age tells cargo whether it has to be compiled.
fn copy(from: &Path, to: &Path) -> Result<()> {
    if to.is_file() && fs::read(from)? == fs::read(to)? {
        return Ok(());
    }
    if let Some(folder) = to.parent() {
        fs::create_dir_all(folder)?;
    }
    fs::copy(from, to)?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    const FIRST: Edit = Edit {
        file: "src/a.rs",
        there: "first",
        instead: "1st",
    };

    /// A repository with two files, one of which git does not know yet, and one that it ignores.
    fn repository() -> tempfile::TempDir {
        let place = tempfile::tempdir().unwrap();
        let git = |words: &[&str]| {
            shell::output(Command::new("git").args(words).current_dir(place.path())).unwrap();
        };
        git(&["init", "--quiet"]);
        fs::create_dir(place.path().join("src")).unwrap();
        fs::write(place.path().join("src/a.rs"), "first second second").unwrap();
        fs::write(place.path().join("src/new.rs"), "new").unwrap();
        fs::write(place.path().join(".gitignore"), "ignored\n").unwrap();
        fs::write(place.path().join("ignored"), "").unwrap();
        git(&["add", "src/a.rs"]);
        place
    }

    #[test]
    fn the_copy_is_what_the_developer_has_and_nothing_is_written_twice() {
        let (checkout, place) = (repository(), tempfile::tempdir().unwrap());
        let root = place.path().join("copy");
        let scratch = Scratch::of(checkout.path(), root.clone()).unwrap();
        let read = |file: &str| fs::read_to_string(root.join(file)).ok();
        assert_eq!(read("src/new.rs").as_deref(), Some("new"));
        assert_eq!(read("ignored"), None);
        let written = |file: &str| fs::metadata(root.join(file)).unwrap().modified().unwrap();
        let (a, new) = (written("src/a.rs"), written("src/new.rs"));
        // As a run leaves it that was broken off.
        let _ = scratch.take_out(&[FIRST]).unwrap();
        fs::write(root.join("src/left.rs"), "").unwrap();
        Scratch::of(checkout.path(), root.clone()).unwrap();
        assert_eq!(read("src/a.rs").as_deref(), Some("first second second"));
        assert_eq!(read("src/left.rs"), None);
        assert!(written("src/a.rs") > a && written("src/new.rs") == new);
    }

    #[test]
    fn a_rule_is_taken_out_whole_or_not_at_all_and_put_back() {
        let (checkout, place) = (repository(), tempfile::tempdir().unwrap());
        let scratch = Scratch::of(checkout.path(), place.path().join("copy")).unwrap();
        let read = || fs::read_to_string(scratch.root().join("src/a.rs")).unwrap();
        let twice = Edit {
            there: "second",
            ..FIRST
        };
        let nowhere = Edit {
            there: "third",
            ..FIRST
        };
        for wrong in [twice, nowhere] {
            assert!(scratch.take_out(&[FIRST, wrong]).is_err());
            assert_eq!(read(), "first second second");
        }
        let again = Edit {
            there: "1st second",
            instead: "1st",
            ..FIRST
        };
        let removed = scratch.take_out(&[FIRST, again]).unwrap();
        assert_eq!(read(), "1st second");
        removed.put_back().unwrap();
        assert_eq!(read(), "first second second");
    }
}
