//! Environments: what holds them, what is applied there, and removing it.

use relhost_engine::port::Progress;
use relhost_engine::port::cluster::CleanupRequest;
use relhost_engine::port::store::{Change, Commit, Store as _, StoreError};
use relhost_model::call::{AppliedObject, LogLine};
use relhost_model::id::EnvironmentName;
use relhost_model::release::Mode;

use super::caller::Caller;
use crate::exit::{Exit, Failure};
use crate::host::Host;
use crate::protocol::EnvironmentView;

/// Every environment of the configuration.
///
/// # Errors
/// If the store fails.
pub async fn list(host: &Host) -> Result<Vec<EnvironmentView>, Failure> {
    let mut views = Vec::new();
    for (name, environment) in &host.config.environments {
        let read = host.store.read();
        let mut queue = Vec::new();
        let mut holder = None;
        for mode in [Mode::Real, Mode::Rehearsal] {
            match read.queue(name.clone(), mode).await {
                Err(StoreError::Damaged { reason }) => holder = Some(format!("unknown: {reason}")),
                entries => queue.extend(entries?),
            }
        }
        let holds = queue.iter().find(|entry| entry.active);
        let holder = holder.or(holds.map(|entry| format!("{} {}", entry.release, entry.deployment)));
        let connection =
            environment.cluster.as_ref().and_then(|cluster| host.config.clusters.get_key_value(cluster));
        let target = match (connection, &environment.namespace) {
            (Some((cluster, connection)), _) => format!("{cluster} / {}", connection.namespace),
            (None, Some(namespace)) => format!("rehearsal only / {namespace}"),
            (None, None) => "rehearsal only".to_owned(),
        };
        views.push(EnvironmentView {
            name: name.clone(),
            target,
            waiting: queue.iter().filter(|entry| !entry.active).count(),
            holder,
            applied: names(read.applied(name.clone(), Mode::Real).await)?,
            rehearsed: names(read.applied(name.clone(), Mode::Rehearsal).await)?,
        });
    }
    Ok(views)
}

/// One environment whose objects cannot be read keeps no other from being listed.
fn names(found: Result<Vec<AppliedObject>, StoreError>) -> Result<Vec<String>, StoreError> {
    match found {
        Err(StoreError::Damaged { reason }) => Ok(vec![format!("unknown: {reason}")]),
        Err(other) => Err(other),
        Ok(objects) => Ok(objects.iter().map(|it| format!("{}/{}", it.kind, it.name)).collect()),
    }
}

/// Nobody watches a cleanup live; its result says what was removed.
struct Quiet;

impl Progress for Quiet {
    fn line(&self, line: LogLine) {
        tracing::info!(line = line.message, "cleanup");
    }
}

/// Removes what relhost applied in an environment, or the whole namespace.
///
/// # Errors
/// If a deployment holds the environment, or the cluster refuses.
pub async fn cleanup(
    host: &Host,
    caller: &Caller,
    environment: &EnvironmentName,
    mode: Mode,
    namespace: bool,
) -> Result<Vec<String>, Failure> {
    caller.acting(mode, &host.config)?;
    if !host.config.environments.contains_key(environment) {
        let known: Vec<&str> = host.config.environments.keys().map(EnvironmentName::as_str).collect();
        return Err(Failure::new(
            Exit::Invalid,
            "unknown-environment",
            format!("relhost.yaml has no environment `{environment}`"),
        )
        .help(format!("its environments are: {}", known.join(", "))));
    }
    let read = host.store.read();
    if let Some(holder) = read.queue(environment.clone(), mode).await?.into_iter().find(|entry| entry.active)
    {
        return Err(Failure::new(
            Exit::Conflict,
            "environment-held",
            format!("`{environment}` is held by {} of {}", holder.deployment, holder.release),
        )
        .help(format!("wait for it, or `relhost release cancel {}`", holder.release)));
    }
    let objects = read.applied(environment.clone(), mode).await?;
    let request =
        if namespace { CleanupRequest::Namespace } else { CleanupRequest::Objects(objects.clone()) };
    let cluster = host.clusters.get(environment, mode, &host.config, &host.secrets).await?;
    let removed = cluster.cleanup(&request, &Quiet).await?;
    let forget = Change::ForgetApplied { environment: environment.clone(), mode, objects };
    host.store.commit(Commit { changes: vec![forget], ..Commit::default() }).await?;
    Ok(removed)
}
