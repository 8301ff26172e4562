//! What an auditor does about a difference: it asks a gateway, as any operator does, to let the markets take cancels only.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::Duration;

use anyhow::{Context as _, bail};
use distributed::audit::{Broken, Watch};
use futures_util::stream::{self, StreamExt as _};
use http::{Scope, Scopes, TokenIssuer, TokenRequest};
use persistence::postgres::invariants::MarketRow;
use runtime::settings::{Algorithm, AuthSettings, Environment, FileSecrets, SecretProvider as _};
use runtime::{Clock, Settings};
use secrecy::{ExposeSecret as _, SecretString};
use serde_json::json;
use tokio::time::Instant;
use uuid::Uuid;

use super::reason::reason;

/// How long a gateway may take to answer.
const PATIENCE: Duration = Duration::from_secs(10);
/// How many markets are asked for at once: a gateway that hangs must not keep all of them open one after another.
const AT_ONCE: usize = 8;
/// After this time nothing more is asked for until the next look. So a look waits for gateways no longer than this and what each
/// of them may take, however many markets there are.
const ASKING: Duration = Duration::from_secs(10);
/// Who the auditor is in development; elsewhere its token says so.
const DEVELOPMENT_USER: Uuid = Uuid::from_u128(0x0000_0000_0000_4000_8000_0000_0000_a0d1);
/// For how many seconds a token of development is good: one is made for every request.
const TOKEN_LIFE: u64 = 60;
/// The states out of which a market is taken. Another one lets in no order either, or is an operator's own doing.
const TAKES_ORDERS: [&str; 2] = ["open", "post_only"];

/// A command that was stored and not carried out is given again this late, then twice as late each time.
const FIRST_PAUSE: Duration = Duration::from_secs(30);
/// And never later than this.
const LONGEST_PAUSE: Duration = Duration::from_secs(1_800);

/// A market that is to take cancels only.
#[derive(Debug)]
struct Want {
    /// What speaks for it.
    why: Vec<Broken>,
    /// When it may be asked for.
    at: Instant,
    /// How long to wait after the next answer that it is stored.
    pause: Duration,
    /// How often it was asked for.
    asked: u64,
}

/// The markets that are to take cancels only, each with why.
#[derive(Debug, Default)]
pub(super) struct Wanted(BTreeMap<String, Want>);

impl Wanted {
    /// Wants the markets that this touches and that take orders; they are returned. Those that are new are due at this moment.
    pub(super) fn add(&mut self, broken: &Broken, markets: &[MarketRow], now: Instant) -> Vec<String> {
        let touched = markets
            .iter()
            .filter(|market| broken.touches.market(market) && takes_orders(market));
        let touched: Vec<String> = touched.map(|market| market.symbol.clone()).collect();
        for symbol in &touched {
            let want = self.0.entry(symbol.clone()).or_insert_with(|| Want {
                why: Vec::new(),
                at: now,
                pause: FIRST_PAUSE,
                asked: 0,
            });
            // Once, as it is off now.
            want.why
                .retain(|known| (known.invariant, &known.subject) != (broken.invariant, &broken.subject));
            want.why.push(broken.clone());
        }
        touched
    }

    /// Wants no more what nothing speaks for any longer, or what has come about.
    pub(super) fn forget(&mut self, watch: &Watch, markets: &[MarketRow]) {
        self.0.retain(|symbol, want| {
            want.why.retain(|broken| watch.has(broken));
            let market = markets.iter().find(|market| market.symbol == *symbol);
            !want.why.is_empty() && market.is_some_and(takes_orders)
        });
    }

    /// Has done what is due at this moment, as far as the time for it goes; what was asked for least comes first. What no gateway
    /// does stays wanted; what one has stored, while the market's shard is away, is not asked for again at once.
    pub(super) async fn command(&mut self, operator: &Operator, now: Instant) {
        let end = Instant::now() + ASKING;
        let asking = self.due(now).into_iter().map(|(symbol, reason)| async move {
            if Instant::now() >= end {
                return None;
            }
            let answer = operator.cancel_only(&symbol, &reason).await;
            Some((symbol, reason, answer))
        });
        let mut answers = std::pin::pin!(stream::iter(asking).buffer_unordered(AT_ONCE));
        let mut left = 0_usize;
        while let Some(answer) = answers.next().await {
            match answer {
                Some((symbol, reason, answer)) => self.hear(&symbol, &reason, answer, now),
                None => left += 1,
            }
        }
        if left > 0 {
            tracing::error!(
                left,
                "markets still take orders: gateways are too slow to ask for all of them"
            );
        }
    }

    /// The markets that may be asked for, each with its reason.
    fn due(&self, now: Instant) -> Vec<(String, String)> {
        let mut due: Vec<_> = self.0.iter().filter(|(_, want)| want.at <= now).collect();
        due.sort_by_key(|(_, want)| want.asked);
        let due = due.into_iter();
        due.map(|(symbol, want)| (symbol.clone(), reason(&want.why)))
            .collect()
    }

