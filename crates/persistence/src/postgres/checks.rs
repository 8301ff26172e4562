//! What a server must be like before an exchange trusts it with money: said all at once, at the start.

use std::fmt;

use diesel::sql_types::Text;
use diesel::{QueryableByName, sql_query};
use diesel_async::RunQueryDsl;
use runtime::settings::DatabaseSettings;

use super::{Connection, PgError, migrate};

/// The oldest version that is supported: the first with `DETACH PARTITION ... CONCURRENTLY`.
const OLDEST: u32 = 14_00_00;

/// A server that is as it must be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Server {
    /// Its version, as `150020` for 15.20.
    pub version: u32,
    /// The connections that it takes from ordinary roles, of all programs together.
    pub connections: u32,
    /// What is doubtful but not wrong.
    pub warnings: Vec<String>,
}

impl Server {
    /// Whether a pool of this program's fits into what the server takes; what is doubtful about it. Behind a pooler the
    /// server does not see its connections.
    ///
    /// # Errors
    /// It cannot fit.
    pub fn takes_pool_of(&self, settings: &DatabaseSettings) -> Result<Option<String>, NotFit> {
        let (pool, takes) = (settings.max_open_conns, self.connections);
        let why = format!(
            "database.max_open_conns is {pool}, and the server takes {takes} connections of all programs together \
             (max_connections)"
        );
        if pool > takes && settings.direct_url.is_none() {
            return Err(NotFit::Wrong(vec![why]));
        }
        let is_much = pool.saturating_mul(2) > takes && settings.direct_url.is_none();
        Ok(is_much.then(|| format!("{why}: two such programs do not fit")))
    }
}

/// Why a server cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum NotFit {
    /// It could not be asked.
    #[error(transparent)]
    Postgres(#[from] PgError),
    /// It is not as it must be: everything that is wrong.
    #[error("PostgreSQL is not as it must be:{}", lines(.0))]
    Wrong(Vec<String>),
}

fn lines(problems: &[String]) -> String {
    problems.iter().map(|problem| format!("\n  {problem}")).collect()
}

#[derive(QueryableByName)]
struct Setting {
    #[diesel(sql_type = Text)]
    name: String,
    #[diesel(sql_type = Text)]
    setting: String,
}

/// Asks a server whether what it has committed stays, whether it may be written to, whether sessions are bounded, and
/// whether the schema is this program's.
///
/// # Errors
/// It cannot be used, and why.
pub async fn check_server(connection: &mut Connection) -> Result<Server, NotFit> {
    let question = "SELECT name, setting FROM pg_settings WHERE name IN
            ('server_version_num', 'fsync', 'full_page_writes', 'synchronous_commit', 'server_encoding',
             'default_transaction_isolation', 'transaction_read_only', 'statement_timeout',
             'idle_in_transaction_session_timeout', 'lc_messages', 'max_connections', 'superuser_reserved_connections')
        UNION ALL SELECT 'recovery', CASE WHEN pg_is_in_recovery() THEN 'on' ELSE 'off' END";
    let rows: Vec<Setting> = sql_query(question)
        .load(connection)
        .await
        .map_err(PgError::from)?;
    let facts = Facts(rows.into_iter().map(|row| (row.name, row.setting)).collect());
    let mut wrong = facts.problems();
    let migrations = migrate::status(connection).await?;
    if !migrations.pending.is_empty() {
        wrong.push(format!(
            "the schema lacks {}: run `gateway migrate up`",
            migrations.pending.join(", ")
        ));
    }
    if !wrong.is_empty() {
        return Err(NotFit::Wrong(wrong));
    }
    let mut warnings = Vec::new();
    if !migrations.unknown.is_empty() {
        warnings.push(format!(
            "the schema is a later program's: it has {}",
            migrations.unknown.join(", ")
        ));
    }
    let reserved = facts.number("superuser_reserved_connections");
    Ok(Server {
        version: facts.number("server_version_num"),
        connections: facts.number("max_connections").saturating_sub(reserved),
        warnings,
    })
}

/// What the server says of itself, by name.
struct Facts(Vec<(String, String)>);

impl Facts {
    fn get(&self, name: &str) -> &str {
        let found = self.0.iter().find(|(known, _)| known == name);
        found.map_or("", |(_, setting)| setting)
    }

    fn number(&self, name: &str) -> u32 {
        self.get(name).parse().unwrap_or(0)
    }

