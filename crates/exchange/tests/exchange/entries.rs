//! The ledger's lines: postings that belong together are one, and what changed nothing is none.

use domain::{EntryAccount, EntryType, OrderId, Reference, Stamp, UserId};
use exchange::gather_entries;
use ledger::{AccountRef, Posting};

const AT: Stamp = Stamp::FIRST;

fn posting(account: AccountRef, delta: i128, entry: EntryType, order: u128) -> Posting {
    Posting {
        account,
        asset: "USD".parse().unwrap(),
        delta,
        entry,
        reference: Reference::Order(OrderId::from_u128(order)),
    }
}

/// Number, account, changes and order of each line.
fn lines(postings: &[Posting]) -> Vec<String> {
    let mut entries = Vec::new();
    gather_entries(
        9,
        AT,
        &[posting(AccountRef::Fee, 1, EntryType::Fee, 0)],
        &mut entries,
    );
    gather_entries(10, AT, postings, &mut entries);
    let first = entries.remove(0);
    assert_eq!((first.seq, first.line), (9, 0), "what was there before stays");
    let word = |account| match account {
        EntryAccount::User(user_id) => format!("user {}", user_id.as_u128()),
        EntryAccount::Fee => "fee".to_owned(),
        EntryAccount::External => "external".to_owned(),
    };
    let lines = entries.iter().map(|line| {
        assert_eq!((line.seq, line.at), (10, AT));
        let Reference::Order(order) = line.reference else {
            panic!("another reference")
        };
        format!(
            "{} {} {} {:+} {:+} {}",
            line.line,
            word(line.account),
            line.entry_type.word(),
            line.available,
            line.reserved,
            order.as_u128()
        )
    });
    lines.collect()
}

#[test]
fn both_balances_of_a_user_are_one_line() {
    use EntryType::{Deposit, Fee, Reserve};
    let user = UserId::from_u128(7);
    let postings = [
        posting(AccountRef::available(user), -5, Reserve, 1),
        posting(AccountRef::reserved(user), 5, Reserve, 1),
        posting(AccountRef::available(user), -3, Reserve, 2),
        posting(AccountRef::External, -8, Deposit, 1),
        posting(AccountRef::Fee, 2, Fee, 1),
    ];
    assert_eq!(
        lines(&postings),
        [
            "0 user 7 RESERVE -5 +5 1",
            "1 user 7 RESERVE -3 +0 2",
            "2 external DEPOSIT -8 +0 1",
            "3 fee FEE +2 +0 1",
        ]
    );
    assert_eq!(lines(&[]), [] as [&str; 0]);
}

#[test]
fn what_belongs_together_is_one_line_however_far_apart_it_stands() {
    let (user, other) = (UserId::from_u128(7), UserId::from_u128(8));
    let mut postings = Vec::new();
    for order in 0..50 {
        postings.push(posting(AccountRef::available(user), 1, EntryType::Release, 99));
        postings.push(posting(
            AccountRef::available(other),
            2,
            EntryType::Release,
            order,
        ));
    }
    let lines = lines(&postings);
    assert_eq!(lines.len(), 51);
    assert_eq!(lines[0], "0 user 7 RELEASE +50 +0 99");
    assert_eq!(lines[50], "50 user 8 RELEASE +2 +0 49");
}

#[test]
fn changes_that_cancel_out_are_no_line_and_leave_no_gap() {
    use EntryType::{Release, Reserve};
    let user = AccountRef::available(UserId::from_u128(7));
    let postings = [
        posting(user, -5, Reserve, 1),
        posting(user, -4, Reserve, 2),
        posting(user, 5, Reserve, 1),
        posting(user, 4, Release, 2),
    ];
    assert_eq!(
        lines(&postings),
        ["0 user 7 RESERVE -4 +0 2", "1 user 7 RELEASE +4 +0 2"]
    );
}
