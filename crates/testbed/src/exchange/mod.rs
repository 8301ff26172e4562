//! A whole distributed exchange of one's own: its servers, its programs, and each one's life by name.

mod member;
mod options;

use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use tempfile::TempDir;
use tokio_postgres::NoTls;

use crate::programs;
use crate::servers::{Options, PgBouncer, Postgres, RabbitMq, Redis};

pub use member::{Member, Role};
pub use options::ExchangeOptions;

/// The database on a PostgreSQL of its own.
const DATABASE: &str = "trade_engine";
/// What a role needs whose sessions cannot say so themselves.
const LIMITS: [&str; 3] = [
    "statement_timeout = '10s'",
    "lock_timeout = '5s'",
    "idle_in_transaction_session_timeout = '10s'",
];

/// A distributed exchange. Dropped, everything that it started is killed.
#[derive(Debug)]
pub struct Exchange {
    // The order is that of the end: programs before servers before folders.
    members: Vec<Member>,
    /// Its own PgBouncer, where one was asked for.
    pub pooler: Option<PgBouncer>,
    /// Its own PostgreSQL, unless one was given.
    pub postgres: Option<Postgres>,
    /// Its own Redis, unless one was given.
    pub redis: Option<Redis>,
    /// Its own RabbitMQ, unless one was given.
    pub rabbitmq: Option<RabbitMq>,
    urls: Urls,
    migrated_by: Option<PathBuf>,
    dir: PathBuf,
    _folder: Option<TempDir>,
}

#[derive(Debug, Clone)]
struct Urls {
    postgres: String,
    /// The same database through the pooler.
    pooler: Option<String>,
    redis: String,
    rabbitmq: String,
}

impl Exchange {
    /// Starts the servers, migrates the database, starts wallet, matchers and gateways, and waits until each is ready and
    /// the gateways have their markets.
    ///
    /// # Errors
    /// A server's programs are not installed, a program is missing, or something does not become ready.
    pub async fn start(options: ExchangeOptions) -> Result<Self> {
        let mut exchange = Self::prepare(options).await?;
        exchange.start_programs().await?;
        Ok(exchange)
    }

    /// Migrates the database, starts wallet, matchers and gateways, and waits for them as [`Exchange::start`] does: what is
    /// left to do after [`Exchange::prepare`].
    ///
    /// # Errors
    /// A program is missing, or something does not become ready.
    pub async fn start_programs(&mut self) -> Result<()> {
        self.migrate()?;
        self.log_in().await?;
        for role in [Role::Wallet, Role::Matcher, Role::Gateway, Role::Auditor] {
            for member in self.members.iter_mut().filter(|member| member.role() == role) {
                member.spawn()?;
            }
            for member in self.members.iter_mut().filter(|member| member.role() == role) {
                member.until_ready().await?;
            }
        }
        for gateway in self
            .members
            .iter_mut()
            .filter(|member| member.role() == Role::Gateway)
        {
            gateway.until_it_has_its_markets().await?;
        }
        Ok(())
    }

    /// On a database of its own every program logs in as a member of its role: nothing runs with rights that operators are
    /// told not to give.
    async fn log_in(&mut self) -> Result<()> {
        if self.postgres.is_none() {
            return Ok(());
        }
        let (client, connection) = tokio_postgres::connect(&self.urls.postgres, NoTls).await?;
        let driver = tokio::spawn(connection);
        for member in &mut self.members {
            let (role, login) = (member.role().rights(), format!("{}_login", member.role().word()));
            let known = "SELECT 1 FROM pg_roles WHERE rolname = $1";
            if client.query_opt(known, &[&login]).await?.is_none() {
                let create = format!("CREATE ROLE {login} LOGIN IN ROLE {role}");
                client.batch_execute(&create).await?;
            }
            if self.pooler.is_some() {
                // A pooler hands no settings of a session on: they stand at the role.
                for limit in LIMITS {
                    client
                        .batch_execute(&format!("ALTER ROLE {login} SET {limit}"))
                        .await?;
                }
            }
            member.log_in_as(&login);
        }
        drop(client);
        Ok(driver.await??)
    }

