//! A tiny component, the outside world it acts on, and a disk that survives when the host is killed.

use std::collections::{BTreeMap, BTreeSet};

use relhost_engine::journal::{self, Frame, Record, chain, encode};
use relhost_engine::port::store::AppendFrame;
use relhost_engine::replay::{Begin, JournalLimit, RunJournal};
use relhost_model::actor::Actor;
use relhost_model::approval::{Decision, Resolution};
use relhost_model::call::{
    Answer, ApprovalCall, CallError, DeployCall, Deployed, DockerRegistryCall, GenericSecretCall, HostCall,
    LogLevel, LogLine, NotifyCall, Rollout, WaitCall,
};
use relhost_model::digest::{Digest, canonical};
use relhost_model::id::{ApprovalId, RunId};
use relhost_model::release::{RunContext, RunEnd, RunStart, StageOutcome, Status};
use relhost_model::time::Timestamp;

use crate::world::{name, uuid};

pub const RUN: RunId = RunId(7);
/// When owners take the run: far from anything a component is told.
const CLAIMED: Timestamp = Timestamp(9_000_000_000);

/// When the world lets things happen: a function of the place in the program, so that a repeated call
/// happens at the same time.
pub fn at(ordinal: u32, step: u64) -> Timestamp {
    Timestamp(10_000 + u64::from(ordinal) * 100 + step)
}

pub fn start(seed: u64) -> RunStart {
    RunStart {
        run: RUN,
        uuid: uuid(seed),
        component: Digest::of(b"component"),
        seed: format!("{seed:064x}"),
        context: RunContext {
            pipeline: "shop".into(),
            release: "Release-1".into(),
            stage: "Dev".into(),
            environment: "dev".into(),
            namespace: "shop".into(),
            attempt: 1,
            rehearsal: false,
            requester: Actor::Service("trigger".into()),
            artifacts: Vec::new(),
            variables: BTreeMap::new(),
            settings: "{}".into(),
            outputs: BTreeMap::new(),
        },
    }
}

/// A frame as a row: its body is bytes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Row {
    pub epoch: u64,
    pub hash: Digest,
    pub body: Vec<u8>,
}

impl Row {
    pub fn records(&self) -> Vec<Record> {
        journal::decode(&self.body).expect("what was encoded can be decoded")
    }
}

/// Everything that survives.
#[derive(Debug, Clone, Default)]
pub struct Disk {
    pub rows: Vec<Row>,
    /// How many records the rows hold, claims apart.
    pub count: u32,
    /// Inserted or ignored, as the store does it.
    pub lines: BTreeMap<(u32, u32), LogLine>,
    /// Messages by effect key, committed with the frame that records them.
    pub outbox: BTreeSet<Digest>,
}

impl Disk {
    pub fn created(seed: u64) -> Self {
        let mut disk = Self::default();
        let record = Record::Start { at: at(0, 0), start: Box::new(start(seed)) };
        disk.push(0, &[record]);
        disk
    }

    fn push(&mut self, epoch: u64, records: &[Record]) {
        let body = encode(records);
        let hash = chain(self.rows.last().map(|row| row.hash), &body);
        self.rows.push(Row { epoch, hash, body });
        let counted = records.iter().filter(|record| !matches!(record, Record::Claim { .. })).count();
        self.count += u32::try_from(counted).expect("a short journal");
    }

    /// The disk that holds these frames under a chain that holds, whatever hashes they say they have.
    pub fn rehashed(frames: &[Frame]) -> Self {
        let mut disk = Self::default();
        for frame in frames {
            disk.push(frame.epoch, &frame.records);
        }
        disk
    }

    /// A new owner.
    pub fn claim(&mut self) {
        let claim = Record::Claim { at: CLAIMED, owner: "owner".into(), version: "0.1.0".into() };
        self.push(self.rows.len() as u64, &[claim]);
    }

    /// Appends, under the store's three guards.
    pub fn append(&mut self, frame: &AppendFrame) {
        let last = self.rows.last().expect("a run has a first frame");
        assert_eq!(frame.position, self.rows.len() as u64, "the position follows the last");
        assert_eq!((frame.epoch, frame.previous), (last.epoch, Some(last.hash)), "it is the owner's");
        self.push(frame.epoch, &frame.records);
        for (ordinal, index, line) in &frame.logs {
            self.lines.entry((*ordinal, *index)).or_insert_with(|| line.clone());
        }
    }

    /// What a store returns.
    pub fn frames(&self) -> Vec<Frame> {
        let frame = |(position, row): (u64, &Row)| Frame {
            run: RUN,
            position,
            epoch: row.epoch,
            records: row.records(),
            hash: row.hash,
            at: CLAIMED,
            logs: Vec::new(),
        };
        (0..).zip(&self.rows).map(frame).collect()
    }

    pub fn records(&self) -> Vec<Record> {
        self.frames().into_iter().flat_map(|frame| frame.records).collect()
    }

    /// The state of the disk right after its first `rows` commits, without log lines and messages.
    pub fn prefix(&self, rows: usize) -> Self {
        Self::rehashed(&self.frames()[..rows])
    }
}

