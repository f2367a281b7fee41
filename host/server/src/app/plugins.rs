//! Finds components: bundled ones, files, and plugin sets that are put over the pipeline's own.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use relhost_engine::approval::POLICY_DEFAULT;
use relhost_model::config::{Allow, Config, Environment};
use relhost_model::digest::Digest;
use relhost_model::id::PluginName;
use relhost_model::pipeline::{Pipeline, PluginSource, PolicySpec};
use relhost_model::plugin_set;
use relhost_model::release::{PinnedComponent, PluginKind};
use relhost_runtime::{Inspection, PluginError, Sandbox};

use super::settings::{self, Wrong};
use crate::bundled;
use crate::exit::{Exit, Failure};

/// The largest component that is read; the sandbox refuses less by kind.
const COMPONENT_MAX: u64 = 16 * 1024 * 1024;

/// A component with where it came from.
#[derive(Debug, Clone)]
pub struct Component {
    /// For people: `bundled`, or the path.
    pub origin: String,
    /// Its bytes.
    pub bytes: Vec<u8>,
}

/// Finds every component of a pipeline. Sets are put over its own `plugins:` by name, later ones win. The
/// policy of an approval that names none is among them.
///
/// # Errors
/// If one is missing or unreadable; the message names the file and what to do.
pub fn collect(
    pipeline: &Pipeline,
    config: &Config,
    sets: &[PathBuf],
) -> Result<BTreeMap<PluginName, Component>, Failure> {
    let mut sources = pipeline.plugins.clone();
    if needs_default_policy(pipeline, config) {
        let name = PluginName::new(POLICY_DEFAULT).expect("a plain word is a plugin name");
        sources.entry(name).or_insert_with(|| PluginSource::Bundled(POLICY_DEFAULT.to_owned()));
    }
    for set in sets {
        sources.extend(read_set(set)?);
    }
    read_all(sources)
}

/// Finds the component of every policy that the environments of a pipeline demand: the operator's own, by
/// `plugins:` of relhost.yaml, else the bundled one of that name.
///
/// # Errors
/// As [`collect`].
pub fn demanded(pipeline: &Pipeline, config: &Config) -> Result<BTreeMap<PluginName, Component>, Failure> {
    let names = demands(pipeline, config).map(|policy| policy.plugin.clone());
    let source = |name: &PluginName| {
        let bundled = || PluginSource::Bundled(name.to_string());
        config.plugins.get(name).cloned().unwrap_or_else(bundled)
    };
    read_all(names.map(|name| (name.clone(), source(&name))).collect()).map_err(|failure| {
        let message = format!("a policy that an environment demands: {}", failure.message);
        Failure { message, ..failure }
    })
}

fn read_all(sources: BTreeMap<PluginName, PluginSource>) -> Result<BTreeMap<PluginName, Component>, Failure> {
    let one = |(name, source): (PluginName, PluginSource)| {
        let component = read(&name, &source)?;
        Ok((name, component))
    };
    sources.into_iter().map(one).collect()
}

fn demands<'a>(pipeline: &'a Pipeline, config: &'a Config) -> impl Iterator<Item = &'a PolicySpec> {
    let environments = pipeline.stages.iter().filter_map(|stage| config.environments.get(&stage.environment));
    environments.flat_map(|environment| &environment.policies)
}

/// Whether an approval of a pipeline names no policy, one is demanded where it asks for none, or code may ask.
fn needs_default_policy(pipeline: &Pipeline, config: &Config) -> bool {
    pipeline.stages.iter().any(|stage| {
        let before = stage.approval.before.as_ref();
        let demanded = config.environments.get(&stage.environment).is_some_and(Environment::demands_approval);
        let specs = before.iter().copied().chain(&stage.approval.after);
        let may_ask = config.allowed(&stage.uses, &stage.name).await_approval.is_some();
        may_ask || before.is_none() && demanded || specs.into_iter().any(|spec| spec.policies.is_empty())
    })
}

