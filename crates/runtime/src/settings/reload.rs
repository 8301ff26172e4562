//! What a change of the settings means for a program that runs: what takes effect at once, and what needs a restart.

use secrecy::{ExposeSecret, SecretString};
use serde_json::Value;

use super::{LimitsSettings, Market, Settings, secret};

/// How to get from the settings in force to new ones. Paths only: values that may be secret never stand here.
///
/// Files with sets of keys (`jwks_file`) are worth reading again at each reload: the settings cannot see what changed
/// in them. Another path, and all else of `auth`, needs a restart.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ReloadPlan {
    /// The new `logging.level`, when it changes.
    pub log_level: Option<String>,
    /// The new limits, when any changes.
    pub limits: Option<LimitsSettings>,
    /// The markets that are new or changed, in the order of the settings.
    pub markets: Vec<Market>,
    /// Markets that the settings no longer name. They stay: only an operator closes a market.
    pub dropped_markets: Vec<String>,
    /// Every path that takes effect at once, sorted.
    pub at_once: Vec<String>,
    /// Every other path that differs, sorted: it needs a restart.
    pub needs_restart: Vec<String>,
}

impl ReloadPlan {
    /// Whether nothing at all differs.
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }
}

/// What of `new` can take effect in a program that runs with `old`. Both are settings that were loaded, so that they
/// keep the rules.
pub fn reloadable(old: &Settings, new: &Settings) -> ReloadPlan {
    let mut paths = differences(old, new);
    let (old_markets, new_markets) = (old.matching.markets(), new.matching.markets());
    paths.retain(|path| !path.starts_with("matching.") || old_markets != new_markets);
    let (at_once, needs_restart): (Vec<_>, Vec<_>) = paths.into_iter().partition(|path| {
        path == "logging.level" || path.starts_with("limits.") || path.starts_with("matching.")
    });
    let touches = |prefix: &str| at_once.iter().any(|path| path.starts_with(prefix));
    ReloadPlan {
        log_level: touches("logging.level").then(|| new.logging.level.clone()),
        limits: touches("limits.").then(|| new.limits.clone()),
        markets: not_among(&new_markets, |market| old_markets.contains(market)),
        dropped_markets: not_among(&old_markets, |market| {
            new_markets.iter().any(|other| other.symbol == market.symbol)
        })
        .into_iter()
        .map(|market| market.symbol)
        .collect(),
        at_once,
        needs_restart,
    }
}

fn not_among(markets: &[Market], known: impl Fn(&Market) -> bool) -> Vec<Market> {
    markets.iter().filter(|market| !known(market)).cloned().collect()
}

/// Every path whose value differs, sorted.
fn differences(old: &Settings, new: &Settings) -> Vec<String> {
    let tree = |settings: &Settings| serde_json::to_value(settings).unwrap_or_default();
    let mut paths = Vec::new();
    compare("", &tree(old), &tree(new), &mut paths);
    // In the trees all secrets look alike.
    let (old, new) = (secret::all(old), secret::all(new));
    let text = |secret: &Option<&SecretString>| secret.map(|secret| secret.expose_secret().to_owned());
    for (path, secret) in &new {
        let before = old.iter().find(|(other, _)| other == path);
        if before.is_some_and(|(_, before)| text(before) != text(secret)) {
            paths.push(path.clone());
        }
    }
    paths.sort();
    paths.dedup();
    paths
}

fn compare(path: &str, old: &Value, new: &Value, paths: &mut Vec<String>) {
    match (old, new) {
        (Value::Object(old_table), Value::Object(new_table)) => {
            let added = new_table.keys().filter(|key| !old_table.contains_key(*key));
            for key in old_table.keys().chain(added) {
                let path = if path.is_empty() {
                    key.clone()
                } else {
                    format!("{path}.{key}")
                };
                let node =
                    |table: &serde_json::Map<String, Value>| table.get(key).cloned().unwrap_or_default();
                compare(&path, &node(old_table), &node(new_table), paths);
            }
        }
        (Value::Array(old), Value::Array(new))
            if old.len() == new.len() && new.iter().all(Value::is_object) =>
        {
            for (index, (old, new)) in old.iter().zip(new).enumerate() {
                compare(&format!("{path}[{index}]"), old, new, paths);
            }
        }
        (old, new) if old != new => paths.push(path.to_owned()),
        _ => {}
    }
}
