//! A fresh authority, one certificate for the servers, one for each client, and the key that signs the
//! tokens of service accounts. All keys are ECDSA P-256.

use std::fs::File;
use std::io::Write as _;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::Path;

use anyhow::{Context as _, Result};
use rcgen::{
    BasicConstraints, CertificateParams, CertifiedIssuer, DnType, ExtendedKeyUsagePurpose, IsCa, KeyPair,
    KeyUsagePurpose,
};

use super::layout::Layout;
use crate::place::write;

/// The authority's certificate.
pub const CA: &str = "ca.pem";
/// The certificate of kube-apiserver and of KWOK.
pub const SERVER: &str = "server";
/// The key pair for the tokens of service accounts; its public half is a bare key, not a certificate.
pub const TOKENS: &str = "tokens";

/// Names that the servers are reached by.
const SERVER_NAMES: [&str; 4] = ["127.0.0.1", "localhost", "kubernetes.default", "kubernetes.default.svc"];

/// A client: the user that its certificate makes it, and the group that gives it its rights.
pub struct Client {
    /// The user's name, and that of the files.
    pub user: &'static str,
    /// The common name in the certificate.
    pub common_name: &'static str,
    /// The organization in the certificate, which Kubernetes takes for a group.
    pub group: Option<&'static str>,
}

/// Rights over everything.
const MASTERS: &str = "system:masters";

/// The person or test at the keyboard.
pub const ADMIN: Client = Client { user: "admin", common_name: "admin", group: Some(MASTERS) };
/// kube-controller-manager: Kubernetes itself knows what this name may do.
pub const CONTROLLERS: Client =
    Client { user: "controllers", common_name: "system:kube-controller-manager", group: None };
/// kube-scheduler, likewise.
pub const SCHEDULER: Client = Client { user: "scheduler", common_name: "system:kube-scheduler", group: None };
/// KWOK is every node at once, so it gets more than a node would. The audit policy knows the name.
pub const KWOK: Client = Client { user: "kwok", common_name: "kwok", group: Some(MASTERS) };

/// Writes all of it, and a kubeconfig for each client.
///
/// # Errors
/// If a certificate cannot be made or a file not written.
pub fn create(layout: &Layout, server: &str) -> Result<()> {
    let authority = authority().context("cannot make the certificate authority")?;
    write(&layout.certificate(CA), authority.pem())?;

    let names: Vec<String> = SERVER_NAMES.iter().map(|name| (*name).to_owned()).collect();
    let params = CertificateParams::new(names).context("cannot name the servers in a certificate")?;
    issue(layout, &authority, SERVER, params, ExtendedKeyUsagePurpose::ServerAuth)?;

    let tokens = KeyPair::generate().context("cannot make the key for tokens")?;
    write(&layout.certificate(&certificate(TOKENS)), tokens.public_key_pem())?;
    write_secret(&layout.certificate(&key(TOKENS)), &tokens.serialize_pem())?;

    for client in [ADMIN, CONTROLLERS, SCHEDULER, KWOK] {
        let mut params = CertificateParams::default();
        params.distinguished_name.push(DnType::CommonName, client.common_name);
        if let Some(group) = client.group {
            params.distinguished_name.push(DnType::OrganizationName, group);
        }
        issue(layout, &authority, client.user, params, ExtendedKeyUsagePurpose::ClientAuth)?;
        write(&layout.kubeconfig(client.user), kubeconfig(layout, client.user, server))?;
    }
    Ok(())
}

/// The file name of a certificate.
pub fn certificate(name: &str) -> String {
    format!("{name}.pem")
}

/// The file name of a private key.
pub fn key(name: &str) -> String {
    format!("{name}.key")
}

fn authority() -> Result<CertifiedIssuer<'static, KeyPair>> {
    let mut params = CertificateParams::default();
    params.distinguished_name = rcgen::DistinguishedName::new();
    params.distinguished_name.push(DnType::CommonName, "relhost test authority");
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::DigitalSignature];
    Ok(CertifiedIssuer::self_signed(params, KeyPair::generate()?)?)
}

fn issue(
    layout: &Layout,
    authority: &CertifiedIssuer<'static, KeyPair>,
    name: &str,
    mut params: CertificateParams,
    purpose: ExtendedKeyUsagePurpose,
) -> Result<()> {
    params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
    params.extended_key_usages = vec![purpose];
    let pair = KeyPair::generate().with_context(|| format!("cannot make a key for {name}"))?;
    let signed = params
        .signed_by(&pair, authority)
        .with_context(|| format!("cannot sign a certificate for {name}"))?;
    write(&layout.certificate(&certificate(name)), signed.pem())?;
    write_secret(&layout.certificate(&key(name)), &pair.serialize_pem())
}

fn write_secret(path: &Path, content: &str) -> Result<()> {
    let file = File::options().write(true).create_new(true).mode(0o600).open(path);
    file.and_then(|mut file| file.write_all(content.as_bytes()))
        .with_context(|| format!("cannot write {}", path.display()))
}

/// A JSON string is a YAML string, whatever the path contains.
fn kubeconfig(layout: &Layout, user: &str, server: &str) -> String {
    let quoted = |name: &str| serde_json::Value::from(layout.certificate(name).to_string_lossy()).to_string();
    format!(
        "apiVersion: v1
kind: Config
current-context: test
clusters:
  - name: test
    cluster: {{ server: \"{server}\", certificate-authority: {ca} }}
users:
  - name: {user}
    user: {{ client-certificate: {certificate}, client-key: {key} }}
contexts:
  - name: test
    context: {{ cluster: test, user: {user}, namespace: default }}
",
        ca = quoted(CA),
        certificate = quoted(&certificate(user)),
        key = quoted(&key(user)),
    )
}
