//! The servers that tests need: those that run, else those that are installed, else those that can be had.

use std::path::Path;
use std::process::Command;
use std::time::Duration;

use anyhow::{Context, Result, bail};
use testbed::servers::{Program, Server};
use testbed::{Options, Postgres, RabbitMq, Redis, usual};
use tokio::runtime::Runtime;

use crate::shell;

/// How long a container may take until its server answers.
const CONTAINER_SECONDS: u32 = 120;

/// What tests connect to, and whatever of it was started for them; dropped, it ends.
#[derive(Default)]
pub struct Servers {
    variables: Vec<(&'static str, String)>,
    postgres: Option<Postgres>,
    redis: Option<Redis>,
    rabbitmq: Option<RabbitMq>,
    containers: Vec<Container>,
    // Last: the servers' ends need it.
    runtime: Option<Runtime>,
}

/// One of the three, as tests and the distribution know it.
#[derive(Clone, Copy)]
struct Needed {
    name: &'static str,
    /// Where tests look for its address.
    variable: &'static str,
    port: u16,
    package: &'static str,
    image: &'static str,
    /// For the container.
    words: &'static [&'static str],
}

const POSTGRES: Needed = Needed {
    name: "PostgreSQL",
    variable: "TEST_POSTGRES_URL",
    port: 5432,
    package: "postgresql",
    image: "postgres:16",
    words: &["postgres", "-c", "max_connections=300"],
};
const REDIS: Needed = Needed {
    name: "Redis",
    variable: "TEST_REDIS_URL",
    port: 6379,
    package: "redis-server",
    image: "redis:7",
    words: &[],
};
const RABBITMQ: Needed = Needed {
    name: "RabbitMQ",
    variable: "TEST_RABBITMQ_URL",
    port: 5672,
    package: "rabbitmq-server",
    image: "rabbitmq:3",
    words: &[],
};

impl Servers {
    /// Finds or starts each of them, and installs what is missing where that is wanted and possible. One that cannot be had
    /// does not keep the others back.
    ///
    /// # Errors
    /// Some cannot be had: what to install.
    pub fn find(&mut self, install: bool) -> Result<()> {
        let runtime = Runtime::new().context("the asynchronous runtime does not start")?;
        let missing = [
            runtime.block_on(self.find_one(POSTGRES, install, |servers| &mut servers.postgres)),
            runtime.block_on(self.find_one(REDIS, install, |servers| &mut servers.redis)),
            runtime.block_on(self.find_one(RABBITMQ, install, |servers| &mut servers.rabbitmq)),
        ];
        self.runtime = Some(runtime);
        let missing: Vec<String> = missing
            .into_iter()
            .filter_map(Result::err)
            .map(|e| format!("{e:#}"))
            .collect();
        if missing.is_empty() {
            return Ok(());
        }
        bail!(
            "tests that need these servers will fail:\n  {}",
            missing.join("\n  ")
        )
    }

    /// What a command that runs tests must be told.
    pub fn tell(&self, command: &mut Command) {
        command.envs(self.variables.iter().map(|(name, value)| (name, value)));
    }

    async fn find_one<P: Program>(
        &mut self,
        needed: Needed,
        install: bool,
        place: impl Fn(&mut Self) -> &mut Option<Server<P>>,
    ) -> Result<()> {
        let Needed {
            name, variable, port, ..
        } = needed;
        if let Some(given) = std::env::var_os(variable) {
            println!("{name}: {} ({variable})", given.display());
            return Ok(());
        }
        if let Some(url) = answers(needed, port).await {
            println!("{name}: the one on port {port}");
            self.variables.push((variable, url));
            return Ok(());
        }
        let mut started = Server::<P>::start(Options::new()).await;
        if started.is_err() && install && installed(needed.package) {
            started = Server::<P>::start(Options::new()).await;
        }
        let error = match started {
            Ok(server) => {
                println!("{name}: one of our own on port {}", server.port());
                self.variables.push((variable, server.url()));
                *place(self) = Some(server);
                return Ok(());
            }
            Err(error) => error,
        };
        if !shell::succeeds(Command::new("docker").arg("info")) {
            return Err(error);
        }
        let no_image = || format!("{error:#}; and the image {} does not help", needed.image);
        let container = Container::start(needed).with_context(no_image)?;
        let url = container.until_it_answers(needed).await.with_context(no_image)?;
        println!(
            "{name}: the image {} (tests that kill a server need the program itself: {error:#})",
            needed.image
        );
        self.containers.push(container);
        self.variables.push((variable, url));
        Ok(())
    }
}

