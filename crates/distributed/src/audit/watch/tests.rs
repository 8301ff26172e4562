//! What counts, what is told, and when it is told again.

use uuid::Uuid;

use super::*;

fn broken(invariant: &'static str, subject: &str, amount: &str) -> Broken {
    Broken {
        invariant,
        rule: String::new(),
        touches: Touches::Asset("USDT".to_owned()),
        account: None,
        subject: subject.to_owned(),
        amount: amount.to_owned(),
        what: String::new(),
    }
}

/// A look when shard 0 has committed so many batches and settled so many of them.
fn look(is_full: bool, (last, settled): (u64, u64), broken: &[Broken]) -> Findings {
    Findings {
        is_full,
        shards: vec![(0, last, settled)],
        broken: broken.to_vec(),
        ..Findings::default()
    }
}

#[test]
fn a_difference_between_accounts_counts_when_it_is_seen_again_whatever_is_on_its_way() {
    let mut watch = Watch::default();
    let sum = broken(ZERO_SUM, "sum USDT", "5");
    assert_eq!(watch.take(&look(false, (9, 1), std::slice::from_ref(&sum))), []);
    assert_eq!(watch.standing()[ZERO_SUM], 0);
    assert!(watch.is_suspicious());
    assert_eq!(watch.take(&look(true, (9, 1), std::slice::from_ref(&sum))), [sum]);
    assert_eq!(watch.standing()[ZERO_SUM], 1);
    assert!(!watch.is_suspicious());
}

#[test]
fn a_difference_that_the_next_look_does_not_see_was_none() {
    let mut watch = Watch::default();
    let sum = broken(ZERO_SUM, "sum USDT", "5");
    for _ in 0..2 {
        assert_eq!(watch.take(&look(false, (9, 9), std::slice::from_ref(&sum))), []);
        assert_eq!(watch.take(&look(false, (9, 9), &[])), []);
    }
    assert_eq!(watch.standing()[ZERO_SUM], 0);
}

#[test]
fn what_may_be_on_its_way_counts_only_when_all_that_was_is_settled() {
    let mut watch = Watch::default();
    let needed = broken(NEEDED, "an order", "5");
    let seen = |watch: &mut Watch, numbers| watch.take(&look(false, numbers, std::slice::from_ref(&needed)));
    assert_eq!(seen(&mut watch, (9, 7)), []);
    assert_eq!(seen(&mut watch, (12, 8)), []);
    let told = seen(&mut watch, (14, 9));
    assert_eq!(told, std::slice::from_ref(&needed));
}

#[test]
fn what_is_told_is_told_again_only_when_it_is_off_by_something_else_or_comes_back() {
    let mut watch = Watch::default();
    let sum = |amount: &str| broken(ZERO_SUM, "sum USDT", amount);
    let mut seen = |amounts: &[&str]| {
        let found: Vec<Broken> = amounts.iter().map(|amount| sum(amount)).collect();
        watch.take(&look(false, (9, 9), &found)).len()
    };
    let looks: [&[&str]; 10] = [
        &["5"],
        &["5"],
        &["5"],
        &["6"],
        &["6"],
        &[],
        &["6"],
        &["6"],
        &["6"],
        &["7"],
    ];
    let told = looks.map(&mut seen);
    assert_eq!(told, [0, 1, 0, 1, 0, 0, 0, 1, 0, 1]);
}

#[test]
fn a_difference_that_grows_with_every_look_counts() {
    let mut watch = Watch::default();
    for (amount, told) in [("1", 0), ("2", 1), ("3", 1)] {
        let found = [broken(ZERO_SUM, "sum USDT", amount)];
        assert_eq!(watch.take(&look(false, (9, 9), &found)).len(), told, "{amount}");
    }
}

#[test]
fn what_only_a_look_at_everything_sees_stays_until_another_one_does_not() {
    let mut watch = Watch::default();
    let lines = broken(BALANCES, "available lines of somebody", "5");
    let changed = Broken {
        account: Some(Uuid::from_u128(7)),
        ..broken(BALANCES, "available lines of another", "5")
    };
    for _ in 0..2 {
        watch.take(&look(true, (9, 9), &[lines.clone(), changed.clone()]));
    }
    assert_eq!(watch.standing()[BALANCES], 2);
    watch.take(&look(false, (9, 9), &[]));
    assert_eq!(watch.standing()[BALANCES], 2, "nobody has looked at them");
    let mut of_changed = look(false, (9, 9), &[]);
    of_changed.changed.insert((Uuid::from_u128(7), "USDT".to_owned()));
    watch.take(&of_changed);
    assert_eq!(watch.standing()[BALANCES], 1);
    assert!(watch.has(&lines) && !watch.has(&changed));
    watch.take(&look(true, (9, 9), &[]));
    assert_eq!(watch.standing()[BALANCES], 0);
}

#[test]
fn the_accounts_behind_a_sum_that_does_not_fit_are_told_with_it() {
    let mut watch = Watch::default();
    let sum = broken(ZERO_SUM, "sum USDT", "5");
    let lines = broken(BALANCES, "available lines of somebody", "5");
    let needed = broken(NEEDED, "an order", "5");
    watch.take(&look(false, (9, 1), std::slice::from_ref(&sum)));
    let all = [sum.clone(), lines.clone(), needed];
    assert_eq!(watch.take(&look(true, (9, 1), &all)), [lines, sum]);
}

#[test]
fn what_two_questions_of_one_look_find_is_seen_once() {
    let mut watch = Watch::default();
    let lines = broken(BALANCES, "available lines a USDT", "5");
    let twice = [lines.clone(), lines.clone()];
    assert_eq!(watch.take(&look(true, (9, 9), &twice)), []);
    assert_eq!(watch.take(&look(true, (9, 9), &twice)), [lines]);
    assert_eq!(watch.standing()[BALANCES], 1);
}
