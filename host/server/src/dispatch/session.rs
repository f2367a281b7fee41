//! Answers one running component: from the journal while it is replayed, then for real. Every effect has
//! its intent on disk before it leaves; the outcome rides with the next intent.

use std::sync::Arc;

use relhost_engine::approval as rules;
use relhost_engine::port::store::{
    Change, Command, CommandBody, Commit, MailCommand, RunState, Store as _, StoreError,
};
use relhost_engine::port::{BoxFuture, CallStop, HostCalls};
use relhost_engine::release::Input;
use relhost_engine::replay::{Begin, RunJournal};
use relhost_model::approval::Approver;
use relhost_model::call::{Answer, ApprovalCall, CallError, HostCall, LogLine, NotifyCall};
use relhost_model::digest::Digest;
use relhost_model::id::{DeploymentId, PersonId};
use relhost_model::time::Timestamp;
use relhost_store::kill;

use super::advance::{AdvanceError, Together, advance, load};
use super::effect::{self, ARTIFACT_DAMAGED, Lines, Target, perform};
use crate::host::Host;

/// One activation of one run.
pub struct Session {
    host: Arc<Host>,
    journal: RunJournal,
    target: Target,
    deployment: DeploymentId,
    lines: Lines,
    /// What was applied, until the frame with the calls' outcomes takes it along.
    applied: Vec<Change>,
}

impl Session {
    /// Starts from a claimed journal.
    #[must_use]
    pub fn new(host: Arc<Host>, journal: RunJournal, target: Target, deployment: DeploymentId) -> Self {
        let lines = Lines::new(Arc::clone(&host), &target);
        Self { host, journal, target, deployment, lines, applied: Vec::new() }
    }

    /// The journal, to complete it when the component has returned, and what no frame has taken along yet.
    #[must_use]
    pub fn end(self) -> (RunJournal, Vec<Change>) {
        (self.journal, self.applied)
    }

    async fn answer(&mut self, call: HostCall) -> Result<Answer, CallStop> {
        kill::point!("session.at-call", self.journal.run());
        let now = self.host.now();
        match self.journal.begin(call, now) {
            Begin::Replayed(answer) => Ok(answer),
            Begin::Perform { ordinal, key, frame, call, .. } => {
                if self.canceled().await? {
                    return Ok(self.cancel_seen(ordinal, now));
                }
                let again = frame.is_none();
                if let Some(frame) = frame {
                    kill::point!("session.before-intent");
                    self.commit(Commit { frame: Some(*frame), ..Commit::default() }).await?;
                }
                kill::point!("session.after-intent");
                let answer = self.perform(key, &call).await?;
                if again {
                    // A host has died between this call and its next frame, and may do so until the run is given up.
                    effect::keep(&self.host, std::mem::take(&mut self.applied)).await;
                }
                kill::point!("session.after-effect");
                self.journal.finish(ordinal, answer.clone(), self.host.now());
                Ok(answer)
            }
            Begin::Internal { ordinal, key, call } => {
                if self.canceled().await? {
                    return Ok(self.cancel_seen(ordinal, now));
                }
                match call {
                    HostCall::Notify(call) => self.notify(ordinal, key, &call).await,
                    HostCall::AwaitApproval(call) => self.open_approval(ordinal, &call).await,
                    other => Err(quarantine(CallError::permanent(
                        "internal",
                        format!("{} is not internal", other.operation()),
                    ))),
                }
            }
            Begin::Waiting { approval, .. } => self.resume_wait(approval).await,
            Begin::Mismatch(mismatch) => Err(CallStop::Quarantined((*mismatch).into())),
            Begin::LimitReached { records } => Err(quarantine(
                CallError::permanent(
                    "journal-full",
                    format!("the journal has {records} records, which is the limit"),
                )
                .with(
                    "help",
                    "raise `limits.journal-records` in relhost.yaml and retry, or abort the release",
                ),
            )),
        }
    }

