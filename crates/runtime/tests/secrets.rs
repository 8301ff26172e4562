//! Secrets: where they come from, that nothing shows them, and that public ones are refused.
#![allow(clippy::unwrap_used, reason = "a test may fail so")]

mod support;

use std::path::{Path, PathBuf};

use runtime::Settings;
use runtime::settings::{AuthSettings, Problem, SecretError, SecretProvider, SettingsError, Variables};
use secrecy::{ExposeSecret, SecretString};
use support::{load, problems};

#[test]
fn secrets_never_appear_in_what_is_shown_or_reported() {
    let secret = "hunter2-hunter2-hunter2-hunter2-hunter2";
    let address = format!("postgres://me:{secret}@db/name");
    let other = format!("{secret}-before");
    let pairs = [
        ("TRADE_ENGINE_AUTH__SECRET", secret),
        ("POSTGRES_PASSWORD", secret),
        ("DATABASE_URL", address.as_str()),
        ("RABBITMQ_PASSWORD", secret),
        ("TRADE_ENGINE_AUTH__API_KEY_SECRET", secret),
        ("TRADE_ENGINE_AUTH__PREVIOUS_SECRET", other.as_str()),
        ("TRADE_ENGINE_AUTH__PREVIOUS_UNTIL", "2026-08-01T00:00:00Z"),
        ("SECRET", secret),
    ];
    let settings = load("redis:\n  password: ${SECRET}", &pairs).unwrap();
    assert_eq!(settings.redis.password.expose_secret(), secret);
    for text in [settings.show(), format!("{settings:?}")] {
        assert!(!text.contains("hunter2"), "{text}");
    }
    for path in ["secret", "previous_secret", "api_key_secret"] {
        let line = format!("auth.{path} = \"(redacted)\"\n");
        assert!(settings.show().contains(&line), "{line}");
    }

    for yaml in [
        "redis: {password: [hunter2]}",
        "auth: {secret: {a: hunter2}}",
        "database: {url: [hunter2]}",
        "auth: {secret: hunter2}",
        "auth: {previous_secret: [hunter2]}",
        "auth: {previous_secret: 20260101}",
        "auth: {api_key_secret: 20260101}",
        "auth: {api_key_secret: {a: hunter2}}",
        "auth: {api_key_secret: hunter2}",
        "auth: {issuers: [{secret: hunter2}]}",
        "auth: {issuers: [hunter2]}",
        "auth: {issuers: [{}, hunter2]}",
        "auth: {issuers: hunter2}",
        "auth: hunter2",
        "database: '{\"password\": \"hunter2\"'",
    ] {
        let found = problems(yaml, &[]);
        assert!(
            !found.is_empty() && !found.concat().contains("hunter2") && !found.concat().contains("2026"),
            "{yaml}: {found:?}"
        );
    }
}

#[test]
fn secrets_can_come_from_files_but_not_from_both() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("secret");
    std::fs::write(&path, "12345678901234567890123456789012\n").unwrap();
    let yaml = format!("auth:\n  secret_file: {}", path.display());
    assert_eq!(
        load(&yaml, &[]).unwrap().auth.secret.expose_secret(),
        "12345678901234567890123456789012"
    );

    let both = problems(
        &yaml,
        &[("TRADE_ENGINE_AUTH__SECRET", "12345678901234567890123456789012")],
    );
    assert_eq!(
        both,
        ["auth.secret: give either auth.secret or auth.secret_file, not both"]
    );

    std::fs::write(&path, "\n").unwrap();
    assert!(problems(&yaml, &[])[0].starts_with("auth.secret_file: "));
    std::fs::remove_file(&path).unwrap();
    assert!(problems(&yaml, &[])[0].starts_with("auth.secret_file: cannot read"));
}

