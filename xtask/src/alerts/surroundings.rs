//! What stands around an exchange in operation: a replica of its database, a disk, a front door, a reader of its trades, and the
//! exporters that tell Prometheus of all that.

use std::collections::BTreeMap;
use std::ffi::OsStr;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use testbed::{Exchange, Options, Port, Postgres, Process, RabbitMq};

use super::disk::Disk;
use super::door::Door;
use super::jobs::Job;
use super::sql::batch;
use crate::{servers, shell};

const PATIENCE: Duration = Duration::from_secs(30);
const DISK_MIB: u64 = 128;
/// Less than 5 % of it.
const LEFT_MIB: u64 = 4;
const MONITOR: &str = "CREATE ROLE monitor LOGIN IN ROLE pg_monitor";
/// Programs, and the packages of Debian that have them.
const NEEDED: [(&str, &str); 6] = [
    ("prometheus-node-exporter", "prometheus-node-exporter"),
    ("prometheus-postgres-exporter", "prometheus-postgres-exporter"),
    ("prometheus-redis-exporter", "prometheus-redis-exporter"),
    ("prometheus-blackbox-exporter", "prometheus-blackbox-exporter"),
    ("amqp-consume", "amqp-tools"),
    ("redis-cli", "redis-tools"),
];

/// A program of others that tells Prometheus of something, and how it is started.
struct Exporter {
    command: Command,
    /// It says so when it answers.
    ready: &'static str,
    process: Option<Process>,
    _port: Port,
}

/// All of it; dropped, it goes.
pub struct Surroundings {
    /// The machine's disk that nothing of the exchange lies on.
    pub disk: Disk,
    /// A replica of PostgreSQL, by a slot.
    pub replica: Postgres,
    /// Where users come in.
    pub door: Door,
    reader: Option<Process>,
    exporters: BTreeMap<&'static str, Exporter>,
    jobs: Vec<Job>,
    dir: PathBuf,
}

impl Surroundings {
    /// Builds it up around an exchange.
    ///
    /// # Errors
    /// Something of it is not installed and cannot be, or does not start.
    pub async fn around(exchange: &Exchange, dir: &Path) -> Result<Self> {
        for (program, package) in NEEDED {
            let there = || shell::succeeds(Command::new("which").arg(program));
            ensure!(
                there() || (servers::installed(package) && there()),
                "{program} is not installed (Debian: apt-get install {package})"
            );
        }
        let dir = dir.canonicalize()?;
        let primary = exchange.postgres.as_ref().context("PostgreSQL")?.port();
        let replica = Options::new().dir(dir.join("replica")).replica_of(primary);
        let mut built = Self {
            disk: Disk::mount(&dir.join("disk"), DISK_MIB)?,
            replica: Postgres::start(replica).await?,
            door: Door::open(exchange, &dir).await?,
            reader: None,
            exporters: BTreeMap::new(),
            jobs: Vec::new(),
            dir,
        };
        built.export(exchange).await?;
        Ok(built)
    }

    /// The jobs of Prometheus that look at it.
    pub fn jobs(&self) -> &[Job] {
        &self.jobs
    }

    /// PostgreSQL, for a login that sees what others do.
    pub fn monitor(&self, exchange: &Exchange) -> String {
        exchange.postgres_url().replacen("postgres@", "monitor@", 1)
    }

    /// Fills the disk.
    ///
    /// # Errors
    /// It is full.
    pub fn fill_disk(&self) -> Result<()> {
        self.disk.fill(LEFT_MIB)
    }

    /// Somebody reads the queue of the wallet's trades.
    ///
    /// # Errors
    /// The broker does not answer.
    pub fn read_trades(&mut self, exchange: &Exchange) -> Result<()> {
        let mut command = Command::new("amqp-consume");
        let broker = exchange
            .rabbitmq
            .as_ref()
            .map(RabbitMq::url)
            .context("RabbitMQ")?;
        // Its default virtual host is named `/`.
        command.arg(format!("--url={broker}%2f"));
        command.args([
            "--queue=wallet.service.trades",
            "--prefetch-count=100",
            // It must read the whole message, or its end ends the reader.
            "md5sum",
        ]);
        self.reader = Some(Process::spawn("reader", command, &self.dir.join("reader.log"))?);
        Ok(())
    }

