//! What an archive or a folder may try, and that it gets nothing: no import, nothing stored, nothing outside.

use proptest::prelude::*;

use super::archive::{Content, gz, tar, zip, zip_saying};
use super::*;

/// Imports something hostile and says why it was refused.
fn refused(place: &Place, source: &Path) -> String {
    refused_within(place, source, &ArtifactLimits::default())
}

fn refused_within(place: &Place, source: &Path, limits: &ArtifactLimits) -> String {
    let error = place.import_within(source, limits).expect_err("it must be refused");
    assert_eq!(place.stored(), Vec::<String>::new(), "nothing is kept");
    let left = std::fs::read_dir(place.copies()).map_or(0, Iterator::count);
    assert_eq!(left, 0, "no unfinished folder stays either");
    let mut text = error.to_string();
    let mut source = std::error::Error::source(&error);
    while let Some(cause) = source {
        text.push_str(&format!(": {cause}"));
        source = cause.source();
    }
    assert!(!text.chars().any(char::is_control), "{text:?} would drive a terminal");
    text
}

/// Tries entries as tar, tar.gz and zip; the answer must name the reason each time.
fn refused_everywhere(contents: &[Content], reason: &str) {
    for (kind, bytes) in [("tar", tar(contents)), ("tgz", gz(&tar(contents))), ("zip", zip(contents))] {
        let place = Place::new();
        let said = refused(&place, &place.file("archive", &bytes));
        assert!(said.contains(reason), "{kind}: {said}");
        assert!(!place.folder.path().join("evil").exists() && !place.copies().join("evil").exists());
    }
}

#[test]
fn names_that_lead_outside_or_confuse_are_refused() {
    let deep = format!("{}x", "a/".repeat(DEPTH_MAX));
    let names = [
        ("../evil", "`..`"),
        ("a/../../evil", "`..`"),
        ("a/..", "`..`"),
        ("./../evil", "`..`"),
        ("/evil", "absolute"),
        ("//evil", "absolute"),
        ("C:/evil", "drive letter"),
        ("c:evil", "drive letter"),
        ("a//b", "empty"),
        ("a/./b", "`.`"),
        ("a\nb", "control character"),
        ("a\u{1b}[2Jb", "control character"),
        (deep.as_str(), "folders deep"),
    ];
    for (name, reason) in names {
        refused_everywhere(&[Content::file(name, "x")], reason);
    }
}

#[test]
fn a_backslash_is_refused() {
    // In a zip file and in a folder; the reader of tar files keeps it too.
    refused_everywhere(&[Content::file("..\\evil", "x")], "backslash");
}

#[test]
fn a_name_that_is_no_text_is_refused() {
    refused_everywhere(&[Content { name: b"a\xff".to_vec(), ..Content::file("", "x") }], "UTF-8");
}

#[test]
fn nul_in_a_name_is_refused_or_ends_it() {
    let place = Place::new();
    let said = refused(&place, &place.file("a.zip", &zip(&[Content::file("a\0b", "x")])));
    assert!(said.contains("control character"), "{said}");
    // In a tar header NUL ends the name by definition; in a long name it is refused.
    let mut long = Content { kind: b'L', ..Content::file("././@LongLink", "a\0b") };
    long.bytes.push(0);
    let said = refused(&place, &place.file("a.tar", &tar(&[long, Content::file("x", "x")])));
    assert!(said.contains("control character"), "{said}");
}

#[test]
fn a_name_too_long_for_any_file_system_is_refused() {
    let place = Place::new();
    let name = "n".repeat(256);
    let said = refused(&place, &place.file("a.zip", &zip(&[Content::file(&name, "x")])));
    assert!(said.contains("255 bytes"), "{said}");
    let name = format!("{}/{}/{}", "a".repeat(200), "b".repeat(200), "c".repeat(200));
    let said = refused(&place, &place.file("b.zip", &zip(&[Content::file(&name, "x")])));
    assert!(said.contains("512 bytes"), "{said}");
}

#[test]
fn two_entries_of_one_name_are_refused() {
    let place = Place::new();
    let twice = [Content::file("a", "harmless"), Content::file("a", "evil")];
    let said = refused(&place, &place.file("a.tar", &tar(&twice)));
    assert!(said.contains("it is there twice"), "{said}");
    let said = refused(&place, &place.file("a.zip", &zip(&twice)));
    assert!(said.contains("duplicate"), "{said}");
    refused_everywhere(&[Content::file("a", "x"), Content::file("./a", "y")], "it is there twice");
}

