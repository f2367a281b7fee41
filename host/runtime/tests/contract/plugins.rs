//! The bundled stages and the guests of the tests, as `cargo xtask plugins` built them.

use relhost_model::approval::{Decision, Resolution, Vote};
use relhost_model::call::{
    Answer, AppliedObject, CallError, Change, Deployed, HostCall, LogLevel, Rollout, ServiceAddress,
};
use relhost_model::config::{Allow, Limits};
use relhost_model::release::{PluginKind, RunContext, StageOutcome, Status};
use relhost_model::time::{Millis, Timestamp};
use relhost_runtime::{Activation, Interface, Plugin, PluginError, Sandbox};

use crate::host::{
    Script, Step, built, context, detail, everything, failed, name, person, sandbox, sandbox_with, sent,
};

fn registered(sandbox: &Sandbox, plugin: &str) -> Plugin {
    sandbox
        .register(&name("fixture"), &built(plugin), PluginKind::Stage, &everything())
        .unwrap_or_else(|error| panic!("{plugin}: {error}"))
}

async fn run(sandbox: &Sandbox, plugin: &str, settings: &str, script: &mut Script) -> Activation {
    let context = RunContext { settings: settings.into(), ..context() };
    sandbox.run_stage(&registered(sandbox, plugin), &context, "seed", script).await
}

fn returned(end: Activation) -> StageOutcome {
    match end {
        Activation::Returned(outcome) => outcome,
        other => panic!("it did not return: {other:?}"),
    }
}

fn with_cpu(budget: Millis) -> Sandbox {
    sandbox_with(Limits { stage_cpu: Some(budget), stage_memory_mib: Some(16), ..Limits::default() })
}

#[tokio::test]
#[ignore = "needs components: cargo xtask test"]
async fn a_guest_that_breaks_a_limit_is_named_with_the_limit_and_what_it_did() {
    // Only the loop is there to use up its time, however busy this machine is.
    let (little, much) = (with_cpu(Millis(500)), with_cpu(Millis(60_000)));
    for (guest, budget, observed, limit) in [
        ("loops", "cpu", "ms of CPU time", "500 ms"),
        ("memory-bomb", "memory", "MiB of memory", "16 MiB"),
        ("recursion", "stack", "nested too deeply", "stack"),
        ("call-flood", "calls", "too often", "1000000 calls per activation"),
    ] {
        let sandbox = if budget == "cpu" { &little } else { &much };
        let guest_path = format!("guests/{guest}");
        let plugin = registered(sandbox, &guest_path);
        let error = failed(run(sandbox, &guest_path, "{}", &mut Script::default()).await);
        assert_eq!(
            (error.code.as_str(), detail(&error, "budget")),
            ("budget-exceeded", budget),
            "{guest}: {error:?}"
        );
        assert!(detail(&error, "observed").contains(observed), "{guest}: {error:?}");
        assert!(detail(&error, "limit").contains(limit), "{guest}: {error:?}");
        assert_eq!(detail(&error, "plugin"), "fixture");
        assert_eq!(detail(&error, "component"), plugin.digest().to_string());
        let start = format!("plugin `fixture` ({}) was stopped: ", plugin.digest().short());
        assert!(error.message.starts_with(&start), "{}", error.message);
        assert!(error.message.contains(detail(&error, "limit")), "{}", error.message);
    }
}

#[tokio::test]
#[ignore = "needs components: cargo xtask test"]
async fn the_text_of_a_panic_reaches_the_error_and_the_log() {
    let mut script = Script::default();
    let settings = r#"{ "text": "the\nreactor is on \u001b[31mfire" }"#;
    let error = failed(run(&sandbox(), "guests/panics", settings, &mut script).await);
    assert_eq!(error.code, "guest-panic");
    // One line for the message, the whole text beside it, and nothing that drives a terminal.
    assert!(error.message.contains("the reactor is on [31mfire"), "{}", error.message);
    assert!(detail(&error, "panic").contains("the\nreactor is on [31mfire"), "{error:?}");
    assert!(detail(&error, "panic").contains("panics/src/lib.rs"), "{error:?}");
    let said = script.lines.iter().find(|line| line.source == "panic").expect("the panic is in the log");
    assert_eq!(said.level, LogLevel::Error);
}

#[tokio::test]
#[ignore = "needs components: cargo xtask test"]
async fn what_a_guest_prints_is_its_log() {
    let mut script = Script::default();
    returned(run(&sandbox(), "guests/prints", "{}", &mut script).await);
    // A line without an end stays in the guest's own buffer.
    assert_eq!(script.text(), "Info stdout: this went to stdout\nWarn stderr: this went to stderr\n");
}

