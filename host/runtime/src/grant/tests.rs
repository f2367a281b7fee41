//! What a grant lets through.

use std::path::Path;

use relhost_model::call::{ApprovalCall, DockerRegistryCall, GenericSecretCall, NotifyCall};
use relhost_model::config::{ApprovalRule, DeployRule, NotifyRule, SecretRule};
use relhost_model::id::{RegistryName, SecretName, StageName};

use super::*;

fn docker(name: &str, registry: &str) -> HostCall {
    let registry = RegistryName::new(registry).unwrap();
    HostCall::DockerRegistrySecret(DockerRegistryCall { name: name.into(), registry })
}

fn generic(name: &str, secrets: &[&str]) -> HostCall {
    let entry = |secret: &&str| ("key".to_owned(), SecretName::new(*secret).unwrap());
    HostCall::GenericSecret(GenericSecretCall {
        name: name.into(),
        entries: secrets.iter().map(entry).collect(),
    })
}

fn ask(approvers: &[&str]) -> HostCall {
    HostCall::AwaitApproval(ApprovalCall {
        instructions: String::new(),
        policy: None,
        policy_settings: serde_json::Value::Null,
        approvers: approvers.iter().map(|who| who.parse().unwrap()).collect(),
        timeout_seconds: None,
    })
}

fn tell(channel: &str) -> HostCall {
    HostCall::Notify(NotifyCall { channel: channel.into(), subject: String::new(), body: String::new() })
}

fn list(patterns: &[&str]) -> Vec<String> {
    patterns.iter().map(ToString::to_string).collect()
}

fn ruled() -> Allow {
    Allow {
        deploy: Some(DeployRule { kinds: list(&["Deployment"]) }),
        create_secret: Some(SecretRule {
            names: list(&["*-secret", "pull"]),
            registries: list(&["company-*"]),
            secrets: list(&["db-*"]),
        }),
        await_approval: Some(ApprovalRule { approvers: list(&["group:qa-*", "ann"]) }),
        notify: Some(NotifyRule { channels: list(&["requester", "group:*"]) }),
    }
}

#[test]
fn parameters_follow_the_rules_of_the_grant() {
    for (call, refused) in [
        (docker("dev-secret", "company-acr"), None),
        (docker("pull", "company-acr"), None),
        (docker("secret", "company-acr"), Some(("create-secret.names", "`secret`"))),
        (docker("pull", "acr"), Some(("create-secret.registries", "`acr`"))),
        (generic("a-secret", &[]), None),
        (generic("a-secret", &["db-user", "db-password"]), None),
        (generic("a-secret", &["db-user", "smtp"]), Some(("create-secret.secrets", "`smtp`"))),
        (generic("a", &["db-user"]), Some(("create-secret.names", "`a`"))),
        (ask(&["ann", "group:qa-leads"]), None),
        (ask(&["ann", "bob"]), Some(("await-approval.approvers", "`bob`"))),
        (ask(&["group:ops"]), Some(("await-approval.approvers", "`group:ops`"))),
        (tell("requester"), None),
        (tell("group:ops"), None),
        (tell("ann"), Some(("notify.channels", "`ann`"))),
    ] {
        match (check_call(&call, &ruled()), refused) {
            (Ok(()), None) => {}
            (Err(error), Some((rule, value))) => {
                assert_eq!((error.code.as_str(), error.retryable), ("denied", false));
                assert!(error.message.contains(value), "{}", error.message);
                assert_eq!(error.details[0], ("rule".to_owned(), rule.to_owned()));
            }
            (found, _) => panic!("{call:?}: {found:?}"),
        }
    }
}

#[test]
fn a_grant_without_rules_lets_everything_through() {
    let allow = Allow {
        create_secret: Some(SecretRule::default()),
        notify: Some(NotifyRule::default()),
        ..Allow::default()
    };
    for call in [docker("x", "y"), generic("x", &["y"]), tell("anybody")] {
        assert_eq!(check_call(&call, &allow), Ok(()));
    }
    let error = check_call(&ask(&["ann"]), &allow).unwrap_err();
    assert_eq!((error.code.as_str(), error.message.as_str()), ("denied", "`await-approval` is not granted"));
}

#[test]
fn what_a_component_asks_for_stands_in_its_imports() {
    let imports = list(&["wasi:io/poll@0.2.6", "relhost:notify/notify@0.1.0", "relhost:deploy/deploy@0.9.1"]);
    assert_eq!(requests(&imports), [Interface::Deploy, Interface::Notify]);
    assert_eq!(requests(&list(&["relhost:deploy/deployment@0.1.0"])), []);
}

#[test]
fn the_names_are_those_of_the_calls() {
    for call in [docker("x", "y"), generic("x", &[]), ask(&["ann"]), tell("ann")] {
        let named = Interface::ALL.into_iter().find(|interface| interface.name() == call.interface());
        let import = named.expect("the table has the name").import();
        assert!(call.operation().starts_with(&format!("{import}@")), "{call:?}");
    }
}

#[test]
fn the_lines_of_the_message_grant_what_is_missing() {
    let plugin = PluginName::new("my-stage").unwrap();
    let imports: Vec<String> =
        Interface::ALL.iter().map(|interface| format!("{}@0.1.0", interface.import())).collect();
    let missing = check_imports(&plugin, &imports, &Allow::default()).unwrap_err();
    let (config, _) =
        relhost_model::config_file::read(&missing.yaml(), Path::new("."), "relhost.yaml").unwrap();
    let allow = config.allowed(&plugin, &StageName::new("Dev").unwrap());
    assert_eq!(check_imports(&plugin, &imports, &allow), Ok(()));
}
