//! Asks people, then tells them how it ended.

use relhost_sdk::prelude::*;

/// Who is asked, and how.
#[relhost_sdk::settings]
pub struct Settings {
    /// People and groups.
    approvers: Vec<String>,
    /// The deciding plugin; the host's default without.
    policy: Option<String>,
    /// Its settings.
    policy_settings: Option<Value>,
    /// When it expires; the host's default without.
    timeout: Option<Span>,
    /// Who is told; `requester` without.
    notify: Option<String>,
}

/// Asks people, then tells them how it ended.
pub struct Asks;

/// Asks people, then tells them how it ended.
#[relhost_sdk::stage]
impl Stage for Asks {
    type Settings = Settings;

    fn run(&self, ctx: &Context, settings: Settings) -> Result<Outcome, Failure> {
        let before = ctx.now();
        let mut question = ctx.approval("Shall this go on?").approvers(settings.approvers);
        if let Some(policy) = settings.policy {
            question = question.policy(policy);
        }
        if let Some(policy_settings) = settings.policy_settings {
            question = question.policy_settings(policy_settings)?;
        }
        if let Some(timeout) = settings.timeout {
            question = question.timeout(timeout.into());
        }
        let decision = question.ask()?.require()?;
        let took = Span::from(ctx.now().since(before));
        let channel = settings.notify.as_deref().unwrap_or("requester");
        ctx.notify(channel).subject("it goes on").send(&decision.reason)?;
        Ok(Outcome::succeeded(&decision.reason)
            .output("voters", decision.voters())
            .output("took", took.to_string()))
    }
}

#[cfg(test)]
mod tests {
    use relhost_sdk::mock::{self, MockHost};

    use super::*;

    #[test]
    fn a_rejection_is_an_outcome_and_tells_nobody() {
        let host = MockHost::new().await_approval(mock::decision().reject("ann", "no"));
        let outcome = host.run(&Asks, json!({ "approvers": ["ann"] })).unwrap();
        assert_eq!(outcome.status(), Status::Rejected);
    }

    #[test]
    fn an_approval_is_told() {
        let week = Duration::from_secs(7 * 86_400);
        let host = MockHost::new().await_approval(mock::decision().approve("ann").after(week)).notify(());
        let outcome = host.run(&Asks, json!({ "approvers": ["ann"], "timeout": "30d" })).unwrap();
        assert_eq!((outcome.get("voters"), outcome.get("took")), (Some("ann"), Some("7d")));
    }
}
