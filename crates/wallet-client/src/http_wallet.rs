//! The wallet over HTTP.

use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use domain::{LedgerEntry, Transfer, TransferKind, TransferReceipt, UserId};
use reqwest::header::AUTHORIZATION;
use reqwest::redirect::Policy;
use reqwest::{Client, Method, StatusCode};
use runtime::settings::WalletSettings;
use runtime::{Clock, Ids};
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::breaker::BreakerOptions;
use crate::caller::{Ask, Caller, Lane, Told, Unread};
use crate::token::TokenSource;
use crate::wire::{
    Balances, BalancesOf, EntryPageQuery, Garbage, Instructions, Results, Statement, TransferBody,
    TransferView,
};
use crate::{
    Answer, EntryPage, Instruction, NotAnswered, Refused, ServiceKey, TokenNames, TransferRefused,
    UserBalance, Wallet,
};

/// The most instructions, users and lines of one call.
const MOST: usize = 1_000;
/// Tries of one call.
const TRIES: usize = 3;
/// The wait before the second try; before the third it is twice as long. As much again may come to it by chance.
const FIRST_DELAY: Duration = Duration::from_millis(100);
/// An idle connection is closed after this, which is before the service closes it.
const IDLE: Duration = Duration::from_secs(30);
/// A connection on which nothing that was sent is acknowledged for so long is given up.
const UNACKNOWLEDGED: Duration = Duration::from_secs(5);
/// How long the service may take to say that it is ready, and that it knows its caller.
const READY_TIMEOUT: Duration = Duration::from_secs(2);
/// Nobody's balances: the cheapest question that needs a token.
const NOBODY: &str = "/api/v1/wallets/00000000-0000-0000-0000-000000000000/balances";

/// How the wallet service is called.
#[derive(Debug, Clone)]
pub struct HttpWalletOptions {
    /// Where it is: `http://wallet:8090`.
    pub url: String,
    /// What service tokens are signed with.
    pub key: ServiceKey,
    /// What they say.
    pub names: TokenNames,
    /// How long to wait for a connection.
    pub connect_timeout: Duration,
    /// How long a call may take, its turn and all its tries together.
    pub timeout: Duration,
    /// How long each of its tries may take: less, so that one that is not answered leaves time for another.
    pub try_timeout: Duration,
    /// How often a call is tried.
    pub tries: usize,
    /// The wait before the second try; it doubles with each, and as much again may come to it by chance.
    pub first_delay: Duration,
    /// Calls that may be under way at once: so many that move money, and as many questions beside them.
    pub calls_in_flight: usize,
    /// Further calls that may wait for their turn, of each kind.
    pub calls_waiting: usize,
    /// When calls are kept back, for each kind by itself.
    pub breaker: BreakerOptions,
}

impl HttpWalletOptions {
    /// The options of these settings.
    ///
    /// # Errors
    /// The settings have no key to sign with.
    pub fn of(settings: &WalletSettings) -> Result<Self, ClientError> {
        Ok(Self {
            url: settings.url.clone(),
            key: ServiceKey::of(settings)?,
            names: TokenNames {
                issuer: settings.issuer.clone(),
                audience: settings.audience.clone(),
                life: settings.token_life,
            },
            connect_timeout: settings.connect_timeout,
            timeout: settings.timeout,
            try_timeout: settings.timeout / 3,
            tries: TRIES,
            first_delay: FIRST_DELAY,
            calls_in_flight: settings.calls_in_flight as usize,
            calls_waiting: settings.calls_waiting as usize,
            breaker: BreakerOptions::default(),
        })
    }
}

/// Why a client cannot be made.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum ClientError {
    /// There is no key, or none that can sign.
    #[error("the wallet's callers need a secret of at least 32 bytes, or an Ed25519 private key")]
    BadKey,
    /// The HTTP client cannot be made.
    #[error("the HTTP client for the wallet cannot be made")]
    NoClient,
}

