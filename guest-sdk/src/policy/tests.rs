//! Slots, and what a policy can ask about its input.

use crate::mock::Ballot;

use super::*;

fn people(ids: &[&str]) -> Vec<String> {
    ids.iter().map(ToString::to_string).collect()
}

#[test]
fn nobody_fills_two_slots() {
    let slots = Slots::new().add("a", 1, people(&["ann"])).add("b", 1, people(&["ann"]));
    let filling = slots.fill(["ann", "ann"]);
    assert_eq!(filling.filled().collect::<Vec<_>>(), [("ann", "a")]);
    assert!(!filling.is_complete());
}

#[test]
fn people_move_to_make_room() {
    let slots = Slots::new()
        .add("first", 1, people(&["ann", "bob", "carol"]))
        .add("second", 1, people(&["ann", "bob"]))
        .add("third", 1, people(&["ann"]));
    // Placed one after the other in the order of names, each would take the first slot.
    assert!(slots.fill(["carol", "bob", "ann"]).is_complete());
}

#[test]
fn what_is_missing_counts_equal_slots_together() {
    let slots = Slots::new().add("qa", 1, people(&["ann"])).add(
        "those asked",
        3,
        people(&["ann", "bob", "carol", "dave"]),
    );
    let missing = slots.fill(["bob"]).missing(&people(&["ann", "carol", "dave"]));
    let texts: Vec<_> = missing.iter().map(|one| (one.description.as_str(), one.count)).collect();
    assert_eq!(texts, [("one more of qa", 1), ("2 more of those asked", 2)]);
    assert_eq!(missing[0].candidates, ["ann"]);
}

#[test]
fn a_wide_slot_speaks_for_the_narrow_ones() {
    let slots = Slots::new().add("qa", 1, people(&["ann", "bob"])).add(
        "those asked",
        1,
        people(&["ann", "bob", "carol"]),
    );
    // Bob would fill qa so that ann could move.
    let missing = slots.fill(["ann"]).missing(&people(&["bob", "carol"]));
    assert_eq!(missing[0].description, "one more of those asked");
    assert_eq!(missing[0].candidates, ["bob", "carol"]);
}

#[test]
fn a_person_asked_by_name_is_called_by_it() {
    let slots = Slots::new().add("ann", 1, people(&["ann"]));
    assert_eq!(slots.fill([]).missing(&people(&["ann"]))[0].description, "ann to approve");
}

#[test]
fn too_many_slots_cost_nothing_and_are_never_filled() {
    let slots = Slots::new().add("qa", usize::MAX, people(&["ann", "bob"]));
    assert!(!slots.fill(["ann", "bob"]).is_complete());
}

#[test]
fn the_list_can_be_told_from_the_people() {
    let input = PolicyInput::from(
        Ballot::new().asks("ann").group("qa", &["bob", "carol"]).group("ops", &["carol", "dave"]).asks("eve"),
    );
    let entries: Vec<_> = input.entries().into_iter().map(|entry| (entry.name, entry.people)).collect();
    assert_eq!(
        entries,
        [
            ("ann".to_owned(), people(&["ann"])),
            ("qa".to_owned(), people(&["bob", "carol"])),
            ("ops".to_owned(), people(&["carol", "dave"])),
            ("eve".to_owned(), people(&["eve"])),
        ]
    );
    assert_eq!(input.entry("group:ops").unwrap().people, ["carol", "dave"]);
    assert_eq!(input.entry("dave").unwrap().people, ["dave"]);
    assert_eq!(input.entry("group:dave"), None);
    assert_eq!(input.entry("ops"), None);
    assert_eq!(input.members("qa"), ["bob", "carol"]);
}
