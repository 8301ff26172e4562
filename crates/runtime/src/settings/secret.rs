//! Secrets: read from elsewhere than the settings file, and never written out.

use std::path::Path;

use secrecy::{ExposeSecret, SecretString};
use serde::Serializer;
use serde_json::Value;

use super::problem::Problem;
use super::{Settings, tree};

/// No secret is longer than this.
const MAX_SECRET_BYTES: usize = 16 * 1024;

/// A place that keeps secrets. Files are one; a vault can be another.
pub trait SecretProvider {
    /// The secret that `reference` (the value of a `*_file` setting) names.
    ///
    /// # Errors
    /// Why it cannot be had, without any part of it.
    fn secret(&self, reference: &Path) -> Result<SecretString, SecretError>;
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
        let text = std::fs::read_to_string(reference).map_err(|source| SecretError::Unreadable {
            path: path.clone(),
            source,
        })?;
        let text = text.trim_end_matches(['\r', '\n']);
        if text.is_empty() || text.len() > MAX_SECRET_BYTES {
            return Err(SecretError::Size { path });
        }
        Ok(SecretString::from(text))
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
        ..
    } = settings;
    for (path, file, slot) in [
        ("auth.secret", &auth.secret_file, &mut auth.secret),
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
    ] {
        let Some(file) = file else { continue };
        if tree::get(given, &tree::segments(path)).is_some_and(|node| !node.is_null()) {
            problems.push(Problem::new(
                path,
                format!("give either {path} or {path}_file, not both"),
            ));
            continue;
        }
        match secrets.secret(file) {
            Ok(secret) => *slot = secret,
            Err(error) => problems.push(Problem::new(format!("{path}_file"), error.to_string())),
        }
    }
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
