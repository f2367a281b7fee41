//! The crash matrix, case by case: what of one run is on the disk when the host dies, and that it goes on
//! from there. K7 and K8 need a control plane and stand in `kill_cluster`; K13 to K15 and K17 are about people
//! (`people`), K26 and K27 about the disk (`disk`), K30 about verbs, K32 about poison, K19 and K21 are not
//! there yet (`kinds`).

use relhost_engine::port::store::RunState;
use relhost_tests::journey::{Course, Kill, Step};
use relhost_tests::wait::until;

use super::*;

/// What the first run of the shop leaves when it dies after the intent of its first call.
const INTENT_0: &str = "start claim intent";
/// And after that of its second.
const INTENT_1: &str = "start claim intent outcome intent";

#[test]
#[ignore = "needs components: cargo xtask test"]
fn k00_a_release_that_was_not_committed_is_created_once() {
    killed(Course::Shop, 0, "create.before-commit:1", "");
    killed(Course::Shop, 0, "boot.before-recover:1", "");
}

#[test]
#[ignore = "needs components: cargo xtask test"]
fn k01_a_release_nobody_was_told_of_is_found_again() {
    killed(Course::Shop, 0, "create.after-commit:1", "");
    killed(Course::Shop, 0, "queue.before-grant:1", "");
    killed(Course::Shop, 0, "queue.after-grant:1", "start");
}

#[test]
#[ignore = "needs components: cargo xtask test"]
fn k02_a_claim_without_an_instance_is_claimed_again() {
    killed(Course::Shop, 0, "runner.before-claim:1", "start");
    killed(Course::Shop, 0, "runner.after-claim:1", "start claim");
    let journey = Journey::new(Course::Shop);
    for _ in 0..2 {
        journey.dies(&Step::Run.arguments(), "runner.after-claim:1");
    }
    journey.finish(0);
    assert_eq!(journey.outcome(), *uninterrupted(Course::Shop), "two deaths are no reason for quarantine");
}

#[test]
#[ignore = "needs components: cargo xtask test"]
fn k03_a_computing_component_computes_the_same_again() {
    killed(Course::Messages, 0, "session.in-guest:1", INTERNAL_0);
    killed(
        Course::Messages,
        0,
        "session.in-guest:3",
        "start claim intent outcome intent outcome intent outcome",
    );
}

#[test]
#[ignore = "needs components: cargo xtask test"]
fn k04_an_outcome_in_memory_is_in_doubt_and_the_next_call_never_began() {
    killed(Course::Shop, 0, "session.after-effect:1", INTENT_0);
    killed(Course::Shop, 0, "session.in-guest:1", INTENT_0);
    killed(Course::Shop, 0, "session.before-intent:2", INTENT_0);
    killed(Course::Shop, 0, "session.after-effect:2", INTENT_1);
}

#[test]
#[ignore = "needs components: cargo xtask test"]
fn k05_a_commit_that_is_cut_off_is_there_or_not() {
    // The process commits what it finds, the release, its run, the claim, and then the first intent.
    killed(Course::Shop, 0, "store.in-transaction:5", "start claim");
    killed(Course::Shop, 0, "store.before-commit:5", "start claim");
    killed(Course::Shop, 0, "store.after-commit:5", INTENT_0);
}

/// Where the bytes of the log's last transaction begin, by its format: a header of 32 bytes, then frames of 24
/// bytes and a page; the last frame of a transaction has the size of the database in its second word.
fn last_transaction(log: &[u8]) -> usize {
    let word = |at: usize| u32::from_be_bytes(log[at..at + 4].try_into().expect("four bytes"));
    let page = usize::try_from(word(8)).expect("a size") + 24;
    let ends = (32..log.len()).step_by(page).filter(|at| at + page <= log.len() && word(at + 4) != 0);
    let ends: Vec<usize> = ends.map(|at| at + page).collect();
    assert_eq!(ends.last(), Some(&log.len()), "the log ends with a whole transaction");
    ends[ends.len() - 2]
}

#[test]
#[ignore = "needs components: cargo xtask test"]
fn k05_a_torn_commit_is_none() {
    let whole = Journey::new(Course::Shop);
    whole.dies(&Step::Run.arguments(), "store.after-commit:5");
    let log = std::fs::read(whole.state().join("relhost.db-wal")).expect("read the log");
    let begins = last_transaction(&log);
    let length = log.len() - begins;
    for cut in [begins, begins + 10, begins + length / 2, log.len() - 1] {
        let torn = whole.copy();
        std::fs::write(torn.state().join("relhost.db-wal"), &log[..cut]).expect("tear the log");
        let evidence = torn.evidence();
        relhost_tests::invariants::hold(&evidence, "a torn log");
        assert_eq!(left(&evidence), "start claim", "cut at {cut} of {}", log.len());
    }
    let torn = whole.copy();
    std::fs::write(torn.state().join("relhost.db-wal"), &log[..begins + length / 2]).expect("tear the log");
    torn.finish(0);
    assert_eq!(torn.outcome(), *uninterrupted(Course::Shop));
}

