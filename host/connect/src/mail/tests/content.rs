//! The words.

use proptest::prelude::*;
use relhost_model::digest::Digest;
use relhost_model::id::ReleaseId;

use super::*;
use crate::mail::ask::LINK_CHARS_MAX;

#[test]
fn a_question_has_enough_on_the_first_screen() {
    let mail = asked(&facts());
    insta::assert_snapshot!(mail.subject, @"[relhost] Approve shop 1.42.0 to Prod by Tue 2026-11-24 17:00 UTC");
    insta::assert_snapshot!("ask-text", mail.text);
    insta::assert_snapshot!("ask-html", mail.html);
}

#[test]
fn a_rehearsal_says_so_in_subject_and_body() {
    let mail = asked(&AskFacts { rehearsal: true, attempt: 2, ..facts() });
    insta::assert_snapshot!(mail.subject, @"[relhost] [rehearsal] Approve shop 1.42.0 to Prod by Tue 2026-11-24 17:00 UTC");
    for body in [&mail.text, &mail.html] {
        assert!(body.contains("Rehearsal: no cluster is touched"), "{body}");
        assert!(body.contains("attempt 2"), "{body}");
    }
}

#[test]
fn a_question_without_a_page_names_the_command_line() {
    let mail = asked(&AskFacts { link: None, code: None, ..facts() });
    insta::assert_snapshot!("ask-without-page-text", mail.text);
    assert!(!mail.html.contains("<a "), "{}", mail.html);
}

#[test]
fn what_is_empty_is_left_out() {
    let facts = AskFacts {
        instructions: " \n".into(),
        deciders: Vec::new(),
        needed: String::new(),
        running: None,
        evidence: Vec::new(),
        artifacts: Vec::new(),
        powers: Vec::new(),
        target: String::new(),
        ..facts()
    };
    insta::assert_snapshot!("ask-bare-text", asked(&facts).text);
}

#[test]
fn the_code_is_in_the_body_and_not_in_the_link() {
    let mail = asked(&facts());
    for body in [&mail.text, &mail.html] {
        assert!(body.contains("K7Q2MX"));
        let link = body.split("https://").nth(1).unwrap().split(['"', '\n']).next().unwrap();
        assert!(!link.contains("K7Q2MX"), "{link}");
    }
}

#[test]
fn only_a_short_web_address_becomes_a_link() {
    let long = format!("https://relhost.example/{}", "x".repeat(LINK_CHARS_MAX));
    let bad = [
        "javascript:alert(1)",
        "JAVASCRIPT://x",
        "data:text/html,x",
        "//relhost.example/x",
        "https://a b",
        "https://a\"onclick=x",
        "https://a\nhttps://b",
        "https://\u{202e}a",
        &long,
    ];
    for link in bad {
        let mail = asked(&AskFacts { link: Some(link.to_owned()), ..facts() });
        assert!(!mail.html.contains("href"), "{link}: {}", mail.html);
        assert!(!mail.text.contains(link), "{link}: {}", mail.text);
        assert!(mail.text.contains("To decide, use the command line."), "{}", mail.text);
    }
    let longest = format!("https://{}", "x".repeat(LINK_CHARS_MAX - 9));
    let mail = asked(&AskFacts { link: Some(longest.clone()), ..facts() });
    assert!(mail.text.contains(&longest), "{}", mail.text);
    let query = asked(&AskFacts { link: Some("http://127.0.0.1:8080/d?a=1&b=2".into()), ..facts() });
    assert!(query.html.contains("href=\"http://127.0.0.1:8080/d?a=1&amp;b=2\""), "{}", query.html);
}

#[test]
fn words_of_others_are_fenced() {
    let instructions = "ok\n\nReview and decide:\nhttps://evil.example\u{1b}[2J\r\nYou get this because";
    let mail = asked(&AskFacts { instructions: instructions.into(), ..facts() });
    assert!(
        mail.text.contains("> Review and decide:\n> https://evil.example[2J\n> You get this because\n"),
        "{}",
        mail.text
    );
    assert_eq!(mail.text.matches("\nReview and decide:\n").count(), 1, "only ours stands alone");
    assert_eq!(mail.html.matches("<a ").count(), 1, "only ours is a link");
}

#[test]
fn long_lists_and_names_do_not_push_the_rest_away() {
    let many: Vec<(String, String)> = (0..500).map(|n| (format!("file-{n}"), "d".repeat(5000))).collect();
    let facts = AskFacts {
        pipeline: "p".repeat(100),
        version: "v".repeat(9000),
        stage: "s".repeat(100),
        artifacts: many.clone(),
        evidence: many,
        deciders: vec!["x".repeat(5000); 500],
        ..facts()
    };
    let mail = asked(&facts);
    assert!(mail.subject.ends_with("… by Tue 2026-11-24 17:00 UTC"), "{}", mail.subject);
    assert!(mail.subject.chars().count() <= HEADER_CHARS_MAX, "{}", mail.subject);
    assert!(mail.text.contains("and 490 more"), "{}", mail.text);
    assert!(mail.text.len() < 16_000 && mail.html.len() < 24_000, "{} {}", mail.text.len(), mail.html.len());
}

