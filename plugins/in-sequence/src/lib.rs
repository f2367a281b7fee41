//! A policy: one step after the other. A vote for a later step counts only if it came after the earlier steps
//! were complete.

use relhost_sdk::policy::{Entry, Slots, Vote};
use relhost_sdk::prelude::*;

#[cfg(test)]
mod tests;

/// The steps.
#[relhost_sdk::settings]
pub struct Settings {
    /// The steps in their order, each a list of people (`ann`) and groups (`group:qa-leads`) who all approve in
    /// that step. Without it, each entry of the approval's list is a step.
    steps: Option<Vec<Vec<String>>>,
}

/// One step after the other.
pub struct InSequence;

/// One step after the other; a vote that comes before its turn does not count.
#[relhost_sdk::policy(readme = "README.md")]
impl Policy for InSequence {
    type Settings = Settings;

    fn evaluate(&self, input: &PolicyInput, settings: Settings) -> Result<Verdict, Failure> {
        let steps = match settings.steps {
            Some(written) => written_steps(input, &written)?,
            None => input.entries().into_iter().map(|entry| vec![entry]).collect(),
        };
        if steps.is_empty() {
            return Err(Failure::invalid_settings("steps", "there is no step"));
        }
        let steps: Vec<Slots> = steps.into_iter().map(slots).collect();
        steps.iter().try_for_each(|step| step.check(input))?;
        Ok(verdict(input, &steps))
    }
}

fn written_steps(input: &PolicyInput, written: &[Vec<String>]) -> Result<Vec<Vec<Entry>>, Failure> {
    let step = |(index, names): (usize, &Vec<String>)| {
        let field = format!("steps[{index}]");
        if names.is_empty() {
            return Err(Failure::invalid_settings(&field, "the step asks nobody"));
        }
        let entry = |name: &String| {
            let problem = || format!("`{name}` is not asked; put it into the approvers");
            input.entry(name).ok_or_else(|| Failure::invalid_settings(&field, problem()))
        };
        names.iter().map(entry).collect()
    };
    written.iter().enumerate().map(step).collect()
}

/// A step is complete when each of its entries has somebody of its own.
fn slots(entries: Vec<Entry>) -> Slots {
    entries.into_iter().fold(Slots::new(), |slots, entry| slots.add(&entry.name, 1, entry.people))
}

/// Goes through the votes, oldest first. What stands before the completion of a step is behind.
fn verdict(input: &PolicyInput, steps: &[Slots]) -> Verdict {
    let approvals: Vec<&Vote> = input.approvals().collect();
    let mut behind = 0;
    let mut done = Vec::new();
    for (index, step) in steps.iter().enumerate() {
        let turn = &approvals[behind..];
        let filled = |count: &usize| step.fill(people(&turn[..*count])).is_complete();
        let Some(count) = (1..=turn.len()).find(filled) else {
            return waiting(input, steps, index, turn).reason(so_far(&done));
        };
        done.push(format!("step {}: {}", index + 1, step.fill(people(&turn[..count]))));
        behind += count;
    }
    Verdict::approve(done.join("; "))
}

fn people<'v>(votes: &[&'v Vote]) -> Vec<&'v str> {
    votes.iter().map(|vote| vote.voter.as_str()).collect()
}

fn so_far(done: &[String]) -> String {
    if done.is_empty() { "no step is complete yet".to_owned() } else { done.join("; ") }
}

/// What the current step needs, and nothing of the later ones. `turn` is who has approved since it began.
fn waiting(input: &PolicyInput, steps: &[Slots], index: usize, turn: &[&Vote]) -> Verdict {
    let number = index + 1;
    let mut missing = steps[index].fill(people(turn)).missing(&input.undecided());
    for requirement in &mut missing {
        requirement.description = format!("step {number} of {}: {}", steps.len(), requirement.description);
    }
    let stuck = missing.iter().any(|requirement| requirement.candidates.is_empty());
    let verdict = Verdict::need(missing);
    if !stuck {
        return verdict;
    }
    verdict.reason(format!(
        "nobody is left who could complete step {number}: a vote before its turn or for an earlier step does \
         not count here; a new attempt asks everybody again"
    ))
}
