//! `relhost serve` watches the artifact folders of its pipelines: a new build makes a new release, once.

use std::time::Duration;

use relhost_tests::program::{Place, Running};
use relhost_tests::wait::until;
use serde_json::Value;

/// Two looks at a folder and a rehearsed stage, on a busy machine.
const BOUND: Duration = Duration::from_secs(90);

/// A shop whose server is told in its configuration which pipeline to watch. Its folder holds nothing yet.
fn shop() -> Place {
    let place = Place::new();
    place.run(&["init", "."]).expect(0);
    let config = std::fs::read_to_string(place.path().join("relhost.yaml")).expect("it was written");
    place.write("relhost.yaml", &format!("{config}\npipelines: [pipeline.yaml]\n"));
    std::fs::rename(place.path().join("build-output"), place.path().join("template")).expect("move it away");
    place
}

fn serve(place: &Place) -> Running {
    let mut serving = place.start(&["serve", "--rehearse", "-v"], &[]);
    serving.wait_for("watching");
    serving
}

/// What a build does: everything else first, `build.yaml` last.
fn build(place: &Place, commit: &str, more: &str) {
    write_files(place);
    place.write(
        "build-output/build.yaml",
        &format!("id: {commit}\nnumber: 1.0.{commit}\ncommit: c{commit}\n{more}"),
    );
}

fn write_files(place: &Place) {
    let manifest = std::fs::read_to_string(place.path().join("template/manifests/web.yaml"));
    place.write("build-output/manifests/web.yaml", &manifest.expect("init wrote it"));
}

/// A second pipeline, whose folder `other` holds nothing yet.
fn other_pipeline(place: &Place) {
    let pipeline = std::fs::read_to_string(place.path().join("pipeline.yaml")).expect("init wrote it");
    place.write("other.yaml", &pipeline);
    place.edit("other.yaml", "pipeline: shop", "pipeline: other");
    place.edit("other.yaml", "./build-output", "./other");
    place.edit("relhost.yaml", "[pipeline.yaml]", "[pipeline.yaml, other.yaml]");
}

/// Lets the second pipeline make the release of this number: the server has looked at every folder twice by then.
fn other_release(place: &Place, id: u64) {
    let manifest = std::fs::read_to_string(place.path().join("template/manifests/web.yaml"));
    place.write("other/manifests/web.yaml", &manifest.expect("init wrote it"));
    place.write("other/build.yaml", "id: 1\ncommit: c1\nbranch: main\n");
    let release = deployed(place, id);
    assert_eq!(release["row"]["pipeline"], "other");
}

/// Waits until the server has said something so many times.
fn said(serving: &Running, text: &str, times: usize) {
    until(text, BOUND, || (serving.said().matches(text).count() >= times).then_some(()));
}

fn releases(place: &Place) -> Vec<Value> {
    let list = place.run(&["release", "list", "-o", "json"]).expect(0).json();
    list.as_array().cloned().expect("a list")
}

/// Waits until the Dev stage of a release has been deployed.
fn deployed(place: &Place, id: u64) -> Value {
    let get = ["release", "get", &format!("rel-{id}"), "-o", "json"];
    let succeeded = serde_json::json!({ "finished": "succeeded" });
    let release = until("the first stage of the release", BOUND, || {
        let release: Value = serde_json::from_str(&place.run(&get).stdout).ok()?;
        (release["row"]["summary"]["stages"][0]["state"] == succeeded).then_some(release)
    });
    assert_eq!(release["row"]["mode"], "rehearsal");
    release
}

/// Waits until a release asks people, and decides for them.
fn approve(place: &Place, id: &str, person: &str) {
    let get = ["approval", "get", id];
    until("the approval", BOUND, || (place.run(&get).code == Some(0)).then_some(()));
    place.run(&["approval", "approve", id, "--as", person]).expect(0);
}

fn ends(serving: Running) -> String {
    serving.interrupt();
    serving.end(BOUND).expect(0).stderr
}

#[test]
#[ignore = "needs components: cargo xtask test"]
fn a_new_build_makes_a_release_and_the_same_files_make_none() {
    let place = shop();
    let serving = serve(&place);
    build(&place, "1", "branch: main\n");
    let first = deployed(&place, 1);
    assert_eq!(first["snapshot"]["requester"], serde_json::json!({ "service": "trigger" }));
    assert_eq!(first["snapshot"]["reason"], "continuous-integration");
    assert_eq!(first["row"]["version"], "1.0.1");

    // The same bytes written again are no new build; the next one is.
    build(&place, "1", "branch: main\n");
    said(&serving, "this build was released before", 1);
    build(&place, "2", "branch: refs/heads/main\n");
    deployed(&place, 2);
    // What was there before comes back: it was released already.
    build(&place, "1", "branch: main\n");
    said(&serving, "this build was released before", 2);
    build(&place, "3", "branch: main\n");
    deployed(&place, 3);
    assert_eq!(releases(&place).len(), 3);
    ends(serving);
}

