//! A kind as a cluster serves it.

use k8s_openapi::apimachinery::pkg::apis::meta::v1::APIResource;
use kube::core::ApiResource;

use super::request;

/// A kind with the resource it is reached by.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Kind {
    /// The group; empty for the core group.
    pub group: String,
    /// For example `v1`.
    pub version: String,
    /// For example `Deployment`.
    pub kind: String,
    /// The name in paths and roles: `deployments`.
    pub plural: String,
    /// Whether its objects lie in a namespace.
    pub namespaced: bool,
}

impl Kind {
    /// From what discovery says; `None` for a subresource.
    pub(super) fn served(api_version: &str, resource: &APIResource) -> Option<Self> {
        if resource.name.contains('/') {
            return None;
        }
        let (group, version) = split(api_version);
        Some(Self {
            group: group.to_owned(),
            version: version.to_owned(),
            kind: resource.kind.clone(),
            plural: resource.name.clone(),
            namespaced: resource.namespaced,
        })
    }

    /// A kind that every cluster serves.
    #[must_use]
    pub fn builtin(api_version: &str, kind: &str, plural: &str) -> Self {
        let (group, version) = split(api_version);
        Self {
            group: group.to_owned(),
            version: version.to_owned(),
            kind: kind.to_owned(),
            plural: plural.to_owned(),
            namespaced: true,
        }
    }

    /// Namespaces.
    #[must_use]
    pub fn namespaces() -> Self {
        Self { namespaced: false, ..Self::builtin("v1", "Namespace", "namespaces") }
    }

    /// For example `apps/v1`.
    #[must_use]
    pub fn api_version(&self) -> String {
        match self.group.as_str() {
            "" => self.version.clone(),
            group => format!("{group}/{}", self.version),
        }
    }

    /// As kube names it, for watches.
    #[must_use]
    pub fn resource(&self) -> ApiResource {
        ApiResource {
            group: self.group.clone(),
            version: self.version.clone(),
            api_version: self.api_version(),
            kind: self.kind.clone(),
            plural: self.plural.clone(),
        }
    }

    /// Where its objects are.
    pub(super) fn path(&self, namespace: &str, name: Option<&str>) -> String {
        let root = if self.group.is_empty() { "/api" } else { "/apis" };
        let mut path = format!("{root}/{}", self.api_version());
        if self.namespaced {
            path.push_str("/namespaces/");
            path.push_str(namespace);
        }
        path.push('/');
        path.push_str(&self.plural);
        if let Some(name) = name {
            path.push('/');
            path.push_str(&request::escaped(name));
        }
        path
    }
}

fn split(api_version: &str) -> (&str, &str) {
    api_version.split_once('/').unwrap_or(("", api_version))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_follow_group_and_scope() {
        let deployments = Kind::builtin("apps/v1", "Deployment", "deployments");
        assert_eq!(deployments.path("dev", Some("web")), "/apis/apps/v1/namespaces/dev/deployments/web");
        let pods = Kind::builtin("v1", "Pod", "pods");
        assert_eq!(pods.path("dev", None), "/api/v1/namespaces/dev/pods");
        let namespaces = Kind::namespaces();
        assert_eq!(namespaces.path("dev", Some("dev")), "/api/v1/namespaces/dev");
        // A name stays one segment, whatever it is.
        assert_eq!(pods.path("dev", Some("a/../b?c#d")), "/api/v1/namespaces/dev/pods/a%2F..%2Fb%3Fc%23d");
    }
}
