//! Accounts, reservations and double-entry postings.
