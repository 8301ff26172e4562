//! `load private`: keeps a user's orders, fills and balances through disconnects and compares them with the API's.

use std::collections::BTreeSet;
use std::rc::Rc;
use std::time::Duration;

use anyhow::Context;
use serde_json::Value;
use tokio::time::Instant;

use crate::api::{Api, User};
use crate::cli::{Between, PrivateArgs};
use crate::dice::Dice;
use crate::output::{Failed, Progress, note, say};
use crate::private::{Kept, text};
use crate::report::{self, Check};
use crate::writer::Writer;
use crate::ws::Socket;

/// The channels of a user.
const CHANNELS: [&str; 3] = ["orders", "fills", "balances"];
/// Before a lost connection is tried again.
const AGAIN: Duration = Duration::from_millis(200);
/// How long after the last order frames may still come, and lists may still catch up.
const SETTLE: Duration = Duration::from_secs(10);
/// A silence this long at the end means that all has come.
const SILENCE: Duration = Duration::from_millis(700);
/// The most pages of own trades that are asked for.
const MOST_PAGES: usize = 10_000;

struct Keeper {
    api: Rc<Api>,
    url: String,
    user: User,
    kept: Kept,
    /// The newest own trade before the run: everything after it must be told.
    baseline: Option<String>,
    sequence: Check,
    connections: u64,
    lost: u64,
}

/// Does it.
///
/// # Errors
/// The gateway cannot be reached, or something was lost, doubled or wrong.
pub(crate) async fn run(arguments: PrivateArgs) -> anyhow::Result<()> {
    let mut report = report::head("private", &arguments)?;
    let api = Rc::new(Api::new(&arguments.target)?);
    let writer = Writer::new(&api, &arguments.target, &arguments.market).await?;
    let user = writer.users[0].clone();
    let mut keeper = Keeper {
        baseline: newest_trade(&api, &user).await?,
        api,
        url: arguments.target.ws_url.clone(),
        user,
        kept: Kept::default(),
        sequence: Check::new("private frames count on from 1 in each connection"),
        connections: 0,
        lost: 0,
    };
    let stopped = Rc::clone(&writer.stopped);
    let first = Socket::connect(&keeper.url, Some(&keeper.user.token)).await?;
    let writing = tokio::task::spawn_local(writer.work(arguments.rate, arguments.duration));
    let kept = keeper.keep(first, &arguments).await;
    stopped.set(true);
    let written = writing.await??;
    kept?;
    let mut checks = keeper.compare().await?;
    say(&format!(
        "private: {} connections ({} ended by the server), {} fills, {} orders placed",
        keeper.connections,
        keeper.lost,
        keeper.kept.fills(),
        written.placed
    ));
    checks.push(keeper.sequence);
    checks.iter().for_each(Check::print);
    report["connections"] = keeper.connections.into();
    report["ended_by_server"] = keeper.lost.into();
    report["written"] = serde_json::to_value(&written)?;
    report["checks"] = serde_json::to_value(&checks)?;
    report::write(arguments.target.report.as_deref(), &report)?;
    match checks.iter().filter(|check| check.failed > 0).count() {
        0 => Ok(()),
        failed => Err(Failed(failed).into()),
    }
}

impl Keeper {
    async fn keep(&mut self, first: Socket, arguments: &PrivateArgs) -> anyhow::Result<()> {
        let mut dice = Dice::new(arguments.target.seed, 6);
        let start = Instant::now();
        let end = start + arguments.duration;
        let mut progress = Progress::new("private", arguments.duration.as_secs());
        let mut socket = Some(first);
        while Instant::now() < end {
            progress.at(start.elapsed().as_secs(), || {
                format!("{} fills, {} connections", self.kept.fills(), self.connections)
            });
            let Between { least, .. } = arguments.disconnect_every;
            let until = (Instant::now() + arguments.disconnect_every.at(dice.unit())).min(end);
            match socket.take() {
                Some(socket) => self.session(socket, until, least).await?,
                None => tokio::time::sleep(AGAIN).await,
            }
            socket = Socket::connect(&self.url, Some(&self.user.token)).await.ok();
        }
        Ok(())
    }

