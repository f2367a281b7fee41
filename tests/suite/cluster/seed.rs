//! The seed pipeline from Dev to Prod: four namespaces, four service accounts, each confined to its own.

use relhost_tests::account::deployer;
use relhost_tests::audit::{Audit, Request};
use relhost_tests::cluster::ControlPlane;
use relhost_tests::journal::{Call, calls, results};
use relhost_tests::mailbox::Mailbox;
use relhost_tests::page::{approve, content};
use relhost_tests::program::{Ended, Place, Running, http};
use relhost_tests::shop::{Access, RUN, Target, people};
use serde_json::json;

const ENVIRONMENTS: [(&str, Access); 4] = [
    ("dev", Access::Kubeconfig),
    ("qa", Access::Token),
    ("staging", Access::Kubeconfig),
    ("prod", Access::Token),
];
const DEPLOYMENT: &str = "app1-nginx-deployment";
const SERVICE: &str = "app1-nginx-loadbalancer-service";
const IMAGE: &str = "aksdevopsacr.azurecr.io/custom2aksnginxapp1:5f2b8c0d9e1a4737b6c25d80e93f14a7c6b0d2e8";

struct Seed {
    place: Place,
    targets: Vec<Target>,
    audit: Audit,
}

impl Seed {
    fn new() -> Self {
        let plane = ControlPlane::find();
        let place = Place::new();
        place.copy("pipelines/aks-release", ".");
        let mut targets = Vec::new();
        let mut clusters = String::new();
        for (environment, access) in ENVIRONMENTS {
            let target = Target::new(&plane, environment, &deployer());
            clusters.push_str(&format!("  {}\n", target.connection(&place, access)));
            targets.push(target);
        }
        let _password = place.write("keys/acr-password", "the-registry-password\n");
        let _operator = place.write("relhost.yaml", &operator(&clusters));
        let audit = Audit::from_now(&plane);
        Self { place, targets, audit }
    }

    /// Waits until an approval is asked for and approves it from another shell.
    fn approve(&self, running: &mut Running, approval: &str) {
        running.wait_for(&format!("{approval} asks for approval"));
        let vote = ["approval", "approve", approval, "--comment", "it looks well"];
        let voted = self.place.run(&vote).expect(0);
        assert!(voted.stdout.contains(&format!("{approval} is approved")), "{}", voted.stdout);
    }
}

