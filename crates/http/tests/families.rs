//! The table of metrics, and the two files that are made of it: deploy/metrics.txt and docs/metrics.md.
//!
//! `WRITE_METRICS=1 cargo test -p edge-http --test families` writes both anew.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;

use edge_http::{Family, Kind, Program};

/// Where the table of the page begins and ends.
const MARKS: (&str, &str) = ("<!-- table -->\n", "<!-- end of table -->\n");

fn file(path: &str) -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../..").join(path)
}

/// Compares a file with what it has to be, or writes it.
fn keep(path: &str, expected: &str) {
    let path = file(path);
    if std::env::var_os("WRITE_METRICS").is_some() {
        std::fs::write(&path, expected).unwrap();
    }
    let found = std::fs::read_to_string(&path).unwrap();
    let how = "WRITE_METRICS=1 cargo test -p edge-http --test families";
    assert!(found == expected, "{} is old: {how}", path.display());
}

fn all() -> impl Iterator<Item = &'static Family> {
    Program::ALL.into_iter().flat_map(Program::families)
}

#[test]
fn the_list_for_rules_and_dashboards_has_each_name_once_in_order() {
    let names: BTreeSet<&str> = all().map(|family| family.name).collect();
    let list: String = names.iter().map(|name| format!("{name}\n")).collect();
    keep("deploy/metrics.txt", &list);
}

#[test]
fn the_page_tells_of_each_metric_and_who_shows_it() {
    let mut rows: BTreeMap<(&str, String), (&Family, Vec<&str>)> = BTreeMap::new();
    for program in Program::ALL {
        for family in program.families() {
            let labels = family.labels.iter().map(|label| match label.values {
                [] => format!("`{}`", label.name),
                values => format!("`{}`: {}", label.name, values.join(", ")),
            });
            let labels: Vec<String> = labels.collect();
            let row = rows.entry((family.name, labels.join("; ")));
            row.or_insert((family, Vec::new())).1.push(program.word());
        }
    }
    let mut table = String::from("\n| name | kind | labels | of | |\n|---|---|---|---|---|\n");
    for ((name, labels), (family, programs)) in &rows {
        let (kind, help) = (family.kind.word(), family.help);
        let of = if programs.len() == Program::ALL.len() {
            "all".to_owned()
        } else {
            programs.join("; ")
        };
        table.push_str(&format!("| `{name}` | {kind} | {labels} | {of} | {help} |\n"));
    }
    table.push('\n');
    let page = std::fs::read_to_string(file("docs/metrics.md")).unwrap();
    let (before, rest) = page.split_once(MARKS.0).unwrap();
    let (_, after) = rest.split_once(MARKS.1).unwrap();
    keep(
        "docs/metrics.md",
        &format!("{before}{}{table}{}{after}", MARKS.0, MARKS.1),
    );
}

#[test]
fn names_follow_the_rules_of_prometheus() {
    for program in Program::ALL {
        let mut seen = BTreeSet::new();
        for Family { name, kind, help, .. } in program.families() {
            assert!(seen.insert(name), "{name} is there twice");
            assert_eq!(name.ends_with("_total"), *kind == Kind::Counter, "{name}");
            let plain = |c: char| c.is_ascii_lowercase() || c == '_';
            assert!(name.chars().all(plain), "{name}");
            assert!(help.ends_with('.') && !help.contains('\n'), "{name}: {help}");
            let milli = ["_ms", "_millis", "_micros", "_minutes", "_kilobytes"];
            assert!(!milli.iter().any(|unit| name.contains(unit)), "{name}");
        }
    }
}

#[test]
fn durations_have_the_bounds_that_promises_are_made_about() {
    for family in all() {
        if let Kind::Histogram(bounds) = family.kind {
            assert!(bounds.windows(2).all(|pair| pair[0] < pair[1]), "{}", family.name);
            if family.name.ends_with("_seconds") {
                assert!(
                    [0.05, 0.2].iter().all(|bound| bounds.contains(bound)),
                    "{}",
                    family.name
                );
            }
        }
    }
}

#[test]
fn no_label_tells_users_or_orders_apart() {
    for family in all() {
        for label in family.labels {
            let unbounded = ["user", "order", "request", "trade", "client", "address"];
            assert!(
                !unbounded.iter().any(|word| label.name.contains(word)),
                "{}: {}",
                family.name,
                label.name
            );
        }
    }
}
