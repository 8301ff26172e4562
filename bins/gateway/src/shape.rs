//! The exchange of a gateway in the shape that the settings name, and what the two shapes do differently.

use std::sync::Arc;
use std::time::Duration;

use anyhow::Context;
use api::Exchange;
use domain::MarketDefinition;
use embedded::Embedded;
use http::{AuditLog, LocalRates, Program, RateStore, SignatureStore, Tickets};
use runtime::settings::Mode;
use runtime::{Clock, Ids, Settings};
use trading::{EntryError, HistoryLag, Operations, Queries};

use crate::audit_table::AuditRows;
use crate::member::Member;
use crate::open;
use crate::shared::{GatewayRates, GatewaySignatures, GatewayTickets};

/// The file of operators' acts in the folder of an embedded exchange.
pub(crate) const AUDIT_FILE: &str = "audit.log";

/// The exchange of a gateway.
#[derive(Clone)]
pub(crate) enum Shape {
    /// All of it is in this process.
    Embedded(Arc<Embedded>),
    /// This gateway is one member of it.
    Distributed(Arc<Member>),
}

impl Shape {
    /// Opens the exchange of these settings.
    ///
    /// # Errors
    /// It cannot be opened.
    pub(crate) async fn open(settings: &Settings) -> anyhow::Result<Self> {
        Ok(match settings.mode {
            Mode::Embedded => Self::Embedded(Arc::new(open::open(settings).await?)),
            Mode::Distributed => Self::Distributed(Arc::new(Member::open(settings).await?)),
        })
    }

    /// The exchange that is in this process as a whole, if it is.
    pub(crate) fn embedded(&self) -> Option<Arc<Embedded>> {
        match self {
            Self::Embedded(exchange) => Some(Arc::clone(exchange)),
            Self::Distributed(_) => None,
        }
    }

    /// What callers ask.
    pub(crate) fn exchange(&self) -> Arc<dyn Exchange> {
        match self {
            Self::Embedded(exchange) => Arc::clone(exchange) as Arc<dyn Exchange>,
            Self::Distributed(member) => Arc::clone(&member.exchange) as Arc<dyn Exchange>,
        }
    }

    /// Where operators' acts are written down.
    ///
    /// # Errors
    /// The file cannot be used.
    pub(crate) async fn audit(&self, settings: &Settings) -> anyhow::Result<AuditLog> {
        match self {
            Self::Embedded(_) => {
                let file = settings.data_dir.join(AUDIT_FILE);
                let log = tokio::task::spawn_blocking(move || AuditLog::open(file)).await?;
                log.with_context(|| format!("{AUDIT_FILE} in {}", settings.data_dir.display()))
            }
            Self::Distributed(member) => Ok(AuditLog::shared(Arc::new(AuditRows(member.pool.clone())))),
        }
    }

    /// Where the rates of callers are counted.
    pub(crate) fn rates(&self) -> Arc<dyn RateStore> {
        match self {
            Self::Embedded(_) => Arc::new(LocalRates::new(Clock::System)),
            Self::Distributed(member) => {
                Arc::new(GatewayRates::new(member.redis.clone(), Arc::clone(&member.trust)))
            }
        }
    }

    /// Where it is looked up whether another gateway has taken a signature.
    pub(crate) fn signatures(&self) -> Option<Arc<dyn SignatureStore>> {
        match self {
            Self::Embedded(_) => None,
            Self::Distributed(member) => {
                let store = GatewaySignatures::new(member.redis.clone(), Arc::clone(&member.trust));
                Some(Arc::new(store))
            }
        }
    }

    /// Tickets for WebSocket connections.
    pub(crate) fn tickets(&self, ids: &Ids) -> Tickets {
        let tickets = Tickets::new(ids.clone());
        match self {
            Self::Embedded(_) => tickets,
            Self::Distributed(member) => {
                let store = GatewayTickets::new(member.redis.clone(), Arc::clone(&member.trust));
                tickets.shared_in(Arc::new(store))
            }
        }
    }

    /// Defines or changes a market because the settings say so now.
    ///
    /// # Errors
    /// Those of [`Operations::define_market`].
    pub(crate) async fn define_as_said(&self, definition: MarketDefinition) -> Result<(), EntryError> {
        match self {
            Self::Embedded(exchange) => exchange.define_as_said(definition).await,
            Self::Distributed(member) => member.exchange.define_market(definition).await,
        }
    }

    /// Nobody new should come.
    pub(crate) fn announce_stop(&self) {
        match self {
            Self::Embedded(exchange) => exchange.announce_stop(),
            Self::Distributed(member) => member.exchange.announce_stop(),
        }
    }

    /// Finishes what was taken; an embedded exchange writes a snapshot.
    ///
    /// # Errors
    /// A thread panicked.
    pub(crate) async fn stop(self, patience: Duration) -> anyhow::Result<()> {
        match self {
            Self::Embedded(exchange) => Ok(tokio::task::spawn_blocking(move || exchange.stop()).await?),
            Self::Distributed(member) => {
                member.stop(patience).await;
                Ok(())
            }
        }
    }

    /// How many requests of order entry may wait or be in flight.
    pub(crate) fn capacity(&self) -> usize {
        match self {
            Self::Embedded(exchange) => exchange.capacity(),
            Self::Distributed(member) => member.exchange.capacity(),
        }
    }

    /// The program that this is, as its metrics call it.
    pub(crate) fn program(settings: &Settings) -> Program {
        match settings.mode {
            Mode::Embedded => Program::EmbeddedGateway,
            Mode::Distributed => Program::Gateway,
        }
    }

    /// Sets the figures of `/metrics` that one has to look up.
    #[allow(
        clippy::cast_precision_loss,
        reason = "metrics are floats, and none of these passes 2^53"
    )]
    pub(crate) fn measure(&self) {
        match self {
            Self::Embedded(exchange) => {
                let HistoryLag {
                    seq,
                    records,
                    bytes,
                    millis,
                } = exchange.history_lag();
                metrics::gauge!("history_seq").set(seq as f64);
                metrics::gauge!("history_lag_records").set(records as f64);
                metrics::gauge!("history_lag_bytes").set(bytes as f64);
                metrics::gauge!("history_lag_seconds").set(millis as f64 / 1_000.0);
                metrics::gauge!("log_seq").set((seq + records) as f64);
                metrics::gauge!("writer_queue_jobs").set(exchange.waiting() as f64);
                exchange.measure();
            }
            Self::Distributed(member) => member.measure(),
        }
    }
}
