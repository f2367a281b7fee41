//! "Did you mean": the nearest of the names that would have been right.

/// So many names fit into a line of help.
const NAMES_SHOWN: usize = 20;

/// The help line for a name that is not known: `did you mean ...`, or nothing if no candidate is near.
#[must_use]
pub fn did_you_mean<'a>(wrong: &str, candidates: impl IntoIterator<Item = &'a str>) -> Option<String> {
    nearest(wrong, candidates).map(|name| format!("did you mean `{name}`?"))
}

/// The help line for a name that is not known: `did you mean ...`, or all that are known if none is near.
#[must_use]
pub fn nearest_or_all<'a>(
    wrong: &str,
    what: &str,
    candidates: impl IntoIterator<Item = &'a str, IntoIter: Clone>,
) -> String {
    let candidates = candidates.into_iter();
    did_you_mean(wrong, candidates.clone()).unwrap_or_else(|| {
        let known: Vec<String> = candidates.take(NAMES_SHOWN).map(|name| format!("`{name}`")).collect();
        match known.as_slice() {
            [] => format!("there are no {what}"),
            known => format!("the {what} are {}", known.join(", ")),
        }
    })
}

/// The candidate that is nearest to a name, without case, if it is near enough to be what was meant: a third
/// of its letters may differ.
#[must_use]
pub fn nearest<'a>(wrong: &str, candidates: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let wrong: Vec<char> = wrong.to_lowercase().chars().collect();
    candidates
        .into_iter()
        .map(|candidate| (distance(&wrong, candidate), candidate))
        .filter(|(distance, candidate)| {
            let longest = wrong.len().max(candidate.chars().count());
            // Of a single letter nothing would be left.
            *distance <= (longest / 3).max(1) && *distance < longest
        })
        // Of two that are equally near the first one wins: candidates come in the order of their weight.
        .min_by_key(|(distance, _)| *distance)
        .map(|(_, candidate)| candidate)
}

/// How many letters must be added, removed, replaced or swapped with their neighbour.
fn distance(wrong: &[char], candidate: &str) -> usize {
    let right: Vec<char> = candidate.to_lowercase().chars().collect();
    // Names this long are never typed; comparing them would cost their product.
    if wrong.len().max(right.len()) > 200 {
        return usize::MAX;
    }
    let mut before: Vec<usize> = Vec::new();
    let mut above: Vec<usize> = (0..=right.len()).collect();
    for (row, w) in wrong.iter().enumerate() {
        let mut current = vec![row + 1];
        for (column, r) in right.iter().enumerate() {
            let replaced = above[column] + usize::from(w != r);
            let mut best = replaced.min(above[column + 1] + 1).min(current[column] + 1);
            if row > 0 && column > 0 && *w == right[column - 1] && wrong[row - 1] == *r {
                best = best.min(before[column - 1] + 1);
            }
            current.push(best);
        }
        before = std::mem::replace(&mut above, current);
    }
    above[right.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn finds_the_nearest_name() {
        let keys = ["environment", "after", "uses", "with"];
        assert_eq!(nearest("enviroment", keys), Some("environment"));
        assert_eq!(nearest("Environmnet", keys), Some("environment"));
        assert_eq!(nearest("wiht", keys), Some("with"));
        assert_eq!(nearest("use", keys), Some("uses"));
        assert_eq!(nearest("colour", keys), None);
        assert_eq!(nearest("", keys), None);
        assert_eq!(nearest("x", []), None);
        assert_eq!(nearest("x", ["y"]), None);
        assert_eq!(nearest("X", ["x"]), Some("x"));
    }

    #[test]
    fn gives_up_on_endless_names() {
        assert_eq!(nearest(&"a".repeat(100_000), ["a"]), None);
    }
}
