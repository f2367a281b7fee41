//! Image references: domain, path, tag and digest, compared by normalised repository.

/// The registry of a reference that names none.
const DEFAULT_DOMAIN: &str = "docker.io";
/// The folder of a reference to that registry that names none.
const DEFAULT_FOLDER: &str = "library";

/// A reference taken apart.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reference<'a> {
    /// Domain and path as they were written, without tag and digest.
    pub repository: &'a str,
    /// Behind the last `:` of the path.
    pub tag: Option<&'a str>,
    /// Behind the `@`.
    pub digest: Option<&'a str>,
}

/// Takes a reference apart. The domain is the first segment if it holds a `.` or a `:`, or is `localhost`;
/// so the `:` of a port is not taken for a tag.
#[must_use]
pub fn parse(reference: &str) -> Reference<'_> {
    let reference = reference.trim();
    let (name, digest) = match reference.split_once('@') {
        Some((name, digest)) => (name, Some(digest)),
        None => (reference, None),
    };
    let path_start = name.rfind('/').map_or(0, |slash| slash + 1);
    let (repository, tag) = match name[path_start..].find(':') {
        Some(colon) => (&name[..path_start + colon], Some(&name[path_start + colon + 1..])),
        None => (name, None),
    };
    Reference { repository, tag, digest }
}

/// A repository in the form that is compared: `nginx` is `docker.io/library/nginx`.
#[must_use]
pub fn normalise(repository: &str) -> String {
    let (domain, path) = match repository.split_once('/') {
        Some((first, rest)) if first.contains(['.', ':']) || first == "localhost" => (first, rest),
        _ => (DEFAULT_DOMAIN, repository),
    };
    // A registry's name is a host name; the path is told apart by case.
    let domain = domain.to_ascii_lowercase();
    let domain = if domain == "index.docker.io" { DEFAULT_DOMAIN } else { &domain };
    if domain == DEFAULT_DOMAIN && !path.contains('/') {
        format!("{domain}/{DEFAULT_FOLDER}/{path}")
    } else {
        format!("{domain}/{path}")
    }
}

/// Whether two references are of one repository.
#[must_use]
pub fn same_repository(a: &str, b: &str) -> bool {
    normalise(parse(a).repository) == normalise(parse(b).repository)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn references_come_apart() {
        let cases = [
            ("nginx", "nginx", None, None),
            ("nginx:1", "nginx", Some("1"), None),
            ("localhost:5000/team/app@sha256:ab", "localhost:5000/team/app", None, Some("sha256:ab")),
            ("host:5000/x:2@sha256:ab", "host:5000/x", Some("2"), Some("sha256:ab")),
            (" example.azurecr.io/app:v1 ", "example.azurecr.io/app", Some("v1"), None),
        ];
        for (text, repository, tag, digest) in cases {
            assert_eq!(parse(text), Reference { repository, tag, digest }, "{text}");
        }
    }

    #[test]
    fn repositories_are_compared_by_what_they_mean() {
        assert!(same_repository("nginx:1", "docker.io/library/nginx@sha256:ab"));
        assert!(same_repository("team/app", "index.docker.io/team/app:2"));
        assert!(same_repository("host:5000/x:1", "host:5000/x"));
        assert!(same_repository("Example.azurecr.io/app", "example.azurecr.io/app:1"));
        assert!(!same_repository("host:5000/x", "host/x"));
        assert!(!same_repository("example.com/nginx", "nginx"));
        assert!(!same_repository("example.com/App", "example.com/app"));
    }

    proptest! {
        #[test]
        fn a_tag_or_digest_never_changes_the_repository(
            name in "[a-z]{1,8}(\\.[a-z]{2})?(:[0-9]{2,4})?/[a-z]{1,8}", tag in "[a-z0-9]{1,8}"
        ) {
            let tagged = format!("{}:{}", name, tag);
            let pinned = format!("{}@sha256:ab", name);
            prop_assert!(same_repository(&name, &tagged));
            prop_assert!(same_repository(&name, &pinned));
        }
    }
}
