//! What the operating system says of this process: processor time, memory, files, threads.

#[cfg(target_os = "linux")]
pub(super) use linux::look;

/// There is nobody to ask here: the figures stay at 0.
#[cfg(not(target_os = "linux"))]
pub(super) fn look() {}

#[cfg(target_os = "linux")]
mod linux {
    use std::fs::{read_dir, read_to_string};

    use metrics::{counter, gauge};

    /// Sets the figures; what cannot be read stays as it was.
    pub fn look() {
        let ticks = rustix::param::clock_ticks_per_second().max(1);
        if let Some(times) = read_to_string("/proc/self/stat").ok().as_deref().and_then(times) {
            counter!("process_cpu_seconds_total").absolute(times.spent / ticks);
            let boot = read_to_string("/proc/stat").ok();
            let boot = boot
                .as_deref()
                .and_then(|stat| number(stat, "btime "))
                .unwrap_or(0);
            let started = boot as f64 + times.started as f64 / ticks as f64;
            gauge!("process_start_time_seconds").set(started);
        }
        if let Ok(status) = read_to_string("/proc/self/status") {
            for (name, line, unit) in [
                ("process_resident_memory_bytes", "VmRSS:", 1_024.0),
                ("process_virtual_memory_bytes", "VmSize:", 1_024.0),
                ("process_threads", "Threads:", 1.0),
            ] {
                if let Some(number) = number(&status, line) {
                    gauge!(name).set(number as f64 * unit);
                }
            }
        }
        if let Ok(files) = read_dir("/proc/self/fd") {
            gauge!("process_open_fds").set(files.count() as f64);
        }
        let limits = read_to_string("/proc/self/limits").ok();
        if let Some(most) = limits
            .as_deref()
            .and_then(|limits| number(limits, "Max open files"))
        {
            gauge!("process_max_fds").set(most as f64);
        }
    }

    /// In clock ticks.
    #[derive(Debug, PartialEq)]
    struct Times {
        spent: u64,
        started: u64,
    }

    /// The times in the line of `/proc/self/stat`, in which the program's name may have any character.
    fn times(stat: &str) -> Option<Times> {
        let (_, behind) = stat.rsplit_once(')')?;
        let fields: Vec<&str> = behind.split_whitespace().collect();
        let field = |number: usize| fields.get(number)?.parse::<u64>().ok();
        Some(Times {
            spent: field(11)? + field(12)?,
            started: field(19)?,
        })
    }

    /// The first number of the line that begins so.
    fn number(text: &str, beginning: &str) -> Option<u64> {
        let line = text.lines().find_map(|line| line.strip_prefix(beginning))?;
        line.split_whitespace().next()?.parse().ok()
    }

    #[cfg(test)]
    mod tests {
        use super::*;

        #[test]
        fn times_are_found_behind_a_name_with_spaces_and_brackets() {
            let stat = "7 (a b) c) S 1 7 7 0 -1 4 0 0 0 0 150 50 3 4 20 0 9 0 4321 1 2 3";
            assert_eq!(
                times(stat),
                Some(Times {
                    spent: 200,
                    started: 4_321
                })
            );
            assert_eq!(times("7 (short) S 1"), None);
        }

        #[test]
        fn a_number_is_the_first_of_its_line_and_missing_or_unlimited_ones_are_none() {
            let text = "VmPeak:\t 9 kB\nVmRSS:\t  2048 kB\nMax open files   unlimited  unlimited files\n";
            assert_eq!(number(text, "VmRSS:"), Some(2_048));
            assert_eq!(number(text, "Max open files"), None);
            assert_eq!(number(text, "Threads:"), None);
        }
    }
}
