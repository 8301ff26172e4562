//! The use cases of the wallet.
