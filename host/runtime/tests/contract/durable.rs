//! A run that waits gives everything back, and goes on from the beginning with what it was told.

use std::sync::Arc;

use relhost_engine::port::{BoxFuture, CallStop, HostCalls};
use relhost_model::call::{Answer, CallError, HostCall, LogLine};
use relhost_model::digest::Digest;
use relhost_model::release::RunContext;
use relhost_model::time::Timestamp;
use relhost_runtime::Activation;
use relhost_runtime::limits::POOL_INSTANCES;
use tokio::sync::Semaphore;

use crate::fixture::{NOTIFY, SEND, stage};
use crate::host::{Script, Step, built, context, failed, register, run, sandbox, sent};

/// Sends two messages and ends well.
fn twice() -> Vec<u8> {
    let ok = "(memory.fill (global.get $ret) (i32.const 0) (i32.const 24))";
    stage(NOTIFY, &format!("{SEND} {SEND} {ok}"))
}

/// Keeps what was called and answered, as the server's session does: what is kept is answered again, and must be
/// asked for again in the same words; what comes after it is made, until the run is stopped.
#[derive(Default)]
struct Journal {
    kept: Vec<(Digest, Answer)>,
    position: usize,
    made: usize,
    /// The call that waits for people.
    stop_at: Option<usize>,
}

impl Journal {
    /// As after a start of the host.
    fn resumed(self) -> Self {
        Self { kept: self.kept, ..Self::default() }
    }
}

impl HostCalls for Journal {
    fn call(&mut self, call: HostCall) -> BoxFuture<'_, Result<Answer, CallStop>> {
        let (position, fingerprint) = (self.position, call.fingerprint());
        self.position += 1;
        if let Some((kept, answer)) = self.kept.get(position) {
            assert_eq!(*kept, fingerprint, "call {position} of the replay is another: {call:?}");
            let answer = answer.clone();
            return Box::pin(async { Ok(answer) });
        }
        if self.stop_at == Some(position) {
            return Box::pin(async { Err(CallStop::Suspended) });
        }
        let HostCall::Notify(_) = call else { panic!("nobody expects {call:?}") };
        let answer = Answer::Message(format!("m{position}"));
        self.made += 1;
        self.kept.push((fingerprint, answer.clone()));
        Box::pin(async { Ok(answer) })
    }

    fn log(&mut self, _: LogLine) {}

    fn now(&self) -> Timestamp {
        Timestamp(1_000_000 + self.position as u64)
    }
}

/// Stops a run at each of its calls, resumes it, and compares with a run that nobody stopped.
async fn stopped_everywhere(component: &[u8], settings: &str, calls: usize) {
    let sandbox = sandbox();
    let context = RunContext { settings: settings.into(), ..context() };
    let plugin = register(&sandbox, component);
    let mut whole = Journal::default();
    let Activation::Returned(uninterrupted) = sandbox.run_stage(&plugin, &context, "seed", &mut whole).await
    else {
        panic!("it returns if nobody stops it");
    };
    assert_eq!(whole.made, calls);
    for stop in 0..calls {
        let mut journal = Journal { stop_at: Some(stop), ..Journal::default() };
        let end = sandbox.run_stage(&plugin, &context, "seed", &mut journal).await;
        assert!(matches!(end, Activation::Suspended), "stopped at {stop}: {end:?}");
        assert_eq!(journal.made, stop);
        let mut journal = journal.resumed();
        let end = sandbox.run_stage(&plugin, &context, "seed", &mut journal).await;
        assert!(matches!(&end, Activation::Returned(same) if *same == uninterrupted), "{end:?}");
        assert_eq!((journal.made, journal.kept), (calls - stop, whole.kept.clone()));
    }
}

#[tokio::test]
async fn a_run_that_was_stopped_anywhere_ends_like_one_that_was_not() {
    stopped_everywhere(&twice(), "{}", 2).await;
}

#[tokio::test]
#[ignore = "needs components: cargo xtask test"]
async fn so_does_a_real_component() {
    stopped_everywhere(&built("guests/five-steps"), r#"{ "steps": 20 }"#, 20).await;
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
async fn a_suspended_run_holds_no_instance() {
    let (sandbox, component) = (sandbox(), twice());
    // More than there is room for at the same time.
    for _ in 0..2 * POOL_INSTANCES {
        let mut script = Script::new([Step::Stop(CallStop::Suspended)]);
        let end = run(&sandbox, &component, &mut script).await;
        assert!(matches!(end, Activation::Suspended), "{end:?}");
    }
}

/// Says that it was called, and never answers.
struct Deaf(Arc<Semaphore>);

impl HostCalls for Deaf {
    fn call(&mut self, _: HostCall) -> BoxFuture<'_, Result<Answer, CallStop>> {
        self.0.add_permits(1);
        Box::pin(std::future::pending())
    }

    fn log(&mut self, _: LogLine) {}

    fn now(&self) -> Timestamp {
        Timestamp(0)
    }
}

#[tokio::test]
async fn a_run_that_is_dropped_in_a_call_gives_its_instance_back() {
    let (sandbox, component) = (sandbox(), twice());
    let (plugin, context) = (register(&sandbox, &component), context());
    for _ in 0..2 * POOL_INSTANCES {
        let called = Arc::new(Semaphore::new(0));
        let mut host = Deaf(Arc::clone(&called));
        tokio::select! {
            end = sandbox.run_stage(&plugin, &context, "seed", &mut host) => panic!("{end:?}"),
            heard = called.acquire() => assert!(heard.is_ok()),
        }
    }
    let end = run(&sandbox, &component, &mut Script::new([sent("m1"), sent("m2")])).await;
    assert!(matches!(end, Activation::Returned(_)), "{end:?}");
}

#[tokio::test]
async fn more_runs_than_there_is_room_for_are_tried_again() {
    // Where a machine has no address space for a pool there is always room, and this fails.
    let (sandbox, component) = (sandbox(), twice());
    let (plugin, context) = (register(&sandbox, &component), context());
    let called = Arc::new(Semaphore::new(0));
    let mut hosts: Vec<Deaf> = (0..POOL_INSTANCES).map(|_| Deaf(Arc::clone(&called))).collect();
    let runs = hosts.iter_mut().map(|host| sandbox.run_stage(&plugin, &context, "seed", host));
    let mut running = Box::pin(futures::future::join_all(runs));
    tokio::select! {
        ends = &mut running => panic!("{ends:?}"),
        all = called.acquire_many(POOL_INSTANCES) => assert!(all.is_ok()),
    }
    let end = run(&sandbox, &component, &mut Script::default()).await;
    let Activation::Interrupted(reason) = end else { panic!("{end:?}") };
    assert!(reason.starts_with("every instance of the pool is in use"), "{reason}");
    drop(running);
    let end = run(&sandbox, &component, &mut Script::new([sent("m1"), sent("m2")])).await;
    assert!(matches!(end, Activation::Returned(_)), "{end:?}");
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
    let plugin = register(&sandbox, &component);
    sandbox.run_stage(&plugin, &context(), "another seed", &mut other).await;
    assert_ne!(first.calls, other.calls);
}
