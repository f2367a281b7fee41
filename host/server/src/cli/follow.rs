//! Follows a release to its end: shows what happens, asks the terminal, and knows when only people can
//! move it on.

use std::collections::BTreeMap;
use std::time::Duration;

use relhost_engine::event::Event;
use relhost_engine::port::store::{ReleaseRow, StageState};
use relhost_model::id::{ApprovalId, DeploymentId, PersonId, ReleaseId, StageName};

use super::decide::{self, Terminal};
use super::session::{Session, unexpected};
use super::show;
use crate::api::peer;
use crate::app::caller::Caller;
use crate::app::release::{exit, next_manual};
use crate::exit::{Exit, Failure};
use crate::owner::Backend;
use crate::protocol::{ApprovalView, News, Reply, Request};

/// How long one look may take; the owner answers at once when something happens.
const LOOK: Duration = Duration::from_secs(20);
/// Silence kills jobs in build systems: this often a waiting follower says that it is alive.
const KEEP_ALIVE: Duration = Duration::from_secs(60);

/// What to follow, and how far.
pub struct Follow {
    /// The release.
    pub release: ReleaseId,
    /// Promote manual stages up to this one.
    pub to: Option<StageName>,
    /// Stop with exit 10 when only people can move it on and nobody can be reached from here.
    pub give_up_waiting: bool,
    /// Events that were seen already.
    pub since: u64,
    /// Only look: ask nothing, promote nothing.
    pub watch_only: bool,
}

/// What a follower remembers.
struct Follower<'a> {
    session: Session<'a>,
    backend: &'a Backend,
    follow: Follow,
    events: u64,
    lines: u64,
    stages: BTreeMap<DeploymentId, StageName>,
    user: Option<PersonId>,
    asked: Option<ApprovalId>,
    put_off: Vec<ApprovalId>,
    progress: Option<Progress>,
}

/// Follows until the release is over, only people can move it on, or the user interrupts.
///
/// # Errors
/// If the owner cannot be reached any more.
pub async fn follow(session: Session<'_>, backend: &Backend, follow: Follow) -> Result<Exit, Failure> {
    let user = backend.host().and_then(|host| {
        Caller::os_user(&host.config, &peer::current_user(), "terminal", None).actor.person().cloned()
    });
    let progress = session.ui.live().then(|| Progress::start(&session));
    let mut follower = Follower {
        session,
        backend,
        events: follow.since,
        follow,
        lines: 0,
        stages: BTreeMap::new(),
        user,
        asked: None,
        put_off: Vec::new(),
        progress,
    };
    let ended = follower.run().await;
    session.ui.set_progress(None);
    ended
}

