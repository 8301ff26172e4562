//! A shard's owner made by hand: it writes batches as a real one would, in one transaction each.

use std::collections::BTreeMap;
use std::sync::Arc;

use domain::{
    Amount, Asset, Band, Event, FeeRate, Lots, Market, MarketDefinition, MarketEvent, MarketNumber,
    MoneyInstruction, OrderId, Price, Release, Side, Stamp, UserId,
};
use tokio_postgres::{Client, NoTls};
use uuid::Uuid;

use crate::encoding::encode;
use crate::{Batch, Entry, ShardCommand, Told};

/// A moment within the partitions of test databases.
pub fn now() -> Stamp {
    Stamp::from_micros(runtime::Clock::System.wall_us() / 1_000 * 1_000)
}

pub fn definition(number: u32) -> MarketDefinition {
    let one = Amount(100_000_000);
    MarketDefinition {
        number: MarketNumber(number),
        symbol: format!("B{number}/USDT").parse().unwrap(),
        tick: one,
        lot: one,
        min_quantity: Lots(1),
        max_quantity: Lots(1_000_000),
        max_price: Price::from_ticks(10_000).unwrap(),
        min_notional: Amount(1),
        market_band: Some(Band(1_000)),
        limit_band: None,
        initial_price: Price::from_ticks(100),
        maker_fee: FeeRate(0),
        taker_fee: FeeRate(0),
        max_open_orders: 100,
    }
}

/// One of the shard's markets.
struct Book {
    market: Market,
    seq: u64,
    levels: BTreeMap<(Side, u32), u64>,
    orders: Vec<(Uuid, Side, u32, u64)>,
}

/// The owner of shards.
pub struct Writer {
    client: Client,
    pub epoch: u64,
    seqs: BTreeMap<u32, u64>,
    books: BTreeMap<u32, Book>,
    made: u64,
}

impl Writer {
    /// The owner of new shards, so many.
    pub async fn new(url: &str, shards: u32) -> Self {
        let (client, connection) = tokio_postgres::connect(url, NoTls).await.unwrap();
        tokio::spawn(connection);
        for shard in 0..shards {
            let sql = format!("INSERT INTO shards (shard, epoch) VALUES ({shard}, 1)");
            client.batch_execute(&sql).await.unwrap();
        }
        Self {
            client,
            epoch: 1,
            seqs: (0..shards).map(|shard| (shard, 0)).collect(),
            books: BTreeMap::new(),
            made: 0,
        }
    }

    pub async fn sql(&self, sql: &str) {
        self.client.batch_execute(sql).await.unwrap();
    }

    /// A new market in a shard.
    pub async fn define(&mut self, shard: u32, number: u32) -> Arc<Batch> {
        let definition = definition(number);
        let symbol = definition.symbol.to_string();
        let encoded = encode(&definition).unwrap();
        let rows = "INSERT INTO markets (symbol, number, definition, tick, lot) VALUES ($1, $2, $3, 1, 1)";
        let number_in_sql = number.cast_signed();
        self.client
            .execute(rows, &[&symbol, &number_in_sql, &encoded])
            .await
            .unwrap();
        let state = "INSERT INTO market_state (symbol, shard) VALUES ($1, $2)";
        self.client
            .execute(state, &[&symbol, &shard.cast_signed()])
            .await
            .unwrap();
        let book = Book {
            market: Market::new(definition.clone()).unwrap(),
            seq: 0,
            levels: BTreeMap::new(),
            orders: Vec::new(),
        };
        self.books.insert(number, book);
        let defined = Event::MarketDefined(Box::new(definition));
        self.commit(shard, vec![(number, vec![defined])], Vec::new(), "")
            .await
    }

