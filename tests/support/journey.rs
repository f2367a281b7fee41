//! A rehearsed release on its way to production, one process after the other, any of which may be killed.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::time::Duration;

use relhost_engine::event::Event;
use relhost_engine::journal::Record;
use serde_json::{Value, json};

use crate::evidence::Evidence;
use crate::invariants;
use crate::program::{Ended, Place, kill_binary};
use crate::workspace::{component, root};

/// One process of a journey, on a busy machine.
pub const BOUND: Duration = Duration::from_secs(180);

/// The key of every state folder, so that they can share what was compiled.
const KEY: [u8; 32] = [7; 32];

/// Which release.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Course {
    /// What `init` writes: Dev, then Prod after one approval.
    Shop,
    /// The seed pipeline: Dev, QA, Staging, Prod, and three approvals.
    Seed,
    /// One stage that sends five messages, whose outcomes are durable at once, and speaks in between.
    Messages,
    /// One stage that applies once and looks at it five times.
    Looks,
    /// One stage that asks people from its code, then tells somebody.
    Asks,
}

/// One process.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Step {
    /// Creates the release, or attaches to it, and drives it until people are needed.
    Run,
    /// Drives it from there.
    GoOn,
    /// Starts Prod, which nothing starts by itself.
    Promote,
    /// Decides.
    Approve(&'static str, &'static str),
}

/// How a process dies.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Kill {
    /// At a label, when it is reached for that time.
    At(String),
    /// After so much time.
    After(Duration),
}

impl Course {
    /// The processes that take it to the end.
    #[must_use]
    pub fn steps(self) -> &'static [Step] {
        match self {
            Self::Messages | Self::Looks => &[Step::Run],
            Self::Shop => &[Step::Run, Step::Approve("apr-1", "ann"), Step::GoOn],
            Self::Asks => &[Step::Run, Step::Approve("apr-1", "bob"), Step::GoOn],
            Self::Seed => &[
                Step::Run,
                Step::Approve("apr-1", "ann"),
                Step::GoOn,
                Step::Approve("apr-2", "bob"),
                Step::GoOn,
                Step::Promote,
                Step::GoOn,
                Step::Approve("apr-3", "carol"),
                Step::GoOn,
            ],
        }
    }

    fn lay(self, place: &Place) {
        match self {
            Self::Seed => place.copy("pipelines/aks-release", "."),
            _ => drop(place.run(&["init", "."]).expect(0)),
        }
        match self {
            Self::Messages => guest(place, "five-steps", "{ channel: ann }"),
            Self::Looks => guest(place, "five-steps", "{ power: wait, manifests: [manifests] }"),
            Self::Asks => guest(place, "asks", "{ approvers: [bob], notify: ann }"),
            Self::Shop | Self::Seed => {}
        }
        // Without a page a process ends when people are needed.
        place.edit("relhost.yaml", "listen: 127.0.0.1:0\n", "");
    }
}

impl Step {
    /// What is asked of the binary.
    #[must_use]
    pub fn arguments(self) -> Vec<&'static str> {
        match self {
            Self::Run => vec!["run", "pipeline.yaml", "--rehearse", "--key", "one"],
            Self::GoOn => vec!["resume", "rel-1"],
            Self::Promote => vec!["release", "promote", "rel-1", "--stage", "Prod", "--as", "dave"],
            Self::Approve(approval, person) => vec!["approval", "approve", approval, "--as", person],
        }
    }

    /// Whether an exit code says that it did its work: it is done, people are needed, or, for what is asked
    /// again, it happened before.
    #[must_use]
    pub fn is_done(self, code: Option<i32>) -> bool {
        match self {
            Self::Run | Self::GoOn => matches!(code, Some(0 | 10)),
            Self::Approve(..) | Self::Promote => matches!(code, Some(0 | 7)),
        }
    }
}

/// The release in a folder of its own.
pub struct Journey {
    /// Where the binary runs.
    pub place: Place,
    course: Course,
}

impl Journey {
    /// A folder in which nothing has happened yet.
    ///
    /// # Panics
    /// If it cannot be laid out.
    #[must_use]
    pub fn new(course: Course) -> Self {
        let place = Place::with(kill_binary());
        course.lay(&place);
        warm(&place.path().join(".relhost"));
        Self { place, course }
    }

