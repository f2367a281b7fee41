//! Slots that people fill with their approvals: one each, and nobody fills two. Lists are sorted vectors: they
//! are short, and the code of a tree per type would be a quarter of a component.

use std::fmt;

use super::{PolicyInput, Requirement, Verdict};
use crate::outcome::Failure;

/// One approval that is needed, and who may give it.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Slot {
    name: String,
    /// Sorted.
    people: Vec<String>,
}

impl Slot {
    fn accepts(&self, person: &str) -> bool {
        self.people.iter().any(|accepted| accepted == person)
    }

    /// Whether the other one accepts all of these people and more.
    fn is_narrower_than(&self, other: &Self) -> bool {
        other.people.len() > self.people.len() && self.people.iter().all(|person| other.accepts(person))
    }
}

/// Slots that people fill with their approvals. Nobody fills two, and who could fill several is put where it
/// helps most, whatever the order of the votes.
///
/// ```
/// use relhost_sdk::policy::Slots;
///
/// let people = |ids: &[&str]| ids.iter().map(|id| id.to_string()).collect::<Vec<_>>();
/// let slots = Slots::new().add("qa", 1, people(&["ann", "bob"])).add("security", 1, people(&["ann", "carol"]));
/// // Ann alone could fill either.
/// let filling = slots.fill(["ann"]);
/// let missing = filling.missing(&people(&["bob", "carol"]));
/// assert_eq!(missing[0].description, "one more of qa or security");
/// assert!(slots.fill(["ann", "bob"]).is_complete());
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Slots {
    slots: Vec<Slot>,
}

impl Slots {
    /// No slots.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds so many slots that these people may fill. More slots than people stay one too many, however
    /// many were asked for.
    #[must_use]
    pub fn add(mut self, name: &str, count: usize, people: impl IntoIterator<Item = String>) -> Self {
        let slot = Slot { name: name.to_owned(), people: sorted(people.into_iter().collect()) };
        let count = count.min(slot.people.len() + 1);
        self.slots.extend(std::iter::repeat_n(slot, count));
        self
    }

    /// Fills as many slots as these people can.
    #[must_use]
    pub fn fill<'p>(&self, people: impl IntoIterator<Item = &'p str>) -> Filling<'_> {
        // In an order of their own, so that the order of the votes does not matter.
        let people = sorted(people.into_iter().collect());
        let mut filling = Filling { slots: &self.slots, filled: vec![None; self.slots.len()] };
        for person in people {
            filling.place(person, &mut vec![false; self.slots.len()]);
        }
        filling
    }
}

impl Slots {
    /// Whether all who are asked could fill every slot together.
    ///
    /// # Errors
    /// If they could not: then waiting is no use. Code `cannot-be-met`.
    pub fn check(&self, input: &PolicyInput) -> Result<(), Failure> {
        let everybody = self.fill(input.approvers.iter().map(|asked| asked.id.as_str()));
        if everybody.is_complete() {
            return Ok(());
        }
        let missing: Vec<_> = everybody.missing(&[]).into_iter().map(|one| one.description).collect();
        let message = format!("those asked cannot give it even together: {}", missing.join(", "));
        Err(Failure::new("cannot-be-met", message))
    }

    /// Approves if the approvals so far fill every slot, and otherwise needs what is missing.
    ///
    /// # Errors
    /// Those of [`Slots::check`].
    pub fn decide(&self, input: &PolicyInput) -> Result<Verdict, Failure> {
        self.check(input)?;
        let filling = self.fill(input.approvals().map(|vote| vote.voter.as_str()));
        if filling.is_complete() {
            return Ok(Verdict::approve(format!("approved by {filling}")));
        }
        let verdict = Verdict::need(filling.missing(&input.undecided()));
        let given = filling.to_string();
        Ok(verdict.reason(if given.is_empty() {
            "nobody has approved yet".to_owned()
        } else {
            format!("approved so far by {given}")
        }))
    }
}

/// Who fills which slot.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Filling<'s> {
    slots: &'s [Slot],
    filled: Vec<Option<String>>,
}

