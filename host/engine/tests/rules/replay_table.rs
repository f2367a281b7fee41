//! What one journal answers, call by call, and what an operator may add to it.

use proptest::prelude::*;
use relhost_engine::journal::{Frame, Record};
use relhost_engine::replay::{
    Attested, Begin, JournalLimit, Mismatch, ReplayError, RunJournal, abort, attest, random, verify,
};
use relhost_model::approval::{Decision, Resolution};
use relhost_model::call::{
    Answer, ApprovalCall, CallError, DeployCall, Deployed, GenericSecretCall, HostCall, LogLevel, LogLine,
    NotifyCall, Rollout, WaitCall,
};
use relhost_model::id::ApprovalId;
use relhost_model::release::RunEnd;
use relhost_model::time::Timestamp;

use crate::journaled::{Component, Disk, Fuse, Life, at};
use crate::world::{name, person};

fn deploy(image: &str) -> HostCall {
    HostCall::Deploy(DeployCall { images: vec!["base".into(), image.into()], ..DeployCall::default() })
}

fn wait() -> HostCall {
    HostCall::Wait(WaitCall { deployment: "d".into(), timeout_seconds: 0 })
}

fn secret() -> HostCall {
    HostCall::GenericSecret(GenericSecretCall { name: "s".into(), entries: Vec::new() })
}

fn ask() -> HostCall {
    HostCall::AwaitApproval(ApprovalCall {
        instructions: String::new(),
        policy: None,
        policy_settings: serde_json::Value::Null,
        approvers: vec![name("ann")],
        timeout_seconds: None,
    })
}

fn notify() -> HostCall {
    HostCall::Notify(NotifyCall { channel: "ann".into(), subject: "s".into(), body: "b".into() })
}

fn answers() -> Vec<Answer> {
    let decision =
        Decision { resolution: Resolution::Approved, reason: String::new(), votes: Vec::new(), at: at(0, 0) };
    vec![
        Answer::Deployed(Deployed { id: "d".into(), objects: Vec::new(), warnings: Vec::new() }),
        Answer::Rollout(Rollout::default()),
        Answer::Secret("s".into()),
        Answer::Decision(decision),
        Answer::Message("m".into()),
        Answer::Refused(CallError::permanent("no", "no")),
    ]
}

fn rollout() -> Answer {
    Answer::Rollout(Rollout::default())
}

/// A new owner of what lies on the disk.
fn claimed(disk: &mut Disk) -> RunJournal {
    disk.claim();
    RunJournal::load(disk.frames()).expect("the journal is one")
}

/// Makes an effect and leaves its outcome pending.
fn made(disk: &mut Disk, journal: &mut RunJournal, call: HostCall, answer: Answer) {
    let ordinal = journal.next_ordinal();
    intended(disk, journal, call);
    journal.finish(ordinal, answer, at(ordinal, 2));
}

/// Records an effect's intent, and leaves it in doubt.
fn intended(disk: &mut Disk, journal: &mut RunJournal, call: HostCall) {
    let ordinal = journal.next_ordinal();
    let Begin::Perform { frame: Some(frame), .. } = journal.begin(call, at(ordinal, 1)) else {
        panic!("a new effect wants its intent on the disk")
    };
    disk.append(&frame);
    journal.committed(&frame);
}

/// Three answered calls; the outcome of the last is pending and lost.
fn three() -> Disk {
    let mut disk = Disk::created(1);
    let mut journal = claimed(&mut disk);
    made(&mut disk, &mut journal, deploy("a"), answers()[0].clone());
    made(&mut disk, &mut journal, wait(), rollout());
    intended(&mut disk, &mut journal, secret());
    disk
}

fn mismatch(begin: Begin) -> Mismatch {
    match begin {
        Begin::Mismatch(mismatch) => *mismatch,
        other => panic!("{other:?}"),
    }
}

#[test]
fn an_outcome_costs_no_commit_of_its_own() {
    let disk = three();
    let kinds: Vec<Vec<&str>> = disk.frames().iter().map(|f| f.records.iter().map(kind).collect()).collect();
    let expected: [&[&str]; 5] =
        [&["start"], &["claim"], &["intent"], &["outcome", "intent"], &["outcome", "intent"]];
    assert_eq!(kinds, expected);
}