    /// Makes the call, and drops it if the release is canceled or the host stops meanwhile.
    async fn perform(&mut self, key: Digest, call: &HostCall) -> Result<Answer, CallStop> {
        let deployed = match call {
            HostCall::Wait(wait) => self.journal.deployed(&wait.deployment).cloned(),
            _ => None,
        };
        let mut stop = self.host.supervisor.stop();
        let run = self.journal.run();
        let answer = tokio::select! {
            answer = perform(&self.host, &self.target, key, call, &self.lines, deployed.as_ref()) => Ok(answer),
            () = stop.wait() => Err(CallStop::Interrupted("the host stops".into())),
            canceled = until_canceled(&self.host, run) => match canceled {
                // Nobody makes the call again.
                Ok(()) => Ok(Answer::Refused(canceled_error())),
                Err(error) => Err(stopped(&error)),
            },
        };
        self.applied.extend(effect::applied(&self.target, &self.lines));
        for line in self.lines.take() {
            self.journal.log(line);
        }
        match answer? {
            // The intent stays open: when a person has brought the files back, the call is made again.
            Answer::Refused(error) if error.code == ARTIFACT_DAMAGED => Err(quarantine(error)),
            answer => Ok(answer),
        }
    }

    fn cancel_seen(&mut self, ordinal: u32, now: Timestamp) -> Answer {
        kill::point!("session.cancel-seen");
        self.journal.cancel_seen(ordinal, now)
    }

    async fn canceled(&self) -> Result<bool, CallStop> {
        let run = self.host.store.read().run(self.journal.run()).await.map_err(|error| stopped(&error))?;
        Ok(run.is_some_and(|run| run.cancel))
    }

    async fn commit(&mut self, mut commit: Commit) -> Result<(), CallStop> {
        let frame = commit.frame.clone();
        commit.changes.append(&mut self.applied);
        self.host.store.commit(commit).await.map_err(|error| stopped(&error))?;
        if let Some(frame) = frame {
            self.journal.committed(&frame);
        }
        Ok(())
    }

    /// Queues one message per recipient in the commit that records the call.
    async fn notify(&mut self, ordinal: u32, key: Digest, call: &NotifyCall) -> Result<Answer, CallStop> {
        let recipients = match self.recipients(&call.channel).await? {
            Ok(recipients) => recipients,
            Err(refused) => {
                let frame =
                    self.journal.internal(ordinal, &Answer::Refused(refused.clone()), self.host.now());
                self.commit(Commit { frame: Some(frame), ..Commit::default() }).await?;
                return Ok(Answer::Refused(refused));
            }
        };
        let answer = Answer::Message(relhost_connect::mail::message_id(&key, self.host.mailers.domain()));
        let changes = recipients.into_iter().map(|person| {
            Change::PutCommand(Command {
                key: Digest::of_parts([key.0.as_slice(), person.as_str().as_bytes()]),
                release: self.target.release,
                body: CommandBody::Mail(MailCommand::Notify {
                    person,
                    stage: self.target.stage.clone(),
                    subject: call.subject.clone(),
                    body: call.body.clone(),
                }),
                attempts: 0,
                due_at: self.host.now(),
                error: None,
            })
        });
        let changes = changes.collect();
        let frame = self.journal.internal(ordinal, &answer, self.host.now());
        kill::point!("session.before-internal");
        self.commit(Commit { frame: Some(frame), changes, events: None }).await?;
        kill::point!("session.after-internal");
        Ok(answer)
    }

    async fn recipients(&self, channel: &str) -> Result<Result<Vec<PersonId>, CallError>, CallStop> {
        if channel == "requester" {
            let state = load(&self.host, self.target.release).await.map_err(|error| interrupted(&error))?;
            // A release that a trigger made has no person behind it: nobody to tell is not an error.
            return Ok(Ok(state.snapshot.requester.person().cloned().into_iter().collect()));
        }
        let Ok(approver) = channel.parse::<Approver>() else {
            return Ok(Err(CallError::permanent("unknown-channel", format!("`{channel}` is not a channel"))));
        };
        let members = self.host.config.members(&approver);
        if members.is_empty() {
            let error =
                CallError::permanent("unknown-channel", format!("`{channel}` names nobody in relhost.yaml"));
            return Ok(Err(error.with("help", "name a person, `group:NAME` or `requester`")));
        }
        Ok(Ok(members))
    }

