//! Habits of Rust files: what opens them, how long they and their functions are, nothing left undone.

const MAX_FILE_LINES: usize = 400;
const MAX_FUNCTION_LINES: usize = 70;
const MAX_MAIN_LINES: usize = 39;

/// Words that mark work left undone, cut in two so that this file does not hold them.
const UNDONE: [&str; 5] = [
    concat!("TO", "DO"),
    concat!("FIX", "ME"),
    concat!("XX", "X"),
    concat!("unimple", "mented"),
    concat!("to", "do!"),
];

/// What is wrong with one Rust file, each as `:LINE: rule` or `: rule`.
pub fn problems(path: &str, text: &str) -> Vec<String> {
    let mut problems = Vec::new();
    if !opens_with_sentence(text) {
        problems.push(":1: must open with a `//!` sentence on what the file owns".to_owned());
    }
    let lines: Vec<&str> = text.lines().collect();
    for (index, line) in lines.iter().enumerate() {
        if let Some(word) = UNDONE.iter().find(|word| has_word(line, word)) {
            problems.push(format!(":{}: `{word}` marks work left undone", index + 1));
        }
    }
    if path.ends_with("src/main.rs") && lines.len() > MAX_MAIN_LINES {
        problems.push(format!(
            ": main.rs has {} lines, {MAX_MAIN_LINES} are enough",
            lines.len()
        ));
    }
    if !is_test_file(path) {
        let program = &lines[..program_lines(&lines)];
        if program.len() > MAX_FILE_LINES {
            problems.push(format!(
                ": {} lines apart from tests, at most {MAX_FILE_LINES}",
                program.len()
            ));
        }
        for (line, length) in functions(program).filter(|(_, length)| *length > MAX_FUNCTION_LINES) {
            problems.push(format!(
                ":{line}: a function of {length} lines, at most {MAX_FUNCTION_LINES}"
            ));
        }
    }
    problems
}

fn opens_with_sentence(text: &str) -> bool {
    let paragraph = text
        .lines()
        .map_while(|line| line.strip_prefix("//! "))
        .collect::<Vec<_>>();
    paragraph
        .last()
        .is_some_and(|line| line.trim_end().ends_with('.'))
}

fn has_word(line: &str, word: &str) -> bool {
    let letter = |neighbour: Option<char>| neighbour.is_some_and(|one| one.is_alphanumeric() || one == '_');
    line.match_indices(word).any(|(at, _)| {
        let after = &line[at + word.len()..];
        !letter(line[..at].chars().next_back()) && (word.ends_with('!') || !letter(after.chars().next()))
    })
}

fn is_test_file(path: &str) -> bool {
    path.contains("tests/") || path.ends_with("tests.rs") || path.contains("benches/")
}

/// Lines before the tests at the end of the file.
fn program_lines(lines: &[&str]) -> usize {
    let tests = lines
        .windows(2)
        .position(|pair| pair[0] == "#[cfg(test)]" && pair[1].starts_with("mod "));
    tests.unwrap_or(lines.len())
}

