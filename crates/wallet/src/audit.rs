//! The rules that must hold between the wallet's tables, for auditors and rehearsals.

use persistence::postgres::wallet::{Difference, differences};
use persistence::postgres::{Connection, PgError};

/// Everything in the wallet's tables that does not hold at this moment; none: all is well. Per asset all accounts sum to
/// zero, and so do the lines of each transaction; no user's and no fee account is negative; what is reserved is what the
/// held reservations sum to; every account is the sum of its lines, and each line has its transaction. Reads all of the
/// tables, changes nothing, and tells at most 1,000 differences.
///
/// # Errors
/// The tables could not be read.
pub async fn audit(connection: &mut Connection) -> Result<Vec<Difference>, PgError> {
    differences(connection).await
}
