//! One question for many who ask at the same time.

use std::future::Future;
use std::panic::AssertUnwindSafe;
use std::sync::Arc;

use futures_util::FutureExt as _;
use tokio::sync::{mpsc, oneshot};
use tokio::task::JoinHandle;

/// How many may wait for the next answer.
const MOST: usize = 4_096;

type Asker<T> = oneshot::Sender<Option<Arc<T>>>;

/// A question that is asked once for all who wait, and always after they came: nobody gets an answer that is older than
/// its question.
#[derive(Debug)]
pub(crate) struct Gathered<T> {
    askers: mpsc::Sender<Asker<T>>,
    task: JoinHandle<()>,
}

impl<T: Send + Sync + 'static> Gathered<T> {
    /// Asks by calling `ask`, one call at a time; none: there was no answer.
    pub fn new<F>(ask: impl Fn() -> F + Send + Sync + 'static) -> Self
    where
        F: Future<Output = Option<T>> + Send,
    {
        let (askers, mut came) = mpsc::channel::<Asker<T>>(MOST);
        let task = tokio::spawn(async move {
            while let Some(first) = came.recv().await {
                let mut waiting = vec![first];
                while let Ok(next) = came.try_recv() {
                    waiting.push(next);
                }
                // A fault is no answer, and ends nothing.
                let asked = AssertUnwindSafe(async { ask().await }).catch_unwind();
                let answer = asked.await.ok().flatten().map(Arc::new);
                for asker in waiting {
                    // Who has gone needs no answer.
                    let _ = asker.send(answer.clone());
                }
            }
        });
        Self { askers, task }
    }

    /// The answer; none: there is none, or too many wait.
    pub async fn ask(&self) -> Option<Arc<T>> {
        let (asker, answer) = oneshot::channel();
        self.askers.try_send(asker).ok()?;
        answer.await.ok()?
    }
}

impl<T> Drop for Gathered<T> {
    fn drop(&mut self) {
        self.task.abort();
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

    use std::sync::atomic::{AtomicU32, Ordering};

    use tokio::sync::Notify;

    use super::*;

    #[tokio::test]
    async fn who_comes_while_a_question_is_under_way_shares_the_next_one() {
        let (asked, go) = (Arc::new(AtomicU32::new(0)), Arc::new(Notify::new()));
        let (count, may_go) = (Arc::clone(&asked), Arc::clone(&go));
        let gathered = Arc::new(Gathered::new(move || {
            let (count, may_go) = (Arc::clone(&count), Arc::clone(&may_go));
            async move {
                let number = count.fetch_add(1, Ordering::SeqCst) + 1;
                may_go.notified().await;
                Some(number)
            }
        }));
        let ask = || {
            let gathered = Arc::clone(&gathered);
            tokio::spawn(async move { *gathered.ask().await.unwrap() })
        };
        let first = ask();
        while asked.load(Ordering::SeqCst) == 0 {
            tokio::task::yield_now().await;
        }
        let others: Vec<_> = (0..20).map(|_| ask()).collect();
        // They are all waiting once none of them can go on.
        for _ in 0..100 {
            tokio::task::yield_now().await;
        }
        go.notify_one();
        assert_eq!(first.await.unwrap(), 1);
        go.notify_one();
        for other in others {
            assert_eq!(other.await.unwrap(), 2, "no answer is older than its question");
        }
    }

    #[tokio::test]
    async fn no_answer_is_none() {
        let gathered: Gathered<u32> = Gathered::new(|| async { None });
        assert_eq!(gathered.ask().await, None);
    }

    #[tokio::test]
    async fn a_question_that_dies_is_not_answered_and_the_next_one_is() {
        let first = AtomicU32::new(0);
        let gathered = Gathered::new(move || {
            let number = first.fetch_add(1, Ordering::SeqCst);
            async move {
                assert!(number > 0, "a test");
                Some(number)
            }
        });
        assert_eq!(gathered.ask().await, None);
        assert_eq!(gathered.ask().await.as_deref(), Some(&1));
    }
}