fn kind(record: &Record) -> &'static str {
    match record {
        Record::Start { .. } => "start",
        Record::Claim { .. } => "claim",
        Record::Intent { .. } => "intent",
        Record::Outcome { .. } => "outcome",
        Record::WaitOpen { .. } => "wait-open",
        Record::WaitDone { .. } => "wait-done",
        Record::CancelSeen { .. } => "cancel-seen",
        Record::Complete { .. } => "complete",
    }
}

#[test]
fn recorded_calls_are_answered_and_the_one_in_doubt_is_made_again_under_its_key() {
    let mut disk = three();
    let mut journal = claimed(&mut disk);
    assert!(journal.replaying());
    assert!(matches!(journal.begin(deploy("a"), at(9, 9)), Begin::Replayed(Answer::Deployed(_))));
    assert_eq!(journal.now(), at(0, 2), "what the first owner was told, and when");
    assert!(journal.deployed("d").is_some() && journal.deployed("e").is_none());
    assert!(matches!(journal.begin(wait(), at(9, 9)), Begin::Replayed(Answer::Rollout(_))));
    let again = journal.begin(secret(), at(9, 9));
    let Begin::Perform { ordinal: 2, key, frame: None, in_doubt: true, .. } = again else {
        panic!("{again:?}")
    };
    journal.finish(2, answers()[2].clone(), at(9, 9));
    assert!(!journal.replaying());
    let Begin::Perform { key: next, in_doubt: false, frame: Some(frame), .. } =
        journal.begin(deploy("b"), at(9, 9))
    else {
        panic!("the journal is at its end")
    };
    assert_ne!(key, next);
    assert_eq!(frame.records.iter().map(kind).collect::<Vec<_>>(), ["outcome", "intent"]);
}

#[test]
fn a_claim_moves_no_clock_and_no_answer_moves_it_back() {
    let mut disk = Disk::created(1);
    let mut journal = claimed(&mut disk);
    assert_eq!(journal.now(), at(0, 0), "the start");
    made(&mut disk, &mut journal, deploy("a"), rollout());
    let told = journal.now();
    let Begin::Internal { ordinal, .. } = journal.begin(notify(), at(1, 1)) else { panic!("internal") };
    let frame = journal.internal(ordinal, &answers()[4], Timestamp(5));
    disk.append(&frame);
    journal.committed(&frame);
    assert_eq!(journal.now(), told, "the host's clock went back, the component's does not");
    let mut journal = claimed(&mut disk);
    for call in [deploy("a"), notify()] {
        assert!(matches!(journal.begin(call, at(9, 9)), Begin::Replayed(_)));
    }
    assert_eq!(journal.now(), told);
}

#[test]
fn a_wait_ends_the_activation_and_its_decision_answers_the_call() {
    let mut disk = Disk::created(1);
    let mut journal = claimed(&mut disk);
    let Begin::Internal { ordinal: 0, .. } = journal.begin(ask(), at(0, 1)) else { panic!("internal") };
    let frame = journal.open_wait(0, ApprovalId(3), at(0, 1));
    disk.append(&frame);
    for _ in 0..2 {
        // As often as owners come and go before anybody decides.
        let mut journal = claimed(&mut disk);
        let begin = journal.begin(ask(), at(0, 5));
        assert!(matches!(begin, Begin::Waiting { ordinal: 0, approval: ApprovalId(3) }), "{begin:?}");
    }
    let mut journal = claimed(&mut disk);
    assert!(matches!(journal.begin(ask(), at(0, 5)), Begin::Waiting { .. }));
    let Answer::Decision(decision) = answers()[3].clone() else { unreachable!("the fourth is a decision") };
    assert_eq!(journal.resolve_wait(decision, at(0, 7)), answers()[3]);
    assert_eq!((journal.now(), journal.next_ordinal()), (at(0, 7), 1));
    let frame = journal.complete(end(), at(1, 0)).expect("nothing is left");
    assert_eq!(frame.records.iter().map(kind).collect::<Vec<_>>(), ["wait-done", "complete"]);
}

