//! Cases of the crash matrix in which people act: a vote counts whole or not at all, an approval ends once,
//! and its time runs out also while nobody runs the host.

use std::ffi::OsStr;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use relhost_engine::event::Event;
use relhost_engine::port::store::RunState;
use relhost_model::approval::Resolution;
use relhost_tests::journey::{BOUND, Step, guests};
use relhost_tests::program::Running;
use relhost_tests::wait::until;

use super::*;

const APPROVE: [&str; 5] = ["approval", "approve", "apr-1", "--as", "ann"];

/// An owner that stays while it waits for people.
fn owner(journey: &Journey, point: Option<&str>) -> Running {
    let arguments = [&Step::Run.arguments()[..], &["--listen", "127.0.0.1:0"]].concat();
    let kill = point.map(|point| ("RELHOST_KILL", OsStr::new(point)));
    let trace = journey.trace();
    let environment: Vec<_> = kill.into_iter().chain([("RELHOST_KILL_TRACE", trace.as_os_str())]).collect();
    journey.place.start(&arguments, &environment)
}

/// Votes and whether it is over.
fn votes(journey: &Journey) -> (usize, bool) {
    let row = journey.place.run(&["approval", "get", "apr-1", "-o", "json"]).expect(0).json();
    (row["votes"].as_array().map_or(0, Vec::len), !row["decision"].is_null())
}

/// An approval as it is shown.
fn approval(journey: &Journey, number: u64) -> Value {
    journey.place.run(&["approval", "get", &format!("apr-{number}"), "-o", "json"]).expect(0).json()
}

/// When its time is over, in milliseconds.
fn due(journey: &Journey, number: u64) -> u64 {
    approval(journey, number)["approval"]["due_at"].as_u64().expect("it has a time")
}

/// The time of day in milliseconds.
#[expect(clippy::disallowed_methods, reason = "a test is outside of the host, and compares with its clock")]
fn now() -> u64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).expect("it is after 1970");
    u64::try_from(since.as_millis()).expect("it is long before the end of time")
}

/// How an approval ended.
fn ended(journey: &Journey, number: u64) -> Option<Resolution> {
    let evidence = journey.evidence();
    evidence.approvals.iter().find(|approval| approval.id.0 == number).expect("it was opened").resolution
}

#[test]
#[ignore = "needs components: cargo xtask test"]
fn k13_a_vote_that_was_not_committed_is_given_again() {
    // By whoever has the folder, and by a client of the owner.
    let journey = up_to(Course::Shop, 1);
    journey.dies(&APPROVE, "approval.before-close:1");
    assert_eq!(votes(&journey), (0, false));
    journey.finish(1);
    assert_eq!(journey.outcome(), *uninterrupted(Course::Shop));

    let journey = Journey::new(Course::Shop);
    let mut serving = owner(&journey, Some("approval.before-close:1"));
    serving.wait_for("apr-1 asks for approval");
    let vote = journey.place.run(&APPROVE);
    assert_ne!(vote.code, Some(0), "nobody was left to say that it counts: {}", vote.stdout);
    assert_eq!(serving.end(BOUND).code, None);
    journey.holds("K13");
    assert_eq!(votes(&journey), (0, false));
    journey.finish(1);
    assert_eq!(journey.outcome(), *uninterrupted(Course::Shop));
}

#[test]
#[ignore = "needs components: cargo xtask test"]
fn k14_a_vote_nobody_was_told_of_counts_once() {
    let journey = up_to(Course::Shop, 1);
    journey.dies(&APPROVE, "approval.after-close:1");
    assert_eq!(votes(&journey), (1, true));
    let again = journey.place.run(&APPROVE).expect(7);
    assert!(again.stderr.contains("approved"), "{}", again.stderr);
    journey.finish(2);
    assert_eq!(journey.outcome(), *uninterrupted(Course::Shop));

    let journey = Journey::new(Course::Shop);
    let mut serving = owner(&journey, Some("approval.after-close:1"));
    serving.wait_for("apr-1 asks for approval");
    let vote = journey.place.run(&APPROVE);
    assert_ne!(vote.code, Some(0), "nobody was left to say that it counts: {}", vote.stdout);
    assert_eq!(serving.end(BOUND).code, None);
    journey.holds("K14");
    assert_eq!(votes(&journey), (1, true));
    journey.finish(2);
    assert_eq!(journey.outcome(), *uninterrupted(Course::Shop));
}

#[test]
#[ignore = "needs components: cargo xtask test"]
fn k13_and_k14_a_vote_that_decides_nothing_yet_counts_once_too() {
    for (point, counted) in [("approval.before-vote:1", 0), ("approval.after-vote:1", 1)] {
        let journey = Journey::new(Course::Shop);
        journey.place.edit("relhost.yaml", "approvals-min: 1", "approvals-min: 2");
        let _waits = journey.step(Step::Run, None).expect(10);
        journey.dies(&APPROVE, point);
        assert_eq!(votes(&journey), (counted, false), "{point}");
        let again = journey.place.run(&APPROVE);
        assert_eq!(again.code == Some(0), counted == 0, "{point}: {}", again.stderr);
        assert_eq!(votes(&journey), (1, false), "one person is one vote");
        let _other = journey.place.run(&["approval", "approve", "apr-1", "--as", "bob"]).expect(0);
        let _done = journey.step(Step::GoOn, None).expect(0);
        journey.holds("at the end");
    }
}

