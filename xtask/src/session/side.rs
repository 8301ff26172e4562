//! An exchange of each shape for one session, under the same settings, and the session with it.

use std::path::Path;
use std::process::Command;

use anyhow::{Context, Result, bail, ensure};
use testbed::{Exchange, ExchangeOptions, Member, Nginx, Options, Role, Sink};

use super::traced;
use super::transcript::Transcript;
use super::{Between, Outcome, away, drain};
use crate::http::{Asked, Question, ask};
use crate::shell;

/// Settings that keep limits of callers and of the machine out of the way: the session tries bad tokens, and a slow machine
/// must not make an answer 202.
const SETTINGS: [(&str, &str); 5] = [
    ("TRADE_ENGINE_LIMITS__FAILED_LOGINS_PER_MINUTE", "100000"),
    ("TRADE_ENGINE_LIMITS__ADDRESS_REQUESTS_PER_SECOND", "100000"),
    ("TRADE_ENGINE_LIMITS__ADDRESS_BURST", "100000"),
    ("TRADE_ENGINE_SERVER__ANSWER_TIMEOUT", "30s"),
    ("TRADE_ENGINE_EMBEDDED__MIN_FREE_BYTES", "16777216"),
];

/// The session with an embedded exchange, the same as that with the other one.
pub async fn embedded(programs: &Path, dir: &Path, between: &Between) -> Result<Outcome> {
    let mut gateway = Member::embedded(programs, dir)?;
    for (name, value) in SETTINGS {
        gateway.set(name, value);
    }
    gateway.start().await?;
    let outcome = held(programs, dir, &gateway, between, &Doors::Own)?;
    gateway.stop().await?;
    Ok(outcome)
}

/// The session with a distributed exchange, through its two gateways in turn or through nginx before them, and between them
/// and PostgreSQL a PgBouncer, if any.
pub async fn distributed(programs: &Path, dir: &Path, between: &Between) -> Result<Outcome> {
    let mut options = ExchangeOptions::new(programs).dir(dir);
    if let Some(program) = &between.pgbouncer {
        options = options.pooled(program);
    }
    for (name, value) in SETTINGS {
        options = options.setting(name, value);
    }
    if let Some(programs) = &between.migrated_by {
        options = options.migrated_by(programs);
    }
    let sink = match between.migrated_by {
        Some(_) => None,
        None => Some(Sink::start().await?),
    };
    for (name, value) in sink.iter().flat_map(tracing_settings) {
        options = options.setting(format!("TRADE_ENGINE_MONITORING__{name}"), value);
    }
    let mut exchange = Exchange::start(options).await?;
    greeted_with_money(&exchange).await?;
    let mut nginx = match between.nginx {
        true => Some(balancer(&exchange, dir).await?),
        false => None,
    };
    let gateways: Vec<&Member> = exchange.of(Role::Gateway).collect();
    let [first, second] = gateways[..] else {
        bail!("there are not two gateways");
    };
    let doors = nginx.as_ref().map_or(Doors::Also(second), Doors::Balanced);
    let outcome = held(programs, dir, first, between, &doors).and_then(|outcome| {
        audited(&exchange)?;
        Ok(outcome)
    });
    if outcome.is_ok() {
        if let Some(sink) = &sink {
            traced::followed(&exchange, sink).await?;
        }
        if let Some(nginx) = &mut nginx {
            drain::tried(&mut exchange, nginx, programs, dir).await?;
        }
        away::tried(&mut exchange).await?;
        // Programs of an earlier commit may know nothing of it.
        if between.migrated_by.is_none() {
            traced::in_every_line(&exchange)?;
        }
    }
    if let Some(fallen) = exchange.fallen() {
        bail!("{fallen}");
    }
    if let Some(nginx) = &mut nginx {
        nginx.stop().await?;
    }
    exchange.stop().await?;
    outcome
}

