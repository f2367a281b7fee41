//! From a configured access to a client's configuration, and what a kubeconfig may not do to this host.

use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use kube::Config;
use kube::config::{AuthInfo, Cluster, ExecInteractiveMode, KubeConfigOptions, Kubeconfig};
use relhost_engine::port::Secrets;
use relhost_model::call::CallError;
use relhost_model::config::{ClusterAccess, ClusterConnection};
use relhost_model::id::ClusterName;
use relhost_model::secret::{SecretSource, SecretValue};
use serde_json::json;

/// A server that does not take a connection in this time is not there.
const CONNECT_LIMIT: Duration = Duration::from_secs(10);

/// The configuration for a connection.
///
/// # Errors
/// Those of [`Connection::open`](super::Connection::open).
pub(super) async fn config(
    name: &ClusterName,
    connection: &ClusterConnection,
    secrets: &dyn Secrets,
) -> Result<Config, CallError> {
    let mut config = match &connection.access {
        ClusterAccess::Kubeconfig { source, context, allow_exec_and_files } => {
            let kubeconfig = read_kubeconfig(name, source, *allow_exec_and_files, secrets)?;
            from_kubeconfig(name, kubeconfig, context.clone(), *allow_exec_and_files).await?
        }
        ClusterAccess::Token { server, ca, token } => {
            let kubeconfig = token_kubeconfig(name, server, &read(ca, secrets)?, &read(token, secrets)?)?;
            from_kubeconfig(name, kubeconfig, None, false).await?
        }
        ClusterAccess::InCluster => Config::incluster().map_err(|error| {
            invalid(name, format!("this process does not run in a cluster: {error}"))
                .with("help", "use a kubeconfig or a token outside of a pod")
        })?,
    };
    if config.cluster_url.scheme_str() != Some("https") {
        return Err(refused(name, "the server's address is not https, so anybody could read the token"));
    }
    config.default_namespace.clone_from(&connection.namespace);
    // Read from the environment by kube, where it would apply to one kind of access and not to the others.
    config.proxy_url = None;
    config.connect_timeout = Some(CONNECT_LIMIT);
    config.default_retry = false;
    Ok(config)
}

fn read(source: &SecretSource, secrets: &dyn Secrets) -> Result<SecretValue, CallError> {
    secrets.read(source).map_err(|error| CallError::permanent("secret-unreadable", error.to_string()))
}

fn read_kubeconfig(
    name: &ClusterName,
    source: &SecretSource,
    files: bool,
    secrets: &dyn Secrets,
) -> Result<Kubeconfig, CallError> {
    // Parser messages quote the text, which holds keys and tokens: none of them is passed on.
    let unreadable = || {
        invalid(name, format!("{source} is not a kubeconfig"))
            .with("help", format!("`kubectl config view --kubeconfig ...` says what is wrong with {source}"))
    };
    match source {
        // Relative paths in it start from its own folder.
        SecretSource::File(path) if files => {
            // Says what is wrong with a file that is not there, and keeps its tokens out of every log.
            read(source, secrets)?;
            Kubeconfig::read_from(path).map_err(|_| unreadable())
        }
        _ => {
            let bytes = read(source, secrets)?;
            let text = std::str::from_utf8(bytes.expose()).map_err(|_| unreadable())?;
            Kubeconfig::from_yaml(text).map_err(|_| unreadable())
        }
    }
}

async fn from_kubeconfig(
    name: &ClusterName,
    mut kubeconfig: Kubeconfig,
    context: Option<String>,
    allowed: bool,
) -> Result<Config, CallError> {
    let wanted = context.clone().or_else(|| kubeconfig.current_context.clone());
    let wanted = wanted.ok_or_else(|| {
        invalid(name, "the kubeconfig has no current context").with("help", "name one under `context:`")
    })?;
    let known: Vec<String> = kubeconfig.contexts.iter().map(|context| context.name.clone()).collect();
    if !known.contains(&wanted) {
        return Err(invalid(name, format!("the kubeconfig has no context `{wanted}`"))
            .with("help", format!("its contexts are: {}", known.join(", "))));
    }
    confine(name, &mut kubeconfig, &wanted, allowed)?;
    let options = KubeConfigOptions { context: Some(wanted.clone()), ..KubeConfigOptions::default() };
    Config::from_custom_kubeconfig(kubeconfig, &options)
        .await
        .map_err(|error| invalid(name, format!("context `{wanted}` makes no connection: {error}")))
}

