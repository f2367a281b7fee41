//! Outcomes and failures.

use super::*;

fn parse(text: &str) -> Result<u32, Failure> {
    Ok(text.parse::<u32>()?)
}

#[test]
fn an_ordinary_error_becomes_a_failure_that_does_not_go_away() {
    let failure = parse("x").unwrap_err();
    assert_eq!(failure.to_string(), "failed: invalid digit found in string");
    assert!(!failure.is_retryable());
}

#[test]
fn an_error_can_be_explained_and_made_retryable() {
    let failure = "x".parse::<u32>().context("reading `a`").retryable().context("starting").unwrap_err();
    assert_eq!(failure.message(), "starting: reading `a`: invalid digit found in string");
    assert!(failure.is_retryable());
}

#[test]
fn causes_are_part_of_the_message() {
    #[derive(Debug)]
    struct Outer(std::num::ParseIntError);
    impl std::fmt::Display for Outer {
        fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
            f.write_str("outer")
        }
    }
    impl std::error::Error for Outer {
        fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
            Some(&self.0)
        }
    }
    let failure = Failure::from(Outer("x".parse::<u32>().unwrap_err()));
    assert_eq!(failure.message(), "outer: invalid digit found in string");
}

#[test]
fn an_outcome_on_its_way_up_is_not_changed() {
    let outcome = Outcome::rejected("ann: not today");
    let failure = Failure::ended(outcome.clone()).context("deploying").retryable().detail("a", "b");
    assert!(!failure.is_retryable());
    assert_eq!(failure.into_outcome(), Ok(outcome));
    assert_eq!(Failure::new("a", "b").into_outcome(), Err(Failure::new("a", "b")));
}

#[test]
fn an_output_has_one_value() {
    let outcome = Outcome::succeeded("done").output("a", "1").output("b", "2").output("a", "3");
    assert_eq!(outcome.outputs(), [("a".into(), "3".into()), ("b".into(), "2".into())]);
    assert_eq!(outcome.get("c"), None);
}
