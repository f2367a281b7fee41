//! `clone: Dev`: a stage that is another one with changes.

use crate::yaml::{Item, Node, Problem, Problems, Value, suggest};

/// What a clone never takes from its source.
const NOT_INHERITED: [&str; 4] = ["name", "environment", "after", "clone"];

/// The stages with every clone merged over its source, in the same order. A clone whose source cannot be
/// used stays as it is written, with a problem.
pub(super) fn merge(stages: &[Item<'_>], problems: &mut Problems) -> Vec<Node> {
    let mut merger = Merger { stages, merged: vec![None; stages.len()], problems };
    (0..stages.len()).map(|index| merger.stage(index, &mut Vec::new())).collect()
}

struct Merger<'a> {
    stages: &'a [Item<'a>],
    merged: Vec<Option<Node>>,
    problems: &'a mut Problems,
}

impl Merger<'_> {
    /// `chain` holds the clones that led here, to find a circle.
    fn stage(&mut self, index: usize, chain: &mut Vec<usize>) -> Node {
        if let Some(node) = &self.merged[index] {
            return node.clone();
        }
        let stages = self.stages;
        let item = &stages[index];
        let own = item.node.clone();
        let source = item.get("clone").and_then(|clone| clone.text()).and_then(|text| {
            let source = self.position(&text.value);
            if source.is_none() {
                let names: Vec<String> = self.names().collect();
                let others = names.iter().map(String::as_str).filter(|other| *other != name(item));
                let help = suggest::nearest_or_all(&text.value, "other stages", others);
                let message = format!("there is no stage `{}` to clone", text.value);
                self.problems.push(text.error("unknown-stage", message).help(help));
            }
            source
        });
        chain.push(index);
        let merged = match source {
            Some(source) if chain.contains(&source) => {
                self.report_circle(&chain[chain.iter().position(|i| *i == source).unwrap_or(0)..]);
                own
            }
            Some(source) => {
                let mut base = self.stage(source, chain);
                NOT_INHERITED.iter().for_each(|key| base.remove(key));
                base.merged(&own)
            }
            None => own,
        };
        chain.pop();
        self.merged[index] = Some(merged.clone());
        merged
    }

    fn names(&self) -> impl Iterator<Item = String> {
        self.stages.iter().map(name)
    }

    fn position(&self, wanted: &str) -> Option<usize> {
        self.names().position(|name| name == wanted && !name.is_empty())
    }

    fn report_circle(&mut self, circle: &[usize]) {
        let mut names: Vec<String> = circle.iter().map(|index| name(&self.stages[*index])).collect();
        names.extend(names.first().cloned());
        let item = &self.stages[circle[0]];
        let place = item.get("clone").map_or(item.node.place, |clone| clone.node.place);
        let message = format!("stages are clones of each other: {}", names.join(" -> "));
        let problem = Problem::error("clone-circle", Some(place), &item.path, message);
        self.problems.push(problem.help("write one of them out in full"));
    }
}

fn name(stage: &Item<'_>) -> String {
    match stage.node.get("name").map(|node| &node.value) {
        Some(Value::Text(name)) => name.clone(),
        _ => String::new(),
    }
}
