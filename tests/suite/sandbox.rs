//! Plugins that misbehave, in the real binary: a named error in bounded time, while another release of the
//! same process goes on.

use std::time::Duration;

use relhost_tests::program::{Ended, Place};
use relhost_tests::workspace::component;

/// The longest budget is five seconds of CPU; a debug build on a busy machine takes its time around it.
const BOUND: Duration = Duration::from_secs(90);

fn place(guest: &str) -> Place {
    let place = Place::new();
    place.run(&["init", "."]).expect(0);
    let path = component("guests", guest);
    place.write(
        "bad.yaml",
        &format!(
            "pipeline: bad\nartifacts:\n  - alias: shop\n    source: {{ directory: ./build-output }}\nplugins:\n  \
             bad: {{ path: {} }}\nstages:\n  - {{ name: Dev, environment: prod, after: release, uses: bad }}\n",
            path.display()
        ),
    );
    // Nobody is asked for this environment, so that the guest starts at once.
    let config = std::fs::read_to_string(place.path().join("relhost.yaml")).expect("it was written");
    place.write(
        "relhost.yaml",
        &config.replace(", approvals-min: 1", "").replace("listen: 127.0.0.1:0\n", ""),
    );
    place
}

fn ended(place: &Place) -> Ended {
    place.start(&["run", "bad.yaml", "--rehearse"], &[]).end(BOUND)
}

#[test]
#[ignore = "needs components: cargo xtask test"]
fn a_plugin_that_breaks_a_limit_fails_its_stage_with_a_name_for_it() {
    for (guest, named) in [
        ("loops", "budget-exceeded"),
        ("memory-bomb", "budget-exceeded"),
        ("recursion", "nested too deeply"),
        ("call-flood", "budget-exceeded"),
        ("panics", "the reactor is on fire"),
        ("exits", "guest-exit"),
    ] {
        let ended = ended(&place(guest)).expect(3);
        assert!(ended.stderr.contains(named), "{guest}: {}", ended.stderr);
    }
}

#[test]
#[ignore = "needs components: cargo xtask test"]
fn a_flood_of_log_lines_is_cut_and_harms_nobody() {
    let place = place("log-flood");
    let ended = ended(&place);
    assert!(matches!(ended.code, Some(0 | 3)), "{}", ended.stderr);
    assert!(ended.stderr.len() < 8 * 1024 * 1024, "{} bytes of log", ended.stderr.len());
}

#[test]
#[ignore = "needs components: cargo xtask test"]
fn a_plugin_that_asks_for_more_than_the_contract_is_refused_before_it_runs() {
    for (guest, named) in
        [("wants-files", "wasi:filesystem"), ("wants-clock", "wasi:clocks"), ("policy-flips", "policy")]
    {
        let ended = ended(&place(guest)).expect(2);
        assert!(ended.stderr.contains(named), "{guest}: {}", ended.stderr);
    }
}

#[test]
#[ignore = "needs components: cargo xtask test"]
fn another_release_goes_on_while_a_plugin_loops() {
    let place = place("loops");
    let mut serving = place.start(&["serve", "--listen", "127.0.0.1:0"], &[]);
    serving.wait_for("the decide page is at");
    place.run(&["run", "bad.yaml", "--rehearse", "--detach"]).expect(0);
    place
        .run(&["run", "pipeline.yaml", "--rehearse", "--detach", "--var", "image=registry.example/shop"])
        .expect(0);
    // Dev of the good release is another environment than the one that the bad release holds.
    let good = relhost_tests::wait::until("Dev of the good release", BOUND, || {
        let release = place.run(&["release", "get", "shop/Release-1", "-o", "json"]).expect(0).json();
        let state = release["row"]["summary"]["stages"][0]["state"].clone();
        (state == serde_json::json!({ "finished": "succeeded" })).then_some(release)
    });
    assert_eq!(good["row"]["pipeline"], "shop");
    assert_eq!(place.run(&["release", "watch", "bad/Release-1"]).code, Some(3));
}
