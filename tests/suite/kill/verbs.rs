//! K30: whoever sets a run going again is killed before or after the commit; it happened or it did not.

use relhost_engine::port::store::RunState;
use relhost_tests::journal::shop_applied;
use relhost_tests::journey::Step;

use super::*;

/// What the first run leaves when its host has died four times after the first effect. The first death comes
/// after progress, because the intent is new then; three more are no coincidence.
const CRASHED: &str = "start claim intent claim claim claim";

/// The shop with its first run in quarantine, and the release told.
fn quarantined() -> Journey {
    let journey = Journey::new(Course::Shop);
    for _ in 0..4 {
        journey.dies(&Step::Run.arguments(), "session.after-effect:1");
    }
    let told = journey.step(Step::Run, None).expect(10);
    assert!(told.stderr.contains("host died 3 times at ordinal 0"), "{}", told.stderr);
    assert_eq!(left(&journey.evidence()), CRASHED);
    journey
}

/// A verb, what it adds to the journal, the state it leaves, and the end of the release after it.
struct Verb {
    arguments: &'static [&'static str],
    adds: &'static str,
    leaves: RunState,
    ends: i32,
}

const VERBS: [Verb; 3] = [
    Verb {
        arguments: &["release", "retry", "rel-1", "--as", "ann"],
        adds: "",
        leaves: RunState::Ready,
        ends: 10,
    },
    Verb {
        arguments: &[
            "release",
            "attest",
            "rel-1",
            "--ordinal",
            "0",
            "--outcome",
            "outcome.json",
            "--reason",
            "seen",
            "--as",
            "ann",
        ],
        adds: " outcome",
        leaves: RunState::Ready,
        ends: 10,
    },
    Verb {
        arguments: &["release", "abort", "rel-1", "--reason", "enough", "--as", "ann"],
        adds: " complete",
        leaves: RunState::Done,
        ends: 3,
    },
];

#[test]
#[ignore = "needs components: cargo xtask test"]
fn k30_a_quarantined_run_is_set_going_whole_or_not_at_all() {
    let before = quarantined();
    let _outcome = before.place.write("outcome.json", &shop_applied().to_string());
    for Verb { arguments, adds, leaves, ends } in &VERBS {
        for (point, happened) in [("advance.before-commit:1", false), ("advance.after-commit:1", true)] {
            let journey = before.copy();
            journey.dies(arguments, point);
            let (kinds, state) = (left(&journey.evidence()), state(&journey));
            let (adds, leaves) = if happened { (*adds, *leaves) } else { ("", RunState::Quarantined) };
            assert_eq!((kinds, state), (format!("{CRASHED}{adds}"), Some(leaves)), "{arguments:?} {point}");
            let again = journey.command(arguments, None);
            assert_eq!(
                again.code,
                Some(if happened && leaves != RunState::Ready { 7 } else { again_code(happened) })
            );
            let ended = journey.step(Step::Run, None);
            assert_eq!(ended.code, Some(*ends), "{arguments:?} {point}\n{}", ended.stderr);
            journey.holds("at the end");
            let _same = journey.place.run(&["release", "replay", "rel-1"]).expect(0);
        }
    }
}

/// A verb that happened finds nothing in quarantine any more.
fn again_code(happened: bool) -> i32 {
    if happened { 7 } else { 0 }
}

#[test]
#[ignore = "needs components: cargo xtask test"]
fn k30_a_redeployment_takes_the_place_of_a_waiting_attempt_whole_or_not_at_all() {
    let before = up_to(Course::Shop, 1);
    let redeploy = ["release", "redeploy", "rel-1", "--stage", "Prod", "--as", "bob"];
    for (point, attempt) in [("advance.before-commit:1", 1), ("advance.after-commit:1", 2)] {
        let journey = before.copy();
        journey.dies(&redeploy, point);
        let evidence = journey.evidence();
        assert_eq!(evidence.releases[0].stored.stages[1].attempt, attempt, "{point}");
        let over = evidence.approvals.iter().filter(|approval| approval.resolution.is_some()).count();
        assert_eq!(over, attempt as usize - 1, "{point}: the old approval ends with its attempt");
        let _waits = journey.step(Step::Run, None).expect(10);
        let approve = ["approval", "approve", &format!("apr-{attempt}"), "--as", "ann"];
        let _voted = journey.command(&approve, None).expect(0);
        let _done = journey.step(Step::GoOn, None).expect(0);
        journey.holds("at the end");
    }
}