#[test]
fn names_that_differ_only_in_case_are_refused() {
    refused_everywhere(&[Content::file("Kube/a", "x"), Content::file("kube/b", "y")], "only in case");
    refused_everywhere(&[Content::file("a", "x"), Content::file("A", "y")], "only in case");
    refused_everywhere(&[Content::folder("D/"), Content::file("d", "y")], "only in case");
}

#[test]
fn a_file_that_is_also_a_folder_is_refused() {
    refused_everywhere(&[Content::file("a", "x"), Content::file("a/b", "y")], "both a file and a folder");
    refused_everywhere(&[Content::folder("a/"), Content::file("a", "y")], "both a file and a folder");
}

#[test]
fn links_and_devices_are_refused() {
    let place = Place::new();
    let tars = [
        (b'2', "a symbolic link"),
        (b'1', "a hard link"),
        (b'3', "a device"),
        (b'4', "a device"),
        (b'6', "a pipe"),
        (b'7', "of a kind"),
        (b'S', "read the artifact"),
    ];
    for (kind, reason) in tars {
        let bytes = tar(&[Content::special("evil", kind, 0, "/etc/passwd"), Content::file("evil/x", "x")]);
        let said = refused(&place, &place.file("a.tar", &bytes));
        assert!(said.contains(reason), "{said}");
    }
    let zips = [
        (0o120_777, "a symbolic link"),
        (0o020_644, "a device"),
        (0o060_644, "a device"),
        (0o010_644, "a device, pipe"),
        (0o140_644, "a device, pipe or socket"),
    ];
    for (mode, reason) in zips {
        let bytes = zip(&[Content { bytes: b"/etc".to_vec(), ..Content::special("evil", b'0', mode, "") }]);
        let said = refused(&place, &place.file("a.zip", &bytes));
        assert!(said.contains(reason), "{mode:o}: {said}");
    }
}

#[test]
fn an_encrypted_entry_is_refused() {
    let place = Place::new();
    let bytes = zip(&[Content { encrypted: true, ..Content::file("a", "x") }]);
    refused(&place, &place.file("a.zip", &bytes));
}

#[cfg(unix)]
#[test]
fn symbolic_links_and_pipes_in_a_folder_are_refused() {
    let place = Place::new();
    let root = place.tree("tree", &[("a", "x")]);
    std::os::unix::fs::symlink("/etc", root.join("b")).unwrap();
    assert!(refused(&place, &root).contains("a symbolic link"));
    std::fs::remove_file(root.join("b")).unwrap();
    std::os::unix::fs::symlink("a", root.join("b")).unwrap();
    assert!(refused(&place, &root).contains("a symbolic link"), "one that stays inside as well");
    std::fs::remove_file(root.join("b")).unwrap();
    let _socket = std::os::unix::net::UnixListener::bind(root.join("b")).unwrap();
    assert!(refused(&place, &root).contains("a device, pipe or socket"), "and reading it does not hang");
}

#[cfg(target_os = "linux")]
#[test]
fn a_name_that_is_no_text_in_a_folder_is_refused() {
    use std::os::unix::ffi::OsStrExt as _;
    let place = Place::new();
    let root = place.tree("tree", &[]);
    std::fs::write(root.join(std::ffi::OsStr::from_bytes(b"a\xff")), "x").unwrap();
    refused(&place, &root);
}

#[test]
fn a_bomb_is_refused_before_it_goes_off() {
    let zeros = Content { bytes: vec![0; 3 << 20], deflated: true, ..Content::file("zeros", "") };
    let tarred = gz(&tar(std::slice::from_ref(&zeros)));
    for bytes in [tarred, zip(&[zeros])] {
        let place = Place::new();
        assert!(bytes.len() < 20_000, "it is small: {}", bytes.len());
        let said = refused(&place, &place.file("bomb", &bytes));
        assert!(said.contains("200 times its size"), "{said}");
    }
}

#[test]
fn what_compresses_well_and_is_small_is_no_bomb() {
    let place = Place::new();
    let zeros = Content { bytes: vec![0; 1 << 20], deflated: true, ..Content::file("zeros", "") };
    place.import(&place.file("a.zip", &zip(&[zeros]))).unwrap();
}

