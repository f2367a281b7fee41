//! Errors say what is wrong and never with what: whoever refuses a secret likes to quote it.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use relhost_tests::canary::{Canary, Left, Sink};
use relhost_tests::manifest::deployment;
use relhost_tests::program::Ended;
use relhost_tests::shop::{Access, Plan, RUN, Shop};
use relhost_tests::smtp::SmtpServer;
use relhost_tests::wait::until;
use relhost_tests::workspace::component;
use serde_json::json;

use super::{Kinds, OPERATOR, everything_shown, loud, said};

/// Runs the pipeline, which fails, and returns what was said.
fn fails(shop: &Shop, told: &str) -> Ended {
    let ended = shop.place.start(&["run", "pipeline.yaml", "-vv"], &loud()).end(RUN).expect(3);
    assert!(ended.stderr.contains(told), "{told}: {}", ended.stderr);
    ended
}

#[test]
#[ignore = "needs a control plane and a mail server: cargo xtask test"]
fn what_is_refused_is_not_quoted() {
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
    let refused = fails(&shop, "unauthorized");

    // A Secret whose content the server refuses is a reason to quote it, which nobody must do.
    let _token = shop.place.write("keys/dev.token", &accepted);
    let secret = format!(
        "apiVersion: v1\nkind: Secret\nmetadata: {{ name: broken }}\ntype: kubernetes.io/dockerconfigjson\n\
         data: {{ .dockerconfigjson: {} }}\n",
        STANDARD.encode(format!("not json: {}", manifest.secret))
    );
    shop.build(2, &secret);
    let invalid = fails(&shop, "Secret/broken");

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
    nothing_is_quoted(&shop, &[&refused, &invalid, &unsent], &[&token, &smtp, &manifest]);
}

#[test]
#[ignore = "needs a control plane and a mail server: cargo xtask test"]
fn secrets_that_cannot_be_kept_are_not_quoted() {
    let kinds = Kinds::new();
    let guest = component("guests", "keeps-secrets");
    let shop = Shop::planned(
        &deployment("web", "registry.example/shop:1", 1, ""),
        &Plan {
            // It may do nothing with Secrets.
            rules: json!([{ "apiGroups": ["apps"], "resources": ["deployments"], "verbs": ["get"] }]),
            plugin: &format!("{{ path: {} }}", guest.display()),
            with: "{ registry: company, secrets: [database, license], manifests: [manifests] }",
            operator: OPERATOR,
            ..Plan::default()
        },
    );
    kinds.write(&shop);
    let variable = kinds.environment();
    let run = ["run", "pipeline.yaml", "-vv"];
    let forbidden = shop.place.start(&run, &variable).end(RUN).expect(3);
    assert!(forbidden.stderr.contains("forbidden"), "{}", forbidden.stderr);

    // The text of a kubeconfig that is none is what its parser would like to show.
    let broken = Canary::new("kubeconfig");
    let text = format!("users: [ {{ name: dev, user: {{ token: [{} }} }}\n", broken.secret);
    let _kubeconfig = shop.place.write("keys/dev.kubeconfig", &text);
    shop.build(2, &deployment("web", "registry.example/shop:1", 1, ""));
    let unreadable = shop.place.start(&run, &variable).end(RUN).expect(3);
    assert!(unreadable.stderr.contains("is not a kubeconfig"), "{}", unreadable.stderr);
    nothing_is_quoted(&shop, &[&forbidden, &unreadable], &kinds.all(&broken));
}

#[allow(clippy::print_stdout, reason = "the table is what somebody wants to see of a test that passes")]
fn nothing_is_quoted(shop: &Shop, ends: &[&Ended], canaries: &[&Canary]) {
    let mut left = Left::default();
    for ended in ends {
        said(Sink::Output, ended, &mut left);
    }
    for number in 1..=ends.len() {
        everything_shown(shop, &format!("rel-{number}"), &mut left);
    }
    left.put_state(&shop.place.path().join(".relhost"));
    let sinks = [Sink::Output, Sink::Commands, Sink::State, Sink::Database];
    println!("{}", left.holds_none_of(canaries, &sinks));
}
