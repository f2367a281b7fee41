//! The bytes that lie in every state folder. What is written here can be read for ever: a difference means
//! that journals, votes or effect keys of running releases no longer agree with themselves.

use std::fmt::Write as _;
use std::path::Path;

use relhost_engine::approval::policy_digest;
use relhost_engine::event::{Event, Recorded, Trigger};
use relhost_engine::journal::{DecodeError, FORMAT, Record, chain, decode, encode};
use relhost_engine::port::store::{CommandBody, MailCommand};
use relhost_engine::replay::random;
use relhost_model::actor::Actor;
use relhost_model::approval::{Decision, Origin, PolicyUse, Resolution, Vote};
use relhost_model::artifact::BuildInfo;
use relhost_model::call::{
    Answer, AppliedObject, ApprovalCall, CallError, Change, DeployCall, Deployed, DockerRegistryCall,
    GenericSecretCall, HostCall, NotifyCall, Rollout, RunningImage, ServiceAddress, WaitCall, effect_key,
};
use relhost_model::digest::{Digest, canonical};
use relhost_model::id::{ApprovalId, DeploymentId, RunId};
use relhost_model::pipeline::After;
use relhost_model::release::{RunEnd, RunStart, StageOutcome, Status};
use relhost_model::time::Timestamp;

use crate::journaled::start;
use crate::world::{Release, name, person, stage, uuid};

const GOLDEN: &str = include_str!("../golden/bytes.txt");

fn calls() -> Vec<HostCall> {
    vec![
        HostCall::Deploy(DeployCall {
            manifests: vec!["web/app.yaml".into()],
            images: vec!["registry.example/app:v1".into()],
            pull_secrets: vec!["pull".into()],
        }),
        HostCall::Wait(WaitCall { deployment: "00ff".into(), timeout_seconds: 90 }),
        HostCall::DockerRegistrySecret(DockerRegistryCall { name: "pull".into(), registry: name("acr") }),
        HostCall::GenericSecret(GenericSecretCall {
            name: "keys".into(),
            entries: vec![("token".into(), name("api-token"))],
        }),
        HostCall::AwaitApproval(ApprovalCall {
            instructions: "check \"Größe\"".into(),
            policy: Some(name("quorum")),
            policy_settings: serde_json::json!({ "count": 2, "a": [null, true, "x"] }),
            approvers: vec![name("ann"), name("group:leads")],
            timeout_seconds: Some(3600),
        }),
        HostCall::Notify(NotifyCall {
            channel: "requester".into(),
            subject: "s".into(),
            body: "a\nb".into(),
        }),
    ]
}

fn vote() -> Vote {
    let (comment, via) = ("fine".into(), "socket".into());
    Vote { voter: person("ann"), approve: true, comment, at: Timestamp(1_764_000_000_000), via }
}

fn decision() -> Decision {
    let reason = "approved by ann".into();
    Decision { resolution: Resolution::Approved, reason, votes: vec![vote()], at: Timestamp(8) }
}

fn answers() -> Vec<Answer> {
    let object = AppliedObject {
        api_version: "apps/v1".into(),
        kind: "Deployment".into(),
        name: "web".into(),
        change: Change::Configured,
        generation: Some(3),
        uid: Some("u-1".into()),
    };
    let image = RunningImage {
        workload: "Deployment/web".into(),
        container: "app".into(),
        image: "app:v1".into(),
        digest: None,
    };
    let address = ServiceAddress { service: "web".into(), address: "10.0.0.1".into() };
    vec![
        Answer::Deployed(Deployed { id: "00ff".into(), objects: vec![object], warnings: vec!["w".into()] }),
        Answer::Rollout(Rollout { addresses: vec![address], images: vec![image], warnings: Vec::new() }),
        Answer::Secret("pull".into()),
        Answer::Decision(decision()),
        Answer::Message("<m@example>".into()),
        Answer::Refused(CallError::transient("busy", "try later").with("because", "of load")),
    ]
}

fn begun() -> RunStart {
    let mut start = start(1);
    start.context.artifacts = vec![("web".into(), Digest::of(b"artifact"), "1".into())];
    start.context.variables.insert("tag".into(), "v1".into());
    start.context.outputs.insert("Dev".into(), [("url".to_owned(), "http://x".to_owned())].into());
    start
}

