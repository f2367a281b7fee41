//! Events and log lines.

use relhost_connect::printable::{lines, one_line};
use relhost_engine::event::Event;
use relhost_model::call::{CallError, LogLevel, LogLine};
use relhost_model::id::{DeploymentId, StageName};

/// The longest value of a log field, and of a named result.
const VALUE_SHOWN: usize = 300;

/// What an event means, as lines; `None` for one that says nothing new to people.
#[must_use]
pub fn text(event: &Event, stage_of: &dyn Fn(DeploymentId) -> StageName) -> Option<String> {
    let said = |deployment: &DeploymentId, words: String| format!("{}: {words}", stage_of(*deployment));
    Some(match event {
        Event::DeploymentRequested { .. } | Event::RunCreated { .. } => return requested(event),
        Event::RunFinished { deployment, failure: Some(failure), .. } => {
            failed(&stage_of(*deployment), failure)
        }
        Event::RunFinished { deployment, outputs, .. } => {
            let line = |(name, value): (&String, &String)| {
                said(deployment, format!("{} = {}", one_line(name, 100), one_line(value, VALUE_SHOWN)))
            };
            // Digests are for machines, which read them elsewhere.
            let readable = outputs.iter().filter(|(_, value)| !value.contains("sha256:"));
            let lines: Vec<String> = readable.map(line).collect();
            return (!lines.is_empty()).then(|| lines.join("\n"));
        }
        Event::Created { by } => format!("created by {by}"),
        Event::DeploymentStarted { deployment } => said(deployment, "started".into()),
        Event::ApprovalOpened { deployment, approval, .. } => {
            said(deployment, format!("{approval} asks for approval"))
        }
        Event::ApprovalClosed { deployment, approval, resolution, reason, .. } => {
            said(deployment, format!("{approval} {}", with_reason(&resolution.to_string(), reason)))
        }
        Event::RunQuarantined { deployment, run, problem, .. } => {
            said(deployment, format!("{run} is quarantined: {}", lines(&problem.message)))
        }
        Event::RunReleased { deployment, run, by, verb, .. } => {
            said(deployment, format!("{run} goes on ({verb} by {by})"))
        }
        Event::DeploymentFinished { deployment, status, summary } => {
            said(deployment, with_reason(status.as_str(), summary))
        }
        Event::StageSkipped { stage, reason, .. } => format!("{stage}: {}", with_reason("skipped", reason)),
        Event::CancelRequested { by, reason } => with_reason(&format!("canceled by {by}"), reason),
    })
}

/// `rejected: too late`; many reasons say the word themselves.
fn with_reason(word: &str, reason: &str) -> String {
    let reason = one_line(reason, VALUE_SHOWN);
    if reason.is_empty() {
        return word.to_owned();
    }
    if reason.starts_with(word) { reason } else { format!("{word}: {reason}") }
}

/// The first attempt goes without saying.
fn requested(event: &Event) -> Option<String> {
    match event {
        Event::DeploymentRequested { stage, attempt, by, .. } if *attempt > 1 => {
            Some(format!("{stage}: attempt {attempt} requested by {by}"))
        }
        _ => None,
    }
}

fn failed(stage: &StageName, failure: &CallError) -> String {
    let mut text = format!("{stage}: {} ({})", lines(&failure.message), failure.code);
    for (name, value) in &failure.details {
        for (index, line) in lines(value).lines().enumerate() {
            let name = if index == 0 { one_line(name, 100) } else { String::new() };
            text.push_str(&format!("\n    {name:<10} {line}"));
        }
    }
    text
}

/// A log line of a stage.
#[must_use]
pub fn log(stage: Option<&StageName>, line: &LogLine) -> String {
    let level = match line.level {
        LogLevel::Debug => "debug: ",
        LogLevel::Info => "",
        LogLevel::Warn => "warning: ",
        LogLevel::Error => "error: ",
    };
    let stage = stage.map(|stage| format!("{stage} | ")).unwrap_or_default();
    let fields = line.fields.iter().map(|(name, value)| {
        format!(" {}={}", one_line(&name.to_string(), 100), one_line(&value.to_string(), VALUE_SHOWN))
    });
    let message = lines(&line.message);
    let mut text = String::new();
    for (index, part) in message.lines().enumerate() {
        let break_ = if index == 0 { "" } else { "\n" };
        text.push_str(&format!("{break_}{stage}{level}{part}"));
    }
    text + &fields.collect::<String>()
}
