//! Follows a release to its end: shows what happens, asks the terminal, and knows when only people can
//! move it on.

mod prompt;

use std::collections::BTreeMap;
use std::time::Duration;

use relhost_engine::event::Event;
use relhost_engine::port::store::{ReleaseRow, StageState};
use relhost_model::id::{ApprovalId, DeploymentId, PersonId, ReleaseId, StageName};
use relhost_model::release::Status;
use tokio::signal::unix::{SignalKind, signal};

use super::decide::Terminal;
use super::progress::Progress;
use super::session::{Session, unexpected};
use super::show;
use crate::app::release::{exit, next_manual};
use crate::exit::{Exit, Failure};
use crate::owner::{Backend, stopped};
use crate::protocol::{News, Reply, Request};
use prompt::unasked;

/// How long one look may take; the owner answers at once when something happens.
const LOOK: Duration = Duration::from_secs(20);
/// How long while the policies of an approval are asked, which takes milliseconds and makes no event.
const LOOK_SOON: Duration = Duration::from_millis(50);
/// Silence kills jobs in build systems: this often a waiting follower says that it is alive.
const KEEP_ALIVE: Duration = Duration::from_secs(60);

/// What to follow, and how far.
pub struct Follow {
    /// The release.
    pub release: ReleaseId,
    /// The first event that is shown.
    pub since: u64,
    /// Promote manual stages up to this one.
    pub to: Option<StageName>,
    /// Who sits at this terminal.
    pub user: Option<PersonId>,
    /// Only look: ask nothing, promote nothing, wait for ever.
    pub watch_only: bool,
    /// The options with which other commands find the same state.
    pub again: String,
}

impl Follow {
    /// A release, to its end. What happened is shown from the beginning, unless it is over: then its result
    /// says everything.
    #[must_use]
    pub fn of(row: &ReleaseRow, again: String) -> Self {
        let since = if row.summary.status.is_some() { row.events } else { 0 };
        Self { release: row.id, since, to: None, user: None, watch_only: false, again }
    }
}

/// What a follower remembers.
struct Follower<'a> {
    session: Session<'a>,
    backend: &'a Backend,
    follow: Follow,
    events: u64,
    lines: u64,
    stages: BTreeMap<DeploymentId, StageName>,
    terminal: Option<Terminal>,
    /// The approval whose answer is being typed, and as whom.
    asked: Option<(ApprovalId, PersonId)>,
    /// Approvals that were shown and are not asked (again) here.
    put_off: Vec<ApprovalId>,
    /// The queued stage whose holder was named.
    explained: Option<StageName>,
    progress: Option<Progress<'a>>,
}

/// Follows until the release is over, only people can move it on, or the user interrupts.
///
/// # Errors
/// If the owner cannot be reached any more.
pub async fn follow(session: Session<'_>, backend: &Backend, follow: Follow) -> Result<Exit, Failure> {
    let prompts = session.ui.interactive() && session.ui.for_people() && !follow.watch_only;
    let mut follower = Follower {
        session,
        backend,
        events: follow.since,
        follow,
        lines: 0,
        stages: BTreeMap::new(),
        terminal: if prompts { Terminal::open().ok() } else { None },
        asked: None,
        put_off: Vec::new(),
        explained: None,
        progress: session.ui.live().then(|| Progress::start(session.ui)),
    };
    let ended = follower.run().await;
    session.ui.answered(false);
    ended
}