/// Its address, if the server on this port lets tests in.
async fn answers(needed: Needed, port: u16) -> Option<String> {
    match needed.variable {
        "TEST_POSTGRES_URL" => usual::postgres(port).await,
        "TEST_REDIS_URL" => usual::redis(port).await,
        _ => usual::rabbitmq(port).await,
    }
}

/// Installs a package of the distribution where we may, and says whether that was done.
pub fn installed(package: &str) -> bool {
    if !may_install() {
        return false;
    }
    let apt = |words: &[&str]| {
        let mut command = Command::new("apt-get");
        command.args(words).env("DEBIAN_FRONTEND", "noninteractive");
        shell::run(&mut command)
    };
    let install = ["install", "--yes", "--no-install-recommends", package];
    // A fresh machine has no lists of packages yet.
    apt(&install)
        .or_else(|_| apt(&["update"]).and_then(|()| apt(&install)))
        .is_ok()
}

/// Debian or one of its children, as root.
fn may_install() -> bool {
    let id = shell::output(Command::new("id").arg("-u"));
    id.is_ok_and(|id| id.trim() == "0")
        && Path::new("/etc/debian_version").exists()
        && shell::succeeds(Command::new("apt-get").arg("--version"))
}

/// A server in a container; dropped, it is removed.
struct Container {
    id: String,
}

impl Container {
    fn start(needed: Needed) -> Result<Self> {
        let mut docker = Command::new("docker");
        docker.args([
            "run",
            "--detach",
            "--rm",
            "--env",
            "POSTGRES_HOST_AUTH_METHOD=trust",
        ]);
        docker.arg(format!("--publish=127.0.0.1::{}", needed.port));
        docker.arg(needed.image).args(needed.words);
        let id = shell::output(&mut docker)?;
        Ok(Self {
            id: id.trim().to_owned(),
        })
    }

    async fn until_it_answers(&self, needed: Needed) -> Result<String> {
        let mut docker = Command::new("docker");
        docker.args(["port", &self.id, &needed.port.to_string()]);
        let port = port_of(&shell::output(&mut docker)?)?;
        for _ in 0..CONTAINER_SECONDS {
            if let Some(url) = answers(needed, port).await {
                return Ok(url);
            }
            tokio::time::sleep(Duration::from_secs(1)).await;
        }
        bail!("the container of {} does not answer on port {port}", needed.name)
    }
}

impl Drop for Container {
    fn drop(&mut self) {
        shell::succeeds(Command::new("docker").args(["rm", "--force", &self.id]));
    }
}

/// `127.0.0.1:49153`, on the first line that docker prints.
fn port_of(printed: &str) -> Result<u16> {
    let line = printed.lines().next().unwrap_or_default();
    let (_, port) = line
        .rsplit_once(':')
        .with_context(|| format!("docker port: {printed:?}"))?;
    port.trim()
        .parse()
        .with_context(|| format!("docker port: {printed:?}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_server_is_found_started_or_named_in_the_error() {
        let mut servers = Servers::default();
        let found = servers.find(false);
        for needed in [POSTGRES, REDIS, RABBITMQ] {
            let given = std::env::var_os(needed.variable).is_some();
            let known = servers
                .variables
                .iter()
                .find(|(name, _)| *name == needed.variable);
            match known {
                Some((_, url)) => {
                    let port = url
                        .rsplit_once(':')
                        .unwrap()
                        .1
                        .split('/')
                        .next()
                        .unwrap()
                        .parse()
                        .unwrap();
                    let runtime = servers.runtime.as_ref().unwrap();
                    assert_eq!(runtime.block_on(answers(needed, port)).as_ref(), Some(url));
                }
                None if given => {}
                None => assert!(found.as_ref().unwrap_err().to_string().contains(needed.name)),
            }
        }
    }

    #[test]
    fn the_port_of_a_container_is_read() {
        assert_eq!(port_of("127.0.0.1:49153\n").unwrap(), 49153);
        assert!(port_of("").is_err());
        assert!(port_of("127.0.0.1:x\n").is_err());
    }
}