    /// A batch that places an order at a price, or takes the market's oldest away where `quantity` is 0.
    pub async fn change(
        &mut self,
        shard: u32,
        number: u32,
        side: Side,
        at: u32,
        quantity: u64,
    ) -> Arc<Batch> {
        self.made += 1;
        let id = OrderId::at(now(), u64::from(number) << 32 | self.made);
        let id = Uuid::from_u128(id.as_u128());
        let book = self.books.get_mut(&number).unwrap();
        let (side, at, change, sql) = if quantity == 0 && !book.orders.is_empty() {
            let (id, side, at, quantity) = book.orders.remove(0);
            let sql = format!(
                "UPDATE orders SET status = 'CANCELLED', displayed_remaining = NULL, turn = NULL WHERE order_id = '{id}'"
            );
            (side, at, -quantity.cast_signed(), sql)
        } else {
            let quantity = quantity.max(1);
            book.orders.push((id, side, at, quantity));
            let symbol = book.market.symbol();
            let sql = format!(
                "INSERT INTO orders (order_id, user_id, symbol, side, order_type, status, quantity, price, \
                 displayed_remaining, rank, turn, created_at, deadline) VALUES ('{id}', '{}', '{symbol}', '{}', 'LIMIT', \
                 'OPEN', {quantity}, {at}, {quantity}, {}, {}, v7_time('{id}'), now())",
                Uuid::from_u128(7),
                side.word(),
                self.made,
                self.made
            );
            (side, at, quantity.cast_signed(), sql)
        };
        let level = book.levels.entry((side, at)).or_default();
        *level = level.checked_add_signed(change).unwrap();
        let level = Event::Level {
            side,
            price: Price::from_ticks(at).unwrap(),
            quantity: Lots(*level),
        };
        let release = MoneyInstruction::Release(Release {
            order_id: OrderId::from_u128(id.as_u128()),
            request_id: None,
            user_id: UserId::from_u128(7),
            number: 1,
            asset: "USDT".parse::<Asset>().unwrap(),
            amount: Amount(1),
            last: false,
        });
        self.commit(shard, vec![(number, vec![level])], vec![release], &sql)
            .await
    }

    /// Writes a batch with these events of markets; the id of its one command is its number in the shard.
    async fn commit(
        &mut self,
        shard: u32,
        events: Vec<(u32, Vec<Event>)>,
        money: Vec<MoneyInstruction>,
        besides: &str,
    ) -> Arc<Batch> {
        let seq = self.seqs[&shard] + 1;
        let mut told = Vec::new();
        let mut sql = String::from("BEGIN;");
        for (number, events) in events {
            let book = self.books.get_mut(&number).unwrap();
            for event in events {
                book.seq += 1;
                told.push(MarketEvent {
                    market: MarketNumber(number),
                    seq: book.seq,
                    at: now(),
                    event,
                });
            }
            let (symbol, event_seq) = (book.market.symbol(), book.seq);
            sql += &format!("UPDATE market_state SET event_seq = {event_seq} WHERE symbol = '{symbol}';");
        }
        let batch = Batch {
            shard,
            seq,
            epoch: self.epoch,
            entries: vec![Entry {
                id: Some(command(shard, seq)),
                at: now(),
                command: ShardCommand::Tick,
                told: Some(Told::CancelledAll(seq)),
            }],
            events: told,
            money,
            digest: u128::from(seq),
            traces: Vec::new(),
        };
        let (commands, events) = batch.columns().unwrap();
        let epoch = self.epoch;
        sql += &format!("UPDATE shards SET last_seq = {seq}, epoch = {epoch} WHERE shard = {shard};");
        sql += &format!(
            "INSERT INTO shard_log (shard, seq, epoch, rules_version, commands, events, at) \
             VALUES ({shard}, {seq}, {epoch}, 1, '\\x{}', '\\x{}', now());{besides};COMMIT",
            hex(&commands),
            hex(&events)
        );
        self.sql(&sql).await;
        self.seqs.insert(shard, seq);
        Arc::new(batch)
    }

    /// All batches of a shard are settled.
    pub async fn settle(&mut self, shard: u32) -> u64 {
        let seq = self.seqs[&shard];
        self.sql(&format!(
            "UPDATE shards SET settled_seq = {seq}, published_seq = {seq} WHERE shard = {shard}"
        ))
        .await;
        seq
    }

    /// A market moves to another shard, where its next event will be.
    pub async fn move_market(&mut self, number: u32, shard: u32) {
        let symbol = self.books[&number].market.symbol();
        self.sql(&format!(
            "UPDATE market_state SET shard = {shard} WHERE symbol = '{symbol}'"
        ))
        .await;
    }

    /// What a market's book shows: seq, and quantity by side and price.
    pub fn book(&self, number: u32) -> (u64, BTreeMap<(Side, u32), u64>) {
        let book = &self.books[&number];
        let levels = book.levels.iter().filter(|(_, quantity)| **quantity > 0);
        (
            book.seq,
            levels.map(|(key, quantity)| (*key, *quantity)).collect(),
        )
    }
}

/// The id of the one command in a batch.
pub fn command(shard: u32, seq: u64) -> Uuid {
    Uuid::from_u128(u128::from(shard) << 64 | u128::from(seq))
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}
