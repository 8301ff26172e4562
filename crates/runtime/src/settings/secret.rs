//! Secrets: read from elsewhere than the settings file, and never written out.

use std::fs::File;
use std::io::Read;
use std::path::Path;

use secrecy::{ExposeSecret, SecretString};
use serde::Serializer;
use serde_json::Value;

use super::problem::Problem;
use super::{Settings, tree};

/// No secret is longer than this.
const MAX_SECRET_BYTES: usize = 16 * 1024;

/// A secret, a line end, and one byte more to see that there is more.
const MAX_FILE_BYTES: u64 = MAX_SECRET_BYTES as u64 + 3;

/// A place that keeps secrets. Files are one; a vault can be another.
pub trait SecretProvider {
    /// The secret that `reference` (the value of a `*_file` setting) names.
    ///
    /// # Errors
    /// Why it cannot be had, without any part of it.
    fn secret(&self, reference: &Path) -> Result<SecretString, SecretError>;

    /// What is doubtful about the way the secret is kept, if anything.
    fn doubt(&self, _reference: &Path) -> Option<String> {
        None
    }
}

/// Why a secret cannot be had.
#[derive(Debug, thiserror::Error)]
pub enum SecretError {
    /// The file cannot be read.
    #[error("cannot read {path}: {source}")]
    Unreadable {
        /// The file.
        path: String,
        /// What the operating system said.
        source: std::io::Error,
    },
    /// A provider other than files does not give it.
    #[error("cannot get {reference}: {reason}")]
    Refused {
        /// What was asked for.
        reference: String,
        /// Why there is no answer, without any part of a secret.
        reason: String,
    },
    /// The file is empty, or too long for a secret.
    #[error("{path} must hold 1 to {MAX_SECRET_BYTES} bytes")]
    Size {
        /// The file.
        path: String,
    },
}

/// Secrets in files, as container platforms mount them; line ends at the end do not count.
#[derive(Clone, Copy, Debug, Default)]
pub struct FileSecrets;

impl SecretProvider for FileSecrets {
    fn secret(&self, reference: &Path) -> Result<SecretString, SecretError> {
        let path = reference.display().to_string();
        let mut text = String::new();
        File::open(reference)
            .and_then(|file| file.take(MAX_FILE_BYTES).read_to_string(&mut text))
            .map_err(|source| SecretError::Unreadable {
                path: path.clone(),
                source,
            })?;
        let text = text.trim_end_matches(['\r', '\n']);
        if text.is_empty() || text.len() > MAX_SECRET_BYTES {
            return Err(SecretError::Size { path });
        }
        Ok(SecretString::from(text))
    }

    #[cfg(unix)]
    fn doubt(&self, reference: &Path) -> Option<String> {
        use std::os::unix::fs::PermissionsExt;

        let mode = std::fs::metadata(reference).ok()?.permissions().mode();
        (mode & 0o004 != 0).then(|| format!("every user of this machine can read {}", reference.display()))
    }
}

/// Fills the secrets that `*_file` settings name.
pub(super) fn resolve(
    settings: &mut Settings,
    given: &Value,
    secrets: &dyn SecretProvider,
    problems: &mut Vec<Problem>,
) {
    let Settings {
        database,
        redis,
        rabbitmq,
        auth,
        wallet,
        warnings,
        ..
    } = settings;
    let mut reader = Reader {
        given,
        secrets,
        problems,
        warnings,
    };
    for (path, file, slot) in [
        ("auth.secret", &auth.secret_file, &mut auth.secret),
        (
            "auth.api_key_secret",
            &auth.api_key_secret_file,
            &mut auth.api_key_secret,
        ),
        (
            "database.password",
            &database.password_file,
            &mut database.password,
        ),
        ("redis.password", &redis.password_file, &mut redis.password),
        (
            "rabbitmq.password",
            &rabbitmq.password_file,
            &mut rabbitmq.password,
        ),
        ("wallet.secret", &wallet.secret_file, &mut wallet.secret),
    ] {
        if let Some(secret) = reader.read(path, file.as_deref()) {
            *slot = secret;
        }
    }
    if let Some(secret) = reader.read("auth.previous_secret", auth.previous_secret_file.as_deref()) {
        auth.previous_secret = Some(secret);
    }
    if let Some(secret) = reader.read("wallet.previous_secret", wallet.previous_secret_file.as_deref()) {
        wallet.previous_secret = Some(secret);
    }
    if let Some(key) = reader.read("wallet.private_key", wallet.private_key_file.as_deref()) {
        wallet.private_key = Some(key);
    }
    for (index, issuer) in auth.issuers.iter_mut().enumerate() {
        let path = format!("auth.issuers[{index}].secret");
        if let Some(secret) = reader.read(&path, issuer.secret_file.as_deref()) {
            issuer.secret = secret;
        }
    }
}

