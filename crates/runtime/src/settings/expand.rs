//! Expands `${NAME}` and `${NAME:default}` in the text of the settings file.

use super::Variables;
use super::problem::Problem;

/// Letters that could change the structure of the YAML around a value that is put in the middle of a text.
const STRUCTURAL: &[char] = &[
    '"', '\'', '\\', '#', '{', '}', '[', ']', ',', '`', '&', '*', '|', '>', '!', '%',
];

/// Replaces every `${NAME}` by the variable's value, `${NAME:default}` by the default when the variable is unset or
/// empty, and `$${` by a plain `${`. Comments stay as they are.
///
/// A value that stands alone after its key is quoted, so that a password can hold any letter; one in the middle of a
/// text must not hold letters that mean something in YAML.
///
/// # Errors
/// All problems at once, with their line numbers and without any value.
pub(super) fn expand(text: &str, variables: &Variables) -> Result<String, Vec<Problem>> {
    let mut expanded = String::with_capacity(text.len());
    let mut problems = Vec::new();
    for (index, line) in text.lines().enumerate() {
        if line.trim_start().starts_with('#') {
            expanded.push_str(line);
        } else if let Err(rule) = expand_line(line, variables, &mut expanded) {
            problems.push(Problem::new(format!("line {}", index + 1), rule));
        }
        expanded.push('\n');
    }
    if problems.is_empty() {
        Ok(expanded)
    } else {
        Err(problems)
    }
}

fn expand_line(line: &str, variables: &Variables, out: &mut String) -> Result<(), String> {
    let line_start = out.len();
    let mut rest = line;
    while let Some(at) = rest.find("${") {
        let (before, from) = rest.split_at(at);
        if let Some(before) = before.strip_suffix('$') {
            out.push_str(before);
            out.push_str("${");
            rest = &from[2..];
            continue;
        }
        out.push_str(before);
        let (inner, after) = from[2..].split_once('}').ok_or("`${` without its `}`")?;
        let (name, default) = inner.split_once(':').unwrap_or((inner, ""));
        if !is_name(name) {
            return Err(format!("`{name}` is not the name of a variable"));
        }
        match variables.get(name) {
            None => out.push_str(default),
            Some(value) if stands_alone(&out[line_start..], after) => out.push_str(&quoted(value)),
            Some(value) if is_plain(value) => out.push_str(value),
            Some(_) => {
                return Err(format!(
                    "the value of {name} holds letters that mean something in YAML: give `${{{name}}}` alone after its key"
                ));
            }
        }
        rest = after;
    }
    out.push_str(rest);
    Ok(())
}

fn is_name(name: &str) -> bool {
    let word = |letter: char| letter.is_ascii_alphanumeric() || letter == '_';
    name.starts_with(|first: char| !first.is_ascii_digit()) && name.chars().all(word)
}

/// Whether the expression is the whole value: a key or a list dash before it, nothing but a comment after it.
fn stands_alone(before: &str, after: &str) -> bool {
    let key = before.trim_end();
    let spaced = key.len() < before.len() && (key.ends_with(':') || key.trim_start() == "-");
    let rest = after.trim_start();
    spaced && (rest.is_empty() || (rest.starts_with('#') && rest.len() < after.len()))
}

fn is_plain(value: &str) -> bool {
    !value.contains(STRUCTURAL)
        && !value.contains(|letter: char| letter.is_control())
        && !value.contains(": ")
        && !value.ends_with(':')
        && value.trim() == value
}

/// A JSON string is a double-quoted YAML string.
fn quoted(value: &str) -> String {
    serde_json::Value::from(value).to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn expanded(text: &str) -> Result<String, String> {
        let variables = Variables::from_pairs([
            ("PORT", "9000"),
            ("EMPTY", ""),
            ("HARD", "a: #b \"c\" \\ ${PORT}"),
            ("USER_1", "me"),
        ]);
        let problems = |problems: Vec<Problem>| {
            problems
                .iter()
                .map(Problem::to_string)
                .collect::<Vec<_>>()
                .join("; ")
        };
        expand(text, &variables)
            .map(|text| text.trim_end().to_owned())
            .map_err(problems)
    }

    #[test]
    fn variables_and_defaults_take_their_places() {
        for (text, becomes) in [
            ("port: 1", "port: 1"),
            ("port: ${PORT}", "port: \"9000\""),
            ("port: ${PORT:1} # why", "port: \"9000\" # why"),
            ("- ${PORT}", "- \"9000\""),
            ("port: ${UNSET:5432}", "port: 5432"),
            ("port: ${EMPTY:5432}", "port: 5432"),
            ("password: ${UNSET}", "password:"),
            (
                "url: ${UNSET:amqp://guest:guest@localhost:5672/}",
                "url: amqp://guest:guest@localhost:5672/",
            ),
            (
                "url: amqp://${USER_1}:${UNSET:x}@h:${PORT}/",
                "url: amqp://me:x@h:9000/",
            ),
            ("list: [${PORT}, ${PORT}]", "list: [9000, 9000]"),
            ("password: ${HARD}", r#"password: "a: #b \"c\" \\ ${PORT}""#),
            ("literal: $${PORT}", "literal: ${PORT}"),
            ("money: $5 {a}", "money: $5 {a}"),
            ("# ${PORT} ${", "# ${PORT} ${"),
        ] {
            assert_eq!(expanded(text).as_deref(), Ok(becomes), "{text}");
        }
    }

    #[test]
    fn mistakes_are_named_with_their_lines_all_at_once_and_without_values() {
        assert_eq!(
            expanded("a: ${PORT\nb: fine\nc: ${1X}\nd: ${}\ne: x${HARD}"),
            Err("line 1: `${` without its `}`; line 3: `1X` is not the name of a variable; line 4: `` is not the name \
                 of a variable; line 5: the value of HARD holds letters that mean something in YAML: give `${HARD}` \
                 alone after its key"
                .to_owned())
        );
    }
}
