//! K32: a component that takes the host down with it each time is stopped, and nobody else is.

use relhost_engine::port::store::RunState;
use relhost_tests::journey::{BOUND, Step};
use relhost_tests::wait::until;

use super::*;

/// The second release goes elsewhere, so that both run at the same time.
const OTHER: [&str; 6] = ["run", "other.yaml", "--rehearse", "--key", "two", "--detach"];

#[test]
#[ignore = "needs components: cargo xtask test"]
fn k32_three_deaths_at_one_call_are_enough_and_others_go_on() {
    let journey = Journey::new(Course::Messages);
    another_pipeline(&journey);
    let detached = [&Step::Run.arguments()[..], &["--detach"]].concat();
    // A process that lived on could drive them to their ends.
    for create in [&detached[..], &OTHER] {
        journey.dies(create, "create.after-commit:1");
    }
    // The first two times both may be driven, and either may be why; on its last chance each is driven alone.
    for _ in 0..3 {
        journey.dies(&["serve"], "session.at-call@run-1:1");
    }
    let serving = journey.place.start(&["serve"], &[]);
    // Which release came by the first run is chance.
    until("the end of the other", BOUND, || {
        let succeeded = |release: &str| {
            let found = journey.place.run(&["release", "get", release, "-o", "json"]).expect(0).json();
            found["row"]["summary"]["status"] == "succeeded"
        };
        (succeeded("rel-1") || succeeded("rel-2")).then_some(())
    });
    serving.interrupt();
    let _ended = serving.end(BOUND).expect(0);
    journey.holds("at the end");
    let mut runs = journey.evidence().runs;
    runs.sort_by_key(|run| run.id);
    let ends: Vec<_> = runs.iter().map(|run| (run.state, run.problem.as_deref())).collect();
    let poisoned = (RunState::Quarantined, Some("host died 3 times before the first host call"));
    assert_eq!(ends, [poisoned, (RunState::Done, None)]);
}
