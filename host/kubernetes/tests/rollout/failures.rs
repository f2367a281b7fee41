//! What does not become ready, and what is said about it.

use relhost_model::time::Millis;

use crate::PATIENT;
use crate::namespace::{Namespace, deployment, details, job};

#[tokio::test]
#[ignore = "needs a control plane: cargo xtask test"]
async fn an_image_that_is_not_there_is_named() {
    let namespace = Namespace::new("image").await;
    let (result, lines) = namespace.roll_out(&deployment(2, "image-pull", ""), PATIENT).await;
    let error = result.unwrap_err();
    assert_eq!(error.code, "image-not-found");
    assert_eq!(error.message, "image not found: registry.example/web:1 (Deployment/web)");
    assert!(!error.retryable);
    assert_eq!(details(&error, "object"), ["Deployment/web"]);
    assert_eq!(details(&error, "container"), ["web"]);
    assert_eq!(details(&error, "pod").len() + details(&error, "also-pod").len(), 2);
    let events = details(&error, "event");
    assert!(events.iter().any(|event| event.starts_with("Failed: Failed to pull image")), "{events:#?}");
    let seen = "Deployment/web: 0 of 2 ready; image not found: registry.example/web:1";
    assert!(lines.contains(&seen.to_owned()), "{lines:#?}");

    // The grace is longer than a watch is believed: all was listed once more in between.
    let asked = |verb: &str, resource: &str| {
        let requests = namespace.audited().into_iter();
        requests.filter(|it| it["verb"] == verb && it["objectRef"]["resource"] == resource).count()
    };
    for resource in ["deployments", "replicasets", "pods", "events"] {
        assert!(asked("list", resource) >= 2 && asked("watch", resource) >= 2, "{resource}");
    }
}

#[tokio::test]
#[ignore = "needs a control plane: cargo xtask test"]
async fn a_crash_is_told_with_its_last_words() {
    let namespace = Namespace::new("crash").await;
    let (result, _) = namespace.roll_out(&deployment(1, "crash-loop", ""), PATIENT).await;
    let error = result.unwrap_err();
    assert_eq!(error.code, "crash-loop");
    let head = "container `web` crashed: exit code 1 (Deployment/web); last lines: ";
    assert!(error.message.starts_with(head), "{}", error.message);
    assert!(error.message.contains("panic: database is unreachable"), "{}", error.message);
    let [log] = details(&error, "log")[..] else { panic!("{error:#?}") };
    assert!(log.starts_with("starting\nconnecting to db.internal:5432\n"), "{log}");
    assert_eq!(details(&error, "exit-code"), ["1"]);
}

#[tokio::test]
#[ignore = "needs a control plane: cargo xtask test"]
async fn too_much_memory_is_told_with_the_limit() {
    let namespace = Namespace::new("memory").await;
    let limited = r", resources: { limits: { memory: 64Mi } }";
    let (result, _) = namespace.roll_out(&deployment(1, "oom", limited), PATIENT).await;
    let error = result.unwrap_err();
    assert_eq!(error.code, "out-of-memory");
    assert!(
        error.message.starts_with("container `web` ran out of memory (limit 64Mi) (Deployment/web)"),
        "{}",
        error.message
    );
}

#[tokio::test]
#[ignore = "needs a control plane: cargo xtask test"]
async fn a_missing_secret_is_named() {
    let namespace = Namespace::new("config").await;
    let wants = r", env: [{ name: A, valueFrom: { secretKeyRef: { name: db, key: password } } }]";
    let (result, _) = namespace.roll_out(&deployment(1, "config-error", wants), PATIENT).await;
    let error = result.unwrap_err();
    assert_eq!(error.code, "config-missing");
    let expected = "configuration missing for container `web`: secret \"db\" not found (Deployment/web)";
    assert_eq!(error.message, expected);
}

#[tokio::test]
#[ignore = "needs a control plane: cargo xtask test"]
async fn a_container_that_is_never_ready_is_told_with_its_probe() {
    let namespace = Namespace::new("never").await;
    let manifest = format!("{}---{}", deployment(2, "never-ready", ""), job("never-ready", ""));
    let (result, lines) = namespace.roll_out(&manifest, Millis::from_secs(10)).await;
    let error = result.unwrap_err();
    assert_eq!(error.code, "never-ready");
    assert!(error.retryable);
    let head = "container `web` is not ready: Readiness probe failed: HTTP probe failed with \
                statuscode: 503 (Deployment/web); ";
    assert!(error.message.starts_with(head), "{}", error.message);
    for part in ["not ready after 10s: ", "Job/migrate: 0 of 1 succeeded", "Deployment/web: 0 of 2 ready"] {
        assert!(error.message.contains(part), "{}", error.message);
    }
    assert!(!error.message.contains("timed out waiting for the condition"));
    assert_eq!(details(&error, "not-ready").len(), 2);
    let short = "Deployment/web may take 600 s by its progressDeadlineSeconds; it is waited for 10s";
    assert!(lines.contains(&short.to_owned()), "{lines:#?}");
}

