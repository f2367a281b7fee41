//! The folder.

use relhost_engine::port::mail::{MailFailure, Mailer as _};
use relhost_model::digest::Digest;

use super::*;

fn files(folder: &std::path::Path) -> Vec<String> {
    let mut names: Vec<String> = std::fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    names.sort();
    names
}

#[tokio::test]
async fn a_message_is_a_file_and_sent_again_takes_its_place() {
    let folder = tempfile::tempdir().unwrap();
    let outbox = folder.path().join("deep/outbox");
    let mailer = OutboxMailer::new(&outbox, "relhost@example.com", clock()).unwrap();
    let id = message_id(&Digest::of(b"key"), "example.com");
    let mail = ask("bob@example.com", &facts(), &id, "t@example.com");
    mailer.send(&mail).await.unwrap();
    mailer.send(&mail).await.unwrap();
    assert_eq!(files(&outbox), [format!("{id}.eml")]);
    let text = std::fs::read_to_string(outbox.join(format!("{id}.eml"))).unwrap();
    assert!(text.contains("To: bob@example.com\r\n") && text.contains("K7Q2MX"), "{text}");
    assert_eq!(mailer.destination(), outbox.display().to_string());

    mailer.send(&Mail { message_id: "other@example.com".into(), ..mail }).await.unwrap();
    assert_eq!(files(&outbox).len(), 2);
}

#[cfg(unix)]
#[tokio::test]
async fn nobody_else_may_read_a_message() {
    use std::os::unix::fs::PermissionsExt as _;
    let folder = tempfile::tempdir().unwrap();
    let mailer = OutboxMailer::new(folder.path(), "relhost@example.com", clock()).unwrap();
    mailer.send(&asked(&facts())).await.unwrap();
    let metadata = std::fs::metadata(folder.path().join("abc@example.com.eml")).unwrap();
    assert_eq!(metadata.permissions().mode() & 0o777, 0o600);
}

#[tokio::test]
async fn an_id_cannot_lead_out_of_the_folder() {
    let folder = tempfile::tempdir().unwrap();
    let outbox = folder.path().join("outbox");
    let mailer = OutboxMailer::new(&outbox, "relhost@example.com", clock()).unwrap();
    for id in ["../../evil", "/etc/evil", "..", "", ".hidden", "a/b", "a_b", "a\0b"] {
        mailer.send(&Mail { message_id: id.into(), ..asked(&facts()) }).await.unwrap();
    }
    assert_eq!(files(folder.path()), ["outbox"]);
    let files = files(&outbox);
    assert_eq!(files.len(), 8, "each has a name of its own: {files:?}");
    assert!(files.iter().all(|name| name.ends_with(".eml") && !name.starts_with('.')), "{files:?}");
}

#[tokio::test]
async fn a_folder_that_cannot_be_written_is_worth_another_try() {
    let folder = tempfile::tempdir().unwrap();
    let blocked = folder.path().join("file");
    std::fs::write(&blocked, "").unwrap();
    let mailer = OutboxMailer::new(&blocked, "relhost@example.com", clock()).unwrap();
    let error = mailer.send(&asked(&facts())).await.unwrap_err();
    assert_eq!(error.class, MailFailure::Transient);
    assert!(error.message.starts_with("write the message into "), "{error}");
}

#[test]
fn a_sender_that_is_no_address_is_refused_at_once() {
    let error = OutboxMailer::new(std::path::Path::new("x"), "nobody", clock()).err().unwrap();
    assert_eq!(error.to_string(), "the sender \"nobody\" is no mail address");
}
