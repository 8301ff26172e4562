//! The table of checks: which tool looks at which files. Files of a kind that comes later are found by their names.

/// How often a tool is started.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Runs {
    /// With all files.
    Once,
    /// With one file at a time.
    ForEach,
}

/// One row.
#[derive(Debug)]
pub struct Check {
    pub name: &'static str,
    /// The program, one of [`super::tools`].
    pub tool: &'static str,
    /// Further programs that it starts.
    pub with: &'static [&'static str],
    /// Its arguments before the files.
    pub words: &'static [&'static str],
    /// As [`super::files::fits`] reads them; those behind a `!` are left out.
    pub files: &'static [&'static str],
    pub runs: Runs,
}

const WORKFLOWS: &[&str] = &[".github/workflows/*.yml", ".github/workflows/*.yaml"];

/// All rows, in the order in which they run.
pub const CHECKS: &[Check] = &[
    Check {
        name: "shellcheck",
        tool: "shellcheck",
        with: &[],
        // Below a warning it has opinions.
        words: &["--external-sources", "--severity=warning"],
        files: &["**/*.sh", ".ci/run"],
        runs: Runs::Once,
    },
    Check {
        name: "actionlint",
        tool: "actionlint",
        with: &[],
        words: &[],
        files: WORKFLOWS,
        runs: Runs::Once,
    },
    Check {
        name: "zizmor",
        tool: "zizmor",
        with: &[],
        words: &["--offline", "--no-progress"],
        files: WORKFLOWS,
        runs: Runs::Once,
    },
    Check {
        name: "workflow schema",
        tool: "check-jsonschema",
        with: &[],
        words: &["--builtin-schema", "vendor.github-workflows"],
        files: WORKFLOWS,
        runs: Runs::Once,
    },
    Check {
        name: "compose schema",
        tool: "check-jsonschema",
        with: &[],
        words: &["--builtin-schema", "vendor.compose-spec"],
        files: &[
            "**/compose*.yaml",
            "**/compose*.yml",
            "**/docker-compose*.yaml",
            "**/docker-compose*.yml",
        ],
        runs: Runs::Once,
    },
    Check {
        name: "names in compose",
        tool: "python3",
        with: &[],
        words: &["docker/compose.py"],
        files: &["compose.yaml"],
        runs: Runs::Once,
    },
    Check {
        name: "hadolint",
        tool: "hadolint",
        with: &[],
        words: &[],
        files: &["docker/**/Dockerfile*"],
        runs: Runs::Once,
    },
    Check {
        name: "yamllint",
        tool: "yamllint",
        with: &[],
        words: &["--strict"],
        files: &[
            ".github/**/*.yml",
            ".github/**/*.yaml",
            "compose.yaml",
            "config/*.yaml",
            "deploy/**/*.yml",
            "deploy/**/*.yaml",
            "docker/**/*.yaml",
            "docker/**/*.yml",
        ],
        runs: Runs::Once,
    },
    Check {
        name: "alert rules",
        tool: "promtool",
        with: &[],
        words: &["check", "rules"],
        files: &["deploy/prometheus/**/*.rules.yaml"],
        runs: Runs::Once,
    },
    Check {
        name: "tests of alert rules",
        tool: "promtool",
        with: &[],
        words: &["test", "rules"],
        files: &["deploy/prometheus/**/*.test.yaml"],
        runs: Runs::Once,
    },
    Check {
        name: "prometheus settings",
        tool: "promtool",
        with: &[],
        words: &["check", "config", "--syntax-only"],
        files: &[
            "deploy/prometheus/prometheus*.yml",
            "deploy/prometheus/prometheus*.yaml",
        ],
        runs: Runs::ForEach,
    },
    Check {
        name: "blackbox settings",
        tool: "prometheus-blackbox-exporter",
        with: &[],
        words: &["--config.check", "--config.file"],
        files: &["deploy/prometheus/blackbox*.yml"],
        runs: Runs::ForEach,
    },
    Check {
        name: "alertmanager settings",
        tool: "amtool",
        with: &[],
        words: &["check-config"],
        files: &[
            "deploy/alertmanager/*.yml",
            "deploy/alertmanager/*.yaml",
            "!deploy/alertmanager/*.test.yaml",
        ],
        runs: Runs::ForEach,
    },
    Check {
        name: "alerts with their pages, routes and dashboards",
        tool: "bash",
        with: &["promtool", "amtool"],
        words: &[],
        files: &["deploy/check.sh"],
        runs: Runs::Once,
    },
    Check {
        name: "rolling out and back",
        tool: "bash",
        with: &[],
        words: &[],
        files: &["test/roll-out.sh"],
        runs: Runs::Once,
    },
    Check {
        name: "documents",
        tool: "bash",
        with: &[],
        words: &[],
        files: &["docs/check.sh"],
        runs: Runs::Once,
    },
];

#[cfg(test)]
mod tests {
    use super::*;
    use crate::validate::SCRIPTS;
    use crate::validate::tools::{DEBIAN, PYPI};

    #[test]
    fn every_row_has_a_name_of_its_own_a_known_tool_and_files() {
        let mut names: Vec<&str> = CHECKS.iter().map(|check| check.name).collect();
        names.sort_unstable();
        names.dedup();
        assert_eq!(names.len(), CHECKS.len());
        for check in CHECKS {
            for tool in check.with.iter().chain([&check.tool]) {
                let debian = DEBIAN.iter().any(|(program, _)| program == tool);
                assert!(
                    debian || PYPI.contains(tool) || SCRIPTS.contains(tool),
                    "{}: {tool}",
                    check.name
                );
            }
            assert!(
                check.files.first().is_some_and(|first| !first.starts_with('!')),
                "{}",
                check.name
            );
        }
    }
}