/// The wallet service, called over HTTP: retries on network errors and 5xx, a circuit breaker, bounded concurrency, a
/// signed token on every call. Share one by an `Arc`.
pub struct HttpWallet {
    caller: Caller,
}

impl HttpWallet {
    /// A client of these options, with the time and the chance of these.
    ///
    /// # Errors
    /// The key cannot sign, or the HTTP client cannot be made.
    pub fn new(options: HttpWalletOptions, ids: Ids, clock: Clock) -> Result<Self, ClientError> {
        let HttpWalletOptions {
            url,
            key,
            names,
            connect_timeout,
            timeout,
            try_timeout,
            tries,
            first_delay,
            calls_in_flight,
            calls_waiting,
            breaker,
        } = options;
        let http = Client::builder()
            .connect_timeout(connect_timeout)
            .pool_idle_timeout(IDLE)
            .pool_max_idle_per_host(calls_in_flight.saturating_mul(2))
            .redirect(Policy::none())
            .no_proxy();
        #[cfg(target_os = "linux")]
        let http = http.tcp_user_timeout(UNACKNOWLEDGED);
        let http = http.build().map_err(|_| ClientError::NoClient)?;
        let lane = |name| Lane::new(name, calls_in_flight, calls_waiting, breaker);
        let caller = Caller {
            http,
            base: url.trim_end_matches('/').to_owned(),
            token: TokenSource::new(&key, names, &ids, clock.clone())?,
            money: lane("money"),
            questions: lane("questions"),
            timeout,
            try_timeout,
            tries,
            first_delay,
            ids,
            clock,
        };
        Ok(Self { caller })
    }

    /// A client of these settings.
    ///
    /// # Errors
    /// As [`HttpWallet::new`].
    pub fn of(settings: &WalletSettings) -> Result<Self, ClientError> {
        let clock = Clock::System;
        Self::new(HttpWalletOptions::of(settings)?, Ids::new(clock.clone()), clock)
    }
}

fn post(path: &str, body: &impl Serialize) -> Result<Ask, NotAnswered> {
    let body = serde_json::to_vec(body).map_err(|_| NotAnswered::NotSent("the call cannot be written"))?;
    Ok(Ask {
        question: false,
        method: Method::POST,
        path: format!("/api/v1/wallets{path}"),
        body: Some(Bytes::from(body)),
    })
}

/// Reads an answer of status 200; a 4xx refuses the whole call.
fn read<T: DeserializeOwned>(told: &Told) -> Result<T, Unread> {
    match told.status {
        200 => {
            let garbage =
                |error: serde_json::Error| Unread::Garbage(format!("its answer makes no sense: {error}"));
            serde_json::from_slice(&told.body).map_err(garbage)
        }
        400..500 => Err(Unread::Refused(told.shown())),
        _ => Err(Unread::Garbage(told.shown())),
    }
}

impl From<Garbage> for Unread {
    fn from(garbage: Garbage) -> Self {
        Self::Garbage(format!("its answer makes no sense: {garbage}"))
    }
}

/// The refusal of a transfer; none where the call was refused for another reason.
fn transfer_refused(told: &Told) -> Option<TransferRefused> {
    #[derive(serde::Deserialize)]
    struct Problem {
        code: String,
    }
    let Problem { code } = serde_json::from_slice(&told.body).ok()?;
    match (told.status, code.as_str()) {
        (400, "INSUFFICIENT_BALANCE") => Some(TransferRefused::InsufficientBalance),
        (422, "BALANCE_TOO_LARGE") => Some(TransferRefused::TooLarge),
        (409, "KEY_CONFLICT") => Some(TransferRefused::KeyConflict),
        (422, "NOTHING_TO_TRANSFER") => Some(TransferRefused::Nothing),
        _ => None,
    }
}

