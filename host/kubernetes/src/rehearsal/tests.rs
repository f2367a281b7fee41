use std::sync::Mutex;

use relhost_engine::port::cluster::Manifest;

use super::*;

#[derive(Default)]
struct Lines(Mutex<Vec<String>>);

impl Progress for Lines {
    fn line(&self, line: LogLine) {
        self.0.lock().unwrap().push(line.message);
    }
}

fn request(text: &str) -> ApplyRequest {
    ApplyRequest {
        key: Digest::of(b"k"),
        manifests: vec![Manifest { path: "app/a.yaml".into(), text: text.into() }],
        images: Vec::new(),
        pull_secrets: Vec::new(),
        kinds: Vec::new(),
    }
}

fn cluster(folder: &tempfile::TempDir) -> RehearsalCluster {
    RehearsalCluster::open(&folder.path().join("dev"), "dev".into(), Vec::new()).unwrap()
}

const TWO_GROUPS: &str = "{ apiVersion: v1, kind: Service, metadata: { name: web } }\n---\n\
    { apiVersion: serving.knative.dev/v1, kind: Service, metadata: { name: web } }\n";

#[test]
fn kinds_of_two_groups_do_not_share_a_file() {
    let folder = tempfile::tempdir().unwrap();
    let cluster = cluster(&folder);
    let lines = Lines::default();
    let first = cluster.apply_all(&request(TWO_GROUPS), &lines).unwrap();
    assert!(first.objects.iter().all(|object| object.change == Change::Created), "{first:?}");
    let again = cluster.apply_all(&request(TWO_GROUPS), &lines).unwrap();
    assert!(again.objects.iter().all(|object| object.change == Change::Unchanged), "{again:?}");
    assert!(cluster.folder.join("Service.web.json").is_file(), "as before groups counted");
    let removed = cluster.remove(&CleanupRequest::Namespace, &lines).unwrap();
    assert_eq!(removed, ["Service/web", "Service/web"]);
    assert!(lines.0.into_inner().unwrap().iter().all(|line| line.starts_with("rehearsal: ")));
}

#[test]
fn what_an_apply_left_before_it_failed_is_told() {
    #[derive(Default)]
    struct Applied(Mutex<Vec<String>>);
    impl Progress for Applied {
        fn line(&self, _: LogLine) {}
        fn applied(&self, object: &AppliedObject) {
            self.0.lock().unwrap().push(format!("{}/{}", object.kind, object.name));
        }
    }
    let folder = tempfile::tempdir().unwrap();
    let cluster = cluster(&folder);
    std::fs::create_dir(cluster.folder.join("Service.web.json")).unwrap();
    let text = "{ apiVersion: v1, kind: ConfigMap, metadata: { name: web } }\n---\n\
        { apiVersion: v1, kind: Service, metadata: { name: web } }\n";
    let applied = Applied::default();
    cluster.apply_all(&request(text), &applied).unwrap_err();
    assert_eq!(applied.0.into_inner().unwrap(), ["ConfigMap/web"]);
}

#[test]
fn nothing_outside_the_folder_is_touched() {
    let folder = tempfile::tempdir().unwrap();
    let cluster = cluster(&folder);
    let content = SecretContent::Generic(Vec::new());
    let request = SecretRequest { key: Digest::of(b"k"), name: "/../../escaped".into(), content };
    std::fs::create_dir(cluster.folder.join("Secret.")).unwrap();
    assert_eq!(cluster.keep_secret(&request).unwrap_err().code, "invalid-object");
    let names = std::fs::read_dir(folder.path()).unwrap().map(|file| file.unwrap().file_name());
    assert_eq!(names.collect::<Vec<_>>(), ["dev"]);
}

#[test]
fn what_the_connection_allows_is_allowed_in_a_rehearsal_too() {
    let folder = tempfile::tempdir().unwrap();
    let role = request(
        "{ apiVersion: rbac.authorization.k8s.io/v1, kind: ClusterRole, metadata: { name: reader } }",
    );
    let cluster = cluster(&folder);
    assert_eq!(cluster.apply_all(&role, &Lines::default()).unwrap_err().code, "kind-denied");
    let allowing = cluster.allowing(&["rbac.authorization.k8s.io/ClusterRole".into()]);
    assert_eq!(allowing.apply_all(&role, &Lines::default()).unwrap().objects.len(), 1);
}

#[test]
fn an_image_fails_wherever_it_is_used() {
    let folder = tempfile::tempdir().unwrap();
    let cluster = cluster(&folder);
    let apply = |init: &str, main: &str| {
        let text = format!(
            "{{ apiVersion: v1, kind: Pod, metadata: {{ name: a }}, spec: {{ \
             initContainers: [{{ name: init, image: {init} }}], containers: [{{ name: main, image: {main} }}] }} }}"
        );
        let objects = cluster.apply_all(&request(&text), &Lines::default()).unwrap().objects;
        let wait = WaitRequest { key: Digest::of(b"k"), objects, timeout: relhost_model::time::Millis(1) };
        cluster.wait_all(&wait, &Lines::default())
    };
    let images = apply("init:1", "main:1").unwrap().images;
    assert_eq!(images.iter().map(|image| image.image.as_str()).collect::<Vec<_>>(), ["main:1"]);
    for (init, main) in [("rehearsal-fail:1", "main:1"), ("init:1", "rehearsal-fail:1")] {
        assert_eq!(apply(init, main).unwrap_err().code, "image-not-found");
    }
}

#[test]
fn an_address_is_the_same_each_time() {
    assert_eq!(address("dev", "web"), address("dev", "web"));
    assert!(address("qa", "web").starts_with("203.0.113."));
}