fn records() -> Vec<Record> {
    let at = Timestamp(5);
    let outputs = [("url".to_owned(), "http://x".to_owned())].into();
    let outcome = StageOutcome { status: Status::PartiallySucceeded, summary: "done".into(), outputs };
    let aborted = RunEnd::Aborted { by: Actor::OsUser("root".into()), reason: "enough".into() };
    let call = |index: usize| {
        let call = calls().swap_remove(index);
        (call.operation().to_owned(), call.fingerprint(), Box::new(call))
    };
    let mut records = vec![
        Record::Start { at, start: Box::new(begun()) },
        Record::Claim { at, owner: "host:1:a".into(), version: "0.1.0".into() },
    ];
    for index in [0, 1, 2, 3, 5] {
        let (operation, fingerprint, call) = call(index);
        records.push(Record::Intent { at, ordinal: 0, operation, fingerprint, call });
    }
    let outcomes = answers().into_iter().map(Box::new);
    records.extend(outcomes.map(|answer| Record::Outcome { at, ordinal: 0, answer, attested: None }));
    let attested = Some((person("ann"), "seen".to_owned()));
    let answer = Box::new(answers().swap_remove(2));
    records.push(Record::Outcome { at, ordinal: 4, answer, attested });
    let (operation, fingerprint, call) = call(4);
    let approval = ApprovalId(6);
    records.push(Record::WaitOpen { at, ordinal: 1, operation, fingerprint, call, approval });
    records.push(Record::WaitDone { at, ordinal: 1, decision: Box::new(decision()) });
    records.push(Record::CancelSeen { at, ordinal: 2 });
    let failed = RunEnd::Failed(CallError::permanent("trap", "it trapped"));
    let ends = [RunEnd::Returned(outcome), failed, aborted].map(Box::new);
    records.extend(ends.map(|end| Record::Complete { at, end }));
    records
}

fn events() -> Vec<Event> {
    let (deployment, run, approval) = (DeploymentId(2), RunId(3), ApprovalId(4));
    let problem = || CallError::permanent("replay-mismatch", "it differs");
    let plan = Box::new(Release::of(vec![stage("Dev", After::Release)]).latest("Dev").plan.clone());
    let (by, reason) = (person("ann"), "so".to_owned());
    vec![
        Event::Created { by: Actor::Service("trigger".into()) },
        Event::DeploymentRequested {
            deployment,
            stage: name("Dev"),
            attempt: 1,
            trigger: Trigger::Automatic,
            by: by.clone(),
            plan,
        },
        Event::DeploymentStarted { deployment },
        Event::ApprovalOpened { deployment, approval, origin: Origin::Call(run, 7) },
        Event::ApprovalClosed {
            deployment,
            approval,
            origin: Origin::Before,
            resolution: Resolution::Superseded,
            reason: reason.clone(),
        },
        Event::RunCreated { deployment, run },
        Event::RunQuarantined { deployment, run, problem: problem() },
        Event::RunReleased { deployment, run, by: by.clone(), verb: "attest".into(), reason: reason.clone() },
        Event::RunFinished {
            deployment,
            run,
            status: Status::Failed,
            summary: "it differs".into(),
            outputs: [("url".to_owned(), "http://x".to_owned())].into(),
            failure: Some(problem()),
        },
        Event::DeploymentFinished { deployment, status: Status::Expired, summary: "so".into() },
        Event::StageSkipped { stage: name("Prod"), reason: reason.clone(), failed: false },
        Event::CancelRequested { by, reason },
    ]
}

fn recorded() -> Vec<Recorded> {
    (0..).zip(events()).map(|(seq, event)| Recorded { seq, at: Timestamp(9), event }).collect()
}

fn commands() -> Vec<CommandBody> {
    let (approval, person) = (ApprovalId(4), name("ann"));
    let ask = MailCommand::Ask { approval, person };
    let closed = MailCommand::Closed { approval, person: name("ann") };
    let (stage, subject, body) = (name("Dev"), "s".into(), "b".into());
    let notify = MailCommand::Notify { person: name("ann"), stage, subject, body };
    [ask, closed, notify].map(CommandBody::Mail).to_vec()
}

fn text(bytes: Vec<u8>) -> String {
    String::from_utf8(bytes).expect("canonical bytes are text")
}

