//! The cache loads native code, so nothing is loaded that this host did not write for this very component and engine.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use relhost_model::config::Limits as Config;
use relhost_model::digest::Digest;
use relhost_model::release::{PluginKind, Status};
use relhost_runtime::cache::{Cache, Found};
use relhost_runtime::engine::compile::Here;
use relhost_runtime::limits::Limits;
use relhost_runtime::{Activation, Plugin, PluginError, Sandbox, SandboxOptions, engine};
use tempfile::TempDir;
use wasmtime::Engine;

use crate::fixture::stage;
use crate::host::{Script, context, everything, name};

const KEY: [u8; 32] = [7; 32];

/// A sandbox as after a start of the host: nothing in memory. Its guests are short, so nobody ticks.
fn started(folder: &Path, key: [u8; 32]) -> Sandbox {
    let cache_dir = Some(folder.to_owned());
    let options =
        SandboxOptions { cache_dir, cache_key: key, limits: Config::default(), compiler: Arc::new(Here) };
    Sandbox::new(options).expect("the sandbox starts").0
}

fn stage_engine() -> Engine {
    engine::stage(&Limits::stage(&Config::default())).expect("this machine runs WebAssembly")
}

/// Two stages that end differently, so that it shows which one ran.
fn succeeds() -> Vec<u8> {
    stage("", "")
}

fn rejects() -> Vec<u8> {
    stage("", "(i32.store8 offset=4 (global.get $ret) (i32.const 2))")
}

fn register(sandbox: &Sandbox, component: &[u8]) -> Plugin {
    sandbox.register(&name("fixture"), component, PluginKind::Stage, &everything()).expect("it is a stage")
}

async fn status(sandbox: &Sandbox, plugin: &Plugin) -> Status {
    let end = sandbox.run_stage(plugin, &context(), "seed", &mut Script::default()).await;
    let Activation::Returned(outcome) = end else { panic!("{end:?}") };
    outcome.status
}

/// The folder with both stages compiled in it.
fn filled() -> TempDir {
    let folder = tempfile::tempdir().expect("there is room for a folder");
    let sandbox = started(folder.path(), KEY);
    register(&sandbox, &succeeds());
    register(&sandbox, &rejects());
    folder
}

fn file(folder: &Path, component: &[u8], engine: &Engine) -> PathBuf {
    let cache = Cache::open(folder.to_owned(), KEY).expect("the folder is there");
    cache.path(&Digest::of(component), engine)
}

#[test]
fn what_was_compiled_is_loaded_after_a_start() {
    let (folder, engine) = (filled(), stage_engine());
    let cache = Cache::open(folder.path().to_owned(), KEY).unwrap();
    assert!(matches!(cache.load(&Digest::of(&succeeds()), &engine), Found::Component(_)));
    assert!(matches!(cache.load(&Digest::of(b"another"), &engine), Found::Nothing));
}

#[test]
fn what_was_loaded_is_not_written_again() {
    use std::os::unix::fs::MetadataExt as _;
    let folder = filled();
    let path = file(folder.path(), &succeeds(), &stage_engine());
    let inode = || std::fs::metadata(&path).unwrap().ino();
    let before = inode();
    let plugin = register(&started(folder.path(), KEY), &succeeds());
    assert_eq!(plugin.warnings(), <[String; 0]>::default());
    assert_eq!(inode(), before);
}

#[test]
fn only_the_owner_may_read_the_folder() {
    use std::os::unix::fs::PermissionsExt as _;
    let folder = tempfile::tempdir().unwrap();
    let cache = folder.path().join("cache");
    started(&cache, KEY);
    assert_eq!(std::fs::metadata(&cache).unwrap().permissions().mode() & 0o777, 0o700);
}

#[test]
fn what_nobody_loads_any_more_is_removed_at_the_start() {
    let folder = filled();
    let names = || {
        let names = std::fs::read_dir(folder.path()).unwrap().map(|entry| entry.unwrap().file_name());
        names.collect::<std::collections::BTreeSet<_>>()
    };
    let ours = names();
    let old = format!("{}-0123456789abcdef0123456789abcdef.cwasm", Digest::of(&succeeds()).hex());
    for left in [old.as_str(), ".0123456789ab-1-0.tmp"] {
        std::fs::write(folder.path().join(left), b"left").unwrap();
    }
    started(folder.path(), KEY);
    assert_eq!(names(), ours);
}

#[test]
fn a_file_that_cannot_be_read_is_no_intruder() {
    let folder = filled();
    let path = file(folder.path(), &succeeds(), &stage_engine());
    std::fs::remove_file(&path).unwrap();
    std::fs::create_dir(&path).unwrap();
    let plugin = register(&started(folder.path(), KEY), &succeeds());
    let first = plugin.warnings().first().expect("it is said");
    assert!(first.contains("cannot be read") && !first.contains("tampered"), "{first}");
}

