//! One client: asks over HTTP one request after the other until it is cut off, and writes down all that it was told.

use domain::UserId;
use serde_json::Value;

use crate::ask::{Answer, Ask, Target, Told};
use crate::dice::Dice;
use crate::script::Script;
use crate::venue::{PATIENCE, Venue};

/// How many older repeats are tried after each start.
const REPEATS: usize = 10;

/// A user with an operator at hand.
pub struct Client {
    pub user_id: UserId,
    trader: String,
    operator: String,
    http: reqwest::Client,
    base: String,
    script: Script,
    dice: Dice,
    /// What was asked and told since the last look at the log.
    pub told: Vec<Told>,
    /// Every order that an answer named, in order.
    pub orders: Vec<String>,
    /// Placements under a client id and transfers that were done, with their first answers.
    done: Vec<(Ask, Answer)>,
}

/// What the API shows a client of its own.
pub struct Shown {
    pub user_id: UserId,
    pub balances: Value,
    pub open: Value,
    pub orders: Vec<(String, Answer)>,
    /// All of its trades, newest first.
    pub trades: Vec<Value>,
    /// All lines of its ledger, newest first.
    pub ledger: Vec<Value>,
}

impl Client {
    pub fn new(number: u64, venue: &Venue, dice: &Dice) -> Self {
        let user_id = UserId::from_u128(0x0000_0000_0000_4000_8000_0000_0000_0c00 + u128::from(number));
        let name = user_id.to_string();
        Self {
            user_id,
            trader: venue.token(&name, "trade read"),
            operator: venue.token(&name, "admin:funds admin:markets"),
            http: reqwest::Client::builder()
                .no_proxy()
                .timeout(PATIENCE)
                .build()
                .unwrap(),
            base: String::new(),
            script: Script::new(name, dice.fork(number)),
            dice: dice.fork(1_000 + number),
            told: Vec::new(),
            orders: Vec::new(),
            done: Vec::new(),
        }
    }

    /// Talks to the gateway that listens here from now on.
    pub fn turn_to(&mut self, base: &str) {
        base.clone_into(&mut self.base);
    }

    /// Asks one request after the other until it is cut off.
    pub async fn load(mut self) -> Self {
        loop {
            let ask = self.script.next();
            if self.tell(ask).await.is_none() {
                return self;
            }
        }
    }

    /// Asks, and writes down what is told; none where it was cut off.
    async fn tell(&mut self, ask: Ask) -> Option<Answer> {
        let answer = self.ask(&ask).await;
        if let Some(answer) = &answer {
            self.script.learn(&ask, answer);
            let is_new = answer.status == 201 || answer.status == 422;
            if let (Ask::Place(_), true, Some(id)) = (&ask, is_new, answer.order_id()) {
                self.orders.push(id.to_owned());
            }
            let repeatable = matches!(ask, Ask::Transfer { .. }) && answer.status == 200
                || ask.client_id().is_some() && is_new;
            if repeatable {
                self.done.push((ask.clone(), answer.clone()));
            }
        }
        self.told.push(Told {
            ask,
            answer: answer.clone(),
        });
        answer
    }

    async fn ask(&self, ask: &Ask) -> Option<Answer> {
        let (method, path, body) = ask.parts();
        let token = if ask.by_operator() {
            &self.operator
        } else {
            &self.trader
        };
        let request = self
            .http
            .request(method, format!("{}{path}", self.base))
            .bearer_auth(token);
        let request = match body {
            Some(body) => request.json(body),
            None => request,
        };
        let response = request.send().await.ok()?;
        let status = response.status().as_u16();
        let body = response.json().await.ok()?;
        // A timeout of the gateway's own says no more than a broken connection does.
        (status != 504).then_some(Answer { status, body })
    }