#[test]
fn every_secret_can_come_from_a_file_and_a_bad_file_is_named_by_its_field() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("secret");
    for (field, yaml) in [
        ("auth.secret", "auth: {secret_file: FILE}"),
        (
            "auth.previous_secret",
            "auth: {previous_secret_file: FILE, previous_until: '2026-08-01T00:00:00Z'}",
        ),
        ("auth.api_key_secret", "auth: {api_key_secret_file: FILE}"),
        (
            "auth.issuers[0].secret",
            "auth: {issuers: [{issuer: a, audience: b, secret_file: FILE}]}",
        ),
        ("database.password", "database: {password_file: FILE}"),
        ("redis.password", "redis: {password_file: FILE}"),
        ("rabbitmq.password", "rabbitmq: {password_file: FILE}"),
    ] {
        let yaml = yaml.replace("FILE", &path.display().to_string());
        std::fs::write(&path, "a-secret-of-our-own-with-enough-bytes\n").unwrap();
        let settings = load(&yaml, &[]).unwrap();
        let auth = &settings.auth;
        let found = match field {
            "auth.secret" => &auth.secret,
            "auth.previous_secret" => auth.previous_secret.as_ref().unwrap(),
            "auth.api_key_secret" => &auth.api_key_secret,
            "auth.issuers[0].secret" => &auth.issuers[0].secret,
            "database.password" => &settings.database.password,
            "redis.password" => &settings.redis.password,
            _ => &settings.rabbitmq.password,
        };
        assert_eq!(
            found.expose_secret(),
            "a-secret-of-our-own-with-enough-bytes",
            "{field}"
        );
        let shown = format!("{}{settings:?}", settings.show());
        assert!(!shown.contains("of-our-own"), "{field}: {shown}");

        let mistakes: [(&dyn Fn(), &str); 4] = [
            (
                &|| std::fs::write(&path, "\n").unwrap(),
                "must hold 1 to 16384 bytes",
            ),
            (
                &|| std::fs::write(&path, "x".repeat(20_000)).unwrap(),
                "must hold 1 to 16384 bytes",
            ),
            (&|| std::fs::write(&path, [0xff, 0xfe]).unwrap(), "cannot read"),
            (&|| std::fs::remove_file(&path).unwrap(), "cannot read"),
        ];
        for (spoil, why) in mistakes {
            spoil();
            let found = problems(&yaml, &[]);
            let named = found.len() == 1 && found[0].starts_with(&format!("{field}_file: "));
            assert!(named && found[0].contains(why), "{field}: {found:?}");
        }
    }
}

#[test]
fn a_missing_file_is_one_problem_and_not_also_a_public_secret() {
    let yaml = "environment: production\nauth: {secret_file: /no/such/a, api_key_secret_file: /no/such/b}";
    let found = problems(yaml, &[]);
    assert!(
        found.len() == 2
            && found[0].starts_with("auth.api_key_secret_file: cannot read /no/such/b")
            && found[1].starts_with("auth.secret_file: cannot read /no/such/a"),
        "{found:?}"
    );
}

#[cfg(unix)]
#[test]
fn a_file_that_everybody_can_read_is_a_warning() {
    use std::os::unix::fs::PermissionsExt;

    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("secret");
    std::fs::write(&path, "a-secret-of-our-own-with-enough-bytes").unwrap();
    for (mode, warned) in [(0o600, false), (0o640, false), (0o644, true)] {
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(mode)).unwrap();
        let settings = load(&format!("auth: {{secret_file: {}}}", path.display()), &[]).unwrap();
        let expected = Problem {
            path: "auth.secret_file".to_owned(),
            rule: format!("every user of this machine can read {}", path.display()),
        };
        assert_eq!(
            settings.warnings,
            if warned { vec![expected] } else { Vec::new() },
            "{mode:o}"
        );
        assert!(!settings.show().contains("warnings"), "{}", settings.show());
    }
}

/// A place for secrets that is no file.
struct Vault;

impl SecretProvider for Vault {
    fn secret(&self, reference: &Path) -> Result<SecretString, SecretError> {
        match reference.to_str().and_then(|text| text.strip_prefix("vault:")) {
            Some("tokens") => Ok(SecretString::from("the-secret-that-the-vault-keeps-for-tokens")),
            _ => Err(SecretError::Refused {
                reference: reference.display().to_string(),
                reason: "the vault has no such secret".to_owned(),
            }),
        }
    }
}

