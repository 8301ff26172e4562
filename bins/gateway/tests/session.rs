//! A trading session with curl against the built gateway: the script in `test/`, and the page for newcomers.
#![allow(
    clippy::unwrap_used,
    clippy::print_stdout,
    reason = "tests may panic and say what they leave out"
)]

mod program;

use std::path::{Path, PathBuf};
use std::process::Command;

use program::{Program, output};
use serde_json::Value;

/// What a log must never hold: tokens, secrets, and words that stand in bodies only.
const NEVER_LOGGED: [&str; 7] = [
    "eyJ",
    "Bearer",
    "everybody-knows",
    "order_type",
    "quantity",
    "price",
    "access_token",
];

/// The fewest steps of the script; fewer would mean that a part of it ended early.
const STEPS: usize = 880;
/// What shows that the parts about WebSockets ran to their ends.
const SOCKET_STEPS: [&str; 3] = [
    "carol: ws fills go on behind it",
    "nobody: ws asks for nothing for 5 s",
    "carol: ws {\"id\":10,\"op\":\"cancel_all_after\"",
];

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("../..")
        .canonicalize()
        .unwrap()
}

/// Whether bash, curl and openssl are there. Where they must be, in continuous integration, their absence is a failure.
fn has_tools() -> bool {
    let found = Command::new("bash")
        .args(["-c", "command -v curl && command -v openssl"])
        .output();
    let found = found.is_ok_and(|output| output.status.success());
    if !found {
        assert!(
            std::env::var("CI").as_deref() != Ok("true"),
            "bash, curl or openssl is missing"
        );
        println!("LEFT OUT: bash, curl or openssl is missing, so no session was held");
    }
    found
}

/// The client for WebSockets, which `cargo test` builds beside the gateway.
fn client() -> PathBuf {
    let beside = Path::new(env!("CARGO_BIN_EXE_gateway")).parent().unwrap();
    let client = beside.join("examples/ws");
    assert!(
        client.exists(),
        "{} is missing: cargo build --example ws",
        client.display()
    );
    client
}

#[test]
fn every_step_of_the_session_is_as_expected_and_nothing_private_is_logged() {
    if !has_tools() {
        return;
    }
    let dir = tempfile::tempdir().unwrap();
    let served = Program::start(dir.path());
    let script = root().join("test/session.sh");
    let private_file = dir.path().join("private");
    let (succeeded, steps, errors) = output(
        Command::new("bash")
            .arg(script)
            .env("PUBLIC", format!("http://localhost:{}", served.public))
            .env("ADMIN", format!("http://localhost:{}", served.admin))
            .env("GATEWAY", env!("CARGO_BIN_EXE_gateway"))
            .env("WS", client())
            .env("DATA", dir.path().join("data"))
            .env("SETTINGS", served.settings_file())
            .env("PRIVATE", &private_file)
            .env("TRADE_ENGINE_CONFIG", served.settings_file()),
    );
    let unexpected: Vec<_> = steps.lines().filter(|line| line.starts_with("FAILED")).collect();
    let end = steps.lines().last().unwrap_or_default();
    assert!(
        succeeded && unexpected.is_empty() && errors.is_empty(),
        "{}\n{end}\n{errors}",
        unexpected.join("\n")
    );
    let passed = steps.lines().filter(|line| line.starts_with("ok ")).count();
    assert!(
        passed >= STEPS && end == format!("{passed} passed, 0 failed"),
        "{end}"
    );
    for step in SOCKET_STEPS {
        assert!(steps.contains(&format!("ok      {step}")), "{step} was left out");
    }
    let not_public = "operator: POST /api/v1/admin/deposits {}";
    let not_public = steps.lines().find(|line| line.contains(not_public)).unwrap();
    assert!(not_public.ends_with("404 not_found"), "{not_public}");
    // Names that callers gave to orders and deposits start with what the session's market is called after.
    let (_, market) = steps.split_once("/api/v1/markets/S").unwrap();
    let (name, _) = market.split_once("-USDT").unwrap();
    let names = ["one", "two", "alice"].map(|end| format!("{}-{end}", name.to_lowercase()));
    let private: Vec<_> = NEVER_LOGGED
        .into_iter()
        .chain(names.iter().map(String::as_str))
        .collect();
    assert!(
        steps.contains(&names[0]),
        "the session gives its orders other names now"
    );
    check_log(&served.log(), &private, passed);
    check_secrets(&served, &std::fs::read_to_string(private_file).unwrap());
}

/// Neither the log nor the metrics hold a token, a secret or a ticket of the session.
fn check_secrets(served: &Program, secrets: &str) {
    let metrics = program::answer(served.admin, "/metrics").unwrap();
    assert!(
        metrics.starts_with("HTTP/1.1 200") && metrics.contains("ws_closed_total"),
        "{metrics}"
    );
    let secrets: Vec<_> = secrets.lines().collect();
    assert!(secrets.len() > 10, "the session notes {} secrets", secrets.len());
    for (name, text) in [("the log", served.log()), ("the metrics", metrics)] {
        for secret in &secrets {
            assert!(
                secret.len() > 20 && !text.contains(secret),
                "{name}: {secret} is in {text}"
            );
        }
        for word in ["everybody-knows", "token=", "ticket=", "eyJ"] {
            assert!(!text.contains(word), "{name}: {word} is in {text}");
        }
    }
}

