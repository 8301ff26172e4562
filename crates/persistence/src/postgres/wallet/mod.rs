//! The wallet's tables: rows read under locks in one global order, and written back set-wise.
//!
//! One [`Work`] is one transaction. Rows are locked in the order wallets (user, asset), reservations (id), house accounts
//! (asset, shard), so that any number of wallets may work at once without a deadlock.

mod audit;
mod changed;
mod columns;
mod load;
mod read;
mod record;
mod store;
mod work;

pub use audit::{Difference, differences, differences_of_accounts};
pub use changed::{AccountKey, AccountSums, account_sums, accounts_after, last_transaction};
pub use read::{balances, entries, ping};
pub use record::{
    Changes, HouseAccount, HouseChange, NewLine, NewTransaction, ReservationStatus, StoredAccount,
    StoredAnswer, StoredReservation,
};
pub use work::{Work, Written};
