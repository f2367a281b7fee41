//! The image rules: done twice they do what they do once, and what is put in is what was asked for.
//!
//! Input: manifests, then images in lines, then names of pull secrets in lines.

use relhost_kubernetes::image::{normalise, parse, same_repository};
use relhost_kubernetes::inject;

use crate::input::parts;
use crate::manifest::objects;

pub(crate) fn run(data: &[u8]) {
    let [manifests, images, secrets] = parts(data);
    let lines = |text: &str| text.lines().map(str::to_owned).collect::<Vec<_>>();
    let (images, secrets) = (lines(&images), lines(&secrets));
    images.iter().for_each(|image| is_taken_apart(image));
    let Ok(mut found) = objects(&manifests) else { return };

    inject::pull_secrets(&mut found, &secrets);
    let once = found.clone();
    inject::pull_secrets(&mut found, &secrets);
    assert_eq!(found, once, "pull secrets put in twice");

    if inject::images(&mut found, &images).is_err() {
        return;
    }
    let once = found.clone();
    inject::images(&mut found, &images).expect("images that were put in match");
    assert_eq!(found, once, "images put in twice");
    let text = found.iter().map(|object| object.body.to_string()).collect::<String>();
    for image in &images {
        let image = serde_json::Value::from(image.trim()).to_string();
        assert!(text.contains(&image), "{image} is nowhere");
    }
}

fn is_taken_apart(image: &str) {
    let reference = parse(image);
    let mut whole = reference.repository.to_owned();
    whole.extend(reference.tag.into_iter().flat_map(|tag| [":", tag]));
    whole.extend(reference.digest.into_iter().flat_map(|digest| ["@", digest]));
    assert_eq!(whole, image.trim(), "put together again");
    let repository = normalise(reference.repository);
    assert_eq!(normalise(&repository), repository, "normalised twice");
    assert!(same_repository(image, image), "{image} is another one than itself");
    // No reference has spaces in it; at a seam they would be the end of one part or the start of the other.
    if image.trim().contains(char::is_whitespace) {
        return;
    }
    assert!(same_repository(reference.repository, image), "a tag makes another repository of {image}");
}
