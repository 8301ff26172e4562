//! Lines of the ledger without reservations that came to nothing.

/// The list of lines in an answer.
const LIST: &str = "\"entries\":[";
/// What is between two lines; none of them holds an object.
const BETWEEN: &str = "},{";

/// A whole list without the orders of which it tells nothing but that something was reserved for them and all of it released.
pub fn without_idle_reservations(request: &str, answer: String) -> String {
    let is_whole = request.contains("api/v1/ledger?") && request.contains("limit=1000");
    let parts = answer.split_once(LIST).and_then(|(before, rest)| {
        let (list, after) = rest.split_once("}]")?;
        Some((before, list.strip_prefix('{')?, after))
    });
    let Some((before, list, after)) = parts.filter(|_| is_whole) else {
        return answer;
    };
    let lines: Vec<&str> = list.split(BETWEEN).collect();
    let kept: Vec<&str> = lines
        .iter()
        .copied()
        .filter(|line| !is_idle(&lines, line))
        .collect();
    if kept.is_empty() {
        return format!("{before}{LIST}]{after}");
    }
    format!("{before}{LIST}{{{}}}]{after}", kept.join(BETWEEN))
}

/// Whether the order of a line has this one and its opposite, and no other.
fn is_idle(lines: &[&str], line: &str) -> bool {
    let order = field(line, "reference_id");
    let same = lines.iter().filter(|other| field(other, "reference_id") == order);
    let [release, reserve] = same.collect::<Vec<_>>()[..] else {
        return false;
    };
    let is = |line, kind| field(line, "entry_type") == Some(kind);
    // Newest first. What one moves from here to there the other moves back.
    order.is_some()
        && is(release, "RELEASE")
        && is(reserve, "RESERVE")
        && field(release, "asset") == field(reserve, "asset")
        && field(release, "available_change") == field(reserve, "reserved_change")
        && field(release, "reserved_change") == field(reserve, "available_change")
}

/// The text of a field.
fn field<'a>(line: &'a str, name: &str) -> Option<&'a str> {
    let (_, rest) = line.split_once(&format!("\"{name}\":\""))?;
    rest.split('"').next()
}

#[cfg(test)]
mod tests {
    use super::*;

    const ALL: &str = "bob GET api/v1/ledger?asset=USDT&limit=1000";

    fn line(kind: &str, amount: &str, order: &str) -> String {
        let (available, reserved) = match kind {
            "RESERVE" => (format!("-{amount}"), amount.to_owned()),
            _ => (amount.to_owned(), format!("-{amount}")),
        };
        format!(
            "{{\"asset\":\"USDT\",\"entry_type\":\"{kind}\",\"available_change\":\"{available}\",\
             \"reserved_change\":\"{reserved}\",\"reference_id\":\"{order}\"}}"
        )
    }

    fn answer(lines: &[String]) -> String {
        format!("200 {{\"entries\":[{}],\"next_cursor\":null}}", lines.join(","))
    }

    #[test]
    fn what_was_reserved_and_released_again_is_left_out() {
        let refused = [line("RELEASE", "9", "b"), line("RESERVE", "9", "b")];
        let other = [line("RELEASE", "1", "a"), line("RESERVE", "3", "a")];
        let [release, reserve] = &refused;
        let [first, second] = &other;
        let all = [first, release, second, reserve].map(String::clone);
        assert_eq!(without_idle_reservations(ALL, answer(&all)), answer(&other));
        assert_eq!(without_idle_reservations(ALL, answer(&refused)), answer(&[]));
    }

    #[test]
    fn everything_else_stays() {
        let reserve = line("RESERVE", "9", "a");
        for lines in [
            vec![],
            vec![reserve.clone()],
            vec![line("RELEASE", "8", "a"), reserve.clone()],
            vec![line("RELEASE", "9", "b"), reserve.clone()],
            vec![line("TRADE_BUY", "9", "a"), reserve.clone()],
            vec![reserve.clone(), line("RELEASE", "9", "a")],
            vec![
                line("TRADE_BUY", "1", "a"),
                line("RELEASE", "9", "a"),
                reserve.clone(),
            ],
        ] {
            assert_eq!(without_idle_reservations(ALL, answer(&lines)), answer(&lines));
        }
        let pair = answer(&[line("RELEASE", "9", "a"), reserve]);
        let page = "bob GET api/v1/ledger?limit=2";
        assert_eq!(without_idle_reservations(page, pair.clone()), pair);
    }
}
