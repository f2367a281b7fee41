//! The decide page as text. Everything that comes from a release is escaped; there is no script.

use relhost_connect::mail::AskFacts;
use relhost_model::digest::Digest;

/// Escapes text for HTML content and attribute values.
#[must_use]
pub fn escape(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for c in text.chars() {
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

/// A colour scheme that follows the reader's, targets of at least 44 pixels, one column from 320 pixels on.
const STYLE: &str = "
:root { color-scheme: light dark; }
body { font: 1rem/1.5 system-ui, sans-serif; max-width: 42rem; margin: 0 auto; padding: 1rem; }
h1 { font-size: 1.4rem; line-height: 1.25; }
h2 { font-size: 1.05rem; margin: 1.5rem 0 .25rem; }
dl { display: grid; grid-template-columns: max-content 1fr; gap: .2rem 1rem; margin: 0; }
dt { opacity: .75; } dd { margin: 0; overflow-wrap: anywhere; }
pre { white-space: pre-wrap; overflow-wrap: anywhere; border-left: .25rem solid; padding-left: .75rem; margin: .25rem 0; }
label { display: block; margin: .75rem 0 .25rem; }
input, textarea { font: inherit; padding: .6rem; width: 100%; box-sizing: border-box; }
input[name=code] { width: 10rem; letter-spacing: .2em; text-transform: uppercase; }
.buttons { display: flex; flex-wrap: wrap; gap: .75rem; margin-top: 1rem; }
button { font: inherit; min-height: 44px; padding: .5rem 1.25rem; cursor: pointer; }
.banner { border: 2px solid; padding: .5rem .75rem; margin: 1rem 0; }
table { border-collapse: collapse; width: 100%; } td, th { text-align: left; padding: .15rem .75rem .15rem 0; vertical-align: top; }
";

/// A whole page.
#[must_use]
pub fn page(title: &str, body: &str) -> String {
    let title = escape(title);
    format!(
        "<!doctype html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n\
         <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n\
         <meta name=\"robots\" content=\"noindex\">\n<title>{title}</title>\n<style>{STYLE}</style>\n</head>\n\
         <body>\n<main>\n{body}\n</main>\n</body>\n</html>\n"
    )
}

/// A page with one message: nothing to decide here.
#[must_use]
pub fn message(title: &str, lines: &[String]) -> String {
    let mut body = format!("<h1>{}</h1>\n", escape(title));
    for line in lines {
        body.push_str(&format!("<p>{}</p>\n", escape(line)));
    }
    page(title, &body)
}

/// The form with everything that one must know.
#[must_use]
pub fn form(facts: &AskFacts, content: &Digest, problem: Option<&str>) -> String {
    let title = format!("Approve {} {} to {}", facts.pipeline, facts.version, facts.stage);
    let mut body = String::new();
    if facts.rehearsal {
        body.push_str(
            "<p class=\"banner\" role=\"note\"><strong>Rehearsal.</strong> No cluster is touched.</p>\n",
        );
    }
    body.push_str(&format!("<h1>{}</h1>\n", escape(&title)));
    if let Some(problem) = problem {
        body.push_str(&format!("<p class=\"banner\" role=\"alert\">{}</p>\n", escape(problem)));
    }
    body.push_str(&facts_list(facts));
    if !facts.instructions.is_empty() {
        body.push_str(&format!("<h2>What to check</h2>\n<pre>{}</pre>\n", escape(&facts.instructions)));
    }
    body.push_str(&table("Results so far", "Stage", "Result", &facts.evidence));
    body.push_str(&table("What is released", "File", "SHA-256 begins with", &facts.artifacts));
    body.push_str(&decision(content));
    page(&title, &body)
}

fn facts_list(facts: &AskFacts) -> String {
    let rows = [
        ("Release", facts.release.clone()),
        ("Target", format!("{} ({})", facts.environment, facts.target)),
        ("Attempt", facts.attempt.to_string()),
        ("Asked for by", facts.requester.clone()),
        ("Decide by", facts.deadline.to_string()),
        ("Who may decide", facts.deciders.join(", ")),
        ("Still needed", facts.needed.clone()),
        ("The stage may use", facts.powers.join(", ")),
    ];
    let mut list = String::from("<dl>\n");
    for (name, value) in rows.into_iter().filter(|(_, value)| !value.is_empty()) {
        list.push_str(&format!("<dt>{name}</dt><dd>{}</dd>\n", escape(&value)));
    }
    list.push_str("</dl>\n");
    list
}

fn table(title: &str, first: &str, second: &str, rows: &[(String, String)]) -> String {
    if rows.is_empty() {
        return String::new();
    }
    let mut table = format!(
        "<h2>{title}</h2>\n<table>\n<tr><th scope=\"col\">{first}</th><th scope=\"col\">{second}</th></tr>\n"
    );
    for (name, value) in rows {
        table.push_str(&format!("<tr><td>{}</td><td>{}</td></tr>\n", escape(name), escape(value)));
    }
    table.push_str("</table>\n");
    table
}

fn decision(content: &Digest) -> String {
    format!(
        "<h2>Your decision</h2>\n<form method=\"post\" autocomplete=\"off\">\n\
         <input type=\"hidden\" name=\"content\" value=\"{content}\">\n\
         <label for=\"code\">The six-character code from the mail</label>\n\
         <input id=\"code\" name=\"code\" required maxlength=\"12\" inputmode=\"text\">\n\
         <label for=\"comment\">Comment (please say why if you reject)</label>\n\
         <textarea id=\"comment\" name=\"comment\" rows=\"3\" maxlength=\"4000\"></textarea>\n\
         <div class=\"buttons\">\n<button name=\"decision\" value=\"approve\">Approve</button>\n\
         <button name=\"decision\" value=\"reject\">Reject</button>\n</div>\n</form>\n"
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
