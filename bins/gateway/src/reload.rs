//! Reading the settings again while the gateway runs: on SIGHUP, and when an operator asks.

use std::path::PathBuf;
use std::sync::Arc;

use api::{Reload, Reloaded};
use async_trait::async_trait;
use domain::MarketDefinition;
use http::TokenVerifier;
use runtime::settings::{Market, ReloadPlan, SettingsError, Variables, reloadable};
use runtime::telemetry::LevelHandle;
use runtime::{Settings, Shutdown};
use tokio::sync::Mutex;

use crate::edge::Guards;
use crate::markets;
use crate::shape::Shape;

/// Where settings come from.
#[derive(Clone)]
pub struct Source {
    /// The file, if there is one.
    pub file: Option<PathBuf>,
    /// The environment.
    pub variables: Variables,
    /// Sets the level of the log; none: it stays.
    pub level: Option<Arc<LevelHandle>>,
}

/// Reads the settings again and applies what can be applied.
pub(crate) struct Reloader {
    source: Option<Source>,
    /// One reload after the other.
    known: Mutex<Known>,
    guards: Guards,
    verifier: Arc<TokenVerifier>,
    shape: Shape,
}

/// The settings that a reload compares the new ones with.
struct Known {
    /// Those of the start: what differs from them and was not applied needs a restart, however often it is read.
    at_start: Settings,
    /// Those of the last reload.
    in_force: Settings,
}

#[async_trait]
impl Reload for Reloader {
    async fn reload(&self) -> Result<Reloaded, Vec<String>> {
        let Some(source) = &self.source else {
            return Err(vec![
                "this gateway was started without a file of settings".to_owned(),
            ]);
        };
        let mut known = self.known.lock().await;
        let new = Settings::load(source.file.as_deref(), &source.variables).map_err(|error| match error {
            SettingsError::Invalid(problems) => problems.iter().map(ToString::to_string).collect(),
            other => vec![other.to_string()],
        })?;
        let definitions = markets::definitions(&new).map_err(|error| vec![error.to_string()])?;
        let plan = reloadable(&known.in_force, &new);
        // First what may be refused, so that a refusal leaves as much as it can as it was.
        let changed = self.change_markets(&plan.markets, &definitions).await?;
        known.in_force.matching = new.matching.clone();
        let done = self.read_keys().await;
        done.and_then(|()| self.set_level(source, plan.log_level.as_deref()))
            .map_err(|error| refusal(error, &changed))?;
        if let Some(limits) = &plan.limits {
            self.guards.set_limits(limits);
        }
        let needs_restart = needs_restart(&known.at_start, &plan, &new);
        known.in_force = new;
        let applied = plan.at_once;
        tracing::info!(?applied, ?needs_restart, "read the settings again");
        Ok(Reloaded {
            applied,
            needs_restart,
        })
    }
}

/// What the program still runs without: all that differs from its start, and the markets that are named no more.
fn needs_restart(at_start: &Settings, plan: &ReloadPlan, new: &Settings) -> Vec<String> {
    let since_start = reloadable(at_start, new);
    let mut dropped = since_start.dropped_markets;
    for symbol in &plan.dropped_markets {
        if !dropped.contains(symbol) {
            dropped.push(symbol.clone());
        }
    }
    let dropped = dropped
        .into_iter()
        .map(|symbol| format!("matching: {symbol} is no longer named"));
    since_start.needs_restart.into_iter().chain(dropped).collect()
}

/// What went wrong, and what was changed before it did.
fn refusal(error: String, changed: &[&str]) -> Vec<String> {
    let mut errors = vec![error];
    if !changed.is_empty() {
        errors.push(format!("matching: changed already: {}", changed.join(", ")));
    }
    errors
}

impl Reloader {
    /// For a program that starts with these settings.
    pub(crate) fn new(
        settings: &Settings,
        source: Option<Source>,
        guards: &Guards,
        verifier: &Arc<TokenVerifier>,
        shape: &Shape,
    ) -> Self {
        Self {
            source,
            known: Mutex::new(Known {
                at_start: settings.clone(),
                in_force: settings.clone(),
            }),
            guards: guards.clone(),
            verifier: Arc::clone(verifier),
            shape: shape.clone(),
        }
    }

    /// Sets of keys in files are read again; keys that stand in the settings themselves need a restart.
    async fn read_keys(&self) -> Result<(), String> {
        let verifier = Arc::clone(&self.verifier);
        let keys = tokio::task::spawn_blocking(move || verifier.reload()).await;
        match keys {
            Ok(Ok(())) => Ok(()),
            _ => Err("auth.jwks_file: cannot be used; the keys stay as they were".to_owned()),
        }
    }

    fn set_level(&self, source: &Source, level: Option<&str>) -> Result<(), String> {
        match (level, &source.level) {
            (Some(level), Some(handle)) => handle
                .set(level)
                .map_err(|error| format!("logging.level: {error}")),
            _ => Ok(()),
        }
    }

    /// Changes markets; their symbols.
    async fn change_markets<'a>(
        &self,
        markets: &'a [Market],
        definitions: &[MarketDefinition],
    ) -> Result<Vec<&'a str>, Vec<String>> {
        let mut changed = Vec::new();
        for market in markets {
            let Some(mut definition) = definitions
                .iter()
                .find(|definition| definition.symbol.to_string() == market.symbol)
                .cloned()
            else {
                continue;
            };
            definition.number = markets::number(&self.shape.exchange().markets(), definition.symbol);
            let done = self.shape.define_as_said(definition).await;
            done.map_err(|error| refusal(format!("matching: {}: {error}", market.symbol), &changed))?;
            changed.push(market.symbol.as_str());
        }
        Ok(changed)
    }
}

/// Reads the settings again at each SIGHUP, until the program stops.
///
/// # Errors
/// The operating system refuses the signal handler.
pub(crate) fn listen(reloader: Arc<dyn Reload>, shutdown: Shutdown) -> std::io::Result<()> {
    #[cfg(unix)]
    {
        use tokio::signal::unix::{SignalKind, signal};
        // At a terminal it means that the terminal has gone, and the program stops.
        if std::io::IsTerminal::is_terminal(&std::io::stdin()) {
            return Ok(());
        }
        let mut hangup = signal(SignalKind::hangup())?;
        tokio::spawn(async move {
            loop {
                tokio::select! {
                    () = shutdown.wait() => return,
                    signal = hangup.recv() => {
                        if signal.is_none() {
                            return;
                        }
                    }
                }
                if let Err(errors) = reloader.reload().await {
                    tracing::error!(
                        ?errors,
                        "the settings cannot be used; what is not named as changed is as it was"
                    );
                }
            }
        });
    }
    Ok(())
}
