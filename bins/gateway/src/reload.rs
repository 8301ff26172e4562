//! Reading the settings again while the gateway runs: on SIGHUP, and when an operator asks.

use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};

use api::{Reload, Reloaded};
use async_trait::async_trait;
use embedded::Embedded;
use http::TokenVerifier;
use runtime::settings::{ReloadPlan, SettingsError, Variables, reloadable};
use runtime::telemetry::LevelHandle;
use runtime::{Settings, Shutdown};
use trading::{Operations, Queries};

use crate::edge::Guards;
use crate::markets;

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
    pub(crate) source: Option<Source>,
    pub(crate) in_force: Mutex<Settings>,
    pub(crate) guards: Guards,
    pub(crate) verifier: Arc<TokenVerifier>,
    pub(crate) exchange: Arc<Embedded>,
}

#[async_trait]
impl Reload for Reloader {
    async fn reload(&self) -> Result<Reloaded, Vec<String>> {
        let Some(source) = &self.source else {
            return Err(vec![
                "this gateway was started without a file of settings".to_owned(),
            ]);
        };
        let new = Settings::load(source.file.as_deref(), &source.variables).map_err(|error| match error {
            SettingsError::Invalid(problems) => problems.iter().map(ToString::to_string).collect(),
            other => vec![other.to_string()],
        })?;
        let definitions = markets::definitions(&new).map_err(|error| vec![error.to_string()])?;
        let plan = {
            let in_force = self.in_force.lock().unwrap_or_else(PoisonError::into_inner);
            reloadable(&in_force, &new)
        };
        let ReloadPlan {
            log_level,
            limits,
            markets,
            dropped_markets,
            auth_keys: _,
            at_once,
            mut needs_restart,
        } = plan;
        // First what may fail, so that a refusal leaves all as it was. Sets of keys in files are read again; keys that stand in the settings themselves need a restart.
        let verifier = Arc::clone(&self.verifier);
        let keys = tokio::task::spawn_blocking(move || verifier.reload()).await;
        if !matches!(keys, Ok(Ok(()))) {
            return Err(vec![
                "auth.jwks_file: cannot be used; the keys stay as they were".to_owned(),
            ]);
        }
        if let (Some(level), Some(handle)) = (&log_level, &source.level) {
            handle
                .set(level)
                .map_err(|error| vec![format!("logging.level: {error}")])?;
        }
        if let Some(limits) = &limits {
            self.guards.set_limits(limits);
        }
        let mut applied = Vec::new();
        for path in at_once {
            if path.starts_with("auth.") && !path.ends_with("jwks_file") {
                needs_restart.push(path);
            } else {
                applied.push(path);
            }
        }
        needs_restart.extend(
            dropped_markets
                .into_iter()
                .map(|symbol| format!("matching: {symbol} is no longer named")),
        );
        for market in markets {
            let Some(mut definition) = definitions
                .iter()
                .find(|definition| definition.symbol.to_string() == market.symbol)
                .cloned()
            else {
                continue;
            };
            definition.number = markets::number(&self.exchange.markets(), definition.symbol);
            self.exchange
                .define_market(definition)
                .await
                .map_err(|error| vec![format!("matching: {}: {error}", market.symbol)])?;
        }
        *self.in_force.lock().unwrap_or_else(PoisonError::into_inner) = new;
        tracing::info!(?applied, ?needs_restart, "read the settings again");
        Ok(Reloaded {
            applied,
            needs_restart,
        })
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
                    tracing::error!(?errors, "the settings cannot be used; everything is as it was");
                }
            }
        });
    }
    Ok(())
}
