//! No secret is where it does not belong. Each one is first shown to have arrived where it does: in the
//! cluster's Secret, at the API server, at the mail server. The same search that found it there then finds
//! it nowhere else.

mod guest;
mod quoting;
mod sealed;

use std::ffi::OsStr;

use relhost_tests::account::{ADMIN, deployer};
use relhost_tests::canary::{Canary, Left, Sink};
use relhost_tests::cluster::ControlPlane;
use relhost_tests::mailbox::Mailbox;
use relhost_tests::manifest::{deployment, service};
use relhost_tests::page::{approve, content};
use relhost_tests::program::{Ended, http};
use relhost_tests::shop::{Access, Plan, RUN, Shop};
use relhost_tests::smtp::SmtpServer;
use relhost_tests::wait::until;
use relhost_tests::workspace::component;

const LOUD: [(&str, &str); 2] = [("RELHOST_LOG", "trace"), ("RUST_LOG", "trace")];

fn loud() -> [(&'static str, &'static OsStr); 2] {
    LOUD.map(|(name, level)| (name, OsStr::new(level)))
}

/// Registries and named secrets of the operator's file, with their values at `keys/registry`, `keys/file` and in
/// an environment variable.
const OPERATOR: &str = "registries: { company: { server: registry.example, user: robot, \
                        password: { file: keys/registry } } }
secrets: { database: { env: DATABASE_PASSWORD }, license: { file: keys/license } }";

/// A secret of every kind that the operator's file names.
struct Kinds {
    registry: Canary,
    variable: Canary,
    file: Canary,
    smtp: Canary,
}

impl Kinds {
    fn new() -> Self {
        Self {
            registry: Canary::new("registry password"),
            variable: Canary::new("secret in a variable"),
            file: Canary::new("secret in a file"),
            smtp: Canary::new("SMTP password"),
        }
    }

    fn write(&self, shop: &Shop) {
        let secrets = [("smtp", &self.smtp), ("registry", &self.registry), ("license", &self.file)];
        for (name, canary) in secrets {
            let _file = shop.place.write(&format!("keys/{name}"), &canary.secret);
        }
    }

    fn environment(&self) -> Vec<(&'static str, &OsStr)> {
        [&loud()[..], &[("DATABASE_PASSWORD", OsStr::new(&self.variable.secret))]].concat()
    }

    fn all<'a>(&'a self, credentials: &'a Canary) -> [&'a Canary; 5] {
        [&self.registry, &self.variable, &self.file, &self.smtp, credentials]
    }

    /// In the Secrets of the cluster, and in a login.
    fn arrived(&self, shop: &Shop, server: &SmtpServer) {
        let secret = |name: &str| shop.dev.namespace.get("secret", name).to_string();
        assert!(self.registry.find(&secret("pull")).is_some(), "the registry's password is in Secret/pull");
        let generic = secret("generic");
        assert!(self.variable.find(&generic).is_some(), "the variable is in Secret/generic");
        assert!(self.file.find(&generic).is_some(), "the file is in Secret/generic");
        assert!(self.smtp.find(&server.logins()).is_some(), "the mail server has seen its password");
    }
}

fn said(sink: Sink, ended: &Ended, left: &mut Left) {
    let text = format!("{}{}", ended.stdout, ended.stderr);
    left.put(sink, format!("what `relhost {}` said", ended.arguments), text);
}

/// What every command that shows something of a release says afterwards.
fn everything_shown(shop: &Shop, release: &str, left: &mut Left) {
    let commands: [&[&str]; 11] = [
        &["release", "get", release, "-o", "json"],
        &["release", "get", release],
        &["release", "logs", release, "-o", "jsonl"],
        &["release", "journal", release, "-o", "json"],
        &["release", "replay", release, "-o", "json"],
        &["release", "list", "-o", "json"],
        &["approval", "list", "--all", "-o", "json"],
        &["env", "list", "-o", "json"],
        &["plan", "pipeline.yaml"],
        &["doctor"],
        &["validate", "pipeline.yaml"],
    ];
    for command in commands {
        let loudly = [command, &["-vv"]].concat();
        let ended = shop.place.start(&loudly, &loud()).end(RUN);
        said(Sink::Commands, &Ended { arguments: command.join(" "), ..ended }, left);
    }
}