fn end() -> RunEnd {
    RunEnd::Aborted { by: person("ann"), reason: "enough".into() }
}

#[test]
fn other_arguments_are_named_by_their_place() {
    let mut disk = three();
    let mismatch = mismatch(claimed(&mut disk).begin(deploy("b"), at(9, 9)));
    assert_eq!(mismatch.diff.len(), 1);
    let field = &mismatch.diff[0];
    assert_eq!((&*field.path, &*field.recorded, &*field.requested), ("/deploy/images/1", "\"a\"", "\"b\""));
    let error = CallError::from(mismatch);
    assert_eq!(error.code, "replay-mismatch");
    assert!(!error.retryable);
    let text = format!("{error} {:?}", error.details);
    for part in ["call 0", "arguments", "/deploy/images/1", "recorded at", "release retry", "release abort"] {
        assert!(text.contains(part), "{part} in {text}");
    }
}

#[test]
fn another_call_is_named_with_the_calls_that_agreed() {
    let mut disk = three();
    let mut journal = claimed(&mut disk);
    for call in [deploy("a"), wait()] {
        assert!(matches!(journal.begin(call, at(9, 9)), Begin::Replayed(_)));
    }
    let mismatch = mismatch(journal.begin(notify(), at(9, 9)));
    assert_eq!(mismatch.ordinal, 2);
    assert_eq!(mismatch.recorded, Some((secret().operation().to_owned(), at(2, 1))));
    assert_eq!(mismatch.requested.as_deref(), Some(notify().operation()));
    assert_eq!(mismatch.last.len(), 2);
    assert!(mismatch.last[1].starts_with("1: ") && mismatch.last[1].contains(wait().operation()));
    let text = mismatch.to_string();
    assert!(text.contains(secret().operation()) && text.contains(notify().operation()), "{text}");
}

#[test]
fn only_the_last_five_calls_that_agreed_are_shown() {
    let mut disk = Disk::created(1);
    let mut journal = claimed(&mut disk);
    for _ in 0..8 {
        made(&mut disk, &mut journal, wait(), rollout());
    }
    let mut journal = claimed(&mut disk);
    for _ in 0..7 {
        assert!(matches!(journal.begin(wait(), at(9, 9)), Begin::Replayed(_)));
    }
    let last = mismatch(journal.begin(notify(), at(9, 9))).last;
    assert_eq!(last.iter().map(|line| &line[..2]).collect::<Vec<_>>(), ["2:", "3:", "4:", "5:", "6:"]);
}

#[test]
fn returning_before_the_records_end_is_a_mismatch() {
    let mut disk = three();
    let mut journal = claimed(&mut disk);
    assert!(matches!(journal.begin(deploy("a"), at(9, 9)), Begin::Replayed(_)));
    let mismatch = journal.complete(end(), at(9, 9)).expect_err("two calls are left");
    assert_eq!((mismatch.ordinal, mismatch.requested.as_deref()), (1, None));
    assert!(mismatch.to_string().contains("returned before call 1"), "{mismatch}");
}

#[test]
fn a_finished_journal_replays_as_it_is() {
    let component = Component { seed: 5, calls: 9 };
    let (whole, _) = Life::whole(component);
    let frames = whole.disk.frames();
    let recorded = whole.disk.records().into_iter();
    let calls = recorded.filter_map(|record| match record {
        Record::Intent { call, .. } | Record::WaitOpen { call, .. } => Some(*call),
        _ => None,
    });
    let mut journal = RunJournal::load(frames).expect("the end is part of a journal");
    for call in calls {
        assert!(matches!(journal.begin(call, at(9, 9)), Begin::Replayed(_)));
    }
    assert!(!journal.replaying());
}

#[test]
#[should_panic(expected = "one host call at a time")]
fn a_second_call_before_the_first_is_answered_is_a_defect() {
    let mut disk = Disk::created(1);
    let mut journal = claimed(&mut disk);
    intended(&mut disk, &mut journal, deploy("a"));
    let _ = journal.begin(wait(), at(1, 1));
}

