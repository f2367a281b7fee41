//! No secret is where it does not belong. Each one is first shown to have arrived where it does: in the
//! cluster's Secret, at the API server, at the mail server. The same search that found it there then finds
//! it nowhere else.

use std::ffi::OsStr;
use std::path::Path;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use relhost_tests::mailbox::Mailbox;
use relhost_tests::manifest::{deployment, service};
use relhost_tests::page::{approve, content};
use relhost_tests::program::{Ended, http};
use relhost_tests::shop::{Access, Plan, RUN, Shop};
use relhost_tests::smtp::SmtpServer;
use relhost_tests::wait::until;
use relhost_tests::workspace::component;

/// A secret, in every form that somebody might write it down in.
struct Canary {
    name: &'static str,
    secret: String,
    forms: Vec<String>,
}

impl Canary {
    /// One that no other test and no other run has, with signs that encodings change.
    fn new(name: &'static str) -> Self {
        Self::of(name, format!("{name} {}/+&\"é", uuid::Uuid::new_v4()))
    }

    fn of(name: &'static str, secret: String) -> Self {
        let mut forms = written(&secret);
        for form in forms.clone() {
            for offset in 0..3 {
                let inner = base64_inside(form.as_bytes(), offset);
                forms.push(inner.replace('+', "-").replace('/', "_"));
                forms.push(inner);
            }
        }
        Self { name, secret, forms }
    }

    /// Where the secret is in a text.
    fn find(&self, text: &str) -> Option<usize> {
        self.forms.iter().find_map(|form| text.find(form.as_str()))
    }
}

/// A text as it stands in a file, in JSON of either kind, in a form, in a page, in a dump.
fn written(text: &str) -> Vec<String> {
    let json = serde_json::Value::from(text).to_string();
    let json = json.trim_matches('"');
    let escaped = |c: char| if c.is_ascii() { c.to_string() } else { format!("\\u{:04x}", u32::from(c)) };
    let percent: String = text.bytes().map(percent).collect();
    let html = text.replace('&', "&amp;").replace('"', "&quot;");
    let hex: String = text.bytes().map(|byte| format!("{byte:02x}")).collect();
    vec![
        text.to_owned(),
        json.to_owned(),
        json.chars().map(escaped).collect(),
        percent.replace("%20", "+"),
        percent,
        html,
        hex,
    ]
}

fn percent(byte: u8) -> String {
    match byte {
        b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' => char::from(byte).to_string(),
        byte => format!("%{byte:02X}"),
    }
}

/// What base64 makes of a text that stands `offset` bytes behind the start of a longer one: without the
/// digits at both ends that depend on the neighbours.
fn base64_inside(text: &[u8], offset: usize) -> String {
    let mut padded = vec![0; offset];
    padded.extend(text);
    let encoded = STANDARD.encode(&padded);
    let begin = (offset * 8).div_ceil(6);
    let end = padded.len() * 8 / 6;
    encoded[begin..end].to_owned()
}

#[test]
fn the_search_finds_a_secret_in_every_form() {
    let canary = Canary::new("canary");
    for before in ["", "a", "ab", "abc"] {
        let text = format!("{before}{}tail", canary.secret);
        let config = serde_json::json!({ "password": text }).to_string();
        for text in [STANDARD.encode(&text), STANDARD.encode(&config), text, config] {
            assert!(canary.find(&format!("\u{fffd}{text}\u{fffd}")).is_some(), "{before}: {text}");
        }
    }
    assert_eq!(canary.find("canary"), None);
}

/// Where something could be, and all that is there.
type Place = (String, String);

/// Everything below a folder that is a file. What is no text stays between what is.
fn files(folder: &Path) -> Vec<Place> {
    let mut found = Vec::new();
    let mut folders = vec![folder.to_owned()];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(&folder).expect("read a folder").filter_map(Result::ok) {
            let kind = entry.file_type().expect("a file has a type");
            if kind.is_dir() {
                folders.push(entry.path());
            } else if kind.is_file() {
                // A file that a process has just removed holds nothing.
                let bytes = std::fs::read(entry.path()).unwrap_or_default();
                let text = String::from_utf8_lossy(&bytes).into_owned();
                found.push((entry.path().display().to_string(), text));
            }
        }
    }
    found
}

