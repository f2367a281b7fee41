//! What holds for every program: a journal cut anywhere goes on to the same end, and a changed one stops.

use std::collections::{BTreeMap, BTreeSet};

use proptest::prelude::*;
use relhost_engine::journal::{self, Frame, Record};
use relhost_engine::replay::{JournalLimit, verify};
use relhost_model::call::{Answer, CallError, effect_key};
use relhost_model::digest::Digest;
use relhost_model::id::ApprovalId;

use crate::journaled::{Component, Disk, Fuse, Life, Stop, start};

fn component() -> impl Strategy<Value = Component> {
    (any::<u64>(), 0_u32..14).prop_map(|(seed, calls)| Component { seed: seed >> 16, calls })
}

/// How many calls of a journal are answered.
fn answered(disk: &Disk) -> u32 {
    let outcome = |record: &&Record| matches!(record, Record::Outcome { .. } | Record::WaitDone { .. });
    u32::try_from(disk.records().iter().filter(outcome).count()).expect("a short journal")
}

/// The invariants of a finished run, whoever was killed on the way.
fn check_whole(life: &Life) {
    let frames = life.disk.frames();
    verify(&frames).expect("the journal is one");
    let (mut intents, mut outcomes, mut waits, mut resolved) = (0, 0, 0, 0);
    for record in life.disk.records() {
        match record {
            Record::Intent { .. } => intents += 1,
            Record::Outcome { .. } => outcomes += 1,
            Record::WaitOpen { .. } => waits += 1,
            Record::WaitDone { .. } => resolved += 1,
            _ => {}
        }
    }
    assert_eq!((intents, waits), (outcomes, resolved), "one outcome per intent");
    assert_eq!(intents + waits, life.component.calls, "one record of each call");
    let mut keys = BTreeMap::new();
    for (ordinal, key, fingerprint) in &life.effects {
        let first = keys.entry(*ordinal).or_insert((*key, *fingerprint));
        assert_eq!(*first, (*key, *fingerprint), "a repeated effect has the same key and arguments");
        assert_eq!(*key, effect_key(start(life.component.seed).uuid, 0, *ordinal));
    }
}

proptest! {
    // Each case replays its journal once per frame.
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn every_prefix_goes_on_to_the_same_end(component in component()) {
        let (whole, end) = Life::whole(component);
        check_whole(&whole);
        for rows in 1..whole.disk.rows.len() {
            let mut life = Life::new(component, whole.disk.prefix(rows));
            life.approvals.clone_from(&whole.approvals);
            let known = answered(&life.disk);
            prop_assert_eq!(&life.finish(), &end, "cut after {} frames", rows);
            prop_assert_eq!(&life.calls, &whole.calls);
            let rest: Vec<_> = whole.effects.iter().filter(|effect| effect.0 >= known).copied().collect();
            prop_assert_eq!(&life.effects, &rest, "cut after {} frames: only what has no outcome leaves", rows);
            check_whole(&life);
        }
    }

    #[test]
    fn killing_the_host_anywhere_changes_nothing_but_repetitions(
        component in component(),
        fuses in prop::collection::vec(0_u32..12, 0..12),
    ) {
        let (whole, end) = Life::whole(component);
        let mut life = Life::new(component, Disk::created(component.seed));
        for steps in fuses {
            match life.activate(&mut Fuse(Some(steps))) {
                Ok(early) => {
                    prop_assert_eq!(&early, &end);
                    prop_assert_eq!(&life.calls, &whole.calls);
                    return Ok(());
                }
                Err(Stop::Killed | Stop::Waits) => {}
                Err(stop) => return Err(TestCaseError::fail(stop.why())),
            }
        }
        prop_assert_eq!(&life.finish(), &end);
        prop_assert_eq!(&life.calls, &whole.calls);
        check_whole(&life);
        let made = |life: &Life| life.effects.iter().copied().collect::<BTreeSet<_>>();
        prop_assert_eq!(made(&life), made(&whole), "the same effects under the same keys");
        prop_assert_eq!(&life.disk.outbox, &whole.disk.outbox, "each message once");
        prop_assert_eq!(&life.disk.lines, &whole.disk.lines, "each line once, none lost");
    }

    #[test]
    fn a_flipped_byte_is_found_before_anything_runs(
        component in component(),
        row in any::<prop::sample::Index>(),
        byte in any::<prop::sample::Index>(),
        mask in 1_u8..,
    ) {
        let (whole, _) = Life::whole(component);
        let mut disk = whole.disk.clone();
        let row = row.index(disk.rows.len());
        let body = &mut disk.rows[row].body;
        let byte = byte.index(body.len());
        body[byte] ^= mask;
        let original = whole.disk.frames();
        match journal::decode(&disk.rows[row].body) {
            Err(_) => {}
            // Another spelling of the same facts.
            Ok(records) if records == original[row].records => {}
            Ok(_) => prop_assert!(verify(&disk.frames()).is_err(), "byte {} of frame {}", byte, row),
        }
    }

    #[test]
    fn a_changed_call_stops_the_run_even_under_a_valid_chain(
        component in component().prop_filter("calls", |component| component.calls > 1),
        place in any::<prop::sample::Index>(),
        change in 0_usize..6,
    ) {
        let (whole, _) = Life::whole(component);
        let mut frames = whole.disk.frames();
        // Not the end, and not the last call: without it the journal is only shorter.
        frames.truncate(frames.len() - 1);
        if !mutate(&mut frames, place, change) {
            return Ok(());
        }
        let mut life = Life::new(component, Disk::rehashed(&frames));
        life.approvals.clone_from(&whole.approvals);
        let stop = match life.activate(&mut Fuse(None)) {
            Ok(end) => return Err(TestCaseError::fail(format!("went on to {end:?}"))),
            Err(stop) => stop,
        };
        prop_assert!(matches!(stop, Stop::Damaged(_) | Stop::Mismatch(_)), "{:?}", stop);
        prop_assert!(life.effects.is_empty(), "nothing leaves a run that does not replay");
    }

    #[test]
    fn a_journal_never_outgrows_its_limit_by_more_than_its_end(component in component(), limit in 2_u32..30) {
        let mut life = Life::new(component, Disk::created(component.seed));
        life.limit = JournalLimit(limit);
        let stop = loop {
            match life.activate(&mut Fuse(None)) {
                Err(Stop::Waits) => {}
                other => break other,
            }
        };
        let needed = Life::whole(component).0.disk.count;
        match stop {
            Ok(_) => {}
            Err(Stop::Full(records)) => prop_assert!(records + 4 > limit && needed > limit - 2),
            Err(stop) => return Err(TestCaseError::fail(stop.why())),
        }
        // An outcome that rides with the end may come on top.
        prop_assert!(life.disk.count <= limit + 1, "{} records", life.disk.count);
    }
}