#[test]
fn every_size_has_a_limit() {
    let limits = ArtifactLimits { entries: 3, file_bytes: 10, total_bytes: 25, ..Default::default() };
    let ten = |name: &str| Content::file(name, "0123456789");
    let cases: [(Vec<Content>, &str); 3] = [
        (vec![Content::file("a", "0123456789+")], "more than 10 bytes"),
        (vec![ten("a"), ten("b"), ten("c")], "more than 25 bytes together"),
        (vec![Content::folder("d/"), ten("d/a"), ten("d/b"), Content::file("d/c", "")], "more than 3 files"),
    ];
    for (contents, reason) in cases {
        for bytes in [tar(&contents), gz(&tar(&contents)), zip(&contents)] {
            let place = Place::new();
            let said = refused_within(&place, &place.file("archive", &bytes), &limits);
            assert!(said.contains(reason), "{said}");
        }
    }
    let place = Place::new();
    let fits = [ten("a"), ten("b"), Content::file("c", "01234")];
    place.import_within(&place.file("a.tar", &tar(&fits)), &limits).expect("exactly at each limit");
    let place = Place::new();
    let root = place.tree("tree", &[("a", "0123456789"), ("b", "0123456789"), ("c", "0123456789")]);
    assert!(refused_within(&place, &root, &limits).contains("25 bytes together"));
}

#[test]
fn a_header_that_promises_too_much_is_refused_unread() {
    let place = Place::new();
    let bytes = tar(&[Content { claimed: Some(1 << 30), ..Content::file("a", "x") }]);
    assert!(refused(&place, &place.file("a.tar", &bytes)).contains("has more than 67108864 bytes"));
}

#[test]
fn an_archive_that_lies_about_a_size_is_refused() {
    let place = Place::new();
    let cut = tar(&[Content::file("a", &"x".repeat(2000))]);
    let said = refused(&place, &place.file("a.tar", &cut[..1024]));
    assert!(said.contains("does not have the size"), "{said}");
    let lies = Content { claimed: Some(3), deflated: true, ..Content::file("a", "longer than that") };
    refused(&place, &place.file("a.zip", &zip(&[lies])));
}

#[test]
fn a_zip_that_says_it_has_many_entries_is_refused_before_they_are_read() {
    let place = Place::new();
    let bytes = zip_saying(&[Content::file("a", "x")], 60_000);
    assert!(refused(&place, &place.file("a.zip", &bytes)).contains("more than 10000 files"));
}

#[test]
fn entries_that_share_bytes_are_refused() {
    let place = Place::new();
    let mut bytes = zip(&[Content::file("aa", "xxxxxxxxxx"), Content::file("bb", "xxxxxxxxxx")]);
    // The second directory entry now points at the first local header.
    let second = bytes.windows(4).rposition(|window| window == b"PK\x01\x02").unwrap();
    bytes[second + 42..second + 46].copy_from_slice(&0_u32.to_le_bytes());
    refused(&place, &place.file("a.zip", &bytes));
}

#[test]
fn what_is_no_artifact_is_refused() {
    let place = Place::new();
    assert!(refused(&place, &place.source("nowhere")).contains("open the artifact"));
    assert!(refused(&place, &place.file("a.txt", b"text")).contains("neither a folder nor"));
    assert!(refused(&place, &place.file("empty", b"")).contains("neither a folder nor"));
    assert!(refused(&place, &place.tree("tree", &[])).contains("holds no files"));
    assert!(refused(&place, &place.file("a.zip", &zip(&[]))).contains("holds no files"));
    let contents = [Content::file("build.yaml", "comit: x\n")];
    let said = place.import(&place.file("a.tar", &tar(&contents))).unwrap_err();
    let ArtifactError::Build(problems) = said else { panic!("{said}") };
    assert!(problems.to_string().contains("did you mean `commit`?"), "{problems}");
    for bytes in
        [gz(b"no tar file"), b"PK\x03\x04".to_vec(), gz(&tar(&[Content::file("a", "x")]))[..40].to_vec()]
    {
        refused(&place, &place.file("damaged", &bytes));
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    /// Whatever bytes a file holds: an answer, no panic, nothing outside, nothing left behind.
    #[test]
    fn damaged_archives_are_answered(at in 0_usize..4096, byte in any::<u8>(), cut in 0_usize..4096) {
        let contents = [Content::file("kube/a.yaml", "kind: Deployment"), Content { deflated: true, ..Content::file("b", &"b".repeat(700)) }];
        for mut bytes in [tar(&contents), gz(&tar(&contents)), zip(&contents)] {
            let at = at % bytes.len();
            bytes[at] = byte;
            bytes.truncate(bytes.len() - cut % bytes.len() / 8);
            let place = Place::new();
            let source = place.file("archive", &bytes);
            match place.import(&source) {
                Ok(frozen) => prop_assert_eq!(place.stored().len(), frozen.files.len()),
                Err(_) => prop_assert_eq!(place.stored(), Vec::<String>::new()),
            }
            let beside: Vec<_> = std::fs::read_dir(place.folder.path()).unwrap().collect();
            prop_assert!(beside.len() <= 2, "only the archive and the folder of copies");
        }
    }
}
