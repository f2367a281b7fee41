//! Measurements: `cargo xtask bench`. Each is taken many times; the report has the median and the spread, the
//! goal beside it, the same measure of others where there is one, and the machine.

mod machine;
mod owner;
mod process;
mod quick;
mod report;

mod journaled;
mod sync;

mod peer;

mod control_plane;
mod delay;

mod apply;
mod approval;
mod cause;
mod fleet;
mod replay;
mod sandbox;
mod size;
mod steps;
mod waiting;

mod counted;

use std::path::Path;

use anyhow::bail;

use self::report::Row;

/// A group of measurements.
struct Group {
    name: &'static str,
    /// What is measured, and by which commands.
    about: &'static str,
    measure: fn() -> anyhow::Result<Vec<Row>>,
    /// Whether it is measured only if it is named.
    asked: bool,
}

impl Group {
    const fn of(name: &'static str, about: &'static str, measure: fn() -> anyhow::Result<Vec<Row>>) -> Self {
        Self { name, about, measure, asked: false }
    }
}

/// In the order of the report.
const GROUPS: &[Group] = &[
    Group::of("sandbox", sandbox::ABOUT, sandbox::measure),
    Group::of("replay", replay::ABOUT, replay::measure),
    Group::of("steps", steps::ABOUT, steps::measure),
    Group::of("approval", approval::ABOUT, approval::measure),
    Group::of("waiting", waiting::ABOUT, waiting::measure),
    Group::of("process", process::ABOUT, process::measure),
    Group::of("apply", apply::ABOUT, apply::measure),
    Group::of("cause", cause::ABOUT, cause::measure),
    Group::of("size", size::ABOUT, size::measure),
    Group { asked: true, ..Group::of("million", waiting::ABOUT, waiting::measure_million) },
];

/// From here on a page is written by people: the next run keeps it.
const FINDINGS: &str = "\n## What limits it\n";

fn main() -> anyhow::Result<()> {
    let mut words: Vec<String> = std::env::args().skip(1).collect();
    if words.iter().any(|word| word == "--help" || word == "-h") {
        return print(&help());
    }
    if words.first().is_some_and(|word| word == sync::COUNTED) {
        return counted::run(&words[1..]);
    }
    if let Some(at) = words.iter().position(|word| word == "--quick") {
        words.remove(at);
        quick::start();
    }
    let file = match words.iter().position(|word| word == "--write") {
        Some(at) if at + 1 < words.len() => {
            words.remove(at);
            Some(words.remove(at))
        }
        Some(_) => bail!("`--write` needs a file"),
        None => None,
    };
    if let Some(unknown) = words.iter().find(|word| GROUPS.iter().all(|group| group.name != *word)) {
        bail!("there is no group `{unknown}`\n{}", help());
    }
    let mut measured = Vec::new();
    let wanted = |group: &&Group| match words.is_empty() {
        true => !group.asked,
        false => words.iter().any(|word| word == group.name),
    };
    for group in GROUPS.iter().filter(wanted) {
        // A group that cannot be measured says so and keeps no other from it.
        let rows =
            (group.measure)().unwrap_or_else(|error| vec![Row::missing(group.name, format!("{error:#}"))]);
        // At once: what was measured is seen even if a later group fails.
        print(&format!("{}\n", report::table(&rows)))?;
        measured.push((group.name, group.about, rows));
    }
    if let Some(file) = file {
        let findings = findings(Path::new(&file));
        std::fs::write(&file, report::page(&measured, &machine::facts()?, &findings))?;
    }
    Ok(())
}

fn help() -> String {
    let names: Vec<&str> = GROUPS.iter().map(|group| group.name).collect();
    format!(
        "Usage: relhost-bench [--quick] [--write FILE] [GROUP...]\n\nGroups: {}; without any all of them but `million`.\n",
        names.join(", ")
    )
}

/// What people wrote into the page.
fn findings(page: &Path) -> String {
    let text = std::fs::read_to_string(page).unwrap_or_default();
    text.find(FINDINGS).map_or_else(String::new, |at| text[at..].to_owned())
}

fn print(text: &str) -> anyhow::Result<()> {
    Ok(std::io::Write::write_all(&mut std::io::stdout(), text.as_bytes())?)
}
