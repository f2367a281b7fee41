use serde_json::json;

use super::*;

fn strict(definitions: &[(&str, &str)]) -> Variables {
    Variables::strict().with(Scope::Pipeline, definitions.iter().copied())
}

#[test]
fn references_are_found_where_people_see_them() {
    for (text, expected) in [
        ("$(a)", vec!["a"]),
        ("x$( a b )y$(c)", vec!["a b", "c"]),
        ("$($(a))", vec!["a"]),
        ("$(a", vec![]),
        ("$()", vec![]),
        ("$(\na)", vec![]),
        ("$$(a)$", vec!["a"]),
        ("$(a)$(a)", vec!["a", "a"]),
        ("$(a\n$(b)", vec!["b"]),
    ] {
        let found: Vec<&str> = references(text).map(|reference| reference.name).collect();
        assert_eq!(found, expected, "{text:?}");
        assert!(
            references(text).all(|r| text[r.start..r.end].starts_with("$(") && text[..r.end].ends_with(')'))
        );
    }
}

#[test]
fn the_narrower_scope_wins_in_whatever_order_it_is_added() {
    let scopes = [Scope::Override, Scope::Predefined, Scope::Stage, Scope::Pipeline];
    for last in 0..scopes.len() {
        let mut order = scopes.to_vec();
        order.rotate_left(last);
        let variables = order
            .iter()
            .fold(Variables::strict(), |v, scope| v.with(*scope, [("Name", format!("{scope:?}"))]));
        assert_eq!(variables.resolve("$(nAmE)").unwrap(), "Override", "{order:?}");
    }
}

#[test]
fn an_undefined_name_is_an_error_with_its_place_or_stays() {
    let error = strict(&[("image", "x/$(tga)"), ("tag", "1")]).resolve("ab $(image)").unwrap_err();
    let VariableError::Undefined { name, within, help, .. } = &error else { panic!("{error}") };
    assert_eq!((name.as_str(), within.as_deref()), ("tga", Some("image")));
    assert_eq!(help.as_deref(), Some("did you mean `tag`?"));
    assert_eq!(error.to_string(), "variable `tga` is not defined (variable `image` names it)");
    let VariableError::Undefined { at, .. } = strict(&[]).resolve("ab $(x)").unwrap_err() else { panic!() };
    assert_eq!(at, 3);
    assert_eq!(Variables::legacy().resolve("ab $(x)").unwrap(), "ab $(x)");
    let help = strict(&[]).resolve("$(Build.SourceVersion)").unwrap_err();
    assert_eq!(help.help(), Some("the artifact's build.yaml does not say `commit`; add it there"));
}

#[test]
fn what_comes_from_outside_is_never_gone_through() {
    let variables = strict(&[("mine", "$(Build.SourceBranch)"), ("secret", "s")])
        .with(Scope::Predefined, [("Build.SourceBranch", "$(secret)")]);
    assert_eq!(variables.resolve("$(mine) $(Build.SourceBranch)").unwrap(), "$(secret) $(secret)");
}

#[test]
fn circles_chains_and_floods_end() {
    let circle = strict(&[("a", "$(b)"), ("b", "$(A)"), ("c", "$(a)")]).resolve("$(c)").unwrap_err();
    assert_eq!(circle.to_string(), "variables name each other in a circle: a -> b -> a");

    let chain = |length: usize| {
        let links = (0..length).map(|n| (format!("v{n}"), format!("$(v{})", n + 1)));
        Variables::strict()
            .with(Scope::Pipeline, links)
            .with(Scope::Pipeline, [(format!("v{length}"), "end")])
    };
    assert_eq!(chain(CHAIN_MAX - 1).resolve("$(v0)").unwrap(), "end");
    assert!(matches!(chain(CHAIN_MAX).resolve("$(v0)"), Err(VariableError::Chain { .. })));

    let doubling = (1..30).map(|n| (format!("v{n}"), format!("$(v{0})$(v{0})", n - 1)));
    let flood = Variables::strict().with(Scope::Pipeline, [("v0", "x")]).with(Scope::Pipeline, doubling);
    assert!(matches!(flood.resolve("$(v29)"), Err(VariableError::TooLong { .. })));
    let most = strict(&[("x", &"y".repeat(RESOLVED_MAX))]);
    assert_eq!(most.resolve("$(x)").unwrap().len(), RESOLVED_MAX);
    assert!(matches!(most.resolve("$(x)z"), Err(VariableError::TooLong { .. })));
}

#[test]
fn settings_are_resolved_in_every_text_and_errors_say_where() {
    let variables = strict(&[("a", "1")]);
    let settings = json!({ "$(a)": ["$(a)", 2, null, { "x": "<$(a)>" }] });
    let resolved = json!({ "$(a)": ["1", 2, null, { "x": "<1>" }] });
    assert_eq!(variables.resolve_value(&settings).unwrap(), resolved);
    let error = variables.resolve_value(&json!({ "l": [{ "x": "$(b)" }] })).unwrap_err();
    assert_eq!(error.path(), "l[0].x");
}

#[test]
fn names_of_the_host_cannot_be_taken() {
    for name in ["Build.BuildId", "release.x", "SYSTEM.a", "Agent.", "", "a b", "a/b", &"x".repeat(201)] {
        assert!(check_name(name).is_err(), "{name}");
    }
    for name in ["image", "BuildId", "my.Build.x", "ünï-cöde_1", &"x".repeat(200)] {
        assert_eq!(check_name(name), Ok(()), "{name}");
    }
}

#[test]
fn settings_and_all_variables_together_are_bounded() {
    let long = "x".repeat(RESOLVED_MAX);
    let count = RESOLVED_TOTAL_MAX / RESOLVED_MAX;
    let variables = strict(&[("long", &long)]);
    let settings = |count: usize| json!({ "texts": vec!["$(long)"; count] });
    assert!(variables.resolve_value(&settings(count)).is_ok());
    let error = variables.resolve_value(&settings(count + 1)).unwrap_err();
    assert_eq!(error, VariableError::TooMuch { path: format!("texts[{count}]") });
    let names: Vec<String> = (0..=count).map(|number| format!("v{number:02}")).collect();
    let many: Vec<(&str, &str)> = names.iter().map(|name| (name.as_str(), long.as_str())).collect();
    assert!(strict(&many[1..]).resolve_all().is_ok());
    assert_eq!(strict(&many).resolve_all().unwrap_err().path(), names[count]);
}
