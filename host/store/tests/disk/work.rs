//! Several producers that commit at random, and what each of them was told.

use std::collections::BTreeMap;
use std::collections::btree_map::Entry;
use std::path::Path;

use fastrand::Rng;
use relhost_engine::event::Recorded;
use relhost_engine::journal::Frame;
use relhost_engine::port::store::{Change, Commit, LogEntry, Rows, Sequence, Store as _, StoreError};
use relhost_engine::release::ReleaseState;
use relhost_model::approval::{Approval, Vote};
use relhost_model::call::LogLine;
use relhost_model::digest::Digest;
use relhost_model::id::{ApprovalId, ReleaseId, RunId};
use relhost_model::release::{Mode, Snapshot};
use relhost_store::{SqliteStore, StateFolder, Writer};

use crate::sample;

/// How the store of a trial is opened.
pub type Open = fn(&Path) -> Result<(SqliteStore, Writer), StoreError>;

/// As the host does it.
pub fn open(folder: &Path) -> Result<(SqliteStore, Writer), StoreError> {
    SqliteStore::open(&StateFolder::acquire(folder)?)
}

/// A store with its writer's thread.
pub struct Running {
    pub store: SqliteStore,
    thread: std::thread::JoinHandle<()>,
}

impl Running {
    pub fn start((store, writer): (SqliteStore, Writer)) -> Self {
        let thread = std::thread::Builder::new().name("store-writer".into()).spawn(|| writer.run()).unwrap();
        Self { store, thread }
    }

    /// Closes it, whether or not the disk plays along.
    pub fn stop(self) {
        let _ = block_on(self.store.close());
        self.thread.join().unwrap();
    }
}

pub fn block_on<T>(future: impl Future<Output = T>) -> T {
    tokio::runtime::Builder::new_current_thread().build().unwrap().block_on(future)
}

/// One thing that a commit makes true.
#[derive(Debug, Clone)]
pub enum Fact {
    Release(ReleaseId, Box<Snapshot>),
    Frame(Frame),
    Event(ReleaseId, Recorded),
    Note(ReleaseId, LogLine),
    Blob(Digest),
    Approval(Box<Approval>),
    Vote(ApprovalId, Vote),
}

/// A commit: what it makes true, all together, and whether its producer was told that it is durable.
#[derive(Debug)]
pub struct Done {
    pub facts: Vec<Fact>,
    pub acknowledged: bool,
}

/// Commits until something fails or `steps` are done.
pub async fn produce(store: SqliteStore, mut rng: Rng, steps: usize) -> Vec<Done> {
    let mut producer =
        Producer { store, done: Vec::new(), release: None, tails: Vec::new(), events: 0, open: None };
    for _ in 0..steps {
        if !producer.step(&mut rng).await {
            break;
        }
    }
    producer.done
}

struct Producer {
    store: SqliteStore,
    done: Vec<Done>,
    release: Option<ReleaseId>,
    tails: Vec<Frame>,
    events: u64,
    /// An open approval with its number of votes.
    open: Option<(ApprovalId, u64)>,
}

impl Producer {
    async fn step(&mut self, rng: &mut Rng) -> bool {
        let Some(release) = self.release else {
            let id = ReleaseId(self.store.allocate(Sequence::Release));
            let key = format!("key-{}", id.0);
            let commit = sample::create_release(id, &key, Mode::Real);
            (self.release, self.events) = (Some(id), 1);
            let snapshot = Box::new(sample::snapshot(&key, Mode::Real));
            return self.commit(commit, vec![Fact::Release(id, snapshot), event(id, 0)]).await;
        };
        match rng.u8(0..10) {
            0 => self.run(release).await,
            1 => self.event(release).await,
            2 => self.vote(release).await,
            _ if self.tails.is_empty() => self.run(release).await,
            _ => self.frame(rng, release).await,
        }
    }

    async fn commit(&mut self, commit: Commit, facts: Vec<Fact>) -> bool {
        let answer = self.store.commit(commit).await;
        self.done.push(Done { facts, acknowledged: answer.is_ok() });
        match answer {
            Ok(()) => true,
            Err(StoreError::Fatal { .. }) => false,
            Err(other) => panic!("a commit was refused: {other}"),
        }
    }

    async fn run(&mut self, release: ReleaseId) -> bool {
        let id = RunId(self.store.allocate(Sequence::Run));
        let commit = sample::create_run(id, release);
        let frame = sample::stored(commit.frame.as_ref().unwrap());
        self.tails.push(frame.clone());
        self.commit(commit, vec![Fact::Frame(frame)]).await
    }

    async fn event(&mut self, release: ReleaseId) -> bool {
        let seq = self.events;
        self.events += 1;
        let events = sample::events(release, seq, sample::summary(&[]));
        self.commit(Commit { events: Some(events), ..Commit::default() }, vec![event(release, seq)]).await
    }

