//! Exact decimals as the API writes them: strings with up to eight places, held as whole units of 1e-8.

use anyhow::{Context, bail};

/// Units in one whole.
pub(crate) const ONE: i128 = 100_000_000;
/// How many places a unit has.
const PLACES: usize = 8;

/// The units of a decimal string.
///
/// # Errors
/// It is no decimal number with up to eight places, or far too large.
pub(crate) fn parse(text: &str) -> anyhow::Result<i128> {
    let (negative, digits) = match text.strip_prefix('-') {
        Some(rest) => (true, rest),
        None => (false, text),
    };
    let (whole, places) = digits.split_once('.').unwrap_or((digits, ""));
    let all_digits = |part: &str| part.bytes().all(|byte| byte.is_ascii_digit());
    if whole.is_empty() || whole.len() > 20 || places.len() > PLACES {
        bail!("`{text}` is no decimal number");
    }
    if !all_digits(whole) || !all_digits(places) || (digits.contains('.') && places.is_empty()) {
        bail!("`{text}` is no decimal number");
    }
    let padded = format!("{whole}{places:0<PLACES$}");
    let units: i128 = padded.parse().with_context(|| format!("`{text}`"))?;
    Ok(if negative { -units } else { units })
}

/// Units as a decimal string without zeros at the end.
pub(crate) fn format(units: i128) -> String {
    let sign = if units < 0 { "-" } else { "" };
    let units = units.unsigned_abs();
    let (whole, places) = (units / ONE.unsigned_abs(), units % ONE.unsigned_abs());
    if places == 0 {
        return format!("{sign}{whole}");
    }
    let places = format!("{places:0>PLACES$}");
    format!("{sign}{whole}.{}", places.trim_end_matches('0'))
}

/// Price times quantity, in units; markets are made so that it is exact.
pub(crate) const fn product(price: i128, quantity: i128) -> i128 {
    price * quantity / ONE
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn decimals_are_read_and_written_back() {
        for (text, units) in [
            ("0", 0),
            ("1", ONE),
            ("0.00000001", 1),
            ("-0.5", -ONE / 2),
            ("92233720368.54775807", i128::from(i64::MAX)),
        ] {
            assert_eq!(parse(text).unwrap(), units, "{text}");
            assert_eq!(format(units), text);
        }
        assert_eq!(parse("50000.10").unwrap(), 5_000_010 * ONE / 100);
    }

    #[test]
    fn what_is_no_decimal_is_refused() {
        for text in [
            "",
            "-",
            ".",
            ".5",
            "5.",
            "1e5",
            "+1",
            "1.000000001",
            "1,5",
            " 1",
            "--1",
            "1.2.3",
            "123456789012345678901",
        ] {
            assert!(parse(text).is_err(), "{text:?}");
        }
    }

    #[test]
    fn a_price_times_a_quantity_is_exact() {
        let price = parse("50000.01").unwrap();
        let quantity = parse("0.000001").unwrap();
        assert_eq!(format(product(price, quantity)), "0.05000001");
    }
}
