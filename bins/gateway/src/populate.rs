//! Who has money and who trades in an exchange from its start: the users of development and of the demonstration.

use std::sync::Arc;
use std::time::Duration;

use api::Exchange;
use runtime::settings::Environment;
use runtime::{Settings, Shutdown};
use tokio::sync::oneshot;

use crate::shape::Shape;
use crate::{demo, development, markets};

/// The longest wait for the funds of development's users before callers are let in.
const PATIENCE: Duration = Duration::from_secs(3);

/// The pause before what could not be done is tried again.
const RETRY: Duration = Duration::from_secs(1);

/// Funds the users of development, then those of the demonstration, and lets these trade, where the settings want it. A
/// distributed gateway goes on with it in the background if the wallet service or the matchers are not there yet; where
/// they are, the users of development have their money when this returns.
///
/// # Errors
/// An embedded exchange refuses.
pub(crate) async fn populate(settings: &Settings, shape: &Shape, shutdown: &Shutdown) -> anyhow::Result<()> {
    let exchange = shape.exchange();
    if matches!(shape, Shape::Embedded(_)) {
        fund(settings, &*exchange).await?;
        return demonstrate(settings, &exchange, shutdown).await;
    }
    let (funded, told) = oneshot::channel();
    let (settings, until) = (settings.clone(), shutdown.clone());
    tokio::spawn(async move {
        until_done("the users of development", || fund(&settings, &*exchange)).await;
        let _nobody_waits_any_more = funded.send(());
        if settings.demo.enabled {
            let work = || async {
                markets::all_there(&settings, &exchange.markets())?;
                demonstrate(&settings, &exchange, &until).await
            };
            until_done("the demonstration", work).await;
        }
    });
    tokio::select! {
        _ = tokio::time::timeout(PATIENCE, told) => {}
        () = shutdown.wait() => {}
    }
    Ok(())
}

/// Funds the users of development.
async fn fund(settings: &Settings, exchange: &dyn Exchange) -> anyhow::Result<()> {
    if settings.environment == Environment::Development {
        development::fund(exchange).await?;
    }
    Ok(())
}

/// Funds the users of the demonstration and lets them trade.
async fn demonstrate(
    settings: &Settings,
    exchange: &Arc<dyn Exchange>,
    shutdown: &Shutdown,
) -> anyhow::Result<()> {
    if settings.demo.enabled {
        demo::prepare(&**exchange, &settings.demo).await?;
        let exchange = Arc::clone(exchange);
        tokio::spawn(demo::run(exchange, settings.demo.clone(), shutdown.clone()));
    }
    Ok(())
}

/// Does something again and again until it is done; what goes wrong is told once.
async fn until_done<F>(what: &str, work: impl Fn() -> F)
where
    F: Future<Output = anyhow::Result<()>>,
{
    let mut told = false;
    while let Err(error) = work().await {
        if !std::mem::replace(&mut told, true) {
            tracing::warn!(
                error = format!("{error:#}"),
                "{what}: tried again until it is done"
            );
        }
        tokio::time::sleep(RETRY).await;
    }
}
