//! What a fault is about: which kind of rule, and which markets must stand still for it.

use domain::{Asset, MarketNumber};
use engine::EngineFault;
use ledger::LedgerFault;

use crate::Fault;

/// What a fault touches.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Touched {
    /// Every market of an asset.
    Asset(Asset),
    /// One market.
    Market(MarketNumber),
    /// Nobody can say: every market.
    All,
}

impl Fault {
    /// Every kind of rule that a fault can break.
    pub const INVARIANTS: [&str; 5] = ["zero_sum", "reserved", "needed", "book", "register"];

    /// Which kind of rule it breaks, one of [`Fault::INVARIANTS`], and what it touches.
    pub const fn touched(&self) -> (&'static str, Touched) {
        match self {
            Self::Ledger(LedgerFault::Unbalanced { asset, .. }) => ("zero_sum", Touched::Asset(*asset)),
            Self::Ledger(
                LedgerFault::ReservedMismatch { asset, .. } | LedgerFault::AccountTooLarge { asset, .. },
            ) => ("reserved", Touched::Asset(*asset)),
            Self::Ledger(_) => ("reserved", Touched::All),
            Self::Reservation(_) | Self::Stray => ("needed", Touched::All),
            Self::Engine(EngineFault::Crossed(market) | EngineFault::Queue(market)) => {
                ("book", Touched::Market(*market))
            }
            Self::Engine(_) => ("book", Touched::All),
            Self::Register(_) => ("register", Touched::All),
        }
    }
}

#[cfg(test)]
mod tests {
    use domain::OrderId;

    use super::*;

    #[test]
    fn each_fault_is_of_a_kind_and_says_what_it_touches() {
        let usdt: Asset = "USDT".parse().unwrap();
        let unbalanced = LedgerFault::Unbalanced { asset: usdt, sum: 5 };
        let market = MarketNumber(3);
        for (fault, invariant, touched) in [
            (Fault::Ledger(unbalanced), "zero_sum", Touched::Asset(usdt)),
            (
                Fault::Ledger(LedgerFault::AccountTooLarge { asset: usdt }),
                "reserved",
                Touched::Asset(usdt),
            ),
            (Fault::Ledger(LedgerFault::Full), "reserved", Touched::All),
            (Fault::Reservation(OrderId::from_u128(1)), "needed", Touched::All),
            (Fault::Stray, "needed", Touched::All),
            (
                Fault::Engine(EngineFault::Crossed(market)),
                "book",
                Touched::Market(market),
            ),
            (Fault::Engine(EngineFault::Count), "book", Touched::All),
        ] {
            assert_eq!(fault.touched(), (invariant, touched), "{fault}");
            assert!(Fault::INVARIANTS.contains(&invariant));
        }
    }
}
