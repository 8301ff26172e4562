//! The manifests: each overlay is rendered, and the outcome held against the schemas of Kubernetes.

use std::path::Path;

use anyhow::{Context, Result, bail};

use super::files;
use super::tools::Tools;
use crate::shell;

/// One for each place.
const OVERLAYS: &[&str] = &["deploy/overlays/*/kustomization.yaml"];

/// Kinds that operators bring into a cluster: Kubernetes has no schema of them.
const CUSTOM_KINDS: [&str; 1] = ["ServiceMonitor"];

/// What a roll-out applies, each selected by its component (deploy/roll-out.sh).
const COMPONENTS: [&str; 9] = [
    "auditor",
    "settings",
    "network",
    "migrations",
    "wallet",
    "matcher",
    "gateway",
    "partitions",
    "monitoring",
];

/// Renders and validates every overlay; false where that cannot be done here.
pub fn validate(files: &[String], tools: &Tools) -> Result<bool> {
    let overlays = files::that_fit(files, OVERLAYS);
    if overlays.is_empty() {
        println!("there is no {}", OVERLAYS.join(", "));
        return Ok(false);
    }
    if !tools.have("kubectl")? || !tools.have("kubernetes-validate")? {
        return Ok(false);
    }
    let rendered = shell::target()?.join("validators/rendered");
    std::fs::create_dir_all(&rendered)?;
    let mut wrong = Vec::new();
    for overlay in overlays {
        let folder = Path::new(overlay)
            .parent()
            .context("an overlay without a folder")?;
        let name = folder.file_name().unwrap_or_default().to_string_lossy();
        let text = shell::output(tools.command("kubectl").arg("kustomize").arg(folder))?;
        let file = rendered.join(format!("{name}.yaml"));
        std::fs::write(&file, &text)?;
        let mut command = tools.command("kubernetes-validate");
        let said = command.args(["--strict", "--quiet"]).arg(&file).output()?;
        let lines = String::from_utf8_lossy(&[said.stdout, said.stderr].concat()).into_owned();
        let mut faults = faults(&lines);
        faults.extend(without_component(&text));
        if !said.status.success() && faults.is_empty() {
            faults.push(format!(
                "kubernetes-validate ended with {}:\n{lines}",
                said.status
            ));
        }
        println!("{name}: {} objects", text.split("\n---\n").count());
        wrong.extend(faults.into_iter().map(|fault| format!("{name}: {fault}")));
    }
    if !wrong.is_empty() {
        bail!("{}", wrong.join("\n  "));
    }
    Ok(true)
}

/// What kubernetes-validate has against it. A kind that it does not know is only a warning to it, and often a slip.
fn faults(said: &str) -> Vec<String> {
    let expected = |line: &str| {
        let kind = line.split_once("find schema for kind ").map(|(_, rest)| rest);
        kind.and_then(|rest| rest.split(' ').next())
            .is_some_and(|kind| CUSTOM_KINDS.contains(&kind))
    };
    let lines = said.lines().filter(|line| !line.trim().is_empty());
    lines
        .filter(|line| !line.starts_with("INFO") && !expected(line))
        .map(str::to_owned)
        .collect()
}

/// Objects that no roll-out would apply.
fn without_component(rendered: &str) -> Vec<String> {
    let has_one = |object: &&str| {
        let mut labels = object
            .lines()
            .filter_map(|line| line.strip_prefix("    app.kubernetes.io/component: "));
        !labels
            .next()
            .is_some_and(|component| COMPONENTS.contains(&component))
    };
    let named = |object: &str| {
        let of = |key: &str| {
            object
                .lines()
                .find_map(|line| line.strip_prefix(key))
                .unwrap_or("?")
                .to_owned()
        };
        format!(
            "{} {}: no roll-out applies it: app.kubernetes.io/component",
            of("kind: "),
            of("  name: ")
        )
    };
    rendered.split("\n---\n").filter(has_one).map(named).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_unknown_kind_is_a_fault_but_for_those_of_operators() {
        let said = "INFO a passed\n\
            WARN x.yaml Couldn't find schema for kind ServiceMonitor with api version monitoring.coreos.com/v1\n\
            WARN x.yaml Couldn't find schema for kind Deploymnt with api version apps/v1\n\
            ERROR x.yaml: y\n";
        let found = faults(said);
        assert_eq!(found.len(), 2, "{found:?}");
        assert!(found[0].contains("Deploymnt") && found[1].starts_with("ERROR"));
    }

    #[test]
    fn an_object_that_no_roll_out_applies_is_found() {
        let good =
            "kind: Service\nmetadata:\n  labels:\n    app.kubernetes.io/component: wallet\n  name: wallet";
        let other = good.replace(": wallet\n", ": walet\n");
        let bare = "kind: Service\nmetadata:\n  name: bare";
        let found = without_component(&[good, &other, bare].join("\n---\n"));
        assert_eq!(found.len(), 2, "{found:?}");
        assert!(found[0].starts_with("Service wallet") && found[1].starts_with("Service bare"));
    }

    #[test]
    fn a_roll_out_applies_every_component() {
        let script = std::fs::read_to_string(shell::root().join("deploy/roll-out.sh")).unwrap();
        for component in COMPONENTS {
            assert!(script.contains(component), "{component}");
        }
    }
}
