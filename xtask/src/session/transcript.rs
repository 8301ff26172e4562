//! The transcripts of two sessions, without what may differ between two exchanges, and what differs all the same.
//!
//! `test/session.sh` leaves out times, tokens, versions of balances and sequences as it writes, and the names that it made
//! up: only it knows them. Ids are numbered here. What else may differ is told by name, with the reason.

use std::fmt;

use super::candles;
use super::names::Names;

/// The methods of requests, and the word for a frame that was waited for.
const METHODS: [&str; 6] = ["GET", "POST", "PUT", "PATCH", "DELETE", "WS"];
/// How many differences a message tells.
const TOLD: usize = 20;
/// How many characters before a difference it tells, and how many in all.
const BEFORE: usize = 100;
const AROUND: usize = 300;

/// What may differ between the two shapes of the exchange.
enum Allowed {
    /// `/health/ready` tells what the exchange leans on: one shape has a journal, the other servers.
    Dependencies,
    /// `/metrics` measures the program itself.
    Metrics,
    /// Trades fall into the minutes in which they happen, and no two sessions happen in the same.
    Minutes,
}

impl Allowed {
    const ALL: [Self; 3] = [Self::Dependencies, Self::Metrics, Self::Minutes];

    /// The answer without what may differ.
    fn leave_out(&self, request: &str, answer: String) -> String {
        match self {
            Self::Dependencies if request.ends_with(" GET health/ready") => {
                match answer.split_once("\"dependencies\":{") {
                    Some((before, after)) => {
                        let after = after.split_once('}').map_or("", |(_, after)| after);
                        format!("{before}\"dependencies\":{{}}{after}")
                    }
                    None => answer,
                }
            }
            Self::Metrics if request.ends_with(" GET metrics") => {
                answer.split(' ').next().unwrap_or_default().to_owned()
            }
            Self::Minutes => candles::without_minutes(request, answer),
            Self::Dependencies | Self::Metrics => answer,
        }
    }
}

/// A request with its answer, or a frame that was waited for with the one that came.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Exchanged {
    request: String,
    answer: String,
}

impl fmt::Display for Exchanged {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "{}\n    {}", self.request, self.answer)
    }
}

/// Everything that was asked and answered in a session.
#[derive(Debug)]
pub struct Transcript {
    all: Vec<Exchanged>,
}

impl Transcript {
    /// Reads what the script wrote, and leaves out what may differ.
    pub fn read(text: &str) -> Self {
        let mut all: Vec<Exchanged> = Vec::new();
        for line in text.lines() {
            match all.last_mut() {
                _ if is_request(line) => all.push(Exchanged {
                    request: line.to_owned(),
                    answer: String::new(),
                }),
                Some(last) if last.answer.is_empty() => line.clone_into(&mut last.answer),
                // A page, or a list of measurements.
                Some(last) => {
                    last.answer.push('\n');
                    last.answer.push_str(line);
                }
                None => {}
            }
        }
        for Exchanged { request, answer } in &mut all {
            for allowed in Allowed::ALL {
                *answer = allowed.leave_out(request, std::mem::take(answer));
            }
        }
        let mut all = without_repeats(all);
        let mut names = Names::default();
        for Exchanged { request, answer } in &all {
            names.learn(request);
            names.learn(answer);
        }
        for Exchanged { request, answer } in &mut all {
            *request = names.numbered(request);
            *answer = names.numbered(answer);
        }
        Self { all }
    }

    /// How much was asked.
    pub fn len(&self) -> usize {
        self.all.len()
    }

    /// Everything, one request and one answer after the other.
    pub fn text(&self) -> String {
        self.all
            .iter()
            .map(|exchanged| format!("{exchanged}\n"))
            .collect()
    }

    /// What differs from another transcript; nothing where both say the same.
    pub fn differences(&self, other: &Self) -> Vec<String> {
        let mut differences = Vec::new();
        for (number, (one, two)) in self.all.iter().zip(&other.all).enumerate() {
            let request = &one.request;
            if one.request != two.request {
                // All that follows would differ.
                differences.push(format!(
                    "request {number}: {}\n  or: {}",
                    one.request, two.request
                ));
                return differences;
            }
            if one.answer != two.answer {
                let (one, two) = (&one.answer, &two.answer);
                differences.push(format!(
                    "request {number}: {request}\n      {}\n  or: {}",
                    around(one, two),
                    around(two, one)
                ));
            }
        }
        if self.len() != other.len() {
            differences.push(format!("{} requests, or {}", self.len(), other.len()));
        }
        differences
    }
}

/// The first of these differences, and how many there are.
pub fn told(differences: &[String]) -> String {
    let first = differences.get(..TOLD).unwrap_or(differences).join("\n");
    format!("{first}\n{} differences", differences.len())
}

