//! Kill -9 under load: nothing acknowledged is lost or doubled.
//!
//! The real gateway runs as a process of its own; clients place, amend, cancel, deposit, withdraw and repeat themselves
//! over HTTP; the process is killed at random moments and started again. After each kill the log, as `gateway journal
//! dump` prints it, is replayed and must hold exactly the commands of which the clients were told, in their order, with
//! the very outcomes that they were told of. After each start the API must show what the log says.
//!
//! `CRASH_ROUNDS` and `CRASH_SEED` in the environment change length and dice; `cargo xtask crash` runs the long form.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]
#![allow(
    clippy::print_stdout,
    reason = "the figures are for whoever runs the long form"
)]

mod ask;
mod audit;
mod client;
mod compare;
mod dice;
mod past;
mod placement;
mod script;
mod seen;
mod session;
mod tally;
mod twin;
mod venue;

use std::time::Duration;

use session::Session;
use venue::Venue;

/// Kills in the short form.
const ROUNDS: u64 = 3;
/// The longest that a round runs under load before the kill, in milliseconds.
const LOAD_MS: u64 = 2_000;
/// The longest that a start runs before it is killed, in milliseconds.
const START_MS: u64 = 150;

fn setting(name: &str) -> Option<u64> {
    let text = std::env::var(name).ok()?;
    Some(text.parse().unwrap_or_else(|_| panic!("{name} must be a number")))
}

fn seed() -> u64 {
    let seed = setting("CRASH_SEED").unwrap_or_else(|| runtime::Clock::System.wall_us() % 1_000_000_007);
    println!("CRASH_SEED={seed}");
    seed
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn kills_under_load_lose_and_double_nothing() {
    let rounds = setting("CRASH_ROUNDS").unwrap_or(ROUNDS);
    let mut session = Session::open(seed()).await;
    for round in 1..=rounds {
        let moment = session.moment(LOAD_MS);
        session
            .under_load(async |venue: &mut Venue| {
                // The first kill meets a snapshot, the last one an archive: else short forms might never see them.
                if round == 1 {
                    until_there(venue, "snapshots").await;
                }
                if round == rounds {
                    until_there(venue, "archive").await;
                }
                tokio::time::sleep(moment).await;
                venue.kill();
            })
            .await;
        session.hold_against_log();
        if session.dice.chance(30) {
            let moment = session.moment(START_MS);
            session.venue.start_and_kill(moment).await;
        }
        let started = session.start().await;
        session.resolve().await;
        session.audit(round == rounds).await;
        println!(
            "round {round}: killed after {moment:?}, ready after {:?}, snapshot {:?}, replayed {}",
            started.ready, started.snapshot, started.replayed
        );
    }
    session.venue.kill();
    session.replay_all();
    println!("{}", session.tally.report());
    assert!(session.tally.archived() > 0, "no segment went to the archive");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_stop_under_load_ends_clean_and_the_next_start_replays_nothing() {
    let mut session = Session::open(seed()).await;
    let status = session
        .under_load(async |venue: &mut Venue| {
            tokio::time::sleep(Duration::from_secs(1)).await;
            venue.stop().await
        })
        .await;
    assert_eq!(status.code(), Some(0), "{}", session.venue.log());
    session.hold_against_log();
    let (snapshot, last) = session.replay_all();
    assert_eq!(snapshot, last, "the last snapshot covers all");
    let started = session.start().await;
    assert_eq!(
        (started.snapshot, started.replayed, started.cut),
        (Some(last), 0, false)
    );
    session.resolve().await;
    session.audit(true).await;
    println!("{}", session.tally.report());
}

/// Waits until a folder of the data directory has a file.
async fn until_there(venue: &Venue, folder: &str) {
    let found = async {
        while venue.files(folder) == 0 {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    let found = tokio::time::timeout(venue::PATIENCE, found).await;
    found.unwrap_or_else(|_| panic!("nothing comes into {folder}:\n{}", venue.log()));
}
