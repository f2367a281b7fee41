//! What is applied: that everything is checked first, and whose fields they are.

use relhost_model::call::Change;

use crate::namespace::{Namespace, deployment, details};

const CONFIG: &str = "apiVersion: v1\nkind: ConfigMap\nmetadata: { name: settings }\n---\n";

/// May do what an ordinary owner of a namespace may: it cannot bind roles that it does not hold.
const OWNER: &str = "
apiVersion: v1
kind: ServiceAccount
metadata: { name: owner }
---
apiVersion: rbac.authorization.k8s.io/v1
kind: RoleBinding
metadata: { name: owner }
roleRef: { apiGroup: rbac.authorization.k8s.io, kind: ClusterRole, name: admin }
subjects: [{ kind: ServiceAccount, name: owner }]
";

#[tokio::test]
#[ignore = "needs a control plane: cargo xtask test"]
async fn what_needs_an_object_of_the_same_set_is_checked_after_it() {
    let namespace = Namespace::new("brought").await;
    namespace.prepare(OWNER);
    let owner = namespace.as_account("owner", namespace.server()).await;
    let set = r#"
apiVersion: v1
kind: Pod
metadata: { name: once }
spec: { serviceAccountName: runner, containers: [{ name: main, image: "registry.example/once:1" }] }
---
apiVersion: rbac.authorization.k8s.io/v1
kind: RoleBinding
metadata: { name: reader }
roleRef: { apiGroup: rbac.authorization.k8s.io, kind: Role, name: reader }
subjects: [{ kind: ServiceAccount, name: runner }]
---
apiVersion: rbac.authorization.k8s.io/v1
kind: Role
metadata: { name: reader }
rules: [{ apiGroups: [""], resources: [configmaps], verbs: [get] }]
---
apiVersion: v1
kind: ServiceAccount
metadata: { name: runner }
"#;
    let deployed = namespace.try_apply(&owner, set, &[]).await.unwrap();
    let order: Vec<&str> = deployed.objects.iter().map(|object| object.kind.as_str()).collect();
    assert_eq!(order, ["Role", "ServiceAccount", "RoleBinding", "Pod"]);

    // What nobody brings is said, and nothing is applied.
    let lost = set
        .replace("name: Role, name: reader", "")
        .replace("kind: Role, name: reader", "kind: Role, name: lost");
    let error = namespace.try_apply(&owner, &(CONFIG.to_owned() + &lost), &[]).await.unwrap_err();
    assert!(error.message.contains("\"lost\" not found"), "{error:?}");
    assert!(namespace.find("configmap", "settings").is_none());
}

#[tokio::test]
#[ignore = "needs a control plane: cargo xtask test"]
async fn a_set_with_its_own_namespace_is_checked_as_a_whole() {
    let namespace = Namespace::new("own").await;
    let with_namespace = |name: &str, rest: &str| {
        format!("apiVersion: v1\nkind: Namespace\nmetadata: {{ name: {name} }}\n---\n{CONFIG}{rest}")
    };
    let wrong = deployment(1, "ready", "").replace("replicas:", "replica:");
    let error = namespace
        .try_apply(&namespace.cluster, &with_namespace(&namespace.name, &wrong), &[])
        .await
        .unwrap_err();
    assert_eq!(error.code, "invalid-object", "{error:?}");
    assert!(details(&error, "applied before it failed").is_empty(), "{error:?}");

    let fresh = format!("{}-new", namespace.name);
    let cluster = namespace.administrator(&fresh, &[]).await;
    let error = namespace.try_apply(&cluster, &with_namespace(&fresh, &wrong), &[]).await.unwrap_err();
    let pods = "---\napiVersion: v1\nkind: Pod\nmetadata: { name: once }\nspec: { containers: [{ name: main, image: a }] }\n";
    let right = namespace
        .try_apply(&cluster, &with_namespace(&fresh, &(deployment(1, "ready", "") + pods)), &[])
        .await;
    namespace.kubectl(&["delete", "namespace", &fresh, "--wait=false"], None);
    assert_eq!(error.code, "invalid-object", "{error:?}");
    assert_eq!(details(&error, "applied before it failed"), [format!("Namespace/{fresh}")]);
    assert_eq!(right.unwrap().objects.len(), 4);
}

