//! The parsed form: what stands in the file, with places. Nothing is looked up yet, so it cannot run.

use super::{clone, table};
use crate::yaml::{Item, Node, Place, Problem, Problems, Shape, Text, Use, Value, check};

/// A pipeline file. What is missing or of the wrong kind has been reported and is left out.
#[derive(Debug)]
pub(super) struct ParsedPipeline {
    pub(super) name: Option<Text>,
    pub(super) release_name: Option<Text>,
    pub(super) artifacts: Vec<ParsedArtifact>,
    pub(super) variables: Vec<(Text, Text)>,
    pub(super) legacy_variables: bool,
    pub(super) plugins: Vec<(Text, ParsedPlugin)>,
    pub(super) stages: Vec<ParsedStage>,
    pub(super) place: Place,
}

#[derive(Debug)]
pub(super) struct ParsedArtifact {
    pub(super) alias: Option<Text>,
    pub(super) directory: Option<Text>,
    pub(super) file: Option<Text>,
    pub(super) trigger: Option<ParsedTrigger>,
}

#[derive(Debug)]
pub(super) struct ParsedTrigger {
    pub(super) branches: Vec<Text>,
    pub(super) place: Place,
    pub(super) path: String,
}

#[derive(Debug)]
pub(crate) struct ParsedPlugin {
    pub(crate) bundled: Option<Text>,
    pub(crate) path: Option<Text>,
}

#[derive(Debug)]
pub(super) struct ParsedStage {
    pub(super) name: Option<Text>,
    pub(super) environment: Option<Text>,
    pub(super) after: Option<ParsedAfter>,
    pub(super) clone: Option<Text>,
    pub(super) uses: Option<Text>,
    pub(super) with: Option<Node>,
    pub(super) variables: Vec<(Text, Text)>,
    pub(super) before: Option<ParsedApproval>,
    pub(super) after_approval: Option<ParsedApproval>,
    pub(super) place: Place,
    pub(super) path: String,
}

#[derive(Debug)]
pub(super) enum ParsedAfter {
    Word(Text),
    Stages {
        place: Place,
        path: String,
        /// Name, and whether partially succeeded is enough.
        stages: Vec<(Text, bool)>,
    },
    /// Something else, which the table has reported.
    Wrong,
}

#[derive(Debug)]
pub(super) struct ParsedApproval {
    pub(super) policies: Vec<ParsedPolicy>,
    pub(super) approvers: Vec<Text>,
    pub(super) timeout: Option<Text>,
    pub(super) instructions: Option<Text>,
}

#[derive(Debug)]
pub(crate) struct ParsedPolicy {
    pub(crate) plugin: Text,
    pub(crate) with: Option<Node>,
    pub(crate) path: String,
}

/// Merges clones, checks the shape, and takes the parts out. `None` if it is not even a map.
pub(super) fn parse(mut node: Node, problems: &mut Problems) -> Option<ParsedPipeline> {
    static FILE: Shape = Shape::Object(&table::PIPELINE);
    if node.is_null() {
        let help = "a pipeline starts with `pipeline:` and its name";
        problems.push(Problem::error("empty", Some(node.place), "", "the file is empty").help(help));
        return None;
    }
    merge_clones(&mut node, problems);
    check(&node, &FILE, Use::Whole, "", problems);
    let root = Item::root(&node);
    Some(ParsedPipeline {
        name: text(&root, "pipeline"),
        release_name: text(&root, "release-name"),
        artifacts: items(&root, "artifacts").iter().map(artifact).collect(),
        variables: variables(&root),
        legacy_variables: root.get("legacy-variables").and_then(|item| item.boolean()).unwrap_or(false),
        plugins: root.get("plugins").map(|item| plugins(&item)).unwrap_or_default(),
        stages: items(&root, "stages").iter().map(stage).collect(),
        place: node.place,
    })
}

/// A clone is first checked by itself, as the patch it is: merging would hide a key that removes nothing.
fn merge_clones(node: &mut Node, problems: &mut Problems) {
    static STAGE: Shape = Shape::Object(&table::STAGE);
    let root = Item::root(node);
    let stages = items(&root, "stages");
    for stage in stages.iter().filter(|stage| stage.get("clone").is_some()) {
        check(stage.node, &STAGE, Use::Patch, &stage.path, problems);
    }
    let merged = clone::merge(&stages, problems);
    if !merged.is_empty() {
        node.replace("stages", merged);
    }
}