impl Follower<'_> {
    async fn run(&mut self) -> Result<Exit, Failure> {
        // One listener for all: a Ctrl-C between two of them would be lost.
        let mut interrupts = signal(SignalKind::interrupt())
            .map_err(|error| Failure::chain(Exit::Unexpected, "signals", &error))?;
        let mut quiet_since = tokio::time::Instant::now();
        let mut current: Option<Box<News>> = None;
        loop {
            let request = self.look(current.as_deref());
            let typed = async {
                match &mut self.terminal {
                    Some(terminal) => terminal.line().await,
                    None => std::future::pending().await,
                }
            };
            tokio::select! {
                reply = self.backend.call(None, request) => {
                    let Reply::News(news) = reply? else { return Err(unexpected()) };
                    // What is waited for does not come any more.
                    if let Some(failure) = self.backend.host().and_then(|host| stopped(host)) {
                        return Err(failure);
                    }
                    if news.events.is_empty() && news.lines.is_empty() {
                        self.keep_alive(&news, &mut quiet_since);
                    } else {
                        quiet_since = tokio::time::Instant::now();
                    }
                    self.forget_decided(&news);
                    self.show(&news);
                    self.explain_queue(&news.row).await?;
                    if let Some(exit) = self.settle(&news).await? {
                        return Ok(exit);
                    }
                    self.prompt(&news);
                    current = Some(news);
                }
                line = typed => self.typed(current.as_deref(), line).await?,
                _ = interrupts.recv() => return Ok(self.interrupted()),
            }
        }
    }

    fn look(&self, current: Option<&News>) -> Request {
        let wait = match current {
            None => Duration::ZERO,
            Some(news) if unasked(news) => LOOK_SOON,
            Some(_) => LOOK,
        };
        let wait_ms = u64::try_from(wait.as_millis()).unwrap_or(u64::MAX);
        let (release, drive) = (self.follow.release, !self.follow.watch_only);
        Request::Follow { release, events: self.events, lines: self.lines, wait_ms, drive }
    }

    fn show(&mut self, news: &News) {
        let ui = self.session.ui;
        self.lines = news.next_line;
        for line in news.lines.iter().filter(|_| ui.for_people()) {
            ui.note(&show::event::log(Some(&line.stage), &line.line));
        }
        for recorded in &news.events {
            self.events = recorded.seq + 1;
            if let Event::DeploymentRequested { deployment, stage, .. } = &recorded.event {
                self.stages.insert(*deployment, stage.clone());
            }
            if ui.streams() {
                ui.line(recorded);
            }
            let stages = &self.stages;
            let stage_of = |deployment| stages.get(&deployment).cloned().unwrap_or_else(unnamed_stage);
            let text = show::event::text(&recorded.event, &stage_of).filter(|_| ui.for_people());
            for line in text.iter().flat_map(|text| text.lines()) {
                let label = show::mode_label(news.row.mode);
                ui.note(&format!("{} {label}{line}", ui.dim(&recorded.at.to_string())));
            }
        }
        if let (Some(progress), None) = (&mut self.progress, &self.asked) {
            progress.draw(&news.row);
        }
    }

    /// Whether following ends here.
    async fn settle(&mut self, news: &News) -> Result<Option<Exit>, Failure> {
        let row = &news.row;
        if let Some(status) = row.summary.status {
            if exit(Some(status)) == Exit::Done && !self.follow.watch_only && self.promote(row).await? {
                return Ok(None);
            }
            self.farewell(row);
            self.next_step(row, status);
            return Ok(Some(exit(Some(status))));
        }
        if !only_people(row) || unasked(news) {
            return Ok(None);
        }
        let again = self.follow.again.clone();
        if let Some(stage) = row.summary.stages.iter().find(|s| matches!(s.state, StageState::Quarantined(_)))
        {
            self.farewell(row);
            self.session.ui.hint(&format!(
                "{} needs a person: `relhost release journal {}{again}` shows what happened; then retry, attest or abort",
                stage.stage, row.id
            ));
            return Ok(Some(Exit::NeedsPerson));
        }
        let reachable =
            self.terminal.is_some() || self.backend.host().is_none_or(|host| host.page().is_some());
        if reachable || self.follow.watch_only {
            return Ok(None);
        }
        self.farewell(row);
        // What was put off was said when it was.
        let unsaid = news.open.iter().filter(|view| !self.put_off.contains(&view.row.approval.id));
        unsaid.for_each(|view| self.session.ui.note(&self.how_to_decide(view)));
        self.session.ui.hint(&format!("then go on with: relhost resume {}{again}", row.id));
        Ok(Some(Exit::NeedsPerson))
    }

    /// Promotes the next manual stage if it is wanted.
    async fn promote(&mut self, row: &ReleaseRow) -> Result<bool, Failure> {
        let (Some(to), Some(next)) = (&self.follow.to, next_manual(row)) else { return Ok(false) };
        let place = |stage: &StageName| row.summary.stages.iter().position(|summary| summary.stage == *stage);
        if place(&next) > place(to) {
            return Ok(false);
        }
        let request = Request::Promote { release: row.id.into(), stage: Some(next) };
        self.backend.call(None, request).await?;
        Ok(true)
    }

    /// The result of the command: the release as it is now.
    fn farewell(&mut self, row: &ReleaseRow) {
        self.progress = None;
        let ui = self.session.ui;
        ui.answered(false);
        ui.result(row, || {
            let word = ui.status(&show::release_word(row));
            let label = show::mode_label(row.mode);
            format!(
                "{}{label}{} ({}) {word}",
                show::release::stages(ui, &row.summary.stages),
                row.name,
                row.id
            )
        });
    }

    fn next_step(&self, row: &ReleaseRow, status: Status) {
        let (ui, again, id) = (self.session.ui, &self.follow.again, row.id);
        match status {
            Status::Failed | Status::Rejected | Status::Expired => {
                ui.hint(&format!("try the stage again with: relhost release retry {id}{again}"));
            }
            _ => {
                if let Some(next) = next_manual(row) {
                    ui.hint(&format!(
                        "{next} waits for promotion: relhost release promote {id} --stage {next}{again}"
                    ));
                }
            }
        }
    }

    /// Says once who holds the environment that a stage waits for, if nothing else of the release moves.
    async fn explain_queue(&mut self, row: &ReleaseRow) -> Result<(), Failure> {
        let queued = row.summary.stages.iter().find(|stage| stage.state == StageState::Queued);
        let Some(stage) = queued.filter(|stage| self.explained.as_ref() != Some(&stage.stage)) else {
            return Ok(());
        };
        let Reply::Environments(views) = self.backend.call(None, Request::Environments).await? else {
            return Err(unexpected());
        };
        let view = views.into_iter().find(|view| view.name == stage.environment);
        // For a moment every stage is queued before it starts.
        let own = format!("{} ", row.id);
        if let Some(holder) = view.and_then(|view| view.holder).filter(|holder| !holder.starts_with(&own)) {
            let who = holder.split(' ').next().unwrap_or(&holder);
            let (environment, again) = (&stage.environment, &self.follow.again);
            self.session.ui.note(&format!(
                "{} waits for `{environment}`, which {who} holds; go on with that one in another shell: relhost resume {who}{again}",
                stage.stage
            ));
            self.explained = Some(stage.stage.clone());
        }
        Ok(())
    }

    fn interrupted(&mut self) -> Exit {
        self.progress = None;
        let ui = self.session.ui;
        ui.answered(false);
        let (release, again) = (self.follow.release, &self.follow.again);
        if self.backend.host().is_none() {
            ui.note(&format!("detached; {release} goes on"));
            ui.hint(&format!("watch it with: relhost release watch {release}{again}"));
        } else {
            ui.note("stopping after the current step; the state is kept (Ctrl-C again stops at once)");
            ui.hint(&format!("go on with: relhost resume {release}{again}"));
        }
        Exit::Interrupted
    }

    fn keep_alive(&self, news: &News, quiet_since: &mut tokio::time::Instant) {
        if self.progress.is_none() && quiet_since.elapsed() >= KEEP_ALIVE {
            *quiet_since = tokio::time::Instant::now();
            let label = show::mode_label(news.row.mode);
            self.session.ui.note(&format!("{label}{}: {}", news.row.name, show::release::chain(&news.row)));
        }
    }
}

/// For an event whose deployment was requested before following began.
fn unnamed_stage() -> StageName {
    StageName::new("stage").expect("a plain word is a stage name")
}

/// Whether nothing moves until somebody decides.
fn only_people(row: &ReleaseRow) -> bool {
    let mut active = row.summary.stages.iter().filter(|stage| {
        !matches!(stage.state, StageState::NotStarted | StageState::Manual | StageState::Finished(_))
    });
    active.all(|stage| {
        matches!(
            stage.state,
            StageState::AwaitingBefore(_)
                | StageState::AwaitingAfter(_)
                | StageState::AwaitingCall(_)
                | StageState::Quarantined(_)
        )
    })
}