    /// After a start: asks again for what was cut off, whose client order id the log knows or not, and repeats some of
    /// what was done long ago.
    pub async fn resolve(mut self, cut: Option<(Ask, bool)>) -> Self {
        if let Some((ask, known)) = cut {
            self.ask_again(ask, known).await;
        }
        let last = self.done.len().saturating_sub(REPEATS);
        let mut places: Vec<usize> = (last..self.done.len()).collect();
        for _ in 0..REPEATS.min(last) {
            places.push(usize::try_from(self.dice.below(last as u64)).unwrap());
        }
        for place in places {
            let (ask, first) = self.done[place].clone();
            let again = self.certainly(ask.clone()).await;
            match &ask {
                Ask::Transfer { .. } => assert_eq!(again, first, "a repeat of {ask:?}"),
                _ => {
                    let status = if first.status == 422 { 422 } else { 200 };
                    assert_eq!(
                        (again.status, again.order_id()),
                        (status, first.order_id()),
                        "a repeat of {ask:?}"
                    );
                }
            }
        }
        self
    }

    async fn ask_again(&mut self, ask: Ask, known: bool) {
        match &ask {
            Ask::Place(_) => {
                // Without a client order id nothing can be asked again: that is what the id is for.
                let Some(client_id) = ask.client_id() else { return };
                let found = self
                    .ask(&Ask::LookUp(Target::ClientId(client_id.to_owned())))
                    .await
                    .unwrap();
                assert_eq!(
                    found.status,
                    if known { 200 } else { 404 },
                    "the cut off {ask:?}: {found:?}"
                );
                let again = self.certainly(ask.clone()).await;
                // 409: what was cut off asked on purpose for another order under a name that is taken.
                let expected: &[u16] = if known { &[200, 409, 422] } else { &[201, 422] };
                assert!(
                    expected.contains(&again.status),
                    "the cut off {ask:?} asked again: {again:?}"
                );
                let twice = self.certainly(ask.clone()).await;
                assert_eq!(twice.order_id(), again.order_id(), "{ask:?}");
                if known {
                    assert_eq!(again.order_id(), found.order_id(), "{ask:?}");
                    self.orders.extend(found.order_id().map(str::to_owned));
                }
            }
            Ask::Transfer { .. } => {
                let again = self.certainly(ask.clone()).await;
                let twice = self.certainly(ask.clone()).await;
                // A refusal bears the id of its own request; a receipt is the same to the letter.
                assert_eq!(twice.status, again.status, "{ask:?}");
                assert!(
                    twice == again || again.status != 200,
                    "{ask:?}: {again:?}, then {twice:?}"
                );
            }
            Ask::Cancel(_) => {
                self.certainly(ask).await;
            }
            Ask::LookUp(_) | Ask::Amend { .. } | Ask::CancelAll { .. } | Ask::OperatorCancelAll { .. } => {}
        }
    }

    /// Asks a gateway that nobody kills.
    async fn certainly(&mut self, ask: Ask) -> Answer {
        let answer = self.tell(ask.clone()).await;
        answer.unwrap_or_else(|| panic!("no answer to {ask:?}"))
    }

    /// All that the API shows of this user: balances, open orders, and each of the orders from this place on.
    pub async fn look(self, from: usize) -> (Self, Shown) {
        let balances = self.get("/api/v1/balances").await;
        let open = self.get("/api/v1/orders?status=open&limit=1000").await;
        let mut orders = Vec::new();
        for id in &self.orders[from..] {
            let answer = self.ask(&Ask::LookUp(Target::Id(id.clone()))).await;
            orders.push((id.clone(), answer.unwrap()));
        }
        let shown = Shown {
            user_id: self.user_id,
            balances,
            open,
            orders,
            trades: self.pages("/api/v1/trades", "trades").await,
            ledger: self.pages("/api/v1/ledger", "entries").await,
        };
        (self, shown)
    }

    /// Every page of a list, as one.
    async fn pages(&self, path: &str, list: &str) -> Vec<Value> {
        let mut all = Vec::new();
        let mut before = String::new();
        loop {
            let page = self.get(&format!("{path}?limit=1000{before}")).await;
            all.extend(page[list].as_array().unwrap().iter().cloned());
            match page["next_cursor"].as_str() {
                Some(cursor) => before = format!("&before={cursor}"),
                None => return all,
            }
        }
    }

    /// What a path that needs no body shows.
    pub async fn get(&self, path: &str) -> Value {
        let request = self
            .http
            .get(format!("{}{path}", self.base))
            .bearer_auth(&self.trader);
        let response = request.send().await.unwrap();
        assert_eq!(response.status().as_u16(), 200, "{path}");
        response.json().await.unwrap()
    }
}
