//! What operators do, and what they keep about users: the traits `Operations` and `Accounts` for the embedded exchange.

use std::sync::Arc;

use async_trait::async_trait;
use domain::{
    AddApiKey, Amount, ApiKey, ApiKeyId, Asset, CancelAll, Command, DefineMarket, DefineTier,
    MarketDefinition, MarketNumber, MarketState, Outcome, RevokeApiKey, Selection, SetAccountTier,
    SetMarketState, Tier, TierName, Transfer, TransferKey, TransferKind, TransferReceipt, UserId,
};
use trading::{Accounts, EntryError, Operations};

use crate::ask::Weight;
use crate::entry::refused;
use crate::open::Embedded;
use crate::said;

impl Embedded {
    /// Defines or changes a market because the settings say so now: the next start with the same settings leaves it as
    /// operators change it from here on. One call at a time.
    ///
    /// # Errors
    /// Those of [`Operations::define_market`].
    pub async fn define_as_said(&self, definition: MarketDefinition) -> Result<(), EntryError> {
        self.define_market(definition.clone()).await?;
        let dir = self.options.dir.clone();
        let remembered = tokio::task::spawn_blocking(move || said::remember_too(&dir, definition)).await;
        if !matches!(remembered, Ok(Ok(()))) {
            // The market is changed. Only a later change of it by an operator is at stake.
            tracing::error!(?remembered, "what the settings say of a market is not remembered");
        }
        Ok(())
    }

    async fn operate(&self, command: Command) -> Result<(), EntryError> {
        match self.command(command, Weight::Urgent).await? {
            Outcome::Done => Ok(()),
            Outcome::Refused(refusal) => Err(refused(refusal)),
            _ => Err(EntryError::OutcomeUnknown),
        }
    }
}

#[async_trait]
impl Operations for Embedded {
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
        match self.command(Command::Transfer(transfer), Weight::Urgent).await? {
            Outcome::Transferred(receipt) => Ok(receipt),
            Outcome::Refused(refusal) => Err(refused(refusal)),
            _ => Err(EntryError::OutcomeUnknown),
        }
    }

    async fn define_market(&self, definition: MarketDefinition) -> Result<(), EntryError> {
        self.operate(Command::DefineMarket(DefineMarket { definition }))
            .await
    }

    async fn set_market_state(&self, market: MarketNumber, state: MarketState) -> Result<(), EntryError> {
        self.operate(Command::SetMarketState(SetMarketState { market, state }))
            .await
    }

    async fn cancel_selected(&self, selection: Selection) -> Result<u64, EntryError> {
        self.mass_cancel(CancelAll {
            selection,
            by_operator: true,
        })
        .await
    }

    async fn define_tier(&self, tier: Tier) -> Result<(), EntryError> {
        self.operate(Command::DefineTier(DefineTier { tier })).await
    }

    async fn set_account_tier(&self, user_id: UserId, tier: Option<TierName>) -> Result<(), EntryError> {
        self.operate(Command::SetAccountTier(SetAccountTier { user_id, tier }))
            .await
    }

    async fn add_api_key(&self, key: ApiKey) -> Result<(), EntryError> {
        self.operate(Command::AddApiKey(Box::new(AddApiKey { key })))
            .await
    }

    async fn revoke_api_key(&self, key_id: ApiKeyId) -> Result<(), EntryError> {
        self.operate(Command::RevokeApiKey(RevokeApiKey { key_id })).await
    }
}

impl Accounts for Embedded {
    fn tier_of(&self, user_id: UserId) -> Option<Arc<Tier>> {
        self.gauge.register().tier_of(user_id).cloned()
    }

    fn tiers(&self) -> Vec<Arc<Tier>> {
        self.gauge.register().tiers().cloned().collect()
    }

    fn api_key(&self, key_id: &str) -> Option<Arc<ApiKey>> {
        self.gauge.register().key(&key_id.parse().ok()?).cloned()
    }

    fn api_keys_of(&self, user_id: UserId) -> Vec<Arc<ApiKey>> {
        self.gauge.register().keys_of(user_id).cloned().collect()
    }
}
