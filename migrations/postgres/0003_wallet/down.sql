DROP TABLE ledger_entries;
DROP FUNCTION ledger_entries_balance();
DROP TABLE ledger_transactions;
DROP TABLE reservations;
DROP TABLE house_accounts;
DROP TABLE wallets;
