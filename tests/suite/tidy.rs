//! The house rules as tests: layers, owners of dependencies, order of modules, sizes, names. Each rule has
//! a fixture that breaks it, so that a rule that finds nothing any more is noticed.

mod check;
mod rules;

use std::path::Path;

use relhost_tests::workspace::root;

use self::rules::RULES;

#[test]
fn the_workspace_keeps_every_rule() {
    let broken: Vec<String> = RULES.iter().flat_map(|rule| (rule.check)(&root())).collect();
    assert!(broken.is_empty(), "{} broken rules:\n{}", broken.len(), broken.join("\n"));
}

#[test]
fn every_rule_notices_a_fixture_that_breaks_it() {
    for rule in RULES {
        let fixture = Path::new(env!("CARGO_MANIFEST_DIR")).join("suite/tidy/fixtures").join(rule.name);
        assert!(fixture.is_dir(), "rule `{}` has no fixture", rule.name);
        assert!(!(rule.check)(&fixture).is_empty(), "rule `{}` does not notice its fixture", rule.name);
    }
}

#[test]
fn a_breach_is_noticed_however_it_is_written() {
    // In a table of all targets and of one; by a path and in a group; in every file that declares modules.
    for (name, breaches) in [("layers", 2), ("owners", 2), ("module-order", 4)] {
        let rule = RULES.iter().find(|rule| rule.name == name).expect("the rule is there");
        let fixture = Path::new(env!("CARGO_MANIFEST_DIR")).join("suite/tidy/fixtures").join(name);
        let broken = (rule.check)(&fixture);
        assert_eq!(broken.len(), breaches, "{broken:#?}");
    }
}

#[test]
fn every_file_of_the_suite_is_listed() {
    let suite = root().join("tests/suite");
    let main = std::fs::read_to_string(suite.join("main.rs")).unwrap();
    for entry in std::fs::read_dir(&suite).unwrap() {
        let path = entry.unwrap().path();
        let stem = path.file_stem().unwrap().to_string_lossy().into_owned();
        if path.extension().is_some_and(|e| e == "rs") && stem != "main" {
            assert!(main.contains(&format!("mod {stem};")), "{stem} is not listed in main.rs");
        }
    }
}