    /// As [`Exchange::start`], with the servers running and nothing else: no tables, no program.
    ///
    /// # Errors
    /// A server's programs are not installed, or it does not become ready.
    pub async fn prepare(options: ExchangeOptions) -> Result<Self> {
        let folder = match options.dir {
            Some(_) => None,
            None => Some(tempfile::Builder::new().prefix("testbed-").tempdir()?),
        };
        let dir = options
            .dir
            .clone()
            .or_else(|| folder.as_ref().map(|dir| dir.path().to_owned()));
        let dir = dir.context("a folder")?;
        std::fs::create_dir_all(&dir).with_context(|| dir.display().to_string())?;
        let dir = dir.canonicalize()?;
        let within = |name: &str| Options::new().dir(dir.join(name));
        let broker = within("rabbitmq").metrics(options.broker_metrics);
        let (postgres, redis, rabbitmq) = tokio::try_join!(
            unless(&options.postgres, Postgres::start(within("postgres"))),
            unless(&options.redis, Redis::start(within("redis"))),
            unless(&options.rabbitmq, RabbitMq::start(broker)),
        )?;
        let pooler = match (&postgres, &options.pooled) {
            (Some(server), Some(program)) => {
                let pooler = within("pgbouncer").programs(program);
                let pooler = pooler.setting("upstream", &server.port().to_string());
                Some(PgBouncer::start(pooler).await?)
            }
            _ => None,
        };
        let urls = Urls {
            postgres: match &postgres {
                Some(server) => database(server).await?,
                None => options.postgres.clone().unwrap_or_default(),
            },
            pooler: pooler.as_ref().map(|server| url_at(server.port())),
            redis: url(redis.as_ref().map(Redis::url), &options.redis),
            rabbitmq: url(rabbitmq.as_ref().map(RabbitMq::url), &options.rabbitmq),
        };
        let members = members(&options, &urls, &dir)?;
        Ok(Self {
            members,
            pooler,
            postgres,
            redis,
            rabbitmq,
            urls,
            migrated_by: options.migrated_by,
            dir,
            _folder: folder,
        })
    }

    /// Brings the database's tables up to date, with the gateway's own command or that of
    /// [`ExchangeOptions::migrated_by`].
    ///
    /// # Errors
    /// There is no gateway, or a migration fails.
    pub fn migrate(&self) -> Result<()> {
        let gateway = self
            .of(Role::Gateway)
            .next()
            .context("an exchange without a gateway")?;
        let mut command = match &self.migrated_by {
            Some(programs) => gateway.command_of(programs, &["migrate", "up"]),
            None => gateway.command(&["migrate", "up"]),
        };
        programs::run(&mut command).context("the migrations")
    }

    /// Every program, in the order of their starts.
    pub fn members(&self) -> &[Member] {
        &self.members
    }

    /// The programs of one kind.
    pub fn of(&self, role: Role) -> impl Iterator<Item = &Member> {
        self.members.iter().filter(move |member| member.role() == role)
    }

    /// The program of this name: `gateway-1`, `matcher-2`, `wallet-1`.
    ///
    /// # Errors
    /// There is none.
    pub fn member(&mut self, name: &str) -> Result<&mut Member> {
        let found = self.members.iter_mut().find(|member| member.name() == name);
        found.with_context(|| format!("the exchange has no {name}"))
    }

    /// Where the first gateway takes orders; tests that need another ask its [`Member::url`].
    ///
    /// # Errors
    /// There is no gateway.
    pub fn api(&self) -> Result<String> {
        let gateway = self.of(Role::Gateway).next();
        gateway.map(Member::url).context("an exchange without a gateway")
    }

    /// The database's address.
    pub fn postgres_url(&self) -> &str {
        &self.urls.postgres
    }

    /// Redis's address.
    pub fn redis_url(&self) -> &str {
        &self.urls.redis
    }

    /// RabbitMQ's address.
    pub fn rabbitmq_url(&self) -> &str {
        &self.urls.rabbitmq
    }

    /// Where logs and data lie.
    pub fn dir(&self) -> &Path {
        &self.dir
    }

    /// The first program that has ended by itself, with what it said at the end.
    pub fn fallen(&mut self) -> Option<String> {
        self.members.iter_mut().find_map(|member| {
            let status = member.ended()?;
            let log = member.log_path();
            Some(format!(
                "{} ended ({status}); its log: {}",
                member.name(),
                log.display()
            ))
        })
    }

