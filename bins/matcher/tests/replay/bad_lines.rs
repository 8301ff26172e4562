//! A line that is no command stops the replay, with its number and the reason.

use std::io::Cursor;
use std::process::Command;

use matcher::Flow;

const HEADER: &str = "seq,kind,order_id,user_id,side,type,tif,price,qty";

#[test]
fn bad_lines_are_named() {
    let long = "9".repeat(600);
    let cases: &[(&str, &str)] = &[
        ("", "has 1 columns, not 9"),
        ("1,N,1,1,B,L,GTC,100", "has 8 columns, not 9"),
        ("1,N,1,1,B,L,GTC,100,5,6", "has 10 columns, not 9"),
        (
            "x,N,1,1,B,L,GTC,100,5",
            "seq must be a whole number below 2^64, not \"x\"",
        ),
        ("1,X,1,1,B,L,GTC,100,5", "kind must be N, C, R or A, not \"X\""),
        (
            "1,N,,1,B,L,GTC,100,5",
            "order_id must be a whole number below 2^64, not \"\"",
        ),
        (
            "1,N,-1,1,B,L,GTC,100,5",
            "order_id must be a whole number below 2^64, not \"-1\"",
        ),
        (
            "1,N,+1,1,B,L,GTC,100,5",
            "order_id must be a whole number below 2^64, not \"+1\"",
        ),
        (
            "1,N,18446744073709551616,1,B,L,GTC,100,5",
            "order_id must be a whole number below 2^64, not \"18446744073709551616\"",
        ),
        (
            "1,N,1,a,B,L,GTC,100,5",
            "user_id must be a whole number below 2^64, not \"a\"",
        ),
        ("1,N,1,1,b,L,GTC,100,5", "side must be B or S, not \"b\""),
        ("1,N,1,1,B,X,GTC,100,5", "type must be L or M, not \"X\""),
        (
            "1,N,1,1,B,L,DAY,100,5",
            "tif must be GTC, IOC or FOK, not \"DAY\"",
        ),
        (
            "1,N,1,1,B,L,GTC,1.5,5",
            "price must be a whole number below 2^64, not \"1.5\"",
        ),
        ("1,N,1,1,B,L,GTC,0,5", "price must not be 0"),
        ("1,N,1,1,B,L,GTC,4294967296,5", "price must be below 2^32 ticks"),
        ("1,A,1,1,B,L,GTC,0,5", "price must not be 0"),
        ("1,A,1,1,B,M,GTC,1,5", "a market order cannot be amended"),
        ("1,N,1,1,B,L,GTC,100,0", "qty must not be 0"),
        ("1,A,1,1,B,L,GTC,100,0", "qty must not be 0"),
        (
            "1,N,1,1,B,L,GTC,100, 5",
            "qty must be a whole number below 2^64, not \" 5\"",
        ),
        (&long, "is longer than 512 bytes"),
    ];
    for (line, reason) in cases {
        let csv = format!("{HEADER}\n1,N,7,7,B,L,GTC,100,5\n{line}\n1,C,7,7,B,L,GTC,0,0\n");
        let error = Flow::read(Cursor::new(csv)).unwrap_err().to_string();
        assert_eq!(error, format!("line 3: {reason}"), "{line}");
    }
}

#[test]
fn the_header_is_asked_for() {
    for csv in ["", "\n", "1,N,7,7,B,L,GTC,100,5\n", "seq;kind\n"] {
        let error = Flow::read(Cursor::new(csv)).unwrap_err().to_string();
        assert_eq!(error, format!("line 1: must be the header {HEADER}"));
    }
}

#[test]
fn bytes_that_are_no_text_are_named() {
    let mut csv = format!("{HEADER}\n").into_bytes();
    csv.extend(b"1,N,1,1,B,L,GTC,100,\xFF\n");
    assert_eq!(
        Flow::read(Cursor::new(csv)).unwrap_err().to_string(),
        "line 2: is not text"
    );
}

#[test]
fn lines_may_end_as_on_windows_and_the_last_may_not_end_at_all() {
    let flow = Flow::read(Cursor::new(format!(
        "{HEADER}\r\n1,N,7,8,B,L,GTC,100,5\r\n2,C,7,8,B,L,GTC,0,0"
    )));
    assert_eq!(flow.unwrap().steps.len(), 2);
}

#[test]
fn the_program_stops_with_number_reason_and_a_code() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("flow.csv");
    let cases = [
        (
            "1,N,1,1,B,L,GTC,100,5\n2,N,1,1,B,L,GTC,0,5\n",
            "line 3: price must not be 0",
        ),
        (
            "1,N,1,1,B,L,GTC,100,5\n2,N,1,1,B,L,GTC,101,5\n",
            "line 3: a new order has the id of one that still rests",
        ),
    ];
    for (lines, reason) in cases {
        std::fs::write(&file, format!("{HEADER}\n{lines}")).unwrap();
        let output = Command::new(env!("CARGO_BIN_EXE_matcher"))
            .arg("replay")
            .arg(&file)
            .output()
            .unwrap();
        let error = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(!output.status.success() && output.stdout.is_empty());
        assert!(error.contains(reason) && error.contains("flow.csv"), "{error}");
    }
    let missing = Command::new(env!("CARGO_BIN_EXE_matcher"))
        .args(["replay", "/no/such/flow"])
        .output()
        .unwrap();
    assert!(!missing.status.success());
    assert!(String::from_utf8_lossy(&missing.stderr).contains("cannot open /no/such/flow"));
}
