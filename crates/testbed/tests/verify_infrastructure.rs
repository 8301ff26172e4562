//! `test/verify-infrastructure.sh` against servers that answer, that do not, and that do not know the caller.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

use std::process::{Command, Output};

use testbed::{Options, Postgres, RabbitMq, Redis};

fn verify(checks: &[&str], variables: &[(&str, &str)]) -> Output {
    let script = concat!(env!("CARGO_MANIFEST_DIR"), "/../../test/verify-infrastructure.sh");
    let mut command = Command::new("bash");
    command.arg(script).args(checks).envs(variables.iter().copied());
    command.output().expect("bash")
}

fn said(output: &Output) -> String {
    String::from_utf8_lossy(&output.stdout).into_owned()
}

#[tokio::test]
async fn it_passes_with_the_right_addresses_and_names_what_does_not_answer() {
    let postgres = Postgres::start(Options::new()).await.unwrap();
    let redis = Options::new().setting("requirepass", "p%w d");
    let mut redis = Redis::start(redis).await.unwrap();
    let rabbitmq = RabbitMq::start(Options::new()).await.unwrap();
    let redis_url = format!("redis://:p%25w%20d@127.0.0.1:{}/0", redis.port());
    let right = [
        ("DATABASE_URL", postgres.url()),
        ("REDIS_URL", redis_url),
        ("RABBITMQ_URL", rabbitmq.url()),
    ];
    let right = right.each_ref().map(|(name, url)| (*name, url.as_str()));
    let servers = ["postgresql", "redis", "rabbitmq"];
    let fine = verify(&servers, &right);
    assert!(fine.status.success(), "{}", said(&fine));
    assert_eq!(said(&fine).matches('✓').count(), 3, "{}", said(&fine));
    assert!(!said(&fine).contains("p%w"), "{}", said(&fine));

    let wrong_broker = rabbitmq.url().replace("guest@", "wrong@");
    let wrong = [
        right[0],
        ("REDIS_URL", &redis.url().replace('%', "")),
        ("RABBITMQ_URL", &wrong_broker),
    ];
    let refused = verify(&servers, &wrong);
    assert_eq!(refused.status.code(), Some(1), "{}", said(&refused));
    assert!(said(&refused).contains("✓ PostgreSQL"), "{}", said(&refused));
    assert!(
        said(&refused).contains("✗ Redis") && said(&refused).contains("✗ RabbitMQ"),
        "{}",
        said(&refused)
    );

    redis.kill();
    let gone = verify(&servers, &right);
    assert_eq!(gone.status.code(), Some(1));
    assert_eq!(said(&gone).matches('✗').count(), 1, "{}", said(&gone));
}

#[tokio::test]
async fn encrypted_servers_are_asked_in_tls_and_must_be_known() {
    let redis = Redis::start(Options::new().tls()).await.unwrap();
    let rabbitmq = RabbitMq::start(Options::new().tls()).await.unwrap();
    let addresses = (redis.url(), rabbitmq.url());
    let roots = |path: std::path::PathBuf| path.display().to_string();
    let (redis, rabbitmq) = (redis.certificates().unwrap(), rabbitmq.certificates().unwrap());
    let known = (roots(redis.authority()), roots(rabbitmq.authority()));
    let unknown = (roots(redis.stranger()), roots(rabbitmq.stranger()));
    for ((redis_root, rabbitmq_root), passes) in [(known, true), (unknown, false)] {
        let output = verify(
            &["redis", "rabbitmq"],
            &[
                ("REDIS_URL", &addresses.0),
                ("RABBITMQ_URL", &addresses.1),
                ("REDIS_ROOT_CERTIFICATE", &redis_root),
                ("RABBITMQ_ROOT_CERTIFICATE", &rabbitmq_root),
            ],
        );
        let expected = if passes { '✓' } else { '✗' };
        assert_eq!(output.status.success(), passes, "{}", said(&output));
        assert_eq!(said(&output).matches(expected).count(), 2, "{}", said(&output));
    }
}

/// A folder with these programs, before all others in the path.
fn programs(named: &[(&str, &str)]) -> (tempfile::TempDir, String) {
    use std::os::unix::fs::PermissionsExt as _;
    let dir = tempfile::tempdir().unwrap();
    for (name, script) in named {
        let file = dir.path().join(name);
        std::fs::write(&file, format!("#!/usr/bin/env bash\n{script}\n")).unwrap();
        std::fs::set_permissions(&file, std::fs::Permissions::from_mode(0o755)).unwrap();
    }
    let path = format!("{}:{}", dir.path().display(), std::env::var("PATH").unwrap());
    (dir, path)
}

#[test]
fn a_container_that_has_ended_does_not_run() {
    for (containers, passes) in [
        (
            "postgres running healthy 0\\ngateway running  0\\nmigrate exited  0",
            true,
        ),
        ("postgres running healthy 0\\ngateway exited  0", false),
        ("postgres running healthy 0\\ngateway exited  137", false),
        ("postgres running unhealthy 0", false),
        ("postgres running starting 0", false),
        ("postgres running healthy 0\\nmigrate exited  1", false),
        ("migrate exited  0", false),
        ("", false),
    ] {
        let docker = format!("[ \"$1\" = info ] || printf '{containers}'");
        let (dir, path) = programs(&[("docker", &docker)]);
        let file = dir.path().join("docker-compose.yml").display().to_string();
        let output = verify(&["compose"], &[("PATH", &path), ("COMPOSE_FILE", &file)]);
        assert_eq!(output.status.success(), passes, "{containers}: {}", said(&output));
    }
}

#[test]
fn no_password_stands_in_the_arguments_of_a_program() {
    // `timeout` is handed every command line: it writes each down.
    let (dir, _) = programs(&[]);
    let seen = dir.path().join("seen").display().to_string();
    let note = format!("printf '%s\\n' \"$*\" >>{seen}\nshift\nexec \"$@\"");
    let (_programs, path) = programs(&[
        ("timeout", &note),
        ("curl", &format!("printf '%s\\n' \"curl $*\" >>{seen}")),
    ]);
    let (user, secret) = ("somebody", "verysecret");
    let at = |scheme: &str| format!("{scheme}://{user}:{secret}@127.0.0.1:1/x");
    verify(
        &["postgresql", "redis", "rabbitmq"],
        &[
            ("PATH", &path),
            ("DATABASE_URL", &at("postgres")),
            ("REDIS_URL", &at("redis")),
            ("RABBITMQ_URL", &at("amqp")),
            ("RABBITMQ_MANAGEMENT", "http://127.0.0.1:1"),
        ],
    );
    let seen = std::fs::read_to_string(seen).unwrap();
    assert!(
        seen.contains("psql") && seen.contains("amqp_login") && seen.contains("curl"),
        "{seen}"
    );
    assert!(!seen.contains(secret), "{seen}");
}

#[test]
fn a_check_that_does_not_exist_is_refused() {
    let output = verify(&["mysql"], &[]);
    assert_eq!(output.status.code(), Some(2));
}
