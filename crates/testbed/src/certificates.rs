//! An authority of one's own, the certificate that it gave a server, and a stranger whom that server does not know.

use std::fs::Permissions;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use rcgen::{BasicConstraints, CertificateParams, DnType, IsCa, Issuer, KeyPair, KeyUsagePurpose};

/// The files in PEM. Clients that trust [`Certificates::authority`] get in; those that trust only
/// [`Certificates::stranger`] must refuse the server.
#[derive(Debug, Clone)]
pub struct Certificates {
    dir: PathBuf,
}

impl Certificates {
    /// Makes them in this folder, for a server that is reached by these names and addresses.
    ///
    /// # Errors
    /// A name is none, or the files cannot be written.
    pub fn make(dir: &Path, names: &[String]) -> Result<Self> {
        std::fs::create_dir_all(dir).with_context(|| dir.display().to_string())?;
        let made = Self { dir: dir.to_owned() };
        let (_, stranger) = authority("testbed stranger")?;
        let (authority, root) = authority("testbed authority")?;
        let key = KeyPair::generate()?;
        let mut params = CertificateParams::new(names)?;
        params
            .distinguished_name
            .push(DnType::CommonName, "testbed server");
        params.extended_key_usages = vec![rcgen::ExtendedKeyUsagePurpose::ServerAuth];
        let certificate = params.signed_by(&key, &authority)?;
        for (path, text) in [
            (made.authority(), root),
            (made.stranger(), stranger),
            (made.certificate(), certificate.pem()),
            (made.key(), key.serialize_pem()),
        ] {
            std::fs::write(&path, text).with_context(|| path.display().to_string())?;
        }
        std::fs::set_permissions(made.key(), Permissions::from_mode(0o600))?;
        Ok(made)
    }

    /// The root that signed the server's certificate.
    pub fn authority(&self) -> PathBuf {
        self.dir.join("authority.pem")
    }

    /// A root that signed nothing.
    pub fn stranger(&self) -> PathBuf {
        self.dir.join("stranger.pem")
    }

    /// The server's certificate.
    pub fn certificate(&self) -> PathBuf {
        self.dir.join("server.pem")
    }

    /// Its private key, readable by its owner alone.
    pub fn key(&self) -> PathBuf {
        self.dir.join("server.key")
    }
}

fn authority(name: &str) -> Result<(Issuer<'static, KeyPair>, String)> {
    let key = KeyPair::generate()?;
    let mut params = CertificateParams::new(Vec::<String>::new())?;
    params.distinguished_name.push(DnType::CommonName, name);
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
    let certificate = params.self_signed(&key)?;
    Ok((Issuer::new(params, key), certificate.pem()))
}
