//! Asks the terminal for the votes that a release waits for.

use relhost_model::id::ApprovalId;

use super::Follower;
use crate::cli::decide::{self, Answered, Decider};
use crate::cli::show;
use crate::exit::Failure;
use crate::protocol::{ApprovalView, News};

impl Follower<'_> {
    /// Takes the question back if somebody else answered it.
    pub(super) fn forget_decided(&mut self, news: &News) {
        let open = |id: ApprovalId| news.open.iter().any(|view| view.row.approval.id == id);
        if self.asked.as_ref().is_some_and(|(asked, _)| !open(*asked)) {
            self.session.ui.answered(false);
            self.asked = None;
        }
    }

    /// Asks the next approval that was not put off, unless one is being asked.
    pub(super) fn prompt(&mut self, news: &News) {
        let quiet = self.follow.watch_only || !self.session.ui.for_people();
        if self.asked.is_some() || quiet || unasked(news) {
            return;
        }
        for view in &news.open {
            let id = view.row.approval.id;
            if self.put_off.contains(&id) {
                continue;
            }
            if self.terminal.is_none() {
                self.session.ui.note(&self.how_to_decide(view));
            } else if let Some(progress) = &mut self.progress {
                progress.pause();
            }
            let decider = decide::decider(view, self.follow.user.as_ref());
            if self.terminal.is_some() && decide::ask(&self.session, view, &decider) {
                if let Decider::Person(person) = decider {
                    self.asked = Some((id, person));
                }
                return;
            }
            self.put_off.push(id);
        }
    }

    pub(super) fn how_to_decide(&self, view: &ApprovalView) -> String {
        let act_as = match (view.row.approval.rehearsal, view.asked.first()) {
            (true, Some(person)) => format!(" --as {person}"),
            _ => String::new(),
        };
        format!(
            "{} waits for {}; decide in another shell: relhost approval approve {}{act_as}{}",
            view.id,
            show::names(&view.asked),
            view.id,
            self.follow.again
        )
    }

    /// Takes what was typed.
    pub(super) async fn typed(&mut self, news: Option<&News>, line: Option<String>) -> Result<(), Failure> {
        let Some(line) = line else {
            self.session.ui.answered(false);
            self.session.ui.note("the terminal takes no more answers; what waits is decided elsewhere");
            (self.terminal, self.asked) = (None, None);
            return Ok(());
        };
        let Some((id, person)) = self.asked.clone() else { return Ok(()) };
        let view = news.and_then(|news| news.open.iter().find(|view| view.row.approval.id == id));
        let Some(view) = view else { return Ok(()) };
        self.session.ui.answered(true);
        match decide::answer(&self.session, self.backend, view, &person, &line).await? {
            Answered::Again => {
                decide::ask_again(&self.session, view, &person);
                return Ok(());
            }
            // With a quorum another person at this terminal may be next.
            Answered::Counted => {}
            Answered::LeftOpen => self.put_off.push(id),
        }
        self.asked = None;
        if let (Some(progress), Some(news)) = (&mut self.progress, news) {
            progress.draw(&news.row);
        }
        Ok(())
    }
}

/// Whether the policies of an approval have not been asked yet: it may need nobody.
pub(super) fn unasked(news: &News) -> bool {
    news.open.iter().any(|view| view.row.recheck_at == Some(view.row.approval.opened_at))
}
