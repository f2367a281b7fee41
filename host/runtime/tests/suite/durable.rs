//! A run that waits gives everything back, and goes on from the beginning with what it was told.

use relhost_engine::port::CallStop;
use relhost_model::call::{Answer, CallError, HostCall};
use relhost_runtime::Activation;

use crate::fixture::{NOTIFY, SEND, stage};
use crate::host::{Script, Step, failed, run, sandbox, sent};

fn twice() -> Vec<u8> {
    stage(
        NOTIFY,
        &format!(
            "{SEND} {SEND} (i64.store (global.get $ret) (i64.const 0)) (i64.store offset=8 (global.get $ret) (i64.const 0)) (i32.store offset=16 (global.get $ret) (i32.const 0))"
        ),
    )
}

#[tokio::test]
async fn a_suspended_run_resumes_with_the_same_calls() {
    let (sandbox, component) = (sandbox(), twice());
    let mut first = Script::new([sent("m1"), Step::Stop(CallStop::Suspended)]);
    assert!(matches!(run(&sandbox, &component, &mut first).await, Activation::Suspended));
    let mut second = Script::new([sent("m1"), sent("m2")]);
    let end = run(&sandbox, &component, &mut second).await;
    assert!(matches!(end, Activation::Returned(_)), "{end:?}");
    assert_eq!(first.calls, second.calls);
}

#[tokio::test]
async fn the_guest_sees_nothing_of_a_stop() {
    let (sandbox, component) = (sandbox(), twice());
    let problem = CallError::permanent("nondeterminism", "the second call differs");
    let stop = Step::Stop(CallStop::Quarantined(problem.clone()));
    let end = run(&sandbox, &component, &mut Script::new([sent("m1"), stop])).await;
    assert!(matches!(&end, Activation::Quarantined(told) if *told == problem), "{end:?}");
    let stop = Step::Stop(CallStop::Interrupted("the host stops".into()));
    let end = run(&sandbox, &component, &mut Script::new([stop])).await;
    assert!(matches!(&end, Activation::Interrupted(reason) if reason == "the host stops"), "{end:?}");
}

#[tokio::test]
async fn a_refusal_is_a_value_that_the_guest_may_return() {
    let refused = CallError::transient("unknown-channel", "nobody is called hello").with("channel", "hello");
    let mut script = Script::new([Step::Answer(Answer::Refused(refused.clone()))]);
    assert_eq!(failed(run(&sandbox(), &stage(NOTIFY, SEND), &mut script).await), refused);
    assert!(matches!(&script.calls[0], HostCall::Notify(call) if call.channel == "hello"));
}

#[tokio::test]
async fn an_answer_of_the_wrong_kind_is_the_hosts_fault() {
    let mut script = Script::new([Step::Answer(Answer::Secret("x".into()))]);
    let end = run(&sandbox(), &stage(NOTIFY, SEND), &mut script).await;
    let Activation::Interrupted(reason) = end else { panic!("{end:?}") };
    assert_eq!(reason, "`send` was answered with a secret");
}

#[tokio::test]
async fn an_answer_that_does_not_fit_is_a_refusal() {
    let mut script = Script::new([sent(&"x".repeat(2 << 20))]);
    assert_eq!(failed(run(&sandbox(), &stage(NOTIFY, SEND), &mut script).await).code, "answer-too-large");
}

#[tokio::test]
async fn random_and_time_are_the_same_in_a_replay() {
    let imports = r#"
        (import "relhost:context/run-context@0.1.0" "[method]run-context.random" (func $random (param i32 i32 i32)))
        (import "relhost:context/run-context@0.1.0" "[method]run-context.now" (func $now (param i32) (result i64)))
        (import "relhost:notify/notify@0.1.0" "send" (func $send (param i32 i32 i32 i32 i32 i32 i32)))"#;
    // Random bytes below 128 are text: mask them, then send them and the time as the body.
    let body = "(call $random (local.get $ctx) (i32.const 8) (i32.const 512))
        (i64.store (i32.const 3000) (i64.or (i64.const 0x4040404040404040)
            (i64.and (i64.load (i32.load (i32.const 512))) (i64.const 0x0f0f0f0f0f0f0f0f))))
        (i64.store (i32.const 3008) (i64.or (i64.const 0x4040404040404040)
            (i64.and (call $now (local.get $ctx)) (i64.const 0x0f0f0f0f0f0f0f0f))))
        (call $send (i32.const 2048) (i32.const 5) (i32.const 2048) (i32.const 5) (i32.const 3000) (i32.const 16)
            (global.get $ret))";
    let (sandbox, component) = (sandbox(), stage(imports, body));
    let mut scripts = [Script::new([sent("m")]), Script::new([sent("m")])];
    for script in &mut scripts {
        run(&sandbox, &component, script).await;
    }
    let [first, second] = scripts;
    assert_eq!(first.calls, second.calls);
    let mut other = Script::new([sent("m")]);
    let plugin = crate::host::register(&sandbox, &component);
    sandbox.run_stage(&plugin, &crate::host::context(), "another seed", &mut other).await;
    assert_ne!(first.calls, other.calls);
}