/// Changes what one call is, in place. False if there is no such call.
fn mutate(frames: &mut [Frame], place: prop::sample::Index, change: usize) -> bool {
    let is_call = |record: &Record| matches!(record, Record::Intent { .. } | Record::WaitOpen { .. });
    let calls: Vec<(usize, usize)> = frames
        .iter()
        .enumerate()
        .flat_map(|(f, frame)| {
            let records = frame.records.iter().enumerate();
            records.filter(|(_, record)| is_call(record)).map(move |(r, _)| (f, r))
        })
        .collect();
    // The last call has nothing behind it that would miss it.
    let Some(calls) = calls.split_last().map(|(_, calls)| calls).filter(|calls| !calls.is_empty()) else {
        return false;
    };
    let (frame, index) = calls[place.index(calls.len())];
    let records = &mut frames[frame].records;
    match change {
        0 => fields(&mut records[index]).1.0[5] ^= 1,
        1 => fields(&mut records[index]).2.push('x'),
        2 => *fields(&mut records[index]).0 += 1,
        3 => drop(records.remove(index)),
        4 => records.insert(index, records[index].clone()),
        _ => {
            let ordinal = *fields(&mut records[index]).0;
            let answer = Box::new(Answer::Refused(CallError::permanent("forged", "forged")));
            let at = relhost_model::time::Timestamp(1);
            records.push(Record::Outcome { at, ordinal, answer, attested: None });
        }
    }
    true
}

/// Ordinal, fingerprint and operation of a call's record.
fn fields(record: &mut Record) -> (&mut u32, &mut Digest, &mut String) {
    match record {
        Record::Intent { ordinal, fingerprint, operation, .. }
        | Record::WaitOpen { ordinal, fingerprint, operation, .. } => (ordinal, fingerprint, operation),
        other => unreachable!("{other:?} is no call"),
    }
}

#[test]
fn a_prefix_knows_its_open_wait_by_its_approval() {
    let life =
        (0..).map(|seed| Life::whole(Component { seed, calls: 6 }).0).find(|l| !l.approvals.is_empty());
    let life = life.expect("some program asks people");
    let opened: BTreeSet<ApprovalId> = life
        .disk
        .records()
        .iter()
        .filter_map(|record| match record {
            Record::WaitOpen { approval, .. } => Some(*approval),
            _ => None,
        })
        .collect();
    assert_eq!(opened, life.approvals.keys().copied().collect());
}
