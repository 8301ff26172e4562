//! Why a market goes to cancel_only, in the words that operators read in the audit log.

use std::collections::BTreeSet;

use distributed::audit::{Broken, Touches};

/// Differences that are told in full.
const TOLD: usize = 2;
/// Accounts that are named.
const ACCOUNTS: usize = 3;
/// The longest reason that a gateway takes, in bytes.
pub(super) const LONGEST: usize = 500;

/// The invariants, the assets, the accounts (no more than a few), and the first differences in full.
pub(super) fn reason(broken: &[Broken]) -> String {
    let list = |words: BTreeSet<String>, most: usize| {
        let more = words.len().saturating_sub(most);
        let mut text = words.into_iter().take(most).collect::<Vec<_>>().join(", ");
        if more > 0 {
            text.push_str(&format!(" and {more} more"));
        }
        text
    };
    let invariants = broken.iter().map(|broken| broken.invariant.to_owned()).collect();
    let places = broken.iter().map(|broken| match &broken.touches {
        Touches::Asset(asset) => asset.clone(),
        Touches::Market(symbol) => symbol.clone(),
        Touches::Shard(shard) => format!("shard {shard}"),
        Touches::All => "all markets".to_owned(),
    });
    let accounts: BTreeSet<String> = broken
        .iter()
        .filter_map(|broken| broken.account.map(|account| account.to_string()))
        .collect();
    let mut text = format!(
        "the auditor: {} of {}",
        list(invariants, usize::MAX),
        list(places.collect(), ACCOUNTS)
    );
    if !accounts.is_empty() {
        text.push_str(&format!(", accounts {}", list(accounts, ACCOUNTS)));
    }
    for broken in broken.iter().take(TOLD) {
        text.push_str(&format!("; {}", broken.what));
    }
    let mut end = text.len().min(LONGEST);
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    text.truncate(end);
    text
}

#[cfg(test)]
mod tests {
    use uuid::Uuid;

    use super::*;

    fn broken(account: u128, what: &str) -> Broken {
        Broken {
            invariant: "balances",
            rule: String::new(),
            touches: Touches::Asset("USDT".to_owned()),
            account: Some(Uuid::from_u128(account)),
            subject: String::new(),
            amount: String::new(),
            what: what.to_owned(),
        }
    }

    #[test]
    fn a_reason_names_the_invariant_the_asset_and_no_more_than_a_few_accounts() {
        let told: Vec<Broken> = (1..=5).map(|account| broken(account, "off by 5")).collect();
        let text = reason(&told);
        assert!(
            text.starts_with("the auditor: balances of USDT, accounts "),
            "{text}"
        );
        assert!(text.contains("00000003 and 2 more; off by 5; off by 5"), "{text}");
        assert!(!text.contains("00000004"), "{text}");
    }

    #[test]
    fn a_reason_is_never_longer_than_a_gateway_takes() {
        let text = reason(&[broken(1, &"\u{e4}".repeat(1_000))]);
        assert!(
            text.len() <= LONGEST && text.len() > LONGEST - 2,
            "{}",
            text.len()
        );
    }
}