#[test]
fn a_canceled_call_is_recorded_and_stays_canceled() {
    let mut disk = Disk::created(1);
    let mut journal = claimed(&mut disk);
    let Begin::Perform { ordinal: 0, .. } = journal.begin(deploy("a"), at(0, 1)) else { panic!("new") };
    let answer = journal.cancel_seen(0, at(0, 2));
    let Answer::Refused(error) = &answer else { panic!("{answer:?}") };
    assert_eq!(error.code, "canceled");
    let frame = journal.complete(end(), at(1, 0)).expect("nothing is left");
    let kinds: Vec<&str> = frame.records.iter().map(kind).collect();
    assert_eq!(kinds, ["intent", "cancel-seen", "outcome", "complete"]);
    disk.append(&frame);
    verify(&disk.frames()).expect("the journal is one");
    let mut journal = RunJournal::load(disk.frames()).expect("the journal is one");
    let Begin::Replayed(replayed) = journal.begin(deploy("a"), at(9, 9)) else { panic!("recorded") };
    assert_eq!(replayed, answer);
}

#[test]
fn a_call_in_doubt_can_be_answered_with_the_cancellation() {
    let mut disk = three();
    let mut journal = claimed(&mut disk);
    for call in [deploy("a"), wait()] {
        assert!(matches!(journal.begin(call, at(9, 9)), Begin::Replayed(_)));
    }
    assert!(matches!(journal.begin(secret(), at(9, 9)), Begin::Perform { in_doubt: true, .. }));
    journal.cancel_seen(2, at(9, 9));
    let frame = journal.complete(end(), at(9, 9)).expect("nothing is left");
    assert_eq!(frame.records.iter().map(kind).collect::<Vec<_>>(), ["cancel-seen", "outcome", "complete"]);
    disk.append(&frame);
    verify(&disk.frames()).expect("its intent is not recorded twice");
}

fn line(text: &str) -> LogLine {
    LogLine { level: LogLevel::Info, source: "plugin".into(), message: text.into(), fields: Vec::new() }
}

#[test]
fn lines_lie_under_the_call_they_came_before_and_are_dropped_in_a_replay() {
    let mut disk = Disk::created(1);
    let mut journal = claimed(&mut disk);
    journal.log(line("one"));
    journal.log(line("two"));
    made(&mut disk, &mut journal, deploy("a"), rollout());
    journal.log(line("three"));
    intended(&mut disk, &mut journal, wait());
    let keys: Vec<_> = disk.lines.iter().map(|(key, line)| (*key, line.message.as_str())).collect();
    assert_eq!(keys, [((0, 0), "one"), ((0, 1), "two"), ((1, 0), "three")]);
    let mut journal = claimed(&mut disk);
    journal.log(line("one"));
    assert!(matches!(journal.begin(deploy("a"), at(9, 9)), Begin::Replayed(_)));
    journal.log(line("three"));
    assert!(matches!(journal.begin(wait(), at(9, 9)), Begin::Perform { .. }));
    journal.finish(1, rollout(), at(9, 9));
    journal.log(line("four"));
    let frame = journal.complete(end(), at(9, 9)).expect("nothing is left");
    let messages: Vec<_> = frame.logs.iter().map(|(o, n, line)| (*o, *n, &*line.message)).collect();
    assert_eq!(messages, [(2, 0, "four")]);
}

#[test]
fn the_lines_of_a_call_that_is_made_again_stand_beside_those_before_it() {
    let mut disk = Disk::created(1);
    let mut journal = claimed(&mut disk);
    journal.log(line("before"));
    intended(&mut disk, &mut journal, deploy("a"));
    // The host dies while the call is made: what was said of it is lost with it.
    journal.log(line("lost"));
    let mut journal = claimed(&mut disk);
    journal.log(line("before"));
    assert!(matches!(journal.begin(deploy("a"), at(9, 9)), Begin::Perform { in_doubt: true, .. }));
    journal.log(line("made again"));
    journal.finish(0, rollout(), at(9, 9));
    disk.append(&journal.complete(end(), at(9, 9)).expect("nothing is left"));
    let said: Vec<_> = disk.lines.values().map(|line| line.message.as_str()).collect();
    assert_eq!(said, ["before", "made again"]);
}

