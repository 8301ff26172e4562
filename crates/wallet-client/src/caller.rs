//! One call over HTTP: its turn, the breaker, its tries, and what its answer tells.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use backon::{ExponentialBuilder, Retryable};
use bytes::{Bytes, BytesMut};
use reqwest::header::{self, HeaderName, HeaderValue};
use reqwest::{Client, Method, Response};
use runtime::trace::{Kind, Span};
use runtime::{Clock, Ids};
use tokio::sync::Semaphore;
use tokio::time::{Instant, timeout, timeout_at};

use crate::NotAnswered;
use crate::breaker::{Admission, Breaker, BreakerOptions, CallEnd};
use crate::token::TokenSource;

const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");
const TRACEPARENT: HeaderName = HeaderName::from_static("traceparent");
/// No answer is larger, in bytes: 1,000 settlements take below 1 MiB, 1,000 users' balances a little more.
const ANSWER_BYTES: usize = 8 * 1024 * 1024;
/// Of what an error answer says, so much is told on, in bytes.
const ERROR_BYTES: usize = 200;

/// What one call asks.
pub(crate) struct Ask {
    /// Whether it only asks: such calls have a lane of their own.
    pub(crate) question: bool,
    pub(crate) method: Method,
    /// Path and query.
    pub(crate) path: String,
    /// A JSON body.
    pub(crate) body: Option<Bytes>,
}

/// An answer that was read to its end.
#[derive(Debug)]
pub(crate) struct Told {
    pub(crate) status: u16,
    pub(crate) body: Bytes,
}

/// Why an answer is not what was asked for.
#[derive(Debug)]
pub(crate) enum Unread {
    /// The call as a whole was refused: it is an answer, but no useful one.
    Refused(String),
    /// It makes no sense.
    Garbage(String),
}

/// Why a try brought no answer.
#[derive(Debug)]
enum Missed {
    /// Another try makes sense.
    Again(String),
    /// It would come to the same.
    Useless(String),
}

/// Makes calls.
pub(crate) struct Caller {
    pub(crate) http: Client,
    /// The address that paths are added to, without a slash at its end.
    pub(crate) base: String,
    pub(crate) token: TokenSource,
    /// For what moves money.
    pub(crate) money: Lane,
    /// For what only asks.
    pub(crate) questions: Lane,
    /// How long a call may take.
    pub(crate) timeout: Duration,
    /// How long one try of it may take.
    pub(crate) try_timeout: Duration,
    pub(crate) tries: usize,
    pub(crate) first_delay: Duration,
    pub(crate) ids: Ids,
    pub(crate) clock: Clock,
}

/// Calls of one kind: their turns, their places, and their breaker. Those of another kind cannot take them away.
pub(crate) struct Lane {
    /// What metrics call it.
    name: &'static str,
    breaker: Mutex<Breaker>,
    /// Calls under way.
    turns: Semaphore,
    /// Calls under way and calls that wait.
    places: Semaphore,
}

impl Lane {
    pub(crate) fn new(name: &'static str, in_flight: usize, waiting: usize, breaker: BreakerOptions) -> Self {
        Self {
            name,
            breaker: Mutex::new(Breaker::new(breaker)),
            turns: Semaphore::new(in_flight),
            places: Semaphore::new(in_flight.saturating_add(waiting)),
        }
    }

    pub(crate) fn with_breaker<T>(&self, now: Duration, act: impl FnOnce(&mut Breaker, Duration) -> T) -> T {
        let mut breaker = self.breaker.lock().unwrap_or_else(PoisonError::into_inner);
        let done = act(&mut breaker, now);
        let open = if breaker.is_open(now) { 1.0 } else { 0.0 };
        metrics::gauge!("wallet_breaker_open", "lane" => self.name).set(open);
        done
    }
}

/// A call that the breaker let through. Dropped without an end it counts as given up.
struct Admitted<'a> {
    lane: &'a Lane,
    clock: &'a Clock,
    admission: Option<Admission>,
}