impl Filling<'_> {
    /// Puts a person into a slot, moving others where that makes room. `tried` are the slots that this
    /// search has seen.
    fn place(&mut self, person: &str, tried: &mut [bool]) -> bool {
        for at in 0..self.slots.len() {
            if tried[at] || !self.slots[at].accepts(person) {
                continue;
            }
            tried[at] = true;
            let free = match self.filled[at].clone() {
                None => true,
                Some(present) => self.place(&present, tried),
            };
            if free {
                self.filled[at] = Some(person.to_owned());
                return true;
            }
        }
        false
    }

    /// Whether every slot is filled.
    #[must_use]
    pub fn is_complete(&self) -> bool {
        self.filled.iter().all(Option::is_some)
    }

    /// Who fills which slot, as person and slot.
    pub fn filled(&self) -> impl Iterator<Item = (&str, &str)> {
        let pairs = self.filled.iter().zip(self.slots);
        pairs.filter_map(|(person, slot)| person.as_deref().map(|person| (person, slot.name.as_str())))
    }

    /// What is missing, and which of `undecided` could give it.
    #[must_use]
    pub fn missing(&self, undecided: &[String]) -> Vec<Requirement> {
        let mut wants: Vec<(Vec<usize>, usize)> = Vec::new();
        for at in (0..self.slots.len()).filter(|at| self.filled[*at].is_none()) {
            let wanted = self.freed_by(at);
            match wants.iter_mut().find(|(present, _)| *present == wanted) {
                Some((_, count)) => *count += 1,
                None => wants.push((wanted, 1)),
            }
        }
        wants.iter().map(|(wanted, count)| self.requirement(*count, wanted, undecided)).collect()
    }

    /// The kinds of slots of which any helps to fill this one: the slot itself, and those whose people could
    /// move into it. Each is named by its first slot, so that equal wants are equal.
    fn freed_by(&self, missing: usize) -> Vec<usize> {
        let mut wanted = vec![missing];
        let mut next = 0;
        while let Some(at) = wanted.get(next).copied() {
            next += 1;
            for (other, person) in self.filled.iter().enumerate() {
                let could_move = person.as_ref().is_some_and(|person| self.slots[at].accepts(person));
                if could_move && !wanted.contains(&other) {
                    wanted.push(other);
                }
            }
        }
        let first = |at: usize| self.slots.iter().position(|slot| *slot == self.slots[at]).unwrap_or(at);
        sorted(wanted.into_iter().map(first).collect())
    }

    fn requirement(&self, count: usize, wanted: &[usize], undecided: &[String]) -> Requirement {
        let slots: Vec<&Slot> = wanted.iter().map(|at| &self.slots[*at]).collect();
        let fits = |person: &&String| slots.iter().any(|slot| slot.accepts(person));
        let candidates = undecided.iter().filter(fits).cloned().collect();
        // A slot that anybody may fill makes the narrower ones beside it not worth a word.
        let covered = |slot: &Slot| slots.iter().any(|other| slot.is_narrower_than(other));
        let named: Vec<&Slot> = slots.iter().filter(|slot| !covered(slot)).copied().collect();
        Requirement::of(count, describe(count, &named), candidates)
    }
}

impl fmt::Display for Filling<'_> {
    /// `ann for qa-leads, bob`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, (person, slot)) in self.filled().enumerate() {
            let comma = if index == 0 { "" } else { ", " };
            let place = if person == slot { String::new() } else { format!(" for {slot}") };
            write!(f, "{comma}{person}{place}")?;
        }
        Ok(())
    }
}

fn sorted<T: Ord>(mut list: Vec<T>) -> Vec<T> {
    list.sort_unstable();
    list.dedup();
    list
}

fn describe(count: usize, slots: &[&Slot]) -> String {
    match slots {
        [only] if only.people == [only.name.as_str()] => format!("{} to approve", only.name),
        _ => {
            let names: Vec<_> = slots.iter().map(|slot| slot.name.as_str()).collect();
            let count = if count == 1 { "one".to_owned() } else { count.to_string() };
            format!("{count} more of {}", names.join(" or "))
        }
    }
}
