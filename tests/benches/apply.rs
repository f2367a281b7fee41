//! Applying many objects to a real control plane, beside kubectl and Helm.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

use relhost_tests::manifest;

use crate::control_plane::{ControlPlane, Namespace, Project, done};
use crate::delay::Delay;
use crate::peer::tool;
use crate::quick;
use crate::report::{Goal, Row, Unit};

pub const ABOUT: &str = "Of the objects 70 % are ConfigMaps, 20 % Services and 10 % Deployments. Each program applies \
    them to a namespace of its own (cold) and then once more (unchanged); its time is that of its process: `relhost run \
    pipeline.yaml --new`, with `dry-run: false` in the cluster connection where the row says so, `kubectl apply \
    --server-side -f FOLDER`, `helm upgrade --install`. All of them are the cluster's administrator. The latency is \
    added by a TCP proxy through which all of them go.";

const DELAYS: [Duration; 2] = [Duration::ZERO, Duration::from_millis(20)];
/// Objects, and how often they are applied; Helm, which needs the longest, that often.
const SIZES: [(u32, usize, usize); 2] = [(100, 3, 2), (1000, 2, 1)];

/// What applies.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Tool {
    Kubectl,
    Helm,
    Relhost { dry_run: bool },
}

/// In the order in which they are measured.
const TOOLS: [Tool; 4] =
    [Tool::Kubectl, Tool::Relhost { dry_run: true }, Tool::Relhost { dry_run: false }, Tool::Helm];

impl Tool {
    fn title(self, plane: &ControlPlane) -> String {
        match self {
            Self::Kubectl => format!("kubectl {} --server-side", plane.version("kubectl")),
            Self::Helm => "helm 3".into(),
            Self::Relhost { dry_run: true } => "relhost, everything dry-run first".into(),
            Self::Relhost { dry_run: false } => "relhost, without a dry run".into(),
        }
    }

    fn goal(self, delay: Duration) -> Goal {
        match self {
            Self::Kubectl | Self::Helm => Goal::None,
            Self::Relhost { .. } if !delay.is_zero() => Goal::Part(0.1),
            Self::Relhost { dry_run: true } => Goal::Part(1.2),
            Self::Relhost { dry_run: false } => Goal::Part(0.6),
        }
    }
}

pub fn measure() -> anyhow::Result<Vec<Row>> {
    let plane = match ControlPlane::find() {
        Ok(plane) => plane,
        Err(error) => return Ok(vec![Row::missing("apply", format!("{error:#}"))]),
    };
    let mut rows = Vec::new();
    for (size, times, times_helm) in SIZES {
        let (size, times, times_helm) = (quick::of(size), quick::times(times), quick::times(times_helm));
        let objects = Objects::new(size)?;
        for delay in DELAYS {
            let way = Delay::to(plane.address, delay)?;
            let kubeconfig = plane.kubeconfig_at(way.address, objects.folder.path())?;
            let what = format!("{size} objects, {} ms", delay.as_millis());
            let mut done: Vec<(Tool, Result<[Row; 2], String>)> = Vec::new();
            for tool in TOOLS {
                let times = if tool == Tool::Helm { times_helm } else { times };
                let seen = objects.applied(&plane, tool, &kubeconfig, times);
                let title = tool.title(&plane);
                let rows = seen.map(|seen| {
                    ["cold", "unchanged"].map(|state| {
                        let times = if state == "cold" { &seen.0 } else { &seen.1 };
                        Row::times(
                            format!("{what}, {state}: {title}"),
                            tool.goal(delay),
                            Unit::Seconds,
                            times,
                        )
                    })
                });
                done.push((tool, rows.map_err(|error| format!("{error:#}"))));
            }
            rows.extend(ordered(&plane, &what, done));
        }
    }
    Ok(rows)
}

