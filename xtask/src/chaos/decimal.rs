//! Decimal strings as whole units of 1e-8, so that nothing is rounded.

/// Units in one.
pub const ONE: u64 = 100_000_000;
const DIGITS: usize = 8;

/// `0.5` as 50,000,000; none for what is no such decimal.
pub fn parse(text: &str) -> Option<u64> {
    let (whole, part) = text.split_once('.').unwrap_or((text, ""));
    let digits = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit());
    if whole.is_empty() || part.len() > DIGITS || !digits(whole) || !digits(part) {
        return None;
    }
    let part: u64 = format!("{part:0<DIGITS$}").parse().ok()?;
    whole.parse::<u64>().ok()?.checked_mul(ONE)?.checked_add(part)
}

/// The shortest decimal of so many units.
pub fn format(units: u64) -> String {
    let (whole, part) = (units / ONE, units % ONE);
    if part == 0 {
        return whole.to_string();
    }
    let part = format!("{part:08}");
    format!("{whole}.{}", part.trim_end_matches('0'))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn decimals_are_read_and_written_exactly() {
        for (text, units) in [
            ("0", 0),
            ("1", ONE),
            ("0.5", ONE / 2),
            ("60000.01", 6_000_001_000_000),
            ("0.00000001", 1),
        ] {
            assert_eq!(parse(text), Some(units));
            assert_eq!(format(units), text);
        }
        assert_eq!(parse("1.50"), Some(ONE + ONE / 2));
        for text in ["", ".5", "-1", "1.000000001", "1e3", "x", "99999999999999"] {
            assert_eq!(parse(text), None, "{text:?}");
        }
    }
}