fn written() -> String {
    let mut lines = String::new();
    let mut put = |what: &str, value: String| writeln!(lines, "{what}: {value}").expect("text takes text");
    let mut previous = None;
    for record in records() {
        let body = encode(std::slice::from_ref(&record));
        let hash = chain(previous, &body);
        put("record", format!("{:02x} {}", body[0], text(body[1..].to_vec())));
        put("chain", hash.to_string());
        previous = Some(hash);
    }
    for call in calls() {
        put("fingerprint", format!("{} {}", call.operation(), call.fingerprint()));
    }
    for ordinal in [0, 1, u32::MAX] {
        put("effect key", format!("{ordinal} {}", effect_key(uuid(1), 0, ordinal)));
    }
    let mut counter = 0;
    for len in [40, 8] {
        put("random", format!("{:?}", random("00ff", &mut counter, len)));
    }
    for event in recorded() {
        put("event", text(canonical(&event)));
    }
    for command in commands() {
        put("command", text(canonical(&command)));
    }
    let settings = serde_json::json!({ "count": 2 });
    let component = Digest::of(b"quorum");
    let policy = PolicyUse { plugin: name("quorum"), component, settings, from_environment: true };
    put("policy", policy_digest(&[policy], &[name("ann"), name("group:leads")]).to_string());
    let content = Release::of(vec![stage("Dev", After::Release)]).latest("Dev").plan.content.clone();
    put("content", format!("{} {}", content.digest(), text(canonical(&content))));
    put("build", text(canonical(&BuildInfo::default())));
    lines
}

#[test]
fn what_is_written_has_not_changed() {
    let written = written();
    if written != GOLDEN {
        let place = Path::new(env!("CARGO_TARGET_TMPDIR")).join("bytes.txt");
        std::fs::write(&place, &written).expect("the target folder can be written");
        let differs = written.lines().zip(GOLDEN.lines()).find(|(now, golden)| now != golden);
        panic!(
            "stored bytes changed: {differs:?}\nIf that is wanted, the format needs a new number and a reader \
             of the old one; the bytes of now lie in {}",
            place.display()
        );
    }
}

#[test]
fn what_was_written_can_be_read_and_is_written_again_as_it_was() {
    let lines = |what: &str| {
        let prefix = format!("{what}: ");
        GOLDEN
            .lines()
            .filter_map(move |line| line.strip_prefix(&prefix).map(str::to_owned))
            .collect::<Vec<_>>()
    };
    let mut read = Vec::new();
    for line in lines("record") {
        let json = line.strip_prefix("01 ").expect("format 1");
        let body: Vec<u8> = [&[1], json.as_bytes()].concat();
        let records = decode(&body).expect("it was written once");
        assert_eq!(encode(&records), body);
        read.extend(records);
    }
    assert_eq!(read, records());
    let events = lines("event").into_iter().map(|line| serde_json::from_str::<Recorded>(&line));
    assert_eq!(events.collect::<Result<Vec<_>, _>>().expect("they were written once"), recorded());
    let commands = lines("command").into_iter().map(|line| serde_json::from_str::<CommandBody>(&line));
    assert_eq!(commands.collect::<Result<Vec<_>, _>>().expect("they were written once"), self::commands());
}

#[test]
fn bytes_of_another_format_are_not_guessed_at() {
    assert!(matches!(decode(&[]), Err(DecodeError::Empty)));
    assert!(matches!(decode(&[FORMAT + 1, b'[', b']']), Err(DecodeError::Format(2))));
    assert!(matches!(decode(&[FORMAT, b'[']), Err(DecodeError::Body(_))));
    assert!(matches!(decode(&[FORMAT, b'{', b'}']), Err(DecodeError::Body(_))));
    assert_eq!(decode(&encode(&[])).expect("an empty list"), []);
}

#[test]
fn the_chain_depends_on_what_came_before_and_on_every_byte() {
    let first = chain(None, b"a");
    assert_eq!(first, chain(Some(Digest([0; 32])), b"a"), "zeros before the first");
    let others = [chain(None, b"b"), chain(None, b"a\0"), chain(Some(first), b"a"), chain(None, b"")];
    for (index, other) in others.iter().enumerate() {
        assert!(*other != first && !others[..index].contains(other));
    }
}