/// Cold rows, then unchanged ones; ours beside the others.
fn ordered(plane: &ControlPlane, what: &str, done: Vec<(Tool, Result<[Row; 2], String>)>) -> Vec<Row> {
    let mut rows = Vec::new();
    for (index, state) in ["cold", "unchanged"].into_iter().enumerate() {
        let peers: Vec<(&str, &Row)> = [(Tool::Kubectl, "kubectl"), (Tool::Helm, "helm")]
            .into_iter()
            .filter_map(|(tool, name)| {
                let found = done.iter().find(|(done, _)| *done == tool)?;
                Some((name, &found.1.as_ref().ok()?[index]))
            })
            .collect();
        for (tool, seen) in &done {
            rows.push(match seen {
                Err(why) => Row::missing(format!("{what}, {state}: {}", tool.title(plane)), why),
                Ok(seen) if matches!(tool, Tool::Relhost { .. }) => {
                    peers.iter().fold(seen[index].clone(), |row, (name, peer)| row.beside(name, peer))
                }
                Ok(seen) => seen[index].clone(),
            });
        }
    }
    rows
}

/// The same objects in the form that each program wants.
struct Objects {
    folder: tempfile::TempDir,
    project: Project,
}

impl Objects {
    fn new(count: u32) -> anyhow::Result<Self> {
        let folder = tempfile::tempdir()?;
        let manifest = manifest(count);
        for place in ["plain", "chart/templates"] {
            std::fs::create_dir_all(folder.path().join(place))?;
            std::fs::write(folder.path().join(place).join("all.yaml"), &manifest)?;
        }
        std::fs::write(
            folder.path().join("chart/Chart.yaml"),
            "apiVersion: v2\nname: bench\nversion: 1.0.0\n",
        )?;
        let project = Project::new(&manifest, false)?;
        Ok(Self { folder, project })
    }

    /// The times of cold and of unchanged applies.
    fn applied(
        &self,
        plane: &ControlPlane,
        tool: Tool,
        kubeconfig: &Path,
        times: usize,
    ) -> anyhow::Result<(Vec<Duration>, Vec<Duration>)> {
        let (mut cold, mut unchanged) = (Vec::new(), Vec::new());
        for _ in 0..times {
            let namespace = plane.namespace()?;
            for seen in [&mut cold, &mut unchanged] {
                let mut command = self.command(plane, tool, kubeconfig, &namespace)?;
                let started = Instant::now();
                done(&mut command)?;
                seen.push(started.elapsed());
                namespace.rest()?;
            }
        }
        Ok((cold, unchanged))
    }

    fn command(
        &self,
        plane: &ControlPlane,
        tool: Tool,
        kubeconfig: &Path,
        namespace: &Namespace<'_>,
    ) -> anyhow::Result<Command> {
        let folder = self.folder.path();
        match tool {
            Tool::Relhost { dry_run } => self.project.run(kubeconfig, &namespace.name, dry_run),
            Tool::Kubectl => {
                let mut command = plane.kubectl(kubeconfig);
                command.args(["apply", "--server-side", "--namespace", &namespace.name, "-f"]);
                command.arg(folder.join("plain"));
                Ok(command)
            }
            Tool::Helm => {
                let mut command = helm(folder, kubeconfig)?;
                command.args(["upgrade", "--install", "bench", "--namespace", &namespace.name]);
                command.arg(folder.join("chart"));
                Ok(command)
            }
        }
    }
}

/// Helm with caches of its own.
///
/// # Errors
/// If it cannot be had.
pub fn helm(folder: &Path, kubeconfig: &Path) -> anyhow::Result<Command> {
    let program: PathBuf = tool("RELHOST_BENCH_HELM")?;
    let mut command = Command::new(program);
    command.arg("--kubeconfig").arg(kubeconfig).env("HOME", folder);
    Ok(command)
}

/// 70 % ConfigMaps, 20 % Services, 10 % Deployments.
fn manifest(count: u32) -> String {
    let object = |index: u32| match index % 10 {
        0..7 => manifest::config_map(&format!("settings-{index}"), "key", "value"),
        7 | 8 => manifest::service(&format!("service-{index}"), "ClusterIP"),
        _ => manifest::deployment(&format!("workload-{index}"), "registry.example/app:1", 1, ""),
    };
    (0..count).map(object).collect()
}