/// The entries of a plugin set: a folder of `NAME.wasm` files, or a file with `plugins:`.
///
/// # Errors
/// If it cannot be read or names nothing.
pub fn read_set(set: &Path) -> Result<BTreeMap<PluginName, PluginSource>, Failure> {
    let unreadable = |error: &std::io::Error| {
        Failure::new(
            Exit::Invalid,
            "plugin-set",
            format!("cannot read the plugin set {}: {error}", set.display()),
        )
        .help("a plugin set is a folder of NAME.wasm files, or a YAML file with `plugins:`")
    };
    if !set.is_dir() {
        let text = super::load::text(set, "plugin set")?;
        return plugin_set::read(&text, &set.display().to_string())
            .map_err(|problems| super::load::invalid(&problems));
    }
    let mut entries = BTreeMap::new();
    for entry in std::fs::read_dir(set).map_err(|error| unreadable(&error))? {
        let path = entry.map_err(|error| unreadable(&error))?.path();
        if path.extension().is_none_or(|extension| extension != "wasm") {
            continue;
        }
        let stem = path.file_stem().unwrap_or_default().to_string_lossy().into_owned();
        let name = PluginName::new(stem)
            .map_err(|error| Failure::new(Exit::Invalid, "plugin-set", error.to_string()))?;
        entries.insert(name, PluginSource::Path(path.to_string_lossy().into_owned()));
    }
    if entries.is_empty() {
        return Err(Failure::new(
            Exit::Invalid,
            "plugin-set",
            format!("the plugin set {} holds no .wasm file", set.display()),
        ));
    }
    Ok(entries)
}

/// Reads one component.
///
/// # Errors
/// If it is missing, too large or unreadable.
pub fn read(name: &PluginName, source: &PluginSource) -> Result<Component, Failure> {
    match source {
        PluginSource::Bundled(bundled_name) => {
            let bytes = bundled::component(bundled_name).ok_or_else(|| not_bundled(name, bundled_name))?;
            Ok(Component { origin: "bundled".into(), bytes: bytes.to_vec() })
        }
        PluginSource::Path(path) => {
            let path = Path::new(path);
            let unreadable = |why| {
                let message = format!("cannot read plugin `{name}` from {}: {why}", path.display());
                Failure::new(Exit::Invalid, "plugin-unreadable", message)
                    .help("build it: `cargo build --release --target wasm32-wasip2`")
            };
            let bytes = read_file(path).map_err(unreadable)?;
            Ok(Component { origin: path.display().to_string(), bytes })
        }
    }
}

/// Reads a component of bounded size.
///
/// # Errors
/// Why it cannot be read.
pub fn read_file(path: &Path) -> Result<Vec<u8>, String> {
    let about = std::fs::metadata(path).map_err(|error| error.to_string())?;
    if !about.is_file() {
        return Err("it is no file".into());
    }
    if about.len() > COMPONENT_MAX {
        return Err(format!("it has {} bytes; at most {COMPONENT_MAX} are read", about.len()));
    }
    std::fs::read(path).map_err(|error| error.to_string())
}

fn not_bundled(name: &PluginName, bundled_name: &str) -> Failure {
    let names: Vec<&str> = bundled::names().collect();
    let failure = Failure::new(
        Exit::Invalid,
        "not-bundled",
        format!("plugin `{name}`: this binary has no bundled plugin `{bundled_name}`"),
    );
    if names.is_empty() {
        failure.help("it was built without any: run `cargo xtask plugins`, then build again")
    } else {
        failure.help(format!("bundled are: {}", names.join(", ")))
    }
}

/// Checks every component in the sandbox and pins it: its kind is what the pipeline uses it for, and what
/// it imports is granted in every stage that uses it.
///
/// # Errors
/// If one is refused; the message says what to do.
pub fn pin(
    sandbox: &Sandbox,
    config: &Config,
    pipeline: &Pipeline,
    components: &BTreeMap<PluginName, Component>,
) -> Result<BTreeMap<PluginName, PinnedComponent>, Failure> {
    let mut pinned = BTreeMap::new();
    for (name, component) in components {
        let inspection = sandbox
            .inspect(&component.bytes)
            .map_err(|error| in_place(format_args!("plugin `{name}`"), refused(error)))?;
        for stage in pipeline.stages.iter().filter(|stage| stage.uses == *name) {
            let allow = config.allowed(name, &stage.name);
            sandbox.register(name, &component.bytes, PluginKind::Stage, &allow).map_err(|error| {
                // What is not granted says of which plugin by itself.
                let plugin = match &error {
                    PluginError::NotGranted(_) => String::new(),
                    _ => format!(": plugin `{name}`"),
                };
                in_place(format_args!("stage `{}`{plugin}", stage.name), refused(error))
            })?;
        }
        if inspection.kind == PluginKind::Policy {
            sandbox
                .register(name, &component.bytes, PluginKind::Policy, &Allow::default())
                .map_err(|error| in_place(format_args!("plugin `{name}`"), refused(error)))?;
        }
        if let Some(schema) = schema_of(&inspection) {
            check_settings(pipeline, name, &schema)?;
        }
        pinned.insert(name.clone(), pinned_component(component, inspection.kind));
    }
    Ok(pinned)
}

