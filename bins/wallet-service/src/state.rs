//! What the handlers share, and how they have something done: by tasks that no client's hanging up cuts in half.

use std::future::Future;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use http::Problem;
use runtime::{Shutdown, trace};
use tokio::runtime::Handle;
use tokio::sync::Semaphore;
use wallet_client::{Answer, Instruction, NotAnswered, Refused, Wallet};

use crate::refusal;

/// What the handlers share. Cheap to clone.
#[derive(Clone)]
pub(crate) struct State {
    pub(crate) wallet: Arc<dyn Wallet>,
    /// Where work is done, whatever becomes of the connection that asked for it.
    runtime: Handle,
    room: Arc<Semaphore>,
    /// How much room there is when nothing is worked on.
    size: u32,
    stopping: Arc<AtomicBool>,
}

impl State {
    /// # Panics
    /// Outside of a tokio runtime.
    pub(crate) fn new(wallet: Arc<dyn Wallet>, requests: u32) -> Self {
        Self {
            wallet,
            runtime: Handle::current(),
            room: Arc::new(Semaphore::new(requests as usize)),
            size: requests,
            stopping: Arc::default(),
        }
    }

    /// Does the work in a task of its own.
    ///
    /// # Errors
    /// There is too much to do already, or the wallet does not answer.
    pub(crate) async fn work<T, F>(&self, work: impl FnOnce(Arc<dyn Wallet>) -> F) -> Result<T, Problem>
    where
        T: Send + 'static,
        F: Future<Output = Result<T, NotAnswered>> + Send + 'static,
    {
        let full = NotAnswered::NotSent("too many requests are worked on already");
        let room = Arc::clone(&self.room).try_acquire_owned();
        let room = room.map_err(|_| refusal::unanswered(full))?;
        let work = trace::within(trace::current(), work(Arc::clone(&self.wallet)));
        let task = self.runtime.spawn(async move {
            let done = work.await;
            drop(room);
            done
        });
        let done = task.await.map_err(Problem::internal)?;
        done.map_err(refusal::unanswered)
    }

    /// Has the instructions done, one answer for each.
    ///
    /// # Errors
    /// There is too much to do already, or the wallet does not answer.
    pub(crate) async fn instruct(
        &self,
        shard: u32,
        instructions: Vec<Instruction>,
    ) -> Result<Vec<Result<Answer, Refused>>, Problem> {
        let count = instructions.len();
        let answers = self.work(|wallet| async move { wallet.instruct(shard, instructions).await });
        let answers = answers.await?;
        if answers.len() != count {
            return Err(Problem::internal("the wallet did not answer each instruction"));
        }
        Ok(answers)
    }

    /// What is wrong; none: nothing.
    pub(crate) async fn trouble(&self) -> Option<String> {
        if self.stopping.load(Ordering::Relaxed) {
            return Some("it is stopping".to_owned());
        }
        self.wallet.trouble().await
    }

    /// Is not ready any more once it is asked to stop.
    pub(crate) async fn follow(self, shutdown: Shutdown) {
        shutdown.wait().await;
        self.stopping.store(true, Ordering::Relaxed);
    }

    /// Waits until nothing is worked on any more.
    pub(crate) async fn rest(&self) {
        // It is never closed.
        let _ = self.room.acquire_many(self.size).await;
    }
}
