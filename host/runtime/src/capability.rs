//! The contract's interfaces on the host's side, one file each: words of the contract to words of the
//! domain and back, and the call. Nothing else.

use relhost_model::actor::Actor;
use relhost_model::call::{Answer, CallError};

use crate::bindings::stage::relhost::types::types as wit;
use crate::fault::HostFault;

pub mod approval;
pub mod context;
pub mod deploy;
pub mod log;
pub mod notify;
pub mod secrets;

impl wit::Host for crate::state::StageState {}

/// The contract's error.
#[must_use]
pub fn error(error: CallError) -> wit::Error {
    wit::Error {
        code: error.code,
        message: error.message,
        retryable: error.retryable,
        details: error.details,
    }
}

/// The contract's actor. A user of the operating system whom the configuration does not know is a person
/// whose id nobody else can have.
#[must_use]
pub fn actor(actor: &Actor) -> wit::Actor {
    let kind = match actor {
        Actor::Person(_) | Actor::OsUser(_) => wit::ActorKind::Person,
        Actor::Service(_) => wit::ActorKind::Service,
    };
    let id = match actor {
        Actor::Person(person) => person.to_string(),
        Actor::Service(name) => name.clone(),
        Actor::OsUser(_) => actor.to_string(),
    };
    wit::Actor { id, kind }
}

/// An answer of the wrong kind is the host's fault.
fn mismatch(operation: &str, answer: &Answer) -> wasmtime::Error {
    let kind = match answer {
        Answer::Deployed(_) => "a deployment",
        Answer::Rollout(_) => "a rollout",
        Answer::Secret(_) => "a secret",
        Answer::Decision(_) => "a decision",
        Answer::Message(_) => "a message",
        Answer::Refused(_) => "a refusal",
    };
    wasmtime::Error::new(HostFault(format!("`{operation}` was answered with {kind}")))
}

/// A call whose arguments make no sense. It is refused before it takes an ordinal, and always in the same way.
fn invalid(code: &str, message: impl Into<String>) -> wit::Error {
    error(CallError::permanent(code, message))
}
