//! What is wrong with one container of a pod.

use relhost_model::time::Timestamp;
use serde_json::Value;

use super::scene::{Scene, first, is_about, restarts};
use super::{Finding, grace, image, uid};
use crate::status::cause::{Cause, Code};
use crate::status::field::{MESSAGE_CHARS, Seen, list, text, time};
use crate::status::text::one_line;

/// One container with its pod.
pub(super) struct Container<'a> {
    pod: &'a Value,
    /// `container` or `init container`.
    word: &'static str,
    name: &'a str,
    spec: Option<&'a Value>,
    status: &'a Value,
}

impl<'a> Container<'a> {
    /// Those with a status, the ones for initialisation first.
    pub(super) fn all(pod: &'a Value) -> Vec<Self> {
        let of = |statuses: &str, specs: &'static str, word| {
            list(pod, statuses).iter().map(move |status| {
                let name = text(status, "/name");
                let spec = list(pod, specs).iter().find(|spec| spec["name"] == name);
                Self { pod, word, name, spec, status }
            })
        };
        of("/status/initContainerStatuses", "/spec/initContainers", "init container")
            .chain(of("/status/containerStatuses", "/spec/containers", "container"))
            .collect()
    }

    /// Whether it waits for what is around it.
    pub(super) fn is_being_created(&self) -> bool {
        matches!(self.waiting(), "ContainerCreating" | "PodInitializing")
    }

    /// Whether it is ready, or ended well.
    pub(super) fn is_fine(&self) -> bool {
        self.status["ready"].as_bool() == Some(true)
            || self.status.pointer("/state/terminated/exitCode").and_then(Value::as_i64) == Some(0)
    }

    fn waiting(&self) -> &'a str {
        text(self.status, "/state/waiting/reason")
    }

    /// Its image as the manifest names it.
    fn image(&self) -> &'a str {
        self.spec.map_or("", |spec| text(spec, "/image"))
    }

    /// `container `web``.
    fn title(&self) -> String {
        format!("{} `{}`", self.word, self.name)
    }

    fn cause(&self, code: Code, seen: &Seen<'_>, message: &str) -> Cause {
        let mut cause = Cause::new(code, seen.title(), one_line(message, MESSAGE_CHARS));
        cause.container = Some(self.name.to_owned());
        cause.with("reason", self.waiting())
    }

    /// How its last run ended badly, whether it waits, runs again, or is about to be started.
    fn last_end(&self) -> Option<&'a Value> {
        ["/state/terminated", "/lastState/terminated"].iter().find_map(|pointer| self.status.pointer(pointer))
    }

    /// The latest moment at which this container may have begun to wait: containers are started one after
    /// the other, so the start of each other one and the end of its own last run come before.
    fn waits_since(&self) -> Option<Timestamp> {
        let others = ["/status/initContainerStatuses", "/status/containerStatuses"];
        let others = others.into_iter().flat_map(|pointer| list(self.pod, pointer));
        let moments = ["/state/running/startedAt", "/state/terminated/finishedAt"];
        let moments =
            others.flat_map(|status| moments.into_iter().filter_map(|pointer| time(status, pointer)));
        let own = time(self.status, "/lastState/terminated/finishedAt");
        moments.chain(own).chain(time(self.pod, "/status/startTime")).max()
    }

    /// When the node first complained about it, else the latest moment at which it may have begun.
    fn troubled_since(&self, scene: &Scene<'_>) -> Option<Timestamp> {
        let events = scene.events_of(uid(self.pod)).iter();
        let complaints =
            events.filter(|event| text(event, "/type") == "Warning" && is_about(event, self.name));
        complaints.filter_map(|event| first(event)).min().or_else(|| self.waits_since())
    }
}

/// What is wrong with a container that was not given up.
pub(super) fn finding(seen: &Seen<'_>, container: &Container<'_>, scene: &Scene<'_>) -> Option<Finding> {
    match container.waiting() {
        "InvalidImageName" => {
            let cause = container.cause(
                Code::ImageInvalid,
                seen,
                &format!("invalid name of an image: {}", container.image()),
            );
            Some(Finding::after(grace::NONE, cause.since(container.waits_since()), scene.span))
        }
        "ErrImageNeverPull" => {
            let text =
                format!("image not found on the node, and it must not be pulled: {}", container.image());
            let cause = container.cause(Code::ImageNotFound, seen, &text);
            Some(Finding::after(grace::NONE, cause.since(container.waits_since()), scene.span))
        }
        "ErrImagePull" | "ImagePullBackOff" | "ImageInspectError" | "RegistryUnavailable" => {
            Some(unpulled(seen, container, scene))
        }
        "CreateContainerConfigError" | "CreateContainerError" | "RunContainerError" => {
            Some(uncreated(seen, container, scene))
        }
        "" | "CrashLoopBackOff" => {
            crashed(seen, container, scene).or_else(|| unready(seen, container, scene))
        }
        _ if container.is_being_created() => None,
        reason => {
            let message = text(container.status, "/state/waiting/message");
            let text = format!("{} waits: {reason}: {message}", container.title());
            let cause = container.cause(Code::NeverReady, seen, text.trim_end_matches([':', ' ']));
            Some(Finding::suspected(cause))
        }
    }
}

