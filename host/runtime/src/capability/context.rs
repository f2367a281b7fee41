//! `relhost:context/run-context`

use wasmtime::component::Resource;

use super::actor;
use crate::bindings::stage::relhost::context::run_context;
use crate::bindings::stage::relhost::types::types::{Actor, ArtifactRef};
use crate::limits::{Exceeded, RANDOM_MAX};
use crate::request::ContextHandle;
use crate::state::StageState;

impl run_context::Host for StageState {}

type Handle = Resource<ContextHandle>;

impl run_context::HostRunContext for StageState {
    fn pipeline(&mut self, _: Handle) -> wasmtime::Result<String> {
        Ok(self.context.pipeline.clone())
    }

    fn release(&mut self, _: Handle) -> wasmtime::Result<String> {
        Ok(self.context.release.clone())
    }

    fn stage(&mut self, _: Handle) -> wasmtime::Result<String> {
        Ok(self.context.stage.clone())
    }

    fn environment(&mut self, _: Handle) -> wasmtime::Result<String> {
        Ok(self.context.environment.clone())
    }

    fn namespace(&mut self, _: Handle) -> wasmtime::Result<String> {
        Ok(self.context.namespace.clone())
    }

    fn attempt(&mut self, _: Handle) -> wasmtime::Result<u32> {
        Ok(self.context.attempt)
    }

    fn rehearsal(&mut self, _: Handle) -> wasmtime::Result<bool> {
        Ok(self.context.rehearsal)
    }

    fn requester(&mut self, _: Handle) -> wasmtime::Result<Actor> {
        Ok(actor(&self.context.requester))
    }

    fn artifact(&mut self, handle: Handle) -> wasmtime::Result<ArtifactRef> {
        let first = self.artifacts(handle)?.into_iter().next();
        first.ok_or_else(|| {
            wasmtime::Error::new(crate::fault::HostFault("the run's context has no artifact".into()))
        })
    }

    fn artifacts(&mut self, _: Handle) -> wasmtime::Result<Vec<ArtifactRef>> {
        let artifacts = self.context.artifacts.iter().map(|(alias, digest, version)| ArtifactRef {
            alias: alias.clone(),
            digest: digest.to_string(),
            version: version.clone(),
        });
        Ok(artifacts.collect())
    }

    fn variable(&mut self, _: Handle, name: String) -> wasmtime::Result<Option<String>> {
        Ok(self.context.variables.get(&name.to_lowercase()).cloned())
    }

    fn settings_json(&mut self, _: Handle) -> wasmtime::Result<String> {
        Ok(self.context.settings.clone())
    }

    fn previous_output(
        &mut self,
        _: Handle,
        stage: String,
        name: String,
    ) -> wasmtime::Result<Option<String>> {
        Ok(self.context.outputs.get(&stage).and_then(|outputs| outputs.get(&name)).cloned())
    }

    fn now(&mut self, _: Handle) -> wasmtime::Result<u64> {
        Ok(self.now.0)
    }

    fn random(&mut self, _: Handle, len: u32) -> wasmtime::Result<Vec<u8>> {
        if len > RANDOM_MAX {
            return Err(wasmtime::Error::new(Exceeded {
                budget: "random",
                observed: format!("it asked for {len} random bytes at once"),
                limit: format!("{RANDOM_MAX} bytes"),
            }));
        }
        Ok(self.random.take(len as usize))
    }

    fn drop(&mut self, _: Handle) -> wasmtime::Result<()> {
        Ok(())
    }
}