    /// One connection. Frames that cannot be read end the run, a lost connection does not.
    async fn session(&mut self, mut socket: Socket, until: Instant, least: Duration) -> anyhow::Result<()> {
        if let Err(error) = self.subscribe(&mut socket).await {
            self.lost += 1;
            note(&format!("a private session did not begin: {error:#}"));
            tokio::time::sleep(AGAIN).await;
            return Ok(());
        }
        let mut until = until;
        loop {
            let frame = tokio::select! {
                frame = socket.next() => frame,
                () = tokio::time::sleep_until(until) => {
                    // Without any trade there is nothing to resume from, and what came meanwhile would be lost.
                    if self.resume_from().is_some() {
                        return Ok(());
                    }
                    until = Instant::now() + least.max(AGAIN);
                    continue;
                }
            };
            match frame {
                Ok(frame) => self.apply(&serde_json::from_str(frame.as_str())?)?,
                Err(error) => {
                    self.lost += 1;
                    note(&format!("a private session ended: {error:#}"));
                    tokio::time::sleep(AGAIN).await;
                    return Ok(());
                }
            }
        }
    }

    /// The trade after which fills are still to be told.
    fn resume_from(&self) -> Option<String> {
        let last = self.kept.last_fill().map(str::to_owned);
        last.or_else(|| self.baseline.clone())
    }

    async fn subscribe(&mut self, socket: &mut Socket) -> anyhow::Result<()> {
        self.connections += 1;
        self.kept.reconnected();
        let after = self.resume_from();
        let frames = socket.subscribe(&CHANNELS, after.as_deref()).await?;
        for frame in &frames {
            self.apply(frame)?;
        }
        Ok(())
    }

    fn apply(&mut self, frame: &Value) -> anyhow::Result<()> {
        self.sequence.look();
        if let Some(wrong) = self.kept.apply(frame)? {
            self.sequence
                .differs(format!("connection {}: {wrong}", self.connections));
        }
        Ok(())
    }

    /// A last connection, read until it is silent; then everything is held against the API.
    async fn compare(&mut self) -> anyhow::Result<Vec<Check>> {
        let mut socket = Socket::connect(&self.url, Some(&self.user.token)).await?;
        self.subscribe(&mut socket).await?;
        let deadline = Instant::now() + SETTLE;
        loop {
            while let Ok(frame) = tokio::time::timeout(SILENCE, socket.next()).await {
                self.apply(&serde_json::from_str(frame?.as_str())?)?;
                anyhow::ensure!(
                    Instant::now() < deadline,
                    "frames still come long after the last order"
                );
            }
            let trades = self.own_trades().await?;
            if self.kept.incomplete {
                self.kept.fill_in(&trades);
            }
            let checks = self.checks(&trades).await?;
            if checks.iter().all(|check| check.failed == 0) || Instant::now() >= deadline {
                return Ok(checks);
            }
        }
    }

    async fn checks(&self, trades: &BTreeSet<String>) -> anyhow::Result<Vec<Check>> {
        let mut fills = Check::new("each own trade was told exactly once");
        fills.looked_at = trades.len() as u64;
        let differences = self.kept.fill_differences(trades);
        differences.into_iter().for_each(|one| fills.differs(one));
        let answer = self
            .api
            .get_as(&self.user, "/api/v1/orders?status=open&limit=1000")
            .await?;
        let open = answer.ok("open orders")?;
        let open = open["orders"]
            .as_array()
            .context("a list of orders without any")?;
        let mut orders = Check::new("open orders are those of the API");
        orders.looked_at = open.len() as u64;
        let differences = self.kept.order_differences(open)?;
        differences.into_iter().for_each(|one| orders.differs(one));
        let answer = self
            .api
            .get_as(&self.user, "/api/v1/balances")
            .await?
            .ok("balances")?;
        let list = answer["balances"].as_array().context("balances without a list")?;
        let mut balances = Check::new("balances are those of the API");
        balances.looked_at = list.len() as u64;
        let differences = self.kept.balance_differences(list)?;
        differences.into_iter().for_each(|one| balances.differs(one));
        Ok(vec![fills, orders, balances])
    }

    /// The ids of all own trades of the run.
    async fn own_trades(&self) -> anyhow::Result<BTreeSet<String>> {
        let mut found = BTreeSet::new();
        let mut path = "/api/v1/trades?limit=1000".to_owned();
        for _ in 0..MOST_PAGES {
            let page = self.api.get_as(&self.user, &path).await?.ok("own trades")?;
            for trade in page["trades"]
                .as_array()
                .context("a list of trades without any")?
            {
                let id = text(trade, "trade_id")?;
                if Some(&id) == self.baseline.as_ref() {
                    return Ok(found);
                }
                found.insert(id);
            }
            match page["next_cursor"].as_str() {
                Some(cursor) => path = format!("/api/v1/trades?limit=1000&before={cursor}"),
                None => break,
            }
        }
        Ok(found)
    }
}

async fn newest_trade(api: &Api, user: &User) -> anyhow::Result<Option<String>> {
    let page = api
        .get_as(user, "/api/v1/trades?limit=1")
        .await?
        .ok("own trades")?;
    Ok(page["trades"][0]["trade_id"].as_str().map(str::to_owned))
}
