//! Two users who trade with one another at a steady rate, while somebody else watches.

use std::cell::{Cell, RefCell};
use std::collections::HashMap;
use std::rc::Rc;
use std::time::Duration;

use serde::Serialize;
use serde_json::{Value, json};
use tokio::time::{Instant, MissedTickBehavior};

use crate::api::{Api, User};
use crate::cli::Target;
use crate::decimal;
use crate::dice::Dice;
use crate::market::{Market, Side, open};
use crate::run::run_name;
use crate::setup::{clear, prepare};

/// Orders that rest at most, so that the book stays of a size.
const RESTING: usize = 200;
/// Quantities that are told apart.
const QUANTITIES: i128 = 100_000;

/// When the answer to the taker of a trade came, by the trade's quantity; none while it is on its way.
pub(crate) type Answers = Rc<RefCell<HashMap<i128, Option<Instant>>>>;

/// What was written.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub(crate) struct Written {
    pub(crate) placed: u64,
    pub(crate) cancelled: u64,
    pub(crate) filled: u64,
    pub(crate) refused: u64,
}

/// Places and cancels.
pub(crate) struct Writer {
    api: Rc<Api>,
    pub(crate) users: Vec<User>,
    pub(crate) market: Market,
    pub(crate) answers: Answers,
    /// Set from outside: no more orders.
    pub(crate) stopped: Rc<Cell<bool>>,
    run: String,
    dice: Dice,
    number: i128,
    resting: Vec<(usize, String)>,
    written: Written,
}

impl Writer {
    /// Two funded users on a market.
    ///
    /// # Errors
    /// The gateway refuses.
    pub(crate) async fn new(api: &Rc<Api>, target: &Target, market: &str) -> anyhow::Result<Self> {
        let mut markets = open(api, &[market.to_owned()]).await?;
        let run = run_name();
        let prepared = prepare(api, target, 2, &markets, &run).await?;
        Ok(Self {
            api: Rc::clone(api),
            users: prepared.users,
            market: markets.swap_remove(0),
            answers: Answers::default(),
            stopped: Rc::default(),
            run,
            dice: Dice::new(target.seed, 4),
            number: 0,
            resting: Vec::new(),
            written: Written::default(),
        })
    }

    /// Writes so many orders a second until the time is over or it is stopped. A slow gateway makes it slower.
    ///
    /// # Errors
    /// The gateway does not answer.
    pub(crate) async fn work(mut self, rate: f64, duration: Duration) -> anyhow::Result<Written> {
        let end = Instant::now() + duration;
        let pause = Duration::try_from_secs_f64(1.0 / rate.max(0.001))?;
        let mut ticks = tokio::time::interval(pause.max(Duration::from_millis(1)));
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        while Instant::now() < end && !self.stopped.get() {
            ticks.tick().await;
            // A trade is two orders and waits for two ticks.
            if self.step().await? {
                ticks.tick().await;
            }
        }
        clear(&self.api, &self.users).await?;
        Ok(self.written)
    }

    /// One step; whether it was a pair of orders that trade.
    async fn step(&mut self) -> anyhow::Result<bool> {
        let user = self.dice.below(2);
        if self.dice.happens(0.5) {
            self.trade(user).await?;
            return Ok(true);
        }
        let full = self.resting.len() >= RESTING;
        if full || (!self.resting.is_empty() && self.dice.happens(0.45)) {
            let at = self.dice.below(self.resting.len());
            let (user, id) = self.resting.swap_remove(at);
            self.cancel(user, &id).await?;
            return Ok(false);
        }
        let side = if self.dice.happens(0.5) {
            Side::Buy
        } else {
            Side::Sell
        };
        let price = self.market.deep(side, &mut self.dice);
        let quantity = self.market.quantity(&mut self.dice);
        if let Some(order) = self.place(user, side, price, quantity, "GTC").await? {
            let id = order["order_id"].as_str().unwrap_or_default();
            self.resting.push((user, id.to_owned()));
        }
        Ok(false)
    }

    /// A maker and the taker that fills it, of a quantity that no other trade of the run has.
    async fn trade(&mut self, maker: usize) -> anyhow::Result<()> {
        let (side, other) = if self.dice.happens(0.5) {
            (Side::Buy, Side::Sell)
        } else {
            (Side::Sell, Side::Buy)
        };
        self.number = (self.number + 1) % QUANTITIES;
        let quantity = self.market.nth_quantity(self.number);
        let price = self.market.near(side, &mut self.dice);
        let Some(order) = self.place(maker, side, price, quantity, "GTC").await? else {
            return Ok(());
        };
        self.answers.borrow_mut().insert(quantity, None);
        let across = self.market.across(other);
        let taker = self.place(1 - maker, other, across, quantity, "IOC").await?;
        self.answers.borrow_mut().insert(quantity, Some(Instant::now()));
        match taker {
            Some(taker) if taker["status"] == "FILLED" => self.written.filled += 1,
            // Somebody else's order was there; what is left of the maker goes, so that no later trade meets it.
            _ => {
                let id = order["order_id"].as_str().unwrap_or_default().to_owned();
                self.cancel(maker, &id).await?;
            }
        }
        Ok(())
    }

    async fn place(
        &mut self,
        user: usize,
        side: Side,
        price: i128,
        quantity: i128,
        time_in_force: &str,
    ) -> anyhow::Result<Option<Value>> {
        self.written.placed += 1;
        let body = json!({
            "symbol": self.market.symbol,
            "side": side.word(),
            "order_type": "LIMIT",
            "price": decimal::format(price),
            "quantity": decimal::format(quantity),
            "time_in_force": time_in_force,
            // A lost answer is asked for again, and the name makes that safe.
            "client_order_id": format!("{}-{}", self.run, self.written.placed),
        });
        let user = &self.users[user];
        let answer = self.api.send_as(user, "POST", "/api/v1/orders", &body).await?;
        if matches!(answer.status, 200 | 201) {
            return Ok(Some(answer.body));
        }
        self.written.refused += 1;
        Ok(None)
    }

    async fn cancel(&mut self, user: usize, id: &str) -> anyhow::Result<()> {
        let path = format!("/api/v1/orders/{id}");
        let answer = self
            .api
            .send_as(&self.users[user], "DELETE", &path, &Value::Null)
            .await?;
        if answer.status == 200 {
            self.written.cancelled += 1;
        } else {
            self.written.refused += 1;
        }
        Ok(())
    }
}
