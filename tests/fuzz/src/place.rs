//! What holds for the problems of any file.

use relhost_model::yaml::Problems;

/// Every problem lies within the file, and what people are shown does not drive their terminal.
pub(crate) fn check(problems: &Problems, text: &str) {
    for problem in problems {
        let Some(place) = problem.place else { continue };
        let end = place.offset + place.len;
        assert!(end <= text.len(), "{problem:?} lies behind the end, at {end} of {}", text.len());
        assert!(
            text.is_char_boundary(place.offset) && text.is_char_boundary(end),
            "{problem:?} cuts a character"
        );
        assert!(place.line >= 1 && place.column >= 1, "{problem:?} counts from 0");
        assert!(place.line <= text.lines().count() + 1, "{problem:?} lies behind the last line");
    }
    let shown = problems.render();
    assert!(shown.chars().all(|c| c == '\n' || !c.is_control()), "{shown:?} drives the terminal");
}

/// The same for what keeps a file from being used: there is a reason, and a place to look at.
pub(crate) fn check_refusal(problems: &Problems, text: &str) {
    assert!(problems.has_errors(), "a refusal without an error");
    for problem in problems {
        assert!(problem.place.is_some() && problem.help.is_some(), "{problem:?} has no place or no help");
    }
    check(problems, text);
}