fn text(item: &Item<'_>, key: &str) -> Option<Text> {
    item.get(key).and_then(|item| item.text())
}

fn items<'a>(item: &Item<'a>, key: &str) -> Vec<Item<'a>> {
    item.get(key).map(|item| item.list()).unwrap_or_default()
}

fn texts(item: &Item<'_>, key: &str) -> Vec<Text> {
    items(item, key).iter().filter_map(Item::text).collect()
}

fn variables(item: &Item<'_>) -> Vec<(Text, Text)> {
    let entries = item.get("variables").map(|item| item.entries()).unwrap_or_default();
    entries.into_iter().filter_map(|(name, value)| Some((name, value.scalar()?))).collect()
}

/// The entries of a `plugins:` map.
pub(crate) fn plugins(item: &Item<'_>) -> Vec<(Text, ParsedPlugin)> {
    let parsed = |item: Item<'_>| ParsedPlugin { bundled: text(&item, "bundled"), path: text(&item, "path") };
    item.entries().into_iter().map(|(name, item)| (name, parsed(item))).collect()
}

fn artifact(item: &Item<'_>) -> ParsedArtifact {
    let source = item.get("source");
    ParsedArtifact {
        alias: text(item, "alias"),
        directory: source.as_ref().and_then(|source| text(source, "directory")),
        file: source.as_ref().and_then(|source| text(source, "file")),
        trigger: item.get("trigger").map(|trigger| ParsedTrigger {
            branches: texts(&trigger, "branches"),
            place: trigger.node.place,
            path: trigger.path,
        }),
    }
}

fn stage(item: &Item<'_>) -> ParsedStage {
    let approval = item.get("approval");
    let part = |key: &str| approval.as_ref().and_then(|item| item.get(key)).map(|item| self::approval(&item));
    ParsedStage {
        name: text(item, "name"),
        environment: text(item, "environment"),
        after: item.get("after").map(|item| after(&item)),
        clone: text(item, "clone"),
        uses: text(item, "uses"),
        with: item.get("with").map(|item| item.node.clone()),
        variables: variables(item),
        before: part("before"),
        after_approval: part("after"),
        place: item.node.place,
        path: item.path.clone(),
    }
}

fn after(item: &Item<'_>) -> ParsedAfter {
    if let Some(word) = item.text() {
        return ParsedAfter::Word(word);
    }
    if !matches!(item.node.value, Value::List(_)) {
        return ParsedAfter::Wrong;
    }
    let stages = item.list().iter().filter_map(predecessor).collect();
    ParsedAfter::Stages { place: item.node.place, path: item.path.clone(), stages }
}

fn predecessor(item: &Item<'_>) -> Option<(Text, bool)> {
    if let Some(name) = item.text() {
        return Some((name, false));
    }
    let partial = item.get("partial").and_then(|item| item.boolean()).unwrap_or(false);
    Some((text(item, "stage")?, partial))
}

fn approval(item: &Item<'_>) -> ParsedApproval {
    ParsedApproval {
        policies: item.get("policy").map(|item| policies(&item)).unwrap_or_default(),
        approvers: texts(item, "approvers"),
        timeout: text(item, "timeout"),
        instructions: text(item, "instructions"),
    }
}

/// One policy or a list of them.
pub(crate) fn policies(item: &Item<'_>) -> Vec<ParsedPolicy> {
    item.one_or_more().iter().filter_map(policy).collect()
}

fn policy(item: &Item<'_>) -> Option<ParsedPolicy> {
    if let Some(plugin) = item.text() {
        return Some(ParsedPolicy { plugin, with: None, path: item.path.clone() });
    }
    let with = item.get("with");
    Some(ParsedPolicy {
        plugin: text(item, "use")?,
        path: with.as_ref().map_or_else(|| item.path.clone(), |with| with.path.clone()),
        with: with.map(|with| with.node.clone()),
    })
}
