//! The service in front of the wallet on a real PostgreSQL.

use std::sync::Arc;
use std::time::Duration;

use persistence::postgres::{Pool, PoolOptions};
use runtime::{Clock, Ids};
use testbed::Database;
use wallet::{PgWallet, WalletOptions};
use wallet_client::{Wallet, behaviour};

use crate::faults::run_while_connections_are_cut;
use crate::support::Running;

struct OnPostgres {
    service: Running,
    pool: Pool,
    // Last, so that it goes last.
    _database: Database,
}

impl OnPostgres {
    async fn start() -> Self {
        let database = Database::create().await.unwrap();
        let pool = Pool::new(&PoolOptions {
            url: database.url().into(),
            max_size: 5,
            wait: Duration::from_secs(10),
        })
        .unwrap();
        let ids = Ids::new(Clock::System);
        let wallet = PgWallet::start(pool.clone(), Clock::System, ids, WalletOptions::default());
        Self {
            service: Running::before(Arc::new(wallet) as Arc<dyn Wallet>),
            pool,
            _database: database,
        }
    }

    /// Whether the tables agree with one another.
    async fn check(&self) {
        let mut connection = self.pool.get().await.unwrap();
        let differences = wallet::audit(&mut connection).await.unwrap();
        assert!(differences.is_empty(), "{differences:?}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_service_before_the_wallet_on_postgresql_passes_the_behaviour_suite() {
    let stage = OnPostgres::start().await;
    behaviour::all(&stage.service.client()).await;
    stage.check().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn whatever_is_cut_off_postgresql_has_it_once() {
    let stage = OnPostgres::start().await;
    let cuts = run_while_connections_are_cut(&stage.service, 60, 1_000).await;
    assert!(cuts > 10, "connections were cut {cuts} times");
    stage.check().await;
}
