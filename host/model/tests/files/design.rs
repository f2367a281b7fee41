//! The two examples that the design shows read as they are.

use std::path::Path;

use relhost_model::id::StageName;
use relhost_model::pipeline::{After, Pipeline};
use relhost_model::{config_file, definition, schema};

use crate::against;

const PIPELINE: &str = r#"pipeline: 01-app1-release-pipeline
release-name: Release-$(Rev:r)
artifacts:
  - alias: _04-custom2-BuildPushToACR-Publish-k8s-manifests
    source: { directory: ./build-output }        # or a tar/zip file; later oci, http; a build.yaml in it carries Build.* values
    trigger: { branches: [main] }                 # a new build makes a new release
variables:
  image: aksdevopsacr.azurecr.io/custom2aksnginxapp1
plugins:
  rolling-deploy: { bundled: rolling-deploy }     # or path: ; later oci: with a digest in relhost.lock
  any-one: { bundled: any-one }
stages:
  - name: Dev
    environment: dev
    after: release                                 # reserved words: release, manual; or [Stage, { stage: X, partial: true }]
    uses: rolling-deploy
    with:
      pull-secret: { name: dev-aksdevopsacr-secret, registry: manual-aksdevopsacr-svc }
      manifests: [kube-manifests/01-Deployment-and-LoadBalancer-Service.yml]
      images: ["$(image):$(Build.SourceVersion)"]
  - name: QA
    clone: Dev                                     # JSON merge patch over Dev, all but environment and after; keeps its lineage
    environment: qa
    after: [Dev]
    with: { pull-secret: { name: qa-aksdevopsacr-secret } }
    approval:
      before: { policy: any-one, approvers: [group:qa-leads], timeout: 30d }
  # Staging, Prod likewise; Prod: after: manual
"#;

const CONFIG: &str = r#"state: .relhost                       # the state folder: database, key, socket, caches, rehearsal objects
listen: 127.0.0.1:8080                # the decide page
public-url: https://relhost.example   # what mails link to
pipelines: [../pipelines/aks-release/pipeline.yaml]
people: { ann: { mail: ann@example.com, os-user: ann } }
groups: { qa-leads: [ann] }
mail: { from: relhost@example.com, smtp: { host: mail.example, port: 587, tls: starttls, user: u, password: { env: SMTP_PASSWORD } } }
clusters: { dev-aks: { kubeconfig: { file: kubeconfig, context: dev }, namespace: dev } }   # or server + ca + token, or in-cluster
registries: { manual-aksdevopsacr-svc: { server: aksdevopsacr.azurecr.io, user: u, password: { file: acr-password } } }
environments:
  dev: { cluster: dev-aks }
  qa: { cluster: qa-aks, approvals-min: 1, requester-may-approve: false }
grants:
  - { plugin: rolling-deploy, stages: ["*"], allow: { deploy: { kinds: [Deployment, Service] }, create-secret: { names: ["*-secret"] }, notify: {} } }
limits: {}
"#;

fn read(text: &str) -> Pipeline {
    match definition::read(text, "pipeline.yaml") {
        Ok((pipeline, warnings)) => {
            assert!(warnings.is_empty(), "{warnings}");
            pipeline
        }
        Err(problems) => panic!("{problems}"),
    }
}

#[test]
fn the_pipeline_reads_as_it_is() {
    let pipeline = read(PIPELINE);
    let qa = pipeline.stage(&StageName::new("QA").unwrap()).unwrap();
    assert_eq!(qa.with["pull-secret"]["name"], "qa-aksdevopsacr-secret");
    assert_eq!(qa.with["pull-secret"]["registry"], "manual-aksdevopsacr-svc");
    assert_eq!(qa.cloned_from, Some(StageName::new("Dev").unwrap()));
    assert_eq!(pipeline.stages[0].after, After::Release);
    assert_eq!(against(&schema::pipeline(), PIPELINE), Vec::<String>::new());
}

/// As it is, but for the second cluster, which the example names and does not show.
#[test]
fn the_configuration_reads_as_it_is() {
    assert_eq!(against(&schema::config(), CONFIG), Vec::<String>::new());
    let problems = config_file::read(CONFIG, Path::new("conf"), "relhost.yaml").unwrap_err();
    let messages: Vec<&str> = problems.iter().map(|problem| problem.message.as_str()).collect();
    assert_eq!(messages, ["there is no cluster connection `qa-aks`"]);

    let complete = CONFIG.replace("cluster: qa-aks", "cluster: dev-aks");
    let (config, warnings) = config_file::read(&complete, Path::new("conf"), "relhost.yaml").unwrap();
    assert!(warnings.is_empty(), "{warnings}");
    assert_eq!(config.pipelines, [Path::new("conf/../pipelines/aks-release/pipeline.yaml")]);
}
