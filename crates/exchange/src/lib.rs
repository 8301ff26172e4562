//! Engine and ledger applied at once: the embedded exchange as one pure fold, with snapshot, restore and digest.
