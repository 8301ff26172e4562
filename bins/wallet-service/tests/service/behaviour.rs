//! The behaviour suite over HTTP.

use std::sync::Arc;

use wallet_client::{LedgerWallet, behaviour};

use crate::support::Running;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_service_before_the_wallet_in_memory_passes_the_behaviour_suite() {
    let wallet = Arc::new(LedgerWallet::default());
    let service = Running::before(Arc::<LedgerWallet>::clone(&wallet));
    behaviour::all(&service.client()).await;
    wallet.check().unwrap();
}