#[tokio::test]
#[ignore = "needs a control plane: cargo xtask test"]
async fn the_scheduler_says_why_no_node_fits() {
    let namespace = Namespace::new("schedule").await;
    let huge = r#", resources: { requests: { cpu: "1000" } }"#;
    let (result, _) = namespace.roll_out(&deployment(1, "ready", huge), Millis::from_secs(8)).await;
    let error = result.unwrap_err();
    assert_eq!(error.code, "unschedulable");
    assert!(error.message.starts_with("no node takes the pod: 0/"), "{}", error.message);
    assert!(error.message.contains("Insufficient cpu"), "{}", error.message);
}

#[tokio::test]
#[ignore = "needs a control plane: cargo xtask test"]
async fn a_full_quota_is_named() {
    let namespace = Namespace::new("quota").await;
    namespace.prepare(
        "apiVersion: v1\nkind: ResourceQuota\nmetadata: { name: small }\nspec: { hard: { pods: \"1\" } }\n",
    );
    let (result, _) = namespace.roll_out(&deployment(3, "ready", ""), PATIENT).await;
    let error = result.unwrap_err();
    assert_eq!(error.code, "quota");
    assert!(error.message.starts_with("quota exceeded: small, requested: pods=1"), "{}", error.message);

    // A StatefulSet says so by events only.
    let set = deployment(2, "ready", "")
        .replace("kind: Deployment", "kind: StatefulSet")
        .replace("name: web }\nspec:", "name: set }\nspec:\n  serviceName: set")
        .replace("app: web", "app: set");
    let (result, _) = namespace.roll_out(&set, PATIENT).await;
    let error = result.unwrap_err();
    assert_eq!((error.code.as_str(), details(&error, "object")), ("quota", vec!["StatefulSet/set"]));
}

#[tokio::test]
#[ignore = "needs a control plane: cargo xtask test"]
async fn a_failed_job_is_told_by_its_container() {
    let namespace = Namespace::new("migration").await;
    let (result, _) = namespace.roll_out(&job("fail", ""), PATIENT).await;
    let error = result.unwrap_err();
    assert_eq!(error.code, "job-failed");
    assert!(
        error.message.starts_with("container `migrate` failed: exit code 3 (Job/migrate); last lines: "),
        "{}",
        error.message
    );
    assert!(error.message.contains("relation \"orders\" does not exist"), "{}", error.message);
    assert!(details(&error, "verdict")[0].contains("BackoffLimitExceeded"), "{error:#?}");
}

#[tokio::test]
#[ignore = "needs a control plane: cargo xtask test"]
async fn a_deployment_that_gives_up_is_told_by_what_made_it() {
    let namespace = Namespace::new("deadline").await;
    let hasty = deployment(1, "never-ready", "").replace("replicas: 1", "progressDeadlineSeconds: 3");
    let (result, _) = namespace.roll_out(&hasty, PATIENT).await;
    let error = result.unwrap_err();
    assert_eq!(error.code, "never-ready");
    assert!(error.message.starts_with("container `web` is not ready: "), "{}", error.message);
    assert_eq!(details(&error, "verdict"), ["no progress within its deadline of 3 s: 0 of 1 ready"]);
}

#[tokio::test]
#[ignore = "needs a control plane: cargo xtask test"]
async fn a_stateful_set_that_its_old_pod_holds_up_says_so() {
    let namespace = Namespace::new("held").await;
    let set = |behaviour: &str, tag: &str| {
        let set = deployment(1, behaviour, "").replace("kind: Deployment", "kind: StatefulSet");
        set.replace("spec:\n  replicas", "spec:\n  serviceName: web\n  replicas").replace("web:1", tag)
    };
    let (result, _) = namespace.roll_out(&set("crash-loop", "web:1"), PATIENT).await;
    assert_eq!(result.unwrap_err().code, "crash-loop");
    let (result, lines) = namespace.roll_out(&set("ready", "web:2"), Millis::from_secs(5)).await;
    let error = result.unwrap_err();
    assert_eq!(error.code, "stalled");
    let head = "pod web-0 of the previous revision holds up the update until it is deleted: \
                container `web` crashed: exit code 1 (StatefulSet/web); not ready after 5s: ";
    assert!(error.message.starts_with(head), "{}", error.message);
    assert!(lines.iter().any(|line| line.contains("web-0 of the previous revision")), "{lines:#?}");
}

#[tokio::test]
#[ignore = "needs a control plane: cargo xtask test"]
async fn what_somebody_deletes_meanwhile_is_not_waited_for() {
    let namespace = Namespace::new("deleted").await;
    let objects = namespace.apply(&deployment(1, "never-ready", "")).await;
    namespace.kubectl(&["delete", "deployment", "web", "--namespace", &namespace.name], None);
    let (result, _) = namespace.wait(&namespace.cluster, objects, PATIENT).await;
    let error = result.unwrap_err();
    assert_eq!(error.code, "object-gone");
    assert_eq!(error.message, "it is not there any more (Deployment/web)");
}