    fn problems(&self) -> Vec<String> {
        let mut wrong = Vec::new();
        let mut need = |holds: bool, why: &dyn fmt::Display| {
            if !holds {
                wrong.push(why.to_string());
            }
        };
        let version = self.number("server_version_num");
        need(
            version >= OLDEST,
            &format_args!("version {version} is too old: 14 or later is needed"),
        );
        need(
            self.get("fsync") == "on",
            &"fsync is off: a crash would take accepted orders with it",
        );
        need(
            self.get("full_page_writes") == "on",
            &"full_page_writes is off: a crash would leave torn pages",
        );
        need(
            self.get("synchronous_commit") != "off",
            &"synchronous_commit is off: what was answered as accepted could be lost",
        );
        need(
            self.get("recovery") == "off" && self.get("transaction_read_only") == "off",
            &"it takes no writes: it is a replica, or read-only by default",
        );
        need(
            self.get("server_encoding") == "UTF8",
            &"the database's encoding must be UTF8",
        );
        need(
            self.get("default_transaction_isolation") == "read committed",
            &"default_transaction_isolation must be read committed",
        );
        need(
            speaks_english(self.get("lc_messages")),
            &format_args!(
                "lc_messages is {}: some errors are told by their text, which must be English; as an administrator: \
                 ALTER ROLE ... SET lc_messages = 'C' for the roles that programs log in as",
                self.get("lc_messages")
            ),
        );
        for name in ["statement_timeout", "idle_in_transaction_session_timeout"] {
            need(
                self.number(name) > 0,
                &format_args!(
                    "{name} is 0 for this session: behind a pooler the role must have it (docs/database.md)"
                ),
            );
        }
        wrong
    }
}

/// Whether messages in this locale are English; empty: the server's own default, which is.
fn speaks_english(locale: &str) -> bool {
    let language = locale.split(['.', '_', '@']).next().unwrap_or_default();
    ["", "c", "posix", "en", "english"].contains(&language.to_lowercase().as_str())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn facts(changed: Option<(&str, &str)>) -> Facts {
        let good = [
            ("server_version_num", "150020"),
            ("fsync", "on"),
            ("full_page_writes", "on"),
            ("synchronous_commit", "on"),
            ("recovery", "off"),
            ("transaction_read_only", "off"),
            ("server_encoding", "UTF8"),
            ("default_transaction_isolation", "read committed"),
            ("lc_messages", "en_US.UTF-8"),
            ("statement_timeout", "10000"),
            ("idle_in_transaction_session_timeout", "10000"),
        ];
        let with = good.map(|(name, setting)| match changed {
            Some((other, value)) if other == name => (name.to_owned(), value.to_owned()),
            _ => (name.to_owned(), setting.to_owned()),
        });
        Facts(with.into())
    }

    #[test]
    fn each_fault_of_a_server_is_named() {
        assert_eq!(facts(None).problems(), Vec::<String>::new());
        assert!(
            facts(Some(("synchronous_commit", "remote_apply")))
                .problems()
                .is_empty()
        );
        for english in [
            "C",
            "C.UTF-8",
            "POSIX",
            "en_GB.utf8",
            "English_United States.1252",
            "",
        ] {
            let found = facts(Some(("lc_messages", english))).problems();
            assert_eq!(found, Vec::<String>::new(), "{english}");
        }
        for (name, value, word) in [
            ("server_version_num", "130018", "too old"),
            ("fsync", "off", "fsync"),
            ("full_page_writes", "off", "full_page_writes"),
            ("synchronous_commit", "off", "synchronous_commit"),
            ("recovery", "on", "no writes"),
            ("transaction_read_only", "on", "no writes"),
            ("server_encoding", "SQL_ASCII", "UTF8"),
            ("default_transaction_isolation", "serializable", "read committed"),
            ("lc_messages", "de_DE.UTF-8", "lc_messages is de_DE.UTF-8"),
            ("statement_timeout", "0", "statement_timeout is 0"),
            (
                "idle_in_transaction_session_timeout",
                "0",
                "idle_in_transaction_session_timeout is 0",
            ),
        ] {
            let found = facts(Some((name, value))).problems();
            assert!(found.len() == 1 && found[0].contains(word), "{name}: {found:?}");
        }
    }

    #[test]
    fn a_pool_that_cannot_fit_is_refused_and_one_of_more_than_half_is_told() {
        let server = Server {
            version: 150_020,
            connections: 97,
            warnings: Vec::new(),
        };
        let of = |max_open_conns| DatabaseSettings {
            max_open_conns,
            ..DatabaseSettings::default()
        };
        assert!(matches!(
            server.takes_pool_of(&DatabaseSettings::default()),
            Ok(None)
        ));
        assert!(matches!(server.takes_pool_of(&of(48)), Ok(None)));
        let told = server.takes_pool_of(&of(49)).unwrap().unwrap();
        assert!(
            told.contains("database.max_open_conns is 49") && told.contains("97"),
            "{told}"
        );
        let refused = server.takes_pool_of(&of(98)).unwrap_err().to_string();
        assert!(refused.contains("database.max_open_conns is 98"), "{refused}");
        let behind_a_pooler = DatabaseSettings {
            direct_url: Some("postgres://db".to_owned().into()),
            ..of(1_000)
        };
        assert!(matches!(server.takes_pool_of(&behind_a_pooler), Ok(None)));
    }
}
