//! Who asks: the User-Agent of every request, watches included.

use http::HeaderValue;
use http::header::USER_AGENT;
use kube::client::Body;
use relhost_model::digest::Digest;

/// What this program calls itself.
const PRODUCT: &str = concat!("relhost/", env!("CARGO_PKG_VERSION"));

/// Puts the program, and the key of the effect it works for, on every request of a client.
pub(super) fn agent(client: kube::Client, namespace: &str, effect: Option<&Digest>) -> kube::Client {
    let text = match effect {
        Some(key) => format!("{PRODUCT} (effect {})", key.hex()),
        None => PRODUCT.to_owned(),
    };
    let agent = HeaderValue::try_from(text).expect("a version and hexadecimal digits are visible ASCII");
    let service = tower::service_fn(move |mut request: http::Request<Body>| {
        // The innermost wrapper is the one for no effect: what is there already says more.
        request.headers_mut().entry(USER_AGENT).or_insert_with(|| agent.clone());
        let client = client.clone();
        async move { client.send(request).await }
    });
    kube::Client::new(service, namespace)
}
