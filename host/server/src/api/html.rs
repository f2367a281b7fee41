//! The decide page as text. Everything that comes from a release is escaped; there is no script.

use relhost_connect::mail::{AskFacts, moment};
use relhost_connect::printable::lines;
use relhost_engine::port::store::ApprovalRow;
use relhost_model::approval::Decision;

/// A colour scheme that follows the reader's, targets of at least 44 pixels, one column from 320 pixels on.
const STYLE: &str = include_str!("page.css");
/// More files than this are folded away, so that the form is not a long way down.
const FILES_SHOWN: usize = 8;

/// Escapes text for HTML content and attribute values, and drops what makes it look like other text.
#[must_use]
pub fn escape(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for c in lines(text).chars() {
        match c {
            '&' => escaped.push_str("&amp;"),
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '"' => escaped.push_str("&quot;"),
            '\'' => escaped.push_str("&#39;"),
            c => escaped.push(c),
        }
    }
    escaped
}

/// A whole page.
fn page(title: &str, rehearsal: bool, main: &str, footer: &str) -> String {
    let title = escape(title);
    let badge = if rehearsal { "<span class=\"badge\">Rehearsal</span>" } else { "" };
    let footer = if footer.is_empty() { String::new() } else { format!("<footer>\n{footer}</footer>\n") };
    format!(
        "<!doctype html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n\
         <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n\
         <meta name=\"robots\" content=\"noindex\">\n<title>{title} - relhost</title>\n\
         <style>\n{STYLE}</style>\n</head>\n<body>\n<header><span>relhost</span>{badge}</header>\n\
         <main>\n{main}</main>\n{footer}</body>\n</html>\n"
    )
}

/// A page with one message: nothing to decide here.
#[must_use]
pub fn message(title: &str, sentences: &[String]) -> String {
    let mut main = format!("<h1>{}</h1>\n", escape(title));
    for line in sentences {
        main.push_str(&format!("<p>{}</p>\n", escape(line)));
    }
    page(title, false, &main, "")
}

/// Who decides, and what came of it so far.
#[derive(Debug, Clone, Copy, Default)]
pub struct Attempt<'a> {
    /// Who decides.
    pub person: &'a str,
    /// Why the last try did not count.
    pub problem: Option<&'a str>,
    /// What was written in the comment then.
    pub comment: &'a str,
}

/// The form with everything that one must know.
#[must_use]
pub fn form(facts: &AskFacts, row: &ApprovalRow, attempt: Attempt<'_>) -> String {
    let title = format!("Approve {} {} to {}", facts.pipeline, facts.version, facts.stage);
    let mut main = heading(&title, facts);
    if let Some(problem) = attempt.problem {
        main.push_str(&format!("<p class=\"banner alert\" role=\"alert\">{}</p>\n", escape(problem)));
    }
    if facts.rehearsal {
        main.push_str("<p class=\"banner\" role=\"note\">No cluster is touched, whatever you decide.</p>\n");
    }
    main.push_str(&what_it_is(facts));
    if !facts.instructions.is_empty() {
        let text = format!("<blockquote>{}</blockquote>\n", escape(facts.instructions.trim()));
        main.push_str(&section("What to check, as the pipeline says", &text));
    }
    main.push_str(&table("Results so far", "results", ["Stage", "Result"], &facts.evidence));
    main.push_str(&table("Votes so far", "results", ["Who", "Vote"], &votes(row)));
    main.push_str(&files(facts));
    main.push_str(&decision(row, attempt));
    let footer = format!(
        "<p>You can decide this because {}. On the command line: <code>{}</code></p>\n",
        escape(&facts.because),
        escape(&facts.cli)
    );
    page(&title, facts.rehearsal, &main, &footer)
}

/// What there is to say once it is over. `title` says what happened, `sentences` what comes of it.
#[must_use]
pub fn over(facts: &AskFacts, row: &ApprovalRow, title: &str, sentences: &[String]) -> String {
    let mut main = heading(title, facts);
    for line in sentences {
        main.push_str(&format!("<p>{}</p>\n", escape(line)));
    }
    main.push_str(&what_it_is(facts));
    main.push_str(&table("Votes", "results", ["Who", "Vote"], &votes(row)));
    main.push_str(&files(facts));
    page(title, facts.rehearsal, &main, "")
}

/// How it ended: `Approved by ann, Tue 2026-11-24 17:00 UTC`.
#[must_use]
pub fn end(decision: &Decision) -> String {
    let mut reason = decision.reason.clone();
    if let Some(first) = reason.get(..1) {
        reason = first.to_uppercase() + &reason[1..];
    }
    format!("{reason}, {}.", moment(decision.at))
}