/// The tester asks for the release; QA and Staging let the requester approve, Prod does not.
fn operator(clusters: &str) -> String {
    format!(
        "{}pipelines: [pipeline.yaml]
mail: {{ from: relhost@example.com, outbox: outbox }}
registries:
  manual-aksdevopsacr-svc:
    server: aksdevopsacr.azurecr.io
    user: aksdevopsacr
    password: {{ file: keys/acr-password }}
clusters:
{clusters}environments:
  dev: {{ cluster: dev }}
  qa: {{ cluster: qa, approvals-min: 1, requester-may-approve: true }}
  staging: {{ cluster: staging, approvals-min: 1, requester-may-approve: true }}
  prod: {{ cluster: prod, approvals-min: 1, requester-may-approve: false }}
grants:
  - plugin: rolling-deploy
    stages: [\"*\"]
    allow:
      deploy: {{ kinds: [Deployment, Service] }}
      create-secret: {{ names: [\"*-aksdevopsacr-secret\"], registries: [manual-aksdevopsacr-svc] }}
      notify: {{}}
",
        people()
    )
}

#[test]
#[ignore = "needs a control plane and python: cargo xtask test"]
fn the_seed_pipeline_goes_from_dev_to_prod() {
    let seed = Seed::new();
    let listen = ["--listen", "127.0.0.1:0"];
    let mut running = seed.place.start(&[&["run", "pipeline.yaml"], &listen[..]].concat(), &[]);
    seed.approve(&mut running, "apr-1");
    seed.approve(&mut running, "apr-2");
    let first = running.end(RUN).expect(0);
    assert!(first.stderr.contains("relhost release promote rel-1 --stage Prod"), "{}", first.stderr);
    assert!(seed.targets[3].namespace.find("deployment", DEPLOYMENT).is_none(), "nobody has promoted it");

    let _promoted = seed.place.run(&["release", "promote", "rel-1", "--stage", "Prod"]).expect(0);
    let mut running = seed.place.start(&[&["resume", "rel-1"], &listen[..]].concat(), &[]);
    running.wait_for("apr-3 asks for approval");
    let own = seed.place.run(&["approval", "approve", "apr-3"]).expect(8);
    assert!(own.stderr.contains("does not let the requester approve"), "{}", own.stderr);
    carol_approves(&seed.place, "apr-3");
    let second = running.end(RUN).expect(0);

    runs_everywhere(&seed, &[first, second]);
    asks_as_itself_and_in_its_own_place(&seed);
}

/// By the page that her mail links to, with the code of her mail.
fn carol_approves(place: &Place, approval: &str) {
    let letter = Mailbox::new(place.path().join("outbox")).asking(approval, "carol");
    let content = content(&http("GET", letter.link(), None).1);
    let (status, answer) = http("POST", letter.link(), Some(&approve(letter.code(), &content)));
    assert_eq!(status, 200, "{answer}");
}

/// The build's image, the pull secret and an address of its own in each namespace; the addresses printed
/// are the ones that the control plane gave.
fn runs_everywhere(seed: &Seed, printed: &[Ended]) {
    let results = results(&seed.place, "rel-1");
    let stderr: String = printed.iter().map(|ended| ended.stderr.as_str()).collect();
    for (target, stage) in seed.targets.iter().zip(["Dev", "QA", "Staging", "Prod"]) {
        let deployment = target.namespace.get("deployment", DEPLOYMENT);
        let pod = &deployment["spec"]["template"]["spec"];
        assert_eq!(pod["containers"][0]["image"], IMAGE, "{stage}");
        let secret = format!("{}-aksdevopsacr-secret", target.environment);
        assert_eq!(pod["imagePullSecrets"], json!([{ "name": secret }]), "{stage}");
        assert_eq!(deployment["status"]["readyReplicas"], 1, "{stage}");
        let kind = &target.namespace.get("secret", &secret)["type"];
        assert_eq!(kind, "kubernetes.io/dockerconfigjson");

        let service = target.namespace.get("service", SERVICE);
        let address = service["status"]["loadBalancer"]["ingress"][0]["ip"].as_str().expect("an address");
        let result = results.iter().find(|result| result["stage"] == stage).expect("it has ended");
        assert_eq!(result["status"], "succeeded", "{result}");
        assert_eq!(result["outputs"][format!("address.{SERVICE}")], address);
        let line = format!("{stage}: address.{SERVICE} = {address}");
        assert!(stderr.contains(&line), "`{line}` is not in\n{stderr}");
    }
}

/// Every request comes from the environment's own account, stays in its namespace and carries the key of a
/// call of its stage; every change that of the very call it was made for.
fn asks_as_itself_and_in_its_own_place(seed: &Seed) {
    let calls = calls(&seed.place, "rel-1");
    for (target, stage) in seed.targets.iter().zip(["Dev", "QA", "Staging", "Prod"]) {
        let requests = seed.audit.of(&target.account.user);
        for request in &requests {
            let inside = request.namespace == target.namespace.name() || request.is_review();
            assert!(inside, "{stage} asked outside of its namespace: {request:?}");
            let mut own = calls.iter().filter(|call| call.stage == stage);
            assert!(
                own.any(|call| request.agent.contains(&call.key)),
                "{stage} has no such call: {request:?}"
            );
        }
        let effects: Vec<&Request> = requests.iter().filter(|request| request.is_effect()).collect();
        let secret = format!("secrets/{}-aksdevopsacr-secret", target.environment);
        let expected = [
            (secret, "docker-registry"),
            (format!("services/{SERVICE}"), "#deploy"),
            (format!("deployments/{DEPLOYMENT}"), "#deploy"),
        ];
        let seen: Vec<String> = effects.iter().map(|request| request.object()).collect();
        assert_eq!(seen, expected.iter().map(|(object, _)| object.clone()).collect::<Vec<_>>(), "{stage}");
        for (effect, (_, operation)) in effects.iter().zip(&expected) {
            let key = key_of(&calls, stage, operation);
            assert_eq!(effect.verb, "patch");
            assert!(effect.agent.contains(&key), "{effect:?} has not the key {key}");
        }
    }
}

fn key_of(calls: &[Call], stage: &str, operation: &str) -> String {
    let of_stage = calls.iter().filter(|call| call.stage == stage);
    let mut matching = of_stage.filter(|call| call.operation.ends_with(operation));
    let call = matching.next().expect("the call has an intent");
    assert_eq!(matching.next(), None, "it was called twice");
    call.key.clone()
}
