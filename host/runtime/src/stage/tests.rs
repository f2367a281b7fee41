//! What a stage returns, and how long its calls may take.

use relhost_model::call::{DeployCall, NotifyCall, WaitCall};

use super::*;

fn outcome(outputs: &[(&str, &str)]) -> wit::Outcome {
    let output = |(name, value): &(&str, &str)| wit::Output { name: (*name).into(), value: (*value).into() };
    let outputs = outputs.iter().map(output).collect();
    wit::Outcome { status: wit::Status::Succeeded, summary: "done\n".into(), outputs }
}

#[test]
fn an_outcome_is_cleaned() {
    let returned =
        checked(outcome(&[("address.web", "10.0.0.7"), ("A_b-1", "two\nlines\u{1b}[0m")])).unwrap();
    assert_eq!((returned.status, returned.summary.as_str()), (Status::Succeeded, "done"));
    assert_eq!(returned.outputs["A_b-1"], "two\nlines[0m");
    assert_eq!(returned.outputs.len(), 2);
}

#[test]
fn an_outcome_that_breaks_the_contract_is_refused() {
    let (long, large, half) =
        ("n".repeat(OUTPUT_NAME_MAX + 1), "v".repeat(OUTPUT_VALUE_MAX + 1), "v".repeat(OUTPUT_VALUE_MAX));
    let names: Vec<String> = (0..33).map(|n| format!("n{n}")).collect();
    let many: Vec<(&str, &str)> = names.iter().map(|name| (name.as_str(), half.as_str())).collect();
    for (outputs, says) in [
        (&[("", "v")][..], "invalid name ``"),
        (&[("a b", "v")], "invalid name `a b`"),
        (&[("é", "v")], "invalid name `é`"),
        (&[(long.as_str(), "v")], "invalid name"),
        (&[("a", large.as_str())], "output `a` has 32769 bytes; the limit is 32768"),
        (&[("a", "v"), ("a", "w")], "returned the output `a` twice"),
        (&many, "the outputs have"),
    ] {
        let error = checked(outcome(outputs)).unwrap_err();
        assert_eq!(error.code, "invalid-outcome");
        assert!(error.message.contains(says), "{}", error.message);
    }
}

#[test]
fn an_error_of_a_stage_is_cleaned_and_cut() {
    let details = (0..100).map(|n| (format!("k{n}"), "v".repeat(SENTENCE_MAX + 1))).collect();
    let told = failure(types::types::Error {
        code: String::new(),
        message: format!("two\nlines\u{1b}{}", "x".repeat(SENTENCE_MAX)),
        retryable: true,
        details,
    });
    assert_eq!((told.code.as_str(), told.retryable), ("failed", true));
    assert!(told.message.starts_with("two\nlinesx") && told.message.len() <= SENTENCE_MAX);
    assert_eq!(told.details.len(), DETAILS_MAX);
    assert!(told.details.iter().all(|(_, value)| value.len() <= SENTENCE_MAX));
}

#[test]
fn a_wait_may_take_as_long_as_it_asks_for() {
    let wait =
        |timeout_seconds| cap(&HostCall::Wait(WaitCall { deployment: String::new(), timeout_seconds }));
    assert_eq!(wait(0), Duration::from_secs(660));
    assert_eq!(wait(5), Duration::from_secs(65));
    assert_eq!(wait(3600), Duration::from_secs(3660));
    assert_eq!(wait(u32::MAX), Duration::from_secs(3660));
    assert_eq!(cap(&HostCall::Deploy(DeployCall::default())), DEPLOY_CAP);
    let message = NotifyCall { channel: String::new(), subject: String::new(), body: String::new() };
    assert_eq!(cap(&HostCall::Notify(message)), Duration::from_secs(60));
}

#[test]
fn what_the_host_said_goes_before_what_the_guest_did() {
    let error = || CallError::permanent("guest-panic", "it panicked");
    let ended = |end, stop| finish(end, stop);
    let guest = || Err(Ended::Guest(error()));
    assert!(matches!(ended(guest(), Some(CallStop::Suspended)), Activation::Suspended));
    let stop = CallStop::Quarantined(CallError::permanent("nondeterminism", ""));
    assert!(
        matches!(ended(guest(), Some(stop)), Activation::Quarantined(problem) if problem.code == "nondeterminism")
    );
    let stop = CallStop::Interrupted("the host stops".into());
    assert!(matches!(ended(guest(), Some(stop)), Activation::Interrupted(_)));
    assert!(matches!(ended(guest(), None), Activation::Failed(found) if found == error()));
    assert!(
        matches!(ended(Err(Ended::Host("no room".into())), None), Activation::Interrupted(why) if why == "no room")
    );
}
