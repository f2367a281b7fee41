use std::time::Instant;

use relhost_model::config;

use super::*;

fn limits() -> Limits {
    Limits::stage(&config::Limits::default())
}

#[test]
fn only_calls_into_the_host_are_counted() {
    let mut meter = Meter::new(&Limits { calls: 2, ..limits() }, &Stopwatch::new(BUDGET));
    for _ in 0..2 {
        for hook in [
            CallHook::CallingWasm,
            CallHook::CallingHost,
            CallHook::ReturningFromHost,
            CallHook::ReturningFromWasm,
        ] {
            meter.pass(hook).unwrap();
        }
    }
    meter.pass(CallHook::CallingWasm).unwrap();
    let exceeded = meter.pass(CallHook::CallingHost).unwrap_err();
    assert_eq!((exceeded.budget, exceeded.limit.as_str()), ("calls", "2 calls per activation"));
}

/// Computes until this thread has used so much more time.
fn spin(time: Duration) {
    let start = thread_time();
    while u128::from(thread_time() - start) < time.as_nanos() {
        std::hint::spin_loop();
    }
}

const BUDGET: Duration = Duration::from_millis(20);

#[test]
fn computing_is_billed_and_waiting_is_not() {
    let stopwatch = Stopwatch::new(BUDGET);
    let meter = Meter::new(&Limits { cpu: BUDGET, ..limits() }, &stopwatch);
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap();
    runtime.block_on(stopwatch.timed(async {
        // The thread has no processor meanwhile, as on a machine that has other things to do.
        std::thread::park_timeout(BUDGET * 2);
        meter.check().expect("nothing was computed");
        assert!(stopwatch.elapsed() <= BUDGET / 5, "what is billed by the wall is a small part");
        spin(BUDGET / 2);
        tokio::time::timeout(BUDGET * 2, std::future::pending::<()>()).await.unwrap_err();
        meter.check().expect("half of it was computed, the rest was waiting");
        spin(BUDGET);
        assert_eq!(meter.check().unwrap_err().budget, "cpu");
    }));
}

#[test]
fn what_others_compute_in_between_is_not_billed() {
    let stopwatch = Stopwatch::new(BUDGET);
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    let started = Instant::now();
    runtime.block_on(async {
        let mut turns = 0;
        let guest = stopwatch.timed(std::future::poll_fn(|context| {
            turns += 1;
            context.waker().wake_by_ref();
            if turns < 3 { std::task::Poll::Pending } else { std::task::Poll::Ready(()) }
        }));
        let other = async {
            spin(BUDGET);
            tokio::task::yield_now().await;
            spin(BUDGET);
        };
        tokio::join!(guest, other);
    });
    assert!(started.elapsed() >= BUDGET, "the other one computed");
    assert!(stopwatch.0.used.load(Ordering::Relaxed) < u64::try_from(BUDGET.as_nanos()).unwrap());
}
