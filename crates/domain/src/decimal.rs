//! Exact decimal strings: the only way a number enters or leaves, read into and written from units of 1e-8.

/// Decimal places of every amount, as in `DECIMAL(20,8)`.
const PLACES: usize = 8;
/// Digits before the point that are read; more cannot fit an [`crate::Amount`].
const WHOLE_DIGITS: usize = 12;

/// Why a string is not a decimal number of ours.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum DecimalError {
    /// Signs, exponents, blanks, separators, words and non-ASCII digits are not read.
    #[error("must be a plain decimal number such as \"1.25\"")]
    NotDecimal,
    /// More than eight digits stand behind the point.
    #[error("must have at most 8 decimal places")]
    TooManyPlaces,
    /// More than twelve digits stand before the point, or the value passes 2^63 - 1 units of 1e-8.
    #[error("is too large")]
    TooLarge,
}

/// Reads a plain decimal string into units of 1e-8: digits, and at most one point with digits on both sides.
///
/// # Errors
/// See [`DecimalError`]; nothing is rounded, ever.
pub fn parse_units(text: &str) -> Result<u64, DecimalError> {
    let (whole, fraction) = match text.split_once('.') {
        Some((_, "")) => return Err(DecimalError::NotDecimal),
        Some((whole, fraction)) => (whole, fraction),
        None => (text, ""),
    };
    let digits = |part: &str| part.bytes().all(|b| b.is_ascii_digit());
    if whole.is_empty() || !digits(whole) || !digits(fraction) {
        return Err(DecimalError::NotDecimal);
    }
    if fraction.len() > PLACES {
        return Err(DecimalError::TooManyPlaces);
    }
    if whole.len() > WHOLE_DIGITS {
        return Err(DecimalError::TooLarge);
    }
    let padding = std::iter::repeat_n(b'0', PLACES - fraction.len());
    let units = whole
        .bytes()
        .chain(fraction.bytes())
        .chain(padding)
        .fold(0u128, |sum, digit| sum * 10 + u128::from(digit - b'0'));
    match u64::try_from(units) {
        Ok(units) if units <= i64::MAX as u64 => Ok(units),
        _ => Err(DecimalError::TooLarge),
    }
}

/// Writes units of 1e-8 as a decimal string without needless zeros: `150000000` is `"1.5"`.
pub fn format_units(units: u128) -> String {
    let (whole, fraction) = (units / 100_000_000, units % 100_000_000);
    if fraction == 0 {
        return whole.to_string();
    }
    let text = format!("{whole}.{fraction:08}");
    text.trim_end_matches('0').to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn plain_decimals_are_read_exactly() {
        for (text, units) in [
            ("0", 0),
            ("1", 100_000_000),
            ("0.00000001", 1),
            ("1.5", 150_000_000),
            ("007.25", 725_000_000),
            ("92233720368.54775807", i64::MAX as u64),
        ] {
            assert_eq!(parse_units(text), Ok(units), "{text}");
        }
    }

    #[test]
    fn everything_else_is_refused() {
        use DecimalError::{NotDecimal, TooLarge, TooManyPlaces};
        for (text, error) in [
            ("", NotDecimal),
            (".5", NotDecimal),
            ("1.", NotDecimal),
            ("-1", NotDecimal),
            ("+1", NotDecimal),
            (" 1", NotDecimal),
            ("1e3", NotDecimal),
            ("1e400", NotDecimal),
            ("NaN", NotDecimal),
            ("1,000", NotDecimal),
            ("1.2.3", NotDecimal),
            ("\u{0661}", NotDecimal),
            ("0.123456789", TooManyPlaces),
            ("1234567890123", TooLarge),
            ("92233720368.54775808", TooLarge),
            ("999999999999", TooLarge),
            ("123456789012345678901234567890123456789", TooLarge),
        ] {
            assert_eq!(parse_units(text), Err(error), "{text:?}");
        }
    }

    #[test]
    fn what_is_written_is_read_back() {
        for units in [
            0,
            1,
            10,
            99_999_999,
            100_000_000,
            123_456_789_012,
            i64::MAX as u64,
        ] {
            assert_eq!(parse_units(&format_units(u128::from(units))), Ok(units));
        }
    }
}
