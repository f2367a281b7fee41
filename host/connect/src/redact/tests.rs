//! No form of a secret gets through, and nothing else is touched.

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use proptest::prelude::*;

use super::*;

fn redactor(secrets: &[&str]) -> Redactor {
    let mut redactor = Redactor::default();
    for secret in secrets {
        assert_eq!(redactor.add(&SecretValue::new(secret.as_bytes().to_vec())), Masking::Masked);
    }
    redactor
}

const SECRET: &str = "p@ss \"w/ord\"\\<&> ü1";

#[test]
fn every_form_is_masked() {
    let redactor = redactor(&[SECRET]);
    let json = serde_json::to_string(SECRET).unwrap();
    let docker = STANDARD.encode(format!("robot:{SECRET}"));
    let config = format!("{{\"auths\":{{\"r\":{{\"auth\":\"{docker}\",\"password\":{json}}}}}}}");
    let forms = [
        ("exact", SECRET.to_owned()),
        ("JSON", json.trim_matches('"').to_owned()),
        ("Go's JSON", r#"p@ss \"w/ord\"\\\u003c\u0026\u003e ü1"#.to_owned()),
        ("ASCII JSON", r#"p@ss \"w/ord\"\\<&> \u00fc1"#.to_owned()),
        ("PHP's JSON", r#"p@ss \"w\/ord\"\\<&> ü1"#.to_owned()),
        ("debug output", format!("{SECRET:?}").trim_matches('"').to_owned()),
        ("URL", "p%40ss%20%22w%2Ford%22%5C%3C%26%3E%20%C3%BC1".to_owned()),
        ("URL in lower case", "p%40ss%20%22w%2ford%22%5c%3c%26%3e%20%c3%bc1".to_owned()),
        ("form", "p%40ss+%22w%2Ford%22%5C%3C%26%3E+%C3%BC1".to_owned()),
        ("hexadecimal", hex::encode(SECRET)),
    ];
    for (what, form) in forms {
        let masked = redactor.redact(&form).into_owned();
        assert_eq!(masked, MASK, "{what}");
    }
    for (what, text) in [
        ("base64", STANDARD.encode(SECRET)),
        ("AUTH PLAIN", STANDARD.encode(format!("\0robot\0{SECRET}"))),
        ("docker's auth", docker),
        ("a Kubernetes secret", STANDARD.encode(&config)),
        ("a token", URL_SAFE_NO_PAD.encode(format!("xy{SECRET}z"))),
    ] {
        let masked = redactor.redact(&text).into_owned();
        assert!(masked.contains(MASK), "{what}: {masked}");
        let shown = masked.split(MASK).map(str::len).max().unwrap_or(0);
        assert!(!reveals(&masked), "{what}: {masked} still shows it, {shown}");
    }
}

/// Whether some run of base64 digits, decoded at any alignment, holds a good part of the secret.
fn reveals(text: &str) -> bool {
    text.split(|c: char| !(c.is_ascii_alphanumeric() || "+/-_".contains(c))).any(|run| {
        (0..4).any(|skip| {
            let run: String = run
                .chars()
                .skip(skip)
                .map(|c| match c {
                    '-' => '+',
                    '_' => '/',
                    c => c,
                })
                .collect();
            let whole = run.len() / 4 * 4;
            STANDARD.decode(&run[..whole]).is_ok_and(|bytes| {
                SECRET
                    .as_bytes()
                    .windows(MASKED_MIN)
                    .any(|part| bytes.windows(part.len()).any(|at| at == part))
            })
        })
    })
}

#[test]
fn the_check_for_what_base64_reveals_does_see_it() {
    assert!(reveals(&STANDARD.encode(format!("xy{SECRET}z"))));
}

#[test]
fn what_is_not_secret_stays_and_is_not_copied() {
    let text = "deployment shop rolled out";
    assert!(matches!(redactor(&[SECRET]).redact(text), Cow::Borrowed(same) if same == text));
    assert!(matches!(Redactor::default().redact(text), Cow::Borrowed(_)));
    assert_eq!(redactor(&["s3cret"]).redact("a s3cret b s3cret."), "a *** b ***.");
}

#[test]
fn overlapping_and_touching_places_leave_nothing_between() {
    assert_eq!(redactor(&["ababab"]).redact("-abababab-"), "-***-");
    assert_eq!(redactor(&["abcdef", "defghi"]).redact("-abcdefghi-"), "-***-");
    assert_eq!(redactor(&["abcdef"]).redact("abcdefabcdef"), "***");
}

#[test]
fn a_short_value_is_not_masked_and_that_is_said() {
    let mut redactor = Redactor::default();
    assert_eq!(redactor.add(&SecretValue::new(b"admin\n".to_vec())), Masking::TooShort);
    assert_eq!(redactor.redact("admin"), "admin");
    assert_eq!(redactor.add(&SecretValue::new(b"admin1".to_vec())), Masking::Masked);
    assert_eq!(redactor.redact("admin1"), MASK);
}

#[test]
fn a_line_break_at_the_end_of_a_secret_does_not_hide_it() {
    assert_eq!(redactor(&["token-123\n"]).redact("token-123 is wrong"), "*** is wrong");
}

const KUBECONFIG: &str = "apiVersion: v1\nkind: Config\ncurrent-context: dev-context\nclusters:\n- cluster:\n    \
    server: https://host.example:6443\n  name: dev-cluster\nusers:\n- name: dev-user\n  user:\n    \
    token: eyJhbGciOiJSUzI1NiJ9\n    client-key-data: \"LS0tLS1CRUdJTg==\"\n";

#[test]
fn of_a_kubeconfig_only_what_is_secret_is_masked() {
    let redactor = redactor(&[KUBECONFIG]);
    assert_eq!(redactor.redact("token eyJhbGciOiJSUzI1NiJ9 expired"), "token *** expired");
    assert_eq!(redactor.redact("key LS0tLS1CRUdJTg== is bad"), "key *** is bad");
    let message = "context dev-context: https://host.example:6443 (dev-cluster, dev-user), kind: Config";
    assert_eq!(redactor.redact(message), message);
}

#[test]
fn each_line_of_a_key_file_is_masked() {
    let key = "-----BEGIN PRIVATE KEY-----\nMIIEvQIBADANBgkqhkiG9w0BAQEF\nAASCBKcwggSjAgEAAo==\n-----END PRIVATE KEY-----";
    let redactor = redactor(&[key]);
    assert_eq!(redactor.redact("MIIEvQIBADANBgkqhkiG9w0BAQEF"), MASK);
    assert_eq!(redactor.redact("x AASCBKcwggSjAgEAAo== y"), "x *** y");
    assert_eq!(redactor.redact("-----BEGIN PRIVATE KEY-----"), "-----BEGIN PRIVATE KEY-----");
    assert_eq!(redactor.redact("A=1\nB=2"), "A=1\nB=2");
}

#[test]
fn values_of_an_environment_file_are_masked() {
    let redactor = redactor(&["DB_PASSWORD=hunter22\nDB_USER='somebody'\n# comment text\n"]);
    assert_eq!(redactor.redact("hunter22 somebody # comment text"), "*** *** # comment text");
}

#[test]
fn a_large_value_is_masked_too() {
    let large: String = (0..3000).map(|n| format!("line {n} of it\n")).collect();
    let redactor = redactor(&[&large]);
    assert_eq!(redactor.redact(large.trim()), MASK);
    assert_eq!(redactor.redact("see line 77 of it!"), "see ***!");
}

#[test]
fn a_value_is_learned_once_and_never_printed() {
    let mut redactor = redactor(&[SECRET]);
    let patterns = redactor.patterns.len();
    redactor.add(&SecretValue::new(SECRET.as_bytes().to_vec()));
    assert_eq!(redactor.patterns.len(), patterns);
    assert_eq!(format!("{redactor:?}"), "Redactor(1 values)");
}

#[test]
fn bytes_that_are_no_text_are_masked_where_they_are_encoded() {
    let mut redactor = Redactor::default();
    let bytes = [0xff, 0xfe, 1, 2, 3, 4, 5, 6];
    redactor.add(&SecretValue::new(bytes.to_vec()));
    assert_eq!(redactor.redact(&hex::encode(bytes)), MASK);
    assert!(redactor.redact(&STANDARD.encode(bytes)).starts_with(MASK));
}

proptest! {
    /// Whatever stands around it and however it is encoded: the secret is gone.
    #[test]
    fn a_secret_never_gets_through(
        secret in "[a-zA-Z0-9 !-)+-~äß€😀]{6,40}",
        before in "[a-z ]{0,7}",
        after in "[a-z ]{0,7}",
    ) {
        let secret = secret.trim();
        prop_assume!(secret.len() >= MASKED_MIN);
        let redactor = redactor(&[secret]);
        let text = format!("{before}{secret}{after}");
        prop_assert!(!redactor.redact(&text).contains(secret));
        let json = serde_json::to_string(&text).unwrap();
        let inner = serde_json::to_string(secret).unwrap();
        prop_assert!(!redactor.redact(&json).contains(inner.trim_matches('"')) || inner.trim_matches('"').len() < MASKED_MIN);
        for encoded in [STANDARD.encode(&text), URL_SAFE_NO_PAD.encode(&text), STANDARD.encode(STANDARD.encode(&text))] {
            let masked = redactor.redact(&encoded).into_owned();
            prop_assert!(masked.contains(MASK), "{} in {}", encoded, masked);
            // At most the digits that also hold bits of what stands around it are left of it.
            let kept: usize = masked.split(MASK).map(str::len).sum();
            let around = (before.len() + after.len() + 4) * 16 / 9 + 8;
            prop_assert!(kept <= around, "{} of {} digits are left, {} would be right", kept, encoded.len(), around);
        }
    }

    /// Text without a secret comes back unchanged, and masking twice changes nothing more.
    #[test]
    fn other_text_is_untouched(secret in "[A-Z]{8,20}", text in "[a-z0-9 {}:.]{0,80}") {
        let redactor = redactor(&[&secret]);
        let once = redactor.redact(&text).into_owned();
        prop_assert_eq!(&once, &text);
        let masked = redactor.redact(&format!("{text}{secret}")).into_owned();
        prop_assert_eq!(redactor.redact(&masked), masked.as_str());
    }
}
