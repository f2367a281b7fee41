//! What mails say, and that nothing that they are made of can do more than be said.

mod content;
mod header;
mod outbox;
mod refusal;

use std::sync::Arc;

use relhost_engine::port::Clock;
use relhost_engine::port::mail::Mail;
use relhost_model::time::Timestamp;

use super::*;

/// A clock that stands still.
struct Still(Timestamp);

impl Clock for Still {
    fn now(&self) -> Timestamp {
        self.0
    }
}

/// 2026-11-24 14:00 UTC.
const NOW: Timestamp = Timestamp(1_795_528_800_000);

fn clock() -> Arc<dyn Clock> {
    Arc::new(Still(NOW))
}

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
        deadline: Timestamp(NOW.0 + 3 * 3_600_000),
        instructions: "Look at the error rate of QA.\nThen decide.".into(),
        deciders: vec!["bob".into(), "group:leads".into()],
        needed: "one more of leads".into(),
        running: Some(("1.41.3".into(), Timestamp(NOW.0 - 86_400_000))),
        evidence: vec![
            ("Dev".into(), "succeeded at 10:12".into()),
            ("QA".into(), "succeeded at 11:40".into()),
        ],
        artifacts: vec![("app/kube/deployment.yaml".into(), "0123456789ab".into())],
        powers: vec!["deploy".into(), "create-secret".into()],
        target: "prod-aks / shop".into(),
        link: Some("https://relhost.example/decide/apr-7/bob/tOk3n".into()),
        code: Some("K7Q2MX".into()),
        cli: "relhost approval approve apr-7".into(),
        because: "you are asked by name to approve this".into(),
    }
}

fn asked(facts: &AskFacts) -> Mail {
    ask("bob@example.com", facts, "abc@example.com", "rel-7.relhost@example.com")
}