fn check_log(log: &str, private: &[&str], requests: usize) {
    let mut answered = 0;
    for line in log.lines() {
        let fields: Value = serde_json::from_str(line).unwrap_or_else(|error| panic!("{error}: {line}"));
        assert_eq!(
            fields["level"], "INFO",
            "callers' mistakes are no faults of ours: {line}"
        );
        assert!(
            fields["timestamp"].is_string() && fields["target"].is_string(),
            "{line}"
        );
        // What operators acted on is told in their own lines: a deposit's key, for one.
        let is_audit = fields["target"] == "audit";
        let private = private
            .iter()
            .filter(|text| !is_audit || NEVER_LOGGED.contains(text));
        for private in private {
            assert!(!line.contains(private), "{private} is logged: {line}");
        }
        if fields["target"] == "access" {
            answered += 1;
            assert!(fields["request_id"].is_string(), "{line}");
            let route = fields["route"].as_str().unwrap();
            assert!(!route.contains('?') && !route.contains("%2"), "{line}");
        }
    }
    assert!(answered >= requests / 2, "{answered} requests are in the log");
}

/// A block of commands of the page, and what their answers must contain.
#[derive(Default)]
struct Example {
    commands: String,
    answers: Vec<String>,
}

/// The `sh` blocks of a page, each with the `json` blocks that follow it. `...` stands for what is left out.
fn examples(page: &str) -> Vec<Example> {
    let mut examples: Vec<Example> = Vec::new();
    let mut language = None;
    for line in page.lines() {
        match (language, line.strip_prefix("```")) {
            (None, Some(name)) => {
                language = Some(name);
                if name == "sh" {
                    examples.push(Example::default());
                }
            }
            (Some(_), Some(_)) => language = None,
            (Some("sh"), None) => {
                let example = examples.last_mut().unwrap();
                example.commands += line;
                example.commands += "\n";
            }
            (Some("json"), None) => {
                let parts = line
                    .split("...")
                    .map(|part| part.trim_matches([' ', ',']))
                    .filter(|part| !part.is_empty());
                examples
                    .last_mut()
                    .unwrap()
                    .answers
                    .extend(parts.map(str::to_owned));
            }
            _ => {}
        }
    }
    examples
}

#[test]
fn the_page_for_newcomers_does_what_it_says() {
    page_does_what_it_says("docs/session.md", 11);
}

#[test]
fn the_page_about_errors_signs_as_it_says() {
    page_does_what_it_says("docs/errors.md", 2);
}

#[test]
fn the_guide_to_the_api_does_what_it_says() {
    page_does_what_it_says("docs/api.md", 8);
}

#[test]
fn the_readme_does_what_it_says_about_the_first_five_minutes() {
    let page = std::fs::read_to_string(root().join("README.md")).unwrap();
    let (_, minutes) = page.split_once("## The first five minutes\n").unwrap();
    // What is typed into a WebSocket is no command for a shell.
    let (minutes, _) = minutes.split_once("A WebSocket client").unwrap();
    text_does_what_it_says(minutes, 2);
}

/// Runs the examples of a page, which has so many at least, and looks for the answers that it shows.
fn page_does_what_it_says(page: &str, least: usize) {
    text_does_what_it_says(&std::fs::read_to_string(root().join(page)).unwrap(), least);
}

fn text_does_what_it_says(text: &str, least: usize) {
    if !has_tools() {
        return;
    }
    let dir = tempfile::tempdir().unwrap();
    let served = Program::start(dir.path());
    let examples = examples(text);
    assert!(examples.len() >= least, "the page has lost its examples");
    // One shell for all, so that what one example learns, the next can use.
    let mut script = String::from("set -eu\n");
    for (number, example) in examples.iter().enumerate() {
        let commands = example
            .commands
            .replace("localhost:8080", &format!("localhost:{}", served.public))
            .replace("localhost:9090", &format!("localhost:{}", served.admin))
            .replace("target/release/gateway", env!("CARGO_BIN_EXE_gateway"));
        script += &format!("{{\n{commands}\n}} >{number}.out 2>{number}.err\n");
    }
    let (succeeded, _, errors) = output(
        Command::new("bash")
            .args(["-c", &script])
            .current_dir(dir.path())
            .env("TRADE_ENGINE_CONFIG", served.settings_file()),
    );
    assert!(succeeded, "{errors}\n{script}");
    for (number, example) in examples.iter().enumerate() {
        let answer = std::fs::read_to_string(dir.path().join(format!("{number}.out"))).unwrap();
        let mut rest = answer.as_str();
        for part in &example.answers {
            let at = rest.find(part);
            let at = at.unwrap_or_else(|| panic!("{}\n{part} is not in\n{answer}", example.commands));
            rest = &rest[at + part.len()..];
        }
    }
}
