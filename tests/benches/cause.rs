//! How long it takes until somebody is told why a rollout hangs.

use std::io::{BufRead as _, BufReader};
use std::process::{Child, Command, Stdio};
use std::sync::mpsc;
use std::time::{Duration, Instant};

use anyhow::Context as _;
use relhost_tests::manifest;

use crate::apply::helm;
use crate::control_plane::{ControlPlane, Project, done};
use crate::report::{Goal, Row, Unit};

pub const ABOUT: &str = "A Deployment whose image is not there. Each program starts with the namespace empty and runs \
    until it says the image, or for 90 seconds: `relhost run`, `kubectl apply` and `kubectl rollout status`, `helm \
    install --wait`. The time counts from the program's start; ours gives a registry 60 s before it calls the failure \
    certain, so its row counts what it needs longer than that. All of them run at the same time.";

/// What is looked for in what they say.
const IMAGE: &str = "registry.example/nowhere:1";
/// An image that is missing may be replicated still: `IMAGE` of `host/kubernetes/src/diagnose/grace.rs`.
const GRACE: Duration = Duration::from_secs(60);
const LIMIT: Duration = Duration::from_secs(90);

pub fn measure() -> anyhow::Result<Vec<Row>> {
    let plane = match ControlPlane::find() {
        Ok(plane) => plane,
        Err(error) => return Ok(vec![Row::missing("cause of a failure", format!("{error:#}"))]),
    };
    let text = manifest::deployment("app", IMAGE, 1, "image-pull");
    let folder = tempfile::tempdir()?;
    let file = folder.path().join("app.yaml");
    std::fs::write(&file, &text)?;
    let kubeconfig = plane.kubeconfig_at(plane.address, folder.path())?;
    let (ours, theirs, third) = (plane.namespace()?, plane.namespace()?, plane.namespace()?);

    let project = Project::new(&text, true)?;
    let relhost = Talker::start(project.run(&kubeconfig, &ours.name, true)?)?;
    done(plane.kubectl(&kubeconfig).args(["apply", "--namespace", &theirs.name, "-f"]).arg(&file))?;
    let mut status = plane.kubectl(&kubeconfig);
    status.args(["rollout", "status", "deployment/app", "--timeout=90s", "--namespace", &theirs.name]);
    let status = Talker::start(status)?;
    let helm = install(folder.path(), &kubeconfig, &third.name, &text).and_then(Talker::start);

    let row = match relhost.says(IMAGE) {
        Some(after) => {
            let late = after.saturating_sub(GRACE);
            Row::times("cause shown after the grace: relhost", Goal::Value(1.0), Unit::Seconds, &[late])
        }
        None => Row::missing("cause shown after the grace: relhost", never()),
    };
    let status = told("cause shown after the start: kubectl rollout status", status.says(IMAGE));
    let helm = match helm {
        Ok(helm) => told("cause shown after the start: helm --wait", helm.says(IMAGE)),
        Err(error) => Row::missing("cause shown after the start: helm --wait", format!("{error:#}")),
    };
    Ok(vec![row, status, helm])
}

fn told(what: &str, after: Option<Duration>) -> Row {
    match after {
        Some(after) => Row::times(what, Goal::None, Unit::Seconds, &[after]),
        None => Row::missing(what, never()),
    }
}

fn never() -> String {
    format!("not within {} s", LIMIT.as_secs())
}

fn install(
    folder: &std::path::Path,
    kubeconfig: &std::path::Path,
    namespace: &str,
    text: &str,
) -> anyhow::Result<Command> {
    let chart = folder.join("chart");
    std::fs::create_dir_all(chart.join("templates"))?;
    std::fs::write(chart.join("templates/app.yaml"), text)?;
    std::fs::write(chart.join("Chart.yaml"), "apiVersion: v2\nname: bench\nversion: 1.0.0\n")?;
    let mut command = helm(folder, kubeconfig)?;
    command.args(["install", "bench", "--wait", "--timeout", "90s", "--namespace", namespace]).arg(chart);
    Ok(command)
}

/// A program whose lines are read as they come. Dropped, it is ended.
struct Talker {
    child: Child,
    started: Instant,
    lines: mpsc::Receiver<(Instant, String)>,
}

impl Talker {
    fn start(mut command: Command) -> anyhow::Result<Self> {
        let started = Instant::now();
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn().with_context(|| format!("start {command:?}"))?;
        let (sender, lines) = mpsc::channel();
        read(child.stdout.take().context("stdout is piped")?, sender.clone())?;
        read(child.stderr.take().context("stderr is piped")?, sender)?;
        Ok(Self { child, started, lines })
    }

    /// When it says something, counted from its start; `None` if it ends or the time is up without it.
    fn says(&self, what: &str) -> Option<Duration> {
        loop {
            let left = LIMIT.saturating_sub(self.started.elapsed());
            // What was said before the limit is read even if that is after it.
            let (at, line) = self.lines.recv_timeout(left.max(Duration::from_millis(1))).ok()?;
            if line.contains(what) && says_why(&line) {
                return Some(at - self.started);
            }
        }
    }
}

/// A line that repeats the manifest's image without saying that it is the trouble is no cause.
fn says_why(line: &str) -> bool {
    let line = line.to_lowercase();
    ["pull", "not found", "no such", "cannot be"].iter().any(|word| line.contains(word))
}

impl Drop for Talker {
    fn drop(&mut self) {
        let _ended = self.child.kill();
        let _reaped = self.child.wait();
    }
}

fn read(
    pipe: impl std::io::Read + Send + 'static,
    sender: mpsc::Sender<(Instant, String)>,
) -> anyhow::Result<()> {
    std::thread::Builder::new().name("read".into()).spawn(move || {
        for line in BufReader::new(pipe).lines().map_while(Result::ok) {
            if sender.send((Instant::now(), line)).is_err() {
                break;
            }
        }
    })?;
    Ok(())
}
