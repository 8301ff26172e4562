//! Whether a gateway can do its work: everything that it needs is asked, at most once a second.

use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use domain::Symbol;
use persistence::postgres::views::{self, ShardRow};
use persistence::postgres::{PgError, clock_difference};
use runtime::Clock;
use tokio::time::Instant;
use trading::{Health, Queries as _};

use crate::Distributed;
use crate::figures::measure_clock;

/// How long an answer holds.
const HOLDS: Duration = Duration::from_secs(1);
/// The longest wait for the database and for the wallet.
const PATIENCE: Duration = Duration::from_secs(2);

/// The last answer.
#[derive(Debug, Default)]
pub(crate) struct LastHealth(Mutex<Option<(Instant, Health)>>);

impl LastHealth {
    fn get(&self) -> Option<Health> {
        let last = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let fresh = last.as_ref().filter(|(at, _)| at.elapsed() < HOLDS);
        fresh.map(|(_, health)| health.clone())
    }

    fn set(&self, health: Health) {
        let mut last = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        *last = Some((Instant::now(), health));
    }

    fn forget(&self) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = None;
    }
}

/// One thing that is needed: its name, what is wrong with it, and whether placements can be taken without it.
struct Need {
    name: &'static str,
    trouble: Option<String>,
    dispensable: bool,
}

impl Need {
    const fn vital(name: &'static str, trouble: Option<String>) -> Self {
        Self {
            name,
            trouble,
            dispensable: false,
        }
    }
}

impl Distributed {
    /// Whether placements are taken now, and what each thing says.
    pub(crate) async fn look_at_health(&self) -> Health {
        if let Some(health) = self.last_health.get() {
            return health;
        }
        let (database, wallet, redis) =
            tokio::join!(self.database_needs(), self.wallet_trouble(), self.redis_need());
        let mut needs = database;
        needs.push(Need::vital("follower", self.views.trouble()));
        let there = self.markets();
        needs.push(markets_need(&self.options.wanted, |symbol| {
            there.by_symbol(symbol).is_some()
        }));
        needs.push(Need::vital("wallet", wallet));
        needs.push(Need {
            name: "rabbitmq",
            trouble: self.broker_trouble(),
            // Without it everything takes a few hundred milliseconds longer.
            dispensable: true,
        });
        needs.extend(redis);
        let stopping = self.is_stopping().then(|| "is stopping".to_owned());
        needs.push(Need::vital("process", stopping));
        let ready = needs
            .iter()
            .all(|need| need.dispensable || need.trouble.is_none());
        let health = Health {
            ready,
            dependencies: needs.into_iter().map(|need| (need.name, need.trouble)).collect(),
        };
        self.last_health.set(health.clone());
        health
    }

    /// The last answer does not hold any more.
    pub(crate) fn forget_health(&self) {
        self.last_health.forget();
    }

    async fn wallet_trouble(&self) -> Option<String> {
        let asked = tokio::time::timeout(PATIENCE, self.options.wallet.trouble()).await;
        asked.unwrap_or_else(|_| Some("does not answer".to_owned()))
    }

    /// Without it each gateway counts rates alone, and keeps its tickets for itself.
    async fn redis_need(&self) -> Option<Need> {
        let redis = self.options.redis.as_ref()?;
        let trouble = match tokio::time::timeout(PATIENCE, redis.ping()).await {
            Ok(Ok(())) => None,
            Ok(Err(error)) => Some(error.to_string()),
            Err(_) => Some("does not answer".to_owned()),
        };
        metrics::gauge!("redis_up").set(f64::from(u8::from(trouble.is_none())));
        Some(Need {
            name: "redis",
            trouble,
            dispensable: true,
        })
    }

    /// Nothing is placed while the clock that ids come from has jumped ahead.
    fn clock_jump(&self) -> Option<String> {
        let by = self.intake.moments.ahead()?;
        let seconds = by.as_secs();
        Some(format!(
            "has jumped {seconds} s ahead and is not found right by the database's yet"
        ))
    }

