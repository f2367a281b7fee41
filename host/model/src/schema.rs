//! JSON Schema (draft-07) of the files a user writes, for completion in editors.

/// The schema of `pipeline.yaml`.
#[must_use]
pub fn pipeline() -> serde_json::Value {
    serde_json::json!({})
}

/// The schema of `relhost.yaml`.
#[must_use]
pub fn config() -> serde_json::Value {
    serde_json::json!({})
}
