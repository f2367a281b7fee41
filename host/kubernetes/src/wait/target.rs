//! One object that is waited for.

use relhost_engine::port::Progress;
use relhost_model::call::{AppliedObject, LogLevel, LogLine};
use relhost_model::time::Millis;
use serde_json::Value;

use super::picture::{Known, Picture};
use crate::diagnose::{Diagnosis, Scene, Unready, diagnose, explain};
use crate::status::cause::{Cause, Code};
use crate::status::field::{number, text};
use crate::status::{Readiness, address, binds_later, is_load_balancer, readiness};

/// How long an address is waited for. Clouds take one to three minutes; after that it is usually a quota or
/// a missing right, which does not keep what was deployed from running: so it is a warning and no failure.
pub(super) const ADDRESS_LIMIT: Millis = Millis::from_secs(180);
/// A Deployment that exceeded its deadline before this wait may be about to recover, because what it lacked
/// was deployed just now. Nodes and controllers try again within this time.
const STALE_VERDICT: Millis = Millis::from_secs(60);

/// The reason of an object that could not be read so far.
const UNREAD: &str = "it was not read yet";

/// An object with what was said about it.
pub(super) struct Target<'a> {
    pub(super) applied: &'a AppliedObject,
    said: String,
    warned: bool,
}

/// How an object stands.
#[derive(Debug)]
pub(super) enum Standing {
    /// Nothing is left to wait for.
    Ready {
        /// What a person should know all the same.
        note: Option<String>,
    },
    /// It may still become ready.
    Waiting(Unready),
    /// It will not.
    Failed(Vec<Cause>),
}

impl<'a> Target<'a> {
    pub(super) fn new(applied: &'a AppliedObject) -> Self {
        Self { applied, said: String::new(), warned: false }
    }

    pub(super) fn title(&self) -> String {
        format!("{}/{}", self.applied.kind, self.applied.name)
    }

    /// Judges the object, and says what is new about it.
    pub(super) fn judge(
        &mut self,
        picture: &Picture,
        scene: &Scene<'_>,
        progress: &dyn Progress,
    ) -> Standing {
        let (object, judged) = match picture.known(self.applied) {
            Known::Unread => {
                return self.stands(Readiness::Progressing { reason: UNREAD.into() }, Diagnosis::default());
            }
            Known::There(object) if self.is_another(object) => (None, self.replaced()),
            Known::There(object) => {
                let judged = readiness(object, self.applied);
                if matches!(judged, Readiness::Progressing { .. }) {
                    self.warn_of_deadline(object, picture.timeout, progress);
                }
                (Some(object), self.excused(object, judged, picture, scene))
            }
            Known::Gone(last) => (None, self.gone(last)),
        };
        let diagnosis = match (&judged, object) {
            (Readiness::Ready { .. }, _) | (_, None) => Diagnosis::default(),
            (_, Some(object)) => diagnose(object, self.applied, scene),
        };
        let standing = self.stands(judged, diagnosis);
        self.tell(&standing, object, progress);
        standing
    }

    fn stands(&self, judged: Readiness, diagnosis: Diagnosis) -> Standing {
        match judged {
            Readiness::Ready { note } => Standing::Ready { note },
            Readiness::Failed(verdict) => Standing::Failed(explain(verdict, diagnosis)),
            Readiness::Progressing { .. } if !diagnosis.certain.is_empty() => {
                Standing::Failed(diagnosis.certain.into_iter().chain(diagnosis.suspected).collect())
            }
            Readiness::Progressing { reason } => {
                Standing::Waiting(Unready { object: self.title(), reason, causes: diagnosis.suspected })
            }
        }
    }

