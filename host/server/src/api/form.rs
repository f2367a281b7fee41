//! The form of the decide page: its fields, and whether its code is right.

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};

use axum::extract::{self, FromRequest as _, Request};
use axum::http::StatusCode;
use axum::response::{IntoResponse as _, Response};
use relhost_model::digest::Digest;
use relhost_model::id::{ApprovalId, PersonId};
use serde::Deserialize;

use crate::token::{Binding, Key};

/// Wrong codes per approval and person, until the owner is restarted. A code has 30 bits.
pub const WRONG_CODES_MAX: u32 = 10;

/// How many wrong codes were given.
#[derive(Debug, Default)]
pub struct WrongCodes(Mutex<BTreeMap<(ApprovalId, PersonId), u32>>);

/// The form's fields.
#[derive(Debug, Deserialize)]
pub struct Form {
    decision: String,
    code: String,
    /// Why; for people.
    #[serde(default)]
    pub comment: String,
    content: String,
}

impl Form {
    /// Takes the fields out of a request.
    ///
    /// # Errors
    /// The answer to what is no form, or not this one.
    pub async fn of(request: Request) -> Result<Self, Response> {
        let form = extract::Form::from_request(request, &()).await;
        form.map(|extract::Form(form)| form).map_err(|rejection| rejection.into_response())
    }

    /// What it says, if its code is right: approve or not, and the content that was shown.
    ///
    /// # Errors
    /// What is wrong with it, for the person who sent it.
    pub fn read(
        &self,
        key: &Key,
        binding: Binding<'_>,
        wrong: &WrongCodes,
    ) -> Result<(bool, Digest), (String, StatusCode)> {
        let approve = match self.decision.as_str() {
            "approve" => true,
            "reject" => false,
            _ => return Err(("Choose approve or reject.".into(), StatusCode::BAD_REQUEST)),
        };
        let damaged = |_| ("The form is damaged; decide again.".to_owned(), StatusCode::BAD_REQUEST);
        let content = self.content.parse::<Digest>().map_err(damaged)?;
        wrong.check(key, binding, &self.code).map_err(|problem| (problem, StatusCode::FORBIDDEN))?;
        Ok((approve, content))
    }
}

impl WrongCodes {
    fn check(&self, key: &Key, binding: Binding<'_>, code: &str) -> Result<(), String> {
        let mut wrong = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let count = wrong.entry((binding.approval, binding.recipient.clone())).or_default();
        if *count >= WRONG_CODES_MAX {
            return Err("Too many wrong codes. Decide on the command line.".into());
        }
        if key.code_matches(binding, code) {
            return Ok(());
        }
        *count += 1;
        Err("That is not the code of this mail. It stands below the button in the mail and has six characters."
            .into())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn form(code: &str) -> Form {
        let (decision, content) = ("approve".to_owned(), Digest::of(b"shown").to_string());
        Form { decision, code: code.to_owned(), comment: String::new(), content }
    }

    #[test]
    fn a_code_cannot_be_guessed_for_ever() {
        let folder = tempfile::tempdir().unwrap();
        let key = Key::load(&folder.path().join("key")).unwrap();
        let (ann, bob) = (PersonId::new("ann").unwrap(), PersonId::new("bob").unwrap());
        let content = Digest::of(b"shown");
        let binding = |recipient| Binding { approval: ApprovalId(7), recipient, attempt: 1, content };
        let (wrong, right) = (WrongCodes::default(), key.code(binding(&ann)));
        for _ in 1..WRONG_CODES_MAX {
            assert_eq!(form("").read(&key, binding(&ann), &wrong).unwrap_err().1, StatusCode::FORBIDDEN);
        }
        assert_eq!(form(&right).read(&key, binding(&ann), &wrong), Ok((true, content)));
        assert!(form("").read(&key, binding(&ann), &wrong).is_err());
        assert!(
            form(&right).read(&key, binding(&ann), &wrong).is_err(),
            "after {WRONG_CODES_MAX} wrong ones"
        );
        let others = key.code(binding(&bob));
        assert!(
            form(&others).read(&key, binding(&bob), &wrong).is_ok(),
            "another person has tries of their own"
        );
    }
}
