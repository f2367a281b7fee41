//! What is asked: media types and query strings.

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};

/// The one field manager of every release: a name per release would keep fields for ever.
pub const MANAGER: &str = "relhost";

pub(super) const APPLY: &str = "application/apply-patch+yaml";
pub(super) const JSON_PATCH: &str = "application/json-patch+json";
pub(super) const JSON: &str = "application/json";

/// Everything but letters, digits and what stands for itself everywhere in a URL.
const RESERVED: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');

/// The most that is read of a log: a few lines may be gigabytes.
const LOG_BYTES: usize = 1024 * 1024;

/// How an object is applied.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Apply {
    /// Take fields from other managers.
    pub force: bool,
    /// Only ask what would happen.
    pub dry_run: bool,
}

impl Apply {
    /// Unknown fields are refused, as kubectl does: a field that is spelled wrong would be lost silently.
    pub(super) fn path(self, object: &str) -> String {
        let dry_run = if self.dry_run { "&dryRun=All" } else { "" };
        format!("{object}?fieldManager={MANAGER}&force={}&fieldValidation=Strict{dry_run}", self.force)
    }
}

/// Which objects are listed; an empty selector does not restrict.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct List<'a> {
    /// A label selector.
    pub labels: &'a str,
    /// A field selector.
    pub fields: &'a str,
}

impl List<'_> {
    pub(super) fn path(&self, kind: &str, page: usize, from: &str) -> String {
        let page = page.to_string();
        let pairs = [
            ("limit", page.as_str()),
            ("labelSelector", self.labels),
            ("fieldSelector", self.fields),
            ("continue", from),
        ];
        query(kind, &pairs)
    }
}

/// Which part of a log is read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Log<'a> {
    /// The container.
    pub container: &'a str,
    /// Of the container before the last restart.
    pub previous: bool,
    /// How many of the last lines.
    pub lines: u32,
}

impl Log<'_> {
    pub(super) fn path(&self, log: &str) -> String {
        let lines = self.lines.to_string();
        let previous = if self.previous { "true" } else { "" };
        let bytes = LOG_BYTES.to_string();
        let pairs = [
            ("container", self.container),
            ("tailLines", &*lines),
            ("previous", previous),
            ("limitBytes", &bytes),
        ];
        query(log, &pairs)
    }
}

fn query(path: &str, pairs: &[(&str, &str)]) -> String {
    let mut text = path.to_owned();
    let mut separator = '?';
    for (name, value) in pairs.iter().filter(|(_, value)| !value.is_empty()) {
        text.push(separator);
        text.push_str(name);
        text.push('=');
        text.push_str(&escaped(value));
        separator = '&';
    }
    text
}

/// A text as one segment of a path or one value of a query.
pub(super) fn escaped(text: &str) -> String {
    utf8_percent_encode(text, RESERVED).to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn selectors_are_escaped_and_empty_ones_left_out() {
        let list = List { labels: "app in (a,b)", fields: "" };
        assert_eq!(
            list.path("/api/v1/pods", 500, ""),
            "/api/v1/pods?limit=500&labelSelector=app%20in%20%28a%2Cb%29"
        );
        assert_eq!(List::default().path("/p", 1, "x=="), "/p?limit=1&continue=x%3D%3D");
    }

    #[test]
    fn an_apply_is_strict_and_names_its_manager() {
        let dry = Apply { dry_run: true, ..Apply::default() };
        assert_eq!(dry.path("/o"), "/o?fieldManager=relhost&force=false&fieldValidation=Strict&dryRun=All");
    }
}
