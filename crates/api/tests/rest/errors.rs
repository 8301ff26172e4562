//! The page about errors against the sources: every code stands in it, and no other.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use domain::RejectReason;
use http::{Problem, StatusCode};

type Codes = BTreeSet<(u16, String)>;

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

/// The text of every source below a folder, without its tests.
fn sources(folder: &Path, texts: &mut Vec<String>) {
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            sources(&path, texts);
        } else if path.extension().is_some_and(|end| end == "rs") {
            let text = std::fs::read_to_string(&path).unwrap();
            let (program, _) = text.split_once("#[cfg(test)]").unwrap_or((&text, ""));
            texts.push(program.to_owned());
        }
    }
}

/// The status that this constant stands for.
fn status(constant: &str) -> u16 {
    let named = |status: &StatusCode| {
        let name = status.canonical_reason().unwrap_or_default();
        name.to_uppercase().replace([' ', '-'], "_") == constant
    };
    let all = (400..600).filter_map(|number| StatusCode::from_u16(number).ok());
    all.filter(named)
        .map(|status| status.as_u16())
        .next()
        .unwrap_or_else(|| panic!("there is no status {constant}"))
}

/// The status and the code of `StatusCode::CONSTANT, "code"`, where the text begins so.
fn literal(text: &str) -> Option<(u16, String)> {
    let (constant, rest) = text.split_once(',')?;
    let is_constant = constant
        .bytes()
        .all(|byte| byte.is_ascii_uppercase() || byte == b'_');
    let code = rest.trim_start().strip_prefix('"')?.split('"').next()?;
    let is_code = code.bytes().all(|byte| byte.is_ascii_lowercase() || byte == b'_');
    (is_constant && is_code).then(|| (status(constant), code.to_owned()))
}

fn in_sources() -> Codes {
    let mut texts = Vec::new();
    for folder in ["crates/api/src", "crates/http/src", "bins/gateway/src"] {
        sources(&root().join(folder), &mut texts);
    }
    let literals = texts
        .iter()
        .flat_map(|text| text.split("StatusCode::").skip(1).filter_map(literal));
    let of_statuses = [400, 401, 403, 404, 405, 408, 413, 415, 429, 500, 503, 504].map(|status| {
        let problem = Problem::of_status(StatusCode::from_u16(status).unwrap());
        (status, problem.code().to_owned())
    });
    let rejected = RejectReason::ALL
        .iter()
        .map(|reason| (422, reason.code().to_owned()));
    literals.chain(of_statuses).chain(rejected).collect()
}

#[test]
fn the_page_lists_exactly_the_codes_that_there_are() {
    let page = std::fs::read_to_string(root().join("docs/errors.md")).unwrap();
    let mut listed = Codes::new();
    for row in page.lines().filter_map(|line| line.strip_prefix("| ")) {
        let cells: Vec<_> = row.split(" | ").collect();
        let [status, code, when, again] = cells[..] else {
            continue;
        };
        let Ok(status) = status.parse() else { continue };
        let again = again.trim_end_matches(" |");
        assert!(!when.is_empty() && !again.is_empty(), "{row}");
        let is_new = listed.insert((status, code.trim_matches('`').to_owned()));
        assert!(is_new, "twice: {row}");
    }
    let there = in_sources();
    let missing: Vec<_> = there.difference(&listed).collect();
    assert!(missing.is_empty(), "not on the page: {missing:?}");
    let invented: Vec<_> = listed.difference(&there).collect();
    assert!(invented.is_empty(), "on the page only: {invented:?}");
}
