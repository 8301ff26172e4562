//! `cargo xtask layers`: who may depend on whom, as a table, compared with the manifests.

use std::collections::BTreeMap;

use anyhow::{Context, Result, bail};
use serde_json::Value;

use crate::shell;

/// Each crate of ours and the crates of ours that it may depend on. A new arrow is a reviewed line here. Dependencies of
/// tests are free: they do not reach the program.
const ALLOWED: [(&str, &[&str]); 23] = [
    // pure: no clock, randomness, I/O, async
    ("domain", &[]),
    ("matching", &["domain"]),
    ("engine", &["domain", "matching"]),
    ("ledger", &["domain"]),
    ("exchange", &["domain", "engine", "ledger"]),
    ("market-data", &["domain"]),
    // I/O: may use runtime, never each other
    ("journal", &["runtime"]),
    ("persistence", &["domain", "market-data", "runtime"]),
    ("messaging", &["domain", "runtime"]),
    ("wallet-client", &["domain", "ledger", "runtime"]),
    ("runtime", &[]),
    // for tests and rehearsals
    ("testbed", &[]),
    // application
    ("trading", &["domain", "market-data"]),
    (
        "embedded",
        &[
            "domain",
            "engine",
            "exchange",
            "journal",
            "ledger",
            "market-data",
            "persistence",
            "runtime",
            "trading",
        ],
    ),
    (
        "distributed",
        &[
            "domain",
            "engine",
            "market-data",
            "messaging",
            "persistence",
            "runtime",
            "trading",
            "wallet-client",
        ],
    ),
    (
        "wallet",
        &["domain", "ledger", "persistence", "runtime", "wallet-client"],
    ),
    // edge
    ("edge-http", &["runtime"]),
    (
        "api",
        &["domain", "edge-http", "market-data", "runtime", "trading"],
    ),
    // programs
    (
        "gateway",
        &[
            "api",
            "distributed",
            "domain",
            "edge-http",
            "embedded",
            "exchange",
            "journal",
            "market-data",
            "messaging",
            "persistence",
            "runtime",
            "trading",
            "wallet-client",
        ],
    ),
    (
        "matcher",
        &[
            "distributed",
            "domain",
            "edge-http",
            "engine",
            "exchange",
            "ledger",
            "matching",
            "messaging",
            "persistence",
            "runtime",
            "wallet-client",
        ],
    ),
    (
        "wallet-service",
        &[
            "domain",
            "edge-http",
            "persistence",
            "runtime",
            "wallet",
            "wallet-client",
        ],
    ),
    // knows the gateway by its public API alone
    ("load", &["edge-http", "runtime"]),
    ("xtask", &["testbed"]),
];

/// What pure crates must never reach, directly or through others.
const IMPURE: &[&str] = &[
    "actix-web",
    "amqprs",
    "async-std",
    "config",
    "diesel",
    "fastrand",
    "getrandom",
    "metrics",
    "mio",
    "rand",
    "redis",
    "reqwest",
    "rustix",
    "tokio",
    "tracing-subscriber",
];

/// A feature that pure crates must never switch on: it reads the clock.
const IMPURE_FEATURES: &[(&str, &str)] = &[
    ("chrono", "clock"),
    ("uuid", "v4"),
    ("uuid", "v7"),
    ("uuid", "v1"),
];

/// What a crate must never reach, whatever lies between.
const UNREACHABLE: [(&str, &[&str]); 8] = [
    ("domain", IMPURE),
    ("matching", IMPURE),
    ("engine", IMPURE),
    ("ledger", IMPURE),
    ("exchange", IMPURE),
    ("market-data", IMPURE),
    // The embedded exchange needs no server.
    (
        "embedded",
        &["amqprs", "deadpool", "pq-sys", "redis", "tokio-postgres"],
    ),
    // Nor does history in its default form.
    (
        "persistence",
        &["amqprs", "deadpool", "pq-sys", "redis", "tokio", "tokio-postgres"],
    ),
];

/// The chore.
pub fn run() -> Result<()> {
    let metadata = shell::output(&mut shell::cargo(&[
        "metadata",
        "--no-deps",
        "--format-version",
        "1",
    ]))?;
    let mut broken = arrow_errors(&arrows(&metadata)?, &ALLOWED);
    for (name, forbidden) in UNREACHABLE {
        let tree = [
            "tree",
            "--package",
            name,
            "--edges",
            "normal,no-proc-macro",
            "--prefix",
            "none",
            "--format",
            "{p}|{f}",
        ];
        broken.extend(reach_errors(
            name,
            &shell::output(&mut shell::cargo(&tree))?,
            forbidden,
        ));
    }
    if broken.is_empty() {
        println!("layers: {} crates keep to the table", ALLOWED.len());
        return Ok(());
    }
    bail!(
        "the table in xtask/src/layers.rs is not kept:\n  {}",
        broken.join("\n  ")
    )
}

