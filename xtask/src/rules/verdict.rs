//! What came of one test, read from what its program printed.

use std::process::ExitStatus;
use std::time::Duration;

/// How much of a panic's message is told.
const TOLD: usize = 110;

/// What came of a test.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Verdict {
    /// It ran, alone, and passed.
    Passed,
    /// It ran, alone, and failed: where, and what it said.
    Failed(String),
    /// It did not end within this time.
    Hung(Duration),
    /// The program has no test of this name.
    Missing,
    /// It ended in another way.
    Strange(String),
}

/// Reads what the program of a test printed that was told to run this one test.
pub fn judge(test: &str, printed: &str, status: ExitStatus) -> Verdict {
    let line = |start: &str| printed.lines().find(|line| line.starts_with(start));
    let result = line("test result: ").unwrap_or_default();
    let outcome = line(&format!("test {test} ... "));
    let outcome = outcome.and_then(|line| line.rsplit(' ').next());
    match (status.success(), outcome) {
        (true, Some("ok")) if result.contains(" 1 passed; 0 failed;") => Verdict::Passed,
        (false, Some("FAILED")) if result.contains(" 0 passed; 1 failed;") => {
            Verdict::Failed(why(test, printed))
        }
        (true, None) if result.contains(" 0 passed; 0 failed;") => Verdict::Missing,
        _ => {
            let last = printed.lines().rfind(|line| !line.trim().is_empty());
            Verdict::Strange(format!("{status}, {}", last.unwrap_or("nothing was printed")))
        }
    }
}

/// Where the test panicked, and the first line of what it said.
fn why(test: &str, printed: &str) -> String {
    let own = format!("thread '{test}'");
    let place = |line: &str| line.contains(" panicked at ");
    // Other threads may have panicked before it.
    let at = (printed
        .lines()
        .position(|line| line.starts_with(&own) && place(line)))
    .or_else(|| printed.lines().position(place));
    let Some(at) = at else {
        return "it returned an error".to_owned();
    };
    let mut lines = printed.lines().skip(at);
    let place = lines.next().and_then(|line| line.rsplit(" panicked at ").next());
    let file = place.unwrap_or_default().trim_end_matches(':');
    let file = file.rsplit('/').next().unwrap_or(file);
    let message = lines.next().unwrap_or_default().trim();
    let told: String = message.chars().take(TOLD).collect();
    let dots = if told.len() < message.len() { " ..." } else { "" };
    format!("{file}: {told}{dots}")
}

#[cfg(test)]
mod tests {
    use std::os::unix::process::ExitStatusExt as _;

    use super::*;

    const OK: &str = "\nrunning 1 test\ntest a::b ... ok\n\n\
        test result: ok. 1 passed; 0 failed; 0 ignored; 0 measured; 9 filtered out; finished in 0.10s\n";
    const FAILED: &str = "\nrunning 1 test\ntest a::b ... FAILED\n\nfailures:\n\n---- a::b stdout ----\n\n\
        thread 'worker' (4) panicked at crates/x/src/lib.rs:1:2:\nearlier\n\n\
        thread 'a::b' (5) panicked at crates/x/tests/t/b.rs:30:5:\nassertion failed: no | left\n  left: 1\n\n\
        test result: FAILED. 0 passed; 1 failed; 0 ignored; 0 measured; 9 filtered out; finished in 0.10s\n";
    const NONE: &str = "\nrunning 0 tests\n\n\
        test result: ok. 0 passed; 0 failed; 0 ignored; 0 measured; 10 filtered out; finished in 0.00s\n";

    fn judged(printed: &str, code: i32) -> Verdict {
        judge("a::b", printed, ExitStatus::from_raw(code << 8))
    }

    #[test]
    fn a_test_has_passed_or_failed_only_where_it_says_so_itself() {
        assert_eq!(judged(OK, 0), Verdict::Passed);
        let why = "b.rs:30:5: assertion failed: no | left".to_owned();
        assert_eq!(judged(FAILED, 101), Verdict::Failed(why));
        assert_eq!(judged(NONE, 0), Verdict::Missing);
        for (printed, code) in [
            (OK, 101),
            (FAILED, 0),
            (NONE, 101),
            ("\nrunning 1 test\n", 134),
            ("", 0),
            (&OK.replace("a::b", "a::bc"), 0),
            (&OK.replace(" 1 passed", " 2 passed"), 0),
            (&OK.replace("... ok", "... ignored"), 0),
        ] {
            assert!(
                matches!(judged(printed, code), Verdict::Strange(_)),
                "{code} {printed}"
            );
        }
    }

    #[test]
    fn the_reason_is_the_tests_own_panic_or_the_first_one() {
        let other = FAILED.replace("thread 'a::b'", "thread 'c'");
        let first = Verdict::Failed("lib.rs:1:2: earlier".to_owned());
        assert_eq!(judged(&other, 101), first);
        let error = FAILED.replace(" panicked at ", " said ");
        let returned = Verdict::Failed("it returned an error".to_owned());
        assert_eq!(judged(&error, 101), returned);
        let long = FAILED.replace("no | left", &"ä".repeat(200));
        let Verdict::Failed(why) = judged(&long, 101) else {
            panic!("it has failed");
        };
        assert!(why.ends_with(" ..."), "{why}");
    }
}
