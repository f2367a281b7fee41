//! `cargo xtask guards`: takes out each guard of the host in a copy of the sources, and sees its test fail. A guard
//! whose test stays green is not guarded itself.

mod copy;
mod list;
mod trial;

use std::process::ExitCode;

use anyhow::{Result, bail};

use crate::args::{Args, Usage};
use crate::place::Place;
use crate::say::{result, say, step};
use list::{MUTATIONS, Mutation};
use trial::{Trial, Verdict};

pub const HELP: &str = "\
Take out each guard of the host, one after the other, in a copy of the sources, and see the tests fail that are
there for it. The tests must pass before.

Usage: cargo xtask guards [GUARD...]

The list is xtask/src/guards/list.rs. An entry whose text is not in its file exactly once is stale, which is an
error. The copy and what is built of it are kept in target/guards.

Examples:
  cargo xtask guards
  cargo xtask guards 'position fence'
";

/// Applies every mutation that is asked for.
///
/// # Errors
/// If an entry is stale, a test fails without a mutation, or one passes with it.
pub fn run(arguments: &mut Args) -> Result<ExitCode> {
    let wanted = arguments.words("cargo xtask guards --help")?;
    let chosen = chosen(&wanted)?;
    let place = Place::find()?;
    chosen.iter().try_for_each(|mutation| mutation.check(&place.root))?;
    let trial = step("copy the sources", || Trial::prepare(&place))?;
    step("run the tests as they are", || trial.passes(&chosen))?;
    let mut table = "| guard | taken out | test | with it taken out |\n|---|---|---|---|\n".to_owned();
    let mut green = 0;
    for mutation in &chosen {
        say(format_args!("==> {}: {}", mutation.guard, mutation.what));
        let verdict = trial.with(mutation)?;
        green += usize::from(verdict != Verdict::Red);
        let row =
            format!("| {} | {} | `{}` | {verdict} |", mutation.guard, mutation.what, mutation.test.name);
        say(format_args!("    {row}"));
        table.push_str(&format!("{row}\n"));
    }
    result(table);
    if green > 0 {
        bail!("{green} guards can be taken out without a test that notices");
    }
    Ok(ExitCode::SUCCESS)
}

fn chosen(wanted: &[String]) -> Result<Vec<&'static Mutation>> {
    if let Some(name) = wanted.iter().find(|name| MUTATIONS.iter().all(|mutation| mutation.guard != **name)) {
        let mut known: Vec<&str> = MUTATIONS.iter().map(|mutation| mutation.guard).collect();
        known.dedup();
        return Err(Usage::new(format!("no guard is called `{name}`; there are {}", known.join(", "))));
    }
    let asked = |mutation: &&Mutation| wanted.is_empty() || wanted.iter().any(|name| name == mutation.guard);
    Ok(MUTATIONS.iter().filter(asked).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The list cannot rot: this runs with every other test.
    #[test]
    fn every_mutation_still_applies_and_every_test_is_there() {
        let root = Place::find().unwrap().root;
        for mutation in MUTATIONS {
            mutation.check(&root).unwrap_or_else(|error| panic!("{error:#}"));
        }
    }

    #[test]
    fn every_guard_of_the_architecture_has_a_mutation() {
        for guard in [
            "position fence",
            "replay check",
            "intent before effect",
            "namespace policy",
            "grant check",
            "vote binding",
            "redaction",
            "single-use token",
        ] {
            assert!(MUTATIONS.iter().any(|mutation| mutation.guard == guard), "{guard}");
        }
    }

    #[test]
    fn a_stale_entry_is_an_error() {
        let mutation = Mutation { from: "let guard = true;", to: "", ..MUTATIONS[0] };
        assert!(mutation.apply("let guard = true;\nlet guard = true;").is_err());
        assert!(mutation.apply("let guard = false;").is_err());
        assert_eq!(mutation.apply("a let guard = true; b").unwrap(), "a  b");
    }
}
