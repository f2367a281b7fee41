//! `build.yaml`: what the build says of itself. It lies in the artifact and is written last.

#[cfg(test)]
mod tests;

use std::collections::BTreeMap;

use crate::artifact::BuildInfo;
use crate::variable::{check_name, predefined_names};
use crate::yaml::{Item, Object, Problems, Rule, Shape, Use, check, optional, parse};

/// Further values of a build. Each becomes a variable of every deployment.
pub const EXTRA_MAX: usize = 100;
/// Bytes of one value: a long commit message fits.
pub const VALUE_BYTES_MAX: usize = 4 * 1024;

pub(crate) static BUILD: Object = Object {
    what: "a build file",
    keys: &[
        optional("id", "`$(Build.BuildId)`.", Shape::Scalar),
        optional("number", "`$(Build.BuildNumber)`: what people call this build.", Shape::Scalar),
        optional("definition", "`$(Build.DefinitionName)`: the build pipeline.", Shape::Scalar),
        optional(
            "branch",
            "`$(Build.SourceBranch)`: `main` or `refs/heads/main`. Triggers look at it.",
            Shape::Scalar,
        ),
        optional("commit", "`$(Build.SourceVersion)`.", Shape::Scalar),
        optional("repository", "`$(Build.Repository.Name)`.", Shape::Scalar),
        optional(
            "requested-for",
            "`$(Build.RequestedFor)`: on whose behalf it was built. That person cannot approve a release that this build triggers.",
            Shape::Scalar,
        ),
        optional("extra", "Further values, read as `$(Build.<name>)`.", Shape::Map(&Shape::Scalar)),
    ],
    rule: Rule::None,
};

/// Reads `build.yaml`. Numbers and booleans are taken as they are written: a commit may look like a number.
///
/// # Errors
/// Everything that is wrong with it.
pub fn read(text: &str, file: &str) -> Result<BuildInfo, Problems> {
    static FILE: Shape = Shape::Object(&BUILD);
    let (node, mut problems) = parse(text, file);
    let info = node.map(|node| {
        if node.is_null() {
            return BuildInfo::default();
        }
        check(&node, &FILE, Use::Whole, "", &mut problems);
        build(&Item::root(&node), &mut problems)
    });
    problems.finish(info).map(|(info, _)| info)
}

fn build(root: &Item<'_>, problems: &mut Problems) -> BuildInfo {
    let mut value = |key: &str| root.get(key).and_then(|item| value(&item, problems));
    BuildInfo {
        id: value("id"),
        number: value("number"),
        definition: value("definition"),
        branch: value("branch"),
        commit: value("commit"),
        repository: value("repository"),
        requested_for: value("requested-for"),
        extra: root.get("extra").map(|item| extra(&item, problems)).unwrap_or_default(),
    }
}

/// Control characters would reach terminals, mails and the names of releases.
fn value(item: &Item<'_>, problems: &mut Problems) -> Option<String> {
    let text = item.scalar()?;
    if text.value.len() > VALUE_BYTES_MAX {
        let problem = text.error("too-long", format!("the value has more than {VALUE_BYTES_MAX} bytes"));
        problems.push(problem.help("put long texts into a file of the artifact"));
    }
    if let Some(c) = text.value.chars().find(|c| c.is_control()) {
        let problem = text.error("invalid-value", format!("the value holds the control character {c:?}"));
        problems.push(problem.help("write it in one line of plain text"));
    }
    Some(text.value)
}

fn extra(item: &Item<'_>, problems: &mut Problems) -> BTreeMap<String, String> {
    let known = predefined_names([], []);
    let mut extra = BTreeMap::new();
    for (index, (name, item)) in item.entries().into_iter().enumerate() {
        if index == EXTRA_MAX {
            let problem = name.error("too-many", format!("more than {EXTRA_MAX} further values"));
            problems.push(problem.help("put them into a file of the artifact"));
        }
        if let Err(error) = check_name(&name.value) {
            let help = "choose another name; it is read as `$(Build.<name>)`";
            problems.push(name.error("invalid-name", error.to_string()).help(help));
        }
        let full = format!("build.{}", name.value.to_lowercase());
        if known.iter().any(|known| known.to_lowercase() == full) {
            let message = format!("`$(Build.{})` comes from a key of its own", name.value);
            problems.push(name.error("invalid-name", message).help("use that key, or another name"));
        }
        if let Some(value) = value(&item, problems) {
            extra.insert(name.value, value);
        }
    }
    extra
}
