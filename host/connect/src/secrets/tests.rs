//! Secrets from variables and files, and what is said where there is none.

use super::*;

fn secrets(folder: &Path) -> FileSecrets {
    FileSecrets::new(folder.to_owned(), |name| match name {
        "SET" => Some("from the environment\n".into()),
        "EMPTY" => Some(OsString::new()),
        _ => None,
    })
}

fn file(path: &str) -> SecretSource {
    SecretSource::File(path.into())
}

fn variable(name: &str) -> SecretSource {
    SecretSource::Env(name.into())
}

#[test]
fn a_variable_is_taken_as_it_is() {
    let folder = tempfile::tempdir().unwrap();
    let value = secrets(folder.path()).read(&variable("SET")).unwrap();
    assert_eq!(value.expose(), b"from the environment\n");
}

#[test]
fn of_a_file_one_line_break_at_the_end_is_removed() {
    let folder = tempfile::tempdir().unwrap();
    let cases: [(&[u8], &[u8]); 5] = [
        (b"s3cret", b"s3cret"),
        (b"s3cret\n", b"s3cret"),
        (b"s3cret\r\n", b"s3cret"),
        (b"s3cret\n\n", b"s3cret\n"),
        (b" two\nlines \n", b" two\nlines "),
    ];
    for (written, read) in cases {
        std::fs::write(folder.path().join("a"), written).unwrap();
        assert_eq!(secrets(folder.path()).read(&file("a")).unwrap().expose(), read);
    }
}

#[test]
fn a_file_is_read_anew_each_time() {
    let folder = tempfile::tempdir().unwrap();
    let secrets = secrets(folder.path());
    for value in ["before", "after rotation"] {
        std::fs::write(folder.path().join("a"), value).unwrap();
        assert_eq!(secrets.read(&file("a")).unwrap().expose(), value.as_bytes());
    }
}

#[test]
fn an_absolute_path_is_not_relative_to_the_folder() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("a");
    std::fs::write(&path, "value").unwrap();
    let elsewhere = tempfile::tempdir().unwrap();
    let value = secrets(elsewhere.path()).read(&file(path.to_str().unwrap())).unwrap();
    assert_eq!(value.expose(), b"value");
}

#[test]
fn what_is_missing_is_said_with_the_way_out() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("empty"), "\n").unwrap();
    let said = |source: &SecretSource| {
        let error = secrets(folder.path()).read(source).unwrap_err().to_string();
        error.replace(folder.path().to_str().unwrap(), "FOLDER")
    };
    insta::assert_snapshot!(said(&variable("MISSING")), @"cannot read the secret from environment variable `MISSING`: it is not set; set `MISSING` where relhost is started");
    insta::assert_snapshot!(said(&variable("EMPTY")), @"cannot read the secret from environment variable `EMPTY`: it is empty; set `EMPTY` to the secret where relhost is started");
    insta::assert_snapshot!(said(&file("missing")), @"cannot read the secret from file `missing`: there is no FOLDER/missing; create it, or correct the path");
    insta::assert_snapshot!(said(&file("empty")), @"cannot read the secret from file `empty`: it is empty; write the secret into FOLDER/empty");
    insta::assert_snapshot!(said(&file(".")), @"cannot read the secret from file `.`: FOLDER/. is not a file; name the file that holds the secret");
}

#[test]
fn a_file_that_is_far_too_large_is_refused_and_not_quoted() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("a"), "canary".repeat(200_000)).unwrap();
    let error = secrets(folder.path()).read(&file("a")).unwrap_err();
    assert!(error.reason.contains("more than 1048576 bytes"), "{error}");
    assert!(!error.to_string().contains("canary"));
    std::fs::write(folder.path().join("a"), vec![b'x'; 1_048_576]).unwrap();
    assert_eq!(secrets(folder.path()).read(&file("a")).unwrap().expose().len(), 1_048_576);
}

#[cfg(unix)]
#[test]
fn a_socket_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let _socket = std::os::unix::net::UnixListener::bind(folder.path().join("a")).unwrap();
    let error = secrets(folder.path()).read(&file("a")).unwrap_err();
    assert!(error.reason.contains("is not a file"), "{error}");
}
