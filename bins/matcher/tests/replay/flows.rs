//! Whole flows: the real one fill by fill, made ones by their totals and hash.

use std::io::Cursor;
use std::path::{Path, PathBuf};
use std::process::Command;

use matcher::{Core, FillRow, Flow, Listener, Tally, Target};
use serde_json::Value;

use crate::flowgen::{DEEP, MIXED, Shape, TAKER, make};

fn apply(csv: &str, listener: &mut impl Listener) -> Core {
    let flow = Flow::read(Cursor::new(csv)).unwrap();
    let mut core = Core::for_flow(&flow);
    for step in &flow.steps {
        core.apply(step, listener).unwrap();
    }
    core
}

/// Taker, maker, price, quantity.
type Fill = (u64, u64, u32, u64);

fn fills(csv: &str) -> Vec<Fill> {
    let mut rows: Vec<FillRow> = Vec::new();
    apply(csv, &mut rows);
    rows.iter()
        .map(|row| (row.taker, row.maker, row.price.ticks(), row.quantity.lots().0))
        .collect()
}

fn flow(lines: &[&str]) -> String {
    format!(
        "seq,kind,order_id,user_id,side,type,tif,price,qty\n{}\n",
        lines.join("\n")
    )
}

/// The recorded flows; none where they are not at hand.
fn recorded(name: &str) -> Option<PathBuf> {
    let beside = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared/flows");
    let folder = std::env::var_os("FLOWS_DIR").map_or(beside, PathBuf::from);
    let file = folder.join(name);
    if !file.exists() {
        println!("left out: {} is not there (set FLOWS_DIR)", file.display());
        return None;
    }
    Some(file)
}

#[test]
fn every_fill_of_the_recorded_exchange_comes_out_in_order() {
    let name = "cme-es-20231225-opening";
    let (Some(flow), Some(expected)) = (
        recorded(&format!("{name}.flow.csv")),
        recorded(&format!("{name}.fills.csv")),
    ) else {
        return;
    };
    let folder = tempfile::tempdir().unwrap();
    let out = folder.path().join("fills.csv");
    let run = replay(&[flow.as_os_str(), "--fills".as_ref(), out.as_os_str()]);
    assert_eq!(
        (run["trades"].as_u64(), run["unknown_cancels"].as_u64()),
        (Some(2247), Some(0))
    );
    let (ours, theirs) = (
        std::fs::read_to_string(out).unwrap(),
        std::fs::read_to_string(expected).unwrap(),
    );
    for (number, (ours, theirs)) in ours.lines().zip(theirs.lines()).enumerate() {
        assert_eq!(ours, theirs, "line {}", number + 1);
    }
    assert_eq!(ours.lines().count(), theirs.lines().count());
}

#[test]
fn made_flows_give_their_totals_and_their_hash() {
    let shapes: [(Shape, usize); 4] = [
        (MIXED, 60_000),
        (DEEP, 60_000),
        (TAKER, 40_000),
        (Shape { target: 200, ..TAKER }, 40_000),
    ];
    for (shape, commands) in shapes {
        for seed in [20_260_822, 7] {
            let made = make(shape, commands, seed);
            let mut tally = Tally::default();
            let core = apply(&made.csv, &mut tally);
            let expected = Tally {
                trades: made.trades,
                volume: u128::from(made.volume),
                hash: made.hash,
                unknown: made.unknown_cancels,
            };
            assert_eq!(tally, expected, "{} {seed}", shape.name);
            assert_eq!(
                (core.open_orders(), core.book().len()),
                (made.open_orders, made.levels)
            );
            assert!(
                made.trades > 1000 && (made.unknown_cancels > 0 || commands < 50_000),
                "{made:?}"
            );
        }
    }
}

#[test]
fn the_made_flow_is_the_one_that_others_make() {
    // What `flowgen mixed 20000` and `flowgen taker 20000` print.
    for (shape, expected, hash) in [
        (MIXED, (3588, 102_508, 9580, 998), "57f846a0c4dc2bcc"),
        (TAKER, (16_240, 750_299, 10_106, 596), "862a7530381625a5"),
    ] {
        let made = make(shape, 20_000, 20_260_822);
        assert_eq!(
            (made.trades, made.volume, made.open_orders, made.levels),
            expected,
            "{}",
            shape.name
        );
        assert_eq!(format!("{:016x}", made.hash), hash, "{}", shape.name);
    }
}

