//! The variable resolver: it ends, its output is bounded, and the order of definitions does not matter.
//!
//! Input: lines `SCOPE NAME=VALUE` (scope `h`, `p`, `s`, `o`), then the text. A text that is JSON is also resolved
//! as settings.

use relhost_model::digest::canonical;
use relhost_model::variable::{RESOLVED_MAX, RESOLVED_TOTAL_MAX, Scope, Variables, check_name, references};
use serde_json::Value;

use crate::input::parts;

pub(crate) fn run(data: &[u8]) {
    let [definitions, text] = parts(data);
    let definitions: Vec<(Scope, &str, &str)> = definitions.lines().filter_map(definition).collect();
    for empty in [Variables::strict(), Variables::legacy()] {
        let variables = define(empty.clone(), definitions.iter().copied());
        text_is_resolved(&variables, &text);
        let result = variables.resolve(&text);
        let scopes = [Scope::Override, Scope::Stage, Scope::Pipeline, Scope::Predefined];
        let sorted = scopes.into_iter().flat_map(|scope| definitions.iter().filter(move |d| d.0 == scope));
        let other = define(empty.clone(), sorted.copied());
        assert_eq!(other.resolve(&text), result, "the order of scopes matters");
        every_variable_is_resolved(&variables);
        if let Ok(settings) = serde_json::from_str(&text) {
            settings_are_resolved(&variables, &settings);
        }
    }
}

fn definition(line: &str) -> Option<(Scope, &str, &str)> {
    let (scope, definition) = line.split_once(' ')?;
    let scope = match scope {
        "h" => Scope::Predefined,
        "p" => Scope::Pipeline,
        "s" => Scope::Stage,
        "o" => Scope::Override,
        _ => return None,
    };
    let (name, value) = definition.split_once('=')?;
    Some((scope, name, value))
}

fn define<'a>(
    variables: Variables,
    definitions: impl Iterator<Item = (Scope, &'a str, &'a str)>,
) -> Variables {
    definitions.fold(variables, |variables, (scope, name, value)| variables.with(scope, [(name, value)]))
}

fn text_is_resolved(variables: &Variables, text: &str) {
    let found: Vec<_> = references(text).collect();
    for reference in &found {
        let whole = &text[reference.start..reference.end];
        assert!(whole.starts_with("$(") && whole.ends_with(')'), "`{whole}` is no reference");
        assert!(!reference.name.is_empty() && !reference.name.contains(['\n', ')']), "`{}`", reference.name);
    }
    let Ok(resolved) = variables.resolve(text) else { return };
    assert!(resolved.len() <= RESOLVED_MAX, "{} bytes", resolved.len());
    if found.is_empty() {
        assert_eq!(resolved, text, "nothing was to be put in");
    }
}

fn every_variable_is_resolved(variables: &Variables) {
    let Ok(values) = variables.resolve_all() else { return };
    let bytes: usize = values.values().map(String::len).sum();
    assert!(bytes <= RESOLVED_TOTAL_MAX, "all variables together have {bytes} bytes");
    for (name, value) in values.iter().filter(|(name, _)| check_name(name).is_ok()) {
        assert_eq!(variables.resolve(&format!("$({name})")).as_ref(), Ok(value), "`{name}` alone");
    }
}

fn settings_are_resolved(variables: &Variables, settings: &Value) {
    let Ok(resolved) = variables.resolve_value(settings) else { return };
    let bytes = canonical(&resolved).len();
    // What is not text stays as it is; a control character has six bytes in JSON.
    assert!(bytes <= canonical(settings).len() + 6 * RESOLVED_TOTAL_MAX, "the settings have {bytes} bytes");
    same_shape(settings, &resolved);
    if let Value::String(text) = settings {
        assert_eq!(variables.resolve(text).map(Value::String), Ok(resolved), "text alone");
    }
}

/// Only texts change.
fn same_shape(before: &Value, after: &Value) {
    match (before, after) {
        (Value::String(_), Value::String(_)) => {}
        (Value::Array(before), Value::Array(after)) => {
            assert_eq!(before.len(), after.len(), "a list changes its length");
            before.iter().zip(after).for_each(|(before, after)| same_shape(before, after));
        }
        (Value::Object(before), Value::Object(after)) => {
            assert!(before.keys().eq(after.keys()), "keys change");
            before.values().zip(after.values()).for_each(|(before, after)| same_shape(before, after));
        }
        (before, after) => assert_eq!(before, after, "what is no text changes"),
    }
}
