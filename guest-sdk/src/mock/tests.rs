//! The mock host: what it lets through and what it does not.

use std::cell::Cell;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::time::Duration;

use super::*;
use crate::prelude::*;

/// Runs a closure as a stage.
struct Code<F>(F);

impl<F> Plugin for Code<F> {
    const PLUGIN: Self = panic!("a closure is not made from nothing");

    fn describe() -> crate::plugin::Description {
        unreachable!("nobody asks")
    }
}

impl<F: Fn(&Context) -> Result<Outcome, Failure>> Stage for Code<F> {
    type Settings = NoSettings;

    fn run(&self, ctx: &Context, _: NoSettings) -> Result<Outcome, Failure> {
        self.0(ctx)
    }
}

fn panic_of(test: impl FnOnce()) -> String {
    let payload = catch_unwind(AssertUnwindSafe(test)).expect_err("a panic");
    let text = payload.downcast_ref::<String>().cloned();
    text.or_else(|| payload.downcast_ref::<&str>().map(|text| (*text).to_owned())).expect("a text")
}

fn done() -> Result<Outcome, Failure> {
    Ok(Outcome::succeeded("done"))
}

#[test]
fn a_call_without_an_answer_fails_the_test() {
    let text = panic_of(|| {
        let host = MockHost::new().notify(());
        let _ = host.run(
            &Code(|ctx: &Context| {
                ctx.notify("ann").send("one")?;
                // A stage that swallows errors does not hide it.
                let _ = ctx.secrets().docker_registry("pull", "acr");
                done()
            }),
            json!({}),
        );
    });
    assert_eq!(
        text,
        r#"no answer is scripted for call 2: `docker-registry("pull", "acr")`; add one with `.docker_registry(..)`"#
    );
}

#[test]
fn an_answer_that_nobody_asked_for_fails_the_test() {
    let text = panic_of(|| {
        let host = MockHost::new().notify(()).notify(()).wait(rollout());
        drop(host.run(&Code(|_: &Context| done()), json!({})));
    });
    assert_eq!(text, "scripted answers that nobody asked for: 1 of `wait`, 2 of `notify`");
}

#[test]
fn a_stage_that_calls_otherwise_in_a_replay_fails_the_test() {
    let times = Cell::new(0);
    let text = panic_of(|| {
        let host = MockHost::new().notify(());
        let _ = host.run(
            &Code(|ctx: &Context| {
                times.set(times.get() + 1);
                ctx.notify("ann").send(format!("time {}", times.get()))?;
                done()
            }),
            json!({}),
        );
    });
    assert_eq!(
        text,
        r#"the replay called `notify("ann", "time 2")` where the first run called `notify("ann", "time 1")`"#
    );
}

#[test]
fn a_stage_that_calls_less_or_more_in_a_replay_fails_the_test() {
    for (first, second, expected) in [(1, 0, "ended before"), (0, 1, "which the first run did not")] {
        let times = Cell::new(0);
        let text = panic_of(|| {
            let host = MockHost::new().notify(());
            let _ = host.run(
                &Code(|ctx: &Context| {
                    let calls = if times.replace(1) == 0 { first } else { second };
                    for _ in 0..calls {
                        ctx.notify("ann").send("x")?;
                    }
                    done()
                }),
                json!({}),
            );
        });
        assert!(text.contains(expected), "{text}");
    }
}

#[test]
fn time_moves_when_an_answer_says_so() {
    let host = MockHost::new()
        .started_at(Timestamp::from_millis(1000))
        .notify(Reply::ok(()).after(Duration::from_millis(20)));
    let outcome = host.run(
        &Code(|ctx: &Context| {
            let before = ctx.now();
            ctx.notify("ann").send("x")?;
            Ok(Outcome::succeeded(format!("{} {}", before.as_millis(), ctx.now().as_millis())))
        }),
        json!({}),
    );
    assert_eq!(outcome.unwrap().summary(), "1000 1020");
}

#[test]
fn a_scripted_failure_keeps_its_code() {
    let failure = Failure::new("image-not-found", "no such image").retryable();
    let host = MockHost::new().deploy(Reply::failed(failure));
    let failure = host
        .run(&Code(|ctx: &Context| ctx.deploy().start().context("deploying").and_then(|_| done())), json!({}))
        .unwrap_err();
    assert_eq!(failure.to_string(), "image-not-found: deploying: no such image");
    assert!(failure.is_retryable());
}

#[test]
fn settings_are_read_as_the_host_has_them_read() {
    let host = MockHost::new();
    let failure = host.run(&Code(|_: &Context| done()), json!({ "a": 1 })).unwrap_err();
    assert_eq!(failure.code(), "invalid-settings");
}

#[test]
fn how_an_approval_ends_is_how_a_stage_ends() {
    let ask = Code(|ctx: &Context| {
        ctx.approval("?").approver("ann").ask()?.require().context("asking")?;
        done()
    });
    for (decision, status) in [
        (decision().approve("ann"), Status::Succeeded),
        (decision().reject("ann", "no"), Status::Rejected),
        (decision(), Status::Expired),
    ] {
        let outcome = MockHost::new().await_approval(decision).run(&ask, json!({})).unwrap();
        assert_eq!(outcome.status(), status);
    }
    let canceled = decision().ended(Resolution::Canceled, "the release was canceled");
    let failure = MockHost::new().await_approval(canceled).run(&ask, json!({})).unwrap_err();
    assert_eq!(failure.code(), "canceled");
}

#[test]
fn random_bytes_come_from_the_seed() {
    let bytes = |seed| MockHost::new().seed(seed).context().random(16);
    assert_eq!(bytes(1), bytes(1));
    assert_ne!(bytes(1), bytes(2));
    let ctx = MockHost::new().context();
    assert_ne!(ctx.random(16), ctx.random(16));
}

#[test]
fn lines_are_those_of_the_run_and_not_of_its_replay() {
    let host = MockHost::new();
    host.run(
        &Code(|ctx: &Context| {
            ctx.log().field("a", 1).debug("one");
            error!("{}", "two"; b = 2, c = "three");
            done()
        }),
        json!({}),
    )
    .unwrap();
    let lines: Vec<_> =
        host.lines().into_iter().map(|line| (line.level, line.message, line.fields.len())).collect();
    use crate::log::Level::{Debug, Error};
    assert_eq!(lines, [(Debug, "one".to_owned(), 1), (Error, "two".to_owned(), 2)]);
    assert!(host.lines().is_empty());
}

#[test]
fn timeouts_are_whole_seconds_and_never_the_default_by_accident() {
    let host = MockHost::new().deploy(applied("d1", &[])).wait(rollout()).wait(rollout());
    let ctx = host.context();
    let deployment = ctx.deploy().start().unwrap();
    deployment.wait(Duration::from_millis(1500)).unwrap();
    deployment.wait(Duration::ZERO).unwrap();
    let waits: Vec<_> = host.calls().iter().skip(1).map(ToString::to_string).collect();
    assert_eq!(waits, [r#"wait("d1", 2s)"#, r#"wait("d1", 1s)"#]);
}

#[test]
fn a_message_without_a_subject_has_its_first_line() {
    let host = MockHost::new().notify(()).notify(());
    let ctx = host.context();
    ctx.notify("ann").send(format!("{}\nmore", "x".repeat(300))).unwrap();
    ctx.notify("ann").send("").unwrap();
    let Call::Notify { subject, .. } = &host.calls()[0] else { panic!("a message") };
    assert_eq!(subject.len(), 200);
}
