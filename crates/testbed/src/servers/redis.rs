//! Redis: with an append-only file, and never throwing away what it holds.

use std::path::PathBuf;
use std::process::Command;

use anyhow::Result;
use rustix::process::Signal;

use super::{Options, Place, Program};
use crate::programs;

const ADVICE: &str =
    "Debian and Ubuntu: apt-get install redis-server; Fedora: dnf install redis; macOS: brew install redis";

/// How Redis is run.
#[derive(Debug)]
pub struct RedisProgram {
    bin: PathBuf,
    settings: Vec<(String, String)>,
}

impl Program for RedisProgram {
    const NAME: &'static str = "Redis";
    const READY: &'static str = "Ready to accept connections";
    const STOP: Signal = Signal::TERM;

    fn prepare(_place: &Place, options: &Options) -> Result<Self> {
        Ok(Self {
            bin: programs::folder_of(&["redis-server"], &[], ADVICE)?,
            settings: options.settings.clone(),
        })
    }

    fn command(&self, place: &Place) -> Command {
        let mut command = Command::new(self.bin.join("redis-server"));
        let port = place.port.to_string();
        let plain = if place.certificates.is_some() {
            "0"
        } else {
            port.as_str()
        };
        let always = [
            ("port", plain),
            ("bind", "127.0.0.1"),
            ("daemonize", "no"),
            ("appendonly", "yes"),
            ("appendfsync", "everysec"),
            ("save", ""),
            ("maxmemory-policy", "noeviction"),
        ];
        command.current_dir(&place.dir).arg("--dir").arg(&place.dir);
        let more = self
            .settings
            .iter()
            .map(|(name, value)| (name.as_str(), value.as_str()));
        for (name, value) in always.into_iter().chain(more) {
            command.arg(format!("--{name}")).arg(value);
        }
        if let Some(certificates) = &place.certificates {
            command.arg("--tls-port").arg(&port);
            command.arg("--tls-cert-file").arg(certificates.certificate());
            command.arg("--tls-key-file").arg(certificates.key());
            command.arg("--tls-ca-cert-file").arg(certificates.authority());
            command.args(["--tls-auth-clients", "no"]);
        }
        command
    }

    fn url(&self, place: &Place) -> String {
        let password = self.settings.iter().find(|(name, _)| name == "requirepass");
        let password = password
            .map(|(_, password)| format!(":{password}@"))
            .unwrap_or_default();
        let scheme = if place.certificates.is_some() {
            "rediss"
        } else {
            "redis"
        };
        format!("{scheme}://{password}127.0.0.1:{}/0", place.port)
    }
}
