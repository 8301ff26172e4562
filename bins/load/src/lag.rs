//! How far the gateway's history lies behind its log, as its metrics say it.

use std::cell::RefCell;
use std::rc::Rc;
use std::time::Duration;

use serde::Serialize;
use tokio::task::JoinHandle;

use crate::api::Api;

/// Between two looks.
const EVERY: Duration = Duration::from_secs(1);

/// The lag over a run.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub(crate) struct Lag {
    /// How often it was seen; 0 where the gateway does not serve it.
    pub(crate) samples: u64,
    pub(crate) max_records: f64,
    pub(crate) last_records: f64,
    pub(crate) max_seconds: f64,
    pub(crate) last_seconds: f64,
}

impl Lag {
    /// Takes note of one look at the metrics.
    fn see(&mut self, metrics: &str) {
        let records = value(metrics, "history_lag_records");
        let seconds = value(metrics, "history_lag_seconds");
        if records.is_none() && seconds.is_none() {
            return;
        }
        self.samples += 1;
        self.last_records = records.unwrap_or(0.0);
        self.last_seconds = seconds.unwrap_or(0.0);
        self.max_records = self.max_records.max(self.last_records);
        self.max_seconds = self.max_seconds.max(self.last_seconds);
    }
}

/// The highest value of a metric over its labels, with whatever prefix the program gives it.
fn value(metrics: &str, name: &str) -> Option<f64> {
    let values = metrics.lines().filter_map(|line| {
        let (series, value) = line.rsplit_once(' ')?;
        let metric = series.split('{').next()?;
        let ours = metric == name || metric.ends_with(&format!("_{name}"));
        (ours && !line.starts_with('#'))
            .then(|| value.parse().ok())
            .flatten()
    });
    values.reduce(f64::max)
}

/// Looks once a second.
pub(crate) struct Watch {
    lag: Rc<RefCell<Lag>>,
    task: JoinHandle<()>,
}

impl Watch {
    /// Begins.
    pub(crate) fn begin(api: &Rc<Api>) -> Self {
        let lag = Rc::new(RefCell::new(Lag::default()));
        let (api, seen) = (Rc::clone(api), Rc::clone(&lag));
        let task = tokio::task::spawn_local(async move {
            // A gateway without metrics is asked once.
            while let Some(metrics) = api.metrics().await {
                seen.borrow_mut().see(&metrics);
                tokio::time::sleep(EVERY).await;
            }
        });
        Self { lag, task }
    }

    /// Ends with a last look.
    pub(crate) async fn end(self, api: &Api) -> Lag {
        self.task.abort();
        let mut lag = self.lag.borrow().clone();
        if let Some(metrics) = api.metrics().await {
            lag.see(&metrics);
        }
        lag
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_highest_and_the_last_lag_are_kept() {
        let mut lag = Lag::default();
        lag.see("# HELP history_lag_records x\n# TYPE history_lag_records gauge\nhistory_lag_records 17\n");
        lag.see("history_lag_records{shard=\"a\"} 3\nhistory_lag_records{shard=\"b\"} 5\nhistory_lag_seconds 0.25\n");
        lag.see("other 99\n");
        assert_eq!(
            lag,
            Lag {
                samples: 2,
                max_records: 17.0,
                last_records: 5.0,
                max_seconds: 0.25,
                last_seconds: 0.25,
            }
        );
    }
}
