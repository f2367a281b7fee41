use serde_json::json;

use super::*;

/// A Service as a server sends it after we applied it: what we own, and what it filled in.
fn service() -> (Object, Value) {
    let body = json!({
        "apiVersion": "v1", "kind": "Service",
        "metadata": { "name": "web", "labels": { "app": "web" }, "finalizers": ["a.example/x", "b.example/y"] },
        "spec": {
            "selector": { "app": "web" },
            "ports": [{ "name": "http", "port": 80 }, { "name": "dns", "port": 53, "protocol": "UDP" }],
        },
    });
    let port = |more: &str| json!({ ".": {}, "f:name": {}, "f:port": {}, more: {} });
    let live = json!({
        "metadata": {
            "name": "web", "namespace": "dev", "uid": "u", "resourceVersion": "7",
            "labels": { "app": "web", "team": "theirs" }, "finalizers": ["a.example/x", "b.example/y"],
            "managedFields": [
                { "manager": "somebody", "operation": "Update", "fieldsV1": { "f:metadata": { "f:labels": { "f:team": {} } } } },
                { "manager": "relhost", "operation": "Apply", "apiVersion": "v1", "fieldsV1": {
                    "f:metadata": {
                        "f:labels": { "f:app": {} },
                        "f:finalizers": { "v:\"a.example/x\"": {}, "v:\"b.example/y\"": {} },
                    },
                    "f:spec": {
                        "f:selector": {},
                        "f:ports": {
                            "k:{\"port\":80,\"protocol\":\"TCP\"}": port("f:name"),
                            "k:{\"port\":53,\"protocol\":\"UDP\"}": port("f:protocol"),
                        },
                    },
                } },
            ],
        },
        "spec": {
            "selector": { "app": "web" }, "type": "ClusterIP",
            "ports": [
                { "name": "http", "port": 80, "protocol": "TCP", "targetPort": 80 },
                { "name": "dns", "port": 53, "protocol": "UDP", "targetPort": 53 },
            ],
        },
    });
    (Object { origin: "a.yaml".into(), body }, live)
}

/// Both with a value put at a place of one of them; `null` takes it away.
fn changed(wanted: &str, live: &str, value: &Value) -> bool {
    let (mut object, mut there) = service();
    for (place, body) in [(wanted, &mut object.body), (live, &mut there)] {
        let Some((above, name)) = place.rsplit_once('/') else { continue };
        let above = body.pointer_mut(above).unwrap_or_else(|| panic!("{place} is nowhere"));
        match above {
            Value::Object(fields) if value.is_null() => drop(fields.remove(name).unwrap()),
            Value::Array(items) if value.is_null() => drop(items.remove(name.parse().unwrap())),
            above => match name.parse::<usize>() {
                Ok(index) => above[index] = value.clone(),
                Err(_) => above[name] = value.clone(),
            },
        }
    }
    stands(&object, &there)
}

#[test]
fn what_is_as_it_was_applied_stands() {
    let (object, live) = service();
    assert!(stands(&object, &live));
    // What others set beside it is theirs.
    assert!(changed("", "/spec/type", &json!("NodePort")));
    assert!(changed("", "/metadata/labels/team", &Value::Null));
}

#[test]
fn every_other_value_is_applied() {
    let places = [
        ("/metadata/labels/app", "other"),
        ("/metadata/finalizers/1", "c.example/z"),
        ("/spec/selector/app", "other"),
        ("/spec/ports/0/name", "other"),
    ];
    for (place, value) in places {
        assert!(!changed(place, "", &json!(value)), "{place} of the manifest");
        assert!(!changed("", place, &json!(value)), "{place} of what is live");
    }
    for port in ["/spec/ports/0/port", "/spec/ports/1/port"] {
        assert!(!changed(port, "", &json!(8080)), "{port} of the manifest");
        assert!(!changed("", port, &json!(8080)), "{port} of what is live");
    }
}

