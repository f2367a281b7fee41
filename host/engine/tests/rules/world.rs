//! A small pipeline, its operator's configuration, and a source of time and ids that counts.

use std::collections::{BTreeMap, BTreeSet};

use relhost_engine::event::{Event, Recorded};
use relhost_engine::plan;
use relhost_engine::port::store::Sequence;
use relhost_engine::release::{Decision, Input, PlanRequest, Refusal, ReleaseState, Source, decide};
use relhost_model::actor::Actor;
use relhost_model::approval::{Approver, TIMEOUT_DEFAULT};
use relhost_model::artifact::{ArtifactFile, BuildInfo, FrozenArtifact};
use relhost_model::call::CallError;
use relhost_model::config::{ClusterAccess, ClusterConnection, Config, Environment, Person};
use relhost_model::digest::Digest;
use relhost_model::id::{PersonId, ReleaseId, RunUuid, StageName};
use relhost_model::pipeline::{After, ApprovalSpec, Pipeline, Predecessor, Stage, StageApprovals};
use relhost_model::release::{DeploymentPlan, Mode, PinnedComponent, PluginKind, Reason, Snapshot};
use relhost_model::time::Timestamp;

pub fn name<T: std::str::FromStr<Err: std::fmt::Debug>>(text: &str) -> T {
    text.parse().expect("a name of the tests is well-formed")
}

pub fn person(id: &str) -> Actor {
    Actor::Person(name(id))
}

pub fn group(id: &str) -> Approver {
    Approver::Group(name(id))
}

/// The same number always gives the same public id.
pub fn uuid(number: u64) -> RunUuid {
    let text = format!("\"00000000-0000-4000-8000-{number:012x}\"");
    serde_json::from_str(&text).expect("the digits make a UUID")
}

pub fn after(predecessors: &[&str]) -> After {
    let predecessor = |stage: &&str| Predecessor { stage: name(stage), partial: false };
    After::Stages(predecessors.iter().map(predecessor).collect())
}

pub fn asks(approvers: &[&str]) -> ApprovalSpec {
    ApprovalSpec {
        policies: Vec::new(),
        approvers: approvers.iter().map(|text| name(text)).collect(),
        timeout: TIMEOUT_DEFAULT,
        instructions: "look at $(Release.ReleaseName)".into(),
    }
}

/// A stage towards the environment of its own name.
pub fn stage(text: &str, after: After) -> Stage {
    Stage {
        name: name(text),
        environment: name(&text.to_lowercase()),
        after,
        uses: name("deployer"),
        with: serde_json::json!({ "image": "app:$(tag)" }),
        variables: BTreeMap::new(),
        approval: StageApprovals::default(),
        cloned_from: None,
    }
}

pub fn artifact(content: &str) -> FrozenArtifact {
    let mut files =
        vec![ArtifactFile { path: "app.yaml".into(), size: 7, digest: Digest::of(content.as_bytes()) }];
    FrozenArtifact {
        alias: name("web"),
        digest: FrozenArtifact::digest_of(&mut files),
        origin: "./build".into(),
        build: BuildInfo { number: Some("1".into()), ..BuildInfo::default() },
        files,
    }
}

fn pinned(text: &str, kind: PluginKind) -> PinnedComponent {
    PinnedComponent { digest: Digest::of(text.as_bytes()), kind, origin: "bundled".into() }
}

/// Requested by `rita`.
pub fn snapshot(stages: Vec<Stage>) -> Snapshot {
    let variables = [("tag".to_owned(), "v1".to_owned())].into();
    Snapshot {
        pipeline: Pipeline {
            name: name("shop"),
            revision: Digest::of(b"pipeline"),
            release_name: "Release-$(Rev:r)".into(),
            artifacts: Vec::new(),
            variables,
            legacy_variables: false,
            plugins: BTreeMap::new(),
            stages,
        },
        name: "Release-1".into(),
        key: "key".into(),
        mode: Mode::Real,
        reason: Reason::Manual,
        requester: person("rita"),
        requested_for: None,
        artifacts: vec![artifact("first")],
        components: BTreeMap::from([
            (name("deployer"), pinned("deployer", PluginKind::Stage)),
            (name("any-one"), pinned("any-one", PluginKind::Policy)),
            (name("window"), pinned("window", PluginKind::Policy)),
        ]),
        overrides: BTreeMap::new(),
        demanded: BTreeMap::from([(name("window"), pinned("the operator's window", PluginKind::Policy))]),
        created_at: Timestamp(1_000),
    }
}