#[test]
#[ignore = "needs components: cargo xtask test"]
fn k15_of_two_approvers_one_decides_and_the_other_is_told() {
    let journey = Journey::new(Course::Shop);
    let mut serving = owner(&journey, None);
    serving.wait_for("apr-1 asks for approval");
    let racers = ["ann", "bob"].map(|person| {
        let arguments = ["approval", "approve", "apr-1", "--as", person];
        journey.place.start(&arguments, &[])
    });
    let [first, second] = racers.map(|racer| racer.end(BOUND));
    let mut codes = [first.code, second.code];
    codes.sort_unstable();
    assert_eq!(codes, [Some(0), Some(7)], "{}\n{}", first.stderr, second.stderr);
    let (loser, winner) = if first.code == Some(7) { (first, "bob") } else { (second, "ann") };
    assert!(loser.stderr.contains("approved"), "{}", loser.stderr);
    let _done = serving.end(BOUND).expect(0);
    journey.holds("K15");
    assert_eq!(votes(&journey), (1, true));
    let row = journey.place.run(&["approval", "get", "apr-1", "-o", "json"]).expect(0).json();
    assert_eq!(row["votes"][0]["voter"]["person"], winner, "{row}");
}

/// How long people have in the tests in which nobody is quick enough.
const SOON: Duration = Duration::from_secs(3);

#[test]
#[ignore = "needs components: cargo xtask test"]
fn k15_an_approval_that_runs_out_while_it_is_given_ends_once() {
    let journey = Journey::new(Course::Shop);
    journey.place.edit("pipeline.yaml", "policy: any-one", "policy: any-one\n        timeout: 3s");
    let opens = Instant::now();
    let serving = owner(&journey, None);
    let mut votes = Vec::new();
    // One vote after the other until one of them is told how it ended.
    let decided = until("an end", BOUND, || {
        if opens.elapsed() < SOON {
            return None;
        }
        votes.push(journey.place.run(&APPROVE));
        votes.last().filter(|vote| matches!(vote.code, Some(0 | 6 | 7))).map(|vote| vote.code)
    });
    let done = serving.end(BOUND);
    journey.holds("K15");
    let (resolution, code) =
        if decided == Some(0) { (Resolution::Approved, 0) } else { (Resolution::Expired, 6) };
    assert_eq!(ended(&journey, 1), Some(resolution), "{decided:?}");
    assert_eq!(done.code, Some(code), "{}", done.stderr);
}

#[test]
#[ignore = "needs components: cargo xtask test"]
fn k17_times_that_ran_out_while_nobody_ran_the_host_end_in_their_order() {
    let journey = Journey::new(Course::Asks);
    // Both are opened at once, usually in this order: whoever goes by number, newest first, gets it wrong.
    let stage = |name: &str, environment: &str, timeout: &str| {
        let with = format!("{{ approvers: [bob], timeout: {timeout} }}");
        format!("{{ name: {name}, environment: {environment}, after: release, uses: guest, with: {with} }}")
    };
    // Long enough that the run, which ends when people are needed, is over before either of them.
    let stages = [stage("Early", "dev", "20s"), stage("Late", "prod", "21s")].join(", ");
    let config = std::fs::read_to_string(journey.place.path().join("relhost.yaml")).expect("read it");
    guests(&journey.place, &format!("[{stages}]"), "asks");
    let _as_it_was = journey.place.write("relhost.yaml", &config.replace(", approvals-min: 1", ""));
    let waits = journey.step(Step::Run, None).expect(10);
    assert!(waits.stderr.contains("apr-2"), "{}", waits.stderr);
    let last = due(&journey, 1).max(due(&journey, 2));
    until("both are overdue", BOUND, || (now() > last).then_some(()));
    assert_eq!((ended(&journey, 1), ended(&journey, 2)), (None, None), "nobody ran the host");
    // The host that finds them dies at the first of their ends.
    journey.dies(&["resume", "rel-1"], "advance.after-commit:1");
    let resumed = journey.command(&["resume", "rel-1"], None).expect(6);
    journey.holds("K17");
    let evidence = journey.evidence();
    let closed: Vec<u64> = evidence.releases[0]
        .events
        .iter()
        .filter_map(|recorded| match &recorded.event {
            Event::ApprovalClosed { approval, resolution: Resolution::Expired, .. } => Some(approval.0),
            _ => None,
        })
        .collect();
    for number in [1, 2] {
        let row = approval(&journey, number);
        let at = row["decision"]["at"].as_u64().expect("it is closed");
        assert!(due(&journey, number) < at, "how late it was stays known: {row}");
    }
    assert_eq!(closed.len(), 2, "{closed:?}");
    assert!(due(&journey, closed[0]) < due(&journey, closed[1]), "{closed:?}\n{}", resumed.stderr);
    assert!(evidence.runs.iter().all(|run| run.state == RunState::Done));
}
