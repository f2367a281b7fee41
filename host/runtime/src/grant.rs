//! What a plugin asks for, and what it may do: one table and one place. A plugin asks by importing an
//! interface; the operator grants it with rules for its parameters.

use relhost_model::call::{CallError, HostCall};
use relhost_model::config::{Allow, matches_pattern};
use relhost_model::id::PluginName;

/// An interface that has to be granted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Interface {
    /// Apply manifests and wait for them.
    Deploy,
    /// Create or update Kubernetes secrets.
    CreateSecret,
    /// Ask people.
    AwaitApproval,
    /// Tell people.
    Notify,
}

/// What is always granted: the contract's shared records, the log, and the run's own context.
pub const FREE: [&str; 3] = ["relhost:types/types", "relhost:log/log", "relhost:context/run-context"];

const TABLE: [(Interface, &str, &str); 4] = [
    (Interface::Deploy, "deploy", "relhost:deploy/deploy"),
    (Interface::CreateSecret, "create-secret", "relhost:secrets/create-secret"),
    (Interface::AwaitApproval, "await-approval", "relhost:approval/await-approval"),
    (Interface::Notify, "notify", "relhost:notify/notify"),
];

impl Interface {
    /// Every interface that has to be granted.
    pub const ALL: [Self; 4] = [Self::Deploy, Self::CreateSecret, Self::AwaitApproval, Self::Notify];

    /// The name in `relhost.yaml`, for example `create-secret`.
    #[must_use]
    pub fn name(self) -> &'static str {
        TABLE[self as usize].1
    }

    /// The interface in the contract, without a version: `relhost:secrets/create-secret`.
    #[must_use]
    pub fn import(self) -> &'static str {
        TABLE[self as usize].2
    }

    /// Whether it is granted, whatever the rules for its parameters are.
    #[must_use]
    pub fn granted(self, allow: &Allow) -> bool {
        match self {
            Self::Deploy => allow.deploy.is_some(),
            Self::CreateSecret => allow.create_secret.is_some(),
            Self::AwaitApproval => allow.await_approval.is_some(),
            Self::Notify => allow.notify.is_some(),
        }
    }
}

impl std::fmt::Display for Interface {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.name())
    }
}

/// A component imports interfaces that it was not granted.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("plugin `{plugin}` is not granted {}; to grant it, add to `relhost.yaml`:\n\n{}", list(.missing), yaml(.plugin, .missing))]
pub struct NotGranted {
    /// The plugin.
    pub plugin: PluginName,
    /// What it lacks.
    pub missing: Vec<Interface>,
}

impl NotGranted {
    /// The lines to paste into `relhost.yaml`.
    #[must_use]
    pub fn yaml(&self) -> String {
        yaml(&self.plugin, &self.missing)
    }
}

fn yaml(plugin: &PluginName, missing: &[Interface]) -> String {
    let allow: Vec<String> = missing.iter().map(|interface| format!("{interface}: {{}}")).collect();
    format!("grants:\n  - {{ plugin: {plugin}, stages: [\"*\"], allow: {{ {} }} }}", allow.join(", "))
}

fn list(interfaces: &[Interface]) -> String {
    let names: Vec<String> = interfaces.iter().map(|interface| format!("`{interface}`")).collect();
    names.join(", ")
}

/// What a component asks for, by its imports. Versions do not count.
#[must_use]
pub fn requests(imports: &[String]) -> Vec<Interface> {
    let asked = |interface: &Interface| imports.iter().any(|import| base(import) == interface.import());
    Interface::ALL.into_iter().filter(asked).collect()
}

/// An import's name without its version.
#[must_use]
pub fn base(import: &str) -> &str {
    import.split_once('@').map_or(import, |(name, _)| name)
}

/// The check at registration: everything that is imported is granted.
///
/// # Errors
/// If something is not; the message prints the lines that grant it.
pub fn check_imports(plugin: &PluginName, imports: &[String], allow: &Allow) -> Result<(), NotGranted> {
    let missing: Vec<Interface> =
        requests(imports).into_iter().filter(|interface| !interface.granted(allow)).collect();
    if missing.is_empty() { Ok(()) } else { Err(NotGranted { plugin: plugin.clone(), missing }) }
}

/// The interface was not granted, and the guest called it all the same.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is not granted")]
pub struct Denied(pub Interface);

/// The check at a call that makes no effect yet, such as a builder's: the interface is granted.
///
/// # Errors
/// If it is not.
pub fn check_use(interface: Interface, allow: &Allow) -> Result<(), Denied> {
    if interface.granted(allow) { Ok(()) } else { Err(Denied(interface)) }
}

/// The check at a call: the interface is granted, and the call's parameters follow the grant's rules. The
/// kinds of `deploy` are checked where the manifests are read, because a call only names files.
///
/// # Errors
/// If not, with code `denied`; the message names the rule.
pub fn check_call(call: &HostCall, allow: &Allow) -> Result<(), CallError> {
    let denied = |interface: Interface| CallError::permanent("denied", Denied(interface).to_string());
    match call {
        HostCall::Deploy(_) | HostCall::Wait(_) => {
            check_use(Interface::Deploy, allow).map_err(|Denied(interface)| denied(interface))
        }
        HostCall::DockerRegistrySecret(call) => {
            let rule = allow.create_secret.as_ref().ok_or_else(|| denied(Interface::CreateSecret))?;
            permits("create-secret", "names", &rule.names, &call.name)?;
            permits("create-secret", "registries", &rule.registries, call.registry.as_str())
        }
        HostCall::GenericSecret(call) => {
            let rule = allow.create_secret.as_ref().ok_or_else(|| denied(Interface::CreateSecret))?;
            permits("create-secret", "names", &rule.names, &call.name)?;
            let mut secrets = call.entries.iter();
            secrets.try_for_each(|(_, secret)| {
                permits("create-secret", "secrets", &rule.secrets, secret.as_str())
            })
        }
        HostCall::AwaitApproval(call) => {
            let rule = allow.await_approval.as_ref().ok_or_else(|| denied(Interface::AwaitApproval))?;
            let mut approvers = call.approvers.iter().map(ToString::to_string);
            approvers
                .try_for_each(|approver| permits("await-approval", "approvers", &rule.approvers, &approver))
        }
        HostCall::Notify(call) => {
            let rule = allow.notify.as_ref().ok_or_else(|| denied(Interface::Notify))?;
            permits("notify", "channels", &rule.channels, &call.channel)
        }
    }
}

fn permits(interface: &str, rule: &str, patterns: &[String], value: &str) -> Result<(), CallError> {
    if patterns.is_empty() || patterns.iter().any(|pattern| matches_pattern(pattern, value)) {
        return Ok(());
    }
    let allowed = patterns.join(", ");
    Err(CallError::permanent("denied", format!("the grant of `{interface}` does not allow `{value}`"))
        .with("rule", format!("{interface}.{rule}"))
        .with("allowed", allowed))
}

#[cfg(test)]
mod tests;
