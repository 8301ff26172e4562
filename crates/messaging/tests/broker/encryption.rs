//! Encrypted connections trust the certificates that the settings name, and nothing else.

use std::path::{Path, PathBuf};
use std::process::Command;

use messaging::{Exchange, Link, Topology};
use runtime::settings::RabbitmqSettings;
use secrecy::SecretString;
use testbed::{Options, Port, RabbitMq};

use crate::bench::{PATIENCE, TRADE_KEY, envelope, eventually, until_up};

fn openssl(arguments: &[&str], dir: &Path) {
    let output = Command::new("openssl")
        .args(arguments)
        .current_dir(dir)
        .output()
        .expect("openssl is installed");
    assert!(
        output.status.success(),
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
}

/// An authority and a certificate of it for 127.0.0.1.
fn certificates(dir: &Path, name: &str) {
    let days = ["-days", "2", "-nodes", "-newkey", "rsa:2048"];
    let root = format!("{name}-root");
    let (root_key, root_pem) = (format!("{root}.key"), format!("{root}.pem"));
    let subject = format!("/CN={root}");
    let mut ask = vec![
        "req", "-x509", "-keyout", &root_key, "-out", &root_pem, "-subj", &subject,
    ];
    ask.extend(days);
    openssl(&ask, dir);
    let (key, csr, pem) = (
        format!("{name}.key"),
        format!("{name}.csr"),
        format!("{name}.pem"),
    );
    let mut ask = vec!["req", "-keyout", &key, "-out", &csr, "-subj", "/CN=127.0.0.1"];
    ask.extend(&days[2..]);
    openssl(&ask, dir);
    let names = dir.join(format!("{name}.ext"));
    std::fs::write(&names, "subjectAltName=IP:127.0.0.1\n").unwrap();
    let names = names.display().to_string();
    let sign = [
        "x509",
        "-req",
        "-in",
        &csr,
        "-CA",
        &root_pem,
        "-CAkey",
        &root_key,
        "-CAcreateserial",
        "-out",
        &pem,
        "-days",
        "2",
        "-extfile",
        &names,
    ];
    openssl(&sign, dir);
}

fn settings(url: &str, root: Option<PathBuf>) -> RabbitmqSettings {
    RabbitmqSettings {
        url: Some(SecretString::from(url)),
        root_certificate: root,
        ..RabbitmqSettings::default()
    }
}

async fn refused(settings: &RabbitmqSettings, words: &str) {
    let topology = Topology::new(settings, 0, "").unwrap();
    let link = Link::start(settings, topology, "test").unwrap();
    eventually(words, || async {
        let trouble = link.trouble().unwrap_or_default().to_lowercase();
        trouble.contains(words)
    })
    .await;
    link.close(PATIENCE).await;
}

#[tokio::test]
async fn an_encrypted_broker_is_used_and_a_false_one_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let dir = folder.path();
    certificates(dir, "good");
    certificates(dir, "false");
    let path = |name: &str| dir.join(name).display().to_string();
    let port = Port::free().unwrap();
    let options = Options::new()
        .setting("listeners.ssl.1", &format!("127.0.0.1:{}", port.number()))
        .setting("ssl_options.cacertfile", &path("good-root.pem"))
        .setting("ssl_options.certfile", &path("good.pem"))
        .setting("ssl_options.keyfile", &path("good.key"))
        .setting("ssl_options.verify", "verify_none")
        .setting("ssl_options.fail_if_no_peer_cert", "false");
    let broker = RabbitMq::start(options).await.unwrap();

    let url = format!("amqps://guest:guest@127.0.0.1:{}/", port.number());
    let root = |name: &str| Some(dir.join(name));
    let good = settings(&url, root("good-root.pem"));
    let topology = Topology::new(&good, 0, "").unwrap();
    let link = Link::start(&good, topology, "test").unwrap();
    until_up(&link).await;
    let publish = link
        .publisher()
        .publish(Exchange::TradeEvents, TRADE_KEY, envelope(1));
    assert_eq!(publish.await, Ok(()));
    link.close(PATIENCE).await;

    refused(&settings(&url, root("false-root.pem")), "certificate").await;
    refused(&settings(&url, None), "certificate").await;
    let wrong_name = url.replace("127.0.0.1", "localhost");
    refused(&settings(&wrong_name, root("good-root.pem")), "certificate").await;
    // One side speaks TLS, the other does not.
    let plain = format!("amqps://guest:guest@127.0.0.1:{}/", broker.port());
    refused(&settings(&plain, root("good-root.pem")), "error").await;
    let plain = format!("amqp://guest:guest@127.0.0.1:{}/", port.number());
    refused(&settings(&plain, None), "error").await;
}
