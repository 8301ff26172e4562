//! The section of the settings for RabbitMQ, which the distributed exchange needs.

use std::path::PathBuf;
use std::time::Duration;

use secrecy::SecretString;
use serde::{Deserialize, Serialize};

use super::{duration, secret, urls};

/// RabbitMQ.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct RabbitmqSettings {
    /// The whole address; wins over host, port, vhost, user and password. `amqps` encrypts.
    #[serde(serialize_with = "secret::serialize_optional")]
    pub url: Option<SecretString>,
    /// Host name or address.
    pub host: String,
    /// Port.
    pub port: u16,
    /// Virtual host; empty = the broker's default one, `/`.
    pub vhost: String,
    /// User.
    pub user: String,
    /// Password of the user.
    #[serde(serialize_with = "secret::serialize")]
    pub password: SecretString,
    /// A file that holds the password instead.
    pub password_file: Option<PathBuf>,
    /// Whether the connection is encrypted, where the address is given by its parts.
    pub tls: bool,
    /// The certificates (PEM) that encrypted connections trust; none = the web's public authorities.
    pub root_certificate: Option<PathBuf>,
    /// Exchange of executed trades.
    pub exchange_trade_events: String,
    /// Exchange of order changes.
    pub exchange_order_events: String,
    /// Whether the broker confirms what it stored.
    pub publisher_confirms: bool,
    /// Between two signs of life, in whole seconds; a connection that is silent for two of them is given up.
    #[serde(with = "duration")]
    pub heartbeat: Duration,
    /// How long opening a connection may take.
    #[serde(with = "duration")]
    pub connect_timeout: Duration,
    /// How long the broker may take to confirm a message.
    #[serde(with = "duration")]
    pub confirm_timeout: Duration,
    /// Messages that may be sent without being confirmed yet.
    pub max_in_flight: u32,
    /// Messages that the broker sends to a consumer before it acknowledges any.
    pub prefetch: u16,
}

impl RabbitmqSettings {
    /// The address to connect to.
    pub fn connection_url(&self) -> SecretString {
        self.url.clone().unwrap_or_else(|| {
            urls::compose(
                if self.tls { "amqps" } else { "amqp" },
                &self.user,
                &self.password,
                (&self.host, self.port),
                &self.vhost,
            )
        })
    }
}

impl Default for RabbitmqSettings {
    fn default() -> Self {
        Self {
            url: None,
            host: "localhost".to_owned(),
            port: 5672,
            vhost: String::new(),
            user: "guest".to_owned(),
            password: SecretString::from("guest"),
            password_file: None,
            tls: false,
            root_certificate: None,
            exchange_trade_events: "trade.events".to_owned(),
            exchange_order_events: "order.events".to_owned(),
            publisher_confirms: true,
            heartbeat: Duration::from_secs(10),
            connect_timeout: Duration::from_secs(5),
            confirm_timeout: Duration::from_secs(5),
            max_in_flight: 1_000,
            prefetch: 500,
        }
    }
}
