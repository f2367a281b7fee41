//! Waits until what was applied is ready.
//!
//! All objects are waited for at once, in one future: nothing is started that could outlive it. Whatever is
//! read goes into a picture of the namespace, and after each change every object is judged anew by
//! [`status`](crate::status) and [`diagnose`](crate::diagnose).

mod feed;
mod log;
mod outcome;
mod picture;
mod target;

use std::collections::BTreeMap;
use std::time::Duration;

use futures::stream::{StreamExt as _, select_all};
use relhost_engine::port::Progress;
use relhost_engine::port::cluster::WaitRequest;
use relhost_model::call::{CallError, LogLevel, Rollout};
use tokio::time::{Instant, sleep, sleep_until, timeout};

use crate::client::{ApiError, Connection, Kind, List};
use crate::diagnose::{Unready, failed, timed_out};
use crate::status::cause::Cause;
use crate::status::has_no_status;
use feed::Update;
use picture::Picture;
use target::{Standing, Target, say};

pub(crate) use feed::{Source, around};

/// How often is judged without news: a grace runs out by itself.
const TICK: Duration = Duration::from_secs(1);
/// Updates that are taken in before the objects are judged again.
const AT_ONCE: usize = 256;
/// Everything is ready by then; the images may as well be told as they were seen last.
const LAST_LOOK: Duration = Duration::from_secs(5);

/// Waits until the objects are ready, or until the cause of a failure is certain.
///
/// # Errors
/// The root cause with its evidence; or, when the time is up, what is not ready and why; or why the cluster
/// cannot be read.
pub async fn rollout(
    connection: &Connection,
    request: &WaitRequest,
    progress: &dyn Progress,
) -> Result<Rollout, CallError> {
    let targets: Vec<Target<'_>> =
        request.objects.iter().filter(|object| !has_no_status(object)).map(Target::new).collect();
    if targets.is_empty() {
        return Ok(Rollout::default());
    }
    let picture = Picture::new(request.timeout);
    Wait { connection, request, progress, targets, picture, unread: BTreeMap::new() }.run().await
}

struct Wait<'a> {
    connection: &'a Connection,
    request: &'a WaitRequest,
    progress: &'a dyn Progress,
    targets: Vec<Target<'a>>,
    picture: Picture,
    /// Kinds that cannot be read at the moment, and why.
    unread: BTreeMap<Source, ApiError>,
}

/// How all objects stand together.
enum Verdict {
    /// With what a person should know all the same.
    Ready(Vec<String>),
    Waiting(Vec<Unready>),
    /// The root cause first.
    Failed(Vec<Cause>),
}

