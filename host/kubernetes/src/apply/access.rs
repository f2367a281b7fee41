//! Asks for every right before anything is changed, so that what is missing is said at once and whole.

use std::collections::{BTreeMap, BTreeSet};

use futures::FutureExt as _;
use futures::stream::{self, StreamExt as _};
use relhost_model::call::CallError;
use serde_json::{Value, json};

use super::IN_FLIGHT;
use super::plan::Planned;
use crate::client::{ApiError, Connection, Kind};
use crate::status::is_without_status;
use crate::wait::{Source, around};

const RULES_REVIEW: &str = "/apis/authorization.k8s.io/v1/selfsubjectrulesreviews";
const ACCESS_REVIEW: &str = "/apis/authorization.k8s.io/v1/selfsubjectaccessreviews";

/// Without these nothing can be applied. A server-side apply of a new object needs `create`.
const TO_APPLY: [&str; 2] = ["create", "patch"];
/// Without this nothing can be waited for. What has no status is not waited for, so Secrets need not be read.
const TO_WAIT: &str = "list";
/// What is done with each kind that a wait reads beside the objects, to say why they are not ready.
const TO_EXPLAIN: [&str; 2] = ["list", "watch"];

/// One right: a verb on a resource of a group.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
struct Right {
    group: String,
    resource: String,
    verb: &'static str,
    namespaced: bool,
}

impl Right {
    fn of(kind: &Kind, verb: &'static str) -> Self {
        let (group, resource) = (kind.group.clone(), kind.plural.clone());
        Self { group, resource, verb, namespaced: kind.namespaced }
    }
}

/// Checks the rights that the objects need. Returns what is missing and only makes messages poorer.
///
/// # Errors
/// `forbidden` with everything that is missing and the role that gives it.
pub(super) async fn check(connection: &Connection, planned: &[Planned]) -> Result<Vec<String>, CallError> {
    let needed = needed(planned);
    let kinds = planned.iter().filter_map(|planned| planned.kind.as_ref());
    let useful = useful(kinds).into_iter().filter(|right| !needed.contains_key(right)).collect();
    let missing = missing(connection, &needed, &useful).await?;
    let (fatal, poor): (Vec<Right>, Vec<Right>) =
        missing.into_iter().partition(|right| needed.contains_key(right));
    if !fatal.is_empty() {
        return Err(refusal(connection, &fatal, &poor));
    }
    if poor.is_empty() {
        return Ok(Vec::new());
    }
    let text = format!("the account may not {}: a failure will be explained less well", listed(&poor));
    Ok(vec![text])
}

/// Checks that these objects may be deleted.
///
/// # Errors
/// `forbidden` with everything that is missing and the role that gives it.
pub(crate) async fn check_delete(
    connection: &Connection,
    objects: &[(Kind, String)],
) -> Result<(), CallError> {
    let mut needed: BTreeMap<Right, BTreeSet<&str>> = BTreeMap::new();
    for (kind, name) in objects {
        needed.entry(Right::of(kind, "delete")).or_default().insert(name);
    }
    let missing = missing(connection, &needed, &BTreeSet::new()).await?;
    if missing.is_empty() { Ok(()) } else { Err(refusal(connection, &missing, &[])) }
}

/// The rights that the objects need, each with the names of its objects.
fn needed(planned: &[Planned]) -> BTreeMap<Right, BTreeSet<&str>> {
    let mut needed: BTreeMap<Right, BTreeSet<&str>> = BTreeMap::new();
    for planned in planned {
        let Some(kind) = &planned.kind else { continue };
        let waited_for = !is_without_status(&kind.group, &kind.kind);
        for verb in TO_APPLY.into_iter().chain(waited_for.then_some(TO_WAIT)) {
            needed.entry(Right::of(kind, verb)).or_default().insert(planned.object.name());
        }
    }
    needed
}

