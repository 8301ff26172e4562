//! What operators do: the trait `Operations` for a gateway's exchange.

use std::sync::Arc;

use async_trait::async_trait;
use domain::{
    Amount, ApiKey, ApiKeyId, Asset, CancelReason, DefineMarket, FieldError, Market, MarketDefinition,
    MarketNumber, MarketState, Selection, SetMarketState, Tier, TierName, Transfer, TransferKey,
    TransferKind, TransferReceipt, UserId,
};
use persistence::postgres::intake::{
    Added, CommandKind, CommandRow, DefinedMarket, add_market, markets_like,
};
use runtime::trace;
use tokio::time::Instant;
use trading::{EntryError, Operations};
use wallet_client::{NotAnswered, TransferRefused};

use crate::encoding::decode;
use crate::intake::{
    Expected, Intake, Mass, Moment, Outcome, Weight, encoded, hint, invalid, odd, patient, unavailable,
};
use crate::{Distributed, News, ShardCommand, Told, ToldRefusal};

/// How often a definition is tried whose number or symbol is taken meanwhile.
const TRIES: usize = 3;

fn field(name: &'static str, rule: &'static str) -> EntryError {
    EntryError::Invalid(FieldError::new(name, rule))
}

fn not_transferred(refused: &TransferRefused) -> EntryError {
    match refused {
        TransferRefused::InsufficientBalance => EntryError::InsufficientBalance,
        TransferRefused::KeyConflict => EntryError::TransferKeyConflict,
        TransferRefused::TooLarge => field("amount", "would bring the asset above 92233720368.54775807"),
        TransferRefused::Nothing => field("amount", "must be greater than 0"),
    }
}

impl Intake {
    pub(crate) async fn transfer(
        self: &Arc<Self>,
        transfer: Transfer,
    ) -> Result<TransferReceipt, EntryError> {
        self.whole(Weight::Urgent, |intake, _| async move {
            let (user_id, asset) = (transfer.user_id, transfer.asset);
            match intake.wallet.transfer(transfer).await {
                Ok(Ok(receipt)) => {
                    intake.tell_balance(user_id, asset).await;
                    Ok(receipt)
                }
                Ok(Err(refused)) => Err(not_transferred(&refused)),
                Err(NotAnswered::Unknown(_)) => Err(EntryError::OutcomeUnknown),
                Err(NotAnswered::NotSent(_)) => Err(unavailable("the wallet does not answer")),
            }
        })
        .await
    }

    /// Tells every gateway what a user has of an asset. Where the wallet does not answer, the next change tells it.
    async fn tell_balance(&self, user_id: UserId, asset: Asset) {
        if let Ok(mut balances) = self.wallet.balances(vec![user_id]).await {
            balances.retain(|balance| balance.asset == asset);
            self.notices.news(News::Balances(balances));
        }
    }

    pub(crate) async fn define_market(
        self: &Arc<Self>,
        definition: MarketDefinition,
    ) -> Result<(), EntryError> {
        let market = Market::new(definition).map_err(|errors| match errors.into_iter().next() {
            Some(error) => EntryError::Invalid(error),
            None => EntryError::OutcomeUnknown,
        })?;
        self.whole(Weight::Urgent, |intake, until| async move {
            for _ in 0..TRIES {
                let like = async { markets_like(&mut *intake.pool.get().await?, market.definition()).await };
                let like = patient("markets", like).await?;
                let moment = intake.moments.next()?;
                let expected = Expected::new(&intake.outcomes, moment.command_id());
                if intake.write_definition(&market, moment, &like).await? {
                    return done(expected.by(until).await);
                }
            }
            Err(unavailable("the markets change too fast"))
        })
        .await
    }

    /// Writes the command that defines a market, and the market if it is new; false: somebody was faster.
    async fn write_definition(
        &self,
        market: &Market,
        moment: Moment,
        like: &[DefinedMarket],
    ) -> Result<bool, EntryError> {
        let definition = market.definition();
        let symbol = market.symbol().to_string();
        if like
            .iter()
            .any(|other| other.symbol == symbol && other.number != market.number())
        {
            return Err(field("symbol", "is the symbol of another market"));
        }
        let define = DefineMarket {
            definition: definition.clone(),
        };
        let body = encoded(&ShardCommand::DefineMarket(Box::new(define)))?;
        let row = |shard| CommandRow {
            id: moment.command_id(),
            shard,
            kind: CommandKind::DefineMarket,
            order_id: None,
            body: body.clone(),
            at: moment.at,
            trace: trace::current(),
        };
        if let Some(known) = like.iter().find(|other| other.number == market.number()) {
            if !same_grid(known, market)? {
                return Err(field("tick", "and lot and symbol of a market never change"));
            }
            let shard = known
                .shard
                .ok_or_else(|| unavailable("the market has no shard"))?;
            self.hand(row(shard)).await?;
            return Ok(true);
        }
        let stored = encoded(definition)?;
        let add =
            async { add_market(&mut *self.pool.get().await?, definition, &stored, moment.at, row).await };
        match patient("add market", add).await? {
            Added::ToShard(shard) => {
                hint(&*self.notices, &[row(shard)]);
                self.notices.news(News::Markets);
                Ok(true)
            }
            Added::Taken => Ok(false),
            Added::NoShards => Err(unavailable("there are no shards")),
        }
    }

