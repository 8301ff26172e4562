//! What the wallet tells when it is asked: balances and ledger lines.

use std::collections::BTreeMap;

use domain::{Asset, EntryAccount, EntryType, LedgerEntry, Reference, TransferKind};

use super::stage::{Stage, amount, party, release, shown};
use crate::{EntryPage, Instruction, TradeParty, UserBalance, Wallet};

pub(super) async fn balances_come_by_user_and_asset_and_their_versions_grow(wallet: &dyn Wallet) {
    let stage = Stage::open(wallet);
    let mut users = [
        stage.funded(stage.quote, "1").await,
        stage.funded(stage.base, "2").await,
        stage.user(),
    ];
    stage.fund(users[0], stage.base, "3").await;
    let first = users[0];
    users.sort_unstable();
    let ask = vec![users[2], users[0], users[1], users[0]];
    let balances = wallet.balances(ask).await.expect("the wallet answers");
    assert_eq!(
        balances.len(),
        3,
        "strangers have none, nobody twice: {balances:?}"
    );
    let key = |balance: &UserBalance| (balance.user_id, balance.asset);
    assert!(balances.is_sorted_by_key(key), "{balances:?}");
    let version = async || -> u64 {
        let balances = stage.balances(first).await;
        let of_quote = balances.iter().find(|balance| balance.asset == stage.quote);
        of_quote.map_or(0, |balance| balance.version)
    };
    let mut before = version().await;
    let order = stage.reserve(first, stage.quote, "1");
    for step in [
        Instruction::Reserve(order.clone()),
        Instruction::Release(release(&order, 1, "0.5", false)),
        Instruction::Release(release(&order, 2, "0.5", true)),
    ] {
        let answer = stage.done(step.clone()).await;
        let after = version().await;
        assert!(after > before, "{step:?}");
        assert_eq!(
            answer.balances.first().map(|balance| balance.version),
            Some(after)
        );
        before = after;
        stage.done(step).await;
        assert_eq!(version().await, before, "a repetition changes nothing");
    }
    assert!(
        wallet
            .balances(Vec::new())
            .await
            .is_ok_and(|balances| balances.is_empty())
    );
    let many = (0..1_001).map(|_| stage.user()).collect();
    assert!(wallet.balances(many).await.is_err(), "a thousand users at most");
}

/// Three users who did all that can be done, and the order, amendment, trade and key of it.
async fn life(stage: &Stage<'_>) -> [domain::UserId; 2] {
    let (buyer, seller) = (
        stage.funded(stage.quote, "100").await,
        stage.funded(stage.base, "1").await,
    );
    let buy = stage.reserve(buyer, stage.quote, "50");
    let more = domain::Reserve {
        request_id: Some(stage.request()),
        amount: amount("10"),
        ..buy.clone()
    };
    let sell = stage.reserve(seller, stage.base, "1");
    let buying = TradeParty {
        fee: amount("0.01"),
        release: amount("4"),
        ..party(buyer, buy.order_id)
    };
    let selling = TradeParty {
        fee: amount("0.5"),
        ..party(seller, sell.order_id)
    };
    for step in [
        Instruction::Reserve(buy.clone()),
        Instruction::Reserve(more.clone()),
        Instruction::Merge(super::stage::merge(&more)),
        Instruction::Reserve(sell),
        Instruction::Settle(stage.settle("1", "40", buying, selling)),
        Instruction::Release(release(&buy, 1, "16", true)),
    ] {
        stage.done(step).await;
    }
    let withdrawal = stage.transfer(TransferKind::Withdrawal, buyer, stage.quote, "10");
    let answer = stage
        .wallet
        .transfer(withdrawal)
        .await
        .expect("the wallet answers");
    answer.expect("a withdrawal is done");
    [buyer, seller]
}