    async fn open_approval(&mut self, ordinal: u32, call: &ApprovalCall) -> Result<Answer, CallStop> {
        let state = load(&self.host, self.target.release).await.map_err(|error| interrupted(&error))?;
        let id = relhost_model::id::ApprovalId(
            self.host.store.allocate(relhost_engine::port::store::Sequence::Approval),
        );
        let now = self.host.now();
        let asked = (id, self.journal.run(), ordinal);
        let opened = rules::from_call(&state, self.deployment, asked, call, (self.journal.hash(), now));
        let approval = match opened {
            Ok(approval) => approval,
            Err(refused) => {
                let frame = self.journal.internal(ordinal, &Answer::Refused(refused.clone()), now);
                self.commit(Commit { frame: Some(frame), ..Commit::default() }).await?;
                return Ok(Answer::Refused(refused));
            }
        };
        let frame = self.journal.open_wait(ordinal, id, now);
        let waiting = Change::state(self.journal.run(), [RunState::Running], RunState::Waiting);
        let mut changes = std::mem::take(&mut self.applied);
        changes.push(waiting);
        let together = Together { frame: Some(frame), changes };
        let input = Input::ApprovalOpened { approval: Box::new(approval) };
        kill::point!("session.before-wait");
        match advance(&self.host, self.target.release, input, together).await {
            Ok(()) => {
                kill::point!("session.after-wait");
                Err(CallStop::Suspended)
            }
            Err(error) => Err(interrupted(&error)),
        }
    }

    async fn resume_wait(&mut self, approval: relhost_model::id::ApprovalId) -> Result<Answer, CallStop> {
        let row = self.host.store.read().approval(approval).await.map_err(|error| stopped(&error))?;
        match row.and_then(|row| row.decision) {
            Some(decision) => {
                let answer = self.journal.resolve_wait(decision, self.host.now());
                kill::point!("session.wait-resolved");
                Ok(answer)
            }
            None => {
                let change = Change::state(self.journal.run(), [RunState::Running], RunState::Waiting);
                self.commit(Commit { changes: vec![change], ..Commit::default() }).await?;
                Err(CallStop::Suspended)
            }
        }
    }
}

impl HostCalls for Session {
    fn call(&mut self, call: HostCall) -> BoxFuture<'_, Result<Answer, CallStop>> {
        Box::pin(self.answer(call))
    }

    fn log(&mut self, mut line: LogLine) {
        // A line that is repeated by a replay was shown when it was said.
        if !self.journal.replaying() {
            kill::point!("session.in-guest");
            line = self.host.redacted_line(line);
            self.host.board.show(self.target.release, &self.target.stage, line.clone());
        }
        self.journal.log(line);
    }

    fn now(&self) -> Timestamp {
        self.journal.now()
    }
}

/// Ends when the run is to be canceled.
async fn until_canceled(host: &Host, run: relhost_model::id::RunId) -> Result<(), StoreError> {
    let mut cancels = host.cancels.subscribe();
    while !host.store.read().run(run).await?.is_some_and(|run| run.cancel) {
        cancels.changed().await.expect("the host has the sender");
    }
    Ok(())
}

/// What a canceled run's call is answered with.
fn canceled_error() -> CallError {
    CallError::permanent("canceled", "the release was canceled")
}

fn quarantine(problem: CallError) -> CallStop {
    CallStop::Quarantined(problem)
}

fn stopped(error: &StoreError) -> CallStop {
    CallStop::Interrupted(error.to_string())
}

fn interrupted(error: &AdvanceError) -> CallStop {
    CallStop::Interrupted(error.to_string())
}

#[cfg(test)]
mod tests;