    /// The same folder once more, as it is now: nobody may own it.
    ///
    /// # Panics
    /// If it cannot be copied.
    #[must_use]
    pub fn copy(&self) -> Self {
        let place = Place::with(kill_binary());
        copy_files(self.place.path(), place.path());
        warm(&place.path().join(".relhost"));
        Self { place, course: self.course }
    }

    /// Keeps what lies in the folder for people.
    ///
    /// # Panics
    /// If it cannot be copied.
    pub fn keep(&self, to: &Path) {
        copy_files(self.place.path(), to);
    }

    /// The state folder.
    #[must_use]
    pub fn state(&self) -> PathBuf {
        self.place.path().join(".relhost")
    }

    /// Where the processes write what they reach and do.
    #[must_use]
    pub fn trace(&self) -> PathBuf {
        self.place.path().join("trace")
    }

    /// Runs one process to its end, which may be its death.
    pub fn step(&self, step: Step, kill: Option<&Kill>) -> Ended {
        self.command(&step.arguments(), kill)
    }

    /// Runs any command, with the trace and perhaps a death.
    pub fn command(&self, arguments: &[&str], kill: Option<&Kill>) -> Ended {
        let trace = self.trace();
        let mut environment = vec![("RELHOST_KILL_TRACE", trace.into_os_string())];
        if let Some(Kill::At(point)) = kill {
            environment.push(("RELHOST_KILL", OsString::from(point)));
        }
        let environment: Vec<_> =
            environment.iter().map(|(name, value)| (*name, value.as_os_str())).collect();
        let running = self.place.start(arguments, &environment);
        let ended = match kill {
            Some(Kill::After(span)) => running.end_or_kill(*span),
            _ => running.end(BOUND),
        };
        Ended { arguments: arguments.join(" "), ..ended }
    }

    /// Runs a command that dies at a point; what is left holds every invariant.
    ///
    /// # Panics
    /// If it does not die there, or something does not hold.
    #[track_caller]
    pub fn dies(&self, arguments: &[&str], point: &str) {
        let ended = self.command(arguments, Some(&Kill::At(point.to_owned())));
        assert_eq!(ended.code, None, "{point} was not reached\n{}\n{}", ended.stdout, ended.stderr);
        self.holds(point);
    }

    /// Runs every process that is left, from a step on.
    ///
    /// # Panics
    /// If one of them does not do its work.
    #[track_caller]
    pub fn finish(&self, from: usize) {
        for step in &self.course.steps()[from..] {
            let ended = self.step(*step, None);
            assert!(step.is_done(ended.code), "{step:?}: {:?}\n{}", ended.code, ended.stderr);
        }
        self.holds("at the end");
    }

    /// What lies in the folder now.
    #[must_use]
    pub fn evidence(&self) -> Evidence {
        Evidence::read(&self.state(), &self.trace())
    }

    /// Checks every invariant.
    ///
    /// # Panics
    /// If one does not hold.
    #[track_caller]
    pub fn holds(&self, when: &str) {
        invariants::hold(&self.evidence(), when);
    }

    /// I6: what must be the same however often somebody was killed. Replays every run on the way.
    ///
    /// # Panics
    /// If a run does not replay.
    #[must_use]
    pub fn outcome(&self) -> Value {
        let _same = self.place.run(&["release", "replay", "rel-1"]).expect(0);
        let evidence = self.evidence();
        let finished = evidence.releases.iter().flat_map(|release| &release.events);
        let finished = finished.filter_map(|recorded| match &recorded.event {
            Event::RunFinished { status, summary, outputs, .. } => {
                // How long people took is another time each time.
                let outputs = outputs.iter().filter(|(name, _)| *name != "took").collect::<BTreeMap<_, _>>();
                Some(json!([status, summary, outputs]))
            }
            _ => None,
        });
        let stages = evidence.releases.iter().flat_map(|release| &release.stored.stages);
        let stages = stages.map(|stage| json!([stage.stage, stage.attempt, stage.state, stage.summary]));
        let approvals = evidence.approvals.iter().map(|approval| json!(approval.resolution));
        json!({
            "releases": evidence.releases.len(),
            "stages": stages.collect::<Vec<_>>(),
            "finished": finished.collect::<Vec<_>>(),
            "approvals": approvals.collect::<Vec<_>>(),
            "calls": calls(&evidence),
            "lines": lines(&evidence),
            "applied": evidence.applied,
            "objects": objects(&self.state().join("rehearsal")),
        })
    }
}