    /// The exceptions that need more than the object itself.
    fn excused(&self, object: &Value, judged: Readiness, picture: &Picture, scene: &Scene<'_>) -> Readiness {
        let noted = |note: &str| Readiness::Ready { note: Some(note.to_owned()) };
        let patience = ADDRESS_LIMIT.min(picture.timeout);
        match judged {
            Readiness::Progressing { .. }
                if self.applied.api_version == "v1" && self.applied.kind == "PersistentVolumeClaim" =>
            {
                let events = scene.events_of(text(object, "/metadata/uid")).iter().copied();
                if binds_later(object, events) {
                    noted("its volume is bound when a pod uses it")
                } else {
                    judged
                }
            }
            Readiness::Progressing { .. } if self.is_service(object) && picture.elapsed() >= patience => {
                noted(&format!("no address after {patience}; it is not waited for any longer"))
            }
            Readiness::Failed(cause)
                if cause.code == Code::ProgressDeadline
                    && cause.since < Some(scene.span.started)
                    && picture.elapsed() < STALE_VERDICT =>
            {
                Readiness::Progressing { reason: cause.message }
            }
            judged => judged,
        }
    }

    fn is_service(&self, object: &Value) -> bool {
        self.applied.api_version == "v1" && self.applied.kind == "Service" && is_load_balancer(object)
    }

    /// Whether an object of this name is not the one that was applied.
    fn is_another(&self, object: &Value) -> bool {
        self.applied.uid.as_deref().is_some_and(|uid| uid != text(object, "/metadata/uid"))
    }

    fn replaced(&self) -> Readiness {
        let message = "somebody replaced it by another object of the same name";
        Readiness::Failed(Cause::new(Code::Gone, self.title(), message))
    }

    /// What has an end may be removed after it. Its last state then tells how it ended; where that was not
    /// seen, a Job that removes itself is believed to have finished.
    fn gone(&self, last: Option<&Value>) -> Readiness {
        let failed = |message: &str| Readiness::Failed(Cause::new(Code::Gone, self.title(), message));
        let Some(last) = last else { return failed("it is not there any more") };
        if !matches!(self.applied.kind.as_str(), "Job" | "Pod") {
            return failed("somebody deleted it");
        }
        let mut last = last.clone();
        if let Some(metadata) = last["metadata"].as_object_mut() {
            metadata.remove("deletionTimestamp");
        }
        match readiness(&last, self.applied) {
            Readiness::Progressing { .. } if last.pointer("/spec/ttlSecondsAfterFinished").is_some() => {
                let note = "it removed itself after it had finished; its result was not seen";
                Readiness::Ready { note: Some(note.into()) }
            }
            Readiness::Progressing { .. } => failed("somebody deleted it before it had finished"),
            finished => finished,
        }
    }

    /// A Deployment that has more time than the wait may work after all, and nobody would see it.
    fn warn_of_deadline(&mut self, object: &Value, timeout: Millis, progress: &dyn Progress) {
        let deadline = object.pointer("/spec/progressDeadlineSeconds").and_then(number);
        let Some(seconds) = deadline.and_then(|seconds| u64::try_from(seconds).ok()) else { return };
        if !std::mem::replace(&mut self.warned, true) && Millis::from_secs(seconds) > timeout {
            let title = self.title();
            let line = format!(
                "{title} may take {seconds} s by its progressDeadlineSeconds; it is waited for {timeout}"
            );
            say(progress, LogLevel::Warn, line);
        }
    }

    /// One line for each change. A container that runs and is not ready yet is no news: they all begin so.
    fn tell(&mut self, standing: &Standing, object: Option<&Value>, progress: &dyn Progress) {
        let title = self.title();
        let (level, line) = match standing {
            Standing::Failed(_) => return,
            Standing::Ready { note: Some(note) } => (LogLevel::Warn, format!("{title}: {note}")),
            Standing::Ready { note: None } => match object.filter(|it| self.is_service(it)).and_then(address)
            {
                Some(address) => (LogLevel::Info, format!("{title} has the address {address}")),
                None => (LogLevel::Info, format!("{title} is ready")),
            },
            Standing::Waiting(unready) => match unready.causes.first() {
                Some(cause) if cause.code != Code::NeverReady => {
                    (LogLevel::Warn, format!("{title}: {}; {}", unready.reason, cause.message))
                }
                _ => (LogLevel::Info, format!("{title}: {}", unready.reason)),
            },
        };
        if line != self.said {
            self.said.clone_from(&line);
            say(progress, level, line);
        }
    }
}

/// Tells whoever follows.
pub(super) fn say(progress: &dyn Progress, level: LogLevel, message: String) {
    progress.line(LogLine { level, source: "host".into(), message, fields: Vec::new() });
}