fn heading(title: &str, facts: &AskFacts) -> String {
    let attempt = if facts.attempt > 1 { format!(", attempt {}", facts.attempt) } else { String::new() };
    let under = format!("{} of {}{attempt}", facts.release, facts.pipeline);
    format!("<h1>{}</h1>\n<p class=\"soft\">{}</p>\n", escape(title), escape(&under))
}

fn section(title: &str, body: &str) -> String {
    format!("<section>\n<h2>{title}</h2>\n{body}</section>\n")
}

fn what_it_is(facts: &AskFacts) -> String {
    let running = facts.running.as_ref();
    let rows = [
        ("Version", facts.version.clone()),
        ("Goes to", format!("{}, {} ({})", facts.stage, facts.environment, facts.target)),
        (
            "Running there now",
            running.map_or_else(
                || "nothing that relhost knows of".to_owned(),
                |(version, since)| format!("{version}, since {}", moment(*since)),
            ),
        ),
        ("Asked for by", facts.requester.clone()),
        ("Decide by", moment(facts.deadline)),
        ("Who may decide", facts.deciders.join(", ")),
        ("Still needed", facts.needed.clone()),
        ("The stage may use", facts.powers.join(", ")),
    ];
    let mut list = String::from("<dl>\n");
    for (name, value) in rows.into_iter().filter(|(_, value)| !value.is_empty()) {
        let strong = if name == "Version" { " class=\"strong\"" } else { "" };
        list.push_str(&format!("<dt>{name}</dt><dd{strong}>{}</dd>\n", escape(&value)));
    }
    list.push_str("</dl>\n");
    format!("<section aria-label=\"What it is about\">\n{list}</section>\n")
}

fn votes(row: &ApprovalRow) -> Vec<(String, String)> {
    let votes = row.votes.iter().map(|vote| {
        let word = if vote.approve { "approved" } else { "rejected" };
        let comment = if vote.comment.is_empty() { String::new() } else { format!(": {}", vote.comment) };
        (vote.voter.to_string(), format!("{word}, {}{comment}", moment(vote.at)))
    });
    votes.collect()
}

fn files(facts: &AskFacts) -> String {
    let rows = rows("files", ["File", "SHA-256 begins"], &facts.artifacts);
    match facts.artifacts.len() {
        0 => String::new(),
        1..=FILES_SHOWN => section("What is released", &rows),
        count => format!(
            "<section>\n<details><summary>What is released: {count} files</summary>\n{rows}</details>\n</section>\n"
        ),
    }
}

fn table(title: &str, class: &str, header: [&str; 2], pairs: &[(String, String)]) -> String {
    if pairs.is_empty() { String::new() } else { section(title, &rows(class, header, pairs)) }
}

fn rows(class: &str, [first, second]: [&str; 2], pairs: &[(String, String)]) -> String {
    let mut table = format!(
        "<table class=\"{class}\">\n<thead><tr><th scope=\"col\">{first}</th><th scope=\"col\">{second}</th></tr></thead>\n<tbody>\n"
    );
    for (name, value) in pairs {
        table.push_str(&format!(
            "<tr><th scope=\"row\">{}</th><td>{}</td></tr>\n",
            escape(name),
            escape(value)
        ));
    }
    table.push_str("</tbody>\n</table>\n");
    table
}

/// The first button does nothing: the return key presses the first one, and must not decide.
fn decision(row: &ApprovalRow, attempt: Attempt<'_>) -> String {
    let content = row.approval.content.digest();
    let (person, comment) = (escape(attempt.person), escape(attempt.comment));
    section(
        "Your decision",
        &format!(
            "<form method=\"post\" autocomplete=\"off\">\n<button type=\"submit\" disabled hidden></button>\n\
             <input type=\"hidden\" name=\"content\" value=\"{content}\">\n\
             <p>You decide as <strong>{person}</strong>. One rejection ends the request.</p>\n\
             <label for=\"code\">Code from the mail\
             <span class=\"hint\">Six characters, below the button in the mail to {person}</span></label>\n\
             <input id=\"code\" name=\"code\" required maxlength=\"12\" autocapitalize=\"characters\" \
             spellcheck=\"false\">\n\
             <label for=\"comment\">Comment<span class=\"hint\">Please say why if you reject</span></label>\n\
             <textarea id=\"comment\" name=\"comment\" rows=\"3\" maxlength=\"4000\">\n{comment}</textarea>\n\
             <div class=\"buttons\">\n\
             <button class=\"approve\" name=\"decision\" value=\"approve\">Approve</button>\n\
             <button class=\"reject\" name=\"decision\" value=\"reject\">Reject</button>\n</div>\n</form>\n"
        ),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_from_outside_becomes_markup() {
        let text = message("<script>", &["a & b 'c' \"d\" <img src=x onerror=alert(1)>".to_owned()]);
        assert!(!text.contains("<script>") && !text.contains("<img"));
        assert!(text.contains("&lt;img src=x onerror=alert(1)&gt;"));
    }
}
