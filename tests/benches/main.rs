//! Measurements: `cargo xtask bench`. Each is taken many times; the report has the median and the spread, the
//! goal beside it, and the machine.

mod approval;
mod machine;
mod owner;
mod process;
mod report;
mod sandbox;
mod steps;

use anyhow::bail;

use self::report::Row;

/// A group of measurements.
type Group = (&'static str, fn() -> anyhow::Result<Vec<Row>>);

/// In the order of the report.
const GROUPS: &[Group] = &[
    ("sandbox", sandbox::measure),
    ("steps", steps::measure),
    ("approval", approval::measure),
    ("process", process::measure),
];

const HELP: &str = "\
Usage: relhost-bench [--write FILE] [GROUP...]

Groups: sandbox, steps, approval, process; all of them without any.
";

fn main() -> anyhow::Result<()> {
    let mut words: Vec<String> = std::env::args().skip(1).collect();
    if words.iter().any(|word| word == "--help" || word == "-h") {
        return print(HELP);
    }
    let file = match words.iter().position(|word| word == "--write") {
        Some(at) if at + 1 < words.len() => {
            words.remove(at);
            Some(words.remove(at))
        }
        Some(_) => bail!("`--write` needs a file"),
        None => None,
    };
    if let Some(unknown) = words.iter().find(|word| GROUPS.iter().all(|(name, _)| name != word)) {
        bail!("there is no group `{unknown}`\n{HELP}");
    }
    let mut rows = Vec::new();
    for (name, measure) in
        GROUPS.iter().filter(|(name, _)| words.is_empty() || words.iter().any(|w| w == name))
    {
        rows.extend(measure().map_err(|error| error.context(format!("measure `{name}`")))?);
    }
    print(&report::table(&rows))?;
    if let Some(file) = file {
        std::fs::write(&file, report::page(&rows, &machine::facts()?))?;
    }
    Ok(())
}

fn print(text: &str) -> anyhow::Result<()> {
    Ok(std::io::Write::write_all(&mut std::io::stdout(), text.as_bytes())?)
}