#[test]
#[ignore = "needs components: cargo xtask test"]
fn a_branch_that_the_filter_leaves_out_makes_no_release_and_is_said() {
    let place = shop();
    other_pipeline(&place);
    let mut serving = serve(&place);
    build(&place, "1", "branch: features/x\n");
    serving.wait_for("features/x");
    assert!(serving.said().contains("the trigger does not want this branch"), "{}", serving.said());
    other_release(&place, 1);
    // No branch at all is none of those wanted.
    build(&place, "2", "");
    said(&serving, "the trigger does not want this branch", 2);
    build(&place, "3", "branch: main\n");
    let release = deployed(&place, 2);
    assert_eq!(release["row"]["version"], "1.0.3");
    assert_eq!(releases(&place).len(), 2);
    let said = ends(serving);
    assert_eq!(said.matches("features/x").count(), 1, "said more than once:\n{said}");
}

#[test]
#[ignore = "needs components: cargo xtask test"]
fn a_folder_that_is_only_half_written_makes_no_release() {
    let place = shop();
    other_pipeline(&place);
    let serving = serve(&place);
    write_files(&place);
    other_release(&place, 1);
    assert_eq!(releases(&place).len(), 1);
    build(&place, "1", "branch: main\n");
    let release = deployed(&place, 2);
    assert_eq!(release["row"]["pipeline"], "shop");
    ends(serving);
}

/// Two pipelines may release the same build.
#[test]
#[ignore = "needs components: cargo xtask test"]
fn one_folder_may_be_watched_for_two_pipelines() {
    let place = shop();
    other_pipeline(&place);
    place.edit("other.yaml", "./other", "./build-output");
    let serving = serve(&place);
    build(&place, "1", "branch: main\n");
    let mut pipelines = until("two releases", BOUND, || {
        let releases = releases(&place);
        let names = releases.iter().filter_map(|row| row["pipeline"].as_str().map(str::to_owned));
        (releases.len() == 2).then(|| names.collect::<Vec<_>>())
    });
    pipelines.sort();
    assert_eq!(pipelines, ["other", "shop"]);
    ends(serving);
}

#[test]
#[ignore = "needs components: cargo xtask test"]
fn the_requester_is_who_the_build_was_made_for() {
    let place = shop();
    let serving = serve(&place);
    build(&place, "1", "branch: main\nrequested-for: Ann@Example.com\n");
    let release = deployed(&place, 1);
    assert_eq!(release["snapshot"]["requester"], serde_json::json!({ "person": "ann" }));
    until("the approval", BOUND, || (place.run(&["approval", "get", "apr-1"]).code == Some(0)).then_some(()));
    let refused = place.run(&["approval", "approve", "apr-1", "--as", "ann"]).expect(8);
    assert!(refused.stderr.contains("ann requested this deployment"), "{}", refused.stderr);
    build(&place, "2", "branch: main\nrequested-for: bob\n");
    let release = deployed(&place, 2);
    assert_eq!(release["snapshot"]["requester"], serde_json::json!({ "person": "bob" }));
    // Somebody whom the configuration does not know can approve nothing anyway.
    build(&place, "3", "branch: main\nrequested-for: stranger@example.com\n");
    let release = deployed(&place, 3);
    assert_eq!(release["snapshot"]["requester"], serde_json::json!({ "service": "trigger" }));
    ends(serving);
}

#[test]
#[ignore = "needs components: cargo xtask test"]
fn a_wrong_build_is_said_once_and_a_right_one_is_released() {
    let place = shop();
    other_pipeline(&place);
    let mut serving = serve(&place);
    build(&place, "1", "branch: main\ncolour: blue\n");
    serving.wait_for("unknown key `colour`");
    other_release(&place, 1);
    build(&place, "2", "branch: main\n");
    deployed(&place, 2);
    let said = ends(serving);
    assert_eq!(said.matches("unknown key `colour`").count(), 1, "{said}");
}

#[test]
#[ignore = "needs components: cargo xtask test"]
fn the_server_ends_when_it_is_asked_to_and_goes_on_where_it_was() {
    let place = shop();
    let serving = serve(&place);
    build(&place, "1", "branch: main\n");
    deployed(&place, 1);
    // Other commands talk to it; a second owner is refused.
    assert_eq!(releases(&place).len(), 1);
    let second = place.run(&["serve", "--rehearse"]).expect(7);
    assert!(second.stderr.contains("open the state folder: process"), "{}", second.stderr);

    let mut serving = serving;
    for signal in [Running::interrupt as fn(&Running), Running::terminate, Running::interrupt] {
        signal(&serving);
        let ended = serving.end(BOUND).expect(0);
        assert!(ended.stderr.contains("goes on at the next start"), "{}", ended.stderr);
        // The folder still holds the build that was released.
        serving = serve(&place);
        serving.wait_for("was released before");
        assert_eq!(releases(&place).len(), 1);
    }
    approve(&place, "apr-1", "ann");
    place.run(&["release", "watch", "rel-1"]).expect(0);
    build(&place, "2", "branch: main\n");
    deployed(&place, 2);
    ends(serving);
}
