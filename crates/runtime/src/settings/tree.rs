//! The untyped tree between the file, the environment and the typed settings.

use serde::Deserialize;
use serde_json::{Map, Value};

use super::problem::Problem;
use super::{IssuerSettings, MarketEntry, Settings};

/// One step from the root of the tree to a leaf.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Step {
    Key(String),
    Index(usize),
}

/// `server.http_port` as its parts.
pub(super) fn segments(path: &str) -> Vec<String> {
    path.split('.').map(str::to_owned).collect()
}

/// The node at a path of keys.
pub(super) fn get<'a>(tree: &'a Value, path: &[String]) -> Option<&'a Value> {
    path.iter().try_fold(tree, |node, key| node.get(key))
}

/// Lays `upper` over `lower`: tables key by key, everything else whole; an empty (null) entry changes nothing.
pub(super) fn overlay(lower: &mut Value, upper: Value) {
    match (lower, upper) {
        (_, Value::Null) => {}
        (Value::Object(lower), Value::Object(upper)) => {
            for (key, node) in upper {
                overlay(lower.entry(key).or_insert(Value::Null), node);
            }
        }
        (lower, upper) => *lower = upper,
    }
}

/// A tree with nothing but `leaf` at `path`.
pub(super) fn at_path(path: &[String], leaf: Value) -> Value {
    path.iter().rev().fold(leaf, |node, key| {
        Value::Object(Map::from_iter([(key.clone(), node)]))
    })
}

/// Turns texts into the kind of value that the default at the same place has: environment variables and quoted
/// expansions are texts whatever they mean. What cannot be turned stays, for [`typed`] to refuse.
pub(super) fn coerce(given: Value, example: &Value) -> Value {
    match (given, example) {
        (Value::Object(given), Value::Object(_)) => {
            let node = |(key, node)| {
                let node = coerce(node, example.get(&key).unwrap_or(&Value::Null));
                (key, node)
            };
            Value::Object(given.into_iter().map(node).collect())
        }
        (Value::String(text), Value::Number(_) | Value::Bool(_) | Value::Array(_) | Value::Object(_)) => {
            match serde_json::from_str(&text) {
                Ok(node @ (Value::Number(_) | Value::Bool(_) | Value::Array(_) | Value::Object(_))) => node,
                _ => Value::String(text),
            }
        }
        (given, _) => given,
    }
}

/// Reads the tree into settings, leaf by leaf first, so that every problem is found and not only the first one; bad
/// leaves are left out of the result.
pub(super) fn typed(tree: &Value, known: &Value, problems: &mut Vec<Problem>) -> Settings {
    let mut leaves = Vec::new();
    collect_leaves(tree, known, &mut Vec::new(), &mut leaves);
    let mut good = Value::Object(Map::new());
    for (path, leaf) in leaves {
        match Settings::deserialize(only(&path, leaf.clone())) {
            Ok(_) => put(&mut good, &path, leaf),
            Err(error) => problems.push(Problem::new(text(&path), rule(&path, &leaf, &error))),
        }
    }
    Settings::deserialize(good).unwrap_or_else(|error| {
        problems.push(Problem::new("settings", error.to_string()));
        Settings::default()
    })
}

fn collect_leaves(node: &Value, known: &Value, path: &mut Vec<Step>, leaves: &mut Vec<(Vec<Step>, Value)>) {
    match (node, known) {
        (Value::Null, _) => {}
        (Value::Object(node), Value::Object(known)) => {
            for (key, node) in node {
                path.push(Step::Key(key.clone()));
                collect_leaves(node, known.get(key).unwrap_or(&Value::Null), path, leaves);
                path.pop();
            }
        }
        (Value::Array(items), Value::Array(_)) if items.iter().any(Value::is_object) => {
            let entry = entry_of(path);
            for (index, item) in items.iter().enumerate() {
                path.push(Step::Index(index));
                let before = leaves.len();
                collect_leaves(item, &entry, path, leaves);
                if leaves.len() == before {
                    // An entry without any field still counts as an entry: the rules will say what it lacks.
                    leaves.push((path.clone(), Value::Object(Map::new())));
                }
                path.pop();
            }
        }
        (leaf, _) => leaves.push((path.clone(), leaf.clone())),
    }
}

/// What an entry of the list of tables at `path` has by default.
fn entry_of(path: &[Step]) -> Value {
    let entry = match text(path).as_str() {
        "matching.markets" => serde_json::to_value(MarketEntry::default()),
        "auth.issuers" => serde_json::to_value(IssuerSettings::default()),
        _ => return Value::Null,
    };
    entry.unwrap_or_default()
}

fn only(path: &[Step], leaf: Value) -> Value {
    path.iter().rev().fold(leaf, |node, step| match step {
        Step::Key(key) => Value::Object(Map::from_iter([(key.clone(), node)])),
        Step::Index(_) => Value::Array(vec![node]),
    })
}

fn put(tree: &mut Value, path: &[Step], leaf: Value) {
    let Some((step, rest)) = path.split_first() else {
        *tree = leaf;
        return;
    };
    match step {
        Step::Key(key) => {
            if !tree.is_object() {
                *tree = Value::Object(Map::new());
            }
            if let Some(table) = tree.as_object_mut() {
                put(table.entry(key.clone()).or_insert(Value::Null), rest, leaf);
            }
        }
        Step::Index(index) => {
            if !tree.is_array() {
                *tree = Value::Array(Vec::new());
            }
            if let Some(items) = tree.as_array_mut() {
                while items.len() <= *index {
                    items.push(Value::Object(Map::new()));
                }
                put(&mut items[*index], rest, leaf);
            }
        }
    }
}

fn text(path: &[Step]) -> String {
    let mut text = String::new();
    for step in path {
        match step {
            Step::Key(key) if text.is_empty() => text.push_str(key),
            Step::Key(key) => text.extend([".", key]),
            Step::Index(index) => text.push_str(&format!("[{index}]")),
        }
    }
    text
}

/// What serde says, except where it would repeat a secret.
fn rule(path: &[Step], leaf: &Value, error: &serde_json::Error) -> String {
    let secret = |key: &String| {
        ["url", "direct_url"].contains(&key.as_str())
            || ["password", "secret", "private_key"]
                .iter()
                .any(|end| key.ends_with(end))
    };
    if matches!(path.last(), Some(Step::Key(key)) if secret(key)) && !leaf.is_string() {
        return "must be text: put it in quotes".to_owned();
    }
    // A whole section as a text (JSON that is broken, in an environment variable) may hold a secret anywhere.
    let whole = match path {
        [list @ .., Step::Index(_)] => list,
        table => table,
    };
    if ["auth", "auth.issuers", "database", "redis", "rabbitmq", "wallet"].contains(&text(whole).as_str()) {
        return "must be a table, auth.issuers a list of tables; in the environment in JSON".to_owned();
    }
    error.to_string()
}