/// The rights to what a wait for these kinds reads beside them.
fn useful<'a>(kinds: impl Iterator<Item = &'a Kind>) -> BTreeSet<Right> {
    let waited_for = kinds.filter(|kind| !is_without_status(&kind.group, &kind.kind));
    let waited_for: Vec<Source> =
        waited_for.map(|kind| Source::new(&kind.api_version(), &kind.kind)).collect();
    let around = around(waited_for.iter());
    let mut useful = BTreeSet::new();
    for Source { api_version, kind } in &around {
        // All of them are served by every cluster, under their own name in the plural.
        let kind = Kind::builtin(api_version, kind, &format!("{}s", kind.to_lowercase()));
        useful.extend(TO_EXPLAIN.map(|verb| Right::of(&kind, verb)));
    }
    let pod = Source::new("v1", "Pod");
    if around.contains(&pod) || waited_for.contains(&pod) {
        useful.insert(Right::of(&Kind::builtin("v1", "Pod", "pods/log"), "get"));
    }
    useful
}

async fn missing(
    connection: &Connection,
    needed: &BTreeMap<Right, BTreeSet<&str>>,
    useful: &BTreeSet<Right>,
) -> Result<Vec<Right>, CallError> {
    let question = json!({
        "apiVersion": "authorization.k8s.io/v1", "kind": "SelfSubjectRulesReview",
        "spec": { "namespace": connection.namespace() },
    });
    let rules = match connection.review(RULES_REVIEW, &question).await {
        Ok(answer) => answer["status"]["resourceRules"].as_array().cloned().unwrap_or_default(),
        // Some authorisers list no rules; the questions below are answered by all.
        Err(ApiError::Status { code: 403 | 404, .. }) => Vec::new(),
        Err(error) => return Err(error.at(connection.cluster(), "ask for the account's rights")),
    };
    let nameless = BTreeSet::new();
    let all = needed.iter().chain(useful.iter().map(|right| (right, &nameless)));
    let open = all.filter(|(right, _)| !rules.iter().any(|rule| covers(rule, right)));
    let asked: Vec<_> = open.map(|(right, names)| denied(connection, right, names).boxed()).collect();
    let mut answers = stream::iter(asked).buffered(IN_FLIGHT);
    let mut missing = Vec::new();
    while let Some(answer) = answers.next().await {
        missing.extend(answer?);
    }
    Ok(missing)
}

/// Whether a rule gives a right for every name.
fn covers(rule: &Value, right: &Right) -> bool {
    let has = |field: &str, wanted: &str| {
        let words = rule[field].as_array().map(Vec::as_slice).unwrap_or_default();
        words.iter().any(|word| word == wanted || word == "*")
    };
    let some_names = rule["resourceNames"].as_array().is_some_and(|names| !names.is_empty());
    // What holds in the namespace says nothing about objects outside of it.
    right.namespaced
        && !some_names
        && has("apiGroups", &right.group)
        && has("resources", &right.resource)
        && has("verbs", right.verb)
}

/// The right itself if it is not granted: neither for all objects nor for each of these.
async fn denied(
    connection: &Connection,
    right: &Right,
    names: &BTreeSet<&str>,
) -> Result<Option<Right>, CallError> {
    if is_allowed(connection, right, "").await? {
        return Ok(None);
    }
    // A role cannot give `create` for a name. A list of one object is a list of that name.
    let by_name = match right.verb {
        "create" => false,
        TO_WAIT => names.len() == 1,
        _ => !names.is_empty(),
    };
    if !by_name {
        return Ok(Some(right.clone()));
    }
    for name in names {
        if !is_allowed(connection, right, name).await? {
            return Ok(Some(right.clone()));
        }
    }
    Ok(None)
}

async fn is_allowed(connection: &Connection, right: &Right, name: &str) -> Result<bool, CallError> {
    let (resource, subresource) = right.resource.split_once('/').unwrap_or((&right.resource, ""));
    let namespace = if right.namespaced { connection.namespace() } else { "" };
    let question = json!({
        "apiVersion": "authorization.k8s.io/v1", "kind": "SelfSubjectAccessReview",
        "spec": { "resourceAttributes": {
            "namespace": namespace, "verb": right.verb, "group": right.group,
            "resource": resource, "subresource": subresource, "name": name,
        } },
    });
    let answer = connection.review(ACCESS_REVIEW, &question).await;
    let answer = answer.map_err(|error| error.at(connection.cluster(), "ask for the account's rights"))?;
    Ok(answer["status"]["allowed"] == true)
}

