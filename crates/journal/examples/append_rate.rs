//! Prints how many batches and entries per second this disk makes durable: `append_rate [DIR] [SECONDS]`.
#![allow(clippy::print_stdout, reason = "it is a command that prints")]
#![allow(clippy::disallowed_methods, reason = "it measures; nothing here is replayed")]

use std::error::Error;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use journal::{Journal, Options};

const PAYLOAD: [u8; 120] = [7; 120];
const RUNS: usize = 5;

fn main() -> Result<(), Box<dyn Error>> {
    let mut arguments = std::env::args().skip(1);
    let root = arguments.next().map_or_else(std::env::temp_dir, PathBuf::from);
    let seconds: f64 = arguments.next().map_or(Ok(1.0), |text| text.parse())?;
    let dir = root.join(format!("append-rate-{}", std::process::id()));
    println!(
        "{RUNS} runs of {seconds} s each, payloads of {} bytes, in {}",
        PAYLOAD.len(),
        dir.display()
    );
    for batch_len in [1, 100, 500] {
        let mut rates = Vec::with_capacity(RUNS);
        for _ in 0..RUNS {
            rates.push(batches_per_second(
                &dir,
                batch_len,
                Duration::from_secs_f64(seconds),
            )?);
            std::fs::remove_dir_all(&dir)?;
        }
        rates.sort_by(f64::total_cmp);
        let (slowest, median, fastest) = (rates[0], rates[RUNS / 2], rates[RUNS - 1]);
        println!(
            "batch of {batch_len:>3}: {median:>7.0} batches/s ({slowest:.0} to {fastest:.0}), {:>9.0} entries/s",
            median * batch_len as f64,
        );
    }
    Ok(())
}

fn batches_per_second(dir: &Path, batch_len: usize, time: Duration) -> Result<f64, Box<dyn Error>> {
    let (mut journal, _) = Journal::open(dir, Options::default())?;
    let mut batch = journal.new_batch();
    let (mut batches, begin) = (0_u32, Instant::now());
    while begin.elapsed() < time {
        batch.clear();
        for _ in 0..batch_len {
            batch.push(&PAYLOAD)?;
        }
        journal.append(&batch)?;
        batches += 1;
    }
    Ok(f64::from(batches) / begin.elapsed().as_secs_f64())
}
