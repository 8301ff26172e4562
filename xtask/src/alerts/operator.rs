//! What an operator and a user ask of a gateway while faults are caused and mended.

use anyhow::{Context, Result, ensure};
use testbed::{Exchange, Member, Role};

use crate::http::{Answer, Asked, Question, ask};
use crate::shell;

/// Somebody with a token, and a gateway.
#[derive(Clone)]
pub struct Caller {
    port: u16,
    token: String,
}

impl Caller {
    /// As [`Caller::at`] the first gateway.
    ///
    /// # Errors
    /// There is no gateway, or no token.
    pub fn of(exchange: &Exchange, user: &str) -> Result<Self> {
        Self::at(
            exchange.of(Role::Gateway).next().context("there is no gateway")?,
            user,
        )
    }

    /// A user of development, or `operator`, who asks on the operators' port.
    ///
    /// # Errors
    /// There is no token.
    pub fn at(gateway: &Member, user: &str) -> Result<Self> {
        let token = shell::output(&mut gateway.command(&["token", user]))?;
        let admin = gateway.metrics_url();
        let admin = admin.rsplit(':').next().and_then(|port| port.parse().ok());
        Ok(Self {
            port: if user == "operator" {
                admin.context("a port")?
            } else {
                gateway.port()
            },
            token: token.trim().to_owned(),
        })
    }

    /// The answer.
    ///
    /// # Errors
    /// There is none.
    pub async fn ask(&self, method: &str, path: &str, body: &str) -> Result<Answer> {
        let question = Question {
            port: self.port,
            method,
            path,
            token: &self.token,
            body,
        };
        match ask(question).await {
            Asked::Answer(answer) => Ok(answer),
            Asked::NotSent | Asked::Unknown => anyhow::bail!("no answer to {method} {path}"),
        }
    }

    /// Places an order; its id.
    ///
    /// # Errors
    /// It is not accepted.
    pub async fn place(&self, symbol: &str, side: &str, price: &str, quantity: &str) -> Result<String> {
        let body = format!(
            r#"{{"symbol":"{symbol}","side":"{side}","order_type":"LIMIT","price":"{price}","quantity":"{quantity}"}}"#
        );
        let answer = self.ask("POST", "/api/v1/orders", &body).await?;
        ensure!(
            matches!(answer.status, 201 | 202),
            "{} {}",
            answer.status,
            answer.body
        );
        let id = answer.text("order_id").context("no order_id")?;
        Ok(id.to_owned())
    }
}
