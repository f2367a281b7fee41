//! The report as text: for a terminal, and as a page of the documentation.

use super::Row;

const HEADER: [&str; 8] = ["measure", "goal", "median", "p10", "p90", "n", "beside", ""];

/// For the terminal.
pub fn table(rows: &[Row]) -> String {
    let mut lines = vec![HEADER.map(str::to_owned)];
    lines.extend(rows.iter().map(Row::cells));
    let width = |column: usize| lines.iter().map(|line| line[column].len()).max().unwrap_or_default();
    let widths: [usize; 8] = std::array::from_fn(width);
    let mut text = String::new();
    for line in &lines {
        for (column, (cell, width)) in line.iter().zip(widths).enumerate() {
            let cell = if column == 0 { format!("{cell:<width$}") } else { format!("  {cell:>width$}") };
            text.push_str(&cell);
        }
        text.truncate(text.trim_end().len());
        text.push('\n');
    }
    text
}

/// As a page: the rows of each group under its title, with what is to be known about them; then the machine,
/// then `findings`, which is what people wrote about an earlier run.
pub fn page(groups: &[(&str, &str, Vec<Row>)], machine: &[(String, String)], findings: &str) -> String {
    let mut text = String::from(
        "# Benchmarks\n\nWritten by `cargo xtask bench`: an optimised build, each measure taken `n` times on one \
         machine, and the peers in the same run. The median counts, where a row does not name another part of the \
         samples; `p10` and `p90` are the spread. `beside` is the row's value as a multiple of the peer's. Durable \
         measures use the database as the product does.\n",
    );
    for (title, about, rows) in groups {
        text.push_str(&format!("\n## {title}\n\n{about}\n\n| {} |\n", HEADER.join(" | ")));
        text.push_str("|---|---:|---:|---:|---:|---:|---|---|\n");
        for row in rows {
            text.push_str(&format!("| {} |\n", row.cells().join(" | ")));
        }
    }
    text.push_str("\n## Machine and versions\n\n| | |\n|---|---|\n");
    for (name, value) in machine {
        text.push_str(&format!("| {name} | {value} |\n"));
    }
    let names: Vec<String> = groups.iter().map(|(title, ..)| format!("`{title}`")).collect();
    text.push_str(&format!(
        "\nOne group alone: `cargo xtask bench GROUP`, where GROUP is one of {}; that does not change this page.\n",
        names.join(", ")
    ));
    text.push_str(findings);
    text
}