/// Each crate of the workspace and the crates of the workspace that its program code depends on.
fn arrows(metadata: &str) -> Result<BTreeMap<String, Vec<String>>> {
    let metadata: Value = serde_json::from_str(metadata).context("cargo metadata printed no JSON")?;
    let packages = metadata["packages"]
        .as_array()
        .context("cargo metadata lists no packages")?;
    let name = |node: &Value| node["name"].as_str().unwrap_or_default().to_owned();
    let arrows_of = |package: &Value| {
        let dependencies = package["dependencies"]
            .as_array()
            .map(Vec::as_slice)
            .unwrap_or_default();
        // A path marks a crate of ours; kind is null for program code, "dev" for tests and "build" for build scripts.
        let ours = dependencies
            .iter()
            .filter(|one| one["path"].is_string() && one["kind"] != "dev");
        ours.map(name).collect::<Vec<_>>()
    };
    Ok(packages
        .iter()
        .map(|package| (name(package), arrows_of(package)))
        .collect())
}

fn arrow_errors(arrows: &BTreeMap<String, Vec<String>>, allowed: &[(&str, &[&str])]) -> Vec<String> {
    let mut errors = Vec::new();
    for (name, targets) in arrows {
        let Some((_, may)) = allowed.iter().find(|(other, _)| other == name) else {
            errors.push(format!("{name} is not in the table"));
            continue;
        };
        for target in targets.iter().filter(|target| !may.contains(&target.as_str())) {
            errors.push(format!("{name} -> {target} is not allowed"));
        }
    }
    let gone = allowed.iter().filter(|(name, _)| !arrows.contains_key(*name));
    errors.extend(gone.map(|(name, _)| format!("{name} is in the table but not in the workspace")));
    errors
}

/// `tree`: one `name version ...|feature,feature` a line, as cargo tree prints it.
fn reach_errors(name: &str, tree: &str, forbidden: &[&str]) -> Vec<String> {
    let mut errors = Vec::new();
    for line in tree.lines() {
        let (package, features) = line.split_once('|').unwrap_or((line, ""));
        let reached = package.split(' ').next().unwrap_or_default();
        if forbidden.contains(&reached) {
            errors.push(format!(
                "{name} -> ... -> {reached} must not be reached (cargo tree -p {name} -i {reached})"
            ));
        }
        let features = features.trim_end_matches(" (*)");
        for (_, feature) in IMPURE_FEATURES
            .iter()
            .filter(|(owner, _)| forbidden == IMPURE && *owner == reached)
        {
            if features.split(',').any(|on| on == *feature) {
                errors.push(format!(
                    "{name} -> ... -> {reached} must not have its feature `{feature}`"
                ));
            }
        }
    }
    errors.sort();
    errors.dedup();
    errors
}

#[cfg(test)]
mod tests {
    use super::*;

    fn errors(metadata: &str) -> Vec<String> {
        arrow_errors(&arrows(metadata).unwrap(), &[("low", &[]), ("high", &["low"])])
    }

    #[test]
    fn the_workspace_keeps_to_the_table() {
        run().unwrap();
    }

    #[test]
    fn the_table_has_no_cycle() {
        // Each crate stands behind all that it may depend on, once they are sorted by the length of their longest path.
        fn depth(name: &str, seen: usize) -> usize {
            assert!(seen <= ALLOWED.len(), "{name} is part of a cycle");
            let (_, targets) = ALLOWED.iter().find(|(other, _)| *other == name).unwrap();
            targets
                .iter()
                .map(|target| depth(target, seen + 1) + 1)
                .max()
                .unwrap_or(0)
        }
        for (name, _) in ALLOWED {
            depth(name, 0);
        }
    }

    #[test]
    fn a_new_arrow_a_new_crate_and_a_gone_crate_are_named() {
        let low = r#"{"name": "low", "dependencies": [
            {"name": "serde", "kind": null}, {"name": "high", "path": "/high", "kind": "dev"}]}"#;
        let high = r#"{"name": "high", "dependencies": [{"name": "low", "path": "/low", "kind": null}]}"#;
        let upwards = r#"{"name": "low", "dependencies": [{"name": "high", "path": "/high", "kind": null}]}"#;
        let other = r#"{"name": "other", "dependencies": []}"#;
        for (packages, expected) in [
            (vec![low, high], vec![]),
            (vec![upwards, high], vec!["low -> high is not allowed"]),
            (vec![low, high, other], vec!["other is not in the table"]),
            (vec![low], vec!["high is in the table but not in the workspace"]),
        ] {
            assert_eq!(
                errors(&format!(r#"{{"packages": [{}]}}"#, packages.join(","))),
                expected
            );
        }
    }

    #[test]
    fn what_must_not_be_reached_is_found_with_its_features() {
        let tree = "domain v0.1.0 (/here)|\nuuid v1.0.0|default,v4 (*)\nchrono v0.4.0|std\nrandy v1.0.0|\nrand v0.9.0|\n";
        assert_eq!(
            reach_errors("domain", tree, IMPURE),
            [
                "domain -> ... -> rand must not be reached (cargo tree -p domain -i rand)",
                "domain -> ... -> uuid must not have its feature `v4`",
            ]
        );
        assert!(reach_errors("embedded", tree, &["redis"]).is_empty());
    }
}
