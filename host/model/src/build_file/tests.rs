use super::*;

fn codes(text: &str) -> Vec<&'static str> {
    match read(text, "build.yaml") {
        Ok(_) => Vec::new(),
        Err(problems) => problems.iter().map(|problem| problem.code).collect(),
    }
}

#[test]
fn values_and_their_number_are_bounded() {
    let extra = |count: usize| {
        let entries: Vec<String> = (0..count).map(|n| format!("x{n}: 1")).collect();
        format!("extra: {{ {} }}", entries.join(", "))
    };
    assert_eq!(codes(&extra(EXTRA_MAX)), Vec::<&str>::new());
    assert_eq!(codes(&extra(EXTRA_MAX + 1)), ["too-many"]);
    let number = |bytes: usize| format!("number: {}", "x".repeat(bytes));
    assert_eq!(codes(&number(VALUE_BYTES_MAX)), Vec::<&str>::new());
    assert_eq!(codes(&number(VALUE_BYTES_MAX + 1)), ["too-long"]);
}

#[test]
fn a_commit_that_looks_like_a_number_stays_as_it_is_written() {
    for commit in ["1e10", "0123456", "12e4567", "007", "0x1F", "1_000", "0.10", "1.0"] {
        let info = read(&format!("commit: {commit}"), "build.yaml").unwrap();
        assert_eq!(info.commit.as_deref(), Some(commit));
    }
}