/// What somebody may have done to a file. Each leaves something that would load, or nearly.
fn tampered(folder: &Path, path: &Path) -> Vec<(&'static str, Vec<u8>)> {
    let ours = std::fs::read(path).unwrap();
    let other = std::fs::read(file(folder, &rejects(), &stage_engine())).unwrap();
    let changed = |at: usize| {
        let mut bytes = ours.clone();
        bytes[at] ^= 1;
        bytes
    };
    let foreign = {
        let folder = tempfile::tempdir().unwrap();
        register(&started(folder.path(), [8; 32]), &succeeds());
        std::fs::read(file(folder.path(), &succeeds(), &stage_engine())).unwrap()
    };
    vec![
        ("a byte of the checksum", changed(0)),
        ("a byte of the code", changed(ours.len() / 2)),
        ("the last byte", changed(ours.len() - 1)),
        ("a byte more", [&ours[..], &[0]].concat()),
        ("cut off", ours[..ours.len() - 1].to_vec()),
        ("cut off in the checksum", ours[..16].to_vec()),
        ("empty", Vec::new()),
        ("without a checksum", ours[32..].to_vec()),
        ("another component's file", other.clone()),
        ("another component's code", [&ours[..32], &other[32..]].concat()),
        ("another host's key", foreign),
    ]
}

#[tokio::test]
async fn a_file_that_was_tampered_with_is_never_loaded_and_made_again() {
    let (folder, engine) = (filled(), stage_engine());
    let path = file(folder.path(), &succeeds(), &engine);
    for (what, bytes) in tampered(folder.path(), &path) {
        std::fs::write(&path, bytes).unwrap();
        let cache = Cache::open(folder.path().to_owned(), KEY).unwrap();
        let found = cache.load(&Digest::of(&succeeds()), &engine);
        let Found::Tampered(said) = found else { panic!("{what} was not noticed") };
        assert!(said.contains("checksum") || said.contains("too short"), "{what}: {said}");

        let sandbox = started(folder.path(), KEY);
        let plugin = register(&sandbox, &succeeds());
        let [warning] = plugin.warnings() else { panic!("{what}: {:?}", plugin.warnings()) };
        assert!(warning.contains("tampered with") && warning.contains(path.to_str().unwrap()), "{warning}");
        assert_eq!(status(&sandbox, &plugin).await, Status::Succeeded, "{what}");
        assert!(matches!(cache.load(&Digest::of(&succeeds()), &engine), Found::Component(_)), "{what}");
    }
}

#[test]
fn a_file_of_the_other_engine_is_never_loaded() {
    let folder = tempfile::tempdir().unwrap();
    let (stages, policies) = (stage_engine(), engine::policy(&Limits::policy()).unwrap());
    let (cache, digest) = (Cache::open(folder.path().to_owned(), KEY).unwrap(), Digest::of(&succeeds()));
    assert_ne!(cache.path(&digest, &stages), cache.path(&digest, &policies));
    cache.keep(&digest, &policies, &policies.precompile_component(&succeeds()).unwrap()).unwrap();
    assert!(matches!(cache.load(&digest, &stages), Found::Nothing));
    std::fs::rename(cache.path(&digest, &policies), cache.path(&digest, &stages)).unwrap();
    assert!(matches!(cache.load(&digest, &stages), Found::Tampered(_)));
}

#[test]
fn the_key_of_another_host_opens_nothing() {
    let folder = filled();
    let cache = Cache::open(folder.path().to_owned(), [8; 32]).unwrap();
    assert!(matches!(cache.load(&Digest::of(&succeeds()), &stage_engine()), Found::Tampered(_)));
}

#[test]
fn a_file_that_cannot_be_replaced_is_said_and_the_plugin_runs() {
    let folder = filled();
    let path = file(folder.path(), &succeeds(), &stage_engine());
    std::fs::remove_file(&path).unwrap();
    std::fs::create_dir(&path).unwrap();
    let plugin = register(&started(folder.path(), KEY), &succeeds());
    let said = plugin.warnings().join("\n");
    assert!(said.contains("could not be kept"), "{said}");
    let left = std::fs::read_dir(folder.path()).unwrap().filter_map(Result::ok);
    let left: Vec<_> = left.filter(|entry| entry.file_name().to_string_lossy().ends_with(".tmp")).collect();
    assert!(left.is_empty(), "{left:?}");
}

#[test]
fn native_code_from_outside_is_refused() {
    let (folder, engine) = (filled(), stage_engine());
    let sandbox = started(folder.path(), KEY);
    let code = engine.precompile_component(&succeeds()).unwrap();
    // As it lies in the cache, checksum and all, it is not even native code to anybody.
    let kept = std::fs::read(file(folder.path(), &succeeds(), &engine)).unwrap();
    for allow in [everything(), relhost_model::config::Allow::default()] {
        let refused = sandbox.register(&name("fixture"), &code, PluginKind::Stage, &allow);
        assert!(matches!(refused, Err(PluginError::Precompiled)), "{refused:?}");
        let refused = sandbox.register(&name("fixture"), &kept, PluginKind::Stage, &allow);
        assert!(matches!(refused, Err(PluginError::NotWasm)), "{refused:?}");
    }
    assert!(matches!(sandbox.inspect(&code), Err(PluginError::Precompiled)));
}
