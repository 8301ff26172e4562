//! Candles without the minutes in which they began: trades of two sessions fall into other minutes.

use serde_json::{Map, Value};

use crate::chaos::decimal;

/// The list of candles in an answer or a frame.
const LIST: &str = "\"candles\":[";

/// The answer with all its candles made into one; of an answer that may leave some out, only the last price.
pub fn without_minutes(request: &str, answer: String) -> String {
    let Some((before, rest)) = answer.split_once(LIST) else {
        return answer;
    };
    // No candle holds a list.
    let Some((list, after)) = rest.split_once(']') else {
        return answer;
    };
    let Ok(Value::Array(candles)) = serde_json::from_str(&format!("[{list}]")) else {
        return answer;
    };
    let is_whole = request.contains("limit=1000");
    let one = if is_whole { whole(&candles) } else { last(&candles) };
    match one {
        Some(one) => format!("{before}{LIST}{one}]{after}"),
        None => answer,
    }
}

/// The price of the last trade.
fn last(candles: &[Value]) -> Option<String> {
    let candle = candles.last()?.as_object()?;
    Some(format!(
        "{{{},\"close\":{}}}",
        names(candle),
        candle.get("close")?
    ))
}

/// One candle of all; none where one is not as candles are.
fn whole(candles: &[Value]) -> Option<String> {
    let all: Vec<&Map<String, Value>> = candles.iter().map(Value::as_object).collect::<Option<_>>()?;
    let (first, last) = (all.first()?, all.last()?);
    let units = |name: &str| -> Option<Vec<u64>> {
        all.iter()
            .map(|candle| decimal::parse(candle.get(name)?.as_str()?))
            .collect()
    };
    let trades: Option<Vec<u64>> = all.iter().map(|candle| candle.get("trades")?.as_u64()).collect();
    Some(format!(
        "{{{},\"open\":{},\"high\":\"{}\",\"low\":\"{}\",\"close\":{},\"volume\":\"{}\",\"quote_volume\":\"{}\",\"trades\":{}}}",
        names(first),
        first.get("open")?,
        decimal::format(units("high")?.into_iter().max()?),
        decimal::format(units("low")?.into_iter().min()?),
        last.get("close")?,
        decimal::format(units("volume")?.into_iter().sum()),
        decimal::format(units("quote_volume")?.into_iter().sum()),
        trades?.into_iter().sum::<u64>(),
    ))
}

/// Which fields a candle has.
fn names(candle: &Map<String, Value>) -> String {
    let names: Vec<&str> = candle.keys().map(String::as_str).collect();
    format!("\"fields\":\"{}\"", names.join(" "))
}

#[cfg(test)]
mod tests {
    use super::*;

    const ALL: &str = "nobody GET api/v1/markets/SRUN-USDT/candles?interval=1m&limit=1000";
    const LAST: &str = "nobody GET api/v1/markets/SRUN-USDT/candles?limit=1";

    fn candle(open: &str, high: &str, low: &str, close: &str, volume: &str, trades: u64) -> String {
        format!(
            "{{\"opened_at\":\"TIME\",\"open\":\"{open}\",\"high\":\"{high}\",\"low\":\"{low}\",\"close\":\"{close}\",\
             \"volume\":\"{volume}\",\"quote_volume\":\"{volume}\",\"trades\":{trades}}}"
        )
    }

    fn answer(candles: &[String]) -> String {
        format!("200 {{\"interval\":\"1m\",\"candles\":[{}]}}", candles.join(","))
    }

    #[test]
    fn the_same_trades_over_one_minute_or_over_two_are_the_same() {
        let one = answer(&[candle("10", "12", "9", "11", "1.5", 5)]);
        let two = answer(&[
            candle("10", "11", "10", "11", "0.25", 2),
            candle("12", "12", "9", "11", "1.25", 3),
        ]);
        let whole = without_minutes(ALL, one.clone());
        assert_eq!(whole, without_minutes(ALL, two.clone()));
        assert!(
            whole.contains("\"volume\":\"1.5\"") && whole.contains("\"trades\":5"),
            "{whole}"
        );
        assert_eq!(without_minutes(LAST, one), without_minutes(LAST, two));
    }

    #[test]
    fn other_trades_are_not_the_same() {
        let right = ["10", "12", "9", "11", "1.5"];
        let of = |words: [&str; 5], trades| {
            let [open, high, low, close, volume] = words;
            without_minutes(ALL, answer(&[candle(open, high, low, close, volume, trades)]))
        };
        for wrong in 0..right.len() {
            let mut words = right;
            words[wrong] = "99";
            assert_ne!(of(words, 5), of(right, 5), "{words:?}");
        }
        assert_ne!(of(right, 5), of(right, 6));
    }

    #[test]
    fn what_holds_no_candles_stays_as_it_is() {
        for answer in [
            "200 {}".to_owned(),
            answer(&[]),
            "200 {\"candles\":[{\"a\":1}]}".to_owned(),
            "200 {\"candles\":[".to_owned(),
        ] {
            assert_eq!(without_minutes(ALL, answer.clone()), answer);
        }
    }
}
