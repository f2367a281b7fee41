//! What becomes ready.

use relhost_model::time::Millis;

use crate::PATIENT;
use crate::namespace::{Namespace, deployment, job};

const SERVICE: &str = "
apiVersion: v1
kind: Service
metadata: { name: web, annotations: { relhost.test/address: ADDRESS } }
spec: { type: LoadBalancer, selector: { app: web }, ports: [{ port: 80 }] }
";

#[tokio::test]
#[ignore = "needs a control plane: cargo xtask test"]
async fn a_rollout_tells_its_steps_its_address_and_its_images() {
    let namespace = Namespace::new("ready").await;
    let manifest = format!(
        "{}---{}---\napiVersion: v1\nkind: ConfigMap\nmetadata: {{ name: web }}\n",
        deployment(2, "slow-ready", ""),
        SERVICE.replace("ADDRESS", "ip"),
    );
    let (result, lines) = namespace.roll_out(&manifest, PATIENT).await;
    let rollout = result.unwrap();

    let [address] = rollout.addresses.as_slice() else { panic!("{rollout:?}") };
    assert_eq!(address.service, "web");
    assert!(address.address.starts_with("198.18."), "{address:?}");
    let [image] = rollout.images.as_slice() else { panic!("{rollout:?}") };
    assert_eq!((image.workload.as_str(), image.container.as_str()), ("Deployment/web", "web"));
    assert_eq!(image.image, "registry.example/web:1");
    assert!(image.digest.as_ref().is_some_and(|digest| digest.starts_with("sha256:")), "{image:?}");
    assert!(rollout.warnings.is_empty(), "{rollout:?}");

    assert!(lines.contains(&"Deployment/web: 0 of 2 ready".to_owned()), "{lines:#?}");
    assert!(lines.contains(&"Deployment/web is ready".to_owned()), "{lines:#?}");
    assert!(lines.contains(&format!("Service/web has the address {}", address.address)), "{lines:#?}");
    assert!(!lines.iter().any(|line| line.contains("ConfigMap")), "{lines:#?}");
    let mut once = lines.clone();
    once.dedup();
    assert_eq!(once, lines);
}

#[tokio::test]
#[ignore = "needs a control plane: cargo xtask test"]
async fn an_address_may_be_a_host_name_or_never_come() {
    let namespace = Namespace::new("address").await;
    let (result, _) = namespace.roll_out(&SERVICE.replace("ADDRESS", "hostname"), PATIENT).await;
    let address = format!("web.{}.lb.example.com", namespace.name);
    assert_eq!(result.unwrap().addresses[0].address, address);

    let never = SERVICE.replace("ADDRESS", "none").replace("name: web", "name: lonely");
    let (result, lines) = namespace.roll_out(&never, Millis::from_secs(3)).await;
    let rollout = result.unwrap();
    assert!(rollout.addresses.is_empty());
    let warning = "Service/lonely: no address after 3s; it is not waited for any longer";
    assert_eq!(rollout.warnings, [warning]);
    assert!(lines.contains(&warning.to_owned()), "{lines:#?}");
}

#[tokio::test]
#[ignore = "needs a control plane: cargo xtask test"]
async fn a_job_is_waited_for_until_it_has_ended() {
    let namespace = Namespace::new("job").await;
    let (result, lines) = namespace.roll_out(&job("succeed", ""), PATIENT).await;
    assert_eq!(result.unwrap().images[0].workload, "Job/migrate");
    assert!(lines.contains(&"Job/migrate: 0 of 1 succeeded".to_owned()), "{lines:#?}");

    // One that removes itself at once is not missed.
    let vanishing = job("succeed", "  ttlSecondsAfterFinished: 0").replace("migrate }", "vanish }");
    let (result, _) = namespace.roll_out(&vanishing, PATIENT).await;
    result.unwrap();
}

