//! Manifests of small applications.

/// A Deployment of one container. `behaviour` chooses what its pods do (see
/// `tests/support/cluster/README.md`).
#[must_use]
pub fn deployment(name: &str, image: &str, replicas: u32, behaviour: &str) -> String {
    let annotations = match behaviour {
        "" => String::new(),
        behaviour => format!("annotations: {{ relhost.test/behaviour: {behaviour} }}"),
    };
    format!(
        "apiVersion: apps/v1
kind: Deployment
metadata:
  name: {name}
  labels: {{ app: {name} }}
spec:
  replicas: {replicas}
  selector: {{ matchLabels: {{ app: {name} }} }}
  template:
    metadata:
      labels: {{ app: {name} }}
      {annotations}
    spec:
      containers:
        - name: {name}
          image: {image}
          ports: [{{ containerPort: 80 }}]
---
"
    )
}

/// A Service of a type in front of it.
#[must_use]
pub fn service(name: &str, kind: &str) -> String {
    format!(
        "apiVersion: v1
kind: Service
metadata: {{ name: {name}, labels: {{ app: {name} }} }}
spec:
  type: {kind}
  selector: {{ app: {name} }}
  ports: [{{ port: 80, targetPort: 80 }}]
---
"
    )
}

/// A ConfigMap of one key.
#[must_use]
pub fn config_map(name: &str, key: &str, value: &str) -> String {
    format!(
        "apiVersion: v1
kind: ConfigMap
metadata: {{ name: {name} }}
data: {{ {key}: \"{value}\" }}
---
"
    )
}