/// Whose calls follow from its seed, from every answer, and from the time it is told.
#[derive(Debug, Clone, Copy)]
pub struct Component {
    pub seed: u64,
    pub calls: u32,
}

/// What a component knows: nothing but what it was told.
struct Memory {
    told: Digest,
    made: u32,
    deployed: Vec<String>,
}

impl Component {
    fn awake(self) -> Memory {
        Memory { told: Digest::of(&self.seed.to_be_bytes()), made: 0, deployed: Vec::new() }
    }

    fn next(self, memory: &Memory) -> Option<HostCall> {
        (memory.made < self.calls).then(|| call(&memory.told, &memory.deployed))
    }
}

impl Memory {
    fn hear(&mut self, answer: &Answer, now: Timestamp) {
        let parts = [self.told.0.as_slice(), &canonical(answer), &now.0.to_be_bytes()];
        self.told = Digest::of_parts(parts);
        self.made += 1;
        if let Answer::Deployed(deployed) = answer {
            self.deployed.push(deployed.id.clone());
        }
    }
}

/// Any call, out of random bytes.
pub fn call(random: &Digest, deployed: &[String]) -> HostCall {
    let word = random.short();
    match random.0[31] % 6 {
        0 => HostCall::Deploy(DeployCall { manifests: vec![word], ..DeployCall::default() }),
        1 => {
            let deployment = deployed.get(usize::from(random.0[30]) % deployed.len().max(1)).cloned();
            let timeout_seconds = u32::from(random.0[29]);
            HostCall::Wait(WaitCall { deployment: deployment.unwrap_or(word), timeout_seconds })
        }
        2 => HostCall::DockerRegistrySecret(DockerRegistryCall { name: word, registry: name("registry") }),
        3 => HostCall::GenericSecret(GenericSecretCall { name: word, entries: Vec::new() }),
        4 => HostCall::AwaitApproval(ApprovalCall {
            instructions: word,
            policy: None,
            policy_settings: serde_json::json!({ "count": random.0[28], "who": ["ann"] }),
            approvers: vec![name("group:leads")],
            timeout_seconds: None,
        }),
        _ => HostCall::Notify(NotifyCall { channel: "requester".into(), subject: word, body: "x".into() }),
    }
}

/// The world's answer to an effect: the same key finds the same world.
fn answer(key: &Digest, call: &HostCall) -> Answer {
    if key.0[0].is_multiple_of(7) {
        return Answer::Refused(
            CallError::transient("busy", key.short()).with("because", "the test says so"),
        );
    }
    match call {
        HostCall::Deploy(_) => {
            Answer::Deployed(Deployed { id: key.hex(), objects: Vec::new(), warnings: vec![key.short()] })
        }
        HostCall::Wait(_) => Answer::Rollout(Rollout { warnings: vec![key.short()], ..Rollout::default() }),
        HostCall::DockerRegistrySecret(_) | HostCall::GenericSecret(_) => Answer::Secret(key.short()),
        HostCall::Notify(_) => Answer::Message(key.hex()),
        HostCall::AwaitApproval(_) => unreachable!("people answer it"),
    }
}

fn decision(ordinal: u32) -> Decision {
    let resolution = if ordinal.is_multiple_of(2) { Resolution::Approved } else { Resolution::Rejected };
    Decision { resolution, reason: format!("call {ordinal}"), votes: Vec::new(), at: at(ordinal, 50) }
}

fn line(text: String) -> LogLine {
    LogLine { level: LogLevel::Info, source: "plugin".into(), message: text, fields: Vec::new() }
}

/// Kills the host after so many steps.
pub struct Fuse(pub Option<u32>);

impl Fuse {
    fn burn(&mut self) -> Result<(), Stop> {
        match &mut self.0 {
            Some(0) => Err(Stop::Killed),
            Some(left) => {
                *left -= 1;
                Ok(())
            }
            None => Ok(()),
        }
    }
}

/// Why an activation ended before the component returned.
#[derive(Debug)]
pub enum Stop {
    Killed,
    Waits,
    Damaged(relhost_engine::replay::ReplayError),
    Mismatch(Box<relhost_engine::replay::Mismatch>),
    Full(u32),
}

impl Stop {
    pub fn why(&self) -> String {
        match self {
            Self::Killed => "the host was killed".into(),
            Self::Waits => "it waits for people".into(),
            Self::Damaged(error) => error.to_string(),
            Self::Mismatch(mismatch) => mismatch.to_string(),
            Self::Full(records) => format!("the journal has {records} records"),
        }
    }
}

/// An effect that reached the world: ordinal, key, and what was asked.
pub type Effect = (u32, Digest, Digest);

/// One run, from its creation to its end, over any number of owners.
#[derive(Debug, Clone)]
pub struct Life {
    pub component: Component,
    pub disk: Disk,
    /// Everything that left the host, in order, repetitions included.
    pub effects: Vec<Effect>,
    /// Which call each approval belongs to; all are decided at once.
    pub approvals: BTreeMap<ApprovalId, u32>,
    /// The fingerprints of the calls of the last activation.
    pub calls: Vec<Digest>,
    pub limit: JournalLimit,
    approvals_opened: u64,
}