#[test]
#[ignore = "needs components: cargo xtask test"]
fn k06_an_intent_whose_call_was_not_made_is_made() {
    killed(Course::Shop, 0, "session.after-intent:1", INTENT_0);
    killed(Course::Shop, 0, "session.after-intent:2", INTENT_1);
}

#[test]
#[ignore = "needs components: cargo xtask test"]
fn k08_an_apply_that_is_half_done_is_done_again() {
    killed(Course::Shop, 0, "effect.object-applied:1", INTENT_0);
    killed(Course::Shop, 0, "effect.object-applied:2", INTENT_0);
}

#[test]
#[ignore = "needs components: cargo xtask test"]
fn k09_an_answer_that_was_not_kept_is_asked_for_again() {
    killed(Course::Shop, 0, "effect.answered:1", INTENT_0);
    killed(Course::Shop, 0, "effect.answered:2", INTENT_1);
}

/// What the run that sends messages leaves after its first.
const INTERNAL_0: &str = "start claim intent outcome";

#[test]
#[ignore = "needs components: cargo xtask test"]
fn k10_an_outcome_that_the_component_did_not_see_is_replayed() {
    killed(Course::Messages, 0, "session.before-internal:1", "start claim");
    killed(Course::Messages, 0, "session.after-internal:1", INTERNAL_0);
    killed(
        Course::Messages,
        0,
        "session.after-internal:5",
        &format!("start claim{}", " intent outcome".repeat(5)),
    );
}

#[test]
#[ignore = "needs components: cargo xtask test"]
fn k10_a_message_whose_delivery_was_not_noted_is_the_same_message() {
    for point in ["mail.before-send:1", "mail.after-send:1", "mail.after-mark:1"] {
        let journey = Journey::new(Course::Messages);
        let serve = ["serve"];
        let detached = [&Step::Run.arguments()[..], &["--detach"]].concat();
        let _created = journey.command(&detached, None).expect(0);
        let killed = journey.command(&serve, Some(&Kill::At(point.to_owned())));
        assert_eq!(killed.code, None, "{point} was not reached\n{}", killed.stderr);
        journey.holds(point);
        let serving = journey.place.start(&serve, &[]);
        let outbox = journey.state().join("outbox");
        // Under its Message-ID a message takes the place of its first copy.
        until("five messages", relhost_tests::journey::BOUND, || (letters(&outbox) == 5).then_some(()));
        serving.interrupt();
        let _ended = serving.end(relhost_tests::journey::BOUND).expect(0);
        assert_eq!(letters(&outbox), 5, "{point}");
        journey.finish(0);
        assert_eq!(journey.outcome(), *uninterrupted(Course::Messages), "{point}");
    }
}

/// Whole messages.
fn letters(outbox: &std::path::Path) -> usize {
    let files = std::fs::read_dir(outbox).into_iter().flatten().filter_map(Result::ok);
    files.filter(|file| file.path().extension().is_some_and(|ending| ending == "eml")).count()
}

#[test]
#[ignore = "needs components: cargo xtask test"]
fn k11_a_wait_that_was_not_committed_is_opened_once() {
    killed(Course::Asks, 0, "session.before-wait:1", "start claim");
    killed(Course::Asks, 0, "advance.before-commit:3", "start claim");
}

#[test]
#[ignore = "needs components: cargo xtask test"]
fn k12_a_wait_that_was_committed_waits() {
    killed(Course::Asks, 0, "session.after-wait:1", "start claim wait-open");
    let journey = Journey::new(Course::Asks);
    journey.dies(&Step::Run.arguments(), "session.after-wait:1");
    for _ in 0..2 {
        let _waits = journey.step(Step::Run, None).expect(10);
        assert_eq!(left(&journey.evidence()), "start claim wait-open", "nobody claims what waits");
        assert_eq!(state(&journey), Some(RunState::Waiting));
    }
}

#[test]
#[ignore = "needs components: cargo xtask test"]
fn k16_a_wake_that_was_not_written_is_told_the_same() {
    killed(Course::Asks, 2, "runner.before-claim:1", "start claim wait-open");
    killed(Course::Asks, 2, "runner.after-claim:1", "start claim wait-open claim");
    killed(Course::Asks, 2, "session.wait-resolved:1", "start claim wait-open claim");
    killed(Course::Asks, 2, "session.before-internal:1", "start claim wait-open claim");
    killed(
        Course::Asks,
        2,
        "session.after-internal:1",
        "start claim wait-open claim wait-done intent outcome",
    );
}

