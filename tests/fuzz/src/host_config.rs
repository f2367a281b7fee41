//! The operator's configuration: what is accepted refers to nothing that is not there.

use std::path::Path;

use relhost_model::approval::Approver;
use relhost_model::config::{ClusterAccess, Config, MailTransport};
use relhost_model::config_file::read;
use relhost_model::secret::SecretSource;

use crate::place;

pub(crate) fn run(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else { return };
    let folder = Path::new("/conf");
    match read(text, folder, "relhost.yaml") {
        Err(problems) => place::check_refusal(&problems, text),
        Ok((config, warnings)) => {
            assert!(!warnings.has_errors(), "accepted with an error");
            place::check(&warnings, text);
            refers_to_what_is_there(&config);
            addresses_are_addresses(&config);
            secrets_have_a_source(&config);
        }
    }
}

fn refers_to_what_is_there(config: &Config) {
    for (group, members) in &config.groups {
        for person in members {
            assert!(config.people.contains_key(person), "group `{group}` holds `{person}`");
        }
    }
    for (name, environment) in &config.environments {
        if let Some(cluster) = &environment.cluster {
            assert!(config.clusters.contains_key(cluster), "environment `{name}` names `{cluster}`");
        }
        for approver in &environment.approvers {
            let known = match approver {
                Approver::Person(person) => config.people.contains_key(person),
                Approver::Group(group) => config.groups.contains_key(group),
            };
            assert!(known, "environment `{name}` asks `{approver}`");
        }
    }
}

fn addresses_are_addresses(config: &Config) {
    if let Some(listen) = &config.listen {
        let port = listen.rsplit_once(':').map(|(_, port)| port.parse::<u16>());
        assert!(matches!(port, Some(Ok(_))), "listens on `{listen}`");
    }
    if let Some(url) = &config.public_url {
        let plain = url.chars().all(|c| !c.is_control() && !c.is_whitespace() && !"\"'<>".contains(c));
        assert!(url.starts_with("http") && plain, "mails link to `{url}`");
    }
    for (name, connection) in &config.clusters {
        let label = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
        let namespace = &connection.namespace;
        assert!(
            !namespace.is_empty() && namespace.chars().all(label),
            "`{name}` is confined to `{namespace}`"
        );
        if let ClusterAccess::Token { server, .. } = &connection.access {
            assert!(server.starts_with("https://"), "`{name}` sends its token to `{server}`");
        }
    }
    if let Some(mail) = &config.mail
        && let MailTransport::Smtp(smtp) = &mail.transport
    {
        assert!(smtp.port != 0 && !smtp.host.is_empty(), "mail goes to {}:{}", smtp.host, smtp.port);
    }
}

fn secrets_have_a_source(config: &Config) {
    for source in config.secret_sources() {
        let name = match source {
            SecretSource::Env(name) | SecretSource::File(name) => name,
        };
        assert!(!name.is_empty(), "a secret comes from nowhere");
    }
}
