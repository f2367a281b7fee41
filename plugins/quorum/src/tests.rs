//! Numbers, groups, and what holds for any votes in any order.

use std::collections::BTreeSet;

use proptest::prelude::{Just, Strategy, any, prop_assert, prop_assert_eq, proptest};
use relhost_sdk::mock::{Ballot, evaluate};

use super::*;

fn ballot() -> Ballot {
    Ballot::new().group("qa-leads", &["ann", "bob"]).group("security", &["bob", "carol"]).asks("dave")
}

fn decide(ballot: Ballot, settings: Value) -> Verdict {
    evaluate(&Quorum, ballot, settings).unwrap()
}

fn refused(settings: Value) -> String {
    evaluate(&Quorum, ballot(), settings).unwrap_err().to_string()
}

#[test]
fn a_number_of_anybody() {
    let settings = json!({ "count": 2 });
    let verdict = decide(ballot().approves("dave"), settings.clone());
    assert_eq!(verdict.requirements()[0].description, "one more of those asked");
    assert_eq!(verdict.requirements()[0].candidates, ["ann", "bob", "carol"]);
    let verdict = decide(ballot().approves("dave").approves("ann"), settings);
    assert!(verdict.approved());
}

#[test]
fn groups_have_to_be_among_them() {
    let settings = json!({ "count": 3, "groups": { "qa-leads": 1, "security": 1 } });
    let verdict = decide(ballot().approves("ann").approves("dave"), settings.clone());
    assert_eq!(verdict.requirements().len(), 1);
    assert_eq!(verdict.requirements()[0].description, "one more of security");
    assert!(!decide(ballot().approves("ann").approves("bob"), settings.clone()).approved());
    let all = ballot().approves("dave").approves("ann").approves("bob");
    assert_eq!(
        decide(all, settings).reasons(),
        ["approved by ann for qa-leads, bob for security, dave for those asked"]
    );
}

#[test]
fn a_list_of_groups_means_one_of_each() {
    for groups in [json!(["qa-leads", "security"]), json!(["group:qa-leads", "group:security"])] {
        let settings = json!({ "groups": groups });
        assert!(!decide(ballot().approves("bob"), settings.clone()).approved());
        assert!(decide(ballot().approves("bob").approves("ann"), settings.clone()).approved());
        assert!(decide(ballot().approves("bob").approves("carol"), settings).approved());
    }
}

#[test]
fn settings_that_make_no_sense_are_refused() {
    assert!(refused(json!({})).contains("at least one approval"));
    assert!(refused(json!({ "count": 0 })).contains("at least one approval"));
    assert!(refused(json!({ "count": 1, "groups": ["qa-leads", "security"] })).contains("less than the 2"));
    assert!(refused(json!({ "groups": ["operators"] })).contains("`operators` has nobody who is asked"));
    assert!(refused(json!({ "groups": 7 })).contains("`groups`: a list of groups, or a map"));
    assert!(refused(json!({ "groups": { "qa-leads": 3 } })).contains("cannot give it even together"));
    assert!(refused(json!({ "count": u32::MAX })).contains("cannot give it even together"));
}

/// Groups of eight people, what the policy asks of them, and who approves.
#[derive(Debug, Clone)]
struct Case {
    groups: Vec<BTreeSet<usize>>,
    counts: Vec<u32>,
    more: u32,
    voters: Vec<usize>,
    /// The same people in another order.
    shuffled: Vec<usize>,
}

fn cases() -> impl Strategy<Value = Case> {
    let groups = proptest::collection::vec(proptest::collection::btree_set(0..8_usize, 1..5), 1..4);
    let counts = proptest::collection::vec(0..3_u32, 3);
    let voters = proptest::sample::subsequence((0..8).collect::<Vec<usize>>(), 0..=8).prop_shuffle();
    let twice = voters.prop_flat_map(|voters| (Just(voters.clone()), Just(voters).prop_shuffle()));
    let case = |(groups, counts, more, (voters, shuffled))| Case { groups, counts, more, voters, shuffled };
    (groups, counts, 0..3_u32, twice).prop_map(case)
}

fn person(index: usize) -> String {
    format!("person-{index}")
}

impl Case {
    fn ballot(&self, voters: &[usize]) -> Ballot {
        let mut ballot = (0..8).fold(Ballot::new(), |ballot, index| ballot.asks(&person(index)));
        for (index, members) in self.groups.iter().enumerate() {
            let members: Vec<String> = members.iter().map(|member| person(*member)).collect();
            let members: Vec<&str> = members.iter().map(String::as_str).collect();
            ballot = ballot.group(&format!("g{index}"), &members);
        }
        voters.iter().fold(ballot, |ballot, voter| ballot.approves(&person(*voter)))
    }

    fn settings(&self) -> Value {
        let wanted = self.groups.iter().zip(&self.counts).enumerate();
        let wanted: BTreeMap<_, _> =
            wanted.map(|(index, (_, count))| (format!("g{index}"), *count)).collect();
        json!({ "count": wanted.values().sum::<u32>() + self.more, "groups": wanted })
    }

    fn decide(&self, ballot: Ballot) -> Result<Verdict, Failure> {
        evaluate(&Quorum, ballot, self.settings())
    }

    /// Whom each place accepts.
    fn places(&self) -> Vec<BTreeSet<usize>> {
        let of_groups = self.groups.iter().zip(&self.counts);
        let of_groups =
            of_groups.flat_map(|(members, count)| std::iter::repeat_n(members.clone(), *count as usize));
        of_groups.chain(std::iter::repeat_n((0..8).collect(), self.more as usize)).collect()
    }
}

/// Whether the voters can be given places, each at most one, by trying everything.
fn can_be_placed(places: &[BTreeSet<usize>], voters: &BTreeSet<usize>) -> bool {
    let Some((place, rest)) = places.split_first() else { return true };
    place.intersection(voters).any(|voter| {
        let others = voters.iter().filter(|other| *other != voter).copied().collect();
        can_be_placed(rest, &others)
    })
}

proptest! {
    #[test]
    fn the_order_of_the_votes_does_not_matter(case in cases()) {
        let shuffled = case.decide(case.ballot(&case.shuffled));
        prop_assert_eq!(case.decide(case.ballot(&case.voters)), shuffled);
    }

    #[test]
    fn it_approves_exactly_if_every_place_can_have_a_person_of_its_own(case in cases()) {
        let Ok(verdict) = case.decide(case.ballot(&case.voters)) else { return Ok(()) };
        let voters = case.voters.iter().copied().collect();
        prop_assert_eq!(verdict.approved(), can_be_placed(&case.places(), &voters));
    }

    #[test]
    fn any_candidate_helps(case in cases(), pick in any::<proptest::sample::Index>()) {
        let Ok(before) = case.decide(case.ballot(&case.voters)) else { return Ok(()) };
        let missing = |verdict: &Verdict| verdict.requirements().iter().map(|one| one.count).sum::<u32>();
        for requirement in before.requirements() {
            prop_assert!(!requirement.candidates.is_empty());
            let chosen = pick.get(&requirement.candidates);
            let after = case.decide(case.ballot(&case.voters).approves(chosen)).unwrap();
            prop_assert_eq!(missing(&after) + 1, missing(&before));
        }
    }
}