    /// Takes in what came of asking for a market.
    fn hear(&mut self, symbol: &str, reason: &str, answer: Result<(), NotDone>, now: Instant) {
        let Some(want) = self.0.get_mut(symbol) else {
            return;
        };
        want.asked += 1;
        match answer {
            Ok(()) => {
                tracing::error!(symbol, reason, "the market takes cancels only");
                self.0.remove(symbol);
            }
            Err(NotDone::Refused(error)) => {
                tracing::error!(symbol, reason, error, "the market still takes orders");
            }
            Err(NotDone::Stored(error)) => {
                let again = want.pause;
                tracing::error!(
                    symbol,
                    reason,
                    error,
                    ?again,
                    "the market takes orders until its shard is back"
                );
                // Others may have been asked for long before.
                want.at = now.max(Instant::now()) + again;
                want.pause = (again * 2).min(LONGEST_PAUSE);
            }
        }
    }
}

fn takes_orders(market: &MarketRow) -> bool {
    TAKES_ORDERS.contains(&market.state.as_str())
}

/// What the auditor shows to a gateway.
enum Credential {
    /// A file with a token, which somebody keeps good.
    File(PathBuf),
    /// Tokens of the development issuer.
    Own(TokenIssuer),
}

/// Why it is not known that a market takes cancels only.
#[derive(Debug)]
enum NotDone {
    /// No gateway says that it has stored the command.
    Refused(String),
    /// A gateway has stored it, as far as it knows, and nobody has done it yet.
    Stored(String),
}

/// The operators' routes of the gateways.
pub(super) struct Operator {
    http: reqwest::Client,
    gateways: Vec<String>,
    credential: Credential,
}

impl Operator {
    /// As the settings say.
    ///
    /// # Errors
    /// There is no token, or it cannot be read.
    pub(super) fn of(settings: &Settings) -> anyhow::Result<Self> {
        let credential = match &settings.auditor.token_file {
            Some(file) => {
                FileSecrets.secret(file).context("auditor.token_file")?;
                Credential::File(file.clone())
            }
            None => Credential::Own(own_issuer(settings.environment, &settings.auth)?),
        };
        let http = reqwest::Client::builder()
            .timeout(PATIENCE)
            .redirect(reqwest::redirect::Policy::none())
            .no_proxy()
            .build()?;
        Ok(Self {
            http,
            gateways: settings.auditor.gateways.clone(),
            credential,
        })
    }

    fn token(&self) -> anyhow::Result<SecretString> {
        match &self.credential {
            Credential::File(file) => Ok(FileSecrets.secret(file)?),
            Credential::Own(issuer) => Ok(issuer.issue(&TokenRequest {
                user_id: DEVELOPMENT_USER,
                institution_id: None,
                scopes: Scopes::of(&[Scope::AdminMarkets]),
                issued_secs: Clock::System.wall_us() / 1_000_000,
                valid_secs: TOKEN_LIFE,
            })?),
        }
    }

    /// Lets the market take cancels only. The first gateway that does it, or has stored it, is enough.
    async fn cancel_only(&self, symbol: &str, reason: &str) -> Result<(), NotDone> {
        let token = self
            .token()
            .map_err(|error| NotDone::Refused(format!("{error:#}")))?;
        let body = json!({ "state": "cancel_only", "reason": reason });
        let mut problems = Vec::new();
        for gateway in &self.gateways {
            let path = symbol.replace('/', "-");
            let url = format!(
                "{}/api/v1/admin/markets/{path}/state",
                gateway.trim_end_matches('/')
            );
            let request = self.http.put(url).bearer_auth(token.expose_secret()).json(&body);
            match request.send().await {
                Ok(answer) if answer.status().is_success() => return Ok(()),
                Ok(answer) => {
                    let status = answer.status();
                    let text = answer.text().await.unwrap_or_default();
                    let problem = format!("{gateway}: {status} {text}");
                    // It is stored, and its market's shard is away: another gateway would only store it again.
                    if status == reqwest::StatusCode::GATEWAY_TIMEOUT {
                        return Err(NotDone::Stored(problem));
                    }
                    problems.push(problem);
                }
                // It may be stored as well; but a gateway that hangs must not keep a market open.
                Err(error) => problems.push(format!("{gateway}: {error}")),
            }
        }
        let problems = problems.join("; ");
        Err(NotDone::Refused(format!("no gateway has done it: {problems}")))
    }
}

/// The development issuer, as `gateway token` has it.
fn own_issuer(environment: Environment, auth: &AuthSettings) -> anyhow::Result<TokenIssuer> {
    if environment != Environment::Development || auth.algorithm != Algorithm::Hs256 {
        bail!(
            "auditor.token_file: is needed: a file with an operator's token that has the right admin:markets"
        );
    }
    Ok(TokenIssuer::new(&auth.secret, &auth.issuer, &auth.audience)?)
}

#[cfg(test)]
mod tests;
