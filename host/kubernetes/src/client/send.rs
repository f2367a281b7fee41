//! One request: deadline, retries, and the reading of the answer.

use std::time::Duration;

use http::header::{ACCEPT, CONTENT_TYPE, DATE, RETRY_AFTER, WARNING};
use http::{HeaderMap, Method, Request};
use kube::client::Body;
use relhost_model::time::Timestamp;
use serde_json::Value;

use super::{ApiError, Connection, request};

/// A read that takes longer is not coming: the server's own limit for it is a minute.
const READ_DEADLINE: Duration = Duration::from_secs(30);
/// Admission webhooks may use 30 s of a write.
const WRITE_DEADLINE: Duration = Duration::from_secs(60);
/// How long a request is tried again in all. A server that restarts is back in less.
const RETRY_SPAN: Duration = Duration::from_secs(60);
/// The first pause; each further one is twice as long.
const PAUSE_FIRST: Duration = Duration::from_millis(200);
/// The longest pause, whatever `Retry-After` says.
const PAUSE_MAX: Duration = Duration::from_secs(10);
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
        let mut pause = PAUSE_FIRST;
        loop {
            let (error, wanted) = match self.once(method, path, body.as_ref()).await {
                Ok(Answer { status, headers, bytes }) if status < 400 => return Ok((headers, status, bytes)),
                Ok(answer) => {
                    let body = serde_json::from_slice(&answer.bytes).unwrap_or_default();
                    (ApiError::status(answer.status, &body), retry_after(&answer.headers))
                }
                Err(error) => (error, None),
            };
            let pause_now = wanted.unwrap_or(pause).min(PAUSE_MAX);
            if !worth_repeating(method, &error) || started.elapsed() + pause_now > RETRY_SPAN {
                return Err(error);
            }
            tracing::info!(%method, path = path.split('?').next(), %error, ?pause_now, "asked again soon");
            tokio::time::sleep(pause_now).await;
            pause *= 2;
        }
    }

    async fn once(
        &self,
        method: &Method,
        path: &str,
        body: Option<&(&'static str, String)>,
    ) -> Result<Answer, ApiError> {
        let deadline = if *method == Method::GET { READ_DEADLINE } else { WRITE_DEADLINE };
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
            let bytes = body.collect_bytes().await.map_err(|error| unreachable(&error))?;
            Ok(Answer { status: parts.status.as_u16(), headers: parts.headers, bytes: bytes.to_vec() })
        };
        let seconds = deadline.as_secs();
        tokio::time::timeout(deadline, exchange).await.unwrap_or(Err(ApiError::Deadline { seconds }))
    }
}

struct Answer {
    status: u16,
    headers: HeaderMap,
    bytes: Vec<u8>,
}

/// A write that may have arrived is repeated all the same: an apply, a delete with a uid and a review have
/// the same effect twice.
fn worth_repeating(method: &Method, error: &ApiError) -> bool {
    match error {
        ApiError::Status { code, .. } => matches!(code, 429 | 503 | 504),
        ApiError::Unreachable { .. } => true,
        // The deadline of a read is long enough; that of a write may be a slow webhook.
        ApiError::Deadline { .. } => *method != Method::GET,
        ApiError::Unreadable { .. } | ApiError::NotServed { .. } => false,
    }
}

/// The innermost cause says most: `connection refused`, `certificate has expired`.
pub(super) fn unreachable(error: &(dyn std::error::Error + 'static)) -> ApiError {
    let mut innermost = error;
    while let Some(source) = innermost.source() {
        innermost = source;
    }
    ApiError::Unreachable { reason: innermost.to_string() }
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
        for code in [400, 401, 403, 404, 409, 422, 500] {
            assert!(!worth_repeating(&Method::PATCH, &status(code)), "{code}");
        }
        for code in [429, 503, 504] {
            assert!(worth_repeating(&Method::PATCH, &status(code)), "{code}");
        }
    }
}
