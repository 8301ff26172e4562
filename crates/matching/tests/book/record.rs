//! A sink that writes down what it is told.

use domain::{Lots, Price, Quantity, Side};
use matching::{Fill, Sink};

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Happening {
    Fill(Fill),
    Expired {
        key: u64,
        price: Price,
        left: Lots,
    },
    Decremented {
        key: u64,
        price: Price,
        quantity: Quantity,
        left: Lots,
    },
    Level {
        side: Side,
        price: Price,
        shown: Lots,
    },
}

#[derive(Debug, Default, PartialEq, Eq)]
pub struct Record(pub Vec<Happening>);

impl Sink for Record {
    fn fill(&mut self, fill: Fill) {
        self.0.push(Happening::Fill(fill));
    }

    fn maker_expired(&mut self, key: u64, price: Price, left: Lots) {
        self.0.push(Happening::Expired { key, price, left });
    }

    fn decremented(&mut self, key: u64, price: Price, quantity: Quantity, left: Lots) {
        self.0.push(Happening::Decremented {
            key,
            price,
            quantity,
            left,
        });
    }

    fn level(&mut self, side: Side, price: Price, shown: Lots) {
        self.0.push(Happening::Level { side, price, shown });
    }
}

pub fn price(ticks: u32) -> Price {
    Price::from_ticks(ticks).unwrap()
}

pub fn quantity(lots: u64) -> Quantity {
    Quantity::from_lots(Lots(lots)).unwrap()
}
