//! Requests against a server that answers by script, in a time that passes by itself.

use std::collections::VecDeque;

use http::{Request, Response};
use kube::client::Body;
use serde_json::json;

use super::send::Response as Answered;
use super::*;

/// A status, and when the server asks to come back.
type Step = (u16, Option<&'static str>);

/// Answers one after the other, the last one for ever; 0 never answers, 1 refuses the connection.
fn scripted(answers: &[Step]) -> (Connection, Arc<Mutex<usize>>) {
    let answers = Arc::new(Mutex::new(VecDeque::from(answers.to_vec())));
    let asked = Arc::new(Mutex::new(0));
    let count = Arc::clone(&asked);
    let service = tower::service_fn(move |_: Request<Body>| {
        *count.lock().unwrap() += 1;
        let mut answers = answers.lock().unwrap();
        let (status, after) = if answers.len() > 1 { answers.pop_front().unwrap() } else { answers[0] };
        async move {
            match status {
                0 => std::future::pending().await,
                1 => Err(std::io::Error::other("connection refused")),
                status => {
                    let mut response = Response::builder().status(status);
                    if let Some(after) = after {
                        response = response.header("retry-after", after);
                    }
                    let body = json!({ "message": format!("answer {status}"), "metadata": {} });
                    Ok(response.body(Body::from(body.to_string().into_bytes())).unwrap())
                }
            }
        }
    });
    let client = kube::Client::new(service, "dev");
    (Connection::over("dev-aks".parse().unwrap(), "https://k:6443", "dev", client), asked)
}

/// Answers with these bodies, the last one for ever.
fn answering(bodies: Vec<Value>) -> Connection {
    let bodies = Mutex::new(VecDeque::from(bodies));
    let service = tower::service_fn(move |_: Request<Body>| {
        let mut bodies = bodies.lock().unwrap();
        let body = if bodies.len() > 1 { bodies.pop_front().unwrap() } else { bodies[0].clone() };
        let response = Response::new(Body::from(body.to_string().into_bytes()));
        std::future::ready(Ok::<_, std::io::Error>(response))
    });
    let client = kube::Client::new(service, "dev");
    Connection::over("dev-aks".parse().unwrap(), "https://k:6443", "dev", client)
}

#[tokio::test]
async fn a_kind_that_was_not_served_before_is_found_once_it_is() {
    let resources = |names: &[&str]| {
        let resources = names.iter().map(|name| {
            json!({ "name": name.to_lowercase(), "kind": name, "namespaced": true, "singularName": "", "verbs": [] })
        });
        json!({ "groupVersion": "example.com/v1", "resources": resources.collect::<Vec<_>>() })
    };
    let connection = answering(vec![resources(&["Queue"]), resources(&["Queue", "Topic"])]);
    assert!(connection.kind("example.com/v1", "Queue").await.is_ok());
    assert_eq!(connection.kind("example.com/v1", "Topic").await.unwrap().plural, "topic");
    assert!(matches!(connection.kind("example.com/v1", "Other").await, Err(ApiError::NotServed { .. })));
}

#[tokio::test]
async fn large_objects_are_listed_a_few_at_a_time() {
    let asked = Arc::new(Mutex::new(Vec::new()));
    let seen = Arc::clone(&asked);
    let service = tower::service_fn(move |request: Request<Body>| {
        let query = request.uri().query().unwrap().to_owned();
        let next = if query.contains("continue") { "" } else { "x" };
        let text = match query.starts_with("limit=500") {
            true => " ".repeat(65 * 1024 * 1024),
            false => json!({ "metadata": { "continue": next }, "items": [{}] }).to_string(),
        };
        seen.lock().unwrap().push(query);
        std::future::ready(Ok::<_, std::io::Error>(Response::new(Body::from(text.into_bytes()))))
    });
    let client = kube::Client::new(service, "dev");
    let connection = Connection::over("dev-aks".parse().unwrap(), "https://k:6443", "dev", client);
    let pods = Kind::builtin("v1", "Pod", "pods");
    assert_eq!(connection.snapshot(&pods, &List::default()).await.unwrap().items.len(), 2);
    assert_eq!(*asked.lock().unwrap(), ["limit=500", "limit=62", "limit=62&continue=x"]);
    // What is only looked at is left alone.
    let error = connection.named(&pods, &BTreeSet::new()).await.unwrap_err();
    assert!(error.to_string().contains("larger than 64 MiB"), "{error}");
}

#[tokio::test]
async fn a_list_whose_next_page_is_too_old_begins_again() {
    let page = |name: &str, next: &str| json!({ "metadata": { "continue": next, "resourceVersion": "7" }, "items": [{ "metadata": { "name": name } }] });
    let (first, rest) = (page("a", "x"), page("b", ""));
    let bodies =
        Mutex::new(VecDeque::from([(200, first.clone()), (410, json!({})), (200, first), (200, rest)]));
    let service = tower::service_fn(move |_: Request<Body>| {
        let (status, body) = bodies.lock().unwrap().pop_front().unwrap();
        let response = Response::builder().status(status).body(Body::from(body.to_string().into_bytes()));
        std::future::ready(Ok::<_, std::io::Error>(response.unwrap()))
    });
    let client = kube::Client::new(service, "dev");
    let connection = Connection::over("dev-aks".parse().unwrap(), "https://k:6443", "dev", client);
    let snapshot = connection.snapshot(&pods(), &List::default()).await.unwrap();
    let names: Vec<&Value> = snapshot.items.iter().map(|item| &item["metadata"]["name"]).collect();
    assert_eq!(names, ["a", "b"]);
}

fn pods() -> Kind {
    Kind::builtin("v1", "Pod", "pods")
}

async fn applied(connection: &Connection) -> (Result<Answered, ApiError>, Duration) {
    let begun = tokio::time::Instant::now();
    let object = json!({ "metadata": { "name": "a" } });
    (connection.apply(&pods(), &object, Apply::default()).await, begun.elapsed())
}

#[tokio::test(start_paused = true)]
async fn a_server_that_comes_back_is_asked_again() {
    let (connection, asked) = scripted(&[(1, None), (503, None), (429, Some("2")), (200, None)]);
    let (result, took) = applied(&connection).await;
    assert_eq!(result.unwrap().status, 200);
    assert_eq!(*asked.lock().unwrap(), 4);
    assert!(took >= Duration::from_millis(2600) && took < Duration::from_secs(4), "{took:?}");
}

#[tokio::test(start_paused = true)]
async fn the_cause_of_the_last_try_is_told_before_the_host_cuts_the_call_off() {
    // Whatever the server does, and however long it asks to be left alone.
    let cases: [(&[Step], &str); 5] = [
        (&[(1, None)], "reach the API server https://k:6443: connection refused"),
        (&[(503, None)], "answer 503"),
        (&[(429, Some("3600"))], "answer 429"),
        (&[(503, None), (0, None)], "answer 503"),
        (&[(0, None)], "no answer from the API server https://k:6443 within 25 seconds"),
    ];
    for (answers, told) in cases {
        let (connection, _) = scripted(answers);
        let (result, took) = applied(&connection.brief()).await;
        assert_eq!(result.unwrap_err().to_string(), told);
        assert!(took > Duration::from_secs(20) && took < Duration::from_secs(28), "{told}: {took:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_slow_webhook_gets_its_time_where_there_is_some() {
    let (connection, asked) = scripted(&[(0, None)]);
    let (result, took) = applied(&connection).await;
    assert!(matches!(result, Err(ApiError::Deadline { seconds: 60, .. })), "{result:?}");
    assert_eq!((took.as_secs(), *asked.lock().unwrap()), (60, 1));
}

#[tokio::test(start_paused = true)]
async fn a_refusal_is_told_at_once() {
    for status in [400, 401, 403, 409, 422] {
        let (connection, asked) = scripted(&[(status, None)]);
        let (result, took) = applied(&connection).await;
        assert!(result.unwrap_err().is(status));
        assert_eq!((took, *asked.lock().unwrap()), (Duration::ZERO, 1));
    }
}

#[tokio::test(start_paused = true)]
async fn a_conflict_over_a_deletion_is_not_an_object_that_is_gone() {
    let (connection, _) = scripted(&[(409, None)]);
    let deleted = connection.delete(&Kind::namespaces(), "dev", None).await;
    assert!(deleted.is_err_and(|error| error.is(409)));
}

#[test]
fn a_certificate_that_is_not_trusted_is_final() {
    let server = Arc::from("https://k");
    let error = std::io::Error::other("invalid peer certificate: UnknownIssuer");
    let error = ApiError::transport(&server, &error);
    assert!(!error.is_transient());
    let told = error.at(&"dev-aks".parse().unwrap(), "apply Pod/a");
    assert_eq!(told.code, "untrusted");
    assert!(told.message.contains("apply Pod/a: trust the API server https://k: invalid peer"), "{told:?}");
    assert!(told.details.contains(&("cluster".into(), "dev-aks".into())));
}
