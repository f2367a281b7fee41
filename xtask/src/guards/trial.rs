//! Runs tests in the copy, as it is and with a mutation.

use std::collections::BTreeMap;
use std::fmt;
use std::path::PathBuf;
use std::process::Command;

use anyhow::{Context as _, Result, bail};

use super::copy;
use super::list::{Mutation, Test, Where};
use crate::command::{cargo, line};
use crate::place::Place;

/// How a test ended with a guard taken out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// It failed, as it should.
    Red,
    /// It passed: nobody would notice.
    Green,
}

impl fmt::Display for Verdict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Red => "red",
            Self::Green => "GREEN",
        })
    }
}

/// The copy of the sources.
pub struct Trial {
    root: PathBuf,
    copy: PathBuf,
    target: PathBuf,
}

impl Trial {
    /// Makes the copy, or brings it up to date.
    ///
    /// # Errors
    /// If it cannot be written.
    pub fn prepare(place: &Place) -> Result<Self> {
        let made = place.made("guards");
        let (copy, target) = (made.join("src"), made.join("build"));
        copy::sources(&place.root, &copy)?;
        copy::built(&place.target.join("debug"), &target.join("debug"))?;
        // Tests look for components beside the sources.
        for family in ["bundled", "guests"] {
            let from = place.made(family);
            for entry in std::fs::read_dir(&from).into_iter().flatten().filter_map(Result::ok) {
                copy::same(&entry.path(), &copy.join("target").join(family).join(entry.file_name()))?;
            }
        }
        Ok(Self { root: place.root.clone(), copy, target })
    }

    /// Every test passes as long as nothing is taken out.
    ///
    /// # Errors
    /// If one does not.
    pub fn passes(&self, mutations: &[&Mutation]) -> Result<()> {
        let mut places: BTreeMap<Where, Vec<&Test>> = BTreeMap::new();
        for mutation in mutations {
            places.entry(mutation.test.place).or_default().push(&mutation.test);
        }
        for tests in places.into_values() {
            let names: Vec<&str> = tests.iter().map(|test| test.name).collect();
            let ran = self.test(tests[0], &names)?;
            if let Some(name) = names.iter().find(|name| !ran.passed(name)) {
                bail!("`{name}` does not pass as it is:\n{}", ran.output);
            }
        }
        Ok(())
    }

    /// Takes one guard out, runs its test, and puts the guard back.
    ///
    /// # Errors
    /// If the entry is stale, or what it makes does not compile.
    pub fn with(&self, mutation: &Mutation) -> Result<Verdict> {
        let (original, mutant) = (self.root.join(mutation.file), self.copy.join(mutation.file));
        let text = std::fs::read_to_string(&original)
            .with_context(|| format!("cannot read {}", original.display()))?;
        std::fs::write(&mutant, mutation.apply(&text)?)
            .with_context(|| format!("cannot write {}", mutant.display()))?;
        let ran = self.test(&mutation.test, &[mutation.test.name]);
        copy::same(&original, &mutant)?;
        let ran = ran?;
        match (ran.passed(mutation.test.name), ran.failed(mutation.test.name)) {
            (false, true) => Ok(Verdict::Red),
            (true, false) => Ok(Verdict::Green),
            _ => bail!("with {} the test did not run:\n{}", mutation.what, ran.output),
        }
    }

    fn test(&self, test: &Test, names: &[&str]) -> Result<Ran> {
        let mut command = cargo(&self.copy);
        command.env("CARGO_TARGET_DIR", &self.target);
        // The whole workspace, so that dependencies have the features that they were built with before.
        command.args(["test", "--workspace"]);
        match test.place {
            Where::Unit => command.arg("--lib"),
            Where::Suite(name) => command.args(["--test", name]),
        };
        command.args(["--", "--exact"]).args(names);
        let output = run(&mut command)?;
        Ok(Ran { output })
    }
}

fn run(command: &mut Command) -> Result<String> {
    let output = command.output().with_context(|| format!("cannot start `{}`", line(command)))?;
    let (out, err) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    Ok(format!("{err}{out}"))
}

/// What a test program printed.
struct Ran {
    output: String,
}

impl Ran {
    fn passed(&self, name: &str) -> bool {
        self.says(name, "ok")
    }

    fn failed(&self, name: &str) -> bool {
        self.says(name, "FAILED")
    }

    /// A test of properties or one that should panic has more words behind its name.
    fn says(&self, name: &str, word: &str) -> bool {
        let mut lines = self.output.lines().filter_map(|line| line.strip_prefix("test "));
        lines.any(|line| line.starts_with(&format!("{name} ")) && line.ends_with(&format!("... {word}")))
    }
}