/// Every trace goes to the sink.
fn tracing_settings(sink: &Sink) -> [(&'static str, String); 3] {
    [
        ("JAEGER_ENABLED", "true".to_owned()),
        ("JAEGER_ENDPOINT", sink.url()),
        ("TRACE_RATIO", "1".to_owned()),
    ]
}

/// The load balancer that operators get, before the gateways of an exchange.
async fn balancer(exchange: &Exchange, dir: &Path) -> Result<Nginx> {
    let mut options = Options::new().dir(dir.join("nginx"));
    for gateway in exchange.of(Role::Gateway) {
        let (http, websocket) = addresses(gateway);
        options = options.setting(&format!("{}:8080", gateway.name()), &http);
        options = options.setting(&format!("{}:8081", gateway.name()), &websocket);
    }
    Nginx::start(options).await
}

/// Where a gateway answers HTTP and WebSockets, without scheme and path.
pub fn addresses(gateway: &Member) -> (String, String) {
    let (url, websocket) = (gateway.url(), gateway.websocket_url());
    let bare = |url: &str| url.split('/').nth(2).unwrap_or_default().to_owned();
    (bare(&url), bare(&websocket))
}

/// Whoever is greeted can trade at once: each gateway shows the funds of development's users as soon as it is ready.
async fn greeted_with_money(exchange: &Exchange) -> Result<()> {
    for gateway in exchange.of(Role::Gateway) {
        for user in ["alice", "bob"] {
            let token = shell::output(&mut gateway.command(&["token", user]))?;
            let asked = ask(Question {
                port: gateway.port(),
                method: "GET",
                path: "/api/v1/balances",
                token: token.trim(),
                body: "",
            });
            let Asked::Answer(answer) = asked.await else {
                bail!("{} does not tell the balances of {user}", gateway.name());
            };
            let funds = answer.body["balances"].as_array().map_or(0, Vec::len);
            ensure!(
                answer.status == 200 && funds == 4,
                "{user} is greeted by {} without money: {} {}",
                gateway.name(),
                answer.status,
                answer.body
            );
        }
    }
    Ok(())
}

/// Everything that must hold does: money, logs that give the same again, tables that hold the state of the logs.
fn audited(exchange: &Exchange) -> Result<()> {
    let matcher = exchange.of(Role::Matcher).next().context("there is no matcher")?;
    let words = ["audit", "--database", exchange.postgres_url(), "--replay"];
    let report = matcher
        .command(&words)
        .output()
        .context("cannot start matcher audit")?;
    let told = String::from_utf8_lossy(&report.stdout);
    ensure!(
        report.status.success(),
        "matcher audit: {told}{}",
        String::from_utf8_lossy(&report.stderr)
    );
    println!("audit: {}", told.trim_end());
    // All is settled by now: what could not be compared would prove nothing.
    ensure!(
        told.contains(r#""balances_compared":true"#),
        "the balances were not compared"
    );
    Ok(())
}

/// Where a session's requests go.
enum Doors<'a> {
    /// To the gateway itself.
    Own,
    /// To it and this one in turn.
    Also(&'a Member),
    /// To a balancer; only operators' go to the gateway itself.
    Balanced(&'a Nginx),
}

/// Holds the session, and reads its transcript.
fn held(programs: &Path, dir: &Path, gateway: &Member, between: &Between, doors: &Doors) -> Result<Outcome> {
    let file = dir.join("transcript");
    let mut script = Command::new("bash");
    script
        .arg(shell::root().join("test/session.sh"))
        .env("CI", "true")
        .env("PUBLIC", gateway.url())
        .env("ADMIN", gateway.metrics_url())
        .env("WS_URL", gateway.websocket_url())
        .env("GATEWAY", programs.join("gateway"))
        .env("WS", programs.join("examples/ws"))
        .env("TRANSCRIPT", &file);
    for name in ["PARTS", "DATA", "SETTINGS", "PRIVATE", "ALSO_PUBLIC", "BALANCED"] {
        script.env_remove(name);
    }
    if between.nginx {
        script.env("BALANCED", "yes");
    }
    match doors {
        Doors::Own => {}
        Doors::Also(also) => {
            script
                .env("ALSO_PUBLIC", also.url())
                .env("ALSO_ADMIN", also.metrics_url())
                .env("ALSO_WS_URL", also.websocket_url());
        }
        Doors::Balanced(nginx) => {
            script
                .env("PUBLIC", nginx.url())
                .env("WS_URL", nginx.websocket_url());
        }
    }
    // It makes tokens under the settings of the gateway.
    for (name, value) in gateway.command(&[]).get_envs() {
        match value {
            Some(value) => script.env(name, value),
            None => script.env_remove(name),
        };
    }
    let output = script.output().context("cannot start test/session.sh")?;
    let steps = String::from_utf8_lossy(&output.stdout);
    std::fs::write(dir.join("steps"), steps.as_bytes())?;
    let end = steps.lines().last().unwrap_or_default();
    if !output.status.success() {
        let wrong: Vec<&str> = steps.lines().filter(|line| line.starts_with("FAILED")).collect();
        bail!(
            "the session with {}: {end}\n{}\n{}",
            gateway.name(),
            wrong.join("\n"),
            String::from_utf8_lossy(&output.stderr)
        );
    }
    let text = std::fs::read_to_string(&file).with_context(|| file.display().to_string())?;
    let transcript = Transcript::read(&text);
    ensure!(transcript.len() > 0, "nothing was asked");
    std::fs::write(dir.join("compared"), transcript.text())?;
    Ok(Outcome {
        end: end.to_owned(),
        transcript,
    })
}