fn unpulled(seen: &Seen<'_>, container: &Container<'_>, scene: &Scene<'_>) -> Finding {
    // While the node waits to try again, its status may only say that it waits; the event says why.
    let failed = scene.latest(uid(container.pod), &["Failed"], |event| {
        is_about(event, container.name) && text(event, "/message").starts_with("Failed to pull")
    });
    let told = match failed {
        Some(event) => text(event, "/message"),
        None => text(container.status, "/state/waiting/message"),
    };
    let (code, text) = image::classified(container.image(), told);
    let cause = container.cause(code, seen, &text).since(container.troubled_since(scene));
    let cause = cause.with("image", container.image()).with("message", one_line(told, MESSAGE_CHARS));
    Finding::after(grace::IMAGE, cause, scene.span)
}

fn uncreated(seen: &Seen<'_>, container: &Container<'_>, scene: &Scene<'_>) -> Finding {
    let message = text(container.status, "/state/waiting/message");
    let absent = message.contains("not found") || message.contains("couldn't find key");
    let since = container.troubled_since(scene);
    if container.waiting() == "CreateContainerConfigError" && absent {
        let text = format!("configuration missing for {}: {message}", container.title());
        let cause = container.cause(Code::ConfigMissing, seen, &text).since(since);
        return Finding::after(grace::CONFIG, cause, scene.span);
    }
    let text = format!("{} cannot be created: {message}", container.title());
    let cause = container.cause(Code::ContainerInvalid, seen, text.trim_end_matches([':', ' '])).since(since);
    let grace =
        if container.waiting() == "CreateContainerConfigError" { grace::CONFIG } else { grace::CONTAINER };
    Finding::after(grace, cause, scene.span)
}

/// A container whose last run ended badly. What has an end of its own (a Job's pod) is judged by its owner.
fn crashed(seen: &Seen<'_>, container: &Container<'_>, scene: &Scene<'_>) -> Option<Finding> {
    let end = container.last_end()?;
    let in_back_off = container.waiting() == "CrashLoopBackOff";
    if container.is_fine() && !in_back_off {
        return None;
    }
    let cause = ended(Code::CrashLoop, seen, container, end);
    let restarted_for_ever = text(container.pod, "/spec/restartPolicy") == "Always";
    if !in_back_off || !restarted_for_ever {
        return Some(Finding::suspected(cause));
    }
    let finished = time(end, "/finishedAt");
    let often = restarts(container.status) >= grace::RESTARTS;
    let span = scene.span;
    if often && finished.is_some_and(|finished| finished >= span.started) {
        return Some(Finding { cause, certain_at: finished });
    }
    let back_off = scene.latest(uid(container.pod), &["BackOff"], |event| is_about(event, container.name));
    let since = back_off.and_then(first).or(finished);
    Some(Finding::after(grace::CRASH, cause.since(since), span))
}

/// A container that ended badly in a pod that is over.
pub(super) fn failed(code: Code, seen: &Seen<'_>, container: &Container<'_>) -> Option<Cause> {
    let end = container.last_end()?;
    (end["exitCode"].as_i64() != Some(0)).then(|| ended(code, seen, container, end))
}

fn ended(code: Code, seen: &Seen<'_>, container: &Container<'_>, end: &Value) -> Cause {
    let (reason, message) = (text(end, "/reason"), text(end, "/message"));
    let exit_code = end["exitCode"].as_i64().unwrap_or_default();
    let title = container.title();
    let unstartable = matches!(reason, "StartError" | "ContainerCannotRun");
    let (code, sentence) = match exit_code {
        _ if reason == "OOMKilled" => {
            let limit = container.spec.map_or("", |spec| text(spec, "/resources/limits/memory"));
            let limit = if limit.is_empty() { String::new() } else { format!(" (limit {limit})") };
            (Code::OutOfMemory, format!("{title} ran out of memory{limit}"))
        }
        _ if unstartable => (code, format!("{title} cannot be started: {message}")),
        0 => (code, format!("{title} ended with exit code 0, and it should keep running")),
        _ if code == Code::CrashLoop => (code, format!("{title} crashed: exit code {exit_code}")),
        _ => (code, format!("{title} failed: exit code {exit_code}")),
    };
    let mut cause = container.cause(code, seen, &sentence).since(time(end, "/finishedAt"));
    // `Error` says no more than the exit code does.
    if reason != "Error" {
        cause.add("reason", reason.to_owned());
    }
    cause.add("exit-code", exit_code.to_string());
    if !unstartable {
        cause.add("termination-message", one_line(message, MESSAGE_CHARS));
    }
    match restarts(container.status) {
        0 => cause,
        count => cause.with("restarts", count.to_string()),
    }
}

/// A container that runs and is not ready. Nothing but the time limit decides that it never will be.
fn unready(seen: &Seen<'_>, container: &Container<'_>, scene: &Scene<'_>) -> Option<Finding> {
    let running = container.status.pointer("/state/running")?;
    if container.is_fine() || seen.applied.kind == "Job" {
        return None;
    }
    let probe = scene.latest(uid(container.pod), &["Unhealthy"], |event| {
        text(event, "/involvedObject/fieldPath").is_empty() || is_about(event, container.name)
    });
    let sentence = match (probe, container.word) {
        (Some(probe), _) => format!("{} is not ready: {}", container.title(), text(probe, "/message")),
        (None, "init container") => format!("{} has not ended yet", container.title()),
        (None, _) => format!("{} runs and is not ready", container.title()),
    };
    let since = time(running, "/startedAt");
    Some(Finding::suspected(container.cause(Code::NeverReady, seen, &sentence).since(since)))
}
