//! Settings on their way through the sandbox: lowered into a guest, lifted out of it again, and checked against a
//! schema that a guest wrote.
//!
//! Input: how far the guest moves pointer and length of what it hands back (two numbers, `0 0` for nothing), then
//! the settings, then a schema.

use std::path::Path;
use std::sync::{Arc, LazyLock};

use relhost::app::settings::check;
use relhost_engine::port::{BoxFuture, CallStop, HostCalls};
use relhost_model::actor::Actor;
use relhost_model::call::{Answer, HostCall, LogLine};
use relhost_model::config::{Allow, ApprovalRule, Limits};
use relhost_model::digest::Digest;
use relhost_model::id::PluginName;
use relhost_model::release::{PluginKind, RunContext};
use relhost_model::time::Timestamp;
use relhost_runtime::engine::compile::Here;
use relhost_runtime::{Activation, Plugin, Sandbox, SandboxOptions};
use serde_json::Value;
use tokio::runtime::Runtime;
use wit_component::{ComponentEncoder, StringEncoding, embed_component_metadata};
use wit_parser::Resolve;

use crate::input::parts;

/// Longer settings leave the memory of the guest, which is another subject.
const SETTINGS_BYTES_MAX: usize = 64 * 1024;

/// The packages of the contract; one may use those before it.
const PACKAGES: [&str; 11] = [
    "types", "log", "context", "deploy", "secrets", "approval", "notify", "stage", "policy", "describe",
    "worlds",
];

struct Guest {
    sandbox: Sandbox,
    plugin: Plugin,
    runtime: Runtime,
}

static GUEST: LazyLock<Guest> = LazyLock::new(|| {
    let options = SandboxOptions {
        cache_dir: None,
        cache_key: [7; 32],
        limits: Limits::default(),
        compiler: Arc::new(Here),
    };
    // Without its ticker a sandbox never cuts a guest that loops; this one does not.
    let (sandbox, _) = Sandbox::new(options).expect("the sandbox starts");
    let name = PluginName::new("echo").expect("a name");
    let allow = Allow { await_approval: Some(ApprovalRule::default()), ..Allow::default() };
    let plugin = sandbox.register(&name, &component(), PluginKind::Stage, &allow).expect("a stage");
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().expect("a runtime");
    Guest { sandbox, plugin, runtime }
});

fn component() -> Vec<u8> {
    let mut resolve = Resolve::default();
    let wit = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../wit");
    for package in PACKAGES {
        let path = wit.join(package).join(format!("{package}.wit"));
        let text = std::fs::read_to_string(&path).expect("the contract is there");
        resolve.push_str(&path, &text).expect("the contract can be read");
    }
    let world = resolve.worlds.iter().find(|(_, world)| world.name == "stage-plugin");
    let world = world.expect("the contract has the world").0;
    let mut module = wat::parse_str(include_str!("settings.wat")).expect("a module");
    embed_component_metadata(&mut module, &resolve, world, StringEncoding::UTF8).expect("the world");
    let encoder = ComponentEncoder::default().module(&module).expect("the module fits the world");
    encoder.validate(true).encode().expect("a component")
}

/// Takes the one call that the guest makes, and lets it wait.
#[derive(Default)]
struct Asked(Option<HostCall>);

impl HostCalls for Asked {
    fn call(&mut self, call: HostCall) -> BoxFuture<'_, Result<Answer, CallStop>> {
        self.0 = Some(call);
        Box::pin(async { Err(CallStop::Suspended) })
    }

    fn log(&mut self, _: LogLine) {}

    fn now(&self) -> Timestamp {
        Timestamp(0)
    }
}

pub(crate) fn run(data: &[u8]) {
    let [moved, settings, schema] = parts(data);
    let mut numbers = moved.split_whitespace().map(|word| word.parse::<i16>().unwrap_or_default());
    let (pointer, length) = (numbers.next().unwrap_or_default(), numbers.next().unwrap_or_default());
    if settings.len() <= SETTINGS_BYTES_MAX {
        comes_back(&settings, pointer, length);
    }
    if let (Ok(schema), Ok(settings)) = (serde_json::from_str(&schema), serde_json::from_str(&settings)) {
        is_checked(&schema, &settings);
    }
}

fn comes_back(settings: &str, pointer: i16, length: i16) {
    // As a plan does it: what stands in the file is written down for the guest.
    let written =
        serde_json::from_str::<Value>(settings).map_or_else(|_| settings.to_owned(), |v| v.to_string());
    let mut asked = Asked::default();
    let guest = &*GUEST;
    let context = context(&written, pointer, length);
    let end = guest.runtime.block_on(guest.sandbox.run_stage(&guest.plugin, &context, "seed", &mut asked));
    let lifted = match (end, asked.0) {
        (Activation::Suspended, Some(HostCall::AwaitApproval(call))) => Some(call.policy_settings),
        (Activation::Failed(_), None) => None,
        (end, call) => panic!("{end:?} after {call:?}"),
    };
    if let Some(bytes) = handed_back(&written, pointer, length) {
        let expected = std::str::from_utf8(bytes).ok().and_then(|text| serde_json::from_str(text).ok());
        assert_eq!(lifted, expected, "another value came back");
    }
}

/// The part of the settings that the guest hands back; nothing if it is not a part of them.
fn handed_back(settings: &str, pointer: i16, length: i16) -> Option<&[u8]> {
    let start = usize::try_from(pointer).ok()?;
    let length = settings.len().checked_add_signed(length.into())?;
    settings.as_bytes().get(start..start.checked_add(length)?)
}

fn context(settings: &str, pointer: i16, length: i16) -> RunContext {
    let bits = |number: i16| u32::from(u16::from_ne_bytes(number.to_ne_bytes()));
    RunContext {
        pipeline: "shop".into(),
        release: "Release-7".into(),
        stage: "Dev".into(),
        environment: "dev".into(),
        namespace: "shop-dev".into(),
        attempt: bits(length) << 16 | bits(pointer),
        rehearsal: true,
        requester: Actor::Service("fuzz".into()),
        artifacts: vec![("app".into(), Digest::of(b"app"), "42".into())],
        variables: std::collections::BTreeMap::new(),
        settings: settings.to_owned(),
        outputs: std::collections::BTreeMap::new(),
    }
}

/// Whatever the schema, what is wrong has a place in the settings; and no settings are those of an empty map.
fn is_checked(schema: &Value, settings: &Value) {
    for wrong in check(schema, settings, "with") {
        assert!(wrong.path.starts_with("with") && !wrong.message.is_empty(), "{wrong:?}");
    }
    let empty = Value::Object(serde_json::Map::new());
    assert_eq!(check(schema, &Value::Null, "with"), check(schema, &empty, "with"));
}
