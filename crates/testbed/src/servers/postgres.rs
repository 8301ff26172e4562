//! PostgreSQL: a cluster of its own, made by `initdb`, that never loses what it has committed, or a replica of another.

use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result};
use rustix::process::Signal;

use super::{Options, Place, Postgres, Program};
use crate::Database;
use crate::programs::{self, Account};

const ADVICE: &str = "Debian and Ubuntu: apt-get install postgresql; Fedora: dnf install postgresql-server; \
                      macOS: brew install postgresql";
/// Enough for two gateways, two matchers, a wallet and the tests around them.
const CONNECTIONS: u32 = 300;

/// Who runs it where we are root.
const ACCOUNTS: [&str; 2] = ["postgres", "nobody"];

/// How PostgreSQL is run.
#[derive(Debug)]
pub struct PostgresProgram {
    bin: PathBuf,
    account: Option<Account>,
    settings: Vec<(String, String)>,
}

impl Program for PostgresProgram {
    const NAME: &'static str = "PostgreSQL";
    /// Connections, or those that only read, where it is a replica.
    const READY: &'static str = "database system is ready to accept";
    /// Fast: sessions are ended, what they have not committed is undone.
    const STOP: Signal = Signal::INT;

    fn prepare(place: &Place, options: &Options) -> Result<Self> {
        let program = Self {
            bin: programs::folder_of(&["postgres", "initdb"], &folders(), ADVICE)?,
            account: Account::unless_root(&ACCOUNTS)?,
            settings: options.settings.clone(),
        };
        if !place.dir.join("data/PG_VERSION").exists() {
            program.fill(place, options)?;
        }
        program.let_in(place, options.passwords)?;
        Ok(program)
    }

    fn command(&self, place: &Place) -> Command {
        let mut command = self.run_as(place, "postgres");
        let always = [
            ("port", place.port.to_string()),
            ("listen_addresses", "127.0.0.1".to_owned()),
            ("unix_socket_directories", String::new()),
            ("max_connections", CONNECTIONS.to_string()),
            ("fsync", "on".to_owned()),
            ("full_page_writes", "on".to_owned()),
            ("synchronous_commit", "on".to_owned()),
            ("timezone", "UTC".to_owned()),
            ("log_timezone", "UTC".to_owned()),
            ("log_min_messages", "warning".to_owned()),
        ];
        let always = always.iter().map(|(name, value)| (*name, value.as_str()));
        let more = self
            .settings
            .iter()
            .map(|(name, value)| (name.as_str(), value.as_str()));
        command.arg("-D").arg(place.dir.join("data"));
        for (name, value) in always.chain(more) {
            command.arg("-c").arg(format!("{name}={value}"));
        }
        if let Some(certificates) = &place.certificates {
            let (shown, key) = (certificates.certificate(), certificates.key());
            command.args(["-c", "ssl=on"]);
            command
                .arg("-c")
                .arg(format!("ssl_cert_file={}", shown.display()));
            command.arg("-c").arg(format!("ssl_key_file={}", key.display()));
        }
        command
    }

    fn url(&self, place: &Place) -> String {
        format!("postgres://postgres@127.0.0.1:{}/postgres", place.port)
    }
}

impl PostgresProgram {
    fn fill(&self, place: &Place, options: &Options) -> Result<()> {
        let data = place.dir.join("data");
        std::fs::create_dir_all(&data)?;
        std::fs::set_permissions(&data, PermissionsExt::from_mode(0o700))?;
        if let Some(account) = self.account {
            account.owns(&place.dir)?;
            account.owns(&data)?;
        }
        if let Some(primary) = options.replica_of {
            let primary = format!("host=127.0.0.1 port={primary} user=postgres application_name=replica");
            let mut copy = self.run_as(place, "pg_basebackup");
            copy.arg("-D").arg(&data).args(["-d", &primary]);
            copy.args([
                "--create-slot",
                "--slot=replica",
                "--write-recovery-conf",
                "--checkpoint=fast",
                "--no-sync",
            ]);
            return programs::run(&mut copy).context("a copy of the primary");
        }
        let mut initdb = self.run_as(place, "initdb");
        initdb.arg("-D").arg(&data);
        initdb.args([
            "-U",
            "postgres",
            "-E",
            "UTF8",
            "--locale=C",
            "--auth=trust",
            "--no-sync",
        ]);
        programs::run(&mut initdb).with_context(|| {
            let dir = place.dir.display();
            format!("PostgreSQL refuses to run as root, and its account must be able to enter {dir}")
        })
    }

    /// Who may come in from this machine, and how they show who they are.
    fn let_in(&self, place: &Place, passwords: bool) -> Result<()> {
        let others = if passwords { "scram-sha-256" } else { "trust" };
        let host = if place.certificates.is_some() {
            "hostssl"
        } else {
            "host"
        };
        let rules = format!(
            "host all,replication postgres 127.0.0.1/32 trust\n{host} all all 127.0.0.1/32 {others}\n"
        );
        let path = place.dir.join("data/pg_hba.conf");
        std::fs::write(&path, rules).with_context(|| path.display().to_string())?;
        if let (Some(account), Some(certificates)) = (self.account, &place.certificates) {
            account.owns(&certificates.key())?;
        }
        self.account.map_or(Ok(()), |account| account.owns(&path))
    }

    fn run_as(&self, place: &Place, program: &str) -> Command {
        let mut command = Command::new(self.bin.join(program));
        command.current_dir(&place.dir).env("LC_ALL", "C");
        for name in ["PGDATA", "PGHOST", "PGPORT", "PGUSER", "PGPASSWORD", "PGDATABASE"] {
            command.env_remove(name);
        }
        if let Some(account) = self.account {
            account.runs(&mut command);
        }
        command
    }
}

impl Postgres {
    /// A database on it, with the tables of `migrations/postgres`; dropped with the value.
    ///
    /// # Errors
    /// The server is down, or a migration fails.
    pub async fn database(&self) -> Result<Database> {
        Database::create_on(&self.url()).await
    }
}

/// Whether a PostgreSQL of one's own could have its data under this folder, which need not exist: as root it runs as another
/// account, which must be able to enter all folders above.
pub fn may_hold_postgres(dir: &Path) -> bool {
    match Account::unless_root(&ACCOUNTS) {
        Ok(None) => true,
        Ok(Some(account)) => dir.ancestors().skip(1).all(|above| account.may_enter(above)),
        Err(_) => false,
    }
}

/// Where distributions put the server's programs, the newest version first.
fn folders() -> Vec<PathBuf> {
    let mut versions: Vec<(u32, PathBuf)> = Vec::new();
    for parent in ["/usr/lib/postgresql", "/usr/local/lib/postgresql"] {
        for entry in std::fs::read_dir(parent).into_iter().flatten().flatten() {
            if let Some(version) = entry.file_name().to_str().and_then(|name| name.parse().ok()) {
                versions.push((version, entry.path().join("bin")));
            }
        }
    }
    versions.sort();
    versions.into_iter().rev().map(|(_, bin)| bin).collect()
}