pub fn environment() -> Environment {
    Environment {
        cluster: Some(name("kind")),
        namespace: None,
        approvals_min: 0,
        requester_may_approve: false,
        approvers: vec![group("leads")],
        policies: Vec::new(),
    }
}

/// Ann, Bob and Cleo lead; Dan, Eve and Rita are known. An environment per stage of the snapshot.
pub fn config(snapshot: &Snapshot) -> Config {
    let people = ["ann", "bob", "cleo", "dan", "eve", "rita"];
    let connection = ClusterConnection {
        access: ClusterAccess::InCluster,
        namespace: "shop".into(),
        cluster_kinds: Vec::new(),
        dry_run: true,
    };
    let environments =
        snapshot.pipeline.stages.iter().map(|stage| (stage.environment.clone(), environment()));
    Config {
        people: people.map(|id| (name(id), Person::default())).into(),
        groups: [(name("leads"), ["ann", "bob", "cleo"].map(name::<PersonId>).to_vec())].into(),
        clusters: [(name("kind"), connection)].into(),
        environments: environments.collect(),
        ..Config::default()
    }
}

/// Counts: every id is new, every look at the clock is later.
pub struct Counting {
    pub config: Config,
    /// Stages that cannot be planned.
    pub broken: BTreeSet<StageName>,
    last: u64,
    clock: std::cell::Cell<u64>,
}

impl Counting {
    pub fn new(config: Config) -> Self {
        Self { config, broken: BTreeSet::new(), last: 0, clock: 1_000.into() }
    }
}

impl Source for Counting {
    fn now(&self) -> Timestamp {
        self.clock.set(self.clock.get() + 1);
        Timestamp(self.clock.get())
    }

    fn id(&mut self, _: Sequence) -> u64 {
        self.last += 1;
        self.last
    }

    fn uuid(&mut self) -> RunUuid {
        self.last += 1;
        uuid(self.last)
    }

    fn seed(&mut self) -> String {
        "00".repeat(32)
    }

    fn plan(&mut self, state: &ReleaseState, request: &PlanRequest) -> Result<DeploymentPlan, CallError> {
        if self.broken.contains(&request.stage) {
            return Err(CallError::permanent("broken", "the test says so"));
        }
        plan::for_state(state, &self.config, request)
    }

    fn config(&self) -> &Config {
        &self.config
    }
}

/// A release with everything that was committed for it.
pub struct Release {
    pub state: ReleaseState,
    pub source: Counting,
    pub history: Vec<Recorded>,
}

impl Release {
    /// Not yet told that it was created.
    pub fn blank(snapshot: Snapshot, config: Config) -> Self {
        let state = ReleaseState::fold(ReleaseId(1), snapshot, &[]).expect("no events fold");
        Self { state, source: Counting::new(config), history: Vec::new() }
    }

    /// Created by Rita.
    pub fn of(stages: Vec<Stage>) -> Self {
        let snapshot = snapshot(stages);
        let config = config(&snapshot);
        let mut release = Self::blank(snapshot, config);
        release.tell(Input::Create { by: person("rita") }).expect("a release can be created");
        release
    }

    /// Decides and commits.
    pub fn tell(&mut self, input: Input) -> Result<Decision, Refusal> {
        let decision = decide(&self.state, input, &mut self.source)?;
        for event in &decision.events {
            self.commit(event.clone()).expect("a decision's own events fold");
        }
        Ok(decision)
    }

    /// Applies one event as the store would have it.
    pub fn commit(&mut self, event: Event) -> Result<(), relhost_engine::release::FoldError> {
        let at = self.source.now();
        let seq = self.state.next;
        self.state.apply(&event, at)?;
        self.history.push(Recorded { seq, at, event });
        Ok(())
    }

    pub fn latest(&self, stage: &str) -> &relhost_engine::release::Deployment {
        self.state.latest(&name(stage)).expect("the stage was requested")
    }
}
