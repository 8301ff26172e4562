//! An exchange of its own in which every program reaches every server through a proxy of its own.

use std::path::PathBuf;
use std::time::Duration;

use anyhow::{Context, Result, bail};
use testbed::{Direction, Exchange, ExchangeOptions, Member, Proxy, Role};
use tokio::time::Instant;

use super::plan::{Cut, Hit, Server, Victim, Way};
use super::tables::Tables;

/// Settings that keep limits of callers out of the way.
const SETTINGS: [(&str, &str); 5] = [
    ("TRADE_ENGINE_LIMITS__ORDERS_PER_SECOND", "1000000"),
    ("TRADE_ENGINE_LIMITS__ADDRESS_REQUESTS_PER_SECOND", "1000000"),
    ("TRADE_ENGINE_LIMITS__ADDRESS_BURST", "1000000"),
    ("TRADE_ENGINE_LIMITS__CONNECTIONS_PER_ADDRESS", "10000"),
    ("TRADE_ENGINE_LOGGING__FORMAT", "text"),
];
/// How long it may take until some matcher owns the shard.
const OWNER: Duration = Duration::from_secs(30);
/// Between two looks who owns it.
const LOOK: Duration = Duration::from_millis(50);

/// The exchange and the ways in it.
pub struct Arena {
    // Proxies outlive the programs behind them.
    /// Its programs and servers.
    pub exchange: Exchange,
    links: Vec<(Way, Proxy)>,
}

/// What undoes a hit.
#[derive(Debug)]
pub enum Cure {
    /// Start the program of this name.
    Start(String),
    /// Let the program of this name go on.
    Wake(String),
    /// Start a server again.
    Up(Server),
    /// Let everything through again.
    Open,
    /// As above, over new connections: some cuts wait for bytes that have not come yet.
    Mend(Way),
    /// Nothing has to be undone.
    Nothing,
}

impl Arena {
    /// Starts everything; logs and data lie in the folder and stay.
    ///
    /// # Errors
    /// A server's programs are not installed, a program is missing, or something does not become ready.
    pub async fn start(programs: PathBuf, dir: PathBuf, shards: u32) -> Result<Self> {
        let mut options = ExchangeOptions::new(programs)
            .dir(dir)
            .setting("TRADE_ENGINE_DISTRIBUTED__SHARDS", shards.to_string());
        for (name, value) in SETTINGS {
            options = options.setting(name, value);
        }
        let mut exchange = Exchange::prepare(options).await?;
        let wallet = exchange
            .of(Role::Wallet)
            .next()
            .context("there is no wallet")?
            .url();
        let urls = [
            (
                Server::Postgres,
                "TRADE_ENGINE_DATABASE__URL",
                exchange.postgres_url().to_owned(),
            ),
            (
                Server::Rabbitmq,
                "TRADE_ENGINE_RABBITMQ__URL",
                exchange.rabbitmq_url().to_owned(),
            ),
            (
                Server::Redis,
                "TRADE_ENGINE_REDIS__URL",
                exchange.redis_url().to_owned(),
            ),
            (Server::Wallet, "TRADE_ENGINE_WALLET__URL", wallet),
        ];
        let members: Vec<(String, Role)> = exchange
            .members()
            .iter()
            .map(|member| (member.name().to_owned(), member.role()))
            .collect();
        let mut links = Vec::new();
        for (program, role) in members {
            for (server, variable, url) in &urls {
                if *server == Server::Wallet && role == Role::Wallet {
                    continue;
                }
                let proxy = Proxy::start(port_of(url)?).await?;
                exchange.member(&program)?.set(*variable, proxy.url(url));
                let (program, server) = (program.clone(), *server);
                links.push((Way { program, server }, proxy));
            }
        }
        exchange.start_programs().await?;
        Ok(Self { exchange, links })
    }

    /// Every way of a program to a server.
    pub fn ways(&self) -> Vec<Way> {
        self.links.iter().map(|(way, _)| way.clone()).collect()
    }

    /// The ports of the gateways' APIs.
    pub fn ports(&self) -> Vec<u16> {
        self.exchange.of(Role::Gateway).map(Member::port).collect()
    }

    /// The names of the gateways.
    pub fn gateways(&self) -> Vec<String> {
        self.exchange
            .of(Role::Gateway)
            .map(|gateway| gateway.name().to_owned())
            .collect()
    }

    /// Does one thing to the exchange, and says to whom, and how it is undone.
    ///
    /// # Errors
    /// It cannot be done.
    pub async fn hit(&mut self, hit: &Hit) -> Result<(String, Cure)> {
        match hit {
            Hit::Kill(victim) => {
                let name = self.named(victim).await?;
                self.exchange.member(&name)?.kill();
                Ok((format!("kill {name}"), Cure::Start(name)))
            }
            Hit::Freeze(victim) => {
                let name = self.named(victim).await?;
                self.exchange.member(&name)?.pause()?;
                Ok((format!("freeze {name}"), Cure::Wake(name)))
            }
            Hit::Down { server, killed } => {
                self.take_down(*server, *killed).await?;
                let word = if *killed { "kill" } else { "stop" };
                Ok((format!("{word} {server:?}"), Cure::Up(*server)))
            }
            Hit::Purge => {
                let rabbitmq = self
                    .exchange
                    .rabbitmq
                    .as_ref()
                    .context("RabbitMQ is not our own")?;
                rabbitmq.purge_all().await?;
                Ok(("purge".to_owned(), Cure::Nothing))
            }
            Hit::Cut(way, cut) => {
                let proxy = self.link(way)?;
                let (word, cure) = match cut {
                    Cut::Now => {
                        proxy.cut();
                        ("cut", Cure::Open)
                    }
                    Cut::After(direction, bytes) => {
                        proxy.cut_after(*direction, *bytes);
                        ("cut", Cure::Mend(way.clone()))
                    }
                    Cut::Held(direction) => {
                        proxy.freeze(*direction);
                        ("hold", Cure::Open)
                    }
                };
                Ok((format!("{word} {} from {:?}", way.program, way.server), cure))
            }
            Hit::Delay(server, by) => {
                self.to(*server).for_each(|proxy| proxy.delay(*by));
                Ok((format!("{server:?} {by:?} late"), Cure::Open))
            }
            Hit::Mute(server, direction) => {
                self.to(*server).for_each(|proxy| proxy.freeze(*direction));
                let word = if *direction == Direction::ToServer {
                    "deaf"
                } else {
                    "mute"
                };
                Ok((format!("{server:?} {word}"), Cure::Open))
            }
        }
    }

