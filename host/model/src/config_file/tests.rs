use std::path::Path;

use super::read;
use crate::id::{PluginName, StageName};

fn codes(text: &str) -> Vec<&'static str> {
    match read(text, Path::new("/conf"), "relhost.yaml") {
        Ok(_) => Vec::new(),
        Err(problems) => problems.iter().map(|problem| problem.code).collect(),
    }
}

#[test]
fn the_number_of_grants_is_bounded() {
    let grants = |count: usize| {
        let grant = |n: usize| format!("  - {{ plugin: p{n}, stages: [S], allow: {{ notify: {{}} }} }}\n");
        "grants:\n".to_owned() + &(0..count).map(grant).collect::<String>()
    };
    assert_eq!(codes(&grants(1000)), Vec::<&str>::new());
    assert_eq!(codes(&grants(1001)), ["too-many"]);
}

#[test]
fn grants_that_name_a_plugin_and_a_stage_are_put_together() {
    let text = r#"grants:
  - { plugin: "roll*", stages: [Dev, "Q*"], allow: { deploy: { kinds: [Service] } } }
  - { plugin: rolling, stages: ["*"], allow: { notify: {} } }
  - { plugin: rolling, stages: [Prod], allow: { deploy: {} } }
"#;
    let (config, _) = read(text, Path::new("/conf"), "relhost.yaml").unwrap();
    let allowed = |plugin: &str, stage: &str| {
        let allow = config.allowed(&PluginName::new(plugin).unwrap(), &StageName::new(stage).unwrap());
        (allow.deploy.map(|rule| rule.kinds.len()), allow.notify.is_some(), allow.create_secret.is_some())
    };
    assert_eq!(allowed("rolling", "QA"), (Some(1), true, false));
    assert_eq!(allowed("rolling", "Prod"), (Some(0), true, false));
    assert_eq!(allowed("rollout", "Dev"), (Some(1), false, false));
    assert_eq!(allowed("other", "Dev"), (None, false, false));
}

#[test]
fn an_empty_file_is_an_empty_configuration() {
    for text in ["", "# nothing\n", "{}"] {
        let (config, _) = read(text, Path::new("/conf"), "relhost.yaml").unwrap();
        assert_eq!(config.state, Path::new("/conf/.relhost"));
        assert_eq!(config.folder, Path::new("/conf"));
    }
}

/// In whatever form somebody writes a secret out, no part of it is said again.
#[test]
fn a_secret_that_is_written_out_is_never_shown() {
    for value in [
        "hunter2",
        "'hunter2'",
        "[a, hunter2]",
        "{ value: hunter2 }",
        "{ env: X, extra: { deep: [hunter2] } }",
        "|\n        hunter2\n        hunter2",
        ">-\n        hunter2\n\n        hunter2",
        "\"hunter2\\n\\\n          hunter2\"",
        "hunter2\n        hunter2",
        "&a hunter2",
        "!!str hunter2",
    ] {
        for key in ["password", "passwrod"] {
            let text = format!("registries:\n  acr:\n      server: s\n      user: u\n      {key}: {value}\n");
            let problems = read(&text, Path::new("/conf"), "relhost.yaml").unwrap_err();
            let shown = format!("{problems} {problems:?}");
            assert!(!shown.contains("hunter2"), "{text}\n{problems}");
        }
    }
}

#[test]
fn every_secret_of_a_configuration_is_known() {
    let text = r#"mail: { from: a@b.c, smtp: { host: m, tls: starttls, user: u, password: { env: MAIL } } }
clusters:
  file: { kubeconfig: { file: kube }, namespace: n }
  token: { server: "https://k:6443", ca: { file: ca.pem }, token: { env: TOKEN }, namespace: n }
  inside: { in-cluster: true, namespace: n }
registries: { r: { server: s.example, user: u, password: { file: registry } } }
secrets: { s: { env: GENERIC } }
"#;
    let (config, _) = read(text, Path::new("/conf"), "relhost.yaml").unwrap();
    let mut sources: Vec<String> = config.secret_sources().iter().map(ToString::to_string).collect();
    sources.sort();
    let expected = [
        "environment variable `GENERIC`",
        "environment variable `MAIL`",
        "environment variable `TOKEN`",
        "file `/conf/kube`",
        "file `/conf/registry`",
    ];
    assert_eq!(sources, expected, "all but the certificate, which is public");
}