#[test]
fn a_run_is_not_used_up_by_owners_that_come_and_go() {
    let mut disk = Disk::created(1);
    // One record is the start; a call takes two and the end one.
    let limit = JournalLimit(4);
    for _ in 0..100 {
        disk.claim();
    }
    let mut journal = RunJournal::load_with_limit(disk.frames(), limit).expect("the journal is one");
    assert_eq!(journal.records(), 1);
    made(&mut disk, &mut journal, deploy("a"), rollout());
    assert!(matches!(journal.begin(wait(), at(9, 9)), Begin::LimitReached { .. }));
}

#[test]
fn an_owner_that_was_replaced_collides_at_its_next_append() {
    let mut disk = Disk::created(1);
    let mut old = claimed(&mut disk);
    made(&mut disk, &mut old, deploy("a"), rollout());
    let mut new = claimed(&mut disk);
    let Begin::Perform { frame: Some(late), .. } = old.begin(wait(), at(1, 1)) else { panic!("new") };
    assert!(late.position < disk.rows.len() as u64, "the claim has the position");
    assert!(matches!(new.begin(deploy("a"), at(1, 1)), Begin::Perform { in_doubt: true, .. }));
}

#[test]
fn a_person_may_answer_only_what_is_in_doubt() {
    let by = || (person("ann"), "seen in the cluster".to_owned());
    let mut disk = three();
    for ordinal in [0, 1, 3] {
        let refused = attest(disk.frames(), (ordinal, answers()[2].clone()), by(), at(9, 9));
        assert_eq!(refused.err(), Some(Attested::NotInDoubt { ordinal }));
    }
    let frame = attest(disk.frames(), (2, answers()[2].clone()), by(), at(9, 9)).expect("it is in doubt");
    assert!(matches!(&frame.records[..], [Record::Outcome { attested: Some(who), .. }] if *who == by()));
    disk.append(&frame);
    let mut journal = claimed(&mut disk);
    for call in [deploy("a"), wait(), secret()] {
        assert!(matches!(journal.begin(call, at(9, 9)), Begin::Replayed(_)));
    }
    assert_eq!(journal.now(), at(9, 9), "told when it was attested");
    assert!(!journal.replaying());
}

#[test]
fn a_wait_for_people_is_not_in_doubt() {
    let mut disk = Disk::created(1);
    let mut journal = claimed(&mut disk);
    assert!(matches!(journal.begin(ask(), at(0, 1)), Begin::Internal { .. }));
    disk.append(&journal.open_wait(0, ApprovalId(3), at(0, 1)));
    let refused = attest(disk.frames(), (0, answers()[3].clone()), (person("ann"), String::new()), at(0, 2));
    assert_eq!(refused.err(), Some(Attested::NotInDoubt { ordinal: 0 }));
}

#[test]
fn an_attested_answer_is_of_the_kind_of_its_call() {
    // Which of `answers()` each effect takes; a refusal answers everything.
    for (call, fitting) in [(deploy("a"), 0), (wait(), 1), (secret(), 2)] {
        let mut disk = Disk::created(1);
        let mut journal = claimed(&mut disk);
        intended(&mut disk, &mut journal, call);
        for (index, answer) in answers().into_iter().enumerate() {
            let attested = attest(disk.frames(), (0, answer), (person("ann"), String::new()), at(0, 3));
            assert_eq!(attested.is_ok(), index == fitting || index == 5, "answer {index}");
        }
    }
}

#[test]
fn an_abort_ends_the_journal_once() {
    let mut disk = three();
    let frame = abort(&disk.frames(), end(), at(9, 9)).expect("it has no end");
    disk.append(&frame);
    verify(&disk.frames()).expect("an aborted run may leave a call in doubt");
    assert_eq!(abort(&disk.frames(), end(), at(9, 9)).err(), Some(ReplayError::AfterEnd));
}