impl Life {
    pub fn new(component: Component, disk: Disk) -> Self {
        let limit = JournalLimit::default();
        let (effects, approvals, calls) = (Vec::new(), BTreeMap::new(), Vec::new());
        Self { component, disk, effects, approvals, calls, limit, approvals_opened: 100 }
    }

    /// From creation to the end with nobody in the way.
    pub fn whole(component: Component) -> (Self, RunEnd) {
        let mut life = Self::new(component, Disk::created(component.seed));
        let end = life.finish();
        (life, end)
    }

    /// Activates until the component has returned.
    pub fn finish(&mut self) -> RunEnd {
        loop {
            match self.activate(&mut Fuse(None)) {
                Ok(end) => return end,
                Err(Stop::Waits) => {}
                Err(stop) => panic!("the run stopped: {}", stop.why()),
            }
        }
    }

    /// Claims the run and drives it until it ends, waits, or the host is killed.
    pub fn activate(&mut self, fuse: &mut Fuse) -> Result<RunEnd, Stop> {
        self.disk.claim();
        let loaded = RunJournal::load_with_limit(self.disk.frames(), self.limit);
        let mut journal = loaded.map_err(Stop::Damaged)?;
        let mut memory = self.component.awake();
        self.calls.clear();
        while let Some(call) = self.component.next(&memory) {
            journal.log(line(format!("{} before {}", memory.told.short(), memory.made)));
            self.calls.push(call.fingerprint());
            let known = |id: &String| journal.deployed(id).is_some();
            assert!(memory.deployed.iter().all(known), "every apply that was told of is known");
            let answer = self.call(&mut journal, call, fuse)?;
            memory.hear(&answer, journal.now());
        }
        let outcome =
            StageOutcome { status: Status::Succeeded, summary: memory.told.hex(), outputs: BTreeMap::new() };
        let end = RunEnd::Returned(outcome);
        let last = journal.complete(end.clone(), at(memory.made, 0)).map_err(Stop::Mismatch)?;
        fuse.burn()?;
        self.commit(&mut journal, &last);
        Ok(end)
    }

    fn commit(&mut self, journal: &mut RunJournal, frame: &AppendFrame) {
        self.disk.append(frame);
        journal.committed(frame);
        let last = self.disk.rows.last().expect("a frame was appended");
        assert_eq!(journal.hash(), last.hash, "the journal knows what is durable");
        assert_eq!(journal.records(), self.disk.count, "and how much of it");
    }

    fn call(&mut self, journal: &mut RunJournal, call: HostCall, fuse: &mut Fuse) -> Result<Answer, Stop> {
        let ordinal = journal.next_ordinal();
        match journal.begin(call, at(ordinal, 1)) {
            Begin::Replayed(answer) => Ok(answer),
            Begin::Perform { ordinal, key, frame, call, in_doubt } => {
                assert_eq!(frame.is_none(), in_doubt, "an intent is either new or in doubt");
                fuse.burn()?;
                if let Some(frame) = frame {
                    self.commit(journal, &frame);
                    fuse.burn()?;
                }
                self.perform((ordinal, key), &call);
                fuse.burn()?;
                journal.log(line(format!("{} is made", key.short())));
                let answer = answer(&key, &call);
                journal.finish(ordinal, answer.clone(), at(ordinal, 2));
                Ok(answer)
            }
            Begin::Internal { ordinal, call: HostCall::AwaitApproval(_), .. } => {
                fuse.burn()?;
                self.approvals_opened += 1;
                let approval = ApprovalId(self.approvals_opened);
                let frame = journal.open_wait(ordinal, approval, at(ordinal, 1));
                self.commit(journal, &frame);
                self.approvals.insert(approval, ordinal);
                Err(Stop::Waits)
            }
            Begin::Internal { ordinal, key, call } => {
                fuse.burn()?;
                let answer = answer(&key, &call);
                let frame = journal.internal(ordinal, &answer, at(ordinal, 2));
                self.commit(journal, &frame);
                self.disk.outbox.insert(key);
                Ok(answer)
            }
            Begin::Waiting { ordinal, approval } => {
                assert_eq!(self.approvals.get(&approval), Some(&ordinal), "it waits for its own approval");
                fuse.burn()?;
                Ok(journal.resolve_wait(decision(ordinal), at(ordinal, 51)))
            }
            Begin::Mismatch(mismatch) => Err(Stop::Mismatch(mismatch)),
            Begin::LimitReached { records } => Err(Stop::Full(records)),
        }
    }

    /// Lets the call out, if its intent is on the disk.
    fn perform(&mut self, (ordinal, key): (u32, Digest), call: &HostCall) {
        let is_intent = |record: &Record| {
            matches!(record, Record::Intent { ordinal: of, fingerprint, .. }
                if *of == ordinal && *fingerprint == call.fingerprint())
        };
        let mut latest_first = self.disk.rows.iter().rev().map(Row::records);
        assert!(latest_first.any(|r| r.iter().any(is_intent)), "nothing leaves before its intent is durable");
        self.effects.push((ordinal, key, call.fingerprint()));
    }
}
