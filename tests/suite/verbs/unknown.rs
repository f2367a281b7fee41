//! Ids and names that nothing has.

use super::*;

#[test]
#[ignore = "needs components: cargo xtask test"]
fn an_unknown_release_is_unknown_to_every_verb() {
    let place = waiting();
    place.write("outcome.json", "{ \"message\": \"x\" }");
    let before = release(&place);
    for verb in [
        &["get"][..],
        &["watch"],
        &["logs"],
        &["journal"],
        &["replay"],
        &["promote"],
        &["redeploy", "--stage", "Dev"],
        &["cancel"],
        &["retry"],
        &["attest", "--ordinal", "0", "--outcome", "outcome.json", "--reason", "x"],
        &["abort"],
    ] {
        for unknown in ["rel-99", "Release-99", "shop/Release-99", "other/Release-1"] {
            let arguments = [&["release", verb[0], unknown], &verb[1..]].concat();
            refused(&place, &arguments, 2, &format!("there is no release `{unknown}`"));
        }
    }
    refused(&place, &["resume", "rel-99"], 2, "there is no release `rel-99`");
    refused(&place, &["approval", "list", "--release", "rel-99"], 2, "there is no release `rel-99`");
    assert_eq!(release(&place), before);
}

#[test]
#[ignore = "needs components: cargo xtask test"]
fn an_unknown_approval_is_unknown_to_every_verb() {
    let place = waiting();
    for verb in
        [&["get"][..], &["approve", "--as", "ann"], &["reject", "--as", "ann"], &["reassign", "--to", "bob"]]
    {
        let arguments = [&["approval", verb[0], "apr-99"], &verb[1..]].concat();
        let ended = refused(&place, &arguments, 2, "there is no approval apr-99");
        assert!(ended.stderr.contains("`relhost approval list`"), "{}", ended.stderr);
        let arguments = [&["approval", verb[0], "99"], &verb[1..]].concat();
        refused(&place, &arguments, 2, "does not look like `apr-7`");
    }
}

#[test]
#[ignore = "needs components: cargo xtask test"]
fn an_unknown_stage_is_unknown_to_every_verb() {
    let place = waiting();
    for verb in ["promote", "redeploy", "retry", "abort"] {
        let ended =
            refused(&place, &["release", verb, "rel-1", "--stage", "Stagging"], 2, "has no stage `Stagging`");
        assert!(ended.stderr.contains("its stages are: Dev, Prod"), "{}", ended.stderr);
    }
}