impl Admitted<'_> {
    fn end(mut self, end: CallEnd) {
        self.report(end);
    }

    fn report(&mut self, end: CallEnd) {
        if let Some(admission) = self.admission.take() {
            let now = self.clock.monotonic();
            self.lane
                .with_breaker(now, |breaker, now| breaker.end(admission, end, now));
        }
    }
}

impl Drop for Admitted<'_> {
    fn drop(&mut self) {
        self.report(CallEnd::GivenUp);
    }
}

impl Caller {
    /// Makes a call whose answer `read` understands.
    ///
    /// # Errors
    /// There is no answer that one could rely on.
    pub(crate) async fn call<T>(
        &self,
        ask: Ask,
        read: impl FnOnce(Told) -> Result<T, Unread>,
    ) -> Result<T, NotAnswered> {
        let started = self.clock.monotonic();
        let answer = self.in_turn(&ask, read).await;
        let outcome = match &answer {
            Ok(_) => "answered",
            Err(NotAnswered::Unknown(_)) => "unknown",
            Err(NotAnswered::NotSent(_)) => "not_sent",
        };
        let took = self.clock.monotonic().saturating_sub(started);
        metrics::counter!("wallet_calls_total", "outcome" => outcome).increment(1);
        metrics::histogram!("wallet_call_duration_seconds", "outcome" => outcome).record(took.as_secs_f64());
        answer
    }

    /// Waits for a turn, asks the breaker, and tries.
    async fn in_turn<T>(
        &self,
        ask: &Ask,
        read: impl FnOnce(Told) -> Result<T, Unread>,
    ) -> Result<T, NotAnswered> {
        let deadline = Instant::now() + self.timeout;
        let lane = if ask.question {
            &self.questions
        } else {
            &self.money
        };
        let place = lane.places.try_acquire();
        let _place = place.map_err(|_| NotAnswered::NotSent("too many calls wait already"))?;
        let turn = timeout_at(deadline, lane.turns.acquire()).await;
        let Ok(Ok(_turn)) = turn else {
            return Err(NotAnswered::NotSent("its turn did not come in time"));
        };
        let admission = lane.with_breaker(self.clock.monotonic(), Breaker::admit);
        let admission = admission.ok_or(NotAnswered::NotSent("the circuit breaker is open"))?;
        let admitted = Admitted {
            lane,
            clock: &self.clock,
            admission: Some(admission),
        };
        let mut span = Span::here("wallet call", Kind::Client);
        span.set("url.path", ask.path.clone());
        let traceparent = span.context().map(|context| context.to_string());
        let request_id = self.ids.uuid_v4().to_string();
        let sent = AtomicBool::new(false);
        let tries = self.tries(ask, &request_id, traceparent.as_deref(), &sent);
        let told = timeout_at(deadline, tries).await;
        let (end, answer) = match told
            .unwrap_or_else(|_| Err("it took too long".to_owned()))
            .map(read)
        {
            Ok(Ok(answer)) => (CallEnd::Answered, Ok(answer)),
            Ok(Err(Unread::Refused(reason))) => (CallEnd::Answered, Err(reason)),
            Ok(Err(Unread::Garbage(reason))) | Err(reason) => (CallEnd::Failed, Err(reason)),
        };
        admitted.end(end);
        answer.map_err(|reason| {
            span.fail(reason.clone());
            tracing::warn!(
                request_id,
                path = ask.path,
                reason,
                "the wallet did not answer a call"
            );
            if sent.load(Ordering::Relaxed) {
                NotAnswered::Unknown(reason)
            } else {
                NotAnswered::NotSent("the wallet service cannot be reached")
            }
        })
    }

