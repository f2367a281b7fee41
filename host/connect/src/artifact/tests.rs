//! Taking artifacts in and reading them back. What is refused stands in `attack`.

mod archive;
mod attack;

use std::path::{Path, PathBuf};

use relhost_model::artifact::FrozenArtifact;
use relhost_model::id::Alias;
use tempfile::TempDir;

use self::archive::{Content, gz, tar, zip};
use super::*;

/// A place with a folder for sources and one for the copies.
struct Place {
    folder: TempDir,
}

impl Place {
    fn new() -> Self {
        Self { folder: TempDir::new().unwrap() }
    }

    fn copies(&self) -> PathBuf {
        self.folder.path().join("artifacts")
    }

    fn source(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// A folder with these files.
    fn tree(&self, name: &str, files: &[(&str, &str)]) -> PathBuf {
        let root = self.source(name);
        std::fs::create_dir_all(&root).unwrap();
        for (path, content) in files {
            let path = root.join(path);
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(path, content).unwrap();
        }
        root
    }

    fn file(&self, name: &str, bytes: &[u8]) -> PathBuf {
        let path = self.source(name);
        std::fs::write(&path, bytes).unwrap();
        path
    }

    fn import(&self, source: &Path) -> Result<FrozenArtifact, ArtifactError> {
        self.import_within(source, &ArtifactLimits::default())
    }

    fn import_within(&self, source: &Path, limits: &ArtifactLimits) -> Result<FrozenArtifact, ArtifactError> {
        import(open(source, limits)?, &Alias::new("app").unwrap(), &self.copies())
    }

    /// Everything below the folder of copies, relative to it.
    fn stored(&self) -> Vec<String> {
        let mut found = Vec::new();
        walk(&self.copies(), &self.copies(), &mut found);
        found.sort();
        found
    }
}

fn walk(root: &Path, folder: &Path, found: &mut Vec<String>) {
    let Ok(entries) = std::fs::read_dir(folder) else { return };
    for entry in entries {
        let path = entry.unwrap().path();
        if path.is_dir() {
            walk(root, &path, found);
        } else {
            found.push(path.strip_prefix(root).unwrap().to_str().unwrap().to_owned());
        }
    }
}

const FILES: &[(&str, &str)] = &[
    ("build.yaml", "id: 7\nnumber: \"1.4.2\"\ncommit: 0123abc\n"),
    ("kube/b.yaml", "kind: Service\n"),
    ("kube/a.yml", "kind: Deployment\n"),
    ("kube/deep/c.json", "{}"),
    ("kube/README.md", "no manifest"),
    (".hidden", "counts too"),
];

#[test]
fn a_folder_and_every_archive_of_it_are_the_same_artifact() {
    let place = Place::new();
    let folder = place.import(&place.tree("tree", FILES)).unwrap();
    let contents: Vec<Content> = FILES.iter().map(|(path, text)| Content::file(path, text)).collect();
    let mut dotted = vec![Content::folder("./"), Content::folder("./kube/")];
    dotted.extend(FILES.iter().map(|(path, text)| Content::file(&format!("./{path}"), text)));
    let archives = [
        ("a.tar", tar(&contents)),
        ("a.tgz", gz(&tar(&dotted))),
        ("a.zip", zip(&contents)),
        ("name-says-nothing.txt", gz(&tar(&contents))),
    ];
    for (name, bytes) in archives {
        let frozen = place.import(&place.file(name, &bytes)).unwrap();
        assert_eq!((frozen.digest, &frozen.files), (folder.digest, &folder.files), "{name}");
        assert_eq!(frozen.build, folder.build, "{name}");
    }
    assert_eq!(folder.version(), "1.4.2");
    assert_eq!(folder.build.commit.as_deref(), Some("0123abc"));
    assert_eq!(folder.files.len(), FILES.len());
    let expected: Vec<String> =
        folder.files.iter().map(|file| format!("{}/{}", folder.digest.hex(), file.path)).collect();
    assert_eq!(place.stored(), expected, "one copy, and nothing unfinished");
}

#[test]
fn another_build_file_is_another_artifact() {
    let place = Place::new();
    let one = place.import(&place.tree("one", &[("a.yaml", "x"), ("build.yaml", "commit: a1\n")])).unwrap();
    let two = place.import(&place.tree("two", &[("a.yaml", "x"), ("build.yaml", "commit: b2\n")])).unwrap();
    assert_ne!(one.digest, two.digest);
}

#[test]
fn a_file_is_read_back_and_a_changed_copy_is_noticed() {
    let place = Place::new();
    let source = place.tree("tree", FILES);
    let frozen = place.import(&source).unwrap();
    let read = |path: &str| read_file(&place.copies(), &frozen, path);
    assert_eq!(read("kube/a.yml").unwrap(), b"kind: Deployment\n");

    let copy = place.copies().join(frozen.digest.hex()).join("kube/a.yml");
    std::fs::write(&copy, "kind: Deploymint\n").unwrap();
    let error = read("kube/a.yml").unwrap_err();
    assert!(matches!(error, ArtifactError::Damaged { .. }), "{error}");
    assert_eq!(read("kube/b.yaml").unwrap(), b"kind: Service\n", "the others are still good");

    std::fs::write(&copy, "kind: Deployment\nmore").unwrap();
    assert!(read("kube/a.yml").is_err(), "longer than it was");
    std::fs::remove_file(&copy).unwrap();
    assert!(read("kube/a.yml").is_err(), "gone");

    assert_eq!(place.import(&source).unwrap(), frozen);
    assert_eq!(read("kube/a.yml").unwrap(), b"kind: Deployment\n", "importing again repairs the copy");
    assert!(place.stored().iter().all(|path| path.starts_with(&frozen.digest.hex())), "{:?}", place.stored());
}

#[test]
fn a_frozen_path_is_the_only_way_in() {
    let place = Place::new();
    let frozen = place.import(&place.tree("tree", FILES)).unwrap();
    place.file("artifacts/outside", b"secret");
    for path in ["../outside", "kube/../build.yaml", "/etc/hostname", "kube", ""] {
        let error = read_file(&place.copies(), &frozen, path).unwrap_err();
        assert!(matches!(error, ArtifactError::Unknown { .. }), "{path}: {error}");
    }
}

#[test]
fn an_import_leaves_the_copy_that_is_there_alone() {
    let place = Place::new();
    let source = place.tree("tree", FILES);
    let frozen = place.import(&source).unwrap();
    let copy = place.copies().join(frozen.digest.hex()).join("kube/a.yml");
    let before = std::fs::metadata(&copy).unwrap().modified().unwrap();
    assert_eq!(place.import(&source).unwrap(), frozen);
    assert_eq!(std::fs::metadata(&copy).unwrap().modified().unwrap(), before);
}

#[test]
fn manifests_of_a_folder_come_in_name_order() {
    let place = Place::new();
    let frozen = place.import(&place.tree("tree", FILES)).unwrap();
    let kube = ["kube/a.yml", "kube/b.yaml", "kube/deep/c.json"];
    for path in ["kube", "kube/", "./kube", ".", "./", ""] {
        assert_eq!(manifests(&frozen, path).unwrap(), kube, "{path:?}");
    }
    assert_eq!(manifests(&frozen, "kube/deep").unwrap(), ["kube/deep/c.json"]);
    assert_eq!(manifests(&frozen, "kube/README.md").unwrap(), ["kube/README.md"], "named on purpose");
}

#[test]
fn a_path_that_names_nothing_says_what_was_meant() {
    let place = Place::new();
    let frozen = place.import(&place.tree("tree", FILES)).unwrap();
    let said = |path: &str| manifests(&frozen, path).unwrap_err().to_string();
    insta::assert_snapshot!(said("kube/bb.yaml"), @r#"find "kube/bb.yaml" in artifact `app`: nothing in it has this path; did you mean `kube/b.yaml`?"#);
    insta::assert_snapshot!(said("kub"), @r#"find "kub" in artifact `app`: nothing in it has this path; did you mean `kube`?"#);
    insta::assert_snapshot!(said("kub\u{1b}"), @r#"find "kub\u{1b}" in artifact `app`: nothing in it has this path; did you mean `kube`?"#);
    insta::assert_snapshot!(said("elsewhere"), @r#"find "elsewhere" in artifact `app`: nothing in it has this path"#);
    let docs = place.import(&place.tree("docs", &[("docs/a.md", "x")])).unwrap();
    insta::assert_snapshot!(manifests(&docs, "docs").unwrap_err().to_string(), @r#"find "docs" in artifact `app`: the folder holds no .yml, .yaml or .json files"#);
}

#[test]
fn sweep_removes_what_a_crash_left_and_nothing_else() {
    let place = Place::new();
    sweep(&place.copies()).expect("a folder that is not there needs no sweeping");
    let frozen = place.import(&place.tree("tree", FILES)).unwrap();
    place.tree("artifacts/.import-1-0/half", &[("a", "b")]);
    sweep(&place.copies()).unwrap();
    assert_eq!(place.stored().len(), frozen.files.len());
}

#[test]
fn the_numbers_of_a_crashed_process_are_no_obstacle() {
    let place = Place::new();
    let pid = std::process::id();
    for number in 0..200 {
        place.tree(&format!("artifacts/.import-{pid}-{number}"), &[("stale", "x")]);
    }
    let frozen = place.import(&place.tree("tree", FILES)).unwrap();
    assert!(frozen.files.iter().all(|file| file.path != "stale"));
}

#[test]
fn a_fingerprint_exists_once_the_build_file_does_and_follows_every_change() {
    let place = Place::new();
    let root = place.tree("tree", &[("kube/a.yaml", "one"), ("b", "")]);
    assert_eq!(fingerprint(&root), None, "the build is not complete");
    std::fs::write(root.join("build.yaml"), "id: 1\n").unwrap();
    let first = fingerprint(&root).expect("complete");
    assert_eq!(fingerprint(&root), Some(first), "nothing changed");

    let mut seen = vec![first];
    let mut changed = |what: &str| {
        let now = fingerprint(&root).unwrap();
        assert!(!seen.contains(&now), "{what}");
        seen.push(now);
    };
    std::fs::write(root.join("kube/a.yaml"), "longer").unwrap();
    changed("a size");
    let later =
        std::fs::metadata(root.join("b")).unwrap().modified().unwrap() + std::time::Duration::from_secs(1);
    std::fs::File::options().append(true).open(root.join("b")).unwrap().set_modified(later).unwrap();
    changed("a time");
    std::fs::write(root.join("kube/new"), "").unwrap();
    changed("a new file");
    std::fs::rename(root.join("kube/new"), root.join("kube/named")).unwrap();
    changed("a name");
    std::fs::create_dir(root.join("folder")).unwrap();
    changed("a folder");
    assert_eq!(fingerprint(&place.source("nowhere")), None);
}

#[cfg(unix)]
#[test]
fn a_fingerprint_does_not_walk_in_circles() {
    let place = Place::new();
    let root = place.tree("tree", &[("build.yaml", "id: 1\n")]);
    std::os::unix::fs::symlink(&root, root.join("again")).unwrap();
    assert!(fingerprint(&root).is_some());
}

#[test]
fn limits_follow_the_configuration() {
    let config = relhost_model::config::Limits { artifact_mib: Some(1), ..Default::default() };
    assert_eq!(ArtifactLimits::from_config(&config).total_bytes, 1024 * 1024);
    assert_eq!(ArtifactLimits::from_config(&Default::default()), ArtifactLimits::default());
}
