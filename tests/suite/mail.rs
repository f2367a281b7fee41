//! Approvals by mail, the whole way: a real server with STARTTLS and AUTH, a mail library that is not ours,
//! the page over HTTP, and a release on the real control plane that goes on.

use std::time::Duration;

use relhost_tests::audit::Request;
use relhost_tests::mailbox::{Letter, Mailbox};
use relhost_tests::manifest::{deployment, service};
use relhost_tests::page::{approve, content};
use relhost_tests::program::{Running, http};
use relhost_tests::shop::{Plan, Shop, build};
use relhost_tests::smtp::{SmtpServer, USER};
use relhost_tests::wait::until;
use serde_json::json;

const PASSWORD: &str = "the mail server's password";
const IMAGE: &str = "registry.example/shop:1";
/// A mail leaves as soon as what it is about is durable.
const DELIVERY: Duration = Duration::from_secs(180);

/// A release that waits for bob or carol, who have got mails.
struct Waiting {
    shop: Shop,
    server: SmtpServer,
    mailbox: Mailbox,
    serving: Running,
}

impl Waiting {
    fn new() -> Self {
        let server = SmtpServer::start(PASSWORD);
        let plan = Plan {
            stage: "approval: { before: { policy: any-one, approvers: [bob, group:ops], \
                    instructions: Is the till empty? } }",
            mail: &format!("{{ from: relhost@example.com, smtp: {} }}", server.settings("keys/smtp")),
            ..Plan::default()
        };
        let manifests = deployment("web", IMAGE, 1, "") + &service("web", "LoadBalancer");
        let shop = Shop::planned(&manifests, &plan);
        let _password = shop.place.write("keys/smtp", PASSWORD);
        let mut serving = shop.place.start(&["serve", "--listen", "127.0.0.1:0"], &[]);
        serving.wait_for("the decide page is at");
        let _created = shop.place.run(&["run", "pipeline.yaml", "--detach"]).expect(0);
        let mailbox = Mailbox::new(server.mailbox());
        Self { shop, server, mailbox, serving }
    }

    /// Nobody has decided, and the cluster was not touched.
    fn is_as_before(&self) -> bool {
        let row = self.shop.place.run(&["approval", "get", "apr-1", "-o", "json"]).expect(0).json();
        let requests = self.shop.audit.of(&self.shop.dev.account.user);
        let touched = requests.iter().any(Request::is_write);
        row["decision"].is_null() && row["votes"] == json!([]) && !touched
    }

    /// The release goes on to its end and really runs; the server ends when it is asked to.
    fn ends_with_replicas(self, replicas: u32) {
        let _watched = self.shop.ends(&["release", "watch", "rel-1"]).expect(0);
        let deployment = self.shop.dev.namespace.get("deployment", "web");
        assert_eq!(deployment["status"]["readyReplicas"], replicas);
        self.serving.interrupt();
        let _stopped = self.serving.end(Duration::from_secs(90)).expect(0);
    }
}

#[test]
#[ignore = "needs a control plane and a mail server: cargo xtask test"]
fn a_mail_is_enough_to_decide_and_decides_once() {
    let mut waiting = Waiting::new();
    let letter = waiting.mailbox.asking("apr-1", "carol");
    came_safely_and_to_one_person(&waiting.server, &letter, "carol@example.com");
    says_what_one_must_know(&letter);

    assert_eq!(http("HEAD", letter.link(), None).0, 200);
    for _ in 0..50 {
        assert_eq!(http("GET", letter.link(), None).0, 200);
    }
    assert!(waiting.is_as_before(), "looking has changed something");

    let content = content(&http("GET", letter.link(), None).1);
    let right = approve(letter.code(), &content);
    let bobs = waiting.mailbox.asking("apr-1", "bob");
    assert_ne!(bobs.code(), letter.code());
    let foreign = http("POST", letter.link(), Some(&approve(bobs.code(), &content)));
    assert_eq!(foreign.0, 403, "bob's code with carol's link: {}", foreign.1);
    let forged = letter.link().replace("/carol/", "/bob/");
    assert_eq!(http("POST", &forged, Some(&right)).0, 404);
    assert!(waiting.is_as_before(), "a wrong code or link has changed something");

    let (status, answer) = http("POST", letter.link(), Some(&right));
    assert_eq!(status, 200, "{answer}");
    let (status, answer) = http("POST", letter.link(), Some(&right));
    assert_eq!(status, 409, "{answer}");
    let (status, answer) = http("POST", bobs.link(), Some(&approve(bobs.code(), &content)));
    assert_eq!(status, 409, "carol has decided: {answer}");
    let row = waiting.shop.place.run(&["approval", "get", "apr-1", "-o", "json"]).expect(0).json();
    assert_eq!(
        (&row["votes"][0]["voter"], &row["votes"][0]["via"]),
        (&json!({ "person": "carol" }), &json!("mail-link"))
    );
    assert_eq!(row["votes"].as_array().map(Vec::len), Some(1));

    bob_is_told_that_it_is_over(&mut waiting.mailbox, &bobs);
    waiting.ends_with_replicas(1);
}