    /// Undoes a hit, and waits until what was started is ready.
    ///
    /// # Errors
    /// Something does not start or does not become ready.
    pub async fn cure(&mut self, cure: Cure) -> Result<()> {
        match cure {
            Cure::Start(name) => self.exchange.member(&name)?.start().await,
            Cure::Wake(name) => self.exchange.member(&name)?.resume(),
            Cure::Up(server) => self.bring_up(server).await,
            Cure::Open => {
                self.links.iter().for_each(|(_, proxy)| proxy.heal());
                Ok(())
            }
            Cure::Mend(way) => {
                let proxy = self.link(&way)?;
                proxy.cut();
                proxy.heal();
                Ok(())
            }
            Cure::Nothing => Ok(()),
        }
    }

    async fn take_down(&mut self, server: Server, killed: bool) -> Result<()> {
        let Exchange {
            postgres,
            redis,
            rabbitmq,
            ..
        } = &mut self.exchange;
        match (server, postgres, redis, rabbitmq) {
            (Server::Postgres, Some(server), ..) if killed => server.kill(),
            (Server::Postgres, Some(server), ..) => server.stop().await?,
            (Server::Redis, _, Some(server), _) if killed => server.kill(),
            (Server::Redis, _, Some(server), _) => server.stop().await?,
            (Server::Rabbitmq, .., Some(server)) if killed => server.kill(),
            (Server::Rabbitmq, .., Some(server)) => server.stop().await?,
            _ => bail!("{server:?} is not ours to stop"),
        }
        Ok(())
    }

    async fn bring_up(&mut self, server: Server) -> Result<()> {
        let Exchange {
            postgres,
            redis,
            rabbitmq,
            ..
        } = &mut self.exchange;
        match (server, postgres, redis, rabbitmq) {
            (Server::Postgres, Some(server), ..) => server.start_again().await,
            (Server::Redis, _, Some(server), _) => server.start_again().await,
            (Server::Rabbitmq, .., Some(server)) => server.start_again().await,
            _ => bail!("{server:?} is not ours to start"),
        }
    }

    fn link(&self, way: &Way) -> Result<&Proxy> {
        let found = self.links.iter().find(|(other, _)| other == way);
        found
            .map(|(_, proxy)| proxy)
            .with_context(|| format!("there is no {way:?}"))
    }

    fn to(&self, server: Server) -> impl Iterator<Item = &Proxy> {
        let links = self.links.iter().filter(move |(way, _)| way.server == server);
        links.map(|(_, proxy)| proxy)
    }

    async fn named(&self, victim: &Victim) -> Result<String> {
        match victim {
            Victim::Named(name) => Ok(name.clone()),
            Victim::Owner => self.owner().await,
        }
    }

    /// The matcher that owns the shard.
    async fn owner(&self) -> Result<String> {
        let mut tables = Tables::new(self.exchange.postgres_url());
        let deadline = Instant::now() + OWNER;
        loop {
            let owner = tables.owner().await.unwrap_or_default().unwrap_or_default();
            let matchers = self.exchange.of(Role::Matcher);
            let found = matchers.filter(|matcher| {
                let id = matcher.id().map(|id| id.to_string()).unwrap_or_default();
                owner
                    .split(|letter: char| !letter.is_ascii_digit())
                    .any(|word| word == id)
            });
            if let Some(matcher) = found.into_iter().next() {
                return Ok(matcher.name().to_owned());
            }
            if Instant::now() >= deadline {
                bail!("no matcher owns the shard; it says {owner:?}");
            }
            tokio::time::sleep(LOOK).await;
        }
    }
}

/// The port of `scheme://user:password@host:port/name`.
fn port_of(url: &str) -> Result<u16> {
    let place = url.split_once("://").map_or(url, |(_, rest)| rest);
    let place = place.rsplit_once('@').map_or(place, |(_, place)| place);
    let place = place.split_once('/').map_or(place, |(place, _)| place);
    let (_, port) = place
        .rsplit_once(':')
        .with_context(|| format!("{url} has no port"))?;
    port.parse().with_context(|| format!("{url} has no port"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ports_are_read_out_of_addresses() {
        for (url, port) in [
            ("http://127.0.0.1:20123", 20_123),
            ("postgres://postgres@127.0.0.1:5432/name", 5_432),
            ("amqp://guest:guest@127.0.0.1:5672/", 5_672),
        ] {
            assert_eq!(port_of(url).unwrap(), port);
        }
        assert!(port_of("redis://localhost/0").is_err());
    }
}