impl Follower<'_> {
    async fn run(&mut self) -> Result<Exit, Failure> {
        let prompts = self.session.ui.interactive() && !self.follow.watch_only;
        let mut terminal = if prompts { Terminal::open().ok() } else { None };
        let mut interrupts = 0_u32;
        let mut quiet_since = tokio::time::Instant::now();
        let mut current: Option<Box<News>> = None;
        loop {
            let request = Request::Follow {
                release: self.follow.release,
                events: self.events,
                lines: self.lines,
                wait_ms: if current.is_none() {
                    0
                } else {
                    u64::try_from(LOOK.as_millis()).unwrap_or(u64::MAX)
                },
            };
            let typed = async {
                match &mut terminal {
                    Some(terminal) => terminal.line().await,
                    None => std::future::pending().await,
                }
            };
            tokio::select! {
                reply = self.backend.call(None, request) => {
                    let Reply::News(news) = reply? else { return Err(unexpected()) };
                    if news.events.is_empty() && news.lines.is_empty() {
                        self.keep_alive(&news, &mut quiet_since);
                    } else {
                        quiet_since = tokio::time::Instant::now();
                    }
                    self.show(&news);
                    if let Some(exit) = self.settle(&news).await? {
                        return Ok(exit);
                    }
                    self.prompt(&news.open);
                    current = Some(news);
                }
                line = typed => self.typed(current.as_deref(), &line).await?,
                _ = tokio::signal::ctrl_c() => {
                    interrupts += 1;
                    if let Some(exit) = self.interrupted(interrupts) {
                        return Ok(exit);
                    }
                }
            }
        }
    }

    fn show(&mut self, news: &News) {
        let ui = self.session.ui;
        self.lines = news.next_line;
        for line in &news.lines {
            if ui.for_people() {
                ui.note(&show::log(Some(&line.stage), &line.line));
            }
        }
        for recorded in &news.events {
            self.events = recorded.seq + 1;
            if let Event::DeploymentRequested { deployment, stage, .. } = &recorded.event {
                self.stages.insert(*deployment, stage.clone());
            }
            if !ui.for_people() {
                ui.line(recorded);
                continue;
            }
            let stages = &self.stages;
            let stage_of = |deployment| stages.get(&deployment).cloned().unwrap_or_else(unnamed_stage);
            if let Some(text) = show::event(&recorded.event, &stage_of) {
                for line in text.lines() {
                    ui.note(&format!(
                        "{} {}{line}",
                        ui.dim(&recorded.at.to_string()),
                        show::mode_label(news.row.mode)
                    ));
                }
            }
        }
        if let Some(progress) = &self.progress {
            progress.draw(&news.row);
        }
    }

    /// Whether following ends here.
    async fn settle(&mut self, news: &News) -> Result<Option<Exit>, Failure> {
        let row = &news.row;
        if let Some(status) = row.summary.status {
            let ended = exit(Some(status));
            if ended == Exit::Done && !self.follow.watch_only && self.promote(row).await? {
                return Ok(None);
            }
            self.farewell(row);
            return Ok(Some(ended));
        }
        let quarantined = row.summary.stages.iter().find(|s| matches!(s.state, StageState::Quarantined(_)));
        if let Some(stage) = quarantined.filter(|_| only_people(row)) {
            self.session.ui.hint(&format!(
                "{} needs a person: `relhost release journal {}` shows what happened; then retry, attest or abort",
                stage.stage, row.id
            ));
            return Ok(Some(Exit::NeedsPerson));
        }
        let reachable =
            self.session.ui.interactive() || self.backend.host().is_none_or(|host| host.page().is_some());
        if self.follow.give_up_waiting && !reachable && only_people(row) {
            for view in &news.open {
                self.session.ui.note(&format!("{} waits for {}", view.id, names(&view.asked)));
            }
            self.session.ui.hint(&format!("go on with: relhost resume {}{}", row.id, self.state_flag()));
            return Ok(Some(Exit::NeedsPerson));
        }
        Ok(None)
    }

    fn state_flag(&self) -> String {
        self.session
            .global
            .state
            .as_ref()
            .map(|state| format!(" --state {}", state.display()))
            .unwrap_or_default()
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

    fn farewell(&self, row: &ReleaseRow) {
        let ui = self.session.ui;
        ui.set_progress(None);
        ui.result(row, || {
            let word = ui.status(&show::release_word(row));
            format!(
                "{}\n{}{} {word}",
                show::stages(ui, &row.summary.stages),
                show::mode_label(row.mode),
                row.name
            )
        });
        if let Some(next) = next_manual(row) {
            let flag = self.state_flag();
            ui.hint(&format!(
                "{next} waits for promotion: relhost release promote {} --stage {next}{flag}",
                row.id
            ));
        }
    }

    fn prompt(&mut self, open: &[ApprovalView]) {
        if self.asked.is_some_and(|asked| !open.iter().any(|view| view.row.approval.id == asked)) {
            self.asked = None;
        }
        if self.asked.is_some() || self.follow.watch_only {
            return;
        }
        let Some(view) = open.iter().find(|view| !self.put_off.contains(&view.row.approval.id)) else {
            return;
        };
        let decider = decide::decider(view, self.user.as_ref());
        if self.session.ui.interactive() {
            decide::ask(&self.session, view, decider.as_ref());
        } else {
            let ui = self.session.ui;
            ui.note(&format!("{} waits for {}", view.id, names(&view.asked)));
            self.put_off.push(view.row.approval.id);
            return;
        }
        if decider.is_some() {
            self.asked = Some(view.row.approval.id);
        } else {
            self.put_off.push(view.row.approval.id);
        }
    }

    async fn typed(&mut self, news: Option<&News>, line: &str) -> Result<(), Failure> {
        let view =
            news.and_then(|news| news.open.iter().find(|view| Some(view.row.approval.id) == self.asked));
        let Some(view) = view else { return Ok(()) };
        let Some(person) = decide::decider(view, self.user.as_ref()) else { return Ok(()) };
        if decide::answer(&self.session, self.backend, view, &person, line).await? {
            self.put_off.push(view.row.approval.id);
            self.asked = None;
        }
        Ok(())
    }

    fn interrupted(&self, count: u32) -> Option<Exit> {
        let ui = self.session.ui;
        let (release, flag) = (self.follow.release, self.state_flag());
        match (self.backend.host(), count) {
            (None, _) => {
                ui.note(&format!(
                    "detached; {release} goes on. Watch it with: relhost release watch {release}{flag}"
                ));
                Some(Exit::Interrupted)
            }
            (Some(_), 1) => {
                ui.note("stopping after the current step; the state is kept");
                ui.hint(&format!("go on with: relhost resume {release}{flag}"));
                Some(Exit::Interrupted)
            }
            _ => Some(Exit::Interrupted),
        }
    }

    fn keep_alive(&self, news: &News, quiet_since: &mut tokio::time::Instant) {
        if self.progress.is_none() && quiet_since.elapsed() >= KEEP_ALIVE {
            *quiet_since = tokio::time::Instant::now();
            let waiting: Vec<&str> = news.open.iter().map(|view| view.id.as_str()).collect();
            let what = if waiting.is_empty() {
                "still running".to_owned()
            } else {
                format!("waiting for {}", waiting.join(", "))
            };
            self.session.ui.note(&format!("{}: {what}", news.row.name));
        }
    }
}

/// For an event whose deployment was requested before following began.
fn unnamed_stage() -> StageName {
    StageName::new("stage").expect("a plain word is a stage name")
}

fn names(people: &[PersonId]) -> String {
    people.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ")
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

/// A spinner per active stage, under the lines.
struct Progress {
    multi: indicatif::MultiProgress,
    bar: indicatif::ProgressBar,
}

impl Progress {
    fn start(session: &Session<'_>) -> Self {
        let multi = indicatif::MultiProgress::new();
        let bar = multi.add(indicatif::ProgressBar::new_spinner());
        bar.enable_steady_tick(Duration::from_millis(120));
        session.ui.set_progress(Some(multi.clone()));
        Self { multi, bar }
    }

    fn draw(&self, row: &ReleaseRow) {
        let stages = row
            .summary
            .stages
            .iter()
            .map(|stage| format!("{} {}", stage.stage, show::state_word(&stage.state)));
        self.bar.set_message(format!(
            "{}{}: {}",
            show::mode_label(row.mode),
            row.name,
            stages.collect::<Vec<_>>().join(", ")
        ));
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        self.bar.finish_and_clear();
        let _not_drawn = self.multi.clear();
    }
}
