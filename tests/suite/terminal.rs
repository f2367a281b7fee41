//! Approvals that are asked at the terminal during a run.

use relhost_tests::program::Place;
use relhost_tests::terminal::AtTerminal;

fn place() -> Place {
    let place = Place::new();
    place.run(&["init", "."]).expect(0);
    place
}

fn run(place: &Place, arguments: &[&str]) -> AtTerminal {
    let mut command = place.command(arguments);
    command.env_remove("NO_COLOR");
    AtTerminal::start(command)
}

const RUN: [&str; 3] = ["run", "pipeline.yaml", "--rehearse"];
const QUESTION: &str = "Decide apr-1 as ann";

fn votes(place: &Place) -> serde_json::Value {
    place.run(&["approval", "get", "apr-1", "-o", "json"]).expect(0).json()["votes"].clone()
}

#[test]
#[ignore = "needs components: cargo xtask test"]
fn what_is_typed_decides_and_nothing_else_does() {
    let place = place();
    let mut terminal = run(&place, &RUN);
    terminal.wait_for(QUESTION);
    // Everything that one must know stands above the question.
    let screen = terminal.screen();
    for fact in ["waits for  ann, bob", "needed     ", "Is Dev healthy", "prod (rehearsal / shop-prod)"] {
        assert!(screen.contains(fact), "{fact}\n{screen}");
    }
    for nothing in ["", "maybe"] {
        terminal.type_line(nothing);
        terminal.wait_for("type `a`, `r` or `l`");
        terminal.wait_for(QUESTION);
    }
    terminal.type_line("a smoke tests are green");
    terminal.wait_for("apr-1 approved by ann");
    let screen = terminal.expect(0);
    assert!(screen.contains("Release-1 (rel-1)"), "{screen}");
    let votes = votes(&place);
    assert_eq!(votes[0]["comment"], "smoke tests are green");
    assert_eq!(votes.as_array().map(Vec::len), Some(1));
}

#[test]
#[ignore = "needs components: cargo xtask test"]
fn a_rejection_ends_the_release_with_its_reason() {
    let place = place();
    let mut terminal = run(&place, &RUN);
    terminal.wait_for(QUESTION);
    terminal.type_line("r the error rate is too high");
    let screen = terminal.expect(5);
    assert!(screen.contains("rejected by ann: the error rate is too high"), "{screen}");
    assert!(screen.contains("relhost release retry rel-1"), "{screen}");
}

#[test]
#[ignore = "needs components: cargo xtask test"]
fn what_is_left_open_is_asked_again_on_resume() {
    let place = place();
    let mut terminal = run(&place, &RUN);
    terminal.wait_for(QUESTION);
    terminal.type_line("l");
    terminal.wait_for("apr-1 stays open");
    terminal.interrupt();
    terminal.wait_for("go on with: relhost resume rel-1");
    terminal.expect(130);
    assert_eq!(votes(&place), serde_json::json!([]));

    let mut terminal = run(&place, &["resume", "rel-1"]);
    terminal.wait_for(QUESTION);
    terminal.type_line("a");
    terminal.expect(0);
}

#[test]
#[ignore = "needs components: cargo xtask test"]
fn a_question_that_somebody_else_answers_is_taken_back() {
    let place = place();
    let mut terminal = run(&place, &RUN);
    terminal.wait_for(QUESTION);
    place.run(&["approval", "approve", "apr-1", "--as", "bob"]).expect(0);
    terminal.wait_for("apr-1 approved by bob");
    let screen = terminal.expect(0);
    assert_eq!(screen.matches(QUESTION).count(), 1, "{screen}");
}

#[test]
#[ignore = "needs components: cargo xtask test"]
fn without_colours_there_are_none() {
    let place = place();
    let mut command = place.command(&RUN);
    command.env("NO_COLOR", "1");
    let mut terminal = AtTerminal::start(command);
    terminal.wait_for(QUESTION);
    terminal.type_line("a");
    let screen = terminal.expect(0);
    assert!(!screen.contains("\x1b[3"), "{screen}");
}