#[test]
fn every_kind_of_line_does_what_the_format_says() {
    let book = [
        "1,N,1,1,S,L,GTC,100,5",
        "2,N,2,2,S,L,GTC,100,5",
        "3,N,3,3,S,L,GTC,101,5",
    ];
    let cases: [(&[&str], &[Fill]); 10] = [
        (&["4,N,9,9,B,L,GTC,100,7"], &[(9, 1, 100, 5), (9, 2, 100, 2)]),
        (
            &["4,N,9,9,B,L,IOC,100,99", "5,N,10,9,S,L,IOC,1,99"],
            &[(9, 1, 100, 5), (9, 2, 100, 5)],
        ),
        (&["4,N,9,9,B,L,FOK,100,11"], &[]),
        (
            &["4,N,9,9,B,L,FOK,101,11"],
            &[(9, 1, 100, 5), (9, 2, 100, 5), (9, 3, 101, 1)],
        ),
        (
            &["4,N,9,9,B,M,IOC,0,11"],
            &[(9, 1, 100, 5), (9, 2, 100, 5), (9, 3, 101, 1)],
        ),
        (
            &["4,N,9,9,B,M,GTC,0,99", "5,N,10,9,S,L,IOC,1,99"],
            &[(9, 1, 100, 5), (9, 2, 100, 5), (9, 3, 101, 5)],
        ),
        (&["4,N,9,9,B,M,FOK,0,16"], &[]),
        (
            &["4,C,1,1,S,L,GTC,0,0", "5,N,9,9,B,L,GTC,100,1"],
            &[(9, 2, 100, 1)],
        ),
        (
            &["4,R,1,1,S,L,GTC,100,2", "5,N,9,9,B,L,GTC,100,3"],
            &[(9, 1, 100, 2), (9, 2, 100, 1)],
        ),
        (
            &["4,A,1,1,S,L,GTC,100,5", "5,N,9,9,B,L,GTC,100,6"],
            &[(9, 2, 100, 5), (9, 1, 100, 1)],
        ),
    ];
    for (lines, expected) in cases {
        let lines: Vec<&str> = book.iter().chain(lines).copied().collect();
        assert_eq!(fills(&flow(&lines)), expected, "{lines:?}");
    }
    // An amendment to a price that meets the other side trades; the same user's orders trade with each other.
    let lines = [
        "1,N,1,1,S,L,GTC,100,5",
        "2,N,2,1,B,L,GTC,99,5",
        "3,A,2,1,B,L,GTC,100,4",
    ];
    assert_eq!(fills(&flow(&lines)), [(2, 1, 100, 4)]);
}

#[test]
fn commands_for_orders_that_do_not_rest_are_counted() {
    let lines = [
        "1,C,1,1,B,L,GTC,0,0",
        "2,R,1,1,B,L,GTC,100,1",
        "3,A,1,1,B,L,GTC,100,1",
        "4,N,1,1,B,L,GTC,100,5",
        "5,N,2,1,S,L,GTC,100,5",
        "6,C,1,1,B,L,GTC,0,0",
        "7,C,2,1,S,L,GTC,0,0",
        "8,N,1,1,B,L,GTC,100,5",
        "9,C,1,1,B,L,GTC,0,0",
        "10,C,1,1,B,L,GTC,0,0",
    ];
    let mut tally = Tally::default();
    let core = apply(&flow(&lines), &mut tally);
    assert_eq!((tally.unknown, tally.trades, core.open_orders()), (6, 1, 0));
}

#[test]
fn the_report_is_one_json_object() {
    let folder = tempfile::tempdir().unwrap();
    let (file, book) = (folder.path().join("flow.csv"), folder.path().join("book.csv"));
    let made = make(Shape { target: 500, ..MIXED }, 5_000, 1);
    std::fs::write(&file, &made.csv).unwrap();
    let run = replay(&[
        file.as_os_str(),
        "--book".as_ref(),
        book.as_os_str(),
        "--repeat".as_ref(),
        "3".as_ref(),
    ]);
    let names: Vec<&String> = run.as_object().unwrap().keys().collect();
    assert_eq!(names, {
        let mut names = [
            "commands",
            "seconds",
            "commands_per_second",
            "latency_ns",
            "trades",
            "volume",
            "hash",
            "open_orders",
            "levels",
            "unknown_cancels",
        ];
        names.sort_unstable();
        names
    });
    assert_eq!(run["commands"], made.commands);
    assert_eq!(run["trades"], made.trades);
    assert_eq!(run["volume"], made.volume);
    assert_eq!(run["hash"], format!("{:016x}", made.hash));
    assert_eq!(run["open_orders"], made.open_orders);
    assert_eq!(run["levels"], made.levels);
    assert_eq!(run["unknown_cancels"], made.unknown_cancels);
    let latency = &run["latency_ns"];
    let figures: Vec<u64> = ["p50", "p99", "p99.9", "max"]
        .iter()
        .map(|name| latency[name].as_u64().unwrap())
        .collect();
    assert!(figures.is_sorted(), "{figures:?}");
    let book = std::fs::read_to_string(book).unwrap();
    assert_eq!(book.lines().count(), made.levels + 1);
    let orders = book
        .lines()
        .skip(1)
        .map(|line| line.rsplit(',').next().unwrap().parse::<usize>().unwrap());
    assert_eq!(orders.sum::<usize>(), made.open_orders);
    let bids: Vec<u32> = book
        .lines()
        .filter(|l| l.starts_with('B'))
        .map(|l| l.split(',').nth(1).unwrap().parse().unwrap())
        .collect();
    assert!(bids.is_sorted_by(|one, next| one > next), "best bid first");
}

#[test]
fn an_empty_flow_is_a_flow() {
    assert_eq!(fills(flow(&[]).trim_end()), []);
}

fn replay(arguments: &[&std::ffi::OsStr]) -> Value {
    let output = Command::new(env!("CARGO_BIN_EXE_matcher"))
        .arg("replay")
        .args(arguments)
        .output()
        .unwrap();
    assert!(
        output.status.success(),
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
    serde_json::from_slice(&output.stdout).unwrap()
}
