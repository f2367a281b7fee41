//! One request: deadline, retries, and the reading of the answer.

use std::sync::Arc;
use std::time::Duration;

use http::header::{ACCEPT, CONTENT_TYPE, DATE, RETRY_AFTER, WARNING};
use http::{HeaderMap, Method, Request};
use http_body_util::{BodyExt as _, LengthLimitError, Limited};
use kube::client::Body;
use relhost_model::time::Timestamp;
use serde_json::Value;

use super::{ApiError, Connection, request};

/// A read that takes longer is not coming: the server's own limit for it is a minute.
const READ_DEADLINE: Duration = Duration::from_secs(30);
/// Admission webhooks may use 30 s of a write.
const WRITE_DEADLINE: Duration = Duration::from_secs(60);
/// How long a request is tried again in all. Less than the 30 s that the host gives to a small call, so that
/// the cause is told before the call is cut off.
pub(super) const RETRY_SPAN: Duration = Duration::from_secs(25);
/// A request that has less time is not worth making.
const TRY_MIN: Duration = Duration::from_secs(1);
/// The first pause; each further one is twice as long.
const PAUSE_FIRST: Duration = Duration::from_millis(200);
/// The longest pause that the server did not ask for.
const PAUSE_MAX: Duration = Duration::from_secs(5);
/// What is read of one answer: a page of 500 objects has 128 KiB for each. A namespace full of larger ones, or a server
/// that does not stop, must not take the memory of every other release.
const ANSWER_MIB: usize = 64;
/// Warnings of one answer that are kept; servers repeat themselves.
const WARNINGS_MAX: usize = 16;

/// An answer that is no refusal.
#[derive(Debug, Clone)]
pub struct Response {
    /// The HTTP status: 201 says that an apply created the object.
    pub status: u16,
    /// What the server warns of: deprecations, pod security.
    pub warnings: Vec<String>,
    /// What time it is at the server.
    pub date: Option<Timestamp>,
    /// The object.
    pub body: Value,
}

