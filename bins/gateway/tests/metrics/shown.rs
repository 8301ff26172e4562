//! What a program shows at `/metrics`, and whether that is what the table says.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::time::Duration;

use http::{Kind, Program};
use testbed::Member;

/// How often something is looked at before it counts as missing.
pub const LOOKS: u32 = 300;
/// Between two looks.
pub const LOOK: Duration = Duration::from_millis(100);

/// What a program shows.
pub struct Shown {
    pub text: String,
    kinds: BTreeMap<String, String>,
    helped: BTreeSet<String>,
    /// Each series with its value.
    series: Vec<(String, f64)>,
}

impl Shown {
    pub async fn by(member: &Member) -> Self {
        let url = format!("{}/metrics", member.metrics_url());
        Self::of(reqwest::get(url).await.unwrap().text().await.unwrap())
    }

    fn of(text: String) -> Self {
        let (mut kinds, mut helped, mut series) = (BTreeMap::new(), BTreeSet::new(), Vec::new());
        for line in text.lines().filter(|line| !line.is_empty()) {
            if let Some(rest) = line.strip_prefix("# TYPE ") {
                let (name, kind) = rest.split_once(' ').unwrap();
                kinds.insert(name.to_owned(), kind.to_owned());
            } else if let Some(rest) = line.strip_prefix("# HELP ") {
                helped.insert(rest.split_once(' ').unwrap().0.to_owned());
            } else {
                let (name, value) = line.rsplit_once(' ').unwrap();
                series.push((name.to_owned(), value.parse().unwrap()));
            }
        }
        Self {
            text,
            kinds,
            helped,
            series,
        }
    }

    fn names(&self) -> BTreeSet<&str> {
        self.kinds.keys().map(String::as_str).collect()
    }

    /// The sum of the series that begin so; none: there is none.
    pub fn sum(&self, beginning: &str) -> Option<f64> {
        let found = self.series.iter().filter(|(name, _)| name.starts_with(beginning));
        found.map(|(_, value)| *value).reduce(|sum, value| sum + value)
    }

    /// That all of it is as the table says.
    fn assert_sound(&self, program: Program) {
        for family in program.families() {
            let Some(kind) = self.kinds.get(family.name) else {
                continue;
            };
            assert_eq!(kind, family.kind.word(), "{}", family.name);
            if let (Kind::Histogram(_), true) = (family.kind, family.name.ends_with("_seconds")) {
                for bound in ["0.05", "0.2"] {
                    let bucket = |(name, _): &&(String, f64)| {
                        name.starts_with(&format!("{}_bucket", family.name))
                            && name.contains(&format!("le=\"{bound}\""))
                    };
                    assert!(
                        self.series.iter().any(|one| bucket(&one)),
                        "{}: {bound}",
                        family.name
                    );
                }
            }
        }
        let names = self.names();
        let helped: BTreeSet<&str> = self.helped.iter().map(String::as_str).collect();
        assert_eq!(names, helped, "each has its help");
        for (series, _) in &self.series {
            assert!(!has_uuid(series), "{series}");
        }
    }
}

/// Whether an id stands in a text.
fn has_uuid(text: &str) -> bool {
    let is_uuid = |word: &[u8]| {
        word.iter().enumerate().all(|(at, byte)| match at {
            8 | 13 | 18 | 23 => *byte == b'-',
            _ => byte.is_ascii_hexdigit(),
        })
    };
    text.as_bytes().windows(36).any(is_uuid)
}

#[test]
fn an_id_in_a_label_is_found() {
    assert!(has_uuid(r#"x{user="3a2f1c9e-0000-4000-8000-000000000001"} 1"#));
    assert!(!has_uuid(
        r#"x{route="/api/v1/orders/{order_id}",method="DELETE"} 1"#
    ));
}

fn expected(program: Program) -> BTreeSet<&'static str> {
    program.families().map(|family| family.name).collect()
}

/// The names of deploy/metrics.txt.
fn listed() -> BTreeSet<String> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../deploy/metrics.txt");
    let list = std::fs::read_to_string(path).unwrap();
    list.lines().map(str::to_owned).collect()
}

/// Waits until these programs of one kind show all that the table says of them together; then none may show anything else.
pub async fn assert_complete(members: &[&Member], program: Program) {
    let mut missing = BTreeSet::new();
    for _ in 0..LOOKS {
        let mut shown = BTreeSet::new();
        for member in members {
            let one = Shown::by(member).await;
            one.assert_sound(program);
            shown.extend(one.kinds.into_keys());
        }
        let unknown: Vec<&String> = shown
            .iter()
            .filter(|name| !expected(program).contains(name.as_str()))
            .collect();
        assert!(
            unknown.is_empty(),
            "{program:?} shows what no table has: {unknown:?}"
        );
        let list = listed();
        assert!(shown.iter().all(|name| list.contains(name)));
        missing = expected(program);
        missing.retain(|name| !shown.contains(*name));
        if missing.is_empty() {
            return;
        }
        tokio::time::sleep(LOOK).await;
    }
    panic!("{program:?} does not show {missing:?}");
}

/// Waits until the series that begin so sum up to that.
pub async fn until(member: &Member, beginning: &str, wanted: f64) {
    let mut found = None;
    for _ in 0..LOOKS {
        found = Shown::by(member).await.sum(beginning);
        if found == Some(wanted) {
            return;
        }
        tokio::time::sleep(LOOK).await;
    }
    let text = Shown::by(member).await.text;
    panic!(
        "{}: {beginning} is {found:?}, not {wanted}: {text}",
        member.name()
    );
}