/// A pipeline of one guest, with everything granted.
pub fn guest(place: &Place, name: &str, with: &str) {
    guests(
        place,
        &format!("[{{ name: Only, environment: dev, after: release, uses: guest, with: {with} }}]"),
        name,
    );
}

/// A pipeline of stages that all use one guest, with everything granted.
pub fn guests(place: &Place, stages: &str, name: &str) {
    let path = component("guests", name);
    let text = format!(
        "pipeline: guest\nartifacts: [{{ alias: shop, source: {{ directory: ./build-output }} }}]\n\
         plugins: {{ guest: {{ path: {} }}, any-one: {{ bundled: any-one }} }}\nstages: {stages}\n",
        path.display()
    );
    let _pipeline = place.write("pipeline.yaml", &text);
    let allow = "allow: { deploy: {}, await-approval: {}, notify: {} }";
    let grant = format!("grants:\n  - plugin: guest\n    stages: [\"*\"]\n    {allow}\n");
    place.edit("relhost.yaml", "grants:\n", &grant);
}

/// Every call with what it asks for.
fn calls(evidence: &Evidence) -> Vec<Value> {
    let mut calls = Vec::new();
    for run in &evidence.runs {
        for record in run.frames.iter().flat_map(|frame| &frame.records) {
            if let Record::Intent { ordinal, operation, fingerprint, .. } = record {
                // `wait` names the apply by its effect key, which is another one in another run.
                let comparable = !operation.ends_with("#wait");
                let fingerprint = comparable.then_some(fingerprint);
                calls.push(json!([run.stage, ordinal, operation, fingerprint]));
            }
        }
    }
    calls
}

/// What was said, under the call it belongs to. A call that is made again finds what it made before.
fn lines(evidence: &Evidence) -> Vec<Value> {
    let mut lines = BTreeMap::new();
    for run in &evidence.runs {
        for (ordinal, n, line) in run.frames.iter().flat_map(|frame| &frame.logs) {
            let mut text = line.message.clone();
            for word in ["created", "configured", "unchanged"] {
                text = text.replace(word, "applied");
            }
            let _unique = lines.insert((run.id, *ordinal, *n), json!([run.stage, ordinal, n, text]));
        }
    }
    lines.into_values().collect()
}

/// Every object of the rehearsal cluster.
fn objects(folder: &Path) -> BTreeMap<String, String> {
    let mut objects = BTreeMap::new();
    for namespace in std::fs::read_dir(folder).into_iter().flatten().filter_map(Result::ok) {
        for file in std::fs::read_dir(namespace.path()).into_iter().flatten().filter_map(Result::ok) {
            let name = format!("{}/{}", namespace.file_name().display(), file.file_name().display());
            let _unique = objects.insert(name, std::fs::read_to_string(file.path()).expect("read an object"));
        }
    }
    objects
}

/// Files and folders; links and sockets are left out.
fn copy_files(from: &Path, to: &Path) {
    std::fs::create_dir_all(to).expect("make a folder");
    for entry in std::fs::read_dir(from).expect("read a folder").map(|entry| entry.expect("read a folder")) {
        let (kind, target) = (entry.file_type().expect("read a type"), to.join(entry.file_name()));
        if kind.is_dir() {
            copy_files(&entry.path(), &target);
        } else if kind.is_file() {
            let _bytes = std::fs::copy(entry.path(), target).expect("copy a file");
        }
    }
}

/// A state folder whose compiled components are those of every other journey: compiling takes seconds.
fn warm(state: &Path) {
    let cache = root().join("target/kill-points/cache");
    std::fs::create_dir_all(&cache).expect("make the cache");
    std::fs::create_dir_all(state).expect("make the state folder");
    std::fs::write(state.join("key"), KEY).expect("write the key");
    std::os::unix::fs::symlink(cache, state.join("cache")).expect("link the cache");
}
