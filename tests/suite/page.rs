//! The page that mails link to: looking changes nothing, deciding needs the code, and counts once.

use std::path::Path;
use std::time::Duration;

use relhost_tests::page::{approve, content};
use relhost_tests::program::{Place, Running, http};
use relhost_tests::wait::until;

/// What a person finds in their mail.
struct Mail {
    link: String,
    code: String,
}

/// Reads the text part of a mail as a client would.
fn read(path: &Path) -> Option<Mail> {
    let text = std::fs::read_to_string(path).ok()?.replace("=\r\n", "").replace("=3D", "=");
    let link = text.split_whitespace().find(|word| word.contains("/decide/apr-"))?.to_owned();
    let link = link[link.find("http://")?..].trim_end_matches(['"', '>']).to_owned();
    let at = text.to_lowercase().find("code")?;
    let code = text[at..]
        .split(|c: char| !c.is_ascii_alphanumeric())
        .find(|word| word.len() == 6 && word.chars().all(|c| c.is_ascii_uppercase() || c.is_ascii_digit()))?;
    Some(Mail { link, code: code.to_owned() })
}

fn mail_to(place: &Place, person: &str, approval: &str) -> Mail {
    until("the mail", Duration::from_secs(90), || {
        let outbox = std::fs::read_dir(place.path().join(".relhost/outbox")).ok()?;
        outbox
            .filter_map(Result::ok)
            .filter_map(|file| read(&file.path()))
            .find(|mail| mail.link.contains(&format!("/decide/{approval}/{person}/")))
    })
}

fn waiting() -> (Place, Running) {
    let place = Place::new();
    place.run(&["init", "."]).expect(0);
    let mut serving = place.start(&["serve", "--listen", "127.0.0.1:0"], &[]);
    serving.wait_for("the decide page is at");
    place.run(&["run", "pipeline.yaml", "--rehearse", "--detach"]).expect(0);
    (place, serving)
}

/// The release goes on to its end, and the server ends when it is asked to.
fn ends(place: &Place, serving: Running) {
    place.run(&["release", "watch", "rel-1"]).expect(0);
    serving.interrupt();
    serving.end(Duration::from_secs(90)).expect(0);
}

fn is_open(place: &Place) -> bool {
    let row = place.run(&["approval", "get", "apr-1", "-o", "json"]).expect(0).json();
    row["decision"].is_null() && row["votes"].as_array().is_some_and(Vec::is_empty)
}

#[test]
#[ignore = "needs components: cargo xtask test"]
fn looking_changes_nothing_and_deciding_counts_once() {
    let (place, serving) = waiting();
    let mail = mail_to(&place, "bob", "apr-1");
    assert_eq!(http("HEAD", &mail.link, None).0, 200);
    for _ in 0..50 {
        assert_eq!(http("GET", &mail.link, None).0, 200);
    }
    assert!(is_open(&place));

    let page = http("GET", &mail.link, None).1;
    let content = content(&page);
    let form = |code: &str| approve(code, &content);
    assert_eq!(http("POST", &mail.link, Some(&form("WRONG2"))).0, 403);
    let forged = mail.link.replace("/bob/", "/ann/");
    assert_eq!(http("POST", &forged, Some(&form(&mail.code))).0, 404);
    assert!(is_open(&place));

    let (status, answer) = http("POST", &mail.link, Some(&form(&mail.code)));
    assert_eq!(status, 200, "{answer}");
    let (status, answer) = http("POST", &mail.link, Some(&form(&mail.code)));
    assert_eq!(status, 409, "{answer}");
    ends(&place, serving);
}

#[test]
#[ignore = "needs components: cargo xtask test"]
fn a_link_of_an_old_attempt_names_what_changed() {
    let (place, serving) = waiting();
    let old = mail_to(&place, "bob", "apr-1");
    let asked = content(&http("GET", &old.link, None).1);
    let manifest =
        std::fs::read_to_string(place.path().join("build-output/manifests/web.yaml")).expect("it is there");
    place.write("other/manifests/web.yaml", &manifest.replace("replicas: 2", "replicas: 3"));
    place.write(
        "other/build.yaml",
        "id: \"2\"\nbranch: main\ncommit: aaaabbbbccccddddeeeeffff0000111122223333\n",
    );
    place.run(&["release", "redeploy", "rel-1", "--stage", "Prod", "--artifact", "other"]).expect(0);
    let (status, answer) = http("POST", &old.link, Some(&approve(&old.code, &asked)));
    assert_eq!(status, 409, "{answer}");
    assert!(answer.contains("artifacts") && answer.contains("attempt 2"), "{answer}");
    let new = mail_to(&place, "bob", "apr-2");
    let asked = content(&http("GET", &new.link, None).1);
    assert_eq!(http("POST", &new.link, Some(&approve(&new.code, &asked))).0, 200);
    ends(&place, serving);
}