fn refusal(connection: &Connection, fatal: &[Right], poor: &[Right]) -> CallError {
    let namespace = connection.namespace();
    let cluster = connection.cluster();
    let text = format!("the account of cluster connection `{cluster}` may not {}", listed(fatal));
    let everything: Vec<Right> = fatal.iter().chain(poor).cloned().collect();
    let (inside, outside): (Vec<Right>, Vec<Right>) = everything.into_iter().partition(|it| it.namespaced);
    let mut help = Vec::new();
    if !inside.is_empty() {
        help.push(format!("add to the account's role in namespace `{namespace}`:\n{}", role(&inside)));
    }
    if !outside.is_empty() {
        help.push(format!("add to a cluster role of the account:\n{}", role(&outside)));
    }
    CallError::permanent("forbidden", text).with("namespace", namespace).with("help", help.join("\n"))
}

/// `create deployments.apps, create and patch services`.
fn listed(rights: &[Right]) -> String {
    let mut by_resource: BTreeMap<String, Vec<&str>> = BTreeMap::new();
    for right in rights {
        let resource = match right.group.as_str() {
            "" => right.resource.clone(),
            group => format!("{}.{group}", right.resource),
        };
        by_resource.entry(resource).or_default().push(right.verb);
    }
    let parts = by_resource.iter().map(|(resource, verbs)| format!("{} {resource}", verbs.join("/")));
    parts.collect::<Vec<_>>().join(", ")
}

/// The rules of a role, as YAML in flow style.
fn role(rights: &[Right]) -> String {
    let mut by_resource: BTreeMap<(&str, &str), Vec<&str>> = BTreeMap::new();
    for right in rights {
        by_resource.entry((&right.group, &right.resource)).or_default().push(right.verb);
    }
    let mut text = String::from("rules:");
    for ((group, resource), verbs) in by_resource {
        let verbs = verbs.join(", ");
        text.push_str(&format!(
            "\n- {{ apiGroups: [\"{group}\"], resources: [{resource}], verbs: [{verbs}] }}"
        ));
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    fn right(group: &str, resource: &str, verb: &'static str) -> Right {
        Right { group: group.into(), resource: resource.into(), verb, namespaced: true }
    }

    #[test]
    fn a_rule_covers_what_it_names() {
        let rule = json!({ "apiGroups": ["apps"], "resources": ["*"], "verbs": ["create", "patch"] });
        assert!(covers(&rule, &right("apps", "deployments", "patch")));
        assert!(!covers(&rule, &right("apps", "deployments", "list")));
        assert!(!covers(&rule, &right("", "services", "patch")));
        assert!(!covers(&rule, &Right { namespaced: false, ..right("apps", "things", "patch") }));
        let some =
            json!({ "apiGroups": [""], "resources": ["secrets"], "verbs": ["*"], "resourceNames": ["a"] });
        assert!(!covers(&some, &right("", "secrets", "patch")));
    }

    #[test]
    fn what_a_wait_reads_is_asked_for_and_nothing_else() {
        let of = |version: &str, kind: &str, plural: &str| {
            let rights = useful([Kind::builtin(version, kind, plural)].iter()).into_iter();
            listed(&rights.collect::<Vec<_>>())
        };
        let pods = "list/watch events, list/watch pods, get pods/log";
        assert_eq!(
            of("apps/v1", "Deployment", "deployments"),
            format!("{pods}, list/watch replicasets.apps")
        );
        assert_eq!(of("apps/v1", "StatefulSet", "statefulsets"), pods);
        assert_eq!(of("v1", "ReplicationController", "replicationcontrollers"), pods);
        assert_eq!(of("v1", "Service", "services"), "list/watch events");
        assert_eq!(of("v1", "Secret", "secrets"), "");
    }

    #[test]
    fn everything_that_is_missing_is_said_at_once() {
        let rights = [
            right("", "services", "create"),
            right("", "services", "patch"),
            right("apps", "deployments", "list"),
        ];
        assert_eq!(listed(&rights), "list deployments.apps, create/patch services");
        assert_eq!(
            role(&rights),
            "rules:\n- { apiGroups: [\"\"], resources: [services], verbs: [create, patch] }\n\
             - { apiGroups: [\"apps\"], resources: [deployments], verbs: [list] }"
        );
    }
}
