//! The rules of the auditor's settings.

use std::time::Duration;

use super::Rules;
use crate::settings::AuditorSettings;

impl Rules {
    pub(super) fn auditor(&mut self, auditor: &AuditorSettings) {
        let AuditorSettings {
            interval,
            full_interval,
            statement_timeout,
            gateways,
            token_file: _,
        } = auditor;
        let second = Duration::from_secs(1);
        self.need(
            (second..=Duration::from_secs(600)).contains(interval),
            "auditor.interval",
            "must be 1s to 10m",
        );
        self.need(
            (*interval..=Duration::from_secs(86_400)).contains(full_interval),
            "auditor.full_interval",
            "must be auditor.interval to 24h",
        );
        self.need(
            (second..=Duration::from_secs(3_600)).contains(statement_timeout),
            "auditor.statement_timeout",
            "must be 1s to 1h",
        );
        self.need(!gateways.is_empty(), "auditor.gateways", "must not be empty");
        for (index, gateway) in gateways.iter().enumerate() {
            let rest = gateway
                .strip_prefix("http://")
                .or_else(|| gateway.strip_prefix("https://"));
            self.need(
                rest.is_some_and(|rest| !rest.is_empty() && !rest.contains(['@', '?', '#', ' '])),
                format!("auditor.gateways[{index}]"),
                "must be an address that begins with http:// or https://",
            );
        }
    }
}
