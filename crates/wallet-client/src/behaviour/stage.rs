//! One case's own users and assets, short ways to instruct the wallet, and the questions afterwards.

use std::future::{Future, poll_fn};
use std::pin::Pin;
use std::task::Poll;

use domain::{
    Amount, Asset, LedgerEntry, Merge, OrderId, Release, RequestId, Reserve, Symbol, TradeId, Transfer,
    TransferKey, TransferKind, UserId,
};
use runtime::{Clock, Ids};

use crate::{Answer, EntryPage, Instruction, Refused, SettleTrade, TradeParty, UserBalance, Wallet};

/// The letters and digits of assets.
const LETTERS: &[u8; 36] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789";

/// A wallet with two assets that nobody else has.
pub(super) struct Stage<'a> {
    pub wallet: &'a dyn Wallet,
    pub base: Asset,
    pub quote: Asset,
    ids: Ids,
}

pub(super) fn amount(text: &str) -> Amount {
    Amount::parse(text).expect("a case names good amounts")
}

/// Waits for all of them, each making progress while the others wait.
pub(super) async fn together<F: Future>(futures: impl IntoIterator<Item = F>) -> Vec<F::Output> {
    let mut waiting: Vec<Pin<Box<F>>> = futures.into_iter().map(Box::pin).collect();
    let mut done: Vec<Option<F::Output>> = waiting.iter().map(|_| None).collect();
    poll_fn(|context| {
        for (future, output) in waiting.iter_mut().zip(&mut done) {
            if output.is_none()
                && let Poll::Ready(ready) = future.as_mut().poll(context)
            {
                *output = Some(ready);
            }
        }
        if done.iter().all(Option::is_some) {
            Poll::Ready(())
        } else {
            Poll::Pending
        }
    })
    .await;
    done.into_iter().flatten().collect()
}

impl<'a> Stage<'a> {
    pub fn open(wallet: &'a dyn Wallet) -> Self {
        let ids = Ids::new(Clock::System);
        let (base, quote) = (fresh_asset(&ids, 'B'), fresh_asset(&ids, 'Q'));
        Self {
            wallet,
            base,
            quote,
            ids,
        }
    }

    pub fn symbol(&self) -> Symbol {
        Symbol {
            base: self.base,
            quote: self.quote,
        }
    }

    /// Another asset that nobody else has.
    pub fn another_asset(&self) -> Asset {
        fresh_asset(&self.ids, 'O')
    }

    pub fn user(&self) -> UserId {
        UserId::from_u128(self.ids.uuid_v4().as_u128())
    }

    pub fn order(&self) -> OrderId {
        OrderId::from_u128(self.ids.uuid_v7().as_u128())
    }

    pub fn trade(&self) -> TradeId {
        TradeId::from_u128(self.ids.uuid_v7().as_u128())
    }

    pub fn request(&self) -> RequestId {
        RequestId::from_u128(self.ids.uuid_v7().as_u128())
    }

    /// A key that no other transfer has.
    pub fn key(&self) -> TransferKey {
        let text = format!("case-{}", self.ids.uuid_v4());
        text.parse().expect("the key is short and plain")
    }

    /// A user with this much of an asset.
    pub async fn funded(&self, asset: Asset, much: &str) -> UserId {
        let user = self.user();
        self.fund(user, asset, much).await;
        user
    }

    pub async fn fund(&self, user_id: UserId, asset: Asset, much: &str) {
        let deposit = self.transfer(TransferKind::Deposit, user_id, asset, much);
        let answer = self.wallet.transfer(deposit).await.expect("the wallet answers");
        answer.expect("a deposit is done");
    }

    pub fn transfer(&self, kind: TransferKind, user_id: UserId, asset: Asset, much: &str) -> Transfer {
        Transfer {
            kind,
            key: self.key(),
            user_id,
            asset,
            amount: amount(much),
        }
    }

    /// A reserve for a new order, which receives the other asset.
    pub fn reserve(&self, user_id: UserId, asset: Asset, much: &str) -> Reserve {
        let receives = if asset == self.base { self.quote } else { self.base };
        Reserve {
            order_id: self.order(),
            request_id: None,
            user_id,
            asset,
            receives,
            amount: amount(much),
        }
    }

