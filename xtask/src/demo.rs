//! `cargo xtask demo`: the sample pipeline from Dev to Prod, rehearsed. Nothing outside `target/demo` is
//! touched.
//!
//! With a terminal the approvals are asked there. Without one, this program gives them the way people
//! would: from a second process, one of those asked at a time, never the one who asked for the release.

use std::collections::HashSet;
use std::io::IsTerminal as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitCode, Stdio};
use std::time::Duration;

use anyhow::{Context as _, Result};
use serde_json::Value;

use crate::args::Args;
use crate::command::{cargo, line, output, run as run_command};
use crate::place::{Place, create_dir, remove_dir};
use crate::plugins;
use crate::say::{say, step};

pub const HELP: &str = "\
Build relhost and rehearse the sample pipeline pipelines/aks-release from Dev to Prod, without a cluster.

Usage: cargo xtask demo [--release]

At a terminal you are asked for the approvals. Otherwise they are given by those who are asked, from a
second process, and each is announced. State and outbox are in target/demo, which is made anew.

Options:
  --release   Build with optimisation: slower to build, quicker to run

Examples:
  cargo xtask demo
  cargo xtask demo < /dev/null
";

const SAMPLE: &str = "pipelines/aks-release";
const POLL: Duration = Duration::from_millis(500);

/// Builds and rehearses.
///
/// # Errors
/// If something does not build, or relhost cannot be started.
pub fn run(arguments: &mut Args) -> Result<ExitCode> {
    let release = arguments.flag("--release");
    arguments.finish("cargo xtask demo --help")?;
    let place = Place::find()?;
    plugins::build(&place)?;
    let (profile, folder) = if release { ("release", "release") } else { ("dev", "debug") };
    let mut build = cargo(&place.root);
    build.args(["build", "-p", "relhost", "--profile", profile]);
    step("build relhost", || run_command(&mut build))?;

    let state = place.made("demo");
    remove_dir(&state)?;
    create_dir(&state)?;
    let demo = Demo { relhost: place.built(folder, "relhost"), root: place.root, state };
    let mut release = demo.release();
    say(format_args!("==> {}", line(&release)));
    let status = if std::io::stdin().is_terminal() {
        release.status().context("cannot start relhost")?
    } else {
        say(
            "==> there is no terminal to ask at: this program approves from a second process, in its approvers' names",
        );
        let mut child = release.stdin(Stdio::null()).spawn().context("cannot start relhost")?;
        demo.approve_until_it_ends(&mut child)?;
        child.wait().context("cannot wait for relhost")?
    };
    demo.say_where_the_mails_are();
    let code = status.code().and_then(|code| u8::try_from(code).ok());
    Ok(code.map_or(ExitCode::FAILURE, ExitCode::from))
}

struct Demo {
    relhost: PathBuf,
    root: PathBuf,
    state: PathBuf,
}

impl Demo {
    fn relhost(&self, words: &[&str]) -> Command {
        let mut command = Command::new(&self.relhost);
        command.current_dir(&self.root).args(words).arg("--state").arg(&self.state);
        command.arg("--config").arg(Path::new(SAMPLE).join("relhost.yaml"));
        command
    }

    fn release(&self) -> Command {
        let (pipeline, artifact) = (format!("{SAMPLE}/pipeline.yaml"), format!("{SAMPLE}/build-output"));
        self.relhost(&["run", &pipeline, "--artifact", &artifact, "--rehearse", "--new", "--to", "Prod"])
    }

    /// Each vote is cast once, so that a refused one is not cast for ever: the release then waits, and
    /// its own output says for whom.
    fn approve_until_it_ends(&self, child: &mut Child) -> Result<()> {
        let mut cast = HashSet::new();
        while child.try_wait().context("cannot wait for relhost")?.is_none() {
            for vote in self.open_approvals() {
                let Some((approval, person)) = vote.next(&cast) else { continue };
                let mut approve = self.relhost(&["approval", "approve", &approval, "--as", &person]);
                say(format_args!("==> {}", line(&approve)));
                if let Err(error) = output(&mut approve) {
                    say(format_args!("    {error:#}"));
                }
                cast.insert((approval, person));
            }
            std::thread::sleep(POLL);
        }
        Ok(())
    }

    fn say_where_the_mails_are(&self) {
        let outbox = self.state.join("outbox");
        let count = std::fs::read_dir(&outbox).map_or(0, Iterator::count);
        say(format_args!("==> {count} mails lie in {}", outbox.display()));
    }

    /// None while the release is still being created: then there is nothing to ask yet.
    fn open_approvals(&self) -> Vec<Asked> {
        let listed = output(&mut self.relhost(&["approval", "list", "-o", "json"]));
        listed.map(|json| parse(&json)).unwrap_or_default()
    }
}

/// An approval that waits.
#[derive(Debug, PartialEq, Eq)]
struct Asked {
    approval: String,
    people: Vec<String>,
    requesters: Vec<String>,
}

impl Asked {
    /// The next one to vote: asked, not the requester, and not heard yet.
    fn next(&self, cast: &HashSet<(String, String)>) -> Option<(String, String)> {
        self.people
            .iter()
            .filter(|person| !self.requesters.contains(person))
            .map(|person| (self.approval.clone(), person.clone()))
            .find(|vote| !cast.contains(vote))
    }
}

fn parse(json: &str) -> Vec<Asked> {
    let value: Value = serde_json::from_str(json).unwrap_or_default();
    value.as_array().map(|list| list.iter().filter_map(asked).collect()).unwrap_or_default()
}

fn asked(view: &Value) -> Option<Asked> {
    let people = view["asked"].as_array()?.iter().filter_map(Value::as_str).map(str::to_owned);
    let requesters = view["approval"]["requesters"].as_array().into_iter().flatten();
    let requesters = requesters.filter_map(|actor| actor["person"].as_str()).map(str::to_owned);
    Some(Asked {
        approval: view["id"].as_str()?.to_owned(),
        people: people.collect(),
        requesters: requesters.collect(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const LIST: &str = r#"[{
        "id": "apr-3", "asked": ["ann", "bob", "carol"],
        "approval": { "id": 3, "requesters": [{ "person": "ann" }, { "os-user": "root" }] }
    }]"#;

    #[test]
    fn reads_who_is_asked_and_who_requested() {
        let expected = Asked {
            approval: "apr-3".into(),
            people: vec!["ann".into(), "bob".into(), "carol".into()],
            requesters: vec!["ann".into()],
        };
        assert_eq!(parse(LIST), [expected]);
        assert!(parse("[]").is_empty());
        assert!(parse("not json").is_empty());
    }

    #[test]
    fn lets_each_of_those_asked_vote_once_and_never_the_requester() {
        let asked = parse(LIST).remove(0);
        let mut cast = HashSet::new();
        for person in ["bob", "carol"] {
            let vote = asked.next(&cast).unwrap();
            assert_eq!(vote, ("apr-3".into(), person.into()));
            cast.insert(vote);
        }
        assert_eq!(asked.next(&cast), None);
    }
}