    /// Stops everything in good order: gateways, matchers, wallets, then the servers. All of it is stopped, whatever fails.
    ///
    /// # Errors
    /// What first did not stop in good order.
    pub async fn stop(&mut self) -> Result<()> {
        let mut outcome = Ok(());
        for member in self.members.iter_mut().rev() {
            if member.id().is_some() && member.ended().is_none() {
                outcome = outcome.and(member.stop().await);
            }
        }
        if let Some(server) = self.rabbitmq.as_mut() {
            outcome = outcome.and(server.stop().await);
        }
        if let Some(server) = self.redis.as_mut() {
            outcome = outcome.and(server.stop().await);
        }
        if let Some(server) = self.pooler.as_mut() {
            outcome = outcome.and(server.stop().await);
        }
        if let Some(server) = self.postgres.as_mut() {
            outcome = outcome.and(server.stop().await);
        }
        outcome
    }
}

async fn unless<S>(given: &Option<String>, start: impl Future<Output = Result<S>>) -> Result<Option<S>> {
    match given {
        Some(_) => Ok(None),
        None => start.await.map(Some),
    }
}

fn url(own: Option<String>, given: &Option<String>) -> String {
    own.or_else(|| given.clone()).unwrap_or_default()
}

/// The address of the exchange's database on a server of its own, made unless an earlier start made it.
async fn database(server: &Postgres) -> Result<String> {
    let (client, connection) = tokio_postgres::connect(&server.url(), NoTls).await?;
    let driver = tokio::spawn(connection);
    let known = client.query_opt("SELECT 1 FROM pg_database WHERE datname = $1", &[&DATABASE]);
    if known.await?.is_none() {
        client
            .batch_execute(&format!("CREATE DATABASE {DATABASE}"))
            .await?;
    }
    drop(client);
    driver.await??;
    Ok(url_at(server.port()))
}

/// The exchange's database behind this port, for the owner of everything.
fn url_at(port: u16) -> String {
    format!("postgres://postgres@127.0.0.1:{port}/{DATABASE}")
}

fn members(options: &ExchangeOptions, urls: &Urls, dir: &Path) -> Result<Vec<Member>> {
    let counts = [
        (Role::Wallet, options.wallets),
        (Role::Matcher, options.matchers),
        (Role::Gateway, options.gateways),
        (Role::Auditor, options.auditors),
    ];
    let mut members = Vec::new();
    for (role, count) in counts {
        for number in 1..=count {
            members.push(Member::new(
                role,
                number,
                &options.programs,
                dir,
                options.usual_ports,
            )?);
        }
    }
    let wallet = members
        .iter()
        .find(|member| member.role() == Role::Wallet)
        .map(Member::url);
    let gateways = members.iter().filter(|member| member.role() == Role::Gateway);
    let gateways: Vec<String> = gateways
        .map(|gateway| format!("{:?}", gateway.metrics_url()))
        .collect();
    for member in &mut members {
        member.set("TRADE_ENGINE_MODE", "distributed");
        match &urls.pooler {
            Some(pooler) if matches!(member.role(), Role::Gateway | Role::Wallet) => {
                member.set("TRADE_ENGINE_DATABASE__URL", pooler);
                member.set("TRADE_ENGINE_DATABASE__DIRECT_URL", &urls.postgres);
                member.set("TRADE_ENGINE_DATABASE__TRANSACTION_POOLING", "true");
            }
            _ => member.set("TRADE_ENGINE_DATABASE__URL", &urls.postgres),
        }
        member.set("TRADE_ENGINE_REDIS__URL", &urls.redis);
        member.set("TRADE_ENGINE_RABBITMQ__URL", &urls.rabbitmq);
        if let Some(wallet) = &wallet {
            member.set("TRADE_ENGINE_WALLET__URL", wallet);
        }
        if member.role() == Role::Auditor {
            let list = format!("[{}]", gateways.join(", "));
            member.set("TRADE_ENGINE_AUDITOR__GATEWAYS", list);
        }
        for (name, value) in &options.settings {
            member.set(name, value);
        }
    }
    Ok(members)
}
