//! What a policy is asked, in few words.

use std::time::Duration;

use crate::context::Actor;
use crate::policy::{Approver, PolicyInput, Vote};
use crate::time::Timestamp;

use super::STARTED_AT;

/// How far apart votes are that come one after the other.
const BETWEEN_VOTES: Duration = Duration::from_secs(60);

/// An approval: who is asked, and who has voted, one minute after the other.
///
/// ```
/// use relhost_sdk::mock::Ballot;
/// use relhost_sdk::policy::PolicyInput;
///
/// let input = PolicyInput::from(Ballot::new().asks("ann").group("ops", &["bob", "carol"]).approves("bob"));
/// assert_eq!(input.approvers.len(), 3);
/// assert_eq!(input.undecided(), ["ann", "carol"]);
/// ```
#[derive(Debug, Clone)]
pub struct Ballot {
    input: PolicyInput,
}

impl Default for Ballot {
    fn default() -> Self {
        Self::new()
    }
}

impl Ballot {
    /// An approval that asks nobody yet, opened on a Monday at 09:00 UTC.
    #[must_use]
    pub fn new() -> Self {
        Self {
            input: PolicyInput {
                pipeline: "pipeline".to_owned(),
                stage: "QA".to_owned(),
                environment: "qa".to_owned(),
                attempt: 1,
                requester: Actor::person("requester"),
                approvers: Vec::new(),
                votes: Vec::new(),
                opened_at: STARTED_AT,
                now: STARTED_AT,
                facts: Vec::new(),
                settings_json: "{}".to_owned(),
            },
        }
    }

    /// Asks a person by name.
    #[must_use]
    pub fn asks(mut self, person: &str) -> Self {
        self.approver(person);
        self
    }

    /// Asks the members of a group. Who is asked already is in the group too.
    #[must_use]
    pub fn group(mut self, group: &str, members: &[&str]) -> Self {
        for member in members {
            self.approver(member).groups.push(group.to_owned());
        }
        self
    }

    /// A person approves, a minute after the last thing that happened.
    #[must_use]
    pub fn approves(self, person: &str) -> Self {
        self.votes(person, true)
    }

    /// A person rejects. The host closes an approval then, so a policy rarely sees this.
    #[must_use]
    pub fn rejects(self, person: &str) -> Self {
        self.votes(person, false)
    }

    /// It is this time now.
    #[must_use]
    pub fn now(mut self, time: Timestamp) -> Self {
        self.input.now = time;
        self
    }

    /// Who asked for the deployment.
    #[must_use]
    pub fn requester(mut self, who: Actor) -> Self {
        self.input.requester = who;
        self
    }

    /// A further fact, as JSON.
    #[must_use]
    pub fn fact(mut self, name: &str, json: &str) -> Self {
        self.input.facts.push((name.to_owned(), json.to_owned()));
        self
    }

    fn approver(&mut self, person: &str) -> &mut Approver {
        let approvers = &mut self.input.approvers;
        let at = approvers.iter().position(|asked| asked.id == person).unwrap_or_else(|| {
            approvers.push(Approver { id: person.to_owned(), groups: Vec::new() });
            approvers.len() - 1
        });
        &mut approvers[at]
    }

    fn votes(mut self, person: &str, approve: bool) -> Self {
        self.input.now = self.input.now.plus(BETWEEN_VOTES);
        let at = self.input.now;
        self.input.votes.push(Vote { voter: person.to_owned(), approve, at });
        self
    }
}

impl From<Ballot> for PolicyInput {
    fn from(ballot: Ballot) -> Self {
        ballot.input
    }
}

impl From<&Ballot> for PolicyInput {
    fn from(ballot: &Ballot) -> Self {
        ballot.input.clone()
    }
}