#[test]
fn a_field_more_or_less_is_applied() {
    for place in ["/metadata/labels/new", "/spec/selector/new", "/spec/ports/0/targetPort", "/spec/type"] {
        assert!(!changed(place, "", &json!("new")), "{place}");
    }
    for place in ["/metadata/labels/app", "/metadata/finalizers/1", "/spec/ports/0", "/spec/ports/1/protocol"]
    {
        assert!(!changed(place, "", &Value::Null), "{place} is no longer wanted");
        assert!(!changed("", place, &Value::Null), "{place} is gone");
    }
    assert!(!changed("", "/spec/selector/theirs", &json!("x")), "it is one value as a whole");
}

#[test]
fn another_order_is_applied() {
    let (mut object, live) = service();
    object.body["spec"]["ports"].as_array_mut().unwrap().reverse();
    assert!(!stands(&object, &live));
    let (object, mut live) = service();
    live["metadata"]["finalizers"].as_array_mut().unwrap().reverse();
    assert!(!stands(&object, &live));
    // What somebody put between them is not ours.
    let (object, mut live) = service();
    live["metadata"]["finalizers"].as_array_mut().unwrap().insert(1, json!("theirs"));
    assert!(stands(&object, &live));
}

#[test]
fn a_port_that_may_be_two_is_applied() {
    let (mut object, mut live) = service();
    object.body["spec"]["ports"][1]["port"] = json!(80);
    live["spec"]["ports"][1]["port"] = json!(80);
    let ports = &mut live["metadata"]["managedFields"][1]["fieldsV1"]["f:spec"]["f:ports"];
    let ports = ports.as_object_mut().unwrap();
    let udp = ports.remove("k:{\"port\":53,\"protocol\":\"UDP\"}").unwrap();
    ports.insert("k:{\"port\":80,\"protocol\":\"UDP\"}".into(), udp);
    assert!(!stands(&object, &live), "the first port says no protocol");
    object.body["spec"]["ports"][0]["protocol"] = json!("TCP");
    live["metadata"]["managedFields"][1]["fieldsV1"]["f:spec"]["f:ports"]["k:{\"port\":80,\"protocol\":\"TCP\"}"]
        ["f:protocol"] = json!({});
    assert!(stands(&object, &live));
}

#[test]
fn what_somebody_else_has_a_part_in_is_applied() {
    let managed = "/metadata/managedFields";
    let entry = |place: &str, value: Value| changed("", &format!("{managed}{place}"), &value);
    assert!(!entry("/1", Value::Null), "we own nothing");
    assert!(!entry("/1/apiVersion", json!("v2")), "it was applied in another version");
    assert!(!entry("/1/manager", json!("kubectl")));
    assert!(!entry("/1/subresource", json!("status")));
    assert!(!entry("/0", json!({ "manager": "kubectl-client-side-apply", "operation": "Update" })));
    assert!(!changed("", "/metadata/deletionTimestamp", &json!("2026-01-01T00:00:00Z")));
}

#[test]
fn an_object_of_nothing_but_a_name_is_applied() {
    let body = json!({ "apiVersion": "v1", "kind": "ServiceAccount", "metadata": { "name": "a", "namespace": "dev" } });
    let entry = json!({ "manager": "relhost", "operation": "Apply", "apiVersion": "v1", "fieldsV1": {} });
    let live = json!({ "metadata": { "name": "a", "managedFields": [entry] } });
    // An empty set of fields is no tree of them.
    assert!(!stands(&Object { origin: "a.yaml".into(), body }, &live));
}

#[test]
fn secrets_and_what_the_set_defines_are_never_read() {
    let kind = |kind: &str, plural: &str| Kind::builtin("v1", kind, plural);
    assert!(may_stand(&kind("ConfigMap", "configmaps"), Check::First));
    assert!(!may_stand(&kind("ConfigMap", "configmaps"), Check::Defined));
    assert!(!may_stand(&kind("Secret", "secrets"), Check::First));
    assert!(!may_stand(&Kind::namespaces(), Check::First));
}
