//! The wall clock of a chaos run: for the ends of orders, and to tell what was received before healing.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// Now, as the clock of this machine has it.
#[expect(
    clippy::disallowed_methods,
    reason = "a chore stands beside the exchange, and nobody replays it"
)]
pub fn now() -> SystemTime {
    SystemTime::now()
}

/// As `expires_at` wants it: RFC 3339 in UTC, so long from now.
pub fn text_after(after: Duration) -> String {
    let since = since_1970() + after;
    let (days, seconds) = (since.as_secs() / 86_400, since.as_secs() % 86_400);
    let (year, month, day) = date(days);
    format!(
        "{year:04}-{month:02}-{day:02}T{:02}:{:02}:{:02}.{:06}Z",
        seconds / 3_600,
        seconds / 60 % 60,
        seconds % 60,
        since.subsec_micros()
    )
}

/// Time since the first of January 1970.
pub fn since_1970() -> Duration {
    now().duration_since(UNIX_EPOCH).unwrap_or_default()
}

/// Year, month and day so many days after the first of January 1970.
fn date(days: u64) -> (u64, u64, u64) {
    let (mut year, mut left) = (1970, days);
    let leap = |year: u64| {
        u64::from(year.is_multiple_of(4) && (!year.is_multiple_of(100) || year.is_multiple_of(400)))
    };
    while left >= 365 + leap(year) {
        left -= 365 + leap(year);
        year += 1;
    }
    let lengths = [31, 28 + leap(year), 31, 30, 31, 30, 31, 31, 30, 31, 30, 31];
    let mut month = 1;
    for length in lengths {
        if left < length {
            break;
        }
        left -= length;
        month += 1;
    }
    (year, month, left + 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dates_are_those_of_the_calendar() {
        for (days, day) in [
            (0, (1970, 1, 1)),
            (58, (1970, 2, 28)),
            (59, (1970, 3, 1)),
            (11_016, (2000, 2, 29)),
            (20_454, (2026, 1, 1)),
            (20_818, (2026, 12, 31)),
        ] {
            assert_eq!(date(days), day);
        }
        let text = text_after(Duration::ZERO);
        assert_eq!((text.len(), &text[10..11], &text[26..]), (27, "T", "Z"));
    }
}
