//! The words that all schemas share: decimals, times, ids, enums, and objects out of them.

use serde_json::{Map, Value, json};

/// A reference to a schema of the components.
pub(crate) fn reference(name: &str) -> Value {
    json!({ "$ref": format!("#/components/schemas/{name}") })
}

/// A decimal in a request: at most 12 digits before the point and 8 behind it.
pub(crate) fn decimal(example: &str) -> Value {
    json!({ "type": "string", "pattern": r"^[0-9]{1,12}(\.[0-9]{1,8})?$", "examples": [example] })
}

/// A decimal in an answer.
pub(crate) fn number() -> Value {
    json!({ "type": "string", "pattern": r"^[0-9]+(\.[0-9]+)?$" })
}

/// A decimal with its sign in an answer.
pub(crate) fn signed() -> Value {
    json!({ "type": "string", "pattern": r"^-?[0-9]+(\.[0-9]+)?$" })
}

/// A moment in an answer: UTC with microseconds.
pub(crate) fn time() -> Value {
    json!({
        "type": "string", "format": "date-time",
        "pattern": r"^[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}\.[0-9]{6}Z$"
    })
}

/// A moment in a request: any offset, digits beyond microseconds are dropped.
pub(crate) fn moment() -> Value {
    json!({ "type": "string", "format": "date-time", "examples": ["2027-01-31T12:00:00Z"] })
}

/// A UUID with hyphens.
pub(crate) fn uuid() -> Value {
    json!({
        "type": "string", "format": "uuid",
        "pattern": "^[0-9a-fA-F]{8}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{12}$"
    })
}

/// A name of the caller's choice.
pub(crate) fn key() -> Value {
    json!({ "type": "string", "pattern": "^[A-Za-z0-9._:-]{1,100}$", "examples": ["mine-1"] })
}

/// An asset.
pub(crate) fn asset() -> Value {
    json!({ "type": "string", "pattern": "^[A-Z0-9]{1,10}$", "examples": ["USDT"] })
}

/// A market in bodies and answers.
pub(crate) fn symbol() -> Value {
    json!({ "type": "string", "pattern": "^[A-Z0-9]{1,10}/[A-Z0-9]{1,10}$", "examples": ["BTC/USDT"] })
}

/// A market in a query, where both forms are read.
pub(crate) fn any_symbol() -> Value {
    json!({ "type": "string", "pattern": "^[A-Z0-9]{1,10}[/-][A-Z0-9]{1,10}$", "examples": ["BTC-USDT"] })
}

/// A market in a path.
pub(crate) fn dashed() -> Value {
    json!({ "type": "string", "pattern": "^[A-Z0-9]{1,10}-[A-Z0-9]{1,10}$", "examples": ["BTC-USDT"] })
}

/// One of these words.
pub(crate) fn words<T: Copy>(all: &[T], word: impl Fn(T) -> &'static str) -> Value {
    let words: Vec<_> = all.iter().map(|value| word(*value)).collect();
    one_of_words(&words)
}

/// One of these words.
pub(crate) fn one_of_words(words: &[&str]) -> Value {
    json!({ "type": "string", "enum": words })
}

/// A whole number within these bounds.
pub(crate) fn whole(least: u64, most: u64) -> Value {
    json!({ "type": "integer", "minimum": least, "maximum": most })
}

/// A whole number that grows.
pub(crate) fn count() -> Value {
    json!({ "type": "integer", "minimum": 0 })
}

/// Yes or no.
pub(crate) fn flag() -> Value {
    json!({ "type": "boolean" })
}

/// A text.
pub(crate) fn text() -> Value {
    json!({ "type": "string" })
}

/// At most so many of these.
pub(crate) fn list(of: Value) -> Value {
    json!({ "type": "array", "items": of })
}

/// This, or null.
pub(crate) fn nullable(mut schema: Value) -> Value {
    if let Some(kind) = schema.get("type").cloned() {
        schema["type"] = json!([kind, "null"]);
    }
    if let Some(Value::Array(words)) = schema.get_mut("enum") {
        words.push(Value::Null);
    }
    schema
}

/// With a sentence about it.
pub(crate) fn about(mut schema: Value, sentence: &str) -> Value {
    schema["description"] = sentence.into();
    schema
}

/// An answer: every field is always there. New fields may come.
pub(crate) fn view(fields: Vec<(&str, Value)>) -> Value {
    let required: Vec<_> = fields.iter().map(|(name, _)| *name).collect();
    json!({ "type": "object", "required": required, "properties": properties(&fields) })
}

/// A request: fields that are not listed are refused, and null stands for a field that is not given.
pub(crate) fn request(required: Vec<(&str, Value)>, optional: Vec<(&str, Value)>) -> Value {
    let names: Vec<_> = required.iter().map(|(name, _)| *name).collect();
    let optional = optional
        .into_iter()
        .map(|(name, schema)| (name, nullable(schema)));
    let fields: Vec<_> = required.into_iter().chain(optional).collect();
    let mut schema = json!({
        "type": "object", "additionalProperties": false, "properties": properties(&fields)
    });
    if !names.is_empty() {
        schema["required"] = names.into();
    }
    schema
}

/// A page: a list under its name, and the cursor of the next one.
pub(crate) fn page(name: &str, of: &str) -> Value {
    view(vec![
        (name, list(reference(of))),
        (
            "next_cursor",
            about(
                nullable(text()),
                "What to give as `before` for the next page; null: this was the last one.",
            ),
        ),
    ])
}

fn properties(fields: &[(&str, Value)]) -> Map<String, Value> {
    let field = |(name, schema): &(&str, Value)| ((*name).to_owned(), schema.clone());
    fields.iter().map(field).collect()
}