    /// The tries of one call, with growing and scattered waits between them.
    ///
    /// # Errors
    /// Why the last one brought no answer.
    async fn tries(
        &self,
        ask: &Ask,
        request_id: &str,
        traceparent: Option<&str>,
        sent: &AtomicBool,
    ) -> Result<Told, String> {
        let delays = ExponentialBuilder::default()
            .with_min_delay(self.first_delay)
            .with_max_times(self.tries.saturating_sub(1))
            .with_jitter()
            .with_jitter_seed(u64::from_le_bytes(self.ids.random_bytes()));
        let one = || async {
            let told = timeout(self.try_timeout, self.one_try(ask, request_id, traceparent, sent)).await;
            told.unwrap_or_else(|_| Err(Missed::Again("it took too long".to_owned())))
        };
        let told = one
            .retry(delays)
            .when(|missed| matches!(missed, Missed::Again(_)))
            .await;
        told.map_err(|(Missed::Again(reason) | Missed::Useless(reason))| reason)
    }

    /// One try. Whatever the service answers itself is told; what it fails at is worth another try.
    async fn one_try(
        &self,
        ask: &Ask,
        request_id: &str,
        traceparent: Option<&str>,
        sent: &AtomicBool,
    ) -> Result<Told, Missed> {
        let token = self.token.header();
        let token = token.map_err(|error| Missed::Useless(error.to_string()))?;
        let url = format!("{}{}", self.base, ask.path);
        let mut request = self.http.request(ask.method.clone(), url);
        request = request.header(header::AUTHORIZATION, token);
        for (name, value) in [(REQUEST_ID, Some(request_id)), (TRACEPARENT, traceparent)] {
            if let Some(value) = value.and_then(|value| HeaderValue::from_str(value).ok()) {
                request = request.header(name, value);
            }
        }
        if let Some(body) = &ask.body {
            request = request
                .header(header::CONTENT_TYPE, "application/json")
                .body(body.clone());
        }
        let before = sent.swap(true, Ordering::Relaxed);
        let response = match request.send().await {
            Ok(response) => response,
            Err(error) => {
                if error.is_connect() {
                    sent.store(before, Ordering::Relaxed);
                }
                return Err(Missed::Again(explain(&error)));
            }
        };
        let status = response.status();
        if status.is_server_error() {
            return Err(Missed::Again(format!("it answered {}", status.as_u16())));
        }
        let body = read_body(response, ANSWER_BYTES).await?;
        Ok(Told {
            status: status.as_u16(),
            body,
        })
    }
}

/// Reads a body to its end, if it is not too large.
async fn read_body(mut response: Response, limit: usize) -> Result<Bytes, Missed> {
    let mut body = BytesMut::new();
    loop {
        let chunk = response.chunk().await;
        match chunk.map_err(|error| Missed::Again(explain(&error)))? {
            Some(chunk) if body.len() + chunk.len() > limit => {
                return Err(Missed::Useless("its answer is too large".to_owned()));
            }
            Some(chunk) => body.extend_from_slice(&chunk),
            None => return Ok(body.freeze()),
        }
    }
}

/// What an error is about, without the address, and what lies behind it.
fn explain(error: &reqwest::Error) -> String {
    let kind = if error.is_connect() {
        "no connection"
    } else if error.is_timeout() {
        "it took too long"
    } else if error.is_body() || error.is_decode() {
        "its answer broke off"
    } else {
        "the connection failed"
    };
    let mut source = std::error::Error::source(error);
    while let Some(deeper) = source.and_then(|error| error.source()) {
        source = Some(deeper);
    }
    match source {
        Some(source) => format!("{kind}: {source}"),
        None => kind.to_owned(),
    }
}

impl Told {
    /// What an answer that nobody expects says, in a few words.
    pub(crate) fn shown(&self) -> String {
        let shown = &self.body[..self.body.len().min(ERROR_BYTES)];
        format!(
            "it answered {}: {}",
            self.status,
            String::from_utf8_lossy(shown).escape_default()
        )
    }
}
