//! What mails say. The text part is complete on its own; the first screen is enough to decide.

use relhost_engine::port::mail::Mail;
use relhost_model::time::Timestamp;

/// What a person must know to decide.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AskFacts {
    /// The pipeline.
    pub pipeline: String,
    /// The release's name.
    pub release: String,
    /// The primary artifact's version.
    pub version: String,
    /// The stage.
    pub stage: String,
    /// The environment.
    pub environment: String,
    /// The number of the attempt.
    pub attempt: u32,
    /// Nothing outside the state folder is touched.
    pub rehearsal: bool,
    /// Who asked for it.
    pub requester: String,
    /// When it expires.
    pub deadline: Timestamp,
    /// What to check.
    pub instructions: String,
    /// Who may decide.
    pub deciders: Vec<String>,
    /// What is still needed.
    pub needed: String,
    /// How earlier stages ended.
    pub evidence: Vec<(String, String)>,
    /// Files and the start of their digests.
    pub artifacts: Vec<(String, String)>,
    /// What the stage's component may use.
    pub powers: Vec<String>,
    /// Connection and namespace.
    pub target: String,
    /// The page, if one is served.
    pub link: Option<String>,
    /// The code that goes with the link. Printed in the mail, never in the link.
    pub code: Option<String>,
    /// The command that approves.
    pub cli: String,
    /// Why this person gets this.
    pub because: String,
}

/// How an approval ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ClosedFacts {
    /// The pipeline.
    pub pipeline: String,
    /// The release's name.
    pub release: String,
    /// The primary artifact's version.
    pub version: String,
    /// The stage.
    pub stage: String,
    /// How it ended.
    pub resolution: String,
    /// By whom, if by somebody.
    pub by: Option<String>,
    /// Why.
    pub reason: String,
    /// When.
    pub at: Timestamp,
    /// Nothing outside the state folder is touched.
    pub rehearsal: bool,
}

/// What a plugin says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NoticeFacts {
    /// The pipeline.
    pub pipeline: String,
    /// The release's name.
    pub release: String,
    /// The stage that says it.
    pub stage: String,
    /// One line.
    pub subject: String,
    /// Plain text.
    pub body: String,
    /// Nothing outside the state folder is touched.
    pub rehearsal: bool,
}

/// The mail that asks somebody to decide.
#[must_use]
pub fn ask(to: &str, facts: &AskFacts, message_id: &str, thread: &str) -> Mail {
    let title = format!("Approve {} {} to {} by {}", facts.pipeline, facts.version, facts.stage, facts.deadline);
    let mut page = Page::new(&title, facts.rehearsal);
    page.facts(&[
        ("Release", &facts.release),
        ("Target", &format!("{} ({})", facts.environment, facts.target)),
        ("Attempt", &facts.attempt.to_string()),
        ("Asked for by", &facts.requester),
        ("Decide by", &facts.deadline.to_string()),
        ("Who may decide", &facts.deciders.join(", ")),
        ("Still needed", &facts.needed),
    ]);
    if !facts.instructions.is_empty() {
        page.section("What to check");
        page.paragraph(&facts.instructions);
    }
    if let (Some(link), Some(code)) = (&facts.link, &facts.code) {
        page.button("Review and decide", link);
        page.paragraph(&format!("Your code for the page: {code}"));
        page.paragraph("To reject, choose Reject on the page and say why. Opening the page decides nothing.");
    }
    page.section("On the command line");
    page.paragraph(&facts.cli);
    page.rows("Results so far", &facts.evidence);
    page.rows("What is released", &facts.artifacts);
    page.paragraph(&format!("The stage may use: {}.", facts.powers.join(", ")));
    page.footer(&format!("You get this because {}.", facts.because));
    page.mail(to, message_id, thread)
}

/// The mail that tells everybody who was asked how it ended.
#[must_use]
pub fn closed(to: &str, facts: &ClosedFacts, message_id: &str, thread: &str) -> Mail {
    let title = format!("{} {} to {}: {}", facts.pipeline, facts.version, facts.stage, facts.resolution);
    let mut page = Page::new(&title, facts.rehearsal);
    let by = facts.by.clone().unwrap_or_default();
    page.facts(&[
        ("Release", &facts.release),
        ("Result", &facts.resolution),
        ("By", &by),
        ("At", &facts.at.to_string()),
        ("Why", &facts.reason),
    ]);
    page.footer("There is nothing left to decide; the link of the earlier mail does nothing any more.");
    page.mail(to, message_id, thread)
}

/// The mail that carries a plugin's words. They are fenced and named as such.
#[must_use]
pub fn notice(to: &str, facts: &NoticeFacts, message_id: &str, thread: &str) -> Mail {
    let mut page = Page::new(&facts.subject, facts.rehearsal);
    page.facts(&[("Pipeline", &facts.pipeline), ("Release", &facts.release), ("Stage", &facts.stage)]);
    page.section("The stage says");
    page.paragraph(&facts.body);
    page.footer("You get this because the stage's plugin names you.");
    page.mail(to, message_id, thread)
}

/// A message in both forms at once, so that they cannot differ.
struct Page {
    title: String,
    text: String,
    html: String,
}

impl Page {
    fn new(title: &str, rehearsal: bool) -> Self {
        let title = if rehearsal { format!("[rehearsal] {title}") } else { title.to_owned() };
        let mut page = Self { text: format!("{title}\n\n"), html: String::new(), title };
        page.html.push_str(&format!("<h1 style=\"font-size:20px;line-height:1.3;margin:0 0 12px\">{}</h1>\n", escape(&page.title)));
        if rehearsal {
            page.paragraph("This is a rehearsal: no cluster is touched.");
        }
        page
    }

