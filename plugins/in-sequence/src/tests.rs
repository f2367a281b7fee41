//! Turns, and that a further vote never undoes what is reached.

use proptest::prelude::{Just, Strategy, prop_assert, prop_assert_eq, proptest};
use relhost_sdk::mock::{Ballot, evaluate};

use super::*;

fn ballot() -> Ballot {
    Ballot::new().group("qa", &["ann", "bob"]).asks("carol").group("ops", &["dave", "eve"])
}

fn decide(ballot: Ballot) -> Verdict {
    evaluate(&InSequence, ballot, json!({})).unwrap()
}

fn needs(verdict: &Verdict) -> Vec<&str> {
    verdict.requirements().iter().map(|one| one.description.as_str()).collect()
}

#[test]
fn the_list_is_the_order() {
    let verdict = decide(ballot());
    assert_eq!(needs(&verdict), ["step 1 of 3: one more of qa"]);
    assert_eq!(verdict.requirements()[0].candidates, ["ann", "bob"]);

    let verdict = decide(ballot().approves("bob"));
    assert_eq!(needs(&verdict), ["step 2 of 3: carol to approve"]);
    assert_eq!(verdict.reasons(), ["step 1: bob for qa"]);

    let verdict = decide(ballot().approves("bob").approves("carol").approves("eve"));
    assert!(verdict.approved());
    assert_eq!(verdict.reasons(), ["step 1: bob for qa; step 2: carol; step 3: eve for ops"]);
}

#[test]
fn a_vote_before_its_turn_does_not_count() {
    let verdict = decide(ballot().approves("dave").approves("ann").approves("carol"));
    assert_eq!(needs(&verdict), ["step 3 of 3: one more of ops"]);
    assert_eq!(verdict.requirements()[0].candidates, ["eve"]);
}

#[test]
fn a_step_that_nobody_can_complete_any_more_says_so() {
    let verdict = decide(ballot().approves("carol").approves("ann"));
    assert!(!verdict.approved());
    assert!(verdict.requirements()[0].candidates.is_empty());
    assert!(
        verdict.reasons()[0].starts_with("nobody is left who could complete step 2"),
        "{:?}",
        verdict.reasons()
    );
}

#[test]
fn written_steps_go_before_the_list() {
    let settings = json!({ "steps": [["group:ops", "carol"], ["ann"]] });
    let decide = |ballot| evaluate(&InSequence, ballot, settings.clone()).unwrap();
    assert_eq!(needs(&decide(ballot())), ["step 1 of 2: one more of ops", "step 1 of 2: carol to approve"]);
    // Within a step the order is free.
    assert_eq!(needs(&decide(ballot().approves("carol").approves("dave"))), ["step 2 of 2: ann to approve"]);
    assert!(decide(ballot().approves("dave").approves("carol").approves("ann")).approved());
}

#[test]
fn a_vote_completes_one_step_only() {
    let settings = json!({ "steps": [["ann"], ["group:qa"]] });
    let verdict = evaluate(&InSequence, ballot().approves("ann"), settings.clone()).unwrap();
    assert_eq!(verdict.requirements()[0].candidates, ["bob"]);
    assert!(evaluate(&InSequence, ballot().approves("ann").approves("bob"), settings).unwrap().approved());
}

#[test]
fn settings_that_make_no_sense_are_refused() {
    let refused = |settings| evaluate(&InSequence, ballot(), settings).unwrap_err().to_string();
    assert!(refused(json!({ "steps": [] })).contains("there is no step"));
    assert!(refused(json!({ "steps": [["ann"], []] })).contains("`steps[1]`: the step asks nobody"));
    assert!(refused(json!({ "steps": [["ann", "mallory"]] })).contains("`mallory` is not asked"));
    assert!(refused(json!({ "steps": [["carol", "carol"]] })).contains("cannot give it even together"));
    assert!(refused(json!({ "steps": [["ann", 5]] })).contains("`steps[0][1]`"));
}

/// Steps of one to three people each, and six people in the order of their votes.
fn cases() -> impl Strategy<Value = (Vec<Vec<String>>, Vec<String>)> {
    let people: Vec<String> = (0..6).map(|index| format!("p{index}")).collect();
    let step = proptest::sample::subsequence(people.clone(), 1..=3);
    let steps = proptest::collection::vec(step, 1..4);
    (steps, Just(people).prop_shuffle())
}

fn election(voters: &[String]) -> Ballot {
    let ballot = (0..6).fold(Ballot::new(), |ballot, index| ballot.asks(&format!("p{index}")));
    voters.iter().fold(ballot, |ballot, voter| ballot.approves(voter))
}

/// The current step, or the number of steps once approved.
fn reached(verdict: &Verdict, steps: usize) -> usize {
    let Some(requirement) = verdict.requirements().first() else { return steps };
    let number = requirement.description.split(' ').nth(1).unwrap();
    number.parse::<usize>().unwrap() - 1
}

proptest! {
    #[test]
    fn a_further_vote_never_undoes_a_step((steps, voters) in cases()) {
        let mut before = 0;
        for count in 0..=voters.len() {
            let settings = json!({ "steps": steps });
            let verdict = evaluate(&InSequence, election(&voters[..count]), settings).unwrap();
            let now = reached(&verdict, steps.len());
            prop_assert!(before <= now && now <= before + 1, "from {before} to {now}");
            prop_assert_eq!(verdict.approved(), now == steps.len());
            before = now;
        }
    }

    #[test]
    fn who_votes_in_turn_gets_through(cuts in proptest::collection::btree_set(1..6_usize, 0..3), (_, voters) in cases()) {
        let mut steps: Vec<Vec<String>> = Vec::new();
        for (index, voter) in voters.iter().enumerate() {
            if index == 0 || cuts.contains(&index) {
                steps.push(Vec::new());
            }
            steps.last_mut().expect("the first voter begins a step").push(voter.clone());
        }
        let decide = |voters: &[String]| evaluate(&InSequence, election(voters), json!({ "steps": steps })).unwrap();
        prop_assert!(decide(&voters).approved());
        let backwards: Vec<String> = voters.iter().rev().cloned().collect();
        prop_assert_eq!(decide(&backwards).approved(), steps.len() == 1);
    }
}
