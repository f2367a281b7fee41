//! One is enough, whoever it is.

use relhost_sdk::mock::{Ballot, evaluate};

use super::*;

fn ballot() -> Ballot {
    Ballot::new().group("qa-leads", &["ann", "bob"]).asks("carol")
}

#[test]
fn nobody_is_not_enough() {
    let verdict = evaluate(&AnyOne, ballot(), json!({})).unwrap();
    assert!(!verdict.approved());
    assert_eq!(verdict.requirements()[0].candidates, ["ann", "bob", "carol"]);
    assert_eq!(verdict.requirements()[0].count, 1);
}

#[test]
fn anybody_is_enough() {
    for person in ["ann", "bob", "carol"] {
        let verdict = evaluate(&AnyOne, ballot().approves(person), json!({})).unwrap();
        assert!(verdict.approved());
        assert_eq!(verdict.reasons(), [format!("{person} approved")]);
    }
}

#[test]
fn who_is_not_asked_does_not_count() {
    assert!(!evaluate(&AnyOne, ballot().approves("mallory"), json!({})).unwrap().approved());
}

#[test]
fn there_are_no_settings() {
    assert_eq!(evaluate(&AnyOne, ballot(), json!({ "count": 2 })).unwrap_err().code(), "invalid-settings");
}
