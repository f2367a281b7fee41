//! The peers that the benchmarks stand beside, from their package registries into the cache, made once. One that
//! cannot be had is no failure: its rows say why.

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context as _, Result};

use crate::command::{find, output};
use crate::place::{cache, create_dir, lock, remove_dir, write};
use crate::say::{say, step};

/// DBOS for Python with its own SQLite engine.
const DBOS: &str = "dbos==3.4.0";
/// Restate's server, which is a program in a package, and its SDK.
const RESTATE: [&str; 2] = ["@restatedev/restate-server@1.7.12", "@restatedev/restate-sdk@1.17.2"];
const HELM: &str = "helm.sh/helm/v3/cmd/helm@v3.22.0";

/// The engines that run code durably, for the environment of the benchmarks.
pub fn engines() -> [(&'static str, String); 2] {
    [("RELHOST_BENCH_DBOS", told("DBOS", dbos())), ("RELHOST_BENCH_RESTATE", told("Restate", restate()))]
}

/// Helm, likewise.
pub fn helm() -> [(&'static str, String); 1] {
    [("RELHOST_BENCH_HELM", told("Helm", build_helm()))]
}

fn told(name: &str, found: Result<PathBuf>) -> String {
    found.map_or_else(
        |error| {
            say(format_args!("warning: {name} cannot be had, so its rows stay empty: {error:#}"));
            format!("missing: {error:#}")
        },
        |path| path.display().to_string(),
    )
}

fn dbos() -> Result<PathBuf> {
    let folder = once(&DBOS.replace("==", "-"), |folder| {
        let base = find("python3").context("Python 3 was not found")?;
        output(Command::new(base).args(["-m", "venv"]).arg(folder))
            .context("cannot make a virtual environment")?;
        let pip = ["-m", "pip", "install", "--quiet", "--disable-pip-version-check", DBOS];
        output(Command::new(folder.join("bin/python")).args(pip)).context("cannot install DBOS")?;
        Ok(())
    })?;
    Ok(folder.join("bin/python"))
}

fn restate() -> Result<PathBuf> {
    let name = RESTATE[0].rsplit('@').next().unwrap_or_default();
    let folder = once(&format!("restate-{name}"), |folder| {
        let npm = find("npm").context("npm was not found")?;
        create_dir(folder)?;
        let mut install = Command::new(npm);
        // Scripts of packages report installations and do nothing that is needed.
        install.args(["install", "--ignore-scripts", "--no-audit", "--no-fund", "--silent", "--prefix"]);
        output(install.arg(folder).args(RESTATE).current_dir(folder)).context("cannot install Restate")?;
        Ok(())
    })?;
    Ok(folder.join("node_modules"))
}

fn build_helm() -> Result<PathBuf> {
    let name = HELM.rsplit('@').next().unwrap_or_default();
    let folder = once(&format!("helm-{name}"), |folder| {
        let go = find("go").context("Go was not found")?;
        create_dir(folder)?;
        let mut install = Command::new(go);
        install.args(["install", "-trimpath", "-ldflags", "-s -w", HELM]);
        install.env("GOBIN", folder).env("CGO_ENABLED", "0").env("GOFLAGS", "").env("GOWORK", "off");
        output(install.current_dir(folder)).context("cannot build Helm from the Go module proxy")?;
        Ok(())
    })?;
    Ok(folder.join("helm"))
}

/// A folder of the cache that is made once, in its place, under a lock; the mark that it is complete comes last.
fn once(name: &str, make: impl FnOnce(&Path) -> Result<()>) -> Result<PathBuf> {
    let home = cache()?.join("peers");
    create_dir(&home)?;
    let (folder, mark) = (home.join(name), home.join(format!("{name}.ready")));
    if mark.exists() {
        return Ok(folder);
    }
    let _lock = lock(&home.join("lock"), "it gets the same peers")?;
    if !mark.exists() {
        step(&format!("get {name}"), || {
            remove_dir(&folder)?;
            make(&folder)?;
            write(&mark, "")
        })?;
    }
    Ok(folder)
}