#[async_trait]
impl Wallet for HttpWallet {
    async fn instruct(
        &self,
        shard: u32,
        instructions: Vec<Instruction>,
    ) -> Result<Vec<Result<Answer, Refused>>, NotAnswered> {
        let count = instructions.len();
        if count == 0 {
            return Ok(Vec::new());
        }
        if count > MOST {
            return Err(NotAnswered::NotSent("one call takes at most 1,000 instructions"));
        }
        let ask = post("/instructions", &Instructions::new(shard, instructions))?;
        let answers = self
            .caller
            .call(ask, |told| Ok(read::<Results>(&told)?.read(count)?));
        answers.await
    }

    async fn transfer(
        &self,
        transfer: Transfer,
    ) -> Result<Result<TransferReceipt, TransferRefused>, NotAnswered> {
        let (kind, body) = TransferBody::new(transfer);
        let path = match kind {
            TransferKind::Deposit => "/deposits",
            TransferKind::Withdrawal => "/withdrawals",
        };
        let read_answer = |told: Told| match transfer_refused(&told) {
            Some(refused) => Ok(Err(refused)),
            None => Ok(Ok(read::<TransferView>(&told)?.read(kind)?)),
        };
        self.caller.call(post(path, &body)?, read_answer).await
    }

    async fn balances(&self, users: Vec<UserId>) -> Result<Vec<UserBalance>, NotAnswered> {
        if users.is_empty() {
            return Ok(Vec::new());
        }
        if users.len() > MOST {
            return Err(NotAnswered::NotSent("one call takes at most 1,000 users"));
        }
        let ask = Ask {
            question: true,
            ..post("/balances", &BalancesOf { user_ids: users })?
        };
        let balances = self.caller.call(ask, |told| Ok(read::<Balances>(&told)?.into()));
        balances.await
    }

    async fn ledger(&self, page: EntryPage) -> Result<Vec<LedgerEntry>, NotAnswered> {
        let (user_id, query) = EntryPageQuery::new(page);
        let ask = Ask {
            question: true,
            method: Method::GET,
            path: format!("/api/v1/wallets/{user_id}/ledger?{}", query.text()),
            body: None,
        };
        let entries = self
            .caller
            .call(ask, |told| Ok(read::<Statement>(&told)?.read(user_id)?));
        entries.await
    }

    async fn trouble(&self) -> Option<String> {
        let now = self.caller.clock.monotonic();
        if self
            .caller
            .money
            .with_breaker(now, |breaker, now| breaker.is_open(now))
        {
            return Some("the circuit breaker to the wallet is open".to_owned());
        }
        let (ready, known) = tokio::join!(self.is_ready(), self.is_known());
        ready.or(known)
    }
}

impl HttpWallet {
    /// What the service itself finds wrong.
    async fn is_ready(&self) -> Option<String> {
        let url = format!("{}/health/ready", self.caller.base);
        match self.caller.http.get(url).timeout(READY_TIMEOUT).send().await {
            Ok(answer) if answer.status().is_success() => None,
            Ok(answer) => Some(format!("the wallet answers {}", answer.status().as_u16())),
            Err(_) => Some("the wallet cannot be reached".to_owned()),
        }
    }

    /// Whether calls would be refused whatever they ask, which `/health/ready` cannot tell: it needs no token. Questions
    /// that are slow or fail for another reason are no trouble: those that move money do not wait for them.
    async fn is_known(&self) -> Option<String> {
        let token = match self.caller.token.header() {
            Ok(token) => token,
            Err(error) => return Some(format!("there is no token for the wallet: {error}")),
        };
        let ask = self.caller.http.get(format!("{}{NOBODY}", self.caller.base));
        let asked = ask.header(AUTHORIZATION, token).timeout(READY_TIMEOUT).send();
        let status = asked.await.ok()?.status();
        let refused = matches!(status, StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN);
        refused.then(|| format!("the wallet refuses this caller: {}", status.as_u16()))
    }
}

impl std::fmt::Debug for HttpWallet {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("HttpWallet")
            .field("url", &self.caller.base)
            .finish_non_exhaustive()
    }
}