    async fn database_needs(&self) -> Vec<Need> {
        let asked = async {
            let mut connection = self.options.pool.get().await?;
            let shards = views::shards(&mut connection).await?;
            let halted = views::halted_shards(&mut connection).await?;
            // The machine's clock, whatever tells the exchange the time.
            let difference = clock_difference(&mut connection, &Clock::System).await?;
            Ok::<_, PgError>((shards, halted, difference))
        };
        let found = match tokio::time::timeout(PATIENCE, asked).await {
            Ok(found) => found.map_err(|error| error.to_string()),
            Err(_) => Err("does not answer".to_owned()),
        };
        let (shards, halted, difference) = match found {
            Ok(found) => found,
            Err(trouble) => {
                metrics::gauge!("database_up").set(0.0);
                return vec![Need::vital("postgresql", Some(trouble))];
            }
        };
        metrics::gauge!("database_up").set(1.0);
        measure_clock(&difference);
        for row in &shards {
            self.intake.commands.show(row.shard);
        }
        let halted: Vec<u32> = halted.into_iter().map(|(shard, _)| shard).collect();
        let differs = difference.exceeds(self.options.clock_difference);
        let told = || format!("differs by {} ms from the database's", difference.micros / 1_000);
        vec![
            Need::vital("postgresql", None),
            Need::vital("clock", differs.then(told).or_else(|| self.clock_jump())),
            shards_need(&shards, &halted),
        ]
    }
}

/// The other markets trade without one that no matcher has taken up yet.
fn markets_need(wanted: &[Symbol], is_there: impl Fn(Symbol) -> bool) -> Need {
    let missing = wanted.iter().filter(|symbol| !is_there(**symbol));
    let missing: Vec<String> = missing.map(ToString::to_string).collect();
    Need {
        name: "markets",
        trouble: (!missing.is_empty()).then(|| format!("not defined yet: {}", missing.join(", "))),
        dispensable: true,
    }
}

/// Where no shard works nothing trades; where some do not, the others do.
fn shards_need(found: &[ShardRow], halted: &[u32]) -> Need {
    let works = |row: &&ShardRow| row.is_owned && !halted.contains(&row.shard);
    let (all, working) = (found.len(), found.iter().filter(works).count());
    let ownerless = found.iter().filter(|row| !row.is_owned).count();
    let mut troubles = Vec::new();
    if all == 0 {
        troubles.push("there are none".to_owned());
    }
    if ownerless > 0 {
        troubles.push(format!("{ownerless} of {all} have no owner"));
    }
    if !halted.is_empty() {
        let numbers: Vec<String> = halted.iter().map(u32::to_string).collect();
        troubles.push(format!(
            "halted, as their owners' logs tell: {}",
            numbers.join(", ")
        ));
    }
    Need {
        name: "shards",
        trouble: (!troubles.is_empty()).then(|| troubles.join("; ")),
        dispensable: working > 0,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_market_that_is_wanted_and_not_there_is_told_and_others_trade_without_it() {
        let wanted: Vec<Symbol> = ["BTC/USDT", "ETH/USDT"]
            .map(|symbol| symbol.parse().unwrap())
            .into();
        let missing = markets_need(&wanted, |symbol| symbol == wanted[0]);
        // Whoever starts an exchange looks for the first of these words (testbed).
        assert_eq!(missing.trouble.as_deref(), Some("not defined yet: ETH/USDT"));
        assert!(missing.dispensable);
        assert_eq!(markets_need(&wanted, |_| true).trouble, None);
    }

    #[test]
    fn shards_that_do_not_work_are_told_and_without_any_that_does_nothing_is_ready() {
        let row = |shard, is_owned| ShardRow {
            shard,
            epoch: 1,
            last_seq: 0,
            published_seq: 0,
            settled_seq: 0,
            is_owned,
        };
        let halted = "halted, as their owners' logs tell: 1";
        for (owned, halts, trouble, dispensable) in [
            (vec![true, true], vec![], None, true),
            (vec![true, false], vec![], Some("1 of 2 have no owner"), true),
            (vec![false, false], vec![], Some("2 of 2 have no owner"), false),
            (vec![], vec![], Some("there are none"), false),
            (vec![true, true], vec![1], Some(halted), true),
            (
                vec![false, true],
                vec![1],
                Some(&*format!("1 of 2 have no owner; {halted}")),
                false,
            ),
        ] {
            let found: Vec<ShardRow> = (0..).zip(owned).map(|(shard, owned)| row(shard, owned)).collect();
            let need = shards_need(&found, &halts);
            assert_eq!(
                (need.trouble.as_deref(), need.dispensable),
                (trouble, dispensable)
            );
        }
    }
}
