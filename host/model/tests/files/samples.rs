//! Every sample under `pipelines/`.

use std::path::{Path, PathBuf};

use relhost_model::{build_file, config_file, definition, schema, yaml};

use crate::against;

fn samples() -> Vec<PathBuf> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../pipelines");
    let entries = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    let mut samples: Vec<PathBuf> = entries.filter(|path| path.is_dir()).collect();
    samples.sort();
    samples
}

fn text(path: &Path) -> String {
    std::fs::read_to_string(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

#[test]
fn samples_are_read_without_a_warning_and_pass_the_schema() {
    let samples = samples();
    assert!(samples.len() >= 3);
    for sample in samples {
        let pipeline_text = text(&sample.join("pipeline.yaml"));
        let (pipeline, warnings) =
            definition::read(&pipeline_text, "pipeline.yaml").unwrap_or_else(|p| panic!("{p}"));
        assert!(warnings.is_empty(), "{warnings}");
        assert_eq!(against(&schema::pipeline(), &pipeline_text), Vec::<String>::new());

        let config_text = text(&sample.join("relhost.yaml"));
        let (config, warnings) =
            config_file::read(&config_text, &sample, "relhost.yaml").unwrap_or_else(|p| panic!("{p}"));
        assert!(warnings.is_empty(), "{warnings}");
        assert_eq!(against(&schema::config(), &config_text), Vec::<String>::new());

        // The two files fit together: every environment and every approver of the pipeline exists.
        for stage in &pipeline.stages {
            assert!(config.environments.contains_key(&stage.environment), "{}", stage.environment);
            let approvals = [&stage.approval.before, &stage.approval.after].into_iter().flatten();
            for approver in approvals.flat_map(|approval| &approval.approvers) {
                assert!(!config.members(approver).is_empty(), "{approver}");
            }
            assert!(config.allowed(&stage.uses, &stage.name).deploy.is_some(), "{}", stage.name);
        }
        assert!(sample.join("README.md").exists());
    }
}

#[test]
fn artifacts_of_samples_are_read() {
    for sample in samples() {
        for folder in ["build-output", "app"].map(|name| sample.join(name)).iter().filter(|f| f.exists()) {
            build_file::read(&text(&folder.join("build.yaml")), "build.yaml")
                .unwrap_or_else(|p| panic!("{p}"));
            let entries = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
            for manifest in entries.filter(|path| path.extension().is_some_and(|e| e == "yaml")) {
                let documents = yaml::documents(&text(&manifest), &yaml::ManifestBudget::default()).unwrap();
                assert_eq!(documents.len(), 1);
            }
        }
    }
}

#[test]
fn the_seed_has_its_names() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../pipelines/aks-release");
    let (pipeline, _) = definition::read(&text(&folder.join("pipeline.yaml")), "pipeline.yaml").unwrap();
    let secrets: Vec<(&str, &str, &str)> = pipeline
        .stages
        .iter()
        .map(|stage| {
            let secret = &stage.with["pull-secret"];
            (stage.name.as_str(), secret["name"].as_str().unwrap(), secret["registry"].as_str().unwrap())
        })
        .collect();
    let registry = "manual-aksdevopsacr-svc";
    assert_eq!(
        secrets,
        [
            ("Dev", "dev-aksdevopsacr-secret", registry),
            ("QA", "qa-aksdevopsacr-secret", registry),
            ("Staging", "staging-aksdevopsacr-secret", registry),
            ("Prod", "prod-aksdevopsacr-secret", registry),
        ]
    );
    let manifests = folder.join("build-output/kube-manifests/01-Deployment-and-LoadBalancer-Service.yml");
    let documents = yaml::documents(&text(&manifests), &yaml::ManifestBudget::default()).unwrap();
    let kinds: Vec<&str> = documents.iter().map(|document| document["kind"].as_str().unwrap()).collect();
    assert_eq!(kinds, ["Deployment", "Service"]);
}
