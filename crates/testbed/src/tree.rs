//! The processes that a process started, as the system knows them.

use std::process::Command;
use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process};

/// Rounds of looking for new processes while they are stopped one after the other.
const ROUNDS: u32 = 50;
/// Looks at a killed process until it has gone, every 10 ms.
const LOOKS: u32 = 1_000;

/// One line of the system's table.
struct Entry {
    pid: i32,
    parent: i32,
    zombie: bool,
}

/// All that this process started and that still runs, and what those started.
pub fn of(leader: Pid) -> Vec<Pid> {
    let table = table();
    let mut found = vec![leader.as_raw_nonzero().get()];
    let mut next = 0;
    while let Some(parent) = found.get(next).copied() {
        let children = table
            .iter()
            .filter(|entry| entry.parent == parent && !entry.zombie);
        let children: Vec<i32> = children.map(|entry| entry.pid).collect();
        found.extend(children.into_iter().filter(|pid| *pid != parent));
        next += 1;
    }
    found.into_iter().skip(1).filter_map(Pid::from_raw).collect()
}

/// Stops them all with SIGSTOP, until none is left that could start another, and returns them.
pub fn freeze(leader: Pid) -> Vec<Pid> {
    let mut frozen: Vec<Pid> = Vec::new();
    for _ in 0..ROUNDS {
        let new: Vec<Pid> = of(leader)
            .into_iter()
            .filter(|pid| !frozen.contains(pid))
            .collect();
        if new.is_empty() {
            break;
        }
        for pid in &new {
            let _ = kill_process(*pid, Signal::STOP);
        }
        frozen.extend(new);
    }
    frozen
}

/// Waits until each has gone; they have been killed.
pub fn until_gone(pids: &[Pid]) {
    for pid in pids {
        for _ in 0..LOOKS {
            if is_gone(*pid) {
                break;
            }
            std::thread::sleep(Duration::from_millis(10));
        }
    }
}

/// Whether it has ended. One that nobody has waited for yet has ended, too.
pub fn is_gone(pid: Pid) -> bool {
    let number = pid.as_raw_nonzero().get();
    let stat = std::fs::read_to_string(format!("/proc/{number}/stat"));
    match stat.ok().as_deref().and_then(entry) {
        Some(entry) => entry.zombie,
        None => {
            rustix::process::test_kill_process(pid).is_err() || std::path::Path::new("/proc/self").exists()
        }
    }
}

fn table() -> Vec<Entry> {
    match std::fs::read_dir("/proc") {
        Ok(entries) => entries
            .filter_map(|found| std::fs::read_to_string(found.ok()?.path().join("stat")).ok())
            .filter_map(|stat| entry(&stat))
            .collect(),
        Err(_) => from_ps(),
    }
}

/// A line of Linux: the number, the name in brackets, the state, the parent.
fn entry(stat: &str) -> Option<Entry> {
    let (pid, _) = stat.split_once(' ')?;
    let (_, rest) = stat.rsplit_once(')')?;
    let mut words = rest.split_whitespace();
    let state = words.next()?;
    Some(Entry {
        pid: pid.parse().ok()?,
        parent: words.next()?.parse().ok()?,
        zombie: matches!(state, "Z" | "X"),
    })
}

/// Where there is no `/proc`.
fn from_ps() -> Vec<Entry> {
    let output = Command::new("ps").args(["-axo", "pid=,ppid=,state="]).output();
    let text = output.map(|output| String::from_utf8_lossy(&output.stdout).into_owned());
    let text = text.unwrap_or_default();
    let line = |line: &str| {
        let mut words = line.split_whitespace();
        Some(Entry {
            pid: words.next()?.parse().ok()?,
            parent: words.next()?.parse().ok()?,
            zombie: words.next()?.starts_with('Z'),
        })
    };
    text.lines().filter_map(line).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_with_spaces_and_brackets_do_not_confuse() {
        let entry = entry("12 (a) b (c) S 7 12 12").unwrap();
        assert_eq!((entry.pid, entry.parent, entry.zombie), (12, 7, false));
        assert!(super::entry("12 (a").is_none());
    }
}