#[tokio::test]
#[ignore = "needs a control plane: cargo xtask test"]
async fn a_definition_and_its_objects_come_in_one_set() {
    let namespace = Namespace::new("definition").await;
    let group = format!("{}.example.com", namespace.name);
    let cluster = namespace.administrator(&namespace.name, &["CustomResourceDefinition"]).await;
    let set = |fields: &str, spec: &str| {
        format!(
            "apiVersion: {group}/v1\nkind: QueueClass\nmetadata: {{ name: one }}\nspec: {spec}\n---\n\
             apiVersion: apiextensions.k8s.io/v1\nkind: CustomResourceDefinition\n\
             metadata: {{ name: queueclasses.{group} }}\nspec:\n  group: {group}\n  scope: Namespaced\n  \
             names: {{ kind: QueueClass, plural: queueclasses, singular: queueclass }}\n  versions:\n  \
             - name: v1\n    served: true\n    storage: true\n    schema: {{ openAPIV3Schema: {{ type: object, \
             properties: {{ spec: {{ type: object, properties: {{ {fields} }} }} }} }} }}\n"
        )
    };
    let first = namespace.try_apply(&cluster, &set("a: { type: string }", "{ a: x }"), &[]).await;
    // The object uses a field that its definition gets with this very set.
    let both = "a: { type: string }, b: { type: string }";
    let second = namespace.try_apply(&cluster, &set(both, "{ a: x, b: z }"), &[]).await;
    let wrong = namespace.try_apply(&cluster, &set(both, "{ a: x, c: z }"), &[]).await;
    namespace.kubectl(&["delete", "crd", &format!("queueclasses.{group}"), "--wait=false"], None);
    assert_eq!(first.unwrap().objects.len(), 2);
    assert_eq!(second.unwrap().objects.len(), 2);
    let wrong = wrong.unwrap_err();
    assert!(wrong.message.contains(".spec.c: field not declared"), "{wrong:?}");
}

#[tokio::test]
#[ignore = "needs a control plane: cargo xtask test"]
async fn a_pull_secret_may_come_with_the_set() {
    let namespace = Namespace::new("pull").await;
    let secret = |kind: &str, key: &str| {
        format!(
            "apiVersion: v1\nkind: Secret\ntype: {kind}\nmetadata: {{ name: pull }}\n\
             stringData: {{ {key}: '{{\"auths\": {{}}}}' }}\n---\n{}",
            deployment(1, "ready", "")
        )
    };
    let missing = namespace.try_apply(&namespace.cluster, &deployment(1, "ready", ""), &["pull"]).await;
    assert_eq!(missing.unwrap_err().code, "pull-secret-missing");
    let wrong = namespace.try_apply(&namespace.cluster, &secret("Opaque", "a"), &["pull"]).await;
    assert_eq!(wrong.unwrap_err().code, "pull-secret-wrong");
    let right = secret("kubernetes.io/dockerconfigjson", ".dockerconfigjson");
    assert_eq!(namespace.try_apply(&namespace.cluster, &right, &["pull"]).await.unwrap().objects.len(), 2);
}

#[tokio::test]
#[ignore = "needs a control plane: cargo xtask test"]
async fn what_kubectl_applied_is_taken_over_while_controllers_write() {
    let namespace = Namespace::new("migrate").await;
    // Several, because the controller has to write between two requests of ours.
    let named = |index: u32, text: &str| {
        text.replace("name: web }\nspec", &format!("name: web-{index} }}\nspec"))
            .replace("app: web", &format!("app: web-{index}"))
    };
    let before = deployment(2, "ready", ", env: [{ name: OLD, value: x }]")
        .replace("replicas: 2", "replicas: 2\n  minReadySeconds: 1");
    let after = deployment(1, "ready", ", env: [{ name: NEW, value: x }]");
    let all = |text: &str| (0..6).map(|index| named(index, text)).collect::<Vec<_>>().join("---");
    namespace.prepare(&all(&before));
    let deployed = namespace.try_apply(&namespace.cluster, &all(&after), &[]).await.unwrap();
    assert!(deployed.warnings.iter().any(|it| it.contains("took over what `kubectl apply`")), "{deployed:?}");
    for index in 0..6 {
        let live = namespace.find("deployment", &format!("web-{index}")).unwrap();
        let container = &live["spec"]["template"]["spec"]["containers"][0];
        assert_eq!(container["env"], serde_json::json!([{ "name": "NEW", "value": "x" }]));
        assert_eq!(live["spec"]["minReadySeconds"].as_i64().unwrap_or_default(), 0, "{live}");
        let managers = live["metadata"]["managedFields"].as_array().unwrap();
        assert!(managers.iter().all(|it| it["manager"] != "kubectl-client-side-apply"), "{live}");
        assert!(
            live["metadata"]["annotations"]["kubectl.kubernetes.io/last-applied-configuration"].is_null()
        );
    }
}