/// What stands in a text where it begins to differ from another.
fn around(text: &str, other: &str) -> String {
    let same = text
        .chars()
        .zip(other.chars())
        .take_while(|(one, two)| one == two);
    let from = same.count().saturating_sub(BEFORE);
    let told: String = text.chars().skip(from).take(AROUND).collect();
    format!("{}{told}", if from == 0 { "" } else { "..." })
}

/// `alice POST api/v1/orders {...}`.
fn is_request(line: &str) -> bool {
    let mut words = line.splitn(3, ' ');
    let who = words.next().unwrap_or_default();
    let is_name = |name: &str| !name.is_empty() && name.bytes().all(|b| b.is_ascii_lowercase() || b == b'_');
    is_name(who) && words.next().is_some_and(|method| METHODS.contains(&method))
}

/// Of looks that are repeated until something has happened, or until a limit is reached, only the last counts: how many it
/// takes depends on how fast the exchange and the script are.
fn without_repeats(all: Vec<Exchanged>) -> Vec<Exchanged> {
    let mut kept: Vec<Exchanged> = Vec::new();
    for exchanged in all {
        match kept.last_mut() {
            Some(last) if last.request == exchanged.request && is_look(&exchanged.request) => {
                *last = exchanged
            }
            _ => kept.push(exchanged),
        }
    }
    kept
}

/// Whether a request only reads; or is one of flo's, whose bucket may get a drop between two of them.
fn is_look(request: &str) -> bool {
    request.split(' ').nth(1) == Some("GET") || request.starts_with("flo ")
}

#[cfg(test)]
mod tests {
    use super::*;

    const SESSION: &str = "\
nobody GET health/ready
200 {\"status\":\"ready\",\"dependencies\":{\"journal\":\"ok\"}}
alice POST api/v1/orders {\"symbol\":\"SRUN/USDT\"}
201 {\"order_id\":\"UUID\",\"status\":\"OPEN\"}
operator GET metrics
200 # TYPE a counter
a 1
alice GET api/v1/orders/UUID
200 {\"status\":\"OPEN\"}
alice GET api/v1/orders/UUID
200 {\"status\":\"CANCELLED\"}
carol WS \"op\":\"ping\"
{\"op\":\"ping\",\"status\":200}
";

    fn differences(replaced: &str, by: &str) -> Vec<String> {
        assert!(SESSION.contains(replaced));
        let other = Transcript::read(&SESSION.replace(replaced, by));
        Transcript::read(SESSION).differences(&other)
    }

    #[test]
    fn the_same_session_does_not_differ_and_none_of_it_is_lost() {
        let transcript = Transcript::read(SESSION);
        assert_eq!(transcript.len(), 5);
        assert!(transcript.differences(&Transcript::read(SESSION)).is_empty());
        for word in [
            "\"status\":\"ready\"",
            "SRUN",
            "CANCELLED",
            "\"op\":\"ping\",\"status\"",
        ] {
            assert!(transcript.text().contains(word), "{word}");
        }
    }

    #[test]
    fn what_may_differ_is_left_out() {
        for (replaced, by) in [
            ("{\"journal\":\"ok\"}", "{\"postgres\":\"ok\",\"redis\":\"ok\"}"),
            ("a 1\n", "b 2\nc 3\n"),
            ("alice GET api/v1/orders/UUID\n200 {\"status\":\"OPEN\"}\n", ""),
        ] {
            assert!(differences(replaced, by).is_empty(), "{replaced}");
        }
    }

    #[test]
    fn everything_else_is_a_difference() {
        for (replaced, by) in [
            ("ready\",", "starting\","),
            ("201 {\"order_id\":\"UUID\",", "201 {\"id\":\"UUID\","),
            ("201", "202"),
            ("200 # TYPE", "503 # TYPE"),
            ("CANCELLED", "EXPIRED"),
            ("{\"op\":\"ping\",", "{\"op\":\"pong\","),
            (
                "{\"order_id\":\"UUID\",\"status\":\"OPEN\"}",
                "{\"status\":\"OPEN\",\"order_id\":\"UUID\"}",
            ),
        ] {
            assert_eq!(differences(replaced, by).len(), 1, "{replaced}");
        }
    }

    #[test]
    fn another_request_is_told_once_and_a_missing_one_too() {
        let other = differences("alice POST", "bob POST");
        assert_eq!(other.len(), 1);
        assert!(
            other[0].contains("alice POST") && other[0].contains("bob POST"),
            "{other:?}"
        );
        let end = "carol WS \"op\":\"ping\"\n{\"op\":\"ping\",\"status\":200}\n";
        assert_eq!(differences(end, ""), ["5 requests, or 4"]);
    }

    #[test]
    fn a_write_that_is_repeated_counts_each_time() {
        let twice = "bob POST api/v1/orders {}\n201 {}\nbob POST api/v1/orders {}\n200 {}\n";
        assert_eq!(Transcript::read(twice).len(), 2);
    }
}
