//! `doctor`.

use clap::Args;
use relhost_connect::secrets::FileSecrets;
use relhost_engine::port::Secrets;
use relhost_engine::port::cluster::Cluster as _;
use relhost_engine::port::store::StoreError;
use relhost_kubernetes::KubeCluster;
use relhost_model::config::{Config, MailTransport};
use relhost_store::{Held, SqliteStore, StateFolder};
use serde::Serialize;

use super::session::Session;
use super::table::table;
use crate::app::load;
use crate::bundled;
use crate::exit::{Exit, Failure};

/// Check this installation: configuration, state, clusters, mail. Changes nothing.
///
/// Ends with 2 if a check fails.
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  relhost doctor
  relhost doctor --deep
  relhost doctor --config /etc/relhost/relhost.yaml -o json")]
pub struct Doctor {
    /// Read the whole database: every row, every journal, every component. Takes long if it is large
    #[arg(long)]
    deep: bool,
}

/// How a check went.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
enum Grade {
    Pass,
    Warn,
    Fail,
}

/// One check.
#[derive(Debug, Clone, Serialize)]
struct Check {
    what: String,
    grade: Grade,
    found: String,
    fix: Option<String>,
}

fn check(what: impl Into<String>, grade: Grade, found: impl Into<String>, fix: Option<&str>) -> Check {
    Check { what: what.into(), grade, found: found.into(), fix: fix.map(str::to_owned) }
}

/// Checks everything.
///
/// # Errors
/// None: what is wrong is a failed check.
pub async fn run(session: &Session<'_>, command: &Doctor) -> Result<Exit, Failure> {
    let mut checks = vec![plugins()];
    match session.config(None) {
        Ok(config) => {
            checks.push(configuration(session, &config));
            checks.extend(state(session, &config, command.deep));
            let secrets = FileSecrets::new(config.folder.clone(), |name| std::env::var_os(name));
            checks.extend(pipelines(&config));
            checks.extend(mail(&config, &secrets));
            checks.extend(registries(&config, &secrets));
            checks.extend(clusters(&config, &secrets).await);
        }
        Err(failure) => {
            let places = failure.problems.iter().map(|p| format!("{}: {}", p.place(), p.message));
            let found: Vec<String> = std::iter::once(failure.message.clone())
                .chain(places)
                .chain(failure.details.clone())
                .collect();
            checks.push(check("configuration", Grade::Fail, found.join("\n"), failure.help.as_deref()));
        }
    }
    session.ui.result(&checks, || {
        table(
            ["check", "grade", "found", "what to do"],
            checks.iter().map(|check| {
                let grade = match check.grade {
                    Grade::Pass => "pass",
                    Grade::Warn => "warn",
                    Grade::Fail => "FAIL",
                };
                [
                    check.what.clone(),
                    session.ui.status(grade),
                    check.found.clone(),
                    check.fix.clone().unwrap_or_default(),
                ]
            }),
        )
    });
    let failed = checks.iter().any(|check| check.grade == Grade::Fail);
    Ok(if failed { Exit::Invalid } else { Exit::Done })
}

fn plugins() -> Check {
    match bundled::names().count() {
        0 => {
            check("bundled plugins", Grade::Warn, "none", Some("run `cargo xtask plugins`, then build again"))
        }
        count => check("bundled plugins", Grade::Pass, format!("{count}"), None),
    }
}

fn configuration(session: &Session<'_>, config: &Config) -> Check {
    match load::find_config(session.global.config.as_deref(), None) {
        None => {
            check("configuration", Grade::Warn, "no relhost.yaml here", Some("`relhost init` writes one"))
        }
        Some(path) if config.people.is_empty() => check(
            "configuration",
            Grade::Warn,
            format!("{}: nobody can approve", path.display()),
            Some("add `people:`"),
        ),
        Some(path) => check("configuration", Grade::Pass, path.display().to_string(), None),
    }
}

