//! What the tests of the settings share.
#![allow(dead_code, reason = "not every test file needs everything")]

use std::path::Path;

use runtime::Settings;
use runtime::settings::{FileSecrets, SettingsError, Variables};

/// A file of `tests/fixtures`.
pub fn fixture(name: &str) -> String {
    std::fs::read_to_string(
        Path::new(env!("CARGO_MANIFEST_DIR"))
            .join("tests/fixtures")
            .join(name),
    )
    .unwrap()
}

/// Settings from the text of a file and these variables.
pub fn load(yaml: &str, pairs: &[(&str, &str)]) -> Result<Settings, SettingsError> {
    Settings::from_yaml(yaml, &Variables::from_pairs(pairs.iter().copied()), &FileSecrets)
}

/// The problems as lines, sorted.
pub fn problems(yaml: &str, pairs: &[(&str, &str)]) -> Vec<String> {
    match load(yaml, pairs) {
        Ok(_) => Vec::new(),
        Err(SettingsError::Invalid(problems)) => problems.iter().map(ToString::to_string).collect(),
        Err(other) => panic!("{other}"),
    }
}
