//! Loopback ports for servers that must come back on the same port: nobody else takes them in between.

use std::fs::File;
use std::net::TcpListener;
use std::sync::atomic::{AtomicU16, Ordering};

use anyhow::{Context, Result, bail};

/// Below the ports that systems hand out to outgoing connections (from 32768 or 49152), so that no client of ours takes
/// the port of a server that is down for a moment.
const FIRST: u16 = 20_000;
const COUNT: u16 = 12_000;
/// Processes that run at the same time begin apart from each other.
const STRIDE: u32 = 61;
static NEXT: AtomicU16 = AtomicU16::new(0);

/// A port of 127.0.0.1 that no other test takes while this value lives, whether or not somebody listens on it.
#[derive(Debug)]
pub struct Port {
    number: u16,
    _lock: File,
}

impl Port {
    /// One that is free now.
    ///
    /// # Errors
    /// The folder of locks cannot be made, or no port is free.
    pub fn free() -> Result<Self> {
        let user = rustix::process::getuid().as_raw();
        let locks = std::env::temp_dir().join(format!("testbed-ports-{user}"));
        std::fs::create_dir_all(&locks).with_context(|| locks.display().to_string())?;
        let begin = std::process::id().wrapping_mul(STRIDE) % u32::from(COUNT);
        let begin = u16::try_from(begin).unwrap_or_default();
        for _ in 0..COUNT {
            let step = NEXT.fetch_add(1, Ordering::Relaxed) % COUNT;
            let number = FIRST + (begin + step) % COUNT;
            // The lock goes with the process, however it ends.
            let Ok(lock) = File::create(locks.join(number.to_string())) else {
                continue;
            };
            if lock.try_lock().is_ok() && TcpListener::bind(("127.0.0.1", number)).is_ok() {
                return Ok(Self { number, _lock: lock });
            }
        }
        bail!("no port of 127.0.0.1 from {FIRST} on is free")
    }

    /// Its number.
    pub fn number(&self) -> u16 {
        self.number
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_port_is_handed_out_once() {
        let ports: Vec<Port> = (0..20).map(|_| Port::free().unwrap()).collect();
        let mut numbers: Vec<u16> = ports.iter().map(Port::number).collect();
        numbers.sort_unstable();
        numbers.dedup();
        assert_eq!(numbers.len(), 20);
    }

    #[test]
    fn a_port_where_somebody_listens_is_passed_over() {
        let port = Port::free().unwrap().number();
        let _listener = TcpListener::bind(("127.0.0.1", port)).unwrap();
        NEXT.fetch_sub(1, Ordering::Relaxed);
        assert_ne!(Port::free().unwrap().number(), port);
    }
}
