//! The environment variables that reach the settings, and which setting each one names.

use std::collections::BTreeMap;
use std::ffi::OsString;

use serde_json::Value;

use super::problem::Problem;
use super::tree;

/// The prefix of our own names; two underscores separate the levels: `TRADE_ENGINE_SERVER__HTTP_PORT`.
pub(super) const PREFIX: &str = "TRADE_ENGINE_";

/// Names the settings file; the only prefixed name that is not a setting.
pub(super) const FILE_VARIABLE: &str = "TRADE_ENGINE_CONFIG";

/// The plain names that deployment files usually use. A prefixed name wins over them.
const PLAIN_NAMES: [(&str, &str); 9] = [
    ("DATABASE_URL", "database.url"),
    ("REDIS_URL", "redis.url"),
    ("RABBITMQ_URL", "rabbitmq.url"),
    ("POSTGRES_PASSWORD", "database.password"),
    ("REDIS_PASSWORD", "redis.password"),
    ("RABBITMQ_USER", "rabbitmq.user"),
    ("RABBITMQ_PASSWORD", "rabbitmq.password"),
    ("LOG_LEVEL", "logging.level"),
    ("SERVER_PORT", "server.http_port"),
];

/// Environment variables. An empty one counts as unset.
#[derive(Clone, Default)]
pub struct Variables {
    values: BTreeMap<String, String>,
    /// Prefixed names whose value is not UTF-8.
    unreadable: Vec<String>,
}

impl Variables {
    /// The variables of this process.
    pub fn of_process() -> Self {
        Self::from_os_pairs(std::env::vars_os())
    }

    /// Given variables, for tests.
    pub fn from_pairs<'a>(pairs: impl IntoIterator<Item = (&'a str, &'a str)>) -> Self {
        Self::from_os_pairs(pairs.into_iter().map(|(name, value)| (name.into(), value.into())))
    }

    fn from_os_pairs(pairs: impl IntoIterator<Item = (OsString, OsString)>) -> Self {
        let mut variables = Self::default();
        for (name, value) in pairs {
            let Ok(name) = name.into_string() else { continue };
            match value.into_string() {
                Ok(value) if value.is_empty() => {}
                Ok(value) => {
                    variables.values.insert(name, value);
                }
                Err(_) if name.starts_with(PREFIX) => variables.unreadable.push(name),
                Err(_) => {}
            }
        }
        variables
    }

    /// The value of a variable that is set and not empty.
    pub fn get(&self, name: &str) -> Option<&str> {
        self.values.get(name).map(String::as_str)
    }

    /// Every variable that names a setting, as (its path, its text), those that win last.
    pub(super) fn settings(&self, known: &Value, problems: &mut Vec<Problem>) -> Vec<(Vec<String>, String)> {
        let mut found = Vec::new();
        for (name, path) in PLAIN_NAMES {
            if let Some(value) = self.get(name) {
                found.push((tree::segments(path), value.to_owned()));
            }
        }
        for name in &self.unreadable {
            problems.push(Problem::new(name, "must be UTF-8"));
        }
        for (name, value) in &self.values {
            let Some(rest) = name.strip_prefix(PREFIX) else {
                continue;
            };
            if name == FILE_VARIABLE {
                continue;
            }
            let path: Vec<String> = rest.split("__").map(str::to_ascii_lowercase).collect();
            if tree::get(known, &path).is_some() {
                found.push((path, value.clone()));
            } else {
                problems.push(Problem::new(name, "names no setting"));
            }
        }
        found
    }
}