impl Wait<'_> {
    async fn run(mut self) -> Result<Rollout, CallError> {
        let deadline = Instant::now() + self.request.timeout.to_std();
        let sources = feed::sources(&self.request.objects).into_iter();
        let feeds = sources.map(|(source, fields)| feed::follow(self.connection, source, fields));
        let mut updates = select_all(feeds).ready_chunks(AT_ONCE);
        loop {
            tokio::select! {
                Some(batch) = updates.next() => {
                    for update in batch {
                        self.take(update)?;
                    }
                }
                () = sleep(TICK) => {}
                () = sleep_until(deadline) => {}
            }
            match self.judge() {
                Verdict::Ready(notes) => return Ok(self.finished(notes).await),
                Verdict::Failed(causes) => return Err(self.failed(causes).await),
                Verdict::Waiting(unready) if Instant::now() >= deadline => {
                    return Err(self.timed_out(unready).await);
                }
                Verdict::Waiting(_) => {}
            }
        }
    }

    /// Takes in what was read. What cannot be read is waited for like everything else, unless the server
    /// refuses to show the very objects.
    fn take(&mut self, update: Update) -> Result<(), CallError> {
        match &update {
            Update::Listed(source, _) => {
                if self.unread.remove(source).is_some() {
                    say(self.progress, LogLevel::Info, format!("{} can be read again", source.title()));
                }
            }
            Update::Changed(..) => {}
            Update::Unwatched(source, error) => {
                let text = format!("{} is listed every few seconds, because {error}", source.title());
                say(self.progress, LogLevel::Warn, text);
            }
            Update::Failed(source, error) => self.unreadable(source, error)?,
        }
        self.picture.take(update);
        Ok(())
    }

    fn unreadable(&mut self, source: &Source, error: &ApiError) -> Result<(), CallError> {
        let asked = self.targets.iter().find(|target| Source::of(target.applied) == *source);
        let passes = feed::passes(error);
        if let (Some(target), false) = (asked, passes) {
            return Err(error.at(self.connection.cluster(), &format!("wait for {}", target.title())));
        }
        if self.unread.insert(source.clone(), error.clone()).is_none() {
            let text = match asked {
                Some(_) => format!("{} cannot be read at the moment: {error}", source.title()),
                None => {
                    format!("{} cannot be read, so a failure is explained less well: {error}", source.title())
                }
            };
            say(self.progress, LogLevel::Warn, text);
        }
        Ok(())
    }

    fn judge(&mut self) -> Verdict {
        let scene = self.picture.scene();
        let (mut notes, mut unready, mut roots, mut further) = (vec![], vec![], vec![], vec![]);
        for target in &mut self.targets {
            match target.judge(&self.picture, &scene, self.progress) {
                Standing::Ready { note } => {
                    notes.extend(note.map(|note| format!("{}: {note}", target.title())));
                }
                Standing::Waiting(object) => unready.push(object),
                Standing::Failed(causes) => {
                    let mut causes = causes.into_iter();
                    roots.extend(causes.next());
                    further.extend(causes);
                }
            }
        }
        if !roots.is_empty() {
            roots.sort_by_key(|cause| cause.code);
            further.sort_by_key(|cause| cause.code);
            roots.extend(further);
            return Verdict::Failed(roots);
        }
        if unready.is_empty() { Verdict::Ready(notes) } else { Verdict::Waiting(unready) }
    }

    async fn failed(&self, mut causes: Vec<Cause>) -> CallError {
        log::add(self.connection, causes.iter_mut().collect()).await;
        failed(&causes)
    }

    async fn timed_out(&self, mut unready: Vec<Unready>) -> CallError {
        for (target, error) in self
            .targets
            .iter()
            .filter_map(|target| Some((target, self.unread.get(&Source::of(target.applied))?)))
        {
            let title = target.title();
            for object in unready.iter_mut().filter(|object| object.object == title) {
                object.reason = format!("it cannot be read: {error}");
            }
        }
        let mut causes: Vec<&mut Cause> = unready.iter_mut().flat_map(|object| &mut object.causes).collect();
        causes.sort_by_key(|cause| cause.code);
        log::add(self.connection, causes).await;
        timed_out(self.request.timeout, &unready)
    }

    /// The pods are read once more: the news of a workload comes before the news of its pods.
    async fn finished(mut self, warnings: Vec<String>) -> Rollout {
        let read = feed::sources(&self.request.objects);
        for (api_version, kind, plural) in [("apps/v1", "ReplicaSet", "replicasets"), ("v1", "Pod", "pods")] {
            let source = Source::new(api_version, kind);
            if !read.contains_key(&source) {
                continue;
            }
            let kind = Kind::builtin(api_version, kind, plural);
            let everything = List::default();
            let look = timeout(LAST_LOOK, self.connection.snapshot(&kind, &everything)).await;
            match look {
                Ok(Ok(snapshot)) => self.picture.take(Update::Listed(source, snapshot)),
                Ok(Err(error)) => {
                    tracing::info!(kind = %source.kind, %error, "images as they were seen last")
                }
                Err(_) => tracing::info!(kind = %source.kind, "images as they were seen last"),
            }
        }
        Rollout {
            addresses: outcome::addresses(&self.request.objects, &self.picture),
            images: outcome::images(&self.request.objects, &self.picture, &self.picture.scene()),
            warnings,
        }
    }
}

#[cfg(test)]
mod tests;