fn nowhere(canaries: &[&Canary], places: &[Place]) {
    for canary in canaries {
        for (place, text) in places {
            let at = canary.find(text);
            assert_eq!(at, None, "{} is in {place}", canary.name);
        }
    }
}

fn said(ended: &Ended) -> Place {
    (format!("what `relhost {}` said", ended.arguments), format!("{}{}", ended.stdout, ended.stderr))
}

const LOUD: [(&str, &str); 2] = [("RELHOST_LOG", "trace"), ("RUST_LOG", "trace")];

fn loud() -> [(&'static str, &'static OsStr); 2] {
    LOUD.map(|(name, level)| (name, OsStr::new(level)))
}

/// What every command that shows something of a release says afterwards.
fn everything_shown(shop: &Shop, release: &str) -> Vec<Place> {
    let commands: [&[&str]; 9] = [
        &["release", "get", release, "-o", "json"],
        &["release", "logs", release, "-o", "jsonl"],
        &["release", "journal", release, "-o", "json"],
        &["release", "replay", release, "-o", "json"],
        &["release", "list", "-o", "json"],
        &["approval", "list", "--all", "-o", "json"],
        &["env", "list", "-o", "json"],
        &["doctor"],
        &["validate", "pipeline.yaml"],
    ];
    let shown = commands.map(|command| {
        let loudly = [command, &["-vv"]].concat();
        let ended = shop.place.start(&loudly, &loud()).end(RUN);
        said(&Ended { arguments: command.join(" "), ..ended })
    });
    shown.into()
}

#[test]
#[ignore = "needs a control plane and a mail server: cargo xtask test"]
fn after_a_whole_release_no_secret_is_where_it_does_not_belong() {
    let (registry, generic, smtp) = (Canary::new("registry"), Canary::new("generic"), Canary::new("smtp"));
    let server = SmtpServer::start(&smtp.secret);
    let guest = component("guests", "keeps-secrets");
    let shop = Shop::planned(
        &(deployment("web", "registry.example/shop:1", 1, "") + &service("web", "ClusterIP")),
        &Plan {
            plugin: &format!("{{ path: {} }}", guest.display()),
            with: "{ registry: company, secret: database, manifests: [manifests] }",
            stage: "approval: { before: { policy: any-one, approvers: [carol] } }",
            mail: &format!("{{ from: relhost@example.com, smtp: {} }}", server.settings("keys/smtp")),
            operator: "registries: { company: { server: registry.example, user: robot, \
                       password: { file: keys/registry } } }\nsecrets: { database: { env: DATABASE_PASSWORD } }",
            ..Plan::default()
        },
    );
    let token = Canary::of("token", shop.dev.account.token.clone());
    let _registry = shop.place.write("keys/registry", &registry.secret);
    let _smtp = shop.place.write("keys/smtp", &smtp.secret);
    let canaries = [&registry, &generic, &smtp, &token];

    let state = shop.place.path().join(".relhost");
    let environment = [&loud()[..], &[("DATABASE_PASSWORD", OsStr::new(&generic.secret))]].concat();
    let run = ["run", "pipeline.yaml", "--listen", "127.0.0.1:0", "-vv"];
    let running = shop.place.start(&run, &environment);
    let letter = Mailbox::new(server.mailbox()).asking("apr-1", "carol");
    // The database is open now, with a log of what is not in it yet.
    let places = files(&state);
    assert!(places.iter().any(|(name, text)| name.ends_with("-wal") && !text.is_empty()), "it has a WAL");
    nowhere(&canaries, &places);

    let content = content(&http("GET", letter.link(), None).1);
    assert_eq!(http("POST", letter.link(), Some(&approve(letter.code(), &content))).0, 200);
    // The release's last mail is sent while it ends; nothing more is needed of the server then.
    until("the plugin's mail", RUN, || {
        let mut mailbox = Mailbox::new(server.mailbox());
        mailbox.letters().any(|letter| letter.header("subject").contains("secrets are kept")).then_some(())
    });
    let ended = running.end(RUN).expect(0);

    they_arrived(&shop, &server, [&registry, &generic, &smtp]);
    let mut places = vec![said(&ended)];
    places.extend(files(&state));
    places.extend(files(&server.mailbox()).into_iter().filter(|(name, _)| !name.ends_with("logins.jsonl")));
    places.extend(everything_shown(&shop, "rel-1"));
    assert!(places.len() > 15, "there is something to look through");
    nowhere(&canaries, &places);
}

