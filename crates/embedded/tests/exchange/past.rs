//! What tests of history share: trading that fills it, its file as text, a lock that stands for a stuck disk.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use diesel::connection::SimpleConnection;
use diesel::sql_types::Text;
use diesel::{Connection, QueryableByName, RunQueryDsl, SqliteConnection};
use domain::{Asset, OrderRef, Side};
use embedded::Embedded;
use trading::{Caller, EntryFilter, OrderEntry, Queries};

use crate::house::{House, limit, until};

/// The file of history.
pub fn file(dir: &Path) -> PathBuf {
    dir.join("history.sqlite")
}

#[derive(QueryableByName)]
struct Line {
    #[diesel(sql_type = Text)]
    line: String,
}

pub fn connect(dir: &Path) -> SqliteConnection {
    SqliteConnection::establish(file(dir).to_str().unwrap()).unwrap()
}

/// What a query gives, as lines.
pub fn lines(dir: &Path, query: &str) -> Vec<String> {
    let lines: Vec<Line> = diesel::sql_query(query).load(&mut connect(dir)).unwrap();
    lines.into_iter().map(|line| line.line).collect()
}

/// Every row of every table, as text.
pub fn dump(dir: &Path) -> Vec<String> {
    let mut all = Vec::new();
    for table in ["projection", "orders", "trades", "ledger_entries", "candles"] {
        let columns = format!("SELECT 'quote(' || name || ')' AS line FROM pragma_table_info('{table}')");
        let columns = lines(dir, &columns).join(" || '|' || ");
        let rows = lines(dir, &format!("SELECT {columns} AS line FROM {table} ORDER BY 1"));
        all.extend(rows.into_iter().map(|row| format!("{table}: {row}")));
    }
    all
}

/// Nobody else can write history while this lives.
pub struct Stuck(SqliteConnection);

impl Stuck {
    pub fn new(dir: &Path) -> Self {
        let mut connection = connect(dir);
        connection
            .batch_execute("PRAGMA busy_timeout = 30000; BEGIN IMMEDIATE")
            .unwrap();
        Self(connection)
    }

    pub fn release(mut self) {
        self.0.batch_execute("ROLLBACK").unwrap();
    }
}

/// Orders of these users that rest, trade, are amended and end, the same for the same round.
pub async fn trade(exchange: &Embedded, users: &[Caller], round: u64) {
    for turn in 0..40 {
        let number = round * 40 + turn;
        let caller = users[(number % users.len() as u64) as usize];
        let side = if number.is_multiple_of(2) {
            Side::Buy
        } else {
            Side::Sell
        };
        let order = limit(side, 1 + number % 7, 95 + (number * 7 % 11) as u32);
        let placed = crate::house::placed(exchange, caller, order).await;
        if turn.is_multiple_of(5) && !placed.state.is_final() {
            exchange
                .cancel(caller, OrderRef::Id(placed.order_id))
                .await
                .unwrap();
        }
    }
    let refused = exchange.place(users[0], limit(Side::Sell, 10_001, 100)).await;
    assert!(
        refused.is_err(),
        "it is rejected, and history keeps it: {refused:?}"
    );
}

/// Waits until history has everything.
pub async fn caught_up(exchange: &Embedded) {
    until("history has everything", || exchange.history_lag().records == 0).await;
}

/// The lines of every user sum to the user's balances, and the lines of every asset to zero.
pub async fn sums_hold(exchange: &Embedded, house: &House, users: &[Caller]) {
    for user in users {
        let filter = EntryFilter {
            limit: 100_000,
            ..EntryFilter::default()
        };
        let mut sums: BTreeMap<Asset, (i64, i64)> = BTreeMap::new();
        for line in exchange.ledger(*user, filter).await.unwrap() {
            let sum = sums.entry(line.asset).or_default();
            *sum = (sum.0 + line.available, sum.1 + line.reserved);
        }
        let balances = exchange.balances(*user).await.unwrap();
        let balances = balances
            .iter()
            .map(|b| (b.asset, (b.available.0.cast_signed(), b.reserved.0.cast_signed())));
        assert_eq!(sums, balances.collect::<BTreeMap<_, _>>(), "{}", user.user_id);
    }
    let wrong =
        "SELECT asset AS line FROM ledger_entries GROUP BY asset HAVING sum(available + reserved) <> 0";
    assert_eq!(lines(house.path(), wrong), Vec::<String>::new());
}