    pub(crate) async fn set_market_state(
        self: &Arc<Self>,
        market: MarketNumber,
        state: MarketState,
    ) -> Result<(), EntryError> {
        self.whole(Weight::Urgent, move |intake, until: Instant| async move {
            let shard = intake.shard_of(market)?;
            let moment = intake.moments.next()?;
            let row = CommandRow {
                id: moment.command_id(),
                shard,
                kind: CommandKind::MarketState,
                order_id: None,
                body: encoded(&ShardCommand::SetMarketState(SetMarketState { market, state }))?,
                at: moment.at,
                trace: trace::current(),
            };
            let expected = Expected::new(&intake.outcomes, row.id);
            intake.hand(row).await?;
            done(expected.by(until).await)
        })
        .await
    }
}

/// Whether a stored market has the grid of this one.
fn same_grid(known: &DefinedMarket, market: &Market) -> Result<bool, EntryError> {
    let definition = decode::<MarketDefinition>(&known.definition);
    let definition = definition.map_err(|error| {
        tracing::error!(%error, symbol = known.symbol, "a market's definition cannot be read");
        unavailable("the market's definition cannot be read")
    })?;
    Ok(Market::new(definition).is_ok_and(|known| known.same_grid(market)))
}

/// What an operator's command came to, as the operator is told.
fn done(outcome: Outcome) -> Result<(), EntryError> {
    match outcome {
        Outcome::Settled(Told::Done) | Outcome::Applied(Told::Done) => Ok(()),
        Outcome::Settled(Told::Refused(refusal)) | Outcome::Applied(Told::Refused(refusal)) => {
            Err(match refusal {
                ToldRefusal::UnknownMarket => EntryError::UnknownMarket,
                ToldRefusal::Invalid { field, rule } => invalid(&field, rule),
                ToldRefusal::MarketState(state) => EntryError::MarketState(state),
                refusal => odd(&Told::Refused(refusal)),
            })
        }
        Outcome::Settled(told) | Outcome::Applied(told) => Err(odd(&told)),
        Outcome::NotKnown => Err(EntryError::OutcomeUnknown),
    }
}

#[async_trait]
impl Operations for Distributed {
    async fn transfer(
        &self,
        kind: TransferKind,
        key: TransferKey,
        user_id: UserId,
        asset: Asset,
        amount: Amount,
    ) -> Result<TransferReceipt, EntryError> {
        let transfer = Transfer {
            kind,
            key,
            user_id,
            asset,
            amount,
        };
        self.intake.transfer(transfer).await
    }

    async fn define_market(&self, definition: MarketDefinition) -> Result<(), EntryError> {
        self.intake.define_market(definition).await
    }

    async fn set_market_state(&self, market: MarketNumber, state: MarketState) -> Result<(), EntryError> {
        self.intake.set_market_state(market, state).await
    }

    async fn cancel_selected(&self, selection: Selection) -> Result<u64, EntryError> {
        let mass = Mass {
            selection,
            reason: CancelReason::Operator,
            everywhere: true,
        };
        self.intake.cancel_many(mass).await
    }

    async fn define_tier(&self, tier: Tier) -> Result<(), EntryError> {
        self.intake.define_tier(tier).await
    }

    async fn set_account_tier(&self, user_id: UserId, tier: Option<TierName>) -> Result<(), EntryError> {
        self.intake.set_account_tier(user_id, tier).await
    }

    async fn add_api_key(&self, key: ApiKey) -> Result<(), EntryError> {
        self.intake.add_api_key(key).await
    }

    async fn revoke_api_key(&self, key_id: ApiKeyId) -> Result<(), EntryError> {
        self.intake.revoke_api_key(key_id).await
    }
}