/// In the Secrets of the cluster, and in a login; the token is why the cluster did anything at all.
fn they_arrived(shop: &Shop, server: &SmtpServer, [registry, generic, smtp]: [&Canary; 3]) {
    let secret = |name: &str| shop.dev.namespace.get("secret", name).to_string();
    assert!(registry.find(&secret("pull")).is_some(), "the registry's password is in Secret/pull");
    assert!(generic.find(&secret("generic")).is_some(), "the password is in Secret/generic");
    assert!(smtp.find(&server.logins()).is_some(), "the mail server has seen its password");
    assert!(!shop.audit.effects_of(&shop.dev.account.user).is_empty(), "the token was accepted");
}

#[test]
#[ignore = "needs a control plane and a mail server: cargo xtask test"]
fn errors_say_what_is_wrong_and_never_with_what() {
    let (token, smtp, manifest) = (Canary::new("token"), Canary::new("smtp"), Canary::new("manifest"));
    // The mail server knows another password, and the control plane another token.
    let server = SmtpServer::start("another password");
    let shop = Shop::planned(
        &deployment("web", "registry.example/shop:1", 1, ""),
        &Plan {
            access: Access::Token,
            stage: "approval: { after: { policy: any-one, approvers: [carol] } }",
            mail: &format!("{{ from: relhost@example.com, smtp: {} }}", server.settings("keys/smtp")),
            with: "{ manifests: [manifests], notify: [carol] }",
            ..Plan::default()
        },
    );
    let _smtp = shop.place.write("keys/smtp", &smtp.secret);
    let accepted = shop.dev.account.token.clone();
    // A token is sent in a header, so it is made of what may stand in one.
    let token = Canary::of("token", token.secret.replace(['"', 'é', ' '], "-"));
    let _token = shop.place.write("keys/dev.token", &token.secret);
    let refused = shop.place.start(&["run", "pipeline.yaml", "-vv"], &loud()).end(RUN).expect(3);
    assert!(refused.stderr.contains("unauthorized"), "{}", refused.stderr);

    // A Secret whose content the server refuses is a reason to quote it, which nobody must do.
    let _token = shop.place.write("keys/dev.token", &accepted);
    let secret = format!(
        "apiVersion: v1\nkind: Secret\nmetadata: {{ name: broken }}\ntype: kubernetes.io/dockerconfigjson\n\
         data: {{ .dockerconfigjson: {} }}\n",
        STANDARD.encode(format!("not json: {}", manifest.secret))
    );
    shop.build(2, &secret);
    let invalid = shop.place.start(&["run", "pipeline.yaml", "-vv"], &loud()).end(RUN).expect(3);
    assert!(invalid.stderr.contains("Secret/broken"), "{}", invalid.stderr);

    // What was deployed is asked about by a mail that the server does not take.
    shop.build(3, &deployment("web", "registry.example/shop:1", 1, ""));
    let run = ["run", "pipeline.yaml", "--listen", "127.0.0.1:0", "-vv"];
    let unsent = shop.place.start(&run, &loud());
    until("the refusal of the mail server", RUN, || {
        shop.place.run(&["release", "get", "rel-3"]).stdout.contains("535").then_some(())
    });
    unsent.interrupt();
    let unsent = unsent.end(RUN).expect(130);
    assert_eq!(server.logins(), "");
    let mut places = vec![said(&refused), said(&invalid), said(&unsent)];
    for release in ["rel-1", "rel-2", "rel-3"] {
        places.extend(everything_shown(&shop, release));
    }
    // The artifact is the user's own file and is kept as it is; what is derived from it is looked through.
    let own = |name: &str| name.contains("/.relhost/artifacts/");
    places.extend(files(&shop.place.path().join(".relhost")).into_iter().filter(|(name, _)| !own(name)));
    nowhere(&[&token, &smtp, &manifest], &places);
}
