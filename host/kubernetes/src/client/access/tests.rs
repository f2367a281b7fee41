use relhost_model::secret::SecretError;
use serde_json::Value;

use super::*;

/// Secrets by name, as if each were an environment variable.
struct Texts(Vec<(&'static str, String)>);

impl Secrets for Texts {
    fn read(&self, source: &SecretSource) -> Result<SecretValue, SecretError> {
        let SecretSource::Env(name) = source else { panic!("only variables are used here") };
        let found = self.0.iter().find(|(known, _)| known == name);
        found
            .map(|(_, text)| SecretValue::new(text.clone().into_bytes()))
            .ok_or_else(|| SecretError { source_text: source.to_string(), reason: "it is not set".into() })
    }
}

fn kubeconfig(cluster: Value, user: Value) -> String {
    let mut full = json!({ "server": "https://127.0.0.1:6443" });
    full.as_object_mut().unwrap().extend(cluster.as_object().unwrap().clone());
    json!({
        "clusters": [{ "name": "c", "cluster": full }, { "name": "d", "cluster": { "server": "https://d" } }],
        "users": [{ "name": "u", "user": user }],
        "contexts": [
            { "name": "one", "context": { "cluster": "c", "user": "u" } },
            { "name": "two", "context": { "cluster": "d", "user": "u" } },
        ],
        "current-context": "one",
    })
    .to_string()
}

async fn open(text: String, context: Option<&str>, allow: bool) -> Result<Config, CallError> {
    let connection = ClusterConnection {
        access: ClusterAccess::Kubeconfig {
            source: SecretSource::Env("K".into()),
            context: context.map(str::to_owned),
            allow_exec_and_files: allow,
        },
        namespace: "dev".into(),
        cluster_kinds: Vec::new(),
        dry_run: true,
    };
    config(&"dev-aks".parse().unwrap(), &connection, &Texts(vec![("K", text)])).await
}

#[tokio::test]
async fn a_kubeconfig_opens_at_its_context_and_namespace() {
    let text = kubeconfig(json!({}), json!({ "token": "t" }));
    let config = open(text.clone(), None, false).await.unwrap();
    assert_eq!(config.cluster_url.host(), Some("127.0.0.1"));
    assert_eq!(config.default_namespace, "dev");
    assert!(!config.default_retry);
    assert_eq!(open(text.clone(), Some("two"), false).await.unwrap().cluster_url.host(), Some("d"));
    let error = open(text, Some("three"), false).await.unwrap_err();
    assert_eq!(error.message, "cluster `dev-aks`: the kubeconfig has no context `three`");
    assert_eq!(error.details[0].1, "its contexts are: one, two");
}

#[tokio::test]
async fn what_a_kubeconfig_may_not_do_is_refused_by_name() {
    let cases = [
        (json!({ "insecure-skip-tls-verify": true }), json!({}), "insecure-skip-tls-verify", false),
        (json!({ "proxy-url": "http://p" }), json!({}), "proxy-url", false),
        (json!({ "certificate-authority": "/ca" }), json!({}), "certificate-authority", true),
        (json!({}), json!({ "auth-provider": { "name": "x", "config": {} } }), "auth-provider", false),
        (json!({}), json!({ "exec": { "command": "sh", "apiVersion": "v1" } }), "exec", true),
        (json!({}), json!({ "tokenFile": "/t" }), "tokenFile", true),
        (json!({}), json!({ "client-certificate": "/c" }), "client-certificate", true),
        (json!({}), json!({ "client-key": "/k" }), "client-key", true),
    ];
    for (cluster, user, word, operator_may) in cases {
        let error = open(kubeconfig(cluster.clone(), user.clone()), None, false).await.unwrap_err();
        assert_eq!(error.code, "connection-refused", "{word}");
        assert!(error.message.contains(&format!("`{word}`")), "{error:?}");
        let allowed = open(kubeconfig(cluster, user), None, true).await;
        let still_refused = allowed.is_err_and(|error| error.code == "connection-refused");
        assert_eq!(still_refused, !operator_may, "{word}");
    }
}

#[tokio::test]
async fn no_message_quotes_a_kubeconfig() {
    let error = open("users: [{name: u, user: {token: hunter2".into(), None, false).await.unwrap_err();
    assert_eq!(error.code, "connection-invalid");
    assert!(!format!("{error:?}").contains("hunter2"));
}

#[tokio::test]
async fn a_token_goes_over_https_only() {
    let connection = |server: &str| ClusterConnection {
        access: ClusterAccess::Token {
            server: server.into(),
            ca: SecretSource::Env("CA".into()),
            token: SecretSource::Env("T".into()),
        },
        namespace: "dev".into(),
        cluster_kinds: Vec::new(),
        dry_run: true,
    };
    let ca = "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n";
    let secrets = Texts(vec![("CA", ca.into()), ("T", "t\n".into())]);
    let name = "dev-aks".parse().unwrap();
    assert!(config(&name, &connection("https://k:6443"), &secrets).await.is_ok());
    let error = config(&name, &connection("http://k:6443"), &secrets).await.unwrap_err();
    assert_eq!(error.code, "connection-refused");
    let unset = config(&name, &connection("https://k"), &Texts(Vec::new())).await.unwrap_err();
    assert_eq!(unset.code, "secret-unreadable");
}

#[tokio::test]
async fn a_kubeconfig_that_is_not_there_is_said_to_be_so() {
    struct Nothing;
    impl Secrets for Nothing {
        fn read(&self, source: &SecretSource) -> Result<SecretValue, SecretError> {
            Err(SecretError { source_text: source.to_string(), reason: "there is no such file".into() })
        }
    }
    for allow_exec_and_files in [false, true] {
        let source = SecretSource::File("/nowhere/kubeconfig".into());
        let access = ClusterAccess::Kubeconfig { source, context: None, allow_exec_and_files };
        let connection =
            ClusterConnection { access, namespace: "dev".into(), cluster_kinds: Vec::new(), dry_run: true };
        let error = config(&"dev-aks".parse().unwrap(), &connection, &Nothing).await.unwrap_err();
        assert_eq!(error.code, "secret-unreadable");
        assert!(error.message.contains("there is no such file"), "{error:?}");
    }
}
