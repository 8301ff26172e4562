//! A program's link to the broker: one connection to publish, another to consume, both coming back by themselves.
//! A broker that is short of memory or disk stops reading from connections that publish, and acknowledgements must not
//! be stuck behind that.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use runtime::settings::RabbitmqSettings;
use runtime::{Clock, Ids, Shutdown};
use tokio::sync::mpsc;
use tokio::task::JoinHandle;
use tokio::time::{Instant, timeout_at};

use crate::address::{self, AddressError};
use crate::channel::lock;
use crate::consumer::{Consumer, Running, Subscription};
use crate::consuming::Consuming;
use crate::counts::Counts;
use crate::delivery::{Handler, Undecodable};
use crate::health::Health;
use crate::lane::{Job, Lane};
use crate::line::{Dial, Line};
use crate::publisher::{Door, Publisher, WAITING_EVENTS, WAITING_LIGHT};
use crate::topology::{Queue, Topology};

/// Hints and news that may be sent and not confirmed.
const LIGHT_IN_FLIGHT: usize = 256;
/// The longest name of a link, so that the names of its connections stay short.
const LONGEST_LINK_NAME: usize = 200;

/// Why there can be no link, or no consumer.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum LinkError {
    /// The settings lead nowhere.
    #[error(transparent)]
    Address(#[from] AddressError),
    /// The link's name is empty or longer than 200 bytes.
    #[error("a link's name must have 1 to 200 bytes")]
    Name,
    /// The topology has no such queue.
    #[error("there is no queue {0:?} in the topology")]
    UnknownQueue(Queue),
}

/// A link to the broker. Dropped, it ends by itself; [`close`](Self::close) waits until what is under way is done.
pub struct Link {
    name: String,
    settings: RabbitmqSettings,
    topology: Arc<Topology>,
    health: Arc<Health>,
    publisher: Publisher,
    tasks: Mutex<Tasks>,
    /// No more messages are taken.
    closing: Shutdown,
    /// The connections end.
    end: Shutdown,
}

/// What runs for a link.
#[derive(Default)]
struct Tasks {
    lanes: Vec<JoinHandle<()>>,
    lines: Vec<JoinHandle<()>>,
    /// The connection that consumes, opened for the first consumer.
    consuming: Option<Line>,
    consumers: Vec<Running>,
    /// How many consumers there were.
    number: u64,
}

impl Link {
    /// Starts a link under this name, which the broker shows. It connects in the background, and for as long as it takes.
    ///
    /// # Errors
    /// The settings lead nowhere. A broker that does not answer is no error: see [`trouble`](Self::trouble).
    ///
    /// # Panics
    /// Outside a tokio runtime.
    pub fn start(settings: &RabbitmqSettings, topology: Topology, name: &str) -> Result<Self, LinkError> {
        if !(1..=LONGEST_LINK_NAME).contains(&name.len()) {
            return Err(LinkError::Name);
        }
        let health = Arc::new(Health::new(name));
        let (topology, closing, end) = (Arc::new(topology), Shutdown::new(), Shutdown::new());
        let dial = dial(settings, &topology, &health, name, "publishing")?;
        let (line, task) = Line::start(dial, end.clone());
        let counts = Arc::new(Counts::default());
        let lane = |part, is_durable, most_in_flight, jobs: mpsc::Receiver<Job>| {
            let lane = Lane {
                part,
                is_durable,
                most_in_flight,
                confirm_timeout: settings.confirm_timeout,
                jobs,
                line: line.clone(),
                topology: Arc::clone(&topology),
                health: Arc::clone(&health),
                counts: Arc::clone(&counts),
                closing: closing.clone(),
            };
            health.trouble(part, "no channel yet");
            tokio::spawn(lane.run())
        };
        let (events, jobs) = Door::new(WAITING_EVENTS);
        let (light, light_jobs) = Door::new(WAITING_LIGHT);
        let most_in_flight = usize::try_from(settings.max_in_flight).unwrap_or(usize::MAX);
        let lanes = vec![
            lane("events", true, most_in_flight, jobs),
            lane("hints and news", false, LIGHT_IN_FLIGHT, light_jobs),
        ];
        let publisher = Publisher {
            events,
            light,
            line: line.clone(),
            topology: Arc::clone(&topology),
            confirm_timeout: settings.confirm_timeout,
            counts: Arc::clone(&counts),
        };
        let tasks = Tasks {
            lanes,
            lines: vec![task],
            ..Tasks::default()
        };
        Ok(Self {
            name: name.to_owned(),
            settings: settings.clone(),
            topology,
            health,
            publisher,
            tasks: Mutex::new(tasks),
            closing,
            end,
        })
    }