#[test]
#[ignore = "needs components: cargo xtask test"]
fn k18_a_cancellation_is_told_at_the_next_call_and_once() {
    let cancel = ["release", "cancel", "rel-1", "--as", "ann"];
    for point in ["advance.before-commit:1", "advance.after-commit:1"] {
        let journey = Journey::new(Course::Looks);
        journey.dies(&Step::Run.arguments(), "session.after-effect:2");
        assert_eq!(state(&journey), Some(RunState::Running), "its owner is gone");
        journey.dies(&cancel, point);
        let again = journey.command(&cancel, None);
        assert_eq!(again.code, Some(if point.contains("before") { 0 } else { 7 }), "{}", again.stderr);
        journey.dies(&Step::Run.arguments(), "session.cancel-seen:1");
        assert_eq!(left(&journey.evidence()), format!("{INTENT_1} claim"), "it is not durable yet");
        let ended = journey.step(Step::Run, None).expect(3);
        assert!(ended.stderr.contains("canceled"), "{}", ended.stderr);
        journey.holds("at the end");
        let told = format!("{INTENT_1} claim claim cancel-seen outcome complete");
        assert_eq!(left(&journey.evidence()), told, "{point}");
        let _same = journey.place.run(&["release", "replay", "rel-1"]).expect(0);
    }
}

#[test]
#[ignore = "needs components: cargo xtask test"]
fn k20_an_end_that_was_not_committed_is_reached_again() {
    killed(Course::Shop, 0, "runner.before-complete:1", INTENT_1);
    killed(Course::Shop, 0, "runner.after-complete:1", "start claim intent outcome intent outcome complete");
    killed(Course::Shop, 2, "runner.before-complete:1", "start claim intent outcome intent outcome complete");
}

#[test]
#[ignore = "needs components: cargo xtask test"]
fn k28_a_migration_that_was_cut_off_is_done_again() {
    for point in ["store.before-migration-commit:1", "store.before-first-rename:1"] {
        killed(Course::Shop, 0, point, "");
    }
}

#[test]
#[ignore = "needs components: cargo xtask test"]
fn k31_a_second_owner_is_refused_and_told_who_has_the_folder() {
    let journey = Journey::new(Course::Shop);
    let mut first = journey.place.start(&["serve"], &[]);
    first.wait_for("serving");
    let lock = std::fs::read_to_string(journey.state().join("lock")).expect("read the lock");
    let lock: Value = serde_json::from_str(&lock).expect("the lock names its owner");
    let second = journey.command(&["serve"], None).expect(7);
    let owner = format!("process {} on {}", lock["pid"], lock["host"].as_str().expect("a name"));
    assert!(second.stderr.contains(&owner), "{owner}: {}", second.stderr);
    first.interrupt();
    let _ended = first.end(relhost_tests::journey::BOUND).expect(0);
    // A lock file that a killed owner leaves names nobody any more.
    journey.dies(&Step::Run.arguments(), "runner.after-claim:1");
    journey.finish(0);
}

#[test]
#[ignore = "needs components: cargo xtask test"]
fn the_lines_of_a_call_that_is_made_again_are_all_there() {
    // The component speaks before its second call, and the call speaks itself: both stand under one ordinal.
    killed(Course::Seed, 0, "session.after-intent:2", INTENT_1);
    killed(Course::Seed, 0, "session.after-effect:2", INTENT_1);
}

#[test]
#[ignore = "needs components: cargo xtask test"]
fn a_start_that_is_cut_off_is_made_again() {
    let journey = Journey::new(Course::Shop);
    journey.dies(&Step::Run.arguments(), "session.after-intent:1");
    for point in ["boot.before-recover:1", "boot.after-recover:1", "boot.after-look-back:1"] {
        journey.dies(&Step::Run.arguments(), point);
        assert_eq!(left(&journey.evidence()), INTENT_0, "{point}: nobody has claimed it");
    }
    journey.finish(0);
    assert_eq!(journey.outcome(), *uninterrupted(Course::Shop));
}

#[test]
#[ignore = "needs components: cargo xtask test"]
fn a_log_that_was_not_moved_into_the_database_is_read_from_where_it_is() {
    let done = "start claim intent outcome intent outcome complete";
    killed(Course::Shop, 0, "store.before-checkpoint:1", done);
    killed(Course::Shop, 0, "store.after-checkpoint:1", done);
}