fn state(session: &Session<'_>, config: &Config, deep: bool) -> Vec<Check> {
    let folder = session.state(config);
    if !folder.join("relhost.db").exists() {
        return vec![check("state", Grade::Pass, format!("none yet in {}", folder.display()), None)];
    }
    let (found, database) = match StateFolder::acquire(&folder) {
        Ok(held) => {
            let found = check("state", Grade::Pass, folder.display().to_string(), None);
            (found, deep.then(|| database(&held)))
        }
        Err(StoreError::Owned { owner }) => {
            let fix = Some("stop its owner, or look at a copy of the folder");
            let unread = || check("database", Grade::Warn, "not read, because it is in use", fix);
            (check("state", Grade::Pass, format!("owned by {owner}"), None), deep.then(unread))
        }
        Err(error) => (check("state", Grade::Fail, error.to_string(), None), None),
    };
    std::iter::once(found).chain(database).collect()
}

fn database(held: &Held) -> Check {
    let fix =
        Some("restore a backup of the state folder; what is named here is set aside, and the rest goes on");
    match SqliteStore::examine(held) {
        Ok(problems) if problems.is_empty() => {
            check("database", Grade::Pass, "every row, journal and component is whole", None)
        }
        Ok(problems) => check("database", Grade::Fail, problems.join("\n"), fix),
        Err(error) => check("database", Grade::Fail, error.to_string(), fix),
    }
}

fn pipelines(config: &Config) -> Vec<Check> {
    let one = |path: &std::path::PathBuf| match load::pipeline(path) {
        Ok(loaded) => {
            check(format!("pipeline {}", path.display()), Grade::Pass, loaded.value.name.to_string(), None)
        }
        Err(failure) => check(
            format!("pipeline {}", path.display()),
            Grade::Fail,
            failure.message,
            Some("`relhost validate` shows the places"),
        ),
    };
    config.pipelines.iter().map(one).collect()
}

fn mail(config: &Config, secrets: &dyn Secrets) -> Vec<Check> {
    match config.mail.as_ref().map(|mail| &mail.transport) {
        None => {
            vec![check("mail", Grade::Warn, "not configured", Some("approvers are not told; add `mail:`"))]
        }
        Some(MailTransport::Outbox(folder)) => {
            vec![check("mail", Grade::Pass, format!("outbox folder {}", folder.display()), None)]
        }
        Some(MailTransport::Smtp(smtp)) => {
            let server = format!("{}:{}", smtp.host, smtp.port);
            match smtp.password.as_ref().map(|source| secrets.read(source)) {
                Some(Err(error)) => vec![check(
                    "mail",
                    Grade::Fail,
                    error.to_string(),
                    Some("set it, or change the reference"),
                )],
                _ => vec![check("mail", Grade::Pass, server, None)],
            }
        }
    }
}

fn registries(config: &Config, secrets: &dyn Secrets) -> Vec<Check> {
    let one = |(name, registry): (&relhost_model::id::RegistryName, &relhost_model::config::Registry)| {
        match secrets.read(&registry.password) {
            Ok(_) => check(format!("registry {name}"), Grade::Pass, registry.server.clone(), None),
            Err(error) => check(
                format!("registry {name}"),
                Grade::Fail,
                error.to_string(),
                Some("set it, or change the reference"),
            ),
        }
    };
    config.registries.iter().map(one).collect()
}

async fn clusters(config: &Config, secrets: &dyn Secrets) -> Vec<Check> {
    let mut checks = Vec::new();
    for (name, connection) in &config.clusters {
        let what = format!("cluster {name}");
        let found = match KubeCluster::open(name, connection, secrets).await {
            Ok(cluster) => cluster.check().await,
            Err(error) => Err(error),
        };
        checks.push(match found {
            Ok(facts) => check(what, Grade::Pass, facts.join("\n"), None),
            Err(error) => {
                let fix = error.details.iter().find(|(name, _)| name == "help").map(|(_, help)| help.clone());
                check(what, Grade::Fail, error.message, fix.as_deref())
            }
        });
    }
    checks
}
