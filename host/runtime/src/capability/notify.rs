//! `relhost:notify/notify`

use relhost_model::call::{Answer, HostCall, NotifyCall};

use super::{error, invalid, mismatch};
use crate::bindings::stage::relhost::notify::notify;
use crate::bindings::stage::relhost::types::types::Error;
use crate::console::{clean, clean_line};
use crate::grant::Interface;
use crate::limits::{BODY_MAX, SENTENCE_MAX, SUBJECT_MAX};
use crate::state::StageState;

impl notify::Host for StageState {
    async fn send(
        &mut self,
        channel: String,
        message: notify::Message,
    ) -> wasmtime::Result<Result<String, Error>> {
        self.check_use(Interface::Notify)?;
        let subject = clean_line(&message.subject, SENTENCE_MAX);
        if subject.chars().count() > SUBJECT_MAX {
            let problem = format!("the subject is longer than {SUBJECT_MAX} characters");
            return Ok(Err(invalid("invalid-message", problem)));
        }
        let body = clean(&message.body);
        if body.len() > BODY_MAX {
            return Ok(Err(invalid("invalid-message", format!("the body is longer than {BODY_MAX} bytes"))));
        }
        let channel = clean_line(&channel, SENTENCE_MAX);
        match self.perform(HostCall::Notify(NotifyCall { channel, subject, body })).await? {
            Ok(Answer::Message(id)) => Ok(Ok(id)),
            Ok(other) => Err(mismatch("send", &other)),
            Err(refused) => Ok(Err(error(refused))),
        }
    }
}
