//! The one shard's owner in a small loop: the real fold, rows written one command after the other, money settled at once,
//! and whoever waits is told.

use std::collections::{BTreeMap, HashMap};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use domain::{MoneyInstruction, OrderId, Stamp};
use persistence::postgres::Pool;
use persistence::postgres::orders::{insert_trades, update_orders};
use runtime::Clock;
use tokio::sync::oneshot;
use tokio::task::JoinHandle;
use tokio_postgres::Client;
use trading::{MarketView, Markets};
use uuid::Uuid;
use wallet_client::{Instruction, Wallet as _};

use super::house::{Moody, Table};
use crate::encoding::decode;
use crate::fold::{Output, ShardFold};
use crate::{Funding, OutcomeNews, Outcomes, ShardCommand, Told as Outcome, ToldRefusal};

/// Who waits for what, and what was applied.
#[derive(Default)]
pub(in crate::intake) struct Told {
    waiting: Mutex<HashMap<Uuid, Vec<oneshot::Sender<OutcomeNews>>>>,
    unfunded: Mutex<HashMap<Uuid, Vec<oneshot::Sender<()>>>>,
    applied: Mutex<HashMap<Uuid, Outcome>>,
}

impl Outcomes for Told {
    fn expect(&self, command: Uuid) -> oneshot::Receiver<OutcomeNews> {
        let (who, news) = oneshot::channel();
        self.waiting.lock().unwrap().entry(command).or_default().push(who);
        news
    }

    fn unfunded(&self, command: Uuid) -> oneshot::Receiver<()> {
        let (who, news) = oneshot::channel();
        self.unfunded
            .lock()
            .unwrap()
            .entry(command)
            .or_default()
            .push(who);
        news
    }

    fn applied(&self, command: Uuid) -> Option<Outcome> {
        self.applied.lock().unwrap().get(&command).cloned()
    }

    fn forget(&self, command: Uuid) {
        let mut waiting = self.waiting.lock().unwrap();
        if let Some(found) = waiting.get_mut(&command) {
            found.retain(|who| !who.is_closed());
            if found.is_empty() {
                waiting.remove(&command);
            }
        }
    }
}

impl Told {
    fn come_back(&self, command: Uuid) {
        let waiting = self.unfunded.lock().unwrap().remove(&command);
        for who in waiting.unwrap_or_default() {
            let _ = who.send(());
        }
    }

    fn settle(&self, command: Uuid, told: &Outcome) {
        let waiting = self.waiting.lock().unwrap().remove(&command);
        for who in waiting.unwrap_or_default() {
            let _ = who.send(OutcomeNews { told: told.clone() });
        }
    }

    /// How many commands are waited for.
    pub fn waiting(&self) -> usize {
        self.waiting.lock().unwrap().len()
    }
}

/// What a test may do to the owner.
#[derive(Default)]
pub(super) struct Knobs {
    /// It applies nothing.
    pub paused: AtomicBool,
    /// What it applies is not settled.
    pub unsettled: AtomicBool,
    /// How each order was funded, each time that it was applied.
    pub placed: Mutex<BTreeMap<OrderId, Vec<Funding>>>,
    /// The commands that were applied.
    pub applied: Mutex<Vec<ShardCommand>>,
}

pub(super) struct Owner {
    pub knobs: Arc<Knobs>,
    task: JoinHandle<()>,
}

impl Drop for Owner {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl Owner {
    pub fn start(sql: Client, pool: Pool, wallet: Arc<Moody>, table: Arc<Table>, told: Arc<Told>) -> Self {
        let knobs = Arc::new(Knobs::default());
        let mut running = Running {
            fold: ShardFold::new(7),
            sql,
            pool,
            wallet,
            table,
            told,
            knobs: Arc::clone(&knobs),
        };
        let task = tokio::spawn(async move {
            loop {
                if running.knobs.paused.load(Ordering::SeqCst) || running.turn().await == 0 {
                    tokio::time::sleep(Duration::from_millis(5)).await;
                }
            }
        });
        Self { knobs, task }
    }

    pub fn pause(&self, paused: bool) {
        self.knobs.paused.store(paused, Ordering::SeqCst);
    }

