use serde_json::json;

use super::*;

fn refusal(code: u16) -> ApiError {
    let body = json!({
        "kind": "Status", "reason": "Invalid", "message": "Secret \"s\" is invalid: data[a]: \"hunter2\"",
        "details": { "causes": [{ "reason": "FieldValueInvalid", "field": "data[a]", "message": "hunter2" }] },
    });
    ApiError::status(code, &body)
}

#[test]
fn a_refused_secret_shows_fields_and_no_values() {
    let cluster: ClusterName = "dev".parse().unwrap();
    let error = refusal(422).at_secret(&cluster, "apply Secret/s");
    assert_eq!(error.message, "apply Secret/s: the server answered 422 Invalid for data[a]");
    assert!(!format!("{error:?}").contains("hunter2"));
    assert!(refusal(422).at(&cluster, "apply").message.contains("hunter2"));
}

#[test]
fn a_body_that_is_no_status_still_has_a_message() {
    let error = ApiError::status(502, &Value::Null);
    assert_eq!(error.to_string(), "the server answered 502");
    assert!(error.is_transient());
}

#[test]
fn what_is_forbidden_for_another_reason_than_rights_says_so() {
    let cluster: ClusterName = "dev".parse().unwrap();
    let told = |message: &str, cause: &str| {
        let body = json!({ "message": message, "details": { "causes": [{ "reason": cause }] } });
        let error = ApiError::status(403, &body).at(&cluster, "apply Pod/a");
        (error.code, error.retryable)
    };
    let cases = [
        ("pods is forbidden: User \"a\" cannot patch resource \"pods\"", "", "forbidden", false),
        ("user \"a\" is attempting to grant RBAC permissions not currently held", "", "forbidden", false),
        ("pods \"a\" is forbidden: exceeded quota: small, requested: pods=1", "", "quota", true),
        ("pods \"a\" is forbidden: violates PodSecurity \"restricted\"", "", "admission-denied", false),
        ("unable to create new content", "NamespaceTerminating", "namespace-terminating", true),
    ];
    for (message, cause, code, retryable) in cases {
        assert_eq!(told(message, cause), (code.to_owned(), retryable), "{message}");
    }
}

#[test]
fn a_field_that_a_kind_does_not_have_is_a_mistake_in_the_manifest() {
    let body = json!({ "message": "failed to create typed patch object (a/b; apps/v1, Kind=Deployment): \
        .spec.replica: field not declared in schema" });
    let error = ApiError::status(500, &body);
    assert!(!error.is_transient());
    assert_eq!(error.at(&"dev".parse().unwrap(), "apply Deployment/b").code, "invalid-object");
}

#[test]
fn what_a_credential_plugin_wrote_is_not_told() {
    let output = std::process::Command::new("sh").args(["-c", "echo hunter2; exit 3"]).output().unwrap();
    let run = AuthError::AuthExecRun { cmd: "\"login\" \"--key\" \"hunter2\"".into(), out: Box::new(output) };
    let error = ApiError::transport(&"https://k".into(), &run);
    assert!(!format!("{error:?} {error}").contains("hunter2"));
    assert!(error.to_string().contains("`login` failed: exit status: 3"), "{error}");
    assert!(!error.is_transient());
}

#[test]
fn a_structure_that_is_refused_is_not_shown() {
    let dump = format!("core.PodTemplateSpec{{Env: \"hunter2\", Rest: \"{}: {}\"}}", "x".repeat(300), "y");
    let cause = format!("Invalid value: {dump}: field is immutable");
    let body = json!({
        "message": format!("Job.batch \"a\" is invalid: spec.template: {cause}"),
        "details": { "causes": [{ "reason": "FieldValueInvalid", "field": "spec.template", "message": cause }] },
    });
    let error = ApiError::status(422, &body);
    let told = "Job.batch \"a\" is invalid: spec.template: Invalid value: …: field is immutable";
    assert_eq!(error.to_string(), told);
    assert!(!format!("{error:?}").contains("hunter2"));
    let short = json!({
        "message": "Service \"a\" is invalid: spec.ports[0].port: Invalid value: 99999: must be between\u{1b} 1 and 2",
        "details": { "causes": [{ "message": "Invalid value: 99999: must be between 1 and 2" }] },
    });
    assert!(
        ApiError::status(422, &short).to_string().ends_with("Invalid value: 99999: must be between  1 and 2")
    );
}