/// The sums of lines by asset: available and reserved.
fn sums(lines: &[LedgerEntry]) -> BTreeMap<Asset, (i64, i64)> {
    let mut sums: BTreeMap<Asset, (i64, i64)> = BTreeMap::new();
    for line in lines {
        let sum = sums.entry(line.asset).or_default();
        sum.0 += line.available;
        sum.1 += line.reserved;
    }
    sums
}

pub(super) async fn the_ledger_tells_every_change_newest_first(wallet: &dyn Wallet) {
    let stage = Stage::open(wallet);
    let users = life(&stage).await;
    for user_id in users {
        let lines = stage.lines(user_id).await;
        assert!(
            lines
                .iter()
                .all(|line| line.account == EntryAccount::User(user_id))
        );
        let newest_first = lines
            .windows(2)
            .all(|pair| (pair[0].seq, pair[0].line) > (pair[1].seq, pair[1].line));
        assert!(newest_first, "{lines:?}");
        assert!(
            lines.iter().all(|line| (line.available, line.reserved) != (0, 0)),
            "{lines:?}"
        );
        let told = sums(&lines);
        for balance in stage.balances(user_id).await {
            let (available, reserved) = told.get(&balance.asset).copied().unwrap_or_default();
            let units = |amount: domain::Amount| i64::try_from(amount.0).expect("amounts fit");
            let (has, holds) = (units(balance.available), units(balance.reserved));
            assert_eq!((available, reserved), (has, holds), "{:?}", shown(&balance));
        }
    }
    let lines = stage.lines(users[0]).await;
    let count = |kind: EntryType| lines.iter().filter(|line| line.entry_type == kind).count();
    assert_eq!(count(EntryType::Reserve), 2);
    assert_eq!(count(EntryType::Deposit), 1);
    assert_eq!(count(EntryType::Withdrawal), 1);
    assert_eq!(count(EntryType::TradeSell), 0);
    assert!(
        count(EntryType::TradeBuy) >= 2 && count(EntryType::Release) >= 2,
        "{lines:?}"
    );
    for line in &lines {
        let fits = match line.entry_type {
            EntryType::Reserve | EntryType::Adjustment => {
                matches!(line.reference, Reference::Order(_) | Reference::Amendment(_))
            }
            EntryType::Release => matches!(line.reference, Reference::Order(_) | Reference::Trade(_)),
            EntryType::TradeBuy => matches!(line.reference, Reference::Trade(_)),
            EntryType::Deposit | EntryType::Withdrawal => matches!(line.reference, Reference::Transfer(_)),
            EntryType::TradeSell | EntryType::Fee => false,
        };
        assert!(fits, "{line:?}");
    }
}

pub(super) async fn the_ledger_comes_in_pages_and_by_asset(wallet: &dyn Wallet) {
    let stage = Stage::open(wallet);
    let [buyer, _] = life(&stage).await;
    let all = stage.lines(buyer).await;
    let mut page = EntryPage {
        user_id: buyer,
        asset: None,
        before: None,
        limit: 2,
    };
    let mut paged: Vec<LedgerEntry> = Vec::new();
    loop {
        let lines = wallet.ledger(page).await.expect("the wallet answers");
        let Some(last) = lines.last() else { break };
        assert!(lines.len() <= 2);
        page.before = Some((last.seq, last.line));
        paged.extend(lines);
    }
    assert_eq!(paged, all);
    for asset in [stage.base, stage.quote] {
        let page = EntryPage {
            user_id: buyer,
            asset: Some(asset),
            before: None,
            limit: 1_000,
        };
        let lines = wallet.ledger(page).await.expect("the wallet answers");
        let expected: Vec<_> = all.iter().filter(|line| line.asset == asset).cloned().collect();
        assert_eq!(lines, expected);
    }
}

pub(super) async fn strangers_have_nothing(wallet: &dyn Wallet) {
    let stage = Stage::open(wallet);
    let stranger = stage.user();
    assert_eq!(stage.balances(stranger).await, []);
    assert_eq!(stage.lines(stranger).await, []);
    assert_eq!(
        wallet.trouble().await,
        None,
        "a wallet that answers is not in trouble"
    );
}
