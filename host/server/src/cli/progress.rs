//! The live line under everything else: what each stage does.

use std::time::Duration;

use relhost_engine::port::store::ReleaseRow;

use super::show;
use super::ui::Ui;

/// How often the spinner turns; slower looks stuck, faster costs a busy terminal.
const TURN: Duration = Duration::from_millis(120);

/// A spinner with the stages of one release. Dropped, it leaves nothing behind.
pub struct Progress<'a> {
    ui: &'a Ui,
    multi: indicatif::MultiProgress,
    bar: Option<indicatif::ProgressBar>,
}

impl<'a> Progress<'a> {
    /// Starts drawing.
    #[must_use]
    pub fn start(ui: &'a Ui) -> Self {
        let mut progress = Self { ui, multi: indicatif::MultiProgress::new(), bar: None };
        progress.show();
        progress
    }

    fn show(&mut self) {
        let bar = self.multi.add(indicatif::ProgressBar::new_spinner());
        bar.enable_steady_tick(TURN);
        self.ui.set_progress(Some(self.multi.clone()));
        self.bar = Some(bar);
    }

    /// Leaves the terminal to somebody who types.
    pub fn pause(&mut self) {
        if let Some(bar) = self.bar.take() {
            self.ui.set_progress(None);
            bar.disable_steady_tick();
            bar.finish_and_clear();
            self.multi.remove(&bar);
            let _not_drawn = self.multi.clear();
        }
    }

    /// Draws the release as it is now; after a pause it draws again.
    pub fn draw(&mut self, row: &ReleaseRow) {
        if self.bar.is_none() {
            self.show();
        }
        let Some(bar) = &self.bar else { return };
        let label = show::mode_label(row.mode);
        bar.set_message(format!("{label}{}: {}", row.name, show::release::chain(row)));
    }
}

impl Drop for Progress<'_> {
    fn drop(&mut self) {
        self.pause();
        let _not_drawn = self.multi.clear();
    }
}
