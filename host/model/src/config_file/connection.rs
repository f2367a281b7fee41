//! Clusters, registries, named secrets, mail.

use std::collections::BTreeMap;

use super::{Reader, entries, texts};
use crate::config::{ClusterConnection, Mail, MailTransport, Registry, Smtp, SmtpTls};
use crate::id::{ClusterName, RegistryName, SecretName};
use crate::secret::SecretSource;
use crate::yaml::Item;

/// The longest name of a namespace (a DNS label).
const LABEL_MAX: usize = 63;

impl Reader<'_> {
    pub(super) fn clusters(&mut self, root: &Item<'_>) -> BTreeMap<ClusterName, ClusterConnection> {
        let mut clusters = BTreeMap::new();
        for (name, item) in entries(root, "clusters") {
            let access = self.access(&item);
            let namespace = item.get("namespace").and_then(|item| self.namespace(&item));
            let cluster_kinds = texts(&item, "cluster-kinds").into_iter().map(|text| text.value).collect();
            let dry_run = item.get("dry-run").and_then(|item| item.boolean()).unwrap_or(true);
            let name = name.parse(self.problems);
            if let (Some(name), Some(access), Some(namespace)) = (name, access, namespace) {
                clusters.insert(name, ClusterConnection { access, namespace, cluster_kinds, dry_run });
            }
        }
        clusters
    }

    pub(super) fn namespace(&mut self, item: &Item<'_>) -> Option<String> {
        let text = item.text()?;
        let name = text.value.as_bytes();
        let ends = |byte: Option<&u8>| byte.is_some_and(u8::is_ascii_alphanumeric);
        let allowed = |byte: &u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || *byte == b'-';
        if name.len() > LABEL_MAX || !name.iter().all(allowed) || !ends(name.first()) || !ends(name.last()) {
            let message = format!("`{}` is not the name of a namespace", text.value);
            let problem = text.error("invalid-value", message);
            self.problems.push(problem.help("lower-case letters, digits and `-` inside, at most 63 of them"));
        }
        Some(text.value)
    }

    pub(super) fn registries(&mut self, root: &Item<'_>) -> BTreeMap<RegistryName, Registry> {
        let mut registries = BTreeMap::new();
        for (name, item) in entries(root, "registries") {
            let registry = self.registry(&item);
            if let (Some(name), Some(registry)) = (name.parse(self.problems), registry) {
                registries.insert(name, registry);
            }
        }
        registries
    }

    fn registry(&mut self, item: &Item<'_>) -> Option<Registry> {
        let server = item.get("server").and_then(|item| item.text());
        if let Some(text) = &server
            && (text.value.contains("://") || text.value.contains(char::is_whitespace))
        {
            let problem = text.error("invalid-value", format!("`{}` is not a registry's host", text.value));
            self.problems.push(problem.help("write the host alone, for example `example.azurecr.io`"));
        }
        let email = item.get("email").and_then(|item| item.text()).map(|text| self.address(text));
        Some(Registry {
            server: server?.value,
            user: item.get("user")?.text()?.value,
            password: self.secret(item, "password")?,
            email,
        })
    }

    pub(super) fn secrets(&mut self, root: &Item<'_>) -> BTreeMap<SecretName, SecretSource> {
        let mut secrets = BTreeMap::new();
        if let Some(parent) = root.get("secrets") {
            for (name, _) in parent.entries() {
                let source = self.secret(&parent, &name.value);
                if let (Some(name), Some(source)) = (name.parse(self.problems), source) {
                    secrets.insert(name, source);
                }
            }
        }
        secrets
    }

    /// A reference to a secret below a key.
    pub(super) fn secret(&mut self, item: &Item<'_>, key: &str) -> Option<SecretSource> {
        let item = item.get(key)?;
        self.secret_source(&item)
    }

    /// `env` or `file` of a map.
    pub(super) fn secret_source(&mut self, item: &Item<'_>) -> Option<SecretSource> {
        let env = item.get("env").and_then(|item| item.text());
        let file = item.get("file").and_then(|item| item.text());
        for text in [&env, &file].into_iter().flatten().filter(|text| text.value.is_empty()) {
            let problem = text.error("invalid-value", "the name is empty");
            self.problems.push(problem.help("name the environment variable or the file that holds it"));
        }
        match (env, file) {
            (Some(name), None) => Some(SecretSource::Env(name.value)),
            (None, Some(path)) => {
                Some(SecretSource::File(self.folder.join(path.value).to_string_lossy().into_owned()))
            }
            _ => None,
        }
    }

    pub(super) fn mail(&mut self, item: &Item<'_>) -> Option<Mail> {
        let from = item.get("from").and_then(|item| item.text()).map(|text| self.address(text));
        let outbox = self.path(item, "outbox").map(MailTransport::Outbox);
        let smtp = item.get("smtp").and_then(|item| self.smtp(&item)).map(MailTransport::Smtp);
        Some(Mail { from: from?, transport: smtp.or(outbox)? })
    }

    fn smtp(&mut self, item: &Item<'_>) -> Option<Smtp> {
        let tls = match item.get("tls").and_then(|item| item.text()).as_ref().map(|text| text.value.as_str())
        {
            Some("tls") => SmtpTls::Tls,
            Some("none") => SmtpTls::None,
            _ => SmtpTls::Starttls,
        };
        let port = item.get("port").and_then(|item| item.whole()).unwrap_or(match tls {
            SmtpTls::Starttls => 587,
            SmtpTls::Tls => 465,
            SmtpTls::None => 25,
        });
        let ca = self.path(item, "ca");
        let host = item.get("host").and_then(|item| item.text());
        let user = item.get("user").and_then(|item| item.text()).map(|text| text.value);
        let password = self.secret(item, "password");
        self.check_auth(item, tls);
        Some(Smtp { host: host?.value, port: u16::try_from(port).ok()?, tls, user, password, ca })
    }

    fn check_auth(&mut self, item: &Item<'_>, tls: SmtpTls) {
        let (user, password) = (item.get("user"), item.get("password"));
        if let (Some(user), None) = (&user, &password) {
            let problem = user.error("missing-key", "a user needs a password");
            self.problems.push(problem.help("add `password: { env: NAME }`, or remove the user"));
        }
        if let (None, Some(password)) = (&user, &password) {
            let problem = password.error("missing-key", "a password needs a user");
            self.problems.push(problem.help("add `user`, or remove the password"));
        }
        if let (Some(auth), SmtpTls::None) = (user.or(password), tls) {
            let problem = auth.error("plain-auth", "a password is not sent over a connection without TLS");
            self.problems
                .push(problem.help("use `tls: starttls` or `tls: tls`, or leave out user and password"));
        }
        if let (Some(port), Some(0)) = (item.get("port"), item.get("port").and_then(|item| item.whole())) {
            let problem = port.error("out-of-range", "there is no port 0");
            self.problems.push(problem.help("leave it out for the usual port"));
        }
    }
}