    /// Reserves for a new order, which succeeds.
    pub async fn reserved(&self, user_id: UserId, asset: Asset, much: &str) -> OrderId {
        let reserve = self.reserve(user_id, asset, much);
        let order_id = reserve.order_id;
        self.done(Instruction::Reserve(reserve)).await;
        order_id
    }

    /// A trade of the two assets between these orders, without fees and releases.
    pub fn settle(&self, base: &str, quote: &str, buyer: TradeParty, seller: TradeParty) -> SettleTrade {
        SettleTrade {
            trade_id: self.trade(),
            symbol: self.symbol(),
            base: amount(base),
            quote: amount(quote),
            buyer,
            seller,
        }
    }

    pub async fn one(&self, instruction: Instruction) -> Result<Answer, Refused> {
        let mut answers = self.many(vec![instruction]).await;
        answers.remove(0)
    }

    pub async fn done(&self, instruction: Instruction) -> Answer {
        let shown = format!("{instruction:?}");
        let answer = self.one(instruction).await;
        answer.unwrap_or_else(|refused| panic!("{shown} was refused: {refused:?}"))
    }

    pub async fn many(&self, instructions: Vec<Instruction>) -> Vec<Result<Answer, Refused>> {
        let count = instructions.len();
        let answers = self
            .wallet
            .instruct(0, instructions)
            .await
            .expect("the wallet answers");
        assert_eq!(answers.len(), count, "one answer for each instruction");
        answers
    }

    pub async fn balances(&self, user_id: UserId) -> Vec<UserBalance> {
        let answer = self.wallet.balances(vec![user_id]).await;
        answer.expect("the wallet answers")
    }

    /// What a user has of an asset: available and reserved.
    pub async fn balance(&self, user_id: UserId, asset: Asset) -> (String, String) {
        let balances = self.balances(user_id).await;
        let found = balances.into_iter().find(|balance| balance.asset == asset);
        found.map_or(("0".to_owned(), "0".to_owned()), |balance| shown(&balance))
    }

    pub async fn assert_has(&self, user_id: UserId, asset: Asset, available: &str, reserved: &str) {
        let (has, holds) = self.balance(user_id, asset).await;
        assert_eq!(
            (has.as_str(), holds.as_str()),
            (available, reserved),
            "{asset} of {user_id}"
        );
    }

    /// All lines of a user's ledger, newest first.
    pub async fn lines(&self, user_id: UserId) -> Vec<LedgerEntry> {
        let page = EntryPage {
            user_id,
            asset: None,
            before: None,
            limit: 1_000,
        };
        self.wallet.ledger(page).await.expect("the wallet answers")
    }
}

fn fresh_asset(ids: &Ids, first: char) -> Asset {
    let bytes: [u8; 9] = ids.random_bytes();
    let rest = bytes
        .iter()
        .map(|byte| char::from(LETTERS[usize::from(*byte) % LETTERS.len()]));
    let code: String = std::iter::once(first).chain(rest).collect();
    code.parse().expect("ten capitals are an asset")
}

/// Available and reserved.
pub(super) fn shown(balance: &UserBalance) -> (String, String) {
    (balance.available.to_string(), balance.reserved.to_string())
}

/// A party whose order pays, without fee and release.
pub(super) const fn party(user_id: UserId, order_id: OrderId) -> TradeParty {
    TradeParty {
        user_id,
        order_id: Some(order_id),
        fee: Amount::ZERO,
        release: Amount::ZERO,
    }
}

/// A release of a part.
pub(super) fn release(reserve: &Reserve, number: u32, much: &str, last: bool) -> Release {
    Release {
        order_id: reserve.order_id,
        request_id: reserve.request_id,
        user_id: reserve.user_id,
        number,
        asset: reserve.asset,
        amount: amount(much),
        last,
    }
}

/// The merge of an amendment's reservation.
pub(super) fn merge(amendment: &Reserve) -> Merge {
    Merge {
        request_id: amendment.request_id.expect("an amendment has an id"),
        order_id: amendment.order_id,
        user_id: amendment.user_id,
        asset: amendment.asset,
        amount: amendment.amount,
    }
}
