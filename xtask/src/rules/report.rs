//! What is printed of the rules: a line for each as it goes, and a table of all at the end.

use std::time::Duration;

use super::table::Rule;
use super::verdict::Verdict;

/// What came of a rule.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Outcome {
    /// The test fails without it: where, and what it says.
    Noticed(String),
    /// The test passes without it.
    NotNoticed,
    /// It was not found out, and why.
    Unclear(String),
}

impl Outcome {
    /// Out of what the test came to without the rule.
    pub fn without(verdict: Verdict) -> Self {
        match verdict {
            Verdict::Failed(why) => Self::Noticed(why),
            Verdict::Hung(time) => {
                Self::Noticed(format!("failed by hanging: no end within {} s", time.as_secs()))
            }
            Verdict::Passed => Self::NotNoticed,
            Verdict::Missing => Self::Unclear("there is no such test".to_owned()),
            Verdict::Strange(what) => Self::Unclear(format!("the test ended strangely: {what}")),
        }
    }

    /// Out of what the test came to with the rule; none where it passed.
    pub fn with(verdict: Verdict) -> Option<Self> {
        let what = match verdict {
            Verdict::Passed => return None,
            Verdict::Failed(why) => format!("the test fails with the rule too: {why}"),
            Verdict::Hung(time) => format!("the test does not end within {} s with the rule", time.as_secs()),
            Verdict::Missing => "there is no such test".to_owned(),
            Verdict::Strange(what) => format!("the test ends strangely with the rule: {what}"),
        };
        Some(Self::Unclear(what))
    }

    fn told(&self) -> (&'static str, &str) {
        match self {
            Self::Noticed(why) => ("fails", why),
            Self::NotNoticed => ("PASSES", "nobody notices that the rule is gone"),
            Self::Unclear(why) => ("UNCLEAR", why),
        }
    }
}

/// All rules so far.
#[derive(Debug, Default)]
pub struct Report {
    rows: Vec<(&'static str, &'static str, Outcome, Duration)>,
}

impl Report {
    /// Takes in what came of a rule and how long that took, and returns its line.
    pub fn add(&mut self, rule: &Rule, outcome: Outcome, took: Duration) -> String {
        let (word, why) = outcome.told();
        let line = format!(
            "{}: {} {word} without it after {} s: {why}",
            rule.name,
            rule.test,
            took.as_secs()
        );
        self.rows.push((rule.name, rule.test, outcome, took));
        line
    }

    /// The names of the rules whose removal was not seen to be noticed.
    pub fn not_noticed(&self) -> Vec<&'static str> {
        let noticed = |outcome: &Outcome| matches!(outcome, Outcome::Noticed(_));
        let rows = self.rows.iter().filter(|(_, _, outcome, _)| !noticed(outcome));
        rows.map(|(name, ..)| *name).collect()
    }

    /// The table.
    pub fn table(&self) -> String {
        let mut lines = vec![
            "| rule | test | without the rule it | seconds | what it says then |".to_owned(),
            "|---|---|---|---|---|".to_owned(),
        ];
        for (name, test, outcome, took) in &self.rows {
            let (word, why) = outcome.told();
            let why = why.replace('|', "\\|");
            lines.push(format!(
                "| {name} | {test} | {word} | {} | {why} |",
                took.as_secs()
            ));
        }
        lines.join("\n")
    }
}

#[cfg(test)]
mod tests {
    use super::super::table::RULES;
    use super::*;

    #[test]
    fn only_a_failure_of_the_test_itself_is_noticed() {
        let time = Duration::from_secs(180);
        let failed = || Verdict::Failed("no".to_owned());
        let strange = || Verdict::Strange("signal 6".to_owned());
        assert_eq!(Outcome::without(failed()), Outcome::Noticed("no".to_owned()));
        let hung = Outcome::without(Verdict::Hung(time));
        let told = "failed by hanging: no end within 180 s";
        assert_eq!(hung, Outcome::Noticed(told.to_owned()));
        assert_eq!(Outcome::without(Verdict::Passed), Outcome::NotNoticed);
        for verdict in [Verdict::Missing, strange()] {
            assert!(matches!(Outcome::without(verdict), Outcome::Unclear(_)));
        }
        assert_eq!(Outcome::with(Verdict::Passed), None);
        for verdict in [failed(), Verdict::Hung(time), Verdict::Missing, strange()] {
            assert!(matches!(Outcome::with(verdict), Some(Outcome::Unclear(_))));
        }
    }

    #[test]
    fn what_is_not_noticed_is_named_and_shown() {
        let mut report = Report::default();
        let [first, second, third, ..] = &RULES;
        let took = Duration::from_millis(2_900);
        let line = report.add(first, Outcome::Noticed("a | b".to_owned()), took);
        assert!(line.starts_with(first.name) && line.ends_with("fails without it after 2 s: a | b"));
        assert!(report.not_noticed().is_empty());
        report.add(second, Outcome::NotNoticed, took);
        report.add(third, Outcome::Unclear("it does not compile".to_owned()), took);
        assert_eq!(report.not_noticed(), [second.name, third.name]);
        let table = report.table();
        assert_eq!(table.lines().count(), 5);
        assert!(table.contains("| fails | 2 | a \\| b |"), "{table}");
        assert!(table.contains("| PASSES | 2 |") && table.contains("| UNCLEAR | 2 | it does not compile |"));
    }
}