#[tokio::test]
#[ignore = "needs a control plane: cargo xtask test"]
async fn every_workload_reports_the_images_of_its_new_revision() {
    let namespace = Namespace::new("kinds").await;
    let kinds = |version: u32| {
        let pods = format!(
            "selector: {{ matchLabels: {{ app: APP }} }}
  template:
    metadata: {{ labels: {{ app: APP }} }}
    spec: {{ containers: [{{ name: main, image: \"registry.example/APP:{version}\" }}] }}"
        );
        format!(
            "
apiVersion: apps/v1
kind: StatefulSet
metadata: {{ name: db }}
spec:
  replicas: 2
  serviceName: db
  {}
---
apiVersion: apps/v1
kind: DaemonSet
metadata: {{ name: agent }}
spec:
  {}
---
apiVersion: v1
kind: Pod
metadata: {{ name: once-{version}, annotations: {{ relhost.test/behaviour: succeed }} }}
spec: {{ restartPolicy: Never, containers: [{{ name: main, image: \"registry.example/once:{version}\" }}] }}
",
            pods.replace("APP", "db"),
            pods.replace("APP", "agent"),
        )
    };
    for version in [1, 2] {
        let (result, lines) = namespace.roll_out(&kinds(version), PATIENT).await;
        let rollout = result.unwrap();
        let images: Vec<(&str, &str)> =
            rollout.images.iter().map(|image| (image.workload.as_str(), image.image.as_str())).collect();
        let expected = [
            ("StatefulSet/db".to_owned(), format!("registry.example/db:{version}")),
            ("DaemonSet/agent".to_owned(), format!("registry.example/agent:{version}")),
            (format!("Pod/once-{version}"), format!("registry.example/once:{version}")),
        ];
        let mut found = images.clone();
        found.sort_unstable();
        let mut expected: Vec<(&str, &str)> =
            expected.iter().map(|(workload, image)| (workload.as_str(), image.as_str())).collect();
        expected.sort_unstable();
        assert_eq!(found, expected, "{lines:#?}");
    }
}

#[tokio::test]
#[ignore = "needs a control plane: cargo xtask test"]
async fn what_is_wrong_with_the_old_revision_does_not_count() {
    let namespace = Namespace::new("revision").await;
    namespace.apply(&deployment(2, "crash-loop", "")).await;
    let old = namespace.apply(&deployment(2, "crash-loop", "")).await;
    let (failed, _) = namespace.wait(&namespace.cluster, old, PATIENT).await;
    assert_eq!(failed.unwrap_err().code, "crash-loop");
    let (result, lines) = namespace.roll_out(&deployment(2, "ready", ""), PATIENT).await;
    result.unwrap();
    assert!(!lines.iter().any(|line| line.contains("crashed")), "{lines:#?}");
}

#[tokio::test]
#[ignore = "needs a control plane: cargo xtask test"]
async fn an_unchanged_rollout_is_ready_at_once_and_says_so_again() {
    let namespace = Namespace::new("again").await;
    let manifest = deployment(1, "ready", "");
    let (first, _) = namespace.roll_out(&manifest, PATIENT).await;
    let (second, lines) = namespace.roll_out(&manifest, PATIENT).await;
    assert_eq!(first.unwrap().images, second.unwrap().images);
    assert_eq!(lines, ["Deployment/web is ready"]);
}

#[tokio::test]
#[ignore = "needs a control plane: cargo xtask test"]
async fn a_claim_for_the_first_consumer_keeps_nobody_waiting() {
    let namespace = Namespace::new("claim").await;
    let class = format!("{}-later", namespace.name);
    namespace.prepare(&format!(
        "apiVersion: storage.k8s.io/v1\nkind: StorageClass\nmetadata: {{ name: {class} }}\n\
         provisioner: example.com/none\nvolumeBindingMode: WaitForFirstConsumer\n"
    ));
    let claim = format!(
        "apiVersion: v1\nkind: PersistentVolumeClaim\nmetadata: {{ name: data }}\nspec:\n  \
         accessModes: [ReadWriteOnce]\n  storageClassName: {class}\n  \
         resources: {{ requests: {{ storage: 1Gi }} }}\n"
    );
    let (result, _) = namespace.roll_out(&claim, PATIENT).await;
    namespace.kubectl(&["delete", "storageclass", &class], None);
    let note = "PersistentVolumeClaim/data: its volume is bound when a pod uses it";
    assert_eq!(result.unwrap().warnings, [note]);
}
