//! Starts that are refused, each with its reason.

use std::net::{Ipv4Addr, TcpListener};

use crate::program::{Program, free_ports, gateway, output, settings};
use crate::{API_KEY_SECRET, SECRET, refusal};

#[test]
fn a_second_gateway_on_the_same_files_is_refused() {
    let dir = tempfile::tempdir().unwrap();
    let first = Program::start(dir.path());
    let told = refusal(dir.path(), &settings(dir.path(), free_ports()));
    let data = dir.path().join("data");
    assert!(told.contains(data.to_str().unwrap()), "{told}");
    assert!(told.contains("another process"), "{told}");
    assert!(first.is_ready());
}

#[test]
fn a_taken_port_is_named() {
    let dir = tempfile::tempdir().unwrap();
    let held = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    let taken = held.local_addr().unwrap().port();
    let [one, two, _] = free_ports();
    for ports in [[taken, one, two], [one, taken, two], [one, two, taken]] {
        let told = refusal(dir.path(), &settings(dir.path(), ports));
        assert!(
            told.contains(&format!("cannot listen on 127.0.0.1:{taken}")),
            "{told}"
        );
    }
}

#[test]
fn production_wants_its_own_secret() {
    let dir = tempfile::tempdir().unwrap();
    for environment in ["staging", "production"] {
        let yaml = settings(dir.path(), free_ports()).replace("development", environment);
        let told = refusal(dir.path(), &yaml);
        for path in ["auth.secret", "auth.api_key_secret"] {
            assert!(told.contains(path), "{path}: {told}");
        }
        assert!(!told.contains("everybody-knows"), "{told}");
        assert!(!dir.path().join("data").exists(), "a refused start left files");
    }
}

#[test]
fn a_distributed_exchange_needs_its_database_at_the_start() {
    let dir = tempfile::tempdir().unwrap();
    let [nowhere, _, _] = free_ports();
    let database = format!("database: {{ url: 'postgres://nobody@127.0.0.1:{nowhere}/none' }}\n");
    let yaml = settings(dir.path(), free_ports()) + "mode: distributed\n" + &database;
    let told = refusal(dir.path(), &yaml);
    assert!(
        told.contains("database") && told.contains("no connection"),
        "{told}"
    );
}

#[test]
fn a_demonstration_in_production_is_refused() {
    let dir = tempfile::tempdir().unwrap();
    let yaml = settings(dir.path(), free_ports()).replace("development", "production");
    let yaml = yaml + &format!("auth: {{ secret: {SECRET}, api_key_secret: {API_KEY_SECRET} }}\n");
    let file = dir.path().join("production.yaml");
    std::fs::write(&file, &yaml).unwrap();
    let config = ["--config", file.to_str().unwrap()];
    let (succeeded, _, errors) = output(gateway(&["--demo"]).args(config));
    assert!(!succeeded && errors.contains("--demo"), "{errors}");
    let told = refusal(dir.path(), &(yaml + "demo: { enabled: true }\n"));
    assert!(told.contains("demo.enabled"), "{told}");
    assert!(!dir.path().join("data").exists(), "a refused start left files");
}
