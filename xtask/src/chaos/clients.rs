//! The users of a chaos run: who they are, what they were given, and how they ask.

use std::time::Duration;

use anyhow::{Context, Result, bail};
use serde_json::{Value, json};
use testbed::Role;

use super::arena::Arena;
use super::decimal;
use super::flow::PAIRS;
use crate::http::{Answer, Asked, Question, ask};
use crate::shell;

/// What each user gets.
pub const FUNDS: [(&str, &str); 4] = [
    ("USDT", "2000000"),
    ("BTC", "20"),
    ("ETH", "400"),
    ("XRP", "500000"),
];
/// How often a question is asked again that was not answered, and the pause before each.
const TRIES: u32 = 40;
const PAUSE: Duration = Duration::from_millis(250);
/// Answers that may be others later; 404 while a market is not defined yet.
const LATER: [u16; 6] = [202, 404, 429, 500, 503, 504];

/// Users with tokens, and the gateways that they ask.
pub struct Clients {
    /// The ports of the gateways' APIs.
    pub ports: Vec<u16>,
    /// Users' ids.
    pub users: Vec<String>,
    tokens: Vec<String>,
}

impl Clients {
    /// So many users with money.
    ///
    /// # Errors
    /// A token is not made, or a deposit not done.
    pub async fn open(arena: &Arena, count: u16) -> Result<Self> {
        let gateway = arena
            .exchange
            .of(Role::Gateway)
            .next()
            .context("there is no gateway")?;
        let token = |user: &str| {
            let token = shell::output(&mut gateway.command(&["token", user]))?;
            Ok::<_, anyhow::Error>(token.trim().to_owned())
        };
        let users: Vec<String> = (1..=count)
            .map(|number| format!("00000000-0000-4000-8000-0000000c{number:04x}"))
            .collect();
        let tokens = users.iter().map(|user| token(user)).collect::<Result<_>>()?;
        let clients = Self {
            ports: arena.ports(),
            users,
            tokens,
        };
        for (user, gateway) in (0..clients.ports.len()).map(|gateway| (0, gateway)) {
            // Gateways are ready before the markets of their settings are defined.
            for pair in &PAIRS {
                let path = format!("/api/v1/markets/{}", pair.dashed);
                clients.read(user, gateway, &path).await?;
            }
        }
        let operator = token("operator")?;
        let metrics = gateway.metrics_url();
        let (_, port) = metrics.rsplit_once(':').context("a port")?;
        let port = port.parse()?;
        for user in &clients.users {
            for (asset, amount) in FUNDS {
                let key = format!("chaos:{user}:{asset}");
                let body = json!({"key": key, "user_id": user, "asset": asset, "amount": amount}).to_string();
                let question = Question {
                    port,
                    method: "POST",
                    path: "/api/v1/admin/deposits",
                    token: &operator,
                    body: &body,
                };
                let answer = patiently(question).await?;
                if answer.status != 200 {
                    bail!("a deposit was answered with {}: {}", answer.status, answer.body);
                }
            }
        }
        Ok(clients)
    }

    /// Asks one of the gateways once for a user.
    pub async fn ask(&self, user: usize, gateway: usize, method: &str, path: &str, body: &str) -> Asked {
        ask(self.question(user, gateway, method, path, body)).await
    }

    /// Reads, again and again where that is needed.
    ///
    /// # Errors
    /// No answer of 200 in time.
    pub async fn read(&self, user: usize, gateway: usize, path: &str) -> Result<Value> {
        let answer = patiently(self.question(user, gateway, "GET", path, "")).await?;
        match answer.status {
            200 => Ok(answer.body),
            status => bail!("GET {path} was answered with {status}: {}", answer.body),
        }
    }

    /// What each user was given of an asset, in units of 1e-8.
    pub fn given(asset: &str) -> u64 {
        let amount = FUNDS
            .iter()
            .find(|(name, _)| *name == asset)
            .map_or("0", |(_, amount)| amount);
        decimal::parse(amount).unwrap_or_default()
    }

    fn question<'a>(
        &'a self,
        user: usize,
        gateway: usize,
        method: &'a str,
        path: &'a str,
        body: &'a str,
    ) -> Question<'a> {
        Question {
            port: self.ports.get(gateway).copied().unwrap_or_default(),
            method,
            path,
            token: self.tokens.get(user).map_or("", String::as_str),
            body,
        }
    }
}

/// Asks until there is an answer that is not "later".
async fn patiently(question: Question<'_>) -> Result<Answer> {
    let mut last = String::new();
    for _ in 0..TRIES {
        match ask(question).await {
            Asked::Answer(answer) if !LATER.contains(&answer.status) => {
                return Ok(answer);
            }
            other => last = format!("{other:?}"),
        }
        tokio::time::sleep(PAUSE).await;
    }
    bail!("{} {} is not answered: {last}", question.method, question.path)
}