impl Connection {
    /// Sends a request until it is answered for good.
    pub(super) async fn send(
        &self,
        method: Method,
        path: &str,
        body: Option<(&'static str, String)>,
    ) -> Result<Response, ApiError> {
        let (headers, status, bytes) = self.answered(&method, path, body).await?;
        let warnings = warnings(&headers);
        let date = date(&headers);
        let body = serde_json::from_slice(&bytes).map_err(|source| {
            let path = path.split('?').next().unwrap_or(path);
            ApiError::Unreadable { what: format!("{method} {path}"), source: source.into() }
        })?;
        Ok(Response { status, warnings, date, body })
    }

    /// Reads a path whose answer is text.
    pub(super) async fn text(&self, path: &str) -> Result<String, ApiError> {
        let (_, _, bytes) = self.answered(&Method::GET, path, None).await?;
        Ok(String::from_utf8_lossy(&bytes).into_owned())
    }

    async fn answered(
        &self,
        method: &Method,
        path: &str,
        body: Option<(&'static str, String)>,
    ) -> Result<(HeaderMap, u16, Vec<u8>), ApiError> {
        let started = tokio::time::Instant::now();
        let left = || RETRY_SPAN.saturating_sub(started.elapsed());
        let deadline = if *method == Method::GET { READ_DEADLINE } else { WRITE_DEADLINE };
        let mut deadline = deadline.min(self.patience);
        let mut pause = PAUSE_FIRST;
        let mut before: Option<ApiError> = None;
        loop {
            let (error, wanted) = match self.once(method, path, body.as_ref(), deadline).await {
                Ok(Answer { status, headers, bytes }) if status < 400 => return Ok((headers, status, bytes)),
                Ok(answer) => {
                    let body = serde_json::from_slice(&answer.bytes).unwrap_or_default();
                    (ApiError::status(answer.status, &body), retry_after(&answer.headers))
                }
                Err(error) => (error, None),
            };
            // A try that was cut off says less than the one before it.
            let error = match (error, before.take()) {
                (ApiError::Deadline { .. }, Some(before)) => return Err(before),
                (error, _) => error,
            };
            if !worth_repeating(&error, wanted.is_some()) || left() <= TRY_MIN {
                return Err(error);
            }
            // However long the server asks to be left alone, there is one more try before the time is up.
            let pause_now = wanted.unwrap_or(pause.min(PAUSE_MAX)).min(left().saturating_sub(TRY_MIN));
            tracing::info!(%method, path = path.split('?').next(), %error, ?pause_now, "asked again soon");
            tokio::time::sleep(pause_now).await;
            pause *= 2;
            deadline = deadline.min(left());
            before = Some(error);
        }
    }

    async fn once(
        &self,
        method: &Method,
        path: &str,
        body: Option<&(&'static str, String)>,
        deadline: Duration,
    ) -> Result<Answer, ApiError> {
        let unreachable =
            |error: &(dyn std::error::Error + 'static)| ApiError::transport(&self.server, error);
        let mut builder = Request::builder().method(method).uri(path).header(ACCEPT, request::JSON);
        let bytes = match body {
            Some((media, text)) => {
                builder = builder.header(CONTENT_TYPE, *media);
                text.clone().into_bytes()
            }
            None => Vec::new(),
        };
        let request = builder.body(Body::from(bytes)).map_err(|error| unreachable(&error))?;
        let exchange = async {
            let response = self.client.send(request).await.map_err(|error| unreachable(&error))?;
            let (parts, body) = response.into_parts();
            let body = Limited::new(body, ANSWER_MIB * 1024 * 1024).collect().await;
            let body = body.map_err(|error| match error.is::<LengthLimitError>() {
                true => ApiError::TooLarge { server: Arc::clone(&self.server), mib: ANSWER_MIB },
                false => unreachable(error.as_ref()),
            })?;
            let bytes = body.to_bytes().to_vec();
            Ok(Answer { status: parts.status.as_u16(), headers: parts.headers, bytes })
        };
        tokio::time::timeout(deadline, exchange).await.unwrap_or_else(|_| {
            Err(ApiError::Deadline { server: Arc::clone(&self.server), seconds: deadline.as_secs() })
        })
    }
}

struct Answer {
    status: u16,
    headers: HeaderMap,
    bytes: Vec<u8>,
}

/// A write that may have arrived is repeated all the same: an apply, a delete with a uid and a review have
/// the same effect twice. A server that names a time to come back means it.
fn worth_repeating(error: &ApiError, invited: bool) -> bool {
    match error {
        ApiError::Status { code: 429 | 502 | 503 | 504, .. } => true,
        ApiError::Status { code: 500, message, .. } => invited || message.contains("etcdserver: "),
        ApiError::Unreachable { .. } => true,
        // The deadline is long enough: it may be a slow webhook.
        _ => false,
    }
}

fn retry_after(headers: &HeaderMap) -> Option<Duration> {
    let seconds = headers.get(RETRY_AFTER)?.to_str().ok()?.parse().ok()?;
    Some(Duration::from_secs(seconds))
}

fn date(headers: &HeaderMap) -> Option<Timestamp> {
    let date = jiff::fmt::rfc2822::parse(headers.get(DATE)?.to_str().ok()?).ok()?;
    u64::try_from(date.timestamp().as_millisecond()).ok().map(Timestamp)
}

/// The text of `Warning: 299 - "text"` headers.
fn warnings(headers: &HeaderMap) -> Vec<String> {
    let texts = headers.get_all(WARNING).iter().filter_map(|value| {
        let text = value.to_str().ok()?;
        let quoted = text.split_once('"')?.1.rsplit_once('"')?.0;
        Some(quoted.replace("\\\"", "\""))
    });
    let mut kept: Vec<String> = Vec::new();
    for text in texts.take(WARNINGS_MAX) {
        if !kept.contains(&text) {
            kept.push(text);
        }
    }
    kept
}

#[cfg(test)]
mod tests {
    use http::HeaderValue;

    use super::*;

    #[test]
    fn warnings_are_taken_out_of_their_header() {
        let mut headers = HeaderMap::new();
        headers.append(WARNING, HeaderValue::from_static("299 - \"v1 is \\\"old\\\"\""));
        headers.append(WARNING, HeaderValue::from_static("299 - \"v1 is \\\"old\\\"\""));
        headers.append(WARNING, HeaderValue::from_static("no quotes"));
        assert_eq!(warnings(&headers), ["v1 is \"old\""]);
    }

    #[test]
    fn the_time_at_the_server_is_read() {
        let mut headers = HeaderMap::new();
        assert_eq!(date(&headers), None);
        headers.insert(DATE, HeaderValue::from_static("Thu, 01 Jan 1970 00:01:00 GMT"));
        assert_eq!(date(&headers), Some(Timestamp(60_000)));
        headers.insert(DATE, HeaderValue::from_static("soon"));
        assert_eq!(date(&headers), None);
    }

    #[test]
    fn refusals_are_final_and_overload_is_not() {
        let status = |code| ApiError::status(code, &Value::Null);
        for code in [400, 401, 403, 404, 409, 410, 422, 500] {
            assert!(!worth_repeating(&status(code), false), "{code}");
        }
        for code in [429, 502, 503, 504] {
            assert!(worth_repeating(&status(code), false), "{code}");
        }
        assert!(worth_repeating(&status(500), true));
        let changing = serde_json::json!({ "message": "etcdserver: leader changed" });
        assert!(worth_repeating(&ApiError::status(500, &changing), false));
    }
}