    /// What publishes over it.
    pub const fn publisher(&self) -> &Publisher {
        &self.publisher
    }

    /// The topology that is declared on every new connection.
    pub fn topology(&self) -> &Topology {
        &self.topology
    }

    /// Consumes a queue, from now on and whenever the connection comes back.
    ///
    /// # Errors
    /// The topology has no such queue.
    pub fn consume(
        &self,
        subscription: Subscription,
        handler: impl Handler,
        undecodable: Arc<dyn Undecodable>,
    ) -> Result<Consumer, LinkError> {
        let Subscription { queue, prefetch } = subscription;
        let name = self.topology.queue(&queue);
        if queue != Queue::GatewayNews && self.topology.queues().iter().all(|spec| spec.name != name) {
            return Err(LinkError::UnknownQueue(queue));
        }
        let mut tasks = lock(&self.tasks);
        let line = self.consuming(&mut tasks)?;
        tasks.number += 1;
        let running = Running::default();
        let what = if name.is_empty() { "news" } else { name.as_str() };
        let consuming = Consuming {
            part: format!("consumer {} of {what}", tasks.number),
            queue,
            prefetch: prefetch.unwrap_or(self.settings.prefetch).max(1),
            topology: Arc::clone(&self.topology),
            health: Arc::clone(&self.health),
            line,
            handler: Box::new(handler),
            undecodable,
            running: running.clone(),
            open_timeout: self.settings.connect_timeout,
        };
        self.health.trouble(&consuming.part, "not attached yet");
        tokio::spawn(consuming.run());
        tasks
            .consumers
            .retain(|consumer| !consumer.finished.is_triggered());
        tasks.consumers.push(running.clone());
        Ok(Consumer { running })
    }

    fn consuming(&self, tasks: &mut Tasks) -> Result<Line, LinkError> {
        if let Some(line) = &tasks.consuming {
            return Ok(line.clone());
        }
        let dial = dial(
            &self.settings,
            &self.topology,
            &self.health,
            &self.name,
            "consuming",
        )?;
        let (line, task) = Line::start(dial, self.end.clone());
        tasks.lines.push(task);
        tasks.consuming = Some(line.clone());
        Ok(line)
    }

    /// Whether everything works: connected, the broker confirms, all consumers are attached.
    pub fn is_up(&self) -> bool {
        self.health.is_up()
    }

    /// What does not work, and why; none: everything does. For people and readiness, not for decisions.
    pub fn trouble(&self) -> Option<String> {
        self.health.troubles()
    }

    /// Waits until everything works.
    pub async fn until_up(&self) {
        self.health.until_up().await;
    }

    /// Stops the consumers after the deliveries at hand, sends what was taken and waits for its confirmation, and closes
    /// both connections. What is not done within `patience` is left: unconfirmed messages are told to be unknown.
    pub async fn close(self, patience: Duration) {
        let deadline = Instant::now() + patience;
        let Tasks {
            lanes,
            lines,
            consumers,
            ..
        } = std::mem::take(&mut *lock(&self.tasks));
        for consumer in &consumers {
            consumer.stop.trigger();
        }
        for consumer in consumers {
            let _ = timeout_at(deadline, consumer.finished.wait()).await;
        }
        self.closing.trigger();
        for mut lane in lanes {
            if timeout_at(deadline, &mut lane).await.is_err() {
                lane.abort();
            }
        }
        self.end.trigger();
        for line in lines {
            // A line says goodbye for two seconds at most.
            let _ = line.await;
        }
    }
}

impl Drop for Link {
    fn drop(&mut self) {
        for consumer in &lock(&self.tasks).consumers {
            consumer.stop.trigger();
        }
        self.closing.trigger();
        self.end.trigger();
    }
}

impl std::fmt::Debug for Link {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Link")
            .field("name", &self.name)
            .field("trouble", &self.trouble())
            .finish_non_exhaustive()
    }
}

fn dial(
    settings: &RabbitmqSettings,
    topology: &Arc<Topology>,
    health: &Arc<Health>,
    name: &str,
    part: &'static str,
) -> Result<Dial, LinkError> {
    Ok(Dial {
        part,
        arguments: address::arguments(settings, &format!("{name} {part}"))?,
        topology: Arc::clone(topology),
        timeout: settings.connect_timeout,
        health: Arc::clone(health),
        ids: Ids::new(Clock::System),
    })
}
