//! The page that a mail links to. GET and HEAD only show; the decision is a POST that needs the token of
//! the link and the code of the mail, and counts once.

use std::net::SocketAddr;
use std::sync::Arc;

use axum::Router;
use axum::extract::{DefaultBodyLimit, Path, Request, State};
use axum::http::{HeaderName, HeaderValue, StatusCode, header};
use axum::middleware::{self, Next};
use axum::response::{Html, IntoResponse, Response};
use axum::routing::get;
use relhost_engine::port::store::ApprovalRow;
use relhost_model::actor::Actor;
use relhost_model::id::{ApprovalId, PersonId};
use tokio::net::TcpListener;

use super::form::{Form, WrongCodes};
use super::html::{self, Attempt};
use super::listener::Bounded;
use crate::app::approval::{self, Ballot};
use crate::app::caller::Caller;
use crate::exit::{Exit, Failure};
use crate::host::Host;
use crate::token::Binding;

/// A decision with a comment is far below it.
const FORM_MAX: usize = 64 * 1024;

/// What the page works with.
#[derive(Clone)]
struct Page {
    host: Arc<Host>,
    wrong: Arc<WrongCodes>,
}

/// Where the page listens.
///
/// # Errors
/// If the address is not one, or is taken.
pub async fn listen(address: &str) -> Result<(TcpListener, SocketAddr), Failure> {
    let fault = |error: std::io::Error| {
        Failure::new(Exit::Invalid, "listen", format!("listen on `{address}`: {error}"))
            .help("`listen:` in relhost.yaml (or --listen) is ADDRESS:PORT; port 0 takes a free one")
    };
    let listener = TcpListener::bind(address).await.map_err(fault)?;
    let local = listener.local_addr().map_err(fault)?;
    Ok((listener, local))
}

/// Serves until the host stops.
pub async fn serve(host: Arc<Host>, listener: TcpListener) {
    let mut stop = host.supervisor.stop();
    let page = Page { host, wrong: Arc::default() };
    let router = Router::new()
        .route("/decide/{approval}/{person}/{token}", get(show).post(decide))
        .fallback(|| async { (StatusCode::NOT_FOUND, Html(html::message("Nothing here", &[]))) })
        .layer(DefaultBodyLimit::max(FORM_MAX))
        .layer(middleware::from_fn(guard))
        .with_state(page);
    let listener = Bounded::new(listener);
    let served = axum::serve(listener, router).with_graceful_shutdown(async move { stop.wait().await }).await;
    if let Err(error) = served {
        tracing::error!(%error, "serve the page");
    }
}

/// The headers of every answer: not cached, no referrer, no script, no frame.
async fn guard(request: Request, next: Next) -> Response {
    const HEADERS: [(HeaderName, &str); 5] = [
        (header::CACHE_CONTROL, "no-store"),
        (header::REFERRER_POLICY, "no-referrer"),
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (header::X_FRAME_OPTIONS, "DENY"),
        (
            header::CONTENT_SECURITY_POLICY,
            "default-src 'none'; style-src 'unsafe-inline'; form-action 'self'; frame-ancestors 'none'; base-uri 'none'",
        ),
    ];
    let mut response = next.run(request).await;
    for (name, value) in HEADERS {
        response.headers_mut().insert(name, HeaderValue::from_static(value));
    }
    response
}

/// The link's parts.
type Link = (String, String, String);

/// A link that was checked: the approval it is for and the person it was sent to.
struct Checked {
    row: ApprovalRow,
    person: PersonId,
}

impl Checked {
    fn binding(&self) -> Binding<'_> {
        Binding {
            approval: self.row.approval.id,
            recipient: &self.person,
            attempt: self.row.approval.attempt,
            content: self.row.approval.content.digest(),
        }
    }
}

/// A link that is wrong in any way gets the same answer: it is no oracle for what exists.
async fn check(page: &Page, (approval, person, token): Link) -> Result<Checked, Response> {
    let unknown = || {
        let lines = [
            "It was mistyped, belongs to another installation, or a newer mail took its place because \
             somebody else is asked now."
                .to_owned(),
            "`relhost approval list` shows what is asked.".to_owned(),
        ];
        (StatusCode::NOT_FOUND, Html(html::message("This link is not known", &lines))).into_response()
    };
    let (Ok(approval), Ok(person)) = (approval.parse::<ApprovalId>(), PersonId::new(person)) else {
        return Err(unknown());
    };
    let Ok(row) = approval::row(&page.host, approval).await else { return Err(unknown()) };
    let checked = Checked { row, person };
    if page.host.key.token_matches(checked.binding(), &token) { Ok(checked) } else { Err(unknown()) }
}