#[tokio::test]
#[ignore = "needs components: cargo xtask test"]
async fn a_flood_of_log_lines_is_cut_after_a_megabyte() {
    let mut script = Script::default();
    returned(run(&sandbox(), "guests/log-flood", "{}", &mut script).await);
    let kept: usize = script.lines.iter().map(|line| line.message.len()).sum();
    assert!((1_000_000..1_100_000).contains(&kept), "{kept} bytes were kept");
    let last = script.lines.last().expect("there are lines");
    assert!(last.source == "host" && last.message.contains("of this plugin's log were dropped"), "{last:?}");
}

#[tokio::test]
#[ignore = "needs components: cargo xtask test"]
async fn a_guest_that_exits_or_fails_says_so() {
    let sandbox = sandbox();
    let error = failed(run(&sandbox, "guests/exits", "{}", &mut Script::default()).await);
    assert_eq!(error.code, "guest-exit");
    assert!(error.message.contains("called exit with failure"), "{}", error.message);
    let error = failed(run(&sandbox, "guests/fails", "{}", &mut Script::default()).await);
    let own = CallError::transient("not-today", "the stars are not right").with("pod", "web-1");
    assert_eq!(error, own);
    let error = failed(run(&sandbox, "guests/returns", r#"{ "colour": 1 }"#, &mut Script::default()).await);
    assert_eq!((error.code.as_str(), detail(&error, "field")), ("invalid-settings", "colour"));
}

#[test]
#[ignore = "needs components: cargo xtask test"]
fn a_guest_that_wants_more_is_told_what_to_use_instead() {
    let sandbox = sandbox();
    for (guest, import, cause, instead) in [
        ("guests/wants-clock", "wasi:clocks/wall-clock", "SystemTime::now", "context.now()"),
        ("guests/wants-files", "wasi:filesystem/", "std::fs", "paths given to `deploy`"),
        ("guests/wants-sockets", "wasi:sockets/", "std::net", "a capability of the host"),
    ] {
        let refused = sandbox.register(&name("fixture"), &built(guest), PluginKind::Stage, &everything());
        let Err(PluginError::Forbidden(advice)) = refused else { panic!("{guest}: {refused:?}") };
        let row = advice.iter().find(|row| row.import.starts_with(import));
        let row = row.unwrap_or_else(|| panic!("{guest}: {advice:?}"));
        assert!(row.cause.contains(cause) && row.instead.contains(instead), "{row:?}");
    }
}

#[test]
#[ignore = "needs components: cargo xtask test"]
fn every_bundled_plugin_describes_itself_and_asks_for_no_more_than_it_needs() {
    let sandbox = sandbox();
    let powers: [(&str, PluginKind, &[Interface]); 7] = [
        (
            "rolling-deploy",
            PluginKind::Stage,
            &[Interface::Deploy, Interface::CreateSecret, Interface::Notify],
        ),
        ("confirm-after-deploy", PluginKind::Stage, &Interface::ALL),
        ("any-one", PluginKind::Policy, &[]),
        ("all-of", PluginKind::Policy, &[]),
        ("quorum", PluginKind::Policy, &[]),
        ("in-sequence", PluginKind::Policy, &[]),
        ("change-window", PluginKind::Policy, &[]),
    ];
    for (plugin, kind, powers) in powers {
        let found = sandbox.inspect(&built(&format!("bundled/{plugin}"))).unwrap();
        assert_eq!((found.kind, found.requests.as_slice()), (kind, powers), "{plugin}");
        assert_eq!(found.warnings, <[String; 0]>::default(), "{plugin}");
        let about = found.describe.unwrap_or_else(|| panic!("{plugin} does not describe itself"));
        assert!(!about.summary.is_empty(), "{plugin}");
        let readme = format!("{}/../../plugins/{plugin}/README.md", env!("CARGO_MANIFEST_DIR"));
        assert_eq!(about.documentation, std::fs::read_to_string(readme).unwrap(), "{plugin}");
        let schema: serde_json::Value = serde_json::from_str(&about.settings_schema).unwrap();
        assert_eq!(schema["$schema"], "http://json-schema.org/draft-07/schema#", "{plugin}");
        assert_eq!(schema["type"], "object", "{plugin}");
    }
}

fn deployed() -> Answer {
    let object = |api_version: &str, kind: &str| AppliedObject {
        api_version: api_version.into(),
        kind: kind.into(),
        name: "web".into(),
        change: Change::Created,
        generation: Some(1),
        uid: None,
    };
    let objects = vec![object("apps/v1", "Deployment"), object("v1", "Service")];
    Answer::Deployed(Deployed { id: "d1".into(), objects, warnings: vec!["took over `replicas`".into()] })
}

fn rolled_out() -> Answer {
    let address = ServiceAddress { service: "web".into(), address: "10.0.0.7".into() };
    Answer::Rollout(Rollout { addresses: vec![address], ..Rollout::default() })
}

fn decided(resolution: Resolution) -> Answer {
    let vote = Vote {
        voter: relhost_model::actor::Actor::Person(person("ann")),
        approve: resolution == Resolution::Approved,
        comment: "seen".into(),
        at: Timestamp(1),
        via: "socket".into(),
    };
    Answer::Decision(Decision { resolution, reason: "by ann".into(), votes: vec![vote], at: Timestamp(1) })
}

#[tokio::test]
#[ignore = "needs components: cargo xtask test"]
async fn rolling_deploy_makes_its_calls_in_order() {
    let settings = r#"{ "pull-secret": { "name": "web-pull", "registry": "company" }, "manifests": ["web.yml"],
        "images": ["registry.example/web:42"], "timeout": "5m", "notify": ["group:ops"] }"#;
    let answers = [Answer::Secret("web-pull".into()), deployed(), rolled_out()].map(Step::Answer);
    let mut script = Script::new(answers.into_iter().chain([sent("m1")]));
    let outcome = returned(run(&sandbox(), "bundled/rolling-deploy", settings, &mut script).await);
    assert!(script.steps.is_empty());
    assert_eq!(outcome.status, Status::Succeeded);
    assert_eq!(outcome.outputs.get("address.web").map(String::as_str), Some("10.0.0.7"));
    let calls = serde_json::to_string_pretty(&script.calls).unwrap();
    insta::assert_snapshot!(format!("{calls}\n\n{}\n{}", outcome.summary, script.text()));
}

#[tokio::test]
#[ignore = "needs components: cargo xtask test"]
async fn a_refused_call_of_a_bundled_stage_keeps_its_code() {
    let refused = CallError::permanent("image-not-found", "image not found: registry.example/web:42");
    let mut script = Script::new([Step::Answer(deployed()), Step::Answer(Answer::Refused(refused))]);
    let end = run(&sandbox(), "bundled/rolling-deploy", r#"{ "manifests": ["web.yml"] }"#, &mut script).await;
    let error = failed(end);
    assert_eq!(error.code, "image-not-found");
    assert_eq!(error.message, "image not found: registry.example/web:42");
}

#[tokio::test]
#[ignore = "needs components: cargo xtask test"]
async fn confirm_after_deploy_waits_without_an_instance_and_ends_as_people_decide() {
    let (sandbox, plugin) = (sandbox(), "bundled/confirm-after-deploy");
    let settings =
        r#"{ "manifests": ["web.yml"], "approvers": ["group:qa-leads"], "notify": ["requester"] }"#;
    let told = [deployed(), rolled_out()];
    let mut first = Script::new(told.clone().map(Step::Answer));
    first.steps.push_back(Step::Stop(relhost_engine::port::CallStop::Suspended));
    let end = run(&sandbox, plugin, settings, &mut first).await;
    assert!(matches!(end, Activation::Suspended), "{end:?}");
    let HostCall::AwaitApproval(asked) = &first.calls[2] else { panic!("{:?}", first.calls) };
    assert!(asked.instructions.ends_with("web answers at 10.0.0.7"), "{}", asked.instructions);
    for (resolution, status) in [
        (Resolution::Approved, Status::Succeeded),
        (Resolution::Rejected, Status::Rejected),
        (Resolution::Expired, Status::Expired),
    ] {
        let answers = told.clone().into_iter().chain([decided(resolution)]).map(Step::Answer);
        let mut second = Script::new(answers.chain([sent("m1")]));
        let outcome = returned(run(&sandbox, plugin, settings, &mut second).await);
        assert_eq!(outcome.status, status);
        assert_eq!(second.calls[..3], first.calls[..]);
        assert!(second.steps.is_empty());
    }
}

#[test]
#[ignore = "needs components: cargo xtask test"]
fn a_bundled_stage_needs_its_grants() {
    let refused = sandbox().register(
        &name("rolling-deploy"),
        &built("bundled/rolling-deploy"),
        PluginKind::Stage,
        &Allow::default(),
    );
    let Err(PluginError::NotGranted(refused)) = refused else { panic!("{refused:?}") };
    insta::assert_snapshot!(refused);
}
