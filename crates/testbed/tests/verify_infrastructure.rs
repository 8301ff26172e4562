//! `test/verify-infrastructure.sh` against servers that answer, that do not, and that do not know the caller.

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

#[test]
fn a_check_that_does_not_exist_is_refused() {
    let output = verify(&["mysql"], &[]);
    assert_eq!(output.status.code(), Some(2));
}
