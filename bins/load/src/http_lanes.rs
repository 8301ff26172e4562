//! Lanes over HTTP: any connection carries any user's order, one at a time.

use std::rc::Rc;
use std::time::Duration;

use tokio::task::JoinHandle;

use crate::cli::Protocol;
use crate::connection::{Connection, Place, request};
use crate::drive::{Queue, Shared};
use crate::flow::Action;
use crate::tally::Outcome;

/// Connections that share one queue.
pub(crate) struct HttpLanes {
    pub(crate) queue: Rc<Queue>,
    workers: Vec<JoinHandle<()>>,
}

impl HttpLanes {
    /// Opens the connections.
    ///
    /// # Errors
    /// Nobody listens there.
    pub(crate) async fn open(
        place: &Place,
        count: u32,
        timeout: Duration,
        shared: &Rc<Shared>,
        echo_body: &Rc<str>,
    ) -> anyhow::Result<Self> {
        let queue = Rc::new(Queue::default());
        let mut workers = Vec::new();
        for _ in 0..count {
            let mut connection = Connection::new(place.clone(), timeout);
            connection.connect().await?;
            let (queue, shared) = (Rc::clone(&queue), Rc::clone(shared));
            let echo_body = Rc::clone(echo_body);
            workers.push(tokio::task::spawn_local(async move {
                work(connection, &queue, &shared, &echo_body).await;
            }));
        }
        Ok(Self { queue, workers })
    }

    /// Waits until the connections are closed.
    pub(crate) async fn finish(self) {
        self.queue.close();
        for worker in self.workers {
            // A worker has nothing to say.
            let _ = worker.await;
        }
    }
}

async fn work(mut connection: Connection, queue: &Queue, shared: &Shared, echo_body: &str) {
    let mut bytes = String::new();
    while let Some(job) = queue.next().await {
        write(&mut bytes, &job.action, shared, connection.place(), echo_body);
        let sent = shared.now();
        match connection.send(bytes.as_bytes()).await {
            Ok(response) => {
                let outcome = Outcome::Answered {
                    status: response.status,
                    body: &response.body,
                };
                shared.ended(Protocol::Http, job, sent, &outcome);
            }
            Err(error) => {
                let late = error.to_string().starts_with("no answer within");
                let reason = if late { "timeout" } else { "connection" };
                shared.ended(Protocol::Http, job, sent, &Outcome::Unknown(reason));
                // A server that is gone must not be asked in a tight loop.
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
        }
    }
}

fn write(bytes: &mut String, action: &Action, shared: &Shared, place: &Place, echo_body: &str) {
    let flow = shared.flow.borrow();
    let token = |user: usize| flow.users.get(user).map_or("", |user| user.token.as_str());
    match action {
        Action::Place { user, .. } => {
            let body = flow.order(action);
            request(bytes, "POST", "/api/v1/orders", place, token(*user), &body);
        }
        Action::Cancel(live) => {
            let path = format!("/api/v1/orders/{}", live.order_id);
            request(bytes, "DELETE", &path, place, token(live.user), "");
        }
        Action::Amend {
            live,
            price,
            quantity,
        } => {
            let path = format!("/api/v1/orders/{}", live.order_id);
            let body = crate::flow::amendment(*price, *quantity);
            request(bytes, "PATCH", &path, place, token(live.user), &body);
        }
        // The token goes along, so that the requests are of the same size.
        Action::Echo => request(bytes, "POST", "/echo", place, token(0), echo_body),
    }
}
