//! Connections over TLS: whom they trust, and what they refuse.

use std::path::Path;

use diesel::sql_types::Text;
use diesel::{QueryableByName, sql_query};
use diesel_async::RunQueryDsl;
use persistence::postgres::{Pool, connect};
use runtime::settings::{DatabaseSettings, SslMode};
use secrecy::SecretString;
use testbed::{Options, Postgres};

use super::support::client;

#[derive(QueryableByName)]
struct Protocol {
    #[diesel(sql_type = Text)]
    version: String,
}

/// The TLS version of a connection made by this address.
async fn version(url: String) -> Result<String, String> {
    let mut connection = connect(&SecretString::from(url))
        .await
        .map_err(|error| error.to_string())?;
    let asked = sql_query(
        "SELECT coalesce(version, 'none') AS version FROM pg_stat_ssl WHERE pid = pg_backend_pid()",
    );
    let found: Protocol = asked.get_result(&mut connection).await.unwrap();
    Ok(found.version)
}

async fn server(options: Options) -> Postgres {
    let server = Postgres::start(options).await.unwrap();
    client(&server.url())
        .await
        .batch_execute("CREATE ROLE app LOGIN PASSWORD 'right'")
        .await
        .unwrap();
    server
}

fn url(server: &Postgres, host: &str, parameters: &str) -> String {
    format!("postgres://app@{host}:{}/postgres?{parameters}", server.port())
}

fn roots(mode: &str, file: &Path) -> String {
    format!("sslmode={mode}&sslrootcert={}", file.display())
}

#[tokio::test]
async fn a_server_is_trusted_as_the_mode_says() {
    let server = server(Options::new().tls()).await;
    let certificates = server.certificates().unwrap();
    let (known, stranger) = (certificates.authority(), certificates.stranger());
    for host in ["127.0.0.1", "localhost"] {
        for parameters in [
            "sslmode=require".to_owned(),
            roots("require", &known),
            roots("verify-ca", &known),
            roots("verify-full", &known),
        ] {
            let version = version(url(&server, host, &parameters)).await;
            assert_eq!(version.as_deref(), Ok("TLSv1.3"), "{host} {parameters}");
        }
        for mode in ["require", "verify-ca", "verify-full"] {
            let refused = version(url(&server, host, &roots(mode, &stranger)))
                .await
                .unwrap_err();
            assert!(refused.contains("UnknownIssuer"), "{mode}: {refused}");
        }
    }
    let plain = version(url(&server, "127.0.0.1", "sslmode=disable"))
        .await
        .unwrap_err();
    assert!(plain.contains("no encryption"), "{plain}");
    // What the settings say comes to the same.
    let settings = |sslrootcert| DatabaseSettings {
        url: Some(SecretString::from(url(&server, "localhost", ""))),
        sslmode: SslMode::VerifyFull,
        sslrootcert,
        ..DatabaseSettings::default()
    };
    let pool = Pool::of(&settings(Some(known)), "gateway").unwrap();
    drop(pool.get().await.unwrap());
    let pool = Pool::of(&settings(Some(stranger)), "gateway").unwrap();
    let refused = pool.get().await.map(|_| ()).unwrap_err();
    assert!(refused.to_string().contains("UnknownIssuer"), "{refused}");
    assert!(Pool::of(&settings(None), "gateway").is_err());
}

#[tokio::test]
async fn another_name_than_the_certificates_is_refused_where_the_name_counts() {
    let server = server(Options::new().tls_names(&["db.example.org"])).await;
    let known = server.certificates().unwrap().authority();
    for mode in ["require", "verify-ca"] {
        let version = version(url(&server, "localhost", &roots(mode, &known))).await;
        assert_eq!(version.as_deref(), Ok("TLSv1.3"), "{mode}");
    }
    let refused = version(url(&server, "localhost", &roots("verify-full", &known)))
        .await
        .unwrap_err();
    assert!(refused.contains("not valid for name"), "{refused}");
}

#[tokio::test]
async fn a_server_without_tls_is_refused_where_tls_is_required() {
    let server = server(Options::new()).await;
    let refused = version(url(&server, "127.0.0.1", "sslmode=require"))
        .await
        .unwrap_err();
    assert!(refused.contains("does not support TLS"), "{refused}");
    let plain = version(url(&server, "127.0.0.1", "sslmode=disable")).await;
    assert_eq!(plain.as_deref(), Ok("none"));
}

#[tokio::test]
async fn a_wrong_password_is_refused_and_not_repeated() {
    let server = server(Options::new().tls().passwords(true)).await;
    let known = server.certificates().unwrap().authority();
    let with = |password: &str| {
        url(&server, "127.0.0.1", &roots("verify-full", &known)).replace("app@", &format!("app:{password}@"))
    };
    assert_eq!(version(with("right")).await.as_deref(), Ok("TLSv1.3"));
    let refused = version(with("wrong-one")).await.unwrap_err();
    assert!(
        refused.contains("password authentication failed") && !refused.contains("wrong-one"),
        "{refused}"
    );
}
