//! The table of the rules that a test guards: what stands for each in the sources, what stands there without it, and the test.

/// A rule, how it is taken out, and the test that must fail then.
#[derive(Debug, Clone, Copy)]
pub struct Rule {
    /// What it is called on the command line.
    pub name: &'static str,
    /// What is changed, all at once, to take it out.
    pub removal: &'static [Edit],
    /// The package of the test.
    pub package: &'static str,
    /// What else cargo is told to build the test: its target, and features where it needs some.
    pub target: &'static [&'static str],
    /// The test's full name.
    pub test: &'static str,
}

/// A text of a file that gives way to another one.
#[derive(Debug, Clone, Copy)]
pub struct Edit {
    /// The file, seen from the root of the repository.
    pub file: &'static str,
    /// What stands there, and once only.
    pub there: &'static str,
    /// What stands there without the rule.
    pub instead: &'static str,
}

/// Where the wallet's transaction reads what it needs.
const TRANSACTION: &str = "crates/wallet/src/transaction.rs";
/// Where a release leaves its tombstone.
const TOMBSTONE: Edit = Edit {
    file: "crates/wallet/src/reservations.rs",
    there: "self.add(tombstone, None);",
    instead: "let _ = tombstone;",
};

/// All of them, in the order in which docs/distributed.md lists them.
pub const RULES: [Rule; 14] = [
    Rule {
        name: "epoch",
        removal: &[Edit {
            file: "crates/persistence/src/postgres/shard/commit.rs",
            there: "WHERE shard = $1 AND epoch = $2 AND last_seq = $3 - 1",
            instead: "WHERE shard = $1 AND epoch >= 0 * $2 AND last_seq = $3 - 1",
        }],
        package: "distributed",
        target: &["--test", "shard"],
        test: "ownership::the_epoch_alone_keeps_an_old_owner_out_while_the_new_one_has_written_nothing_yet",
    },
    Rule {
        name: "first-answer",
        removal: &[Edit {
            file: "crates/wallet/src/batch.rs",
            there: "self.known.get(&key) {",
            instead: "self.known.get(&key).filter(|_| !key.starts_with(\"settle:\")) {",
        }],
        package: "wallet",
        target: &["--test", "behaviour"],
        test: "it_passes_the_behaviour_suite",
    },
    Rule {
        name: "settling-order",
        removal: &[Edit {
            file: "crates/distributed/src/shard/settler.rs",
            there: "money.extend(batch.money.iter().map(instruction));",
            instead: "money.extend(batch.money.iter().rev().map(instruction));",
        }],
        package: "distributed",
        target: &["--test", "shard"],
        test: "settling::instructions_are_done_in_order_each_once_though_the_wallet_answers_late_twice_or_not",
    },
    Rule {
        name: "early-cancel",
        removal: &[Edit {
            file: "crates/distributed/src/shard/todo.rs",
            there: "if !todo.order_id.is_some_and(|id| placed.contains(&id)) => {",
            instead: "if false => {",
        }],
        package: "distributed",
        target: &["--lib"],
        test: "shard::todo::tests::a_cancel_waits_until_the_placement_of_its_order_comes_before_it",
    },
    Rule {
        name: "early-cancels-place",
        removal: &[Edit {
            file: "crates/persistence/src/postgres/shard/todo.rs",
            there: "(c.kind NOT IN ('cancel', 'amend') OR",
            instead: "(true OR",
        }],
        package: "distributed",
        target: &["--test", "shard"],
        test: "commands::cancels_that_wait_take_no_place_in_a_batch",
    },
    // The keys come sorted, so that without ORDER BY the order stays: another one takes its place.
    Rule {
        name: "account-locks",
        removal: &[Edit {
            file: "crates/persistence/src/postgres/wallet/load.rs",
            there: "ORDER BY w.user_id, w.asset FOR UPDATE OF w\";",
            instead: "ORDER BY w.asset, w.user_id FOR UPDATE OF w\";",
        }],
        package: "wallet",
        target: &["--test", "locks"],
        test: "accounts_are_locked_in_the_order_of_user_and_asset",
    },
    Rule {
        name: "reservation-locks",
        removal: &[Edit {
            file: "crates/persistence/src/postgres/wallet/load.rs",
            there: "ORDER BY r.reservation_id FOR UPDATE OF r\";",
            instead: "ORDER BY r.asset, r.reservation_id FOR UPDATE OF r\";",
        }],
        package: "wallet",
        target: &["--test", "locks"],
        test: "reservations_are_locked_in_the_order_of_their_ids",
    },
    Rule {
        name: "keys-under-locks",
        removal: &[
            Edit {
                file: TRANSACTION,
                there: "let mut accounts = work.lock_accounts(&touched.accounts).await?;",
                instead: "let keys: Vec<String> = requests.iter().map(|request| key(request)).collect();
        let known = work.answers(keys.iter().map(String::as_str).collect()).await?;
        let mut accounts = work.lock_accounts(&touched.accounts).await?;",
            },
            Edit {
                file: TRANSACTION,
                there: "work.answers(keys.iter().map(String::as_str).collect()),",
                instead: "async { Ok(known) },",
            },
        ],
        package: "wallet",
        target: &["--test", "locks"],
        test: "keys_are_looked_up_under_the_locks",
    },
    Rule {
        name: "guess-is-no-verdict",
        removal: &[Edit {
            file: "crates/distributed/src/fold/apply.rs",
            there: "if *funding == Funding::NotAsked && !self.engine.turns_away(at, place) {",
            instead: "if *funding == Funding::NotAsked && false {",
        }],
        package: "distributed",
        target: &["--test", "fold"],
        test: "special::an_order_for_which_nobody_asked_the_wallet_is_turned_away_or_is_to_come_again_with_its_funds",
    },
    Rule {
        name: "guess-with-its-row",
        removal: &[Edit {
            file: "crates/distributed/src/intake/store.rs",
            there: ".and_then(|shard| order.command_row(shard, Funding::NotAsked).ok()),",
            instead: ".and_then(|_| None),",
        }],
        package: "distributed",
        target: &["--lib"],
        test: "intake::tests::healing::nobody_reserves_for_an_order_whose_command_went_with_it_until_it_has_come_back",
    },
    Rule {
        name: "early-cancel-of-a-guess",
        removal: &[Edit {
            file: "crates/distributed/src/shard/todo.rs",
            there: "placed.remove(&id);",
            instead: "let _ = id;",
        }],
        package: "distributed",
        target: &["--lib"],
        test: "shard::todo::tests::a_cancel_waits_too_behind_a_placement_whose_funds_may_still_be_asked_for",
    },
    Rule {
        name: "mass-cancel",
        removal: &[Edit {
            file: "crates/persistence/src/postgres/shard/cutoffs.rs",
            there: "AND NOT EXISTS (SELECT 1 FROM commands c WHERE c.id = k.id AND c.progress = 0) \\",
            instead: "\\",
        }],
        package: "distributed",
        target: &["--test", "shard"],
        test: "commands::a_mass_cancel_is_in_force_from_its_place_in_the_log_on_and_not_before",
    },
    Rule {
        name: "tombstone",
        removal: &[TOMBSTONE],
        package: "wallet",
        target: &["--test", "rules"],
        test: "a_late_reserve_meets_the_tombstone_whichever_wallet_laid_it",
    },
    Rule {
        name: "tombstone-at-the-api",
        removal: &[TOMBSTONE],
        package: "wallet-service",
        target: &["--test", "service"],
        test: "postgres::the_service_before_the_wallet_on_postgresql_passes_the_behaviour_suite",
    },
];

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;
    use std::path::{Path, PathBuf};

    use super::*;
    use crate::shell;

    /// Everything that is written in Rust below a folder.
    fn sources(folder: &Path) -> String {
        let mut text = String::new();
        for entry in std::fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                text.push_str(&sources(&path));
            } else if path.extension().is_some_and(|ending| ending == "rs") {
                text.push_str(&std::fs::read_to_string(&path).unwrap());
            }
        }
        text
    }

    fn folder_of(package: &str) -> PathBuf {
        let folders = ["crates", "bins"].map(|parent| shell::root().join(parent).join(package));
        folders.into_iter().find(|folder| folder.is_dir()).unwrap()
    }

    /// The last part of a test's full name.
    fn short(test: &str) -> &str {
        test.rsplit("::").next().unwrap_or(test)
    }

    #[test]
    fn every_removal_finds_its_text_once_and_changes_it() {
        for rule in RULES {
            assert!(!rule.removal.is_empty(), "{}", rule.name);
            for Edit { file, there, instead } in rule.removal {
                let text = std::fs::read_to_string(shell::root().join(file)).unwrap();
                assert_eq!(text.matches(there).count(), 1, "{}: {there} in {file}", rule.name);
                assert_ne!(there, instead, "{}", rule.name);
            }
        }
    }

    #[test]
    fn every_test_stands_in_its_package() {
        for rule in RULES {
            let function = format!("fn {}()", short(rule.test));
            let sources = sources(&folder_of(rule.package));
            assert_eq!(sources.matches(&function).count(), 1, "{}: {function}", rule.name);
        }
    }

    #[test]
    fn the_document_lists_the_same_rules() {
        let document = std::fs::read_to_string(shell::root().join("docs/distributed.md")).unwrap();
        let (_, section) = document.split_once("## Rules that a test guards").unwrap();
        let (section, _) = section.split_once("\n## ").unwrap();
        let rows: Vec<&str> = section.lines().filter(|line| line.starts_with("| `")).collect();
        assert_eq!(rows.len(), RULES.len());
        for (row, rule) in rows.into_iter().zip(RULES) {
            let names = [rule.name, rule.package, short(rule.test)];
            let files = rule.removal.iter().map(|edit| edit.file);
            for name in names.into_iter().chain(files) {
                assert!(row.contains(&format!("`{name}`")), "{name} is missing in {row}");
            }
            assert!(row.contains(&rule.target.join(" ")), "{row}");
        }
    }

    #[test]
    fn names_are_short_and_no_two_alike() {
        let names: BTreeSet<&str> = RULES.iter().map(|rule| rule.name).collect();
        assert_eq!(names.len(), RULES.len());
        for name in names {
            assert!(
                name.bytes().all(|byte| byte == b'-' || byte.is_ascii_lowercase()),
                "{name}"
            );
        }
    }
}
