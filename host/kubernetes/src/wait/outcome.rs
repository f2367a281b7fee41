//! What is known once everything is ready: addresses and images.

use relhost_model::call::{AppliedObject, RunningImage, ServiceAddress};
use serde_json::Value;

use super::picture::{Known, Picture};
use crate::diagnose::{Scene, running_pods};
use crate::status::field::{Seen, list, text};
use crate::status::{address, is_load_balancer};

/// The addresses of the load balancers.
pub(super) fn addresses(objects: &[AppliedObject], picture: &Picture) -> Vec<ServiceAddress> {
    let services = objects.iter().filter(|object| object.api_version == "v1" && object.kind == "Service");
    let found = services.filter_map(|service| match picture.known(service) {
        Known::There(object) if is_load_balancer(object) => {
            Some(ServiceAddress { service: service.name.clone(), address: address(object)?.to_owned() })
        }
        _ => None,
    });
    found.collect()
}

/// The images that the workloads run, each once per container. Where pods pulled different content under one
/// name, each digest is there.
pub(super) fn images(objects: &[AppliedObject], picture: &Picture, scene: &Scene<'_>) -> Vec<RunningImage> {
    let mut images: Vec<RunningImage> = Vec::new();
    for applied in objects {
        let Known::There(object) = picture.known(applied) else { continue };
        let workload = format!("{}/{}", applied.kind, applied.name);
        for pod in running_pods(&Seen { object, applied }, scene) {
            for container in list(pod, "/spec/containers") {
                let image = image(&workload, pod, container);
                if !images.contains(&image) {
                    images.push(image);
                }
            }
        }
    }
    images
}

fn image(workload: &str, pod: &Value, container: &Value) -> RunningImage {
    let name = text(container, "/name");
    let status = list(pod, "/status/containerStatuses").iter().find(|status| status["name"] == name);
    RunningImage {
        workload: workload.to_owned(),
        container: name.to_owned(),
        image: text(container, "/image").to_owned(),
        digest: status.and_then(|status| digest(text(status, "/imageID"))),
    }
}

/// The digest in `registry/repository@sha256:...`. An id without a repository names the node's own copy,
/// which nobody can pull.
fn digest(image_id: &str) -> Option<String> {
    let (_, digest) = image_id.rsplit_once('@')?;
    digest.starts_with("sha256:").then(|| digest.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_digest_that_can_be_pulled_counts() {
        assert_eq!(digest("docker.io/library/nginx@sha256:ab"), Some("sha256:ab".into()));
        assert_eq!(digest("docker-pullable://nginx@sha256:ab"), Some("sha256:ab".into()));
        assert_eq!(digest("sha256:ab"), None);
        assert_eq!(digest(""), None);
    }
}
