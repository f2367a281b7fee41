//! How the outside reaches pods.

use serde_json::Value;

use super::Readiness;
use super::field::{Seen, list, text};

/// The reason of a Service that waits for its load balancer.
const NO_ADDRESS: &str = "no address yet";

pub(super) fn service(seen: &Seen<'_>) -> Readiness {
    match seen.text("/spec/type") {
        "ExternalName" => Readiness::ready(),
        "LoadBalancer" => match address(seen.object) {
            Some(address) => Readiness::noted(format!("address {address}")),
            None => Readiness::progressing(NO_ADDRESS),
        },
        _ if seen.text("/spec/clusterIP").is_empty() => Readiness::progressing("no cluster address yet"),
        _ => Readiness::ready(),
    }
}

/// An Ingress is not waited for: many controllers never write an address.
pub(super) fn ingress(seen: &Seen<'_>) -> Readiness {
    match address(seen.object) {
        Some(address) => Readiness::noted(format!("address {address}")),
        None => Readiness::ready(),
    }
}

/// The IP address or host name of a Service or an Ingress.
#[must_use]
pub fn address(object: &Value) -> Option<&str> {
    let points = list(object, "/status/loadBalancer/ingress");
    let found = points.iter().map(|point| match text(point, "/ip") {
        "" => text(point, "/hostname"),
        ip => ip,
    });
    found.into_iter().find(|address| !address.is_empty())
}
