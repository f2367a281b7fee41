//! Puts images and pull secrets into every pod specification.

use std::collections::BTreeSet;

use relhost_model::call::CallError;
use serde_json::{Map, Value, json};

use crate::image::{normalise, parse, same_repository};
use crate::object::Object;

/// Where a pod specification lists containers.
const CONTAINER_LISTS: [&str; 3] = ["containers", "initContainers", "ephemeralContainers"];

/// Puts each image into every container of its repository.
///
/// # Errors
/// `image-unmatched` if an image matches no container; `image-ambiguous` if two are of one repository.
pub fn images(objects: &mut [Object], images: &[String]) -> Result<(), CallError> {
    for (index, image) in images.iter().enumerate() {
        if let Some(other) = images[..index].iter().find(|other| same_repository(other, image)) {
            let text = format!("images `{other}` and `{image}` are of one repository");
            return Err(
                CallError::permanent("image-ambiguous", text).with("help", "name each repository once")
            );
        }
    }
    let mut matched = vec![false; images.len()];
    let mut seen: Vec<String> = Vec::new();
    for object in objects.iter_mut() {
        object.pod_specs(&mut |spec| {
            for place in places(spec) {
                let Some(current) = place.as_str().map(str::to_owned) else { continue };
                seen.push(current.clone());
                if let Some(index) = images.iter().position(|image| same_repository(image, &current)) {
                    *place = json!(images[index].trim());
                    matched[index] = true;
                }
            }
        });
    }
    match matched.iter().position(|matched| !matched) {
        None => Ok(()),
        Some(index) => {
            let repository = normalise(parse(&images[index]).repository);
            seen.sort();
            seen.dedup();
            Err(CallError::permanent(
                "image-unmatched",
                format!("no container runs an image of `{repository}`"),
            )
            .with("images in the manifests", seen.join(", "))
            .with("help", "correct the entry under `images:`, or remove it"))
        }
    }
}

/// Every place of an image in a pod: its containers, and volumes that are images.
fn places(spec: &mut Map<String, Value>) -> Vec<&mut Value> {
    let mut places = Vec::new();
    for (name, list) in spec.iter_mut() {
        let items = list.as_array_mut().into_iter().flatten();
        if CONTAINER_LISTS.contains(&name.as_str()) {
            places.extend(items.filter_map(|container| container.get_mut("image")));
        } else if name == "volumes" {
            places.extend(items.filter_map(|volume| volume.get_mut("image")?.get_mut("reference")));
        }
    }
    places
}

/// Adds pull secrets, merged by name: a name that is there stays where it is. A name that is there twice would
/// be refused, because the server keeps the list by name.
pub fn pull_secrets(objects: &mut [Object], names: &[String]) {
    for object in objects {
        object.pod_specs(&mut |spec| {
            let list = spec.entry("imagePullSecrets").or_insert(Value::Null);
            if list.is_null() {
                *list = json!([]);
            }
            // What is no list is left for the server to refuse.
            let Some(list) = list.as_array_mut() else { return };
            list.extend(names.iter().map(|name| json!({ "name": name })));
            let mut seen = BTreeSet::new();
            list.retain(|entry| entry["name"].as_str().is_none_or(|name| seen.insert(name.to_owned())));
            if list.is_empty() {
                spec.remove("imagePullSecrets");
            }
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn deployment(image: &str) -> Object {
        let body = json!({
            "apiVersion": "apps/v1", "kind": "Deployment", "metadata": { "name": "web" },
            "spec": { "template": { "spec": {
                "imagePullSecrets": [{ "name": "old" }],
                "initContainers": [{ "name": "init", "image": "busybox" }],
                "containers": [{ "name": "web", "image": image }, { "name": "none" }],
                "volumes": [{ "name": "data", "image": { "reference": "example.com/data:1" } }, { "name": "tmp" }],
            } } },
        });
        Object { origin: "a.yaml".into(), body }
    }

    #[test]
    fn an_image_goes_into_every_container_of_its_repository() {
        let mut objects = [deployment("host:5000/app@sha256:ab")];
        let wanted = ["host:5000/app:2", "docker.io/library/busybox:1", " example.com/data:2 "];
        images(&mut objects, &wanted.map(str::to_owned)).unwrap();
        let spec = &objects[0].body["spec"]["template"]["spec"];
        assert_eq!(spec["containers"][0]["image"], "host:5000/app:2");
        assert_eq!(spec["initContainers"][0]["image"], "docker.io/library/busybox:1");
        assert_eq!(spec["volumes"][0]["image"]["reference"], "example.com/data:2");
    }

    #[test]
    fn an_image_that_matches_nothing_is_an_error() {
        let error = images(&mut [deployment("nginx")], &["apache:2".into()]).unwrap_err();
        assert_eq!(error.code, "image-unmatched");
        assert_eq!(error.details[0].1, "busybox, example.com/data:1, nginx");
        let twice =
            images(&mut [deployment("nginx")], &["nginx:1".into(), "library/nginx:2".into()]).unwrap_err();
        assert_eq!(twice.code, "image-ambiguous");
    }

    #[test]
    fn pull_secrets_are_merged_by_name() {
        let mut objects = [deployment("nginx")];
        pull_secrets(&mut objects, &["old".into(), "new".into()]);
        pull_secrets(&mut objects, &["new".into()]);
        let list = &objects[0].body["spec"]["template"]["spec"]["imagePullSecrets"];
        assert_eq!(*list, json!([{ "name": "old" }, { "name": "new" }]));
    }

    #[test]
    fn pull_secrets_get_into_an_empty_list_and_a_name_is_there_once() {
        let mut objects = [deployment("nginx")];
        let mut spec = |list: Value| {
            objects[0].body["spec"]["template"]["spec"]["imagePullSecrets"] = list;
            pull_secrets(&mut objects, &["new".into()]);
            objects[0].body["spec"]["template"]["spec"]["imagePullSecrets"].clone()
        };
        assert_eq!(spec(Value::Null), json!([{ "name": "new" }]));
        let twice = json!([{ "name": "old" }, { "name": "old" }, { "name": "new" }]);
        assert_eq!(spec(twice), json!([{ "name": "old" }, { "name": "new" }]));
    }

    #[test]
    fn every_kind_of_workload_gets_images_and_pull_secrets() {
        let pod = json!({
            "containers": [{ "name": "web", "image": "host:5000/app" }],
            "initContainers": [{ "name": "init", "image": "host:5000/app:1" }],
            "ephemeralContainers": [{ "name": "debug", "image": "host:5000/app@sha256:ab" }],
        });
        let template = json!({ "template": { "spec": pod } });
        let bodies = [
            json!({ "kind": "Pod", "spec": pod }),
            json!({ "kind": "Job", "spec": template }),
            json!({ "kind": "CronJob", "spec": { "jobTemplate": { "spec": template } } }),
            json!({ "kind": "StatefulSet", "spec": template }),
            json!({ "kind": "DaemonSet", "spec": template }),
            json!({ "kind": "ReplicaSet", "spec": template }),
            json!({ "kind": "PodTemplate", "template": { "spec": pod } }),
        ];
        for body in bodies {
            let mut objects = [Object { origin: "a.yaml".into(), body }];
            images(&mut objects, &["host:5000/app:2".into()]).unwrap();
            pull_secrets(&mut objects, &["pull".into()]);
            let text = objects[0].body.to_string();
            assert_eq!(text.matches("\"host:5000/app:2\"").count(), 3, "{text}");
            assert_eq!(text.matches("\"imagePullSecrets\":[{\"name\":\"pull\"}]").count(), 1, "{text}");
        }
    }
}
