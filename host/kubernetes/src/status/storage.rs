//! Volumes.

use serde_json::Value;

use super::Readiness;
use super::cause::{Cause, Code};
use super::field::{Seen, text};

pub(super) fn claim(seen: &Seen<'_>) -> Readiness {
    match seen.text("/status/phase") {
        "Bound" => Readiness::ready(),
        "Lost" => {
            Readiness::Failed(Cause::new(Code::Volume, seen.title(), "the volume of this claim is lost"))
        }
        _ => Readiness::progressing("no volume is bound yet"),
    }
}

/// Whether a claim that is not bound waits for a pod (`WaitForFirstConsumer`): then the pod decides, and
/// without a pod there is nothing to wait for. The storage class would say so too, but a connection that is
/// confined to a namespace may not read it; the events of the claim are in the namespace.
#[must_use]
pub fn binds_later<'a>(claim: &Value, mut events: impl Iterator<Item = &'a Value>) -> bool {
    let node = "/metadata/annotations/volume.kubernetes.io~1selected-node";
    claim.pointer(node).is_some()
        || events
            .any(|event| matches!(text(event, "/reason"), "WaitForFirstConsumer" | "WaitForPodScheduled"))
}