/// Leaves only the wanted context, and refuses what would run programs, read files or trust anybody.
fn confine(
    name: &ClusterName,
    kubeconfig: &mut Kubeconfig,
    wanted: &str,
    allowed: bool,
) -> Result<(), CallError> {
    kubeconfig.contexts.retain(|context| context.name == wanted);
    let context = kubeconfig.contexts.first().and_then(|named| named.context.clone()).unwrap_or_default();
    kubeconfig.clusters.retain(|cluster| cluster.name == context.cluster);
    kubeconfig.auth_infos.retain(|user| Some(&user.name) == context.user.as_ref());
    for cluster in kubeconfig.clusters.iter().filter_map(|named| named.cluster.as_ref()) {
        check_cluster(name, cluster, allowed)?;
    }
    for user in kubeconfig.auth_infos.iter_mut().filter_map(|named| named.auth_info.as_mut()) {
        check_user(name, user, allowed)?;
        if let Some(exec) = &mut user.exec {
            // It would read from the terminal that asks for approvals.
            exec.interactive_mode = Some(ExecInteractiveMode::Never);
        }
    }
    Ok(())
}

fn check_cluster(name: &ClusterName, cluster: &Cluster, allowed: bool) -> Result<(), CallError> {
    if cluster.insecure_skip_tls_verify == Some(true) {
        return Err(refused(name, "`insecure-skip-tls-verify` lets anybody be the server")
            .with("help", "put the server's certificate authority into the kubeconfig"));
    }
    if cluster.proxy_url.is_some() {
        return Err(refused(name, "`proxy-url` is not supported"));
    }
    if cluster.certificate_authority.is_some() && !allowed {
        return Err(refused(name, "`certificate-authority` names a file").with("help", FLATTEN));
    }
    Ok(())
}

fn check_user(name: &ClusterName, user: &AuthInfo, allowed: bool) -> Result<(), CallError> {
    if user.auth_provider.is_some() {
        return Err(refused(name, "`auth-provider` was removed from Kubernetes")
            .with("help", "use a service account's token"));
    }
    if allowed {
        return Ok(());
    }
    if user.exec.is_some() {
        return Err(refused(name, "`exec` runs a program on this machine").with("help", ALLOW));
    }
    let files = [
        ("tokenFile", &user.token_file),
        ("client-certificate", &user.client_certificate),
        ("client-key", &user.client_key),
    ];
    match files.iter().find(|(_, file)| file.is_some()) {
        Some((key, _)) => Err(refused(name, format!("`{key}` names a file")).with("help", FLATTEN)),
        None => Ok(()),
    }
}

const FLATTEN: &str = "`kubectl config view --flatten --minify` writes one without files, or set `kubeconfig.allow-exec: true` on the connection";
const ALLOW: &str = "use a service account's token, or set `kubeconfig.allow-exec: true` on the connection";

fn token_kubeconfig(
    name: &ClusterName,
    server: &str,
    ca: &SecretValue,
    token: &SecretValue,
) -> Result<Kubeconfig, CallError> {
    let token = std::str::from_utf8(token.expose())
        .map_err(|_| invalid(name, "the token is not text"))?
        .trim()
        .to_owned();
    let kubeconfig = json!({
        "clusters": [{ "name": "it", "cluster": {
            "server": server, "certificate-authority-data": STANDARD.encode(ca.expose()),
        } }],
        "users": [{ "name": "it", "user": { "token": token } }],
        "contexts": [{ "name": "it", "context": { "cluster": "it", "user": "it" } }],
        "current-context": "it",
    });
    // The value holds the token: its own message is not passed on.
    serde_json::from_value(kubeconfig).map_err(|_| invalid(name, "server, ca and token make no connection"))
}

fn invalid(name: &ClusterName, reason: impl std::fmt::Display) -> CallError {
    CallError::permanent("connection-invalid", format!("cluster `{name}`: {reason}"))
}

fn refused(name: &ClusterName, reason: impl std::fmt::Display) -> CallError {
    CallError::permanent("connection-refused", format!("cluster `{name}`: {reason}"))
}

#[cfg(test)]
mod tests;
