//! The order of an apply: what others need comes first.

/// What others are made of.
pub(super) const DEFINITIONS: u8 = 0;
/// What limits and identifies.
const RULES: u8 = 1;
/// What binds identities to rules.
const BINDINGS: u8 = 2;
/// What pods read when they start.
const CONFIGURATION: u8 = 3;
/// Names, so that pods find each other from their first second.
const SERVICES: u8 = 4;
/// What runs.
const WORKLOADS: u8 = 5;
/// Ways in, once there is something behind them.
const ROUTES: u8 = 6;
/// What changes objects, before what judges them.
const MUTATING: u8 = 7;
const VALIDATING: u8 = 8;

/// The wave of a kind.
pub(super) fn of(kind: &str) -> u8 {
    match kind {
        "Namespace" | "CustomResourceDefinition" => DEFINITIONS,
        kind if kind.ends_with("Class") => DEFINITIONS,
        "ResourceQuota" | "LimitRange" | "NetworkPolicy" | "ServiceAccount" | "Role" | "ClusterRole" => RULES,
        "RoleBinding" | "ClusterRoleBinding" => BINDINGS,
        "ConfigMap" | "Secret" | "PersistentVolume" | "PersistentVolumeClaim" => CONFIGURATION,
        "Service" => SERVICES,
        "Ingress" | "Gateway" | "HTTPRoute" | "GRPCRoute" | "TLSRoute" | "APIService" => ROUTES,
        "MutatingWebhookConfiguration" => MUTATING,
        "ValidatingWebhookConfiguration" => VALIDATING,
        _ => WORKLOADS,
    }
}

#[cfg(test)]
mod tests {
    use super::of;

    #[test]
    fn what_others_need_comes_first() {
        let order = [
            "CustomResourceDefinition",
            "ServiceAccount",
            "RoleBinding",
            "Secret",
            "Service",
            "Deployment",
            "Ingress",
            "MutatingWebhookConfiguration",
            "ValidatingWebhookConfiguration",
        ];
        assert!(order.windows(2).all(|pair| of(pair[0]) < of(pair[1])));
        assert_eq!(of("Rollout"), of("Deployment"));
        assert_eq!(of("StorageClass"), of("Namespace"));
    }
}