#[test]
fn frames_that_no_run_writes_are_refused() {
    type Damage = fn(&mut Vec<Frame>);
    let table: [(&str, Damage, bool, ReplayError); 11] = [
        ("none", |f| f.clear(), false, ReplayError::Empty),
        ("one is missing", |f| drop(f.remove(2)), false, ReplayError::Position { expected: 2, found: 3 }),
        ("its hash is another", |f| f[3].hash.0[0] ^= 1, false, ReplayError::Hash { position: 3 }),
        ("records moved", |f| f[3].records.reverse(), false, ReplayError::Hash { position: 3 }),
        ("an old epoch", |f| f[3].epoch = 0, false, ReplayError::Epoch { position: 3 }),
        ("no start", |f| f[0].records.clear(), true, ReplayError::NoStart),
        (
            "two starts",
            |f| {
                let s = f[0].records[0].clone();
                f[2].records.insert(0, s)
            },
            true,
            ReplayError::SecondStart,
        ),
        ("an outcome first", |f| f[2].records.clear(), true, ReplayError::NoIntent { ordinal: 0 }),
        ("no outcome", |f| drop(f[3].records.remove(0)), true, ReplayError::NoOutcome { ordinal: 0 }),
        (
            "two outcomes",
            |f| {
                let o = f[3].records[0].clone();
                f[3].records.insert(0, o)
            },
            true,
            ReplayError::SecondOutcome { ordinal: 0 },
        ),
        ("after the end", |f| f[3].records.insert(0, complete()), true, ReplayError::AfterEnd),
    ];
    for (what, damage, rehash, expected) in table {
        let mut frames = three().frames();
        damage(&mut frames);
        let frames = if rehash { Disk::rehashed(&frames).frames() } else { frames };
        assert_eq!(verify(&frames).err(), Some(expected.clone()), "{what}");
        // The store has hashed the bytes before it hands out frames.
        if !matches!(expected, ReplayError::Hash { .. }) {
            assert_eq!(RunJournal::load(frames).err(), Some(expected), "{what}");
        }
    }
}

fn complete() -> Record {
    Record::Complete { at: at(0, 0), end: Box::new(end()) }
}

#[test]
fn a_call_out_of_order_is_refused() {
    let mut frames = three().frames();
    for record in &mut frames[4].records {
        if let Record::Intent { ordinal, .. } = record {
            *ordinal = 7;
        }
    }
    let expected = ReplayError::Ordinal { expected: 2, found: 7 };
    assert_eq!(verify(&Disk::rehashed(&frames).frames()).err(), Some(expected));
}

#[test]
fn the_limit_names_what_is_durable() {
    let mut life = Life::new(Component { seed: 3, calls: 10 }, Disk::created(3));
    life.limit = relhost_engine::replay::JournalLimit(4);
    let stopped = life.activate(&mut Fuse(None));
    assert!(matches!(stopped, Err(crate::journaled::Stop::Full(2..=4) | crate::journaled::Stop::Waits)));
    let whole = Life::whole(life.component).1;
    life.limit = relhost_engine::replay::JournalLimit::default();
    assert_eq!(life.finish(), whole, "with a higher limit it goes on where it stopped");
}

proptest! {
    #[test]
    fn random_bytes_are_a_function_of_seed_and_counter(seed in "[0-9a-f]{8}", counter in 0_u64..9, len in 0_usize..200) {
        let (mut first, mut second) = (counter, counter);
        let bytes = random(&seed, &mut first, len);
        prop_assert_eq!(bytes.len(), len);
        prop_assert_eq!(&random(&seed, &mut second, len), &bytes);
        prop_assert_eq!(first, second);
        prop_assert_eq!(first - counter, len.div_ceil(32) as u64, "no block is drawn twice");
        if len >= 16 {
            prop_assert_ne!(&random(&seed, &mut first, len), &bytes, "later bytes are others");
            prop_assert_ne!(&random(&format!("{seed}0"), &mut { counter }, len), &bytes, "so are another run's");
        }
    }
}
