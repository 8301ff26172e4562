//! RabbitMQ: one node that shares nothing with another on this machine, not even the Erlang port mapper.

use std::ffi::OsString;
use std::path::PathBuf;
use std::process::Command;

use anyhow::{Context, Result};
use rustix::process::Signal;

use super::{Options, Place, Program, RabbitMq};
use crate::ports::Port;
use crate::process::Process;
use crate::programs;

const ADVICE: &str = "Debian and Ubuntu: apt-get install rabbitmq-server; Fedora: dnf install rabbitmq-server; macOS: brew install rabbitmq";
/// Only its own port mapper knows the name, so that it can be the same everywhere and in every later start.
const NODE: &str = "trade@localhost";
/// Empties every queue of every virtual host.
const PURGE: &str = "[{ok, _} = rabbit_amqqueue:purge(Queue) || Queue <- rabbit_amqqueue:list()], ok.";

/// How RabbitMQ is run.
#[derive(Debug)]
pub struct RabbitMqProgram {
    bin: PathBuf,
    environment: Vec<(&'static str, OsString)>,
    // Erlang nodes find each other by it. It outlives the broker's kills and goes with this value.
    _mapper: Process,
    _mapper_port: Port,
    _distribution_port: Port,
    metrics_port: Option<Port>,
}

impl Program for RabbitMqProgram {
    const NAME: &'static str = "RabbitMQ";
    const READY: &'static str = "Server startup complete";
    const STOP: Signal = Signal::TERM;

    fn prepare(place: &Place, options: &Options) -> Result<Self> {
        // Debian's /usr/sbin holds wrappers that insist on an account.
        let first = [PathBuf::from("/usr/lib/rabbitmq/bin")];
        let bin = programs::folder_of(&["rabbitmq-server", "rabbitmqctl"], &first, ADVICE)?;
        let erlang = programs::folder_of(&["epmd"], &[], ADVICE)?;
        let (mapper_port, distribution_port) = (Port::free()?, Port::free()?);
        let metrics_port = options.metrics.then(Port::free).transpose()?;
        write_configuration(place, options, metrics_port.as_ref())?;
        let mut mapper = Command::new(erlang.join("epmd"));
        mapper
            .args(["-address", "127.0.0.1", "-port"])
            .arg(mapper_port.number().to_string());
        mapper.current_dir(&place.dir);
        let mapper = Process::spawn("epmd", mapper, &place.dir.join("epmd.log"))?;
        Ok(Self {
            bin,
            environment: environment(place, mapper_port.number(), distribution_port.number()),
            _mapper: mapper,
            _mapper_port: mapper_port,
            _distribution_port: distribution_port,
            metrics_port,
        })
    }

    fn command(&self, place: &Place) -> Command {
        self.tool("rabbitmq-server", place)
    }

    fn url(&self, place: &Place) -> String {
        let scheme = if place.certificates.is_some() {
            "amqps"
        } else {
            "amqp"
        };
        format!("{scheme}://guest:guest@127.0.0.1:{}/", place.port)
    }
}

impl RabbitMqProgram {
    fn tool(&self, program: &str, place: &Place) -> Command {
        let mut command = Command::new(self.bin.join(program));
        for (name, _) in std::env::vars_os() {
            let text = name.to_string_lossy();
            if text.starts_with("RABBITMQ_") || text.starts_with("ERL_") {
                command.env_remove(name);
            }
        }
        command
            .current_dir(&place.dir)
            .envs(self.environment.iter().cloned());
        command
    }
}

impl RabbitMq {
    /// Throws away what is in every queue of the node.
    ///
    /// # Errors
    /// The node does not answer.
    pub async fn purge_all(&self) -> Result<()> {
        self.control(&["eval", PURGE])
            .await
            .context("purging RabbitMQ's queues")
    }

    /// Has `rabbitmqctl` do this.
    ///
    /// # Errors
    /// The node does not answer, or does not do it.
    pub async fn control(&self, words: &[&str]) -> Result<()> {
        let mut control = self.tool();
        control.arg("--quiet").args(words);
        let done = tokio::task::spawn_blocking(move || programs::run(&mut control));
        done.await?
            .with_context(|| format!("rabbitmqctl {}", words.join(" ")))
    }

