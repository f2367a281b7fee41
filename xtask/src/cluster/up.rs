//! Starting a control plane: first the store and the API, then all that are clients of it.

use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context as _, Result};
use serde_json::{Map, Value, json};

use super::certificates::{self, ADMIN, CA};
use super::kubectl::Kubectl;
use super::kwok;
use super::launch::{Launch, Ports};
use super::layout::Layout;
use super::ports;
use super::programs::{Program, Programs};
use super::running::Running;
use crate::place::{Place, write};
use crate::say::{say, step};

/// A busy machine may need many times the four seconds that a quiet one does.
const READY_LIMIT: Duration = Duration::from_secs(120);

/// A control plane that is up.
pub struct Up {
    /// The `cluster.json`.
    pub summary: PathBuf,
    /// Whether it was started now, as opposed to found.
    pub started: bool,
}

/// Starts the cluster, or finds it running and well.
///
/// # Errors
/// If a program cannot be had or does not become ready. Nothing is left running then.
pub fn up(place: &Place, layout: &Layout) -> Result<Up> {
    let _lock = layout.lock()?;
    let data = place.cluster_data();
    let programs = step("find the programs of the control plane", || Programs::find(place))?;
    let kubectl = Kubectl::new(&programs, layout);
    let stages = kwok::configuration(&data)?;
    let summary = layout.summary();

    let old = Running::load(layout)?;
    // A cluster with other stages would let pods live otherwise than the files say.
    let same = std::fs::read_to_string(layout.stages()).is_ok_and(|text| text == stages);
    if summary.exists() && same && old.all_alive() && kubectl.ready() {
        return Ok(Up { summary, started: false });
    }
    if old.stop()? > 0 {
        say("    ended an earlier control plane that was not complete or not the same");
    }

    layout.clear()?;
    write(&layout.stages(), stages)?;
    let mut running = Running::load(layout)?;
    let begun = step("start the control plane", || begin(&mut running, layout, &programs, &kubectl, &data));
    if let Err(error) = begun {
        running.stop().context("the control plane did not start, and could not be ended either")?;
        return Err(error);
    }
    Ok(Up { summary, started: true })
}

fn begin(
    running: &mut Running<'_>,
    layout: &Layout,
    programs: &Programs,
    kubectl: &Kubectl,
    data: &Path,
) -> Result<()> {
    let [etcd, etcd_peer, apiserver, controllers, scheduler, kwok] = ports::free()?;
    let ports = Ports { etcd, etcd_peer, apiserver, controllers, scheduler, kwok };
    let server = format!("https://127.0.0.1:{apiserver}");
    certificates::create(layout, &server)?;
    let launch = Launch { layout, programs, ports: &ports, data };

    step("etcd and kube-apiserver", || {
        running.start(Program::Etcd.name(), launch.etcd(), vec![etcd, etcd_peer])?;
        running.start(Program::KubeApiserver.name(), launch.apiserver(), vec![apiserver])?;
        running.wait_for(Program::KubeApiserver.name(), READY_LIMIT, || kubectl.ready())
    })?;
    step("kube-controller-manager, kube-scheduler and KWOK with three nodes", || {
        running.start(Program::KubeControllerManager.name(), launch.controllers(), vec![controllers])?;
        running.start(Program::KubeScheduler.name(), launch.scheduler(), vec![scheduler])?;
        populate(running, kubectl, data)?;
        running.start(Program::Kwok.name(), launch.kwok(), vec![kwok])?;
        probe(running, kubectl)
    })?;
    write(&layout.summary(), format!("{:#}\n", summary(layout, programs, &server)))
}

/// KWOK must find the kind of object that it is told to watch.
fn populate(running: &Running<'_>, kubectl: &Kubectl, data: &Path) -> Result<()> {
    kubectl.create(&data.join("nodes.yaml"))?;
    kubectl.create(&data.join("logs-crd.yaml"))?;
    let served = ["get", "logs.kwok.x-k8s.io", "--all-namespaces"];
    running.wait_for(Program::KubeApiserver.name(), READY_LIMIT, || kubectl.run(&served).is_ok())
}

/// Ready means that a pod is admitted, scheduled and run: so one is. It also takes the first address: KWOK
/// gives that one twice when its first two pods start at the same moment.
fn probe(running: &Running<'_>, kubectl: &Kubectl) -> Result<()> {
    let untainted = ["get", "nodes", "-o", "jsonpath={.items[*].spec.taints}"];
    running.wait_for(Program::Kwok.name(), READY_LIMIT, || {
        kubectl.run(&untainted).is_ok_and(|taints| taints.is_empty())
    })?;
    // A pod is not admitted before the controllers have made the account that it runs as.
    running.wait_for(Program::KubeControllerManager.name(), READY_LIMIT, || {
        kubectl.run(&["run", "probe", "--image=probe"]).is_ok()
    })?;
    let phase = ["get", "pod", "probe", "-o", "jsonpath={.status.phase}"];
    running.wait_for(Program::Kwok.name(), READY_LIMIT, || {
        kubectl.run(&phase).is_ok_and(|phase| phase == "Running")
    })?;
    kubectl.run(&["delete", "pod", "probe", "--wait=false"]).map(drop)
}

/// What tests need to know.
fn summary(layout: &Layout, programs: &Programs, server: &str) -> Value {
    let versions: Map<String, Value> =
        programs.versions().map(|(name, version)| (name.to_owned(), version.into())).collect();
    json!({
        "server": server,
        "ca": layout.certificate(CA),
        "kubeconfig": layout.kubeconfig(ADMIN.user),
        "audit_log": layout.audit_log(),
        "kubectl": programs.path(Program::Kubectl),
        "versions": versions,
    })
}
