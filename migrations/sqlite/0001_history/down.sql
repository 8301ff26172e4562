DROP TABLE candles;
DROP TABLE ledger_entries;
DROP TABLE trades;
DROP TABLE orders;
DROP TABLE projection;