    fn facts(&mut self, facts: &[(&str, &str)]) {
        self.html.push_str("<table role=\"presentation\" style=\"border-collapse:collapse\">\n");
        for (name, value) in facts.iter().filter(|(_, value)| !value.is_empty()) {
            self.text.push_str(&format!("{:<16}{}\n", format!("{name}:"), plain(value)));
            self.html.push_str(&format!(
                "<tr><td style=\"padding:2px 16px 2px 0;vertical-align:top\">{name}</td>\
                 <td style=\"padding:2px 0\"><strong>{}</strong></td></tr>\n",
                escape(value)
            ));
        }
        self.text.push('\n');
        self.html.push_str("</table>\n");
    }

    fn rows(&mut self, title: &str, rows: &[(String, String)]) {
        if rows.is_empty() {
            return;
        }
        self.section(title);
        let rows: Vec<(&str, &str)> = rows.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
        self.facts(&rows);
    }

    fn section(&mut self, title: &str) {
        self.text.push_str(&format!("{title}\n{}\n", "-".repeat(title.chars().count())));
        self.html.push_str(&format!("<h2 style=\"font-size:16px;margin:20px 0 4px\">{}</h2>\n", escape(title)));
    }

    fn paragraph(&mut self, text: &str) {
        self.text.push_str(&format!("{}\n\n", plain(text)));
        let lines = escape(text).replace('\n', "<br>\n");
        self.html.push_str(&format!("<p style=\"margin:4px 0 12px\">{lines}</p>\n"));
    }

    fn button(&mut self, label: &str, link: &str) {
        self.text.push_str(&format!("{label}: {link}\n\n"));
        self.html.push_str(&format!(
            "<p style=\"margin:16px 0\"><a href=\"{}\" style=\"display:inline-block;min-height:44px;line-height:44px;\
             padding:0 24px;border:2px solid;border-radius:6px;text-decoration:none;font-weight:bold\">{}</a></p>\n",
            escape(link),
            escape(label)
        ));
    }

    fn footer(&mut self, text: &str) {
        self.text.push_str(&format!("-- \n{}\n", plain(text)));
        self.html.push_str(&format!("<p style=\"margin:24px 0 0;font-size:14px\">{}</p>\n", escape(text)));
    }

    fn mail(self, to: &str, message_id: &str, thread: &str) -> Mail {
        let html = format!(
            "<!doctype html>\n<html lang=\"en\">\n<head><meta charset=\"utf-8\">\
             <meta name=\"viewport\" content=\"width=device-width\">\
             <meta name=\"color-scheme\" content=\"light dark\"></head>\n\
             <body style=\"font-family:system-ui,sans-serif;font-size:16px;line-height:1.5;margin:0;padding:16px\">\n\
             <div style=\"max-width:600px;margin:0 auto\">\n{}</div>\n</body>\n</html>\n",
            self.html
        );
        Mail {
            message_id: message_id.to_owned(),
            thread: thread.to_owned(),
            to: to.to_owned(),
            subject: format!("[relhost] {}", self.title),
            text: self.text,
            html,
        }
    }
}

/// Text without control characters, but for line breaks.
fn plain(text: &str) -> String {
    text.chars().filter(|c| !c.is_control() || *c == '\n').collect()
}

fn escape(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for c in plain(text).chars() {
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

#[cfg(test)]
mod tests {
    use super::*;

    fn facts() -> AskFacts {
        AskFacts {
            pipeline: "shop".into(),
            release: "Release-7".into(),
            version: "1.42.0".into(),
            stage: "Prod".into(),
            environment: "prod".into(),
            attempt: 1,
            rehearsal: false,
            requester: "ann".into(),
            deadline: Timestamp(1_800_000_000_000),
            instructions: "Is staging green?\nAsk <support> too.".into(),
            deciders: vec!["carol".into(), "dave".into()],
            needed: "one approval".into(),
            evidence: vec![("Dev".into(), "succeeded: 2 objects".into())],
            artifacts: vec![("app/web.yaml".into(), "0123456789ab".into())],
            powers: vec!["deploy".into(), "create-secret".into()],
            target: "prod-aks / shop".into(),
            link: Some("https://relhost.example/decide/apr-1/carol/token".into()),
            code: Some("ABC234".into()),
            cli: "relhost approval approve apr-1".into(),
            because: "you are a member of leads, which is asked to approve this".into(),
        }
    }

    #[test]
    fn the_mail_is_enough_to_decide() {
        let mail = ask("carol@example.com", &facts(), "m@x", "t@x");
        insta::assert_snapshot!("ask_text", mail.text);
        insta::assert_snapshot!("ask_html", mail.html);
        assert_eq!(mail.subject, "[relhost] Approve shop 1.42.0 to Prod by 2027-01-15T08:00:00Z");
    }

    #[test]
    fn the_code_is_in_the_body_and_not_in_the_link() {
        let facts = facts();
        let mail = ask("carol@example.com", &facts, "m@x", "t@x");
        assert!(mail.text.contains("ABC234") && !facts.link.unwrap().contains("ABC234"));
    }

    #[test]
    fn words_from_outside_are_no_markup() {
        let notice_facts = NoticeFacts {
            pipeline: "shop".into(),
            release: "<b>".into(),
            stage: "Dev".into(),
            subject: "x".into(),
            body: "<script>alert(1)</script>\x1b[31m".into(),
            rehearsal: true,
        };
        let mail = notice("a@b", &notice_facts, "m@x", "t@x");
        assert!(!mail.html.contains("<script>") && !mail.html.contains("<b>") && !mail.text.contains('\x1b'));
        assert!(mail.subject.starts_with("[relhost] [rehearsal] "));
    }
}
