//! Waiting for a point in time more exactly than the runtime's timers, which know whole milliseconds only.

use tokio::time::Instant;

/// Waits for points in time.
pub(crate) struct Pacer {
    #[cfg(target_os = "linux")]
    timer: tokio::net::unix::pipe::Receiver,
}

#[cfg(target_os = "linux")]
impl Pacer {
    /// A pacer of this runtime.
    ///
    /// # Errors
    /// The kernel gives no timer.
    pub(crate) fn new() -> anyhow::Result<Self> {
        use rustix::time::{TimerfdClockId, TimerfdFlags, timerfd_create};
        let flags = TimerfdFlags::NONBLOCK | TimerfdFlags::CLOEXEC;
        let timer = timerfd_create(TimerfdClockId::Monotonic, flags)?;
        // A timer is no pipe, but it is waited for and read like one, and this type asks for nothing else.
        let timer = tokio::net::unix::pipe::Receiver::from_owned_fd_unchecked(timer)?;
        Ok(Self { timer })
    }

    /// Waits until `due`; not at all where it has passed.
    ///
    /// # Errors
    /// The kernel's timer fails.
    pub(crate) async fn until(&mut self, due: Instant) -> anyhow::Result<()> {
        use rustix::time::{Itimerspec, TimerfdTimerFlags, Timespec, timerfd_settime};
        let wait = due.saturating_duration_since(Instant::now());
        if wait.is_zero() {
            return Ok(());
        }
        let none = Timespec {
            tv_sec: 0,
            tv_nsec: 0,
        };
        let wait = Timespec {
            tv_sec: i64::try_from(wait.as_secs())?,
            tv_nsec: wait.subsec_nanos().into(),
        };
        let once = Itimerspec {
            it_interval: none,
            it_value: wait,
        };
        timerfd_settime(&self.timer, TimerfdTimerFlags::empty(), &once)?;
        let mut count = [0; 8];
        loop {
            self.timer.readable().await?;
            match self.timer.try_read(&mut count) {
                Ok(_) => return Ok(()),
                Err(error) if error.kind() == std::io::ErrorKind::WouldBlock => {}
                Err(error) => return Err(error.into()),
            }
        }
    }
}

#[cfg(not(target_os = "linux"))]
impl Pacer {
    /// A pacer of this runtime.
    ///
    /// # Errors
    /// None here.
    pub(crate) fn new() -> anyhow::Result<Self> {
        Ok(Self {})
    }

    /// Waits until `due`; not at all where it has passed.
    ///
    /// # Errors
    /// None here.
    pub(crate) async fn until(&mut self, due: Instant) -> anyhow::Result<()> {
        tokio::time::sleep_until(due).await;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[tokio::test]
    async fn it_is_never_early_and_passes_at_once_what_is_over() {
        let mut pacer = Pacer::new().unwrap();
        let start = Instant::now();
        pacer.until(start).await.unwrap();
        for step in 1..20 {
            let due = start + Duration::from_micros(step * 300);
            pacer.until(due).await.unwrap();
            assert!(Instant::now() >= due);
        }
    }
}
