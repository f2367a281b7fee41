//! What running stages say, at once: lines that are stored with the next frame are shown here before.
//! Kept in memory only and bounded; whoever wants everything reads the stored log.

use std::collections::VecDeque;
use std::sync::{Mutex, PoisonError};

use relhost_model::call::LogLine;
use relhost_model::id::{ReleaseId, StageName};
use tokio::sync::watch;

use crate::protocol::LiveLine;

/// Lines kept for watchers that are slow; at 200 bytes a line this is 400 KiB.
const LINES_MAX: usize = 2000;

/// The live lines of every release.
#[derive(Debug)]
pub struct Board {
    lines: Mutex<(u64, VecDeque<(ReleaseId, LiveLine)>)>,
    tick: watch::Sender<u64>,
}

impl Default for Board {
    fn default() -> Self {
        Self { lines: Mutex::default(), tick: watch::channel(0).0 }
    }
}

impl Board {
    /// Shows a line.
    pub fn show(&self, release: ReleaseId, stage: &StageName, line: LogLine) {
        let mut lines = self.lines.lock().unwrap_or_else(PoisonError::into_inner);
        let seq = lines.0;
        lines.0 += 1;
        if lines.1.len() == LINES_MAX {
            lines.1.pop_front();
        }
        lines.1.push_back((release, LiveLine { seq, stage: stage.clone(), line }));
        self.tick.send_replace(seq);
    }

    /// The lines of a release from a sequence number on, and where to go on.
    #[must_use]
    pub fn since(&self, release: ReleaseId, seq: u64) -> (Vec<LiveLine>, u64) {
        let lines = self.lines.lock().unwrap_or_else(PoisonError::into_inner);
        let wanted = |(of, line): &&(ReleaseId, LiveLine)| *of == release && line.seq >= seq;
        (lines.1.iter().filter(wanted).map(|(_, line)| line.clone()).collect(), lines.0)
    }

    /// Wakes when a line was shown.
    #[must_use]
    pub fn changed(&self) -> watch::Receiver<u64> {
        self.tick.subscribe()
    }
}
