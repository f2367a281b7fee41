//! From a vote to the next effect of a run that was suspended: the vote's commit, the claim, the replay in a
//! fresh instance, the commit of the intent, and then the effect. It is seen from outside, as the object that
//! appears in the rehearsal cluster.

use std::mem::MaybeUninit;
use std::os::fd::OwnedFd;
use std::path::Path;
use std::process::Command;
use std::time::{Duration, Instant};

use anyhow::{Context as _, ensure};
use relhost_tests::workspace::component;
use rustix::fs::inotify;
use serde_json::json;

use crate::owner::Owner;
use crate::peer::{Part, Peer};
use crate::process::binary;
use crate::quick;
use crate::report::{Goal, Row, Unit};

pub const ABOUT: &str = "From the vote, posted to the socket of `relhost serve --rehearse`, until the object that the \
    run applies after it is in the rehearsal cluster. The run has no instance while it waits, and the message that asks \
    has left. The peers: Restate from the resolution of an awakeable, posted to its ingress, on a run that it reports \
    as suspended; DBOS from `send`, whose run stays in memory; both until the next step starts.";

/// Nobody votes before the message that asks has left; and the peers, too, are asked only once their run is suspended.
const REST: Duration = Duration::from_millis(50);
/// Two manifests of one object, so that each release changes what the one before has applied.
const MANIFESTS: usize = 2;
/// The file of that object.
const OBJECT: &str = "ConfigMap.object.json";
/// How often it is measured, after one that warms up.
const TIMES: usize = 100;
/// The same of the peers; one of them looks once in a second.
const PEER_TIMES: usize = 60;
const PEER_TIMES_SLOW: usize = 20;

pub fn measure() -> anyhow::Result<Vec<Row>> {
    let folder = tempfile::tempdir()?;
    write_files(folder.path())?;
    let state = folder.path().join("state");
    let mut command = Command::new(binary()?);
    command.args(["serve", "--rehearse", "--no-input"]).current_dir(folder.path());
    let owner = Owner::start(command, &state)?;
    // The folder of the objects is there once something was applied.
    once(&owner, folder.path(), 0, || Ok(()))?;
    let objects = Watch::open(&state.join("rehearsal/live"))?;
    let mut times = Vec::new();
    for n in 1..=quick::times(TIMES) {
        times.push(once(&owner, folder.path(), n, || objects.wait_for(OBJECT))?);
    }
    let what = "approval to the next effect of a suspended run";
    let mut ours = Row::times(what, Goal::Value(5.0), Unit::Millis, &times);
    let mut late = ours.p99(format!("{what}, p99"), Goal::Value(20.0));
    let mut peers = Vec::new();
    for (peer, times) in [(Peer::Restate, PEER_TIMES), (Peer::Dbos, PEER_TIMES_SLOW)] {
        match peer.measure(Part::Approval, quick::times(times)) {
            Ok(seen) => {
                let row =
                    Row::times(format!("{what}: {}", seen.title), Goal::None, Unit::Millis, &seen.times);
                let late_peer = row.p99(format!("{what}, p99: {}", peer.name()), Goal::None);
                (ours, late) = (ours.beside(peer.name(), &row), late.beside(peer.name(), &late_peer));
                peers.extend([row, late_peer]);
            }
            Err(error) => peers.push(Row::missing(format!("{what}: {}", peer.name()), format!("{error:#}"))),
        }
    }
    Ok([ours, late].into_iter().chain(peers).collect())
}

/// One release, from its vote until `seen` returns.
fn once(
    owner: &Owner,
    folder: &Path,
    n: usize,
    seen: impl FnOnce() -> anyhow::Result<()>,
) -> anyhow::Result<Duration> {
    let create = json!({ "create": {
        "pipeline": folder.join("pipeline.yaml"), "artifacts": [], "plugins": [],
        "variables": { "n": (n % MANIFESTS).to_string() }, "mode": "rehearsal", "key": null, "new": true,
    }});
    let release = owner.ask(None, &create)?["created"]["release"]["id"].clone();
    let mut events = 0;
    let open = owner.wait_for_approval(&release, &mut events)?.context("the release waits for somebody")?;
    std::thread::sleep(REST);
    let started = Instant::now();
    owner.approve(&open)?;
    seen()?;
    let took = started.elapsed();
    ensure!(owner.wait_for_approval(&release, &mut events)?.is_none(), "the release is over");
    Ok(took)
}

fn write_files(folder: &Path) -> anyhow::Result<()> {
    std::fs::copy(component("guests", "gate"), folder.join("gate.wasm"))?;
    std::fs::copy(component("bundled", "any-one"), folder.join("any-one.wasm"))?;
    let app = folder.join("app");
    std::fs::create_dir(&app)?;
    for n in 0..MANIFESTS {
        let object = json!({
            "apiVersion": "v1", "kind": "ConfigMap", "metadata": { "name": "object" },
            "data": { "n": n.to_string() },
        });
        std::fs::write(app.join(format!("{n}.yaml")), object.to_string())?;
    }
    std::fs::write(
        folder.join("pipeline.yaml"),
        "pipeline: gate\n\
         artifacts: [{ alias: app, source: { directory: ./app } }]\n\
         variables: { n: \"0\" }\n\
         plugins: { gate: { path: gate.wasm }, any-one: { path: any-one.wasm } }\n\
         stages:\n  - name: Live\n    environment: live\n    uses: gate\n\
         \x20   with: { approvers: [ann], manifests: [$(n).yaml] }\n",
    )?;
    std::fs::write(
        folder.join("relhost.yaml"),
        "state: state\n\
         people: { ann: { mail: ann@example.com } }\n\
         environments: { live: { namespace: live } }\n\
         grants:\n  - { plugin: gate, stages: [Live], allow: { deploy: { kinds: [ConfigMap] }, await-approval: {} } }\n",
    )?;
    Ok(())
}

/// Tells when a file gets its name in a folder.
struct Watch(OwnedFd);

impl Watch {
    fn open(folder: &Path) -> anyhow::Result<Self> {
        let watch = inotify::init(inotify::CreateFlags::CLOEXEC)?;
        inotify::add_watch(&watch, folder, inotify::WatchFlags::MOVED_TO)
            .with_context(|| format!("watch {}", folder.display()))?;
        Ok(Self(watch))
    }

    fn wait_for(&self, name: &str) -> anyhow::Result<()> {
        let mut buffer = [MaybeUninit::uninit(); 4096];
        let mut reader = inotify::Reader::new(&self.0, &mut buffer);
        loop {
            let event = reader.next()?;
            if event.file_name().is_some_and(|found| found.to_bytes() == name.as_bytes()) {
                return Ok(());
            }
        }
    }
}