#[test]
fn another_provider_can_stand_in_for_files() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("settings.yaml");
    let load = |yaml: &str| {
        std::fs::write(&file, yaml).unwrap();
        Settings::load_with(Some(&file), &Variables::default(), &Vault)
    };
    let settings = load("auth: {secret_file: 'vault:tokens'}").unwrap();
    assert_eq!(
        settings.auth.secret.expose_secret(),
        "the-secret-that-the-vault-keeps-for-tokens"
    );
    assert_eq!(settings.auth.secret_file, Some(PathBuf::from("vault:tokens")));
    let Err(SettingsError::Invalid(found)) = load("redis: {password_file: 'vault:other'}") else {
        panic!("an unknown secret was given");
    };
    assert_eq!(
        found[0].to_string(),
        "redis.password_file: cannot get vault:other: the vault has no such secret"
    );
}

const SECRET: (&str, &str) = (
    "TRADE_ENGINE_AUTH__SECRET",
    "a-secret-of-our-own-with-enough-bytes",
);
const API_KEY_SECRET: (&str, &str) = (
    "TRADE_ENGINE_AUTH__API_KEY_SECRET",
    "another-secret-of-our-own-with-enough-bytes",
);
const WALLET_SECRET: (&str, &str) = (
    "TRADE_ENGINE_WALLET__SECRET",
    "a-third-secret-of-our-own-with-enough-bytes",
);

#[test]
fn outside_development_public_secrets_are_refused() {
    let refused = "the development secret is refused outside development";
    for environment in ["staging", "production"] {
        let yaml = format!("environment: {environment}");
        assert_eq!(
            problems(&yaml, &[]),
            [
                format!(
                    "auth.api_key_secret: {refused}: set TRADE_ENGINE_AUTH__API_KEY_SECRET or auth.api_key_secret_file"
                ),
                format!("auth.secret: {refused}: set TRADE_ENGINE_AUTH__SECRET or auth.secret_file"),
            ]
        );
        for public in [
            AuthSettings::DEVELOPMENT_SECRET,
            AuthSettings::DEVELOPMENT_API_KEY_SECRET,
        ] {
            for (pairs, path) in [
                ([(SECRET.0, public), API_KEY_SECRET], "auth.secret"),
                ([SECRET, (API_KEY_SECRET.0, public)], "auth.api_key_secret"),
            ] {
                let found = problems(&yaml, &pairs);
                assert!(
                    found.len() == 1 && found[0].starts_with(&format!("{path}: {refused}")),
                    "{found:?}"
                );
            }
            let found = problems(
                &format!(
                    "{yaml}\nauth: {{previous_secret: {public}, previous_until: '2026-08-01T00:00:00Z'}}"
                ),
                &[SECRET, API_KEY_SECRET],
            );
            assert!(
                found.len() == 1 && found[0].starts_with(&format!("auth.previous_secret: {refused}")),
                "{found:?}"
            );
        }
        assert!(
            problems(&yaml, &[SECRET, API_KEY_SECRET]).is_empty(),
            "the other servers are not used when embedded"
        );
    }
}

#[test]
fn outside_development_default_passwords_of_other_servers_are_refused() {
    let rule = "a default or empty password is refused outside development";
    for environment in ["staging", "production"] {
        let yaml = format!("environment: {environment}\nmode: distributed");
        let given = ("DATABASE_URL", "postgres://postgres:postgres@db/x");
        assert_eq!(
            problems(&yaml, &[SECRET, API_KEY_SECRET, WALLET_SECRET, given]),
            [
                format!("database.url: {rule}"),
                format!("rabbitmq.password: {rule}"),
                format!("redis.password: {rule}")
            ]
        );
        let own = [
            SECRET,
            API_KEY_SECRET,
            WALLET_SECRET,
            ("POSTGRES_PASSWORD", "x1"),
            ("REDIS_PASSWORD", "x2"),
            ("RABBITMQ_PASSWORD", "x3"),
        ];
        assert!(problems(&yaml, &own).is_empty());
    }
}
