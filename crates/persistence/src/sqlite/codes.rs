//! The numbers under which values of few kinds are stored. They never change: files hold them.

use domain::{EntryType, OrderType, SelfTradePrevention, Side, Status};

/// A value that is stored as a small number.
pub(crate) trait Code: Copy + 'static {
    /// Its number.
    fn code(self) -> i64;
    /// The value of a number; none where there is no such.
    fn from_code(code: i64) -> Option<Self>;
}

macro_rules! codes {
    ($($name:ident { $($variant:ident = $code:literal),* $(,)? })*) => {$(
        impl Code for $name {
            fn code(self) -> i64 {
                match self { $(Self::$variant => $code),* }
            }

            fn from_code(code: i64) -> Option<Self> {
                match code { $($code => Some(Self::$variant),)* _ => None }
            }
        }
    )*};
}

codes! {
    Side { Buy = 0, Sell = 1 }
    OrderType { Market = 0, Limit = 1, Stop = 2, StopLimit = 3 }
    Status {
        Pending = 0,
        Open = 1,
        PartiallyFilled = 2,
        Filled = 3,
        Cancelled = 4,
        Rejected = 5,
        Expired = 6,
    }
    SelfTradePrevention { None = 0, ExpireTaker = 1, ExpireMaker = 2, ExpireBoth = 3, Decrement = 4 }
    EntryType {
        Reserve = 0,
        Release = 1,
        TradeBuy = 2,
        TradeSell = 3,
        Fee = 4,
        Deposit = 5,
        Withdrawal = 6,
        Adjustment = 7,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check<T: Code + PartialEq + std::fmt::Debug>(all: &[T]) {
        for (number, value) in (0..).zip(all) {
            assert_eq!((value.code(), T::from_code(number)), (number, Some(*value)));
        }
        for unknown in [-1, i64::try_from(all.len()).unwrap(), i64::MAX] {
            assert_eq!(T::from_code(unknown), None);
        }
    }

    #[test]
    fn every_value_has_its_own_number() {
        check(Side::ALL);
        check(OrderType::ALL);
        check(Status::ALL);
        check(SelfTradePrevention::ALL);
        check(EntryType::ALL);
    }
}