async fn show(State(page): State<Page>, Path(link): Path<Link>) -> Response {
    match check(&page, link).await {
        Ok(checked) => render(&page, &checked, Attempt::default(), StatusCode::OK).await,
        Err(response) => response,
    }
}

async fn render(page: &Page, checked: &Checked, attempt: Attempt<'_>, status: StatusCode) -> Response {
    let row = &checked.row;
    let Ok(facts) = approval::facts(&page.host, row, &checked.person).await else { return unreadable() };
    let text = match &row.decision {
        Some(decision) => {
            let words = format!("{} {} to {}", facts.pipeline, facts.version, facts.stage);
            let title = format!("Already {}: {words}", decision.resolution);
            let nothing_left = "There is nothing left to decide here.".to_owned();
            html::over(&facts, row, &title, &[html::end(decision), nothing_left])
        }
        None => html::form(&facts, row, Attempt { person: checked.person.as_str(), ..attempt }),
    };
    (status, Html(text)).into_response()
}

fn unreadable() -> Response {
    let lines = ["Try again in a minute, or decide on the command line.".to_owned()];
    let text = html::message("The state cannot be read at the moment", &lines);
    (StatusCode::INTERNAL_SERVER_ERROR, Html(text)).into_response()
}

async fn decide(State(page): State<Page>, Path(link): Path<Link>, request: Request) -> Response {
    let headers = request.headers();
    if headers.get("sec-fetch-site").is_some_and(|site| site != "same-origin" && site != "none") {
        return (StatusCode::FORBIDDEN, Html(html::message("Refused: this came from another site", &[])))
            .into_response();
    }
    let checked = match check(&page, link).await {
        Ok(checked) => checked,
        Err(response) => return response,
    };
    let form = match Form::of(request).await {
        Ok(form) => form,
        Err(response) => return response,
    };
    let (approve, content) = match form.read(&page.host.key, checked.binding(), &page.wrong) {
        Ok(read) => read,
        Err((problem, status)) => {
            let attempt = Attempt { problem: Some(&problem), comment: &form.comment, ..Attempt::default() };
            return render(&page, &checked, attempt, status).await;
        }
    };
    let caller = Caller { actor: Actor::Person(checked.person.clone()), via: "mail-link", act_as: None };
    let ballot = Ballot {
        approval: checked.row.approval.id,
        approve,
        comment: form.comment,
        content: Some(content),
        attempt: Some(checked.row.approval.attempt),
    };
    match approval::decide(&page.host, &caller, ballot).await {
        Ok(view) => decided(&page, Checked { row: view.row, ..checked }, approve).await,
        Err(failure) => refused(&failure),
    }
}

async fn decided(page: &Page, checked: Checked, approve: bool) -> Response {
    let word = if approve { "approved" } else { "rejected" };
    let row = &checked.row;
    let Ok(facts) = approval::facts(&page.host, row, &checked.person).await else { return unreadable() };
    let next = match &row.decision {
        Some(decision) => format!("The request is closed: {}.", decision.resolution),
        None => format!("Still needed: {}.", row.waiting_for),
    };
    let title = format!("You {word} {} {} to {}", facts.pipeline, facts.version, facts.stage);
    Html(html::over(&facts, row, &title, &[next, "You can close this page.".into()])).into_response()
}

fn refused(failure: &Failure) -> Response {
    let status = match failure.exit {
        Exit::NotAllowed | Exit::Refused => StatusCode::FORBIDDEN,
        Exit::Conflict => StatusCode::CONFLICT,
        Exit::Expired => StatusCode::GONE,
        Exit::Invalid => StatusCode::BAD_REQUEST,
        _ => StatusCode::INTERNAL_SERVER_ERROR,
    };
    let mut lines = vec![failure.message.clone()];
    lines.extend(failure.help.clone());
    (status, Html(html::message("Your decision was not counted", &lines))).into_response()
}
