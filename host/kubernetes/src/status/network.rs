//! How the outside reaches pods.

use serde_json::Value;

use super::Readiness;
use super::field::{Seen, list, text};

pub(super) fn service(seen: &Seen<'_>) -> Readiness {
    match seen.text("/spec/type") {
        "ExternalName" => Readiness::ready(),
        "LoadBalancer" => match address(seen.object) {
            Some(_) => Readiness::ready(),
            None => Readiness::progressing("no address yet"),
        },
        _ if seen.text("/spec/clusterIP").is_empty() => Readiness::progressing("no cluster address yet"),
        _ => Readiness::ready(),
    }
}

/// Whether a Service gets an address from outside the cluster.
#[must_use]
pub fn is_load_balancer(service: &Value) -> bool {
    text(service, "/spec/type") == "LoadBalancer"
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
