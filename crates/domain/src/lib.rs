//! The words of the exchange: ids, prices, quantities, amounts, markets, orders, commands, events and money rules.