#[test]
#[ignore = "needs a control plane and a mail server: cargo xtask test"]
fn no_secret_is_left_behind_and_no_token_of_a_kubeconfig() {
    nothing_is_left(Access::Kubeconfig, |shop| {
        Canary::of("token in a kubeconfig", shop.dev.account.token.clone())
    });
}

#[test]
#[ignore = "needs a control plane and a mail server: cargo xtask test"]
fn no_secret_is_left_behind_and_no_token_of_a_file() {
    nothing_is_left(Access::Token, |shop| Canary::of("token in a file", shop.dev.account.token.clone()));
}

#[test]
#[ignore = "needs a control plane and a mail server: cargo xtask test"]
fn no_secret_is_left_behind_and_no_key_of_a_certificate() {
    nothing_is_left(Access::Certificate, |_| {
        let key = ControlPlane::find().client_key();
        // The first line says which kind of key it is; every key has the same.
        let line = key.lines().nth(2).expect("a key has several lines");
        Canary::of("client key", line.to_owned())
    });
}

/// Runs a release that uses every secret there is, rehearses it too, and looks everywhere.
#[allow(clippy::print_stdout, reason = "the table is what somebody wants to see of a test that passes")]
fn nothing_is_left(access: Access, credentials: impl Fn(&Shop) -> Canary) {
    let kinds = Kinds::new();
    let server = SmtpServer::start(&kinds.smtp.secret);
    let guest = component("guests", "keeps-secrets");
    let shop = Shop::planned(
        &(deployment("web", "registry.example/shop:1", 1, "") + &service("web", "ClusterIP")),
        &Plan {
            rules: deployer(),
            access,
            plugin: &format!("{{ path: {} }}", guest.display()),
            with: "{ registry: company, secrets: [database, license], manifests: [manifests] }",
            stage: "approval: { before: { policy: any-one, approvers: [carol] } }",
            mail: &format!("{{ from: relhost@example.com, smtp: {} }}", server.settings("keys/smtp")),
            operator: OPERATOR,
            ..Plan::default()
        },
    );
    kinds.write(&shop);
    let credentials = credentials(&shop);
    let canaries = kinds.all(&credentials);

    let (state, environment) = (shop.place.path().join(".relhost"), kinds.environment());
    let mut left = Left::default();
    let run = ["run", "pipeline.yaml", "--listen", "127.0.0.1:0", "-vv"];
    let running = shop.place.start(&run, &environment);
    let letter = Mailbox::new(server.mailbox()).asking("apr-1", "carol");
    // The database is open now, with a log of what is not in it yet.
    left.put_state(&state);

    let page = http("GET", letter.link(), None).1;
    let content = content(&page);
    left.put(Sink::Page, "the form", page);
    let decided = http("POST", letter.link(), Some(&approve(letter.code(), &content)));
    assert_eq!(decided.0, 200);
    left.put(Sink::Page, "the answer", decided.1);
    // The release's last mail is sent while it ends; nothing more is needed of the server then.
    until("the plugin's mail", RUN, || {
        let mut mailbox = Mailbox::new(server.mailbox());
        mailbox.letters().any(|letter| letter.header("subject").contains("secrets are kept")).then_some(())
    });
    let ended = running.end(RUN).expect(0);
    let rehearse = ["run", "pipeline.yaml", "--rehearse", "-vv"];
    let rehearsed = shop.place.start(&rehearse, &environment).end(RUN).expect(10);
    let approve = ["approval", "approve", "apr-2", "--as", "carol", "-vv"];
    let approved = shop.place.start(&approve, &environment).end(RUN).expect(0);
    let resumed = shop.place.start(&["resume", "-vv"], &environment).end(RUN).expect(0);

    kinds.arrived(&shop, &server);
    let user = if access == Access::Certificate { ADMIN } else { &shop.dev.account.user };
    let ours = |request: &relhost_tests::audit::Request| request.agent.starts_with("relhost/");
    assert!(shop.audit.effects_of(user).iter().any(ours), "the credentials were accepted");
    for ended in [&ended, &rehearsed, &approved, &resumed] {
        said(Sink::Output, ended, &mut left);
    }
    left.put_state(&state);
    left.put_mails(&server.mailbox());
    everything_shown(&shop, "rel-1", &mut left);
    println!("{}", left.holds_none_of(&canaries, &Sink::ALL));
}
