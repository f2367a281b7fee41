//! Which tests need a part that cannot be had: what they are ignored for names it.

use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result};

use crate::place::files_below;

/// What stands before the reason of a test that only this task can run.
const IGNORED: &str = "#[ignore = \"";

/// The full names of all tests whose reason holds one of these words, for `--skip` of the test programs.
///
/// # Errors
/// If the tests cannot be read.
pub fn tests_with(root: &Path, words: &[&str]) -> Result<Vec<String>> {
    let mut names = Vec::new();
    for (folder, programs) in folders(root)? {
        let files = files_below(&folder)?.into_iter().map(|file| folder.join(file));
        for file in files.filter(|file| file.extension().is_some_and(|extension| extension == "rs")) {
            let text = std::fs::read_to_string(&file)
                .with_context(|| format!("cannot read the tests in {}", file.display()))?;
            let module = module(file.strip_prefix(&programs).unwrap_or(&file));
            names.extend(functions(&text, words).map(|function| format!("{module}{function}")));
        }
    }
    names.sort();
    Ok(names)
}

/// Where tests with a reason are, each with the folder that holds the program of it.
fn folders(root: &Path) -> Result<Vec<(PathBuf, PathBuf)>> {
    let host = root.join("host");
    let crates = std::fs::read_dir(&host).with_context(|| format!("cannot list {}", host.display()))?;
    let of_crates = crates.filter_map(Result::ok).map(|entry| entry.path().join("tests"));
    let mut folders: Vec<_> =
        of_crates.filter(|tests| tests.is_dir()).map(|tests| (tests.clone(), tests)).collect();
    folders.push((root.join("tests/suite"), root.join("tests")));
    Ok(folders)
}

/// The module of a file as the names of its tests begin: what lies beside a program's `main.rs` is a module of it.
fn module(file: &Path) -> String {
    let file = file.with_extension("");
    let parts = file.iter().skip(1).map(|part| part.to_string_lossy()).filter(|part| part != "main");
    parts.map(|part| format!("{part}::")).collect()
}

/// The names of the functions below the reasons that hold one of the words.
fn functions<'a>(text: &'a str, words: &'a [&str]) -> impl Iterator<Item = &'a str> {
    let reasons = text.split(IGNORED).skip(1).filter_map(|after| after.split_once("\"]"));
    let chosen = reasons.filter(|(reason, _)| words.iter().any(|word| reason.contains(word)));
    chosen.filter_map(|(_, after)| after.split_once("fn ")?.1.split('(').next())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_test_is_named_as_its_program_names_it() {
        for (file, name) in [
            ("suite/cluster/seed.rs", "cluster::seed::"),
            ("suite/mail.rs", "mail::"),
            ("rollout/main.rs", ""),
            ("process.rs", ""),
        ] {
            assert_eq!(module(Path::new(file)), name, "{file}");
        }
    }

    #[test]
    fn only_what_is_ignored_for_the_part_is_found() {
        let text = "#[test]\nfn a() {}\n#[test]\n#[ignore = \"needs components: x\"]\nfn b() {}\n\
            #[tokio::test]\n#[ignore = \"needs a control plane and a mail server: x\"]\nasync fn c() {}\n";
        assert_eq!(functions(text, &["mail server"]).collect::<Vec<_>>(), ["c"]);
        assert_eq!(functions(text, &["valgrind"]).count(), 0);
    }

    #[test]
    fn tests_of_every_part_are_found() {
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap();
        for (word, test) in [
            ("control plane", "cluster::seed::the_seed_pipeline_goes_from_dev_to_prod"),
            ("mail server", "mail::a_mail_is_enough_to_decide_and_decides_once"),
            ("python", "cluster::seed::the_seed_pipeline_goes_from_dev_to_prod"),
        ] {
            let found = tests_with(root, &[word]).unwrap();
            assert!(found.iter().any(|name| name == test), "{word}: {found:?}");
        }
        assert!(!tests_with(root, &["valgrind"]).unwrap().is_empty());
        assert_eq!(tests_with(root, &["a part that nobody needs"]).unwrap(), Vec::<String>::new());
    }
}
