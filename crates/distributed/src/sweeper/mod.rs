//! The sweeper of every gateway: it goes on with what gateways left behind, fires timers, keeps this gateway's sessions
//! alive and its copy of the register fresh, and removes what is over. Several do no harm.

mod clock;
pub(crate) mod crowds;
mod pending;
pub(crate) mod tidy;
mod timers;

use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::watch;
use tokio::task::JoinHandle;
use tokio::time::{MissedTickBehavior, interval};

use crate::intake::Intake;
use crowds::Crowds;
use tidy::Tidying;

/// How often timers are looked at.
const TIMERS_EVERY: Duration = Duration::from_millis(200);
/// How often sessions are kept alive, the register is compared, and orders are looked for that nobody drives.
const LOOK_EVERY: Duration = Duration::from_secs(1);
/// How often what is over is removed.
const TIDY_EVERY: Duration = Duration::from_secs(5);
/// How often users with very many client ids are looked for.
const CROWDS_EVERY: Duration = Duration::from_secs(60);

/// What runs beside the requests of a gateway, for as long as this lives.
#[derive(Debug)]
pub(crate) struct Background(Vec<JoinHandle<()>>);

impl Drop for Background {
    fn drop(&mut self) {
        self.0.iter().for_each(JoinHandle::abort);
    }
}

/// Starts what runs beside the requests. `register` tells versions of the register that were heard of.
pub(crate) fn start(intake: &Arc<Intake>, register: watch::Receiver<u64>) -> Background {
    let tidying = Arc::new(Tidying::anywhere(intake.moments.now(), intake.gateway));
    let crowds = Arc::new(Crowds::default());
    let of = || Arc::clone(intake);
    Background(vec![
        every(TIMERS_EVERY, of(), Intake::fire_timers),
        every(LOOK_EVERY, of(), Intake::mind_clock),
        every(LOOK_EVERY, of(), Intake::sweep_pending),
        every(LOOK_EVERY, of(), Intake::sweep_amendments),
        every(LOOK_EVERY, of(), Intake::keep_sessions),
        every(LOOK_EVERY, of(), Intake::look_at_shards),
        every(TIDY_EVERY, of(), move |intake| {
            let tidying = Arc::clone(&tidying);
            async move { intake.tidy(&tidying).await }
        }),
        every(CROWDS_EVERY, of(), move |intake| {
            let crowds = Arc::clone(&crowds);
            async move { intake.thin_out(&crowds).await }
        }),
        tokio::spawn(follow_register(of(), register)),
    ])
}

/// Does it again and again, with a pause.
fn every<F>(
    pause: Duration,
    intake: Arc<Intake>,
    work: impl Fn(Arc<Intake>) -> F + Send + 'static,
) -> JoinHandle<()>
where
    F: Future<Output = ()> + Send + 'static,
{
    tokio::spawn(async move {
        let mut ticks = interval(pause);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            ticks.tick().await;
            // In a task of its own, so that a fault ends this turn and not all that follow.
            if let Err(error) = tokio::spawn(work(Arc::clone(&intake))).await {
                tracing::error!(%error, "a turn of the sweeper failed");
            }
        }
    })
}

/// Makes the copy of the register anew when a change is heard of, and looks each second whether one was not.
async fn follow_register(intake: Arc<Intake>, mut heard: watch::Receiver<u64>) {
    let mut open = true;
    loop {
        let pause = tokio::time::sleep(LOOK_EVERY);
        if open {
            tokio::select! {
                () = pause => {}
                changed = heard.changed() => open = changed.is_ok(),
            }
        } else {
            pause.await;
        }
        if let Err(error) = intake.register.catch_up(&intake.pool).await {
            tracing::warn!(%error, "the register cannot be read");
        }
    }
}
