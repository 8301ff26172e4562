//! The front door of an exchange: nginx with a certificate, as its users reach it.

use std::fs::Permissions;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result};
use testbed::{Exchange, Nginx, Options, Port, Role};

use crate::shell;

/// How long a certificate holds that nobody need look at, and one that ends soon.
const LONG_DAYS: u32 = 90;
const SHORT_DAYS: u32 = 1;

/// nginx, and who vouches for it.
pub struct Door {
    nginx: Nginx,
    dir: PathBuf,
    _port: Port,
}

impl Door {
    /// Opens it before the gateways.
    ///
    /// # Errors
    /// nginx or openssl is not there.
    pub async fn open(exchange: &Exchange, dir: &Path) -> Result<Self> {
        let dir = dir.join("door");
        std::fs::create_dir_all(&dir)?;
        shell::output(Command::new("openssl").current_dir(&dir).args([
            "ecparam",
            "-name",
            "prime256v1",
            "-genkey",
            "-noout",
            "-out",
            "key.pem",
        ]))?;
        shell::output(Command::new("openssl").current_dir(&dir).args([
            "req",
            "-x509",
            "-newkey",
            "rsa:2048",
            "-nodes",
            "-keyout",
            "authority.key",
            "-out",
            "authority.pem",
            "-subj",
            "/CN=authority",
        ]))?;
        // nginx runs as somebody else.
        std::fs::set_permissions(dir.join("key.pem"), Permissions::from_mode(0o644))?;
        certify(&dir, LONG_DAYS)?;
        let port = Port::free()?;
        let listen = format!("listen 127.0.0.1:{};", port.number());
        let shown = format!(
            "listen 127.0.0.1:{} ssl; ssl_certificate {at}/certificate.pem; ssl_certificate_key {at}/key.pem;",
            port.number(),
            at = dir.display()
        );
        let mut options = Options::new()
            .dir(dir.join("nginx"))
            .port(port.number())
            .setting(&listen, &shown);
        for (gateway, name) in exchange.of(Role::Gateway).zip(["gateway-1", "gateway-2"]) {
            let address = |url: String| {
                let mut parts = url.split('/');
                parts.nth(2).map(str::to_owned).context("an address")
            };
            options = options
                .setting(&format!("{name}:8080"), &address(gateway.url())?)
                .setting(&format!("{name}:8081"), &address(gateway.websocket_url())?);
        }
        Ok(Self {
            nginx: Nginx::start(options).await?,
            dir,
            _port: port,
        })
    }

    /// What users ask.
    pub fn url(&self) -> String {
        format!("https://{}/health/ready", self.host())
    }

    /// Its address and port.
    pub fn host(&self) -> String {
        format!("127.0.0.1:{}", self.nginx.port())
    }

    /// The certificate of the authority that they trust.
    pub fn trusted(&self) -> PathBuf {
        self.dir.join("authority.pem")
    }

    /// Closes it.
    ///
    /// # Errors
    /// It does not stop.
    pub async fn close(&mut self) -> Result<()> {
        self.nginx.stop().await
    }

    /// Opens it again.
    ///
    /// # Errors
    /// It does not start.
    pub async fn open_again(&mut self) -> Result<()> {
        self.nginx.start_again().await
    }

    /// Shows a certificate that ends within two days, or one that does not.
    ///
    /// # Errors
    /// It cannot be made or read.
    pub async fn show(&mut self, ends_soon: bool) -> Result<()> {
        certify(&self.dir, if ends_soon { SHORT_DAYS } else { LONG_DAYS })?;
        self.nginx.reload().await
    }
}

/// A certificate of the authority for this machine that holds for so long, under the key that is there.
fn certify(dir: &Path, days: u32) -> Result<()> {
    shell::output(Command::new("openssl").current_dir(dir).args([
        "req",
        "-x509",
        "-new",
        "-CA",
        "authority.pem",
        "-CAkey",
        "authority.key",
        "-key",
        "key.pem",
        "-days",
        &days.to_string(),
        "-subj",
        "/CN=127.0.0.1",
        "-addext",
        "subjectAltName=IP:127.0.0.1,DNS:localhost",
        "-out",
        "certificate.pem",
    ]))
    .map(drop)
}