#[tokio::test]
#[ignore = "needs a control plane: cargo xtask test"]
async fn fields_of_others_are_yielded_taken_or_a_question() {
    let namespace = Namespace::new("owners").await;
    let apply = |replicas: u32| {
        let manifest = deployment(replicas, "ready", "");
        let namespace = &namespace;
        async move { namespace.try_apply(&namespace.cluster, &manifest, &[]).await }
    };
    apply(1).await.unwrap();
    let here = ["--namespace", namespace.name.as_str()];
    let run =
        |arguments: &[&str], input: Option<&str>| namespace.kubectl(&[arguments, &here[..]].concat(), input);

    // An autoscaler writes through the subresource.
    run(&["scale", "deployment", "web", "--replicas=3"], None);
    let deployed = apply(1).await.unwrap();
    assert_eq!(namespace.find("deployment", "web").unwrap()["spec"]["replicas"], 3);
    assert!(deployed.warnings.iter().any(|it| it.contains("left `.spec.replicas`")), "{deployed:?}");

    // A person's tool gives way, in its own fields only: the autoscaler's stays.
    let image = r#"{ "spec": { "template": { "spec": { "containers": [{ "name": "web", "image": "other:1" }] } } } }"#;
    run(&["patch", "deployment", "web", "--field-manager=kubectl-edit", "--patch", image], None);
    let deployed = apply(1).await.unwrap();
    let live = namespace.find("deployment", "web").unwrap();
    assert_eq!(live["spec"]["template"]["spec"]["containers"][0]["image"], "registry.example/web:1");
    assert_eq!(live["spec"]["replicas"], 3);
    assert!(deployed.warnings.iter().any(|it| it.contains("from kubectl-edit")), "{deployed:?}");

    // What a variable holds is not told.
    let env = deployment(3, "ready", ", env: [{ name: A, value: ours }]");
    namespace.try_apply(&namespace.cluster, &env, &[]).await.unwrap();
    let theirs = r#"{ "spec": { "template": { "spec": { "containers": [{ "name": "web", "env": [{ "name": "A", "value": "hunter2" }] }] } } } }"#;
    run(&["patch", "deployment", "web", "--field-manager=somebody", "--patch", theirs], None);
    let error = namespace.try_apply(&namespace.cluster, &env, &[]).await.unwrap_err();
    assert_eq!(details(&error, "value there"), ["***"], "{error:?}");
    assert!(error.message.contains(".env[name=\"A\"].value"), "{error:?}");
    run(
        &[
            "patch",
            "deployment",
            "web",
            "--field-manager=somebody",
            "--patch",
            &theirs.replace("hunter2", "ours"),
        ],
        None,
    );
    apply(1).await.unwrap();

    // Somebody else is asked about, by name; and an image is never yielded.
    for manager in ["somebody", "image-controller", "argocd-controller"] {
        let by = format!("--field-manager={manager}");
        run(&["patch", "deployment", "web", &by, "--patch", image], None);
        let error = apply(1).await.unwrap_err();
        assert_eq!(error.code, "field-conflict", "{error:?}");
        assert!(error.message.contains(manager) && error.message.contains(".image"), "{error:?}");
        run(
            &[
                "patch",
                "deployment",
                "web",
                &by,
                "--patch",
                &image.replace("other:1", "registry.example/web:1"),
            ],
            None,
        );
    }
}

