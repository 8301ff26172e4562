//! Loading: file, expansion, environment, types, secrets, rules, in this order.

use std::path::{Path, PathBuf};

use config::{Config, File, FileFormat};
use serde_json::{Map, Value};

use super::problem::{Problem, SettingsError};
use super::secret::{self, FileSecrets, SecretProvider};
use super::variables::FILE_VARIABLE;
use super::{Settings, Variables, expand, rules, tree};

/// Where the settings file lies when nobody names one.
const USUAL_FILE: &str = "config/config.yaml";

/// The settings file to load: the one asked for, else the one that TRADE_ENGINE_CONFIG names, else
/// `config/config.yaml` if there is one, else none (defaults and environment alone).
pub fn find_file(asked_for: Option<PathBuf>, variables: &Variables) -> Option<PathBuf> {
    let named = || variables.get(FILE_VARIABLE).map(PathBuf::from);
    let usual = || Some(PathBuf::from(USUAL_FILE)).filter(|path| path.exists());
    asked_for.or_else(named).or_else(usual)
}

impl Settings {
    /// Loads the settings: defaults, under the file, under the plain variables, under TRADE_ENGINE_ variables.
    ///
    /// # Errors
    /// When the file cannot be read, or with everything that is wrong at once.
    pub fn load(file: Option<&Path>, variables: &Variables) -> Result<Self, SettingsError> {
        Self::load_with(file, variables, &FileSecrets)
    }

    /// Like [`Settings::load`], with secrets from elsewhere than files.
    ///
    /// # Errors
    /// As [`Settings::load`].
    pub fn load_with(
        file: Option<&Path>,
        variables: &Variables,
        secrets: &dyn SecretProvider,
    ) -> Result<Self, SettingsError> {
        let yaml = match file {
            None => String::new(),
            Some(path) => std::fs::read_to_string(path).map_err(|source| SettingsError::Unreadable {
                path: path.to_owned(),
                source,
            })?,
        };
        Self::from_yaml(&yaml, variables, secrets)
    }

    /// Like [`Settings::load_with`], from the text of a file.
    ///
    /// # Errors
    /// Everything that is wrong at once.
    pub fn from_yaml(
        yaml: &str,
        variables: &Variables,
        secrets: &dyn SecretProvider,
    ) -> Result<Self, SettingsError> {
        let mut problems = Vec::new();
        let known = serde_json::to_value(Settings::default()).unwrap_or_default();
        let text = expand::expand(yaml, variables).map_err(SettingsError::invalid)?;
        let file = parse(&text).map_err(|problem| SettingsError::invalid(vec![problem]))?;
        let mut merged = tree::coerce(file, &known);
        for (path, text) in variables.settings(&known, &mut problems) {
            let upper = tree::at_path(&path, Value::String(text));
            tree::overlay(&mut merged, tree::coerce(upper, &known));
        }
        let mut settings = tree::typed(&merged, &known, &mut problems);
        secret::resolve(&mut settings, &merged, secrets, &mut problems);
        for problem in rules::check(&settings) {
            // A field that could not even be read holds its default now: no second complaint about it.
            let file = format!("{}_file", problem.path);
            let complained = |earlier: &Problem| earlier.path == problem.path || earlier.path == file;
            if !problems.iter().any(complained) {
                problems.push(problem);
            }
        }
        if problems.is_empty() {
            Ok(settings)
        } else {
            Err(SettingsError::invalid(problems))
        }
    }
}

fn parse(yaml: &str) -> Result<Value, Problem> {
    // A file of comments only is an empty document, which the parser takes for an error.
    if yaml
        .lines()
        .all(|line| line.trim().is_empty() || line.trim_start().starts_with('#'))
    {
        return Ok(Value::Object(Map::new()));
    }
    Config::builder()
        .add_source(File::from_str(yaml, FileFormat::Yaml))
        .build()
        .and_then(Config::try_deserialize::<Value>)
        .map_err(|error| Problem::new("settings file", error.to_string()))
}
