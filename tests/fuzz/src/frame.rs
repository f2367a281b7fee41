//! The frame decoder: what it reads is written as the same bytes again, and a journal that loads can be replayed.
//!
//! Input: one frame's body; or, where the first byte is none of a format that is known, a journal as lines, each
//! the records of one frame.

use relhost_engine::journal::{FORMAT, Frame, Record, chain, decode, encode};
use relhost_engine::replay::{Begin, Program, RunJournal};
use relhost_model::digest::Digest;
use relhost_model::id::RunId;
use relhost_model::time::Timestamp;

pub(crate) fn run(data: &[u8]) {
    if let Ok(records) = decode(data) {
        let body = encode(&records);
        assert_eq!(body.first(), Some(&FORMAT), "written in the format that is read");
        assert_eq!(decode(&body).expect("what was written can be read"), records, "writing changes records");
    }
    if data.first() != Some(&FORMAT) {
        replays(frames(data));
    }
}

/// The frames of a journal, each chained to the one before it. A line that holds no records ends it.
fn frames(data: &[u8]) -> Vec<Frame> {
    let mut frames: Vec<Frame> = Vec::new();
    let mut epoch = 0;
    for (position, line) in (0..).zip(data.split(|byte| *byte == b'\n')) {
        let Ok(records) = serde_json::from_slice::<Vec<Record>>(line) else { break };
        if records.iter().any(|record| matches!(record, Record::Claim { .. })) {
            epoch = position;
        }
        let previous: Option<Digest> = frames.last().map(|frame| frame.hash);
        let hash = chain(previous, &encode(&records));
        let (run, at) = (RunId(1), Timestamp(0));
        frames.push(Frame { run, position, epoch, records, hash, at, logs: Vec::new() });
    }
    frames
}

/// A run that makes the recorded calls is answered from its journal. One that makes another call is stopped.
fn replays(frames: Vec<Frame>) {
    let Ok(mut journal) = RunJournal::load(frames.clone()) else { return };
    let program = Program::read(frames).expect("a journal that was loaded");
    for (ordinal, step) in (0..).zip(&program.steps) {
        assert_eq!(journal.next_ordinal(), ordinal, "calls are answered in their order");
        assert!(journal.replaying(), "a recorded call is left");
        let recorded = step.fingerprint == step.call.fingerprint() && step.operation == step.call.operation();
        match journal.begin(step.call.clone(), Timestamp(0)) {
            Begin::Replayed(answer) => {
                let expected = step.answer.as_ref().map(|(answer, _)| answer);
                assert!(recorded && expected == Some(&answer), "answered with something else");
            }
            Begin::Perform { in_doubt, frame, .. } => {
                assert!(
                    recorded && in_doubt && frame.is_none(),
                    "an intent that is durable is not written again"
                );
                assert!(
                    step.answer.is_none() && step.wait.is_none(),
                    "made again although it has an outcome"
                );
                return;
            }
            Begin::Waiting { approval, .. } => {
                let expected = step.wait.map(|wait| wait.approval);
                assert!(recorded && step.answer.is_none() && expected == Some(approval), "waits for another");
                return;
            }
            Begin::Mismatch(mismatch) => {
                assert!(!recorded, "the recorded call is not recognised: {mismatch}");
                return;
            }
            other => panic!("a recorded call is not answered from the journal: {other:?}"),
        }
    }
}