#[tokio::test]
#[ignore = "needs a control plane: cargo xtask test"]
async fn what_is_being_deleted_is_not_applied_to() {
    let namespace = Namespace::new("terminating").await;
    let held = CONFIG.replace("name: settings", "name: settings, finalizers: [example.com/hold]");
    namespace.prepare(&held);
    let here = ["--namespace", namespace.name.as_str()];
    let run = |arguments: &[&str]| namespace.kubectl(&[arguments, &here[..]].concat(), None);
    run(&["delete", "configmap", "settings", "--wait=false"]);
    let error = namespace.try_apply(&namespace.cluster, CONFIG, &[]).await.unwrap_err();
    run(&["patch", "configmap", "settings", "--patch", r#"{ "metadata": { "finalizers": null } }"#]);
    assert_eq!((error.code.as_str(), error.retryable), ("object-terminating", true), "{error:?}");
    assert_eq!(details(&error, "finalizers"), ["example.com/hold"]);
}

#[tokio::test]
#[ignore = "needs a control plane: cargo xtask test"]
async fn a_field_that_cannot_change_is_said_to_be_one() {
    let namespace = Namespace::new("immutable").await;
    let set = deployment(1, "ready", "").replace("kind: Deployment", "kind: StatefulSet");
    let set = set.replace("spec:\n  replicas", "spec:\n  serviceName: web\n  replicas");
    namespace.apply(&set).await;
    let other = set.replace("serviceName: web", "serviceName: other");
    let error =
        namespace.try_apply(&namespace.cluster, &(CONFIG.to_owned() + &other), &[]).await.unwrap_err();
    assert_eq!(error.code, "immutable-field", "{error:?}");

    // The server shows the whole template, and what is in it.
    let job = crate::namespace::job("succeed", "")
        .replace("migrate:1", "migrate:1, env: [{ name: A, value: hunter2 }]");
    let job = job.replace("image: registry.example/migrate:1", "image: \"registry.example/migrate:1\"");
    namespace.apply(&job).await;
    let error = namespace
        .try_apply(&namespace.cluster, &job.replace("migrate:1\"", "migrate:2\""), &[])
        .await
        .unwrap_err();
    assert_eq!(error.code, "immutable-field", "{error:?}");
    assert!(
        error.message.contains("spec.template: ") && !format!("{error:?}").contains("hunter2"),
        "{error:?}"
    );

    assert!(namespace.find("configmap", "settings").is_none());
}

#[tokio::test]
#[ignore = "needs a control plane: cargo xtask test"]
async fn a_size_that_is_handed_to_an_autoscaler_is_kept() {
    let namespace = Namespace::new("scaler").await;
    namespace.apply(&deployment(3, "ready", "")).await;
    let without = deployment(3, "ready", "").replace("  replicas: 3\n", "");
    let scaler = "---\napiVersion: autoscaling/v2\nkind: HorizontalPodAutoscaler\nmetadata: { name: web }\n\
        spec: { minReplicas: 2, maxReplicas: 5, scaleTargetRef: { apiVersion: apps/v1, kind: Deployment, name: web } }\n";
    let set = without.clone() + scaler;
    let deployed = namespace.try_apply(&namespace.cluster, &set, &[]).await.unwrap();
    let replicas = || namespace.find("deployment", "web").unwrap()["spec"]["replicas"].clone();
    assert_eq!(replicas(), 3);
    let note = "Deployment/web: kept at 3 replicas until HorizontalPodAutoscaler/web sets them";
    assert!(deployed.warnings.contains(&note.to_owned()), "{deployed:?}");
    // Without an autoscaler the field has its default again.
    namespace.apply(&without).await;
    assert_eq!(replicas(), 1);
}

#[tokio::test]
#[ignore = "needs a control plane: cargo xtask test"]
async fn rights_for_a_name_are_enough_and_secrets_need_not_be_listed() {
    let namespace = Namespace::new("least").await;
    namespace.prepare(&OWNER.replace("kind: ClusterRole, name: admin", "kind: Role, name: owner"));
    namespace.prepare(
        r#"
apiVersion: rbac.authorization.k8s.io/v1
kind: Role
metadata: { name: owner }
rules:
- { apiGroups: [""], resources: [secrets, configmaps], verbs: [create] }
- { apiGroups: [""], resources: [secrets, configmaps], resourceNames: [settings], verbs: [patch] }
"#,
    );
    let owner = namespace.as_account("owner", namespace.server()).await;
    let set = format!("{CONFIG}apiVersion: v1\nkind: Secret\nmetadata: {{ name: settings }}\n");
    assert_eq!(namespace.try_apply(&owner, &set, &[]).await.unwrap().objects.len(), 2);
    let error = namespace.try_apply(&owner, &set.replace("settings", "others"), &[]).await.unwrap_err();
    assert_eq!(error.code, "forbidden");
    assert!(error.message.ends_with("may not patch configmaps, patch secrets"), "{error:?}");
}

#[tokio::test]
#[ignore = "needs a control plane: cargo xtask test"]
async fn without_a_dry_run_it_is_still_told_what_changed() {
    let namespace = Namespace::new("unasked").await;
    let cluster = namespace.without_dry_run().await;
    // Without a field of its own an object has no time of ours.
    let config = format!("{}data: {{ key: value }}\n---\n", CONFIG.trim_end_matches("---\n"));
    let apply = async |text: &str| namespace.try_apply(&cluster, text, &[]).await.unwrap().objects[0].change;
    assert_eq!(apply(&config).await, Change::Created);
    let version = || namespace.find("configmap", "settings").unwrap()["metadata"]["resourceVersion"].clone();
    let before = version();
    // Times in managed fields are whole seconds: what was written just now may look as if it were written again.
    let mut told = apply(&config).await;
    while told == Change::Configured {
        told = apply(&config).await;
    }
    assert_eq!(told, Change::Unchanged);
    assert_eq!(version(), before);
    let other = config.replace("value", "other");
    assert_eq!(apply(&other).await, Change::Configured);

    // What the server refuses is found only when what comes before it is there.
    let wrong = deployment(1, "ready", "").replace("replicas:", "replica:");
    let first = "apiVersion: v1\nkind: ConfigMap\nmetadata: { name: first }\n---\n";
    let error = namespace.try_apply(&cluster, &(first.to_owned() + &wrong), &[]).await.unwrap_err();
    assert_eq!(details(&error, "applied before it failed"), ["ConfigMap/first"], "{error:?}");
}
