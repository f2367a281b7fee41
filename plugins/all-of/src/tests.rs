//! Everybody, a group by one of its members, nobody twice.

use relhost_sdk::mock::{Ballot, evaluate};

use super::*;

fn decide(ballot: Ballot) -> Verdict {
    evaluate(&AllOf, ballot, json!({})).unwrap()
}

fn needs(verdict: &Verdict) -> Vec<&str> {
    verdict.requirements().iter().map(|one| one.description.as_str()).collect()
}

fn ballot() -> Ballot {
    Ballot::new().group("qa-leads", &["ann", "bob"]).asks("carol")
}

#[test]
fn every_entry_is_needed() {
    let verdict = decide(ballot());
    assert_eq!(needs(&verdict), ["one more of qa-leads", "carol to approve"]);
    assert_eq!(verdict.requirements()[0].candidates, ["ann", "bob"]);
    assert_eq!(verdict.reasons(), ["nobody has approved yet"]);

    let verdict = decide(ballot().approves("carol"));
    assert_eq!(needs(&verdict), ["one more of qa-leads"]);
    assert_eq!(verdict.reasons(), ["approved so far by carol"]);
}

#[test]
fn any_member_answers_for_a_group() {
    for member in ["ann", "bob"] {
        let verdict = decide(ballot().approves("carol").approves(member));
        assert!(verdict.approved());
        assert_eq!(verdict.reasons(), [format!("approved by {member} for qa-leads, carol")]);
    }
}

#[test]
fn two_members_do_not_stand_for_two_entries() {
    assert!(!decide(ballot().approves("ann").approves("bob")).approved());
}

#[test]
fn somebody_in_two_groups_answers_for_one() {
    let ballot = Ballot::new().group("qa-leads", &["ann", "bob"]).group("security", &["ann", "carol"]);
    let verdict = decide(ballot.clone().approves("ann"));
    assert_eq!(needs(&verdict), ["one more of qa-leads or security"]);
    assert_eq!(verdict.requirements()[0].candidates, ["bob", "carol"]);
    assert!(decide(ballot.clone().approves("ann").approves("bob")).approved());
    assert!(decide(ballot.approves("ann").approves("carol")).approved());
}

#[test]
fn a_list_that_cannot_be_met_is_an_error() {
    let ballot = Ballot::new().group("qa-leads", &["ann"]).group("security", &["ann"]);
    let failure = evaluate(&AllOf, ballot, json!({})).unwrap_err();
    assert_eq!(failure.code(), "cannot-be-met");
    assert_eq!(evaluate(&AllOf, Ballot::new(), json!({})).unwrap_err().code(), "nobody-asked");
}
