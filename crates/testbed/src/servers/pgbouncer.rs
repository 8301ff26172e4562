//! PgBouncer in transaction mode: a pooler before a PostgreSQL of one's own.

use std::fmt::Write as _;
use std::path::PathBuf;
use std::process::Command;

use anyhow::{Context, Result, ensure};
use rustix::process::Signal;

use super::{Options, Place, Program};
use crate::programs::{self, Account};

const ADVICE: &str = "test/pgbouncer.sh builds one";
/// The first that keeps prepared statements while sessions of the server are given away.
const OLDEST: (u32, u32) = (1, 21);
/// Who runs it where we are root: it refuses to.
const ACCOUNTS: [&str; 2] = ["postgres", "nobody"];
/// Whom it lets in; nobody is asked for a password.
const USERS: [&str; 4] = ["postgres", "gateway_login", "wallet_login", "matcher_login"];

/// How PgBouncer is run.
#[derive(Debug)]
pub struct PgBouncerProgram {
    account: Option<Account>,
}

impl Program for PgBouncerProgram {
    const NAME: &'static str = "PgBouncer";
    const READY: &'static str = "process up";
    const STOP: Signal = Signal::INT;

    /// Its settings are lines of `[pgbouncer]`, but for `upstream`: the port of the PostgreSQL behind it.
    fn prepare(place: &Place, options: &Options) -> Result<Self> {
        let given = options.programs.iter().cloned();
        let folders: Vec<PathBuf> = given.chain([PathBuf::from("/usr/sbin")]).collect();
        let program = programs::folder_of(&["pgbouncer"], &folders, ADVICE)?.join("pgbouncer");
        let account = Account::unless_root(&ACCOUNTS)?;
        let said = Command::new(&program).arg("--version").output()?;
        let said = String::from_utf8_lossy(&said.stdout).into_owned();
        let version = version(&said).with_context(|| format!("which version is {said:?}"))?;
        ensure!(
            version >= OLDEST,
            "PgBouncer {}.{} forgets prepared statements in transaction mode; {}.{} or later does not: {ADVICE}",
            version.0,
            version.1,
            OLDEST.0,
            OLDEST.1
        );
        let upstream = options.settings.iter().find(|(name, _)| name == "upstream");
        let (_, upstream) = upstream.context("the port of PostgreSQL")?;
        let mut users = String::new();
        for user in USERS {
            writeln!(users, "\"{user}\" \"\"")?;
        }
        std::fs::write(place.dir.join("users.txt"), users)?;
        let mut lines = format!(
            "[databases]\n* = host=127.0.0.1 port={upstream}\n[pgbouncer]\nlisten_addr = 127.0.0.1\n\
             listen_port = {}\nunix_socket_dir =\nauth_type = trust\nauth_file = users.txt\npool_mode = transaction\n\
             max_prepared_statements = 200\nmax_client_conn = 500\ndefault_pool_size = 12\n\
             server_login_retry = 1\nquery_wait_timeout = 10\n",
            place.port
        );
        for (name, value) in options.settings.iter().filter(|(name, _)| name != "upstream") {
            writeln!(lines, "{name} = {value}")?;
        }
        std::fs::write(place.dir.join("pgbouncer.ini"), lines)?;
        // The account may not be able to enter the folder where it was built.
        std::fs::copy(&program, place.dir.join("pgbouncer"))
            .with_context(|| program.display().to_string())?;
        if let Some(account) = account {
            account.owns(&place.dir)?;
        }
        Ok(Self { account })
    }

    fn command(&self, place: &Place) -> Command {
        let mut command = Command::new(place.dir.join("pgbouncer"));
        command.current_dir(&place.dir).arg("pgbouncer.ini");
        if let Some(account) = self.account {
            account.runs(&mut command);
        }
        command
    }

    /// Of the server; programs put the name of their database in place of the last part.
    fn url(&self, place: &Place) -> String {
        format!("postgres://postgres@127.0.0.1:{}/postgres", place.port)
    }
}

/// `PgBouncer 1.24.1`, on the first line that it prints.
fn version(said: &str) -> Option<(u32, u32)> {
    let mut numbers = said.lines().next()?.strip_prefix("PgBouncer ")?.split('.');
    Some((numbers.next()?.parse().ok()?, numbers.next()?.parse().ok()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_are_compared_by_their_numbers() {
        assert_eq!(
            version("PgBouncer 1.24.1\nlibevent 2.1.12-stable\n"),
            Some((1, 24))
        );
        assert!(version("PgBouncer 1.9.0").unwrap() < OLDEST);
        assert!(version("PgBouncer 2.0.0").unwrap() > OLDEST);
        assert_eq!(version("pgbouncer"), None);
        assert_eq!(version(""), None);
    }
}
