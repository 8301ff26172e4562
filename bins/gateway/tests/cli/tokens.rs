//! Tokens, made on the command line.

use crate::program::{gateway, output};
use crate::{API_KEY_SECRET, SECRET};

#[test]
fn tokens_are_made_for_names_and_ids() {
    let id = "3a2f1c9e-0000-4000-8000-000000000001";
    for arguments in [
        &["token"][..],
        &["token", "alice"],
        &["token", "bob", "--hours", "1"],
        &["token", "operator"],
        &["token", id, "--scope", "trade admin:funds", "--institution", id],
        &["token", id, "--scope", ""],
    ] {
        let (succeeded, out, errors) = output(&mut gateway(arguments));
        assert!(succeeded && errors.is_empty(), "{arguments:?}: {errors}");
        let token = out.strip_suffix('\n').unwrap();
        assert_eq!(token.split('.').count(), 3, "{arguments:?}: {token}");
        assert!(!token.contains(char::is_whitespace), "{arguments:?}: {token}");
    }
}

#[test]
fn a_token_that_would_be_worth_nothing_is_not_made() {
    for (arguments, why) in [
        (&["token", "mallory"][..], "the user must be a name or a UUID"),
        (
            &["token", "alice", "--scope", "admin"],
            "there is no scope `admin`",
        ),
        (&["token", "alice", "--scope", "trade,read"], "there is no scope"),
        (&["token", "alice", "--institution", "acme"], "--institution"),
        (&["token", "alice", "--hours", "many"], "--hours"),
    ] {
        let (succeeded, out, errors) = output(&mut gateway(arguments));
        assert!(!succeeded && out.is_empty(), "{arguments:?}: {out}");
        assert!(errors.contains(why), "{arguments:?}: {errors}");
    }
    let (succeeded, out, errors) = output(
        gateway(&["token"])
            .env("TRADE_ENGINE_ENVIRONMENT", "production")
            .env("TRADE_ENGINE_AUTH__SECRET", SECRET)
            .env("TRADE_ENGINE_AUTH__API_KEY_SECRET", API_KEY_SECRET)
            .env("DATABASE_URL", "postgres://gateway:a-real-password@db/engine"),
    );
    assert!(!succeeded && out.is_empty(), "{out}");
    assert!(errors.contains("production"), "{errors}");
}