#[test]
fn an_end_is_told_to_everybody_who_was_asked() {
    let facts = ClosedFacts {
        pipeline: "shop".into(),
        release: "Release-7".into(),
        version: "1.42.0".into(),
        stage: "Prod".into(),
        resolution: "rejected".into(),
        by: Some("bob".into()),
        reason: "bob: the error rate\nis <b>too high</b>".into(),
        at: NOW,
        rehearsal: false,
    };
    let mail = closed("ann@example.com", &facts, "c@example.com", "t@example.com");
    insta::assert_snapshot!(mail.subject, @"[relhost] Rejected: shop 1.42.0 to Prod");
    insta::assert_snapshot!("closed-text", mail.text);
    insta::assert_snapshot!("closed-html", mail.html);
    let expired = ClosedFacts {
        resolution: "expired".into(),
        by: None,
        reason: String::new(),
        rehearsal: true,
        ..facts
    };
    let mail = closed("ann@example.com", &expired, "c@example.com", "t@example.com");
    insta::assert_snapshot!("expired-text", mail.text);
    assert!(mail.subject.starts_with("[relhost] [rehearsal] Expired: "), "{}", mail.subject);
}

#[test]
fn a_plugins_message_is_labelled_as_its_own() {
    let facts = NoticeFacts {
        pipeline: "shop".into(),
        release: "Release-7".into(),
        stage: "Dev".into(),
        subject: "deployed\r\nBcc: everybody@example.com".into(),
        body: "Address: 10.0.0.1\n<script>alert(1)</script>\n".into(),
        rehearsal: true,
    };
    let mail = notice("ann@example.com", &facts, "n@example.com", "t@example.com");
    insta::assert_snapshot!(mail.subject, @"[relhost] [rehearsal] Release-7 Dev: deployed Bcc: everybody@example.com");
    insta::assert_snapshot!("notice-text", mail.text);
    insta::assert_snapshot!("notice-html", mail.html);
}

#[test]
fn ids_are_the_same_for_the_same_thing_and_hold_nothing_odd() {
    let key = Digest::of(b"key");
    assert_eq!(message_id(&key, "example.com"), message_id(&key, "example.com"));
    assert_ne!(message_id(&key, "example.com"), message_id(&Digest::of(b"other"), "example.com"));
    insta::assert_snapshot!(message_id(&key, "example.com"), @"2c70e12b7a0646f92279f427c7b38e73@example.com");
    insta::assert_snapshot!(thread_id(ReleaseId(7), "example.com"), @"rel-7.relhost@example.com");
    insta::assert_snapshot!(thread_id(ReleaseId(7), "a>\r\nBcc: x"), @"rel-7.relhost@aBccx");
    insta::assert_snapshot!(thread_id(ReleaseId(7), "\u{fc}"), @"rel-7.relhost@localhost");
}

/// The tags and attributes that a page of ours has.
fn markup(html: &str) -> Vec<&str> {
    html.split('<').skip(1).map(|tag| tag.split_once('>').expect("every tag ends").0).collect()
}

fn hostile() -> impl Strategy<Value = String> {
    prop_oneof![
        any::<String>(),
        "[<>&\"'/a-z =\\r\\n]{0,40}",
        Just("</blockquote><a href=\"https://evil\">".to_owned()),
        Just("\" onmouseover=\"x".to_owned()),
        Just("<!--".to_owned()),
    ]
}

proptest! {
    /// Whatever the facts hold: the page has the markup that harmless facts give, and no other.
    #[test]
    fn facts_never_become_markup(texts in proptest::collection::vec(hostile(), 12)) {
        let word = |n: usize| texts[n].clone();
        let with = |word: &dyn Fn(usize) -> String| AskFacts {
            pipeline: word(0), release: word(1), version: word(2), stage: word(3), environment: word(4),
            requester: word(5), instructions: format!("i{}", word(6)), deciders: vec![word(7)],
            needed: format!("n{}", word(8)), evidence: vec![(word(9), word(10))], because: word(11),
            ..facts()
        };
        let empty = |n: usize| texts[n].chars().all(|c| c == ' ' || c.is_control()).then(String::new);
        let harmless = |n: usize| empty(n).unwrap_or_else(|| "word".to_owned());
        let (hostile, plain) = (asked(&with(&word)), asked(&with(&harmless)));
        let (hostile, plain) = (markup(&hostile.html).len(), markup(&plain.html).len());
        prop_assert!(hostile <= plain, "{} tags in place of {}", hostile, plain);
    }

    /// The text part has no character that drives a terminal.
    #[test]
    fn text_is_plain(text in any::<String>()) {
        let facts = AskFacts { instructions: text.clone(), requester: text.clone(), version: text.clone(), cli: text, ..facts() };
        let mail = asked(&facts);
        for body in [&mail.text, &mail.html, &mail.subject] {
            prop_assert!(!body.chars().any(|c| c.is_control() && !matches!(c, '\n' | '\t')));
        }
        prop_assert!(!mail.subject.contains('\n'));
    }
}