/// Each function with a body, as (its first line, how many lines it has). The code is formatted, so a function ends with
/// the brace that stands where it began.
fn functions<'a>(lines: &'a [&'a str]) -> impl Iterator<Item = (usize, usize)> + 'a {
    lines
        .iter()
        .enumerate()
        .filter(|(_, line)| begins_function(line))
        .filter_map(|(index, line)| {
            let indent = &line[..line.len() - line.trim_start().len()];
            let closing = format!("{indent}}}");
            let at_same_place = |other: &str| {
                other
                    .strip_prefix(indent)
                    .is_some_and(|rest| !rest.starts_with(' '))
            };
            for (offset, other) in lines[index..].iter().enumerate() {
                if *other == closing || (offset == 0 && other.ends_with('}')) {
                    return Some((index + 1, offset + 1));
                }
                if at_same_place(other) && other.ends_with(';') {
                    return None;
                }
            }
            None
        })
}

fn begins_function(line: &str) -> bool {
    let mut words = line.split_whitespace().skip_while(|word| {
        word.starts_with("pub")
            || word.ends_with(')')
            || ["const", "async", "unsafe", "extern", "\"C\"", "default"].contains(word)
    });
    words.next() == Some("fn")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn file(body: &str) -> String {
        format!("//! Owns a thing.\n{body}")
    }

    fn body(lines: usize) -> String {
        "    step();\n".repeat(lines)
    }

    #[test]
    fn a_plain_file_is_fine() {
        assert!(problems("a/src/lib.rs", &file("fn main() {}\n")).is_empty());
    }

    #[test]
    fn a_file_opens_with_a_sentence() {
        for (text, fine) in [
            ("//! Owns a thing.\n", true),
            ("//! Owns a thing,\n//! and another.\n//!\n//! more\n", true),
            ("//! Owns a thing\n", false),
            ("// Owns a thing.\n", false),
            ("", false),
            ("#![allow(x)]\n//! Owns a thing.\n", false),
        ] {
            assert_eq!(problems("a.rs", text).is_empty(), fine, "{text:?}");
        }
    }

    #[test]
    fn work_left_undone_is_found_as_a_word() {
        for word in UNDONE {
            assert_eq!(
                problems("a.rs", &file(&format!("// {word}(x)\n"))).len(),
                1,
                "{word}"
            );
            assert!(
                problems("a.rs", &file(&format!("// A{word}\n"))).is_empty(),
                "{word}"
            );
        }
        let joined = concat!("// TO", "DOS and unimple", "mentedly\n");
        assert!(problems("a.rs", &file(joined)).is_empty());
    }

    #[test]
    fn long_files_are_found_but_their_tests_do_not_count() {
        let tests = format!(
            "#[cfg(test)]\nmod tests {{\n{}}}\n",
            "    fn a() {}\n".repeat(500)
        );
        let long = |lines| file(&"const A: u8 = 1;\n".repeat(lines));
        assert!(problems("a/src/lib.rs", &(long(399) + &tests)).is_empty());
        assert_eq!(
            problems("a/src/lib.rs", &(long(400) + &tests)),
            [": 401 lines apart from tests, at most 400"]
        );
        assert!(problems("a/tests/all.rs", &long(900)).is_empty());
        assert!(problems("a/src/book/tests.rs", &long(900)).is_empty());
        assert_eq!(
            problems("a/src/main.rs", &long(39)),
            [": main.rs has 40 lines, 39 are enough"]
        );
    }

    #[test]
    fn long_functions_are_found_wherever_they_stand() {
        for header in [
            "fn a() {",
            "pub(in crate::b) async fn a(\n    b: u8,\n) -> u8\nwhere\n    B: C,\n{",
            "pub const fn a() {",
        ] {
            let header_lines = header.lines().count();
            let text = |lines| file(&format!("{header}\n{}}}\n", body(lines - header_lines - 1)));
            assert!(problems("a/src/b.rs", &text(70)).is_empty(), "{header}");
            assert_eq!(
                problems("a/src/b.rs", &text(71)),
                [":2: a function of 71 lines, at most 70"]
            );
            assert!(problems("a/tests/b.rs", &text(71)).is_empty(), "{header}");
        }
        let method = file(&format!(
            "impl A {{\n    fn a() {{\n{}    }}\n}}\n",
            "        step();\n".repeat(70)
        ));
        assert_eq!(
            problems("a/src/b.rs", &method),
            [":3: a function of 72 lines, at most 70"]
        );
        let declared = file(&format!(
            "trait A {{\n    fn a();\n    fn b(\n        c: u8,\n    );\n{}}}\n",
            "\n".repeat(90)
        ));
        assert!(problems("a/src/b.rs", &declared).is_empty());
    }
}
