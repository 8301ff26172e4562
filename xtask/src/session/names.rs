//! Ids by the order in which they first appear: two sessions have other ids, but the same one in the same places.

use std::collections::{HashMap, HashSet};

/// Fields whose values are ids of other forms than that of a UUID.
const FIELDS: [&str; 4] = ["key_id", "ticket", "entry_id", "next_cursor"];
/// A field whose value may hold what separates words, and appears nowhere else.
const PUBLIC_KEY: &str = "\"public_key\":\"";
/// What stands before an example in a message; by chance it may be an id of this session.
const EXAMPLE: &str = "such as ";
/// The lengths of the parts of a UUID.
const UUID: [usize; 5] = [8, 4, 4, 4, 12];

/// Ids and their numbers.
#[derive(Debug, Default)]
pub struct Names {
    known: HashSet<String>,
    numbers: HashMap<String, usize>,
}

impl Names {
    /// Learns which words are ids; all of a transcript first, as a request may tell an id before an answer tells its field.
    pub fn learn(&mut self, text: &str) {
        for field in FIELDS {
            let begin = format!("\"{field}\":\"");
            for value in text.split(&begin).skip(1) {
                let value = value.split('"').next().unwrap_or_default();
                self.known.insert(value.to_owned());
            }
        }
    }

    /// The text with a number for each id.
    pub fn numbered(&mut self, text: &str) -> String {
        let mut numbered = String::with_capacity(text.len());
        let mut rest = text;
        while !rest.is_empty() {
            if let Some(after) = rest.strip_prefix(PUBLIC_KEY) {
                numbered.push_str(PUBLIC_KEY);
                rest = after.trim_start_matches(|c| c != '"');
                continue;
            }
            let end = rest.find(|c: char| !is_of_word(c)).unwrap_or(rest.len());
            // What separates words stays, one at a time.
            let end = if end == 0 {
                rest.chars().next().map_or(0, char::len_utf8)
            } else {
                end
            };
            let (word, after) = rest.split_at(end);
            let is_id = is_uuid(word) || self.known.contains(word);
            if is_id && !numbered.ends_with(EXAMPLE) {
                numbered.push_str(&self.number(word));
            } else {
                numbered.push_str(word);
            }
            rest = after;
        }
        numbered
    }

    fn number(&mut self, word: &str) -> String {
        let next = self.numbers.len() + 1;
        let number = self.numbers.entry(word.to_owned()).or_insert(next);
        format!("#{number}")
    }
}

fn is_of_word(c: char) -> bool {
    c.is_ascii_alphanumeric() || c == '-' || c == '_'
}

fn is_uuid(word: &str) -> bool {
    let parts: Vec<&str> = word.split('-').collect();
    parts.iter().map(|part| part.len()).eq(UUID) && word.bytes().all(|b| b == b'-' || b.is_ascii_hexdigit())
}

#[cfg(test)]
mod tests {
    use super::*;

    const ONE: &str = "01890a5d-ac96-774b-bcce-b302099a8057";
    const TWO: &str = "f47ac10b-58cc-4372-a567-0e02b2c3d479";

    /// What two sessions that say this of their ids come to.
    fn come_to(says: impl Fn(&[&str]) -> String, ids: &[&str]) -> String {
        let mut names = Names::default();
        let said = says(ids);
        names.learn(&said);
        names.numbered(&said)
    }

    #[test]
    fn other_ids_in_the_same_places_are_the_same() {
        let says = |ids: &[&str]| {
            let [order, key, line] = ids[..] else {
                panic!("{ids:?}")
            };
            format!(
                "{{\"order_id\":\"{order}\",\"key_id\":\"{key}\",\"next_cursor\":\"{line}\"}} \
                 DELETE api/v1/orders/{order} api/v1/admin/api-keys/{key} ledger?before={line}&limit=1"
            )
        };
        let first = come_to(says, &[ONE, "fTIPRLfxql_kVK7", "389-2"]);
        assert_eq!(first, come_to(says, &[TWO, "NXnyfx7fg-dx6cd", "405-0"]));
        assert!(first.contains("api-keys/#2 ledger?before=#3&limit=1"), "{first}");
    }

    #[test]
    fn an_example_that_is_an_id_by_chance_stays_as_it_is() {
        let says = |ids: &[&str]| format!("\"entry_id\":\"{}\" must be an id such as 412-0", ids[0]);
        let [one, other] = ["412-0", "413-0"].map(|id| come_to(says, &[id]));
        assert_eq!(one, other);
    }

    #[test]
    fn an_id_in_the_place_of_another_is_not_the_same() {
        let right = come_to(|ids| format!("{} {} {}", ids[0], ids[1], ids[0]), &[ONE, TWO]);
        let wrong = come_to(|ids| format!("{} {} {}", ids[0], ids[1], ids[1]), &[ONE, TWO]);
        assert_eq!((right.as_str(), wrong.as_str()), ("#1 #2 #1", "#1 #2 #2"));
    }

    #[test]
    fn a_public_key_is_left_out_and_everything_else_stays() {
        let key = "{\"public_key\":\"SRAK/Lau+ab=\",\"public_key\":null}";
        assert_eq!(
            come_to(|_| key.to_owned(), &[]),
            "{\"public_key\":\"\",\"public_key\":null}"
        );
        for text in [
            "",
            "a-b_c 389-2 é \"next_cursor\":null",
            &ONE[1..],
            "\"\"\"",
            "{\"key\":\"RUN-alice\"}",
        ] {
            assert_eq!(come_to(|_| text.to_owned(), &[]), text);
        }
    }
}