struct Reader<'a> {
    given: &'a Value,
    secrets: &'a dyn SecretProvider,
    problems: &'a mut Vec<Problem>,
    warnings: &'a mut Vec<Problem>,
}

impl Reader<'_> {
    /// The secret for `path` that `file` holds, when one is named.
    fn read(&mut self, path: &str, file: Option<&Path>) -> Option<SecretString> {
        let file = file?;
        if tree::get(self.given, &tree::segments(path)).is_some_and(|node| !node.is_null()) {
            let rule = format!("give either {path} or {path}_file, not both");
            self.problems.push(Problem::new(path, rule));
            return None;
        }
        let file_path = format!("{path}_file");
        match self.secrets.secret(file) {
            Ok(secret) => {
                let doubt = self.secrets.doubt(file);
                self.warnings
                    .extend(doubt.map(|doubt| Problem::new(file_path, doubt)));
                Some(secret)
            }
            Err(error) => {
                self.problems.push(Problem::new(file_path, error.to_string()));
                None
            }
        }
    }
}

/// Every secret with the path that it is reported under; [`show`](Settings::show) cannot tell them apart.
pub(super) fn all(settings: &Settings) -> Vec<(String, Option<&SecretString>)> {
    let Settings {
        database,
        redis,
        rabbitmq,
        auth,
        wallet,
        ..
    } = settings;
    let named = [
        ("auth.api_key_secret", Some(&auth.api_key_secret)),
        ("auth.previous_secret", auth.previous_secret.as_ref()),
        ("auth.secret", Some(&auth.secret)),
        ("database.direct_url", database.direct_url.as_ref()),
        ("database.password", Some(&database.password)),
        ("database.url", database.url.as_ref()),
        ("rabbitmq.password", Some(&rabbitmq.password)),
        ("rabbitmq.url", rabbitmq.url.as_ref()),
        ("redis.password", Some(&redis.password)),
        ("redis.url", redis.url.as_ref()),
        ("wallet.previous_secret", wallet.previous_secret.as_ref()),
        ("wallet.private_key", wallet.private_key.as_ref()),
        ("wallet.secret", Some(&wallet.secret)),
    ];
    let named = named.into_iter().map(|(path, secret)| (path.to_owned(), secret));
    let issuers = auth.issuers.iter().enumerate();
    let of_issuers =
        issuers.map(|(index, issuer)| (format!("auth.issuers[{index}].secret_file"), Some(&issuer.secret)));
    named.chain(of_issuers).collect()
}

const REDACTED: &str = "(redacted)";

/// Writes a secret as `(redacted)`, an empty one as empty.
pub(super) fn serialize<S: Serializer>(secret: &SecretString, to: S) -> Result<S::Ok, S::Error> {
    to.serialize_str(if secret.expose_secret().is_empty() {
        ""
    } else {
        REDACTED
    })
}

/// The same for a secret that may be absent.
pub(super) fn serialize_optional<S: Serializer>(
    secret: &Option<SecretString>,
    to: S,
) -> Result<S::Ok, S::Error> {
    match secret {
        Some(secret) => serialize(secret, to),
        None => to.serialize_none(),
    }
}