/// Checks the policies that environments demand, with their settings, and pins them.
///
/// # Errors
/// If one is refused; the message says what to do.
pub fn pin_demanded(
    sandbox: &Sandbox,
    config: &Config,
    pipeline: &Pipeline,
    components: &BTreeMap<PluginName, Component>,
) -> Result<BTreeMap<PluginName, PinnedComponent>, Failure> {
    let mut pinned = BTreeMap::new();
    for (name, component) in components {
        let place = || format!("the policy `{name}`, which an environment demands");
        let failed = |error| in_place(format_args!("{}", place()), refused(error));
        let inspection = sandbox.inspect(&component.bytes).map_err(failed)?;
        sandbox.register(name, &component.bytes, PluginKind::Policy, &Allow::default()).map_err(failed)?;
        if let Some(schema) = schema_of(&inspection) {
            let uses = demands(pipeline, config).filter(|policy| policy.plugin == *name);
            let wrong = uses.flat_map(|policy| settings::check(&schema, &policy.with, "policies.with"));
            wrong_settings(&place(), name, wrong.collect())?;
        }
        pinned.insert(name.clone(), pinned_component(component, PluginKind::Policy));
    }
    Ok(pinned)
}

fn refused(error: PluginError) -> Failure {
    let exit = if matches!(error, PluginError::NotGranted(_)) { Exit::Refused } else { Exit::Invalid };
    Failure::chain(exit, "component-refused", &error)
}

fn pinned_component(component: &Component, kind: PluginKind) -> PinnedComponent {
    PinnedComponent { digest: Digest::of(&component.bytes), kind, origin: component.origin.clone() }
}

/// The schema of a plugin's settings, if it says one that can be read.
fn schema_of(inspection: &Inspection) -> Option<serde_json::Value> {
    serde_json::from_str(&inspection.describe.as_ref()?.settings_schema).ok()
}

/// Checks the settings of every stage and approval that use a plugin.
fn check_settings(pipeline: &Pipeline, name: &PluginName, schema: &serde_json::Value) -> Result<(), Failure> {
    for stage in &pipeline.stages {
        let mut wrong = Vec::new();
        if stage.uses == *name {
            wrong.extend(settings::check(schema, &stage.with, "with"));
        }
        for (place, spec) in [("before", &stage.approval.before), ("after", &stage.approval.after)] {
            for policy in spec.iter().flat_map(|spec| &spec.policies).filter(|policy| policy.plugin == *name)
            {
                let path = format!("approval.{place}.policy.with");
                wrong.extend(settings::check(schema, &policy.with, &path));
            }
        }
        wrong_settings(&format!("stage `{}`", stage.name), name, wrong)?;
    }
    Ok(())
}

fn wrong_settings(place: &str, name: &PluginName, wrong: Vec<Wrong>) -> Result<(), Failure> {
    if wrong.is_empty() {
        return Ok(());
    }
    let message = format!("{place}: wrong settings for the plugin `{name}`");
    let failure = Failure::new(Exit::Invalid, "invalid-settings", message);
    let line = |wrong: Wrong| match wrong.help {
        Some(help) => format!("{}: {}; {help}", wrong.path, wrong.message),
        None => format!("{}: {}", wrong.path, wrong.message),
    };
    let failure = wrong.into_iter().map(line).fold(failure, Failure::detail);
    Err(failure.help(format!("`relhost plugin inspect {name}` shows the settings")))
}

fn in_place(place: std::fmt::Arguments<'_>, failure: Failure) -> Failure {
    Failure { message: format!("{place}: {}", failure.message), ..failure }
}
