//! Asks a program on this machine whether it is ready, as an image's health check does.

use std::time::Duration;

/// How long a program may take to say how it is.
const PATIENCE: Duration = Duration::from_secs(3);

/// Why a program counts as not ready.
#[derive(Debug, thiserror::Error)]
pub enum NotReady {
    /// Nobody answers, or not in time.
    #[error("{url} does not answer")]
    Silent {
        /// What was asked.
        url: String,
        /// Why not.
        source: reqwest::Error,
    },
    /// It answers that it is not.
    #[error("{url} answers {status}")]
    Refuses {
        /// What was asked.
        url: String,
        /// What it answers.
        status: u16,
    },
}

/// Asks `/health/ready` of the program that listens on `host` and `port`, as its settings name them.
///
/// # Errors
/// It does not answer, or answers that it is not ready.
pub async fn healthcheck(host: &str, port: u16) -> Result<(), NotReady> {
    let url = format!("http://{}:{port}/health/ready", reachable(host));
    let silent = |source| NotReady::Silent {
        url: url.clone(),
        source,
    };
    // No environment's proxy stands between a program and itself.
    let client = reqwest::Client::builder().no_proxy().timeout(PATIENCE).build();
    let answer = client.map_err(silent)?.get(&url).send().await;
    match answer.map_err(silent)?.status() {
        status if status.is_success() => Ok(()),
        status => Err(NotReady::Refuses {
            status: status.as_u16(),
            url,
        }),
    }
}

/// Where somebody on the same machine finds a listener: those of all addresses are on the loopback one, too.
fn reachable(host: &str) -> String {
    match host {
        "0.0.0.0" => "127.0.0.1".to_owned(),
        "::" => "[::1]".to_owned(),
        host if host.contains(':') => format!("[{host}]"),
        host => host.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    use actix_web::{App, HttpResponse, HttpServer, web};

    #[test]
    fn a_listener_on_every_address_is_asked_on_the_loopback_one() {
        for (host, asked) in [
            ("0.0.0.0", "127.0.0.1"),
            ("::", "[::1]"),
            ("fe80::1", "[fe80::1]"),
            ("10.0.0.7", "10.0.0.7"),
        ] {
            assert_eq!(reachable(host), asked);
        }
    }

    #[actix_web::test]
    async fn only_success_is_readiness() {
        for (status, ready) in [(200, true), (503, false), (404, false)] {
            let status = actix_web::http::StatusCode::from_u16(status).unwrap();
            let answer = move || async move { HttpResponse::new(status) };
            let app = move || App::new().route("/health/ready", web::get().to(answer));
            let server = HttpServer::new(app).workers(1).bind(("127.0.0.1", 0)).unwrap();
            let port = server.addrs()[0].port();
            let server = server.run();
            let handle = server.handle();
            let serving = tokio::spawn(server);
            let outcome = healthcheck("0.0.0.0", port).await;
            assert_eq!(outcome.is_ok(), ready, "{outcome:?}");
            handle.stop(false).await;
            let _ = serving.await;
            let gone = healthcheck("127.0.0.1", port).await;
            assert!(gone.unwrap_err().to_string().ends_with("does not answer"));
        }
    }
}
