//! Which fault makes which alerts fire.

/// Between an alert and its job.
pub const OF_JOB: &str = " of ";

/// A fault that can be caused and mended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fault {
    /// One gateway is killed.
    OneGateway,
    /// All gateways are killed.
    Gateways,
    /// The matcher that stands by is stopped.
    StandBy,
    /// All matchers are killed while orders go on.
    Matchers,
    /// The owner of the shard is killed again and again.
    Owners,
    /// The wallet service is killed while orders go on.
    Wallet,
    /// The wallet service stands still for most of the time.
    SlowWallet,
    /// The wallet's role may not write the ledger.
    WalletRights,
    /// RabbitMQ is stopped.
    Broker,
    /// RabbitMQ takes messages and answers nothing.
    FrozenBroker,
    /// Nobody reads the trades' queue, and it is full.
    Unread,
    /// Redis is stopped.
    Redis,
    /// PostgreSQL stands still for most of the time.
    SlowDatabase,
    /// PostgreSQL is stopped.
    Database,
    /// A transaction holds the orders' table, and many ask for it.
    Lock,
    /// The lease of the shard is somebody's who does not exist.
    Lease,
    /// The matchers' sessions on PostgreSQL are ended again and again.
    Sessions,
    /// Readers of the WebSocket do not read.
    Readers,
    /// An order of a market that nobody knows was left PENDING.
    Unreadable,
    /// A reservation was taken away by hand, and its order trades.
    Refused,
    /// A balance is changed by hand.
    Balance,
    /// The auditor is killed.
    Auditor,
    /// A command that makes no sense stands in the list of the shard.
    Garbage,
    /// Somebody tries tokens.
    Tokens,
    /// A disk of the machine is full.
    Disk,
    /// The replica of PostgreSQL does not replay.
    Replica,
    /// The replica is killed.
    NoReplica,
    /// The load balancer is stopped.
    Door,
    /// The load balancer shows a certificate that ends soon.
    Certificate,
    /// Redis may use hardly more than it does.
    RedisMemory,
    /// RabbitMQ may use less memory than it does.
    BrokerMemory,
    /// Who reads the trades' queue goes away.
    Reader,
    /// An exporter is killed.
    Exporter,
    /// The exporter of PostgreSQL may not log in.
    Blind,
    /// The matchers may make no partitions, and few are left.
    Partitions,
    /// News do not come, and the log cannot be read.
    Deaf,
    /// A gateway stands still for a while, and then reads the log slowly.
    SlowLog,
}

/// A fault and what it sets off.
#[derive(Debug)]
pub struct Case {
    /// What is done.
    pub fault: Fault,
    /// What must fire, all of it, and be quiet when it is mended: an alert, or `ALERT of JOB`.
    pub alerts: &'static [&'static str],
    /// What must fire as well, and looks back so far that nobody waits for its end.
    pub lasting: &'static [&'static str],
}

impl Case {
    /// Everything that must fire.
    pub fn all(&self) -> Vec<&'static str> {
        [self.alerts, self.lasting].concat()
    }

    /// The alerts of it, whatever their job.
    pub fn names(&self) -> Vec<&'static str> {
        self.all().into_iter().map(name).collect()
    }
}

/// The alert, without its job.
fn name(alert: &'static str) -> &'static str {
    alert.split_once(OF_JOB).map_or(alert, |(name, _)| name)
}

const fn case(fault: Fault, alerts: &'static [&'static str]) -> Case {
    Case {
        fault,
        alerts,
        lasting: &[],
    }
}

/// Those that can be caused from outside in a minute or two.
pub const CASES: &[Case] = &[
    case(Fault::OneGateway, &["TargetDown of gateway"]),
    case(Fault::Exporter, &["TargetDown of node"]),
    case(Fault::Blind, &["TargetDown of postgres"]),
    case(Fault::Gateways, &["GatewaysGone"]),
    case(Fault::StandBy, &["ShardStandByMissing"]),
    case(
        Fault::Matchers,
        &["MatchersGone", "MatchingEngineStopped", "ShardStalled"],
    ),
    case(Fault::Owners, &["ShardTakeoversMany"]),
    case(
        Fault::Wallet,
        &[
            "WalletGone",
            "WalletBreakerOpen",
            "WalletCallsFailing",
            "OrdersLeftPending",
            "UnsettledTrades",
        ],
    ),
    case(Fault::SlowWallet, &["WalletCallsSlow"]),
    case(Fault::WalletRights, &["WalletTransactionsFailing"]),
    case(Fault::Broker, &["BrokerAway", "OutboxBehind"]),
    case(Fault::FrozenBroker, &["BrokerMessagesUncertain"]),
    case(Fault::Unread, &["DeadLetters"]),
    case(Fault::Redis, &["RedisAway", "TargetDown of redis"]),
    case(Fault::SlowDatabase, &["HighOrderLatency", "ShardCommitSlow"]),
    Case {
        fault: Fault::Database,
        alerts: &[
            "DatabaseAway",
            "GatewayCannotFollow",
            "OrderErrorBudgetBurnFast",
            "OrderErrorBudgetBurn",
        ],
        lasting: &["OrderErrorBudgetBurnSlow"],
    },
    case(Fault::Lock, &["DatabaseConnectionsWaiting", "IntakeNearlyFull"]),
    case(Fault::Lease, &["ShardWithoutOwner"]),
    case(Fault::Sessions, &["ShardRestarting"]),
    case(Fault::Readers, &["SlowConsumersCut"]),
    case(Fault::Unreadable, &["OrdersUnreadable"]),
    case(Fault::Balance, &["LedgerDifference"]),
    case(Fault::Auditor, &["AuditStale"]),
    case(Fault::Garbage, &["UndecodableKept"]),
    case(Fault::Tokens, &["AuthFailuresHigh"]),
    case(Fault::Disk, &["DiskFilling", "DiskNearlyFull"]),
    case(Fault::Replica, &["ReplicaBehind"]),
    case(Fault::NoReplica, &["ReplicaGone"]),
    case(Fault::Door, &["FrontDoorClosed"]),
    case(Fault::Certificate, &["CertificateEnds", "CertificateEndsSoon"]),
    case(Fault::RedisMemory, &["RedisNearlyFull"]),
    case(Fault::BrokerMemory, &["BrokerAlarm"]),
    case(Fault::Reader, &["QueueConsumerGone"]),
    case(Fault::Partitions, &["PartitionsRunOut"]),
    case(Fault::Refused, &["SettlementRefused", "ShardHalted"]),
    case(Fault::SlowLog, &["FollowerBehind"]),
    // Last: what was stored meanwhile is done slowly afterwards.
    case(Fault::Deaf, &["StreamsRestarting"]),
];

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;
    use crate::alerts::embedded;
    use crate::shell;

    #[test]
    fn every_alert_that_is_caused_is_one_of_the_rules() {
        let mut rules = String::new();
        for entry in std::fs::read_dir(shell::root().join("deploy/prometheus")).unwrap() {
            let path = entry.unwrap().path();
            if path.to_string_lossy().ends_with(".rules.yaml") {
                rules += &std::fs::read_to_string(path).unwrap();
            }
        }
        let known: BTreeSet<&str> = rules
            .lines()
            .filter_map(|line| line.trim().strip_prefix("- alert: "))
            .collect();
        let caused = CASES.iter().flat_map(Case::names);
        for alert in caused.chain(embedded::ALERTS) {
            assert!(known.contains(alert), "{alert}");
        }
    }
}
