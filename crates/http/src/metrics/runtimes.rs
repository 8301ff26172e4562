//! What the tokio runtimes of this process say of themselves: tasks, worker time, and tasks that wait.
//!
//! A program has a runtime of its own and, of each HTTP listener, one for every worker. tokio has no list of them, so each is
//! counted by [`count_runtime`] when it starts.

use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use metrics::{counter, gauge};
use tokio::runtime::Handle;

/// Those that were counted. They stay when they end: the time of their workers was spent all the same.
static COUNTED: Mutex<Vec<Handle>> = Mutex::new(Vec::new());

/// Counts the tokio runtime on which the caller runs, for `runtime_tasks` and the other figures of runtimes; at most once. For
/// what each worker of a listener does at its start, such as making its `App`. Without a runtime nothing happens.
pub fn count_runtime() {
    if let Ok(handle) = Handle::try_current() {
        let mut counted = COUNTED.lock().unwrap_or_else(PoisonError::into_inner);
        add(&mut counted, handle);
    }
}

fn add(counted: &mut Vec<Handle>, handle: Handle) {
    if counted.iter().all(|other| other.id() != handle.id()) {
        counted.push(handle);
    }
}

/// Sets the figures.
pub(super) fn look() {
    let counted = COUNTED.lock().unwrap_or_else(PoisonError::into_inner);
    let sums = Sums::of(&counted);
    // Within the lock: a sum of before must not come after a later one.
    gauge!("runtime_tasks").set(sums.tasks as f64);
    gauge!("runtime_global_queue_tasks").set(sums.queued as f64);
    counter!("runtime_worker_busy_seconds_total").absolute(sums.busy.as_secs());
}

/// Of several runtimes together.
#[derive(Debug, Default, PartialEq)]
struct Sums {
    tasks: usize,
    queued: usize,
    busy: Duration,
}

impl Sums {
    fn of(runtimes: &[Handle]) -> Self {
        let mut sums = Self::default();
        for metrics in runtimes.iter().map(Handle::metrics) {
            sums.tasks += metrics.num_alive_tasks();
            sums.queued += metrics.global_queue_depth();
            let workers = 0..metrics.num_workers();
            sums.busy += workers
                .map(|worker| metrics.worker_total_busy_duration(worker))
                .sum::<Duration>();
        }
        sums
    }
}

#[cfg(test)]
mod tests {
    use tokio::runtime::{Builder, Runtime};
    use tokio::sync::oneshot;

    use super::*;

    fn several() -> Runtime {
        Builder::new_multi_thread().worker_threads(2).build().unwrap()
    }

    fn single() -> Runtime {
        Builder::new_current_thread().build().unwrap()
    }

    #[test]
    fn tasks_of_all_runtimes_count_while_they_live_and_their_time_stays() {
        let (several, single) = (several(), single());
        let handles = [several.handle().clone(), single.handle().clone()];
        let ((begin, begun), (end, ended)) = (oneshot::channel(), oneshot::channel::<()>());
        let waiting = several.spawn(async {
            begin.send(()).unwrap();
            ended.await
        });
        begun.blocking_recv().unwrap();
        // Nobody runs this one yet, so it waits too.
        let spawned = single.spawn(async {});
        let sums = Sums::of(&handles);
        assert_eq!((sums.tasks, sums.queued), (2, 1));

        single.block_on(spawned).unwrap();
        end.send(()).unwrap();
        several.block_on(waiting).unwrap().unwrap();
        // A task that was awaited may be let go of a moment later.
        while Sums::of(&handles).tasks > 0 {
            std::thread::yield_now();
        }
        drop((several, single));
        let sums = Sums::of(&handles);
        assert_eq!((sums.tasks, sums.queued), (0, 0));
        assert!(sums.busy > Duration::ZERO);
        let apart: Duration = handles
            .iter()
            .map(|one| Sums::of(std::slice::from_ref(one)).busy)
            .sum();
        assert_eq!(sums.busy, apart);
    }

    #[test]
    fn a_runtime_is_counted_once_and_outside_of_one_nothing_is() {
        let (several, single) = (several(), single());
        let mut counted = Vec::new();
        for runtime in [&several, &single, &several] {
            add(&mut counted, runtime.handle().clone());
        }
        assert_eq!(counted.len(), 2);

        count_runtime();
        single.block_on(async { count_runtime() });
        let known = COUNTED.lock().unwrap();
        assert!(known.iter().any(|one| one.id() == single.handle().id()));
    }
}