    /// `rabbitmqctl` for this node, without words yet.
    pub fn tool(&self) -> Command {
        self.program.tool("rabbitmqctl", &self.place)
    }

    /// Where it tells Prometheus how it is, if it was asked to.
    pub fn metrics_port(&self) -> Option<u16> {
        self.program.metrics_port.as_ref().map(Port::number)
    }
}

fn write_configuration(place: &Place, options: &Options, metrics: Option<&Port>) -> Result<()> {
    let mut lines = vec!["log.console.level = info".to_owned()];
    match &place.certificates {
        None => lines.push(format!("listeners.tcp.1 = 127.0.0.1:{}", place.port)),
        Some(certificates) => lines.extend([
            "listeners.tcp = none".to_owned(),
            format!("listeners.ssl.1 = 127.0.0.1:{}", place.port),
            format!("ssl_options.cacertfile = {}", certificates.authority().display()),
            format!("ssl_options.certfile = {}", certificates.certificate().display()),
            format!("ssl_options.keyfile = {}", certificates.key().display()),
            "ssl_options.verify = verify_none".to_owned(),
        ]),
    }
    let more = options
        .settings
        .iter()
        .map(|(name, value)| format!("{name} = {value}"));
    lines.extend(more);
    if let Some(port) = metrics {
        lines.push(format!("prometheus.tcp.port = {}", port.number()));
        lines.push("prometheus.tcp.ip = 127.0.0.1".to_owned());
    }
    let plugins = metrics.map_or("", |_| "rabbitmq_prometheus");
    lines.push(String::new());
    for (name, text) in [
        ("rabbitmq.conf", lines.join("\n")),
        ("rabbitmq-env.conf", String::new()),
        ("enabled_plugins", format!("[{plugins}].\n")),
    ] {
        let path = place.dir.join(name);
        std::fs::write(&path, text).with_context(|| path.display().to_string())?;
    }
    std::fs::create_dir_all(place.dir.join("home"))?;
    Ok(())
}

fn environment(place: &Place, mapper: u16, distribution: u16) -> Vec<(&'static str, OsString)> {
    let loopback = OsString::from("-kernel inet_dist_use_interface {127,0,0,1}");
    // Its schedulers spin for a while before they sleep: time that others need on this machine.
    let mut server = loopback.clone();
    server.push(" +sbwt none +sbwtdcpu none +sbwtdio none");
    let within = |name: &str| place.dir.join(name).into_os_string();
    vec![
        // The secret by which Erlang nodes know each other lies in the home folder.
        ("HOME", within("home")),
        ("ERL_EPMD_PORT", mapper.to_string().into()),
        ("ERL_EPMD_ADDRESS", "127.0.0.1".into()),
        ("RABBITMQ_NODENAME", NODE.into()),
        ("RABBITMQ_DIST_PORT", distribution.to_string().into()),
        ("RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS", server),
        ("RABBITMQ_CTL_ERL_ARGS", loopback),
        ("RABBITMQ_CONF_ENV_FILE", within("rabbitmq-env.conf")),
        ("RABBITMQ_CONFIG_FILE", within("rabbitmq.conf")),
        ("RABBITMQ_CONFIG_FILES", within("conf.d")),
        ("RABBITMQ_ADVANCED_CONFIG_FILE", within("advanced.config")),
        ("RABBITMQ_ENABLED_PLUGINS_FILE", within("enabled_plugins")),
        ("RABBITMQ_MNESIA_BASE", within("mnesia")),
        ("RABBITMQ_MNESIA_DIR", within("mnesia/node")),
        ("RABBITMQ_GENERATED_CONFIG_DIR", within("generated")),
        ("RABBITMQ_LOG_BASE", within("log")),
        ("RABBITMQ_LOGS", "-".into()),
        ("RABBITMQ_PID_FILE", within("node.pid")),
    ]
}