    async fn vote(&mut self, release: ReleaseId) -> bool {
        let Some((approval, votes)) = &mut self.open else {
            let id = ApprovalId(self.store.allocate(Sequence::Approval));
            self.open = Some((id, 0));
            let approval = Box::new(sample::approval(id, release));
            let change = Change::OpenApproval(approval.clone());
            return self.commit(sample::changes(vec![change]), vec![Fact::Approval(approval)]).await;
        };
        let (approval, expected) = (*approval, *votes);
        *votes += 1;
        let vote = sample::vote(&format!("voter-{expected}"));
        let fact = Fact::Vote(approval, vote.clone());
        let change = Change::AddVote { approval, expected, vote: Box::new(vote) };
        self.commit(sample::changes(vec![change]), vec![fact]).await
    }

    /// A frame with all that may ride with it.
    async fn frame(&mut self, rng: &mut Rng, release: ReleaseId) -> bool {
        let tail = rng.choice(&mut self.tails).unwrap();
        let ordinal = u32::try_from(tail.position).unwrap();
        let append = sample::after(tail, vec![sample::intent(ordinal)]);
        *tail = sample::stored(&append);
        let mut facts = vec![Fact::Frame(tail.clone())];
        let mut commit = sample::frame(append);
        if rng.bool() {
            let text = format!("{} {} {}", tail.run, tail.position, "x".repeat(rng.usize(0..3_000)));
            let line = sample::line(&text);
            commit.changes.push(Change::Note { release, at: sample::at(1), line: line.clone() });
            facts.push(Fact::Note(release, line));
        }
        if rng.u8(0..4) == 0 {
            // Big ones fill the log quickly, so that it is moved to the database often.
            let mut bytes = vec![0; rng.usize(1..250_000)];
            rng.fill(&mut bytes);
            facts.push(Fact::Blob(Digest::of(&bytes)));
            commit.changes.push(Change::PutBlob(bytes));
        }
        self.commit(commit, facts).await
    }
}

fn event(release: ReleaseId, seq: u64) -> Fact {
    let events = sample::events(release, seq, sample::summary(&[]));
    Fact::Event(release, Recorded { seq, at: events.at, event: events.events[0].clone() })
}

/// A store that was opened again, read once.
pub struct Seen<'a> {
    store: &'a SqliteStore,
    journals: BTreeMap<RunId, Vec<Frame>>,
    notes: BTreeMap<ReleaseId, Rows<LogEntry>>,
    events: BTreeMap<ReleaseId, Vec<Recorded>>,
}

impl<'a> Seen<'a> {
    pub fn new(store: &'a SqliteStore) -> Self {
        Self { store, journals: BTreeMap::new(), notes: BTreeMap::new(), events: BTreeMap::new() }
    }

    pub async fn holds(&mut self, fact: &Fact) -> Result<bool, StoreError> {
        let read = self.store.read();
        Ok(match fact {
            Fact::Release(id, snapshot) => {
                let found = read.snapshot(*id).await?;
                read.release(*id).await?.is_some_and(|row| row.name == snapshot.name)
                    && found.as_ref() == Some(&**snapshot)
            }
            Fact::Frame(frame) => {
                if let Entry::Vacant(unread) = self.journals.entry(frame.run) {
                    unread.insert(read.journal(frame.run).await?);
                }
                let at = usize::try_from(frame.position).unwrap();
                self.journals[&frame.run].get(at).is_some_and(|found| {
                    (found.hash, &found.records, found.epoch) == (frame.hash, &frame.records, frame.epoch)
                })
            }
            Fact::Event(release, event) => {
                if let Entry::Vacant(unread) = self.events.entry(*release) {
                    unread.insert(read.events(*release, 0).await?);
                }
                self.events[release].contains(event)
            }
            Fact::Note(release, line) => {
                if let Entry::Vacant(unread) = self.notes.entry(*release) {
                    unread.insert(notes(self.store, *release).await?);
                }
                self.notes[release].rows.iter().any(|entry| entry.line == *line)
            }
            Fact::Blob(digest) => read.blob(*digest).await?.is_some(),
            Fact::Approval(opened) => {
                read.approval(opened.id).await?.is_some_and(|row| row.approval == **opened)
            }
            Fact::Vote(id, vote) => read.approval(*id).await?.is_some_and(|row| row.votes.contains(vote)),
        })
    }

    /// Whether a list that could hold it has left something out, and said so.
    pub fn named(&self, fact: &Fact) -> bool {
        matches!(fact, Fact::Note(release, _) if !self.notes[release].damaged.is_empty())
    }

    /// Releases that were read fold into a state.
    pub async fn folds(&self) -> Result<(), String> {
        for (release, events) in &self.events {
            let snapshot = self.store.read().snapshot(*release).await.map_err(|error| error.to_string())?;
            if let Some(snapshot) = snapshot {
                ReleaseState::fold(*release, snapshot, events).map_err(|error| error.to_string())?;
            }
        }
        Ok(())
    }
}

async fn notes(store: &SqliteStore, release: ReleaseId) -> Result<Rows<LogEntry>, StoreError> {
    let mut all = Rows::default();
    loop {
        let since = all.rows.last().map_or(0, |entry: &LogEntry| entry.seq + 1);
        let page = store.read().logs(release, since).await?;
        all.damaged.extend(page.damaged);
        if page.rows.is_empty() {
            return Ok(all);
        }
        all.rows.extend(page.rows);
    }
}