fn came_safely_and_to_one_person(server: &SmtpServer, letter: &Letter, address: &str) {
    let envelope = server.envelope(&letter.file);
    assert_eq!(envelope["to"], json!([address]));
    assert_eq!(envelope["user"], USER);
    assert_eq!(envelope["tls"], "TLSv1.3");
    assert!(server.logins().contains(PASSWORD), "the password has arrived");
    assert_eq!(letter.header("to"), address);
    assert_eq!(letter.header("from"), "relhost@example.com");
    assert_eq!(letter.header("auto-submitted"), "auto-generated");
}

/// What, where, who asks, until when, what to check, what exactly; the same in both parts.
fn says_what_one_must_know(letter: &Letter) {
    let subject = letter.header("subject");
    assert!(subject.starts_with("[relhost] Approve shop 1.1 to Dev by "), "{subject}");
    let facts =
        ["shop", "Release-1", "Dev", "dev", "tester", "carol", "Is the till empty?", "manifests/all.yaml"];
    for fact in facts {
        assert!(letter.text.contains(fact), "`{fact}` is not in\n{}", letter.text);
        assert!(letter.words.contains(fact), "`{fact}` is not in\n{}", letter.words);
    }
    assert!(letter.text.contains("\n> Is the till empty?"), "it is somebody else's text: {}", letter.text);
    assert!(!letter.link().contains(letter.code()), "the link alone must not be enough");
}

fn bob_is_told_that_it_is_over(mailbox: &mut Mailbox, asked: &Letter) {
    let closing = until("bob's mail that it is over", DELIVERY, || {
        let over = |letter: &&Letter| {
            letter.header("to") == "bob@example.com" && letter.header("subject").contains("Approved")
        };
        mailbox.letters().find(over).cloned()
    });
    assert!(closing.text.contains("carol"), "{}", closing.text);
    assert_eq!(closing.header("references"), asked.header("references"), "they are one conversation");
    assert_ne!(closing.header("message-id"), asked.header("message-id"));
}

#[test]
#[ignore = "needs a control plane and a mail server: cargo xtask test"]
fn a_mail_of_an_old_attempt_names_what_changed_and_decides_nothing() {
    let mut waiting = Waiting::new();
    let old = waiting.mailbox.asking("apr-1", "carol");
    let seen = content(&http("GET", old.link(), None).1);
    let place = &waiting.shop.place;
    let manifests = deployment("web", IMAGE, 3, "") + &service("web", "LoadBalancer");
    let _manifests = place.write("other/manifests/all.yaml", &manifests);
    let _build = place.write("other/build.yaml", &build(2));
    let redeploy = ["release", "redeploy", "rel-1", "--stage", "Dev", "--artifact", "other"];
    let _attempt = place.run(&redeploy).expect(0);

    let (status, answer) = http("POST", old.link(), Some(&approve(old.code(), &seen)));
    assert_eq!(status, 409, "{answer}");
    assert!(answer.contains("artifacts") && answer.contains("attempt 2"), "{answer}");
    let new = waiting.mailbox.asking("apr-2", "carol");
    let current = content(&http("GET", new.link(), None).1);
    assert_ne!(current, seen);
    // The old code with the new link, and what was seen in the old mail, count as little.
    assert_eq!(http("POST", new.link(), Some(&approve(old.code(), &current))).0, 403);
    assert_eq!(http("POST", new.link(), Some(&approve(new.code(), &seen))).0, 409);
    let row = place.run(&["approval", "get", "apr-2", "-o", "json"]).expect(0).json();
    assert_eq!(row["votes"], json!([]), "{row}");

    let (status, answer) = http("POST", new.link(), Some(&approve(new.code(), &current)));
    assert_eq!(status, 200, "{answer}");
    waiting.ends_with_replicas(3);
}
