//! `approval ...`.

use clap::{Args, Subcommand};
use relhost_model::approval::{Approver, Resolution};
use relhost_model::digest::Digest;
use relhost_model::id::{ApprovalId, PersonId};

use super::session::{Session, close, unexpected};
use super::show;
use crate::exit::{Exit, Failure};
use crate::owner::Backend;
use crate::protocol::{ApprovalView, ReleaseRef, Reply, Request};

/// See approvals and decide them.
#[derive(Debug, Subcommand)]
pub enum Approval {
    /// List open approvals
    List {
        /// Closed ones too
        #[arg(long)]
        all: bool,
        /// Of this release only
        #[arg(long)]
        release: Option<String>,
    },
    /// Show one approval
    Get {
        /// The approval
        approval: ApprovalId,
    },
    /// Approve
    #[command(after_help = "Examples:
  relhost approval approve apr-3 --comment 'smoke tests are green'
  relhost approval approve apr-3 --as carol        in a rehearsal")]
    Approve(Decide),
    /// Reject
    #[command(after_help = "Example:
  relhost approval reject apr-3 --comment 'the smoke tests are red'")]
    Reject(Decide),
    /// Ask somebody else instead
    Reassign(Reassign),
}

/// A decision.
#[derive(Debug, Args)]
pub struct Decide {
    /// The approval
    approval: ApprovalId,
    /// Why
    #[arg(long, default_value = "")]
    comment: String,
    /// Decide only if the content still has this digest
    #[arg(long)]
    content: Option<Digest>,
    /// Decide as this person; in rehearsals only
    #[arg(long = "as", value_name = "PERSON")]
    act_as: Option<PersonId>,
}

/// Somebody else.
#[derive(Debug, Args)]
#[command(after_help = "Example:
  relhost approval reassign apr-3 --to dave --to group:ops --comment 'carol is away'")]
pub struct Reassign {
    /// The approval
    approval: ApprovalId,
    /// A person or `group:NAME`; may be repeated
    #[arg(long, required = true)]
    to: Vec<Approver>,
    /// Why
    #[arg(long, default_value = "")]
    comment: String,
    /// Act as this person; in rehearsals only
    #[arg(long = "as", value_name = "PERSON")]
    act_as: Option<PersonId>,
}

/// Runs the command.
///
/// # Errors
/// What the use case says.
pub async fn run(session: &Session<'_>, command: Approval) -> Result<Exit, Failure> {
    let backend = session.ask().await?;
    let ended = answer(session, &backend, command).await;
    close(backend).await;
    ended
}

async fn answer(session: &Session<'_>, backend: &Backend, command: Approval) -> Result<Exit, Failure> {
    match command {
        Approval::List { all, release } => {
            let request = Request::Approvals { open: !all, release: release.map(ReleaseRef) };
            let Reply::Approvals(found) = backend.call(None, request).await? else {
                return Err(unexpected());
            };
            let views = session.ui.readable(found);
            session.ui.result(&views, || show::approval::list(session.ui, &views));
            Ok(Exit::Done)
        }
        Approval::Get { approval } => {
            let Reply::Approval(view) = backend.call(None, Request::Approval(approval)).await? else {
                return Err(unexpected());
            };
            session.ui.result(&view, || show::approval::detail(session.ui, &view));
            Ok(Exit::Done)
        }
        Approval::Approve(decide) => decided(session, backend, decide, true).await,
        Approval::Reject(decide) => decided(session, backend, decide, false).await,
        Approval::Reassign(Reassign { approval, to, comment, act_as }) => {
            let request = Request::Reassign { approval, to, comment };
            let Reply::Approval(view) = backend.call(act_as, request).await? else {
                return Err(unexpected());
            };
            session.ui.result(&view, || show::approval::detail(session.ui, &view));
            Ok(Exit::Done)
        }
    }
}

async fn decided(
    session: &Session<'_>,
    backend: &Backend,
    decide: Decide,
    approve: bool,
) -> Result<Exit, Failure> {
    let Decide { approval, comment, content, act_as } = decide;
    let request = Request::Decide { approval, approve, comment, content };
    let Reply::Decided(view) = backend.call(act_as, request).await? else { return Err(unexpected()) };
    session.ui.result(&view, || sentence(&view, approve));
    if backend.host().is_some() && view.row.decision.is_some() {
        session.ui.hint(&format!(
            "nobody runs it at the moment; go on with: relhost resume {}{}",
            view.row.approval.release,
            session.again(None)
        ));
    }
    Ok(Exit::Done)
}

fn sentence(view: &ApprovalView, approve: bool) -> String {
    let word = if approve { "approved" } else { "rejected" };
    match &view.row.decision {
        Some(decision) if decision.resolution == Resolution::Approved || !approve => {
            format!("{word}; {} is {}", view.id, decision.resolution)
        }
        Some(decision) => format!("{word}; {} is {}: {}", view.id, decision.resolution, decision.reason),
        None => format!("{word}; {} still needs: {}", view.id, view.row.waiting_for),
    }
}
