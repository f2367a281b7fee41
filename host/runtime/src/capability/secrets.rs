//! `relhost:secrets/create-secret`

use relhost_model::call::{Answer, DockerRegistryCall, GenericSecretCall, HostCall};
use relhost_model::id::{InvalidId, RegistryName, SecretName};

use super::{error, invalid, mismatch};
use crate::bindings::stage::relhost::secrets::create_secret;
use crate::bindings::stage::relhost::types::types::{Error, SecretRef};
use crate::console::clean_line;
use crate::grant::Interface;
use crate::limits::SENTENCE_MAX;
use crate::state::StageState;

impl create_secret::Host for StageState {
    async fn docker_registry(
        &mut self,
        name: String,
        registry: String,
    ) -> wasmtime::Result<Result<SecretRef, Error>> {
        self.check_use(Interface::CreateSecret)?;
        let registry = match RegistryName::new(registry) {
            Ok(registry) => registry,
            Err(problem) => return Ok(Err(invalid("invalid-secret", problem.to_string()))),
        };
        let name = clean_line(&name, SENTENCE_MAX);
        secret(self, HostCall::DockerRegistrySecret(DockerRegistryCall { name, registry })).await
    }

    async fn generic(
        &mut self,
        name: String,
        entries: Vec<create_secret::Entry>,
    ) -> wasmtime::Result<Result<SecretRef, Error>> {
        self.check_use(Interface::CreateSecret)?;
        let entries = entries
            .into_iter()
            .map(|entry| Ok((clean_line(&entry.key, SENTENCE_MAX), SecretName::new(entry.secret)?)));
        let entries = match entries.collect::<Result<Vec<_>, InvalidId>>() {
            Ok(entries) => entries,
            Err(problem) => return Ok(Err(invalid("invalid-secret", problem.to_string()))),
        };
        let name = clean_line(&name, SENTENCE_MAX);
        secret(self, HostCall::GenericSecret(GenericSecretCall { name, entries })).await
    }
}

async fn secret(state: &mut StageState, call: HostCall) -> wasmtime::Result<Result<SecretRef, Error>> {
    match state.perform(call).await? {
        Ok(Answer::Secret(name)) => Ok(Ok(SecretRef { name })),
        Ok(other) => Err(mismatch("create-secret", &other)),
        Err(refused) => Ok(Err(error(refused))),
    }
}
