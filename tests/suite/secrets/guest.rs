//! What a plugin can find of a secret that it has had created: nothing in its memory, nothing to say when it dies.

use relhost_tests::canary::{Canary, Left, Sink};
use relhost_tests::manifest::deployment;
use relhost_tests::shop::{Plan, RUN, Shop};
use relhost_tests::smtp::SmtpServer;
use relhost_tests::workspace::component;

use super::{Kinds, OPERATOR, everything_shown, said};

/// What the guest that looks hides what it looks for behind.
const MASK: u8 = 0x5a;

fn shop(guest: &str, with: &str, server: &SmtpServer) -> Shop {
    Shop::planned(
        &deployment("web", "registry.example/shop:1", 1, ""),
        &Plan {
            plugin: &format!("{{ path: {} }}", component("guests", guest).display()),
            with,
            mail: &format!("{{ from: relhost@example.com, smtp: {} }}", server.settings("keys/smtp")),
            operator: OPERATOR,
            ..Plan::default()
        },
    )
}

#[test]
#[ignore = "needs a control plane and a mail server: cargo xtask test"]
fn a_guest_that_searches_its_whole_memory_finds_no_secret() {
    let kinds = Kinds::new();
    let server = SmtpServer::start(&kinds.smtp.secret);
    let masked = |text: &str| {
        let digits: String = text.bytes().map(|byte| format!("{:02x}", byte ^ MASK)).collect();
        format!("\"{digits}\"")
    };
    let looked_for = [&kinds.registry, &kinds.variable, &kinds.file, &kinds.smtp];
    let words: Vec<String> = looked_for.iter().map(|canary| masked(&canary.secret)).collect();
    let with =
        format!("{{ masked: [{}], registry: company, secrets: [database, license] }}", words.join(", "));
    let shop = shop("scans-memory", &with, &server);
    kinds.write(&shop);
    let ended = shop.place.start(&["run", "pipeline.yaml", "-vv"], &kinds.environment()).end(RUN).expect(0);
    let secret = |name: &str| shop.dev.namespace.get("secret", name).to_string();
    assert!(kinds.registry.find(&secret("pull")).is_some(), "the registry's password is in Secret/pull");
    assert!(kinds.variable.find(&secret("generic")).is_some(), "the variable is in Secret/generic");
    assert!(ended.stderr.contains("found = 0"), "{}", ended.stderr);
    assert!(!ended.stderr.contains("marker-found = 0"), "the search finds what is there: {}", ended.stderr);
}

#[test]
#[ignore = "needs a control plane and a mail server: cargo xtask test"]
fn a_guest_that_panics_with_all_it_knows_has_no_secret_to_tell() {
    let kinds = Kinds::new();
    let server = SmtpServer::start(&kinds.smtp.secret);
    let with = "{ registry: company, secrets: [database, license], manifests: [manifests], panics: true }";
    let shop = shop("keeps-secrets", with, &server);
    kinds.write(&shop);
    let run = ["run", "pipeline.yaml", "-vv"];
    let ended = shop.place.start(&run, &kinds.environment()).end(RUN).expect(3);
    assert!(ended.stderr.contains("this is all that a plugin knows"), "{}", ended.stderr);
    let pull = shop.dev.namespace.get("secret", "pull").to_string();
    assert!(kinds.registry.find(&pull).is_some(), "the registry's password is in Secret/pull");

    let mut left = Left::default();
    said(Sink::Output, &ended, &mut left);
    everything_shown(&shop, "rel-1", &mut left);
    left.put_state(&shop.place.path().join(".relhost"));
    let token = Canary::of("token", shop.dev.account.token.clone());
    let _table = left.holds_none_of(&kinds.all(&token), &[Sink::Output, Sink::Commands, Sink::State]);
}
