//! A policy that decides whatever its settings say, whoever has voted.

use relhost_sdk::prelude::*;

#[relhost_sdk::settings]
struct Settings {
    /// What it decides.
    decide: Decide,
    /// Its reason.
    #[serde(default = "reason")]
    reason: String,
    /// For `need`: what is missing.
    #[serde(default)]
    need: Vec<Need>,
    /// Asks to be evaluated again after this time.
    recheck_after: Option<Span>,
}

#[relhost_sdk::settings]
enum Decide {
    Approve,
    Reject,
    Need,
    Abstain,
    Fail,
}

#[relhost_sdk::settings]
struct Need {
    description: String,
    #[serde(default)]
    candidates: Vec<String>,
    count: usize,
}

fn reason() -> String {
    "my settings say so".to_owned()
}

struct Flips;

/// A policy that decides whatever its settings say, whoever has voted.
#[relhost_sdk::policy]
impl Policy for Flips {
    type Settings = Settings;

    fn evaluate(&self, input: &PolicyInput, settings: Settings) -> Result<Verdict, Failure> {
        let Settings { decide, reason, need, recheck_after } = settings;
        let verdict = match decide {
            Decide::Approve => Verdict::approve(reason),
            Decide::Reject => Verdict::reject(reason),
            Decide::Abstain => Verdict::abstain(reason),
            Decide::Fail => return Err(Failure::new("undecided", reason)),
            Decide::Need => {
                let missing = need.into_iter().map(|Need { description, candidates, count }| {
                    Requirement::of(count, description, candidates)
                });
                Verdict::need(missing).reason(reason)
            }
        };
        Ok(match recheck_after {
            Some(span) => verdict.recheck(input.now.plus(span.into())),
            None => verdict,
        })
    }
}

#[cfg(test)]
mod tests {
    use relhost_sdk::mock::{Ballot, evaluate};

    use super::*;

    #[test]
    fn it_decides_what_its_settings_say() {
        let decide = |settings| evaluate(&Flips, Ballot::new(), settings);
        assert!(decide(json!({ "decide": "approve" })).unwrap().approved());
        assert_eq!(decide(json!({ "decide": "fail" })).unwrap_err().code(), "undecided");
        let need = json!({ "decide": "need", "need": [{ "description": "one", "count": 1 }], "recheck-after": "1m" });
        let verdict = decide(need).unwrap();
        assert_eq!(verdict.requirements().len(), 1);
        assert!(verdict.recheck_at().is_some());
    }
}