    /// How often each order was applied.
    pub fn times(&self, id: OrderId) -> usize {
        self.knobs.placed.lock().unwrap().get(&id).map_or(0, Vec::len)
    }
}

const OPEN: &str = "SELECT c.id, c.body, o.status::text FROM commands c LEFT JOIN orders o USING (order_id) \
    WHERE c.shard = 0 ORDER BY c.id LIMIT 500";
const MARKET: &str =
    "UPDATE market_state SET defined = true, last_price = $2::bigint * 0.00000001 WHERE symbol = $1";

struct Running {
    fold: ShardFold,
    sql: Client,
    pool: Pool,
    wallet: Arc<Moody>,
    table: Arc<Table>,
    told: Arc<Told>,
    knobs: Arc<Knobs>,
}

impl Running {
    /// Takes what is open; how many commands.
    async fn turn(&mut self) -> usize {
        let rows = self.sql.query(OPEN, &[]).await.unwrap();
        let mut done = 0;
        for row in rows {
            let id: Uuid = row.get(0);
            let command: ShardCommand = decode(row.get(1)).unwrap();
            let status: Option<&str> = row.get(2);
            let pending = status == Some("PENDING");
            match &command {
                ShardCommand::Place(_) if !pending => self.delete(id).await,
                ShardCommand::Cancel { .. } | ShardCommand::Amend { .. } if pending => continue,
                _ => self.apply(id, command).await,
            }
            done += 1;
        }
        done
    }

    async fn delete(&self, id: Uuid) {
        let delete = "DELETE FROM commands WHERE id = $1";
        self.sql.execute(delete, &[&id]).await.unwrap();
    }

    async fn apply(&mut self, id: Uuid, command: ShardCommand) {
        let now = Stamp::from_micros(Clock::System.wall_us());
        let mut out = Output::default();
        while self.fold.is_due(now) {
            self.fold.apply(now, &ShardCommand::Tick, 0, &mut out);
        }
        if let ShardCommand::Place(place) = &command {
            let mut placed = self.knobs.placed.lock().unwrap();
            placed
                .entry(place.place.order_id)
                .or_default()
                .push(place.funding);
        }
        let mut cancelled = 0;
        let told = loop {
            let applied = self.fold.apply(now, &command, cancelled, &mut out);
            cancelled += applied.cancelled;
            if let Some(told) = applied.told {
                break told;
            }
        };
        // First the money, so that a test which sees a row sees its money too.
        self.settle(&out.money).await;
        self.write(&out).await;
        // As the owner's commit does: whoever is told may hand it in again.
        self.delete(id).await;
        self.knobs.applied.lock().unwrap().push(command);
        if told == Outcome::Refused(ToldRefusal::Unfunded) {
            self.told.come_back(id);
            return;
        }
        self.told.applied.lock().unwrap().insert(id, told.clone());
        if !self.knobs.unsettled.load(Ordering::SeqCst) {
            self.told.settle(id, &told);
        }
    }

    async fn write(&mut self, out: &Output) {
        let changes = self.fold.changes(out);
        let grids = self.fold.grids();
        let connection = self.pool.get().await.unwrap();
        update_orders(&connection, &changes.orders, &grids).await.unwrap();
        insert_trades(&connection, &changes.trades, &grids).await.unwrap();
        drop(connection);
        for market in &changes.markets {
            let symbol = market.definition.symbol.to_string();
            let tick = market.definition.tick.0;
            let price = market.last_price;
            let price: Option<i64> = price.map(|price| (u64::from(price.ticks()) * tick) as i64);
            self.sql.execute(MARKET, &[&symbol, &price]).await.unwrap();
        }
        let views = self.fold.engine().markets();
        let views: Vec<MarketView> = views
            .map(|(market, state)| MarketView {
                market: Arc::clone(market),
                state,
            })
            .collect();
        let shards = views.iter().map(|view| (view.market.number(), 0)).collect();
        *self.table.markets.lock().unwrap() = (Arc::new(Markets::new(views)), shards);
    }

    async fn settle(&self, money: &[MoneyInstruction]) {
        let instruction = |one: &MoneyInstruction| match one.clone() {
            MoneyInstruction::Reserve(reserve) => Instruction::Reserve(reserve),
            MoneyInstruction::Settle(settle) => Instruction::Settle(settle.into()),
            MoneyInstruction::Release(release) => Instruction::Release(release),
            MoneyInstruction::Merge(merge) => Instruction::Merge(merge),
        };
        let instructions: Vec<Instruction> = money.iter().map(instruction).collect();
        if instructions.is_empty() {
            return;
        }
        let answers = self.wallet.inner.instruct(0, instructions).await.unwrap();
        for (answer, one) in answers.into_iter().zip(money) {
            assert!(answer.is_ok(), "{one:?}: {answer:?}");
        }
    }
}