    /// They are gone.
    pub fn leave_trades(&mut self) {
        if let Some(mut reader) = self.reader.take() {
            reader.kill();
        }
    }

    async fn export(&mut self, exchange: &Exchange) -> Result<()> {
        let mut node = Command::new("prometheus-node-exporter");
        node.args(["--collector.disable-defaults", "--collector.filesystem"]);
        let disk = self.disk.path().display().to_string();
        let only = format!(
            "metric_relabel_configs: [{{source_labels: [mountpoint], regex: '{disk}', action: keep}}]"
        );
        let port = self
            .exporter("node", node, "--web.listen-address=", "Listening on")
            .await?;
        self.job("node", port).besides = Some(only);
        batch(exchange, MONITOR).await?;
        let mut postgres = Command::new("prometheus-postgres-exporter");
        let monitor = self.monitor(exchange);
        postgres.env("DATA_SOURCE_NAME", format!("{monitor}?sslmode=disable"));
        let port = self
            .exporter("postgres", postgres, "--web.listen-address=", "Listening on")
            .await?;
        self.job("postgres", port);
        let mut redis = Command::new("prometheus-redis-exporter");
        redis.arg(format!("-redis.addr={}", exchange.redis_url()));
        let port = self
            .exporter("redis", redis, "-web.listen-address=", "Providing metrics")
            .await?;
        self.job("redis", port);
        let mut settings = std::fs::read_to_string(shell::root().join("deploy/prometheus/blackbox.yml"))?;
        settings += &format!(
            "      tls_config:\n        ca_file: {}\n",
            self.door.trusted().display()
        );
        let file = self.dir.join("blackbox.yml");
        std::fs::write(&file, settings)?;
        let mut blackbox = Command::new("prometheus-blackbox-exporter");
        blackbox.arg(format!("--config.file={}", file.display()));
        let port = self
            .exporter("front-door", blackbox, "--web.listen-address=", "Listening on")
            .await?;
        let url = self.door.url();
        let door = self.job("front-door", port);
        door.instead = Some(("blackbox-exporter:9115", door.targets.remove(0)));
        door.targets.push(url);
        if let Some(port) = exchange.rabbitmq.as_ref().and_then(RabbitMq::metrics_port) {
            self.job("rabbitmq-node", port);
            self.job("rabbitmq", port);
        }
        Ok(())
    }

    async fn exporter(
        &mut self,
        job: &'static str,
        mut command: Command,
        listen: &str,
        ready: &'static str,
    ) -> Result<u16> {
        let port = Port::free()?;
        let number = port.number();
        command.arg(format!("{listen}127.0.0.1:{number}"));
        let exporter = Exporter {
            command,
            ready,
            process: None,
            _port: port,
        };
        self.exporters.insert(job, exporter);
        self.start_exporter(job).await?;
        Ok(number)
    }

    /// Starts the exporter of this job, again if it must be.
    ///
    /// # Errors
    /// It does not start.
    pub async fn start_exporter(&mut self, job: &str) -> Result<()> {
        let exporter = self.exporters.get_mut(job).context("there is no such exporter")?;
        if exporter.process.is_some() {
            return Ok(());
        }
        let mut command = Command::new(exporter.command.get_program());
        command.args(exporter.command.get_args());
        let set = |(name, value): (&OsStr, Option<&OsStr>)| Some((name.to_owned(), value?.to_owned()));
        command.envs(exporter.command.get_envs().filter_map(set));
        let log = self.dir.join(format!("{job}-exporter.log"));
        let mut process = Process::spawn(job, command, &log)?;
        process.until_said(exporter.ready, PATIENCE).await?;
        exporter.process = Some(process);
        Ok(())
    }

    /// The exporter of this job dies.
    ///
    /// # Errors
    /// There is none.
    pub fn kill_exporter(&mut self, job: &str) -> Result<()> {
        let exporter = self.exporters.get_mut(job).context("there is no such exporter")?;
        exporter.process.take().context("it is dead already")?.kill();
        Ok(())
    }

    fn job(&mut self, name: &'static str, port: u16) -> &mut Job {
        let at = self.jobs.len();
        self.jobs.push(Job::new(name, vec![format!("127.0.0.1:{port}")]));
        &mut self.jobs[at]
    }
}
