//! `relhost:deploy/deploy`

use relhost_model::call::{Answer, Change, DeployCall, Deployed, HostCall, Rollout, WaitCall};
use wasmtime::component::Resource;

use super::{error, mismatch};
use crate::bindings::stage::relhost::deploy::deploy;
use crate::bindings::stage::relhost::types::types::{Error, SecretRef};
use crate::console::clean_line;
use crate::grant::Interface;
use crate::limits::SENTENCE_MAX;
use crate::state::StageState;

type Builder = Resource<DeployCall>;

impl deploy::Host for StageState {
    async fn deploy(&mut self, request: Builder) -> wasmtime::Result<Result<deploy::Deployment, Error>> {
        let call = self.table.delete(request)?;
        self.release(held(&call));
        match self.perform(HostCall::Deploy(call)).await? {
            Ok(Answer::Deployed(deployed)) => Ok(Ok(deployment(deployed))),
            Ok(other) => Err(mismatch("deploy", &other)),
            Err(refused) => Ok(Err(error(refused))),
        }
    }

    async fn wait(
        &mut self,
        deployment: String,
        timeout_seconds: u32,
    ) -> wasmtime::Result<Result<deploy::Rollout, Error>> {
        let deployment = clean_line(&deployment, SENTENCE_MAX);
        match self.perform(HostCall::Wait(WaitCall { deployment, timeout_seconds })).await? {
            Ok(Answer::Rollout(rolled_out)) => Ok(Ok(rollout(rolled_out))),
            Ok(other) => Err(mismatch("wait", &other)),
            Err(refused) => Ok(Err(error(refused))),
        }
    }
}

impl deploy::HostDeploymentRequest for StageState {
    fn new(&mut self) -> wasmtime::Result<Builder> {
        self.check_use(Interface::Deploy)?;
        Ok(self.table.push(DeployCall::default())?)
    }

    fn add_manifest(&mut self, builder: Builder, path: String) -> wasmtime::Result<()> {
        add(self, &builder, &path, |call| &mut call.manifests)
    }

    fn add_image(&mut self, builder: Builder, image: String) -> wasmtime::Result<()> {
        add(self, &builder, &image, |call| &mut call.images)
    }

    fn add_pull_secret(&mut self, builder: Builder, secret: SecretRef) -> wasmtime::Result<()> {
        add(self, &builder, &secret.name, |call| &mut call.pull_secrets)
    }

    fn drop(&mut self, builder: Builder) -> wasmtime::Result<()> {
        let call = self.table.delete(builder)?;
        self.release(held(&call));
        Ok(())
    }
}

/// What an entry of a list costs besides its text.
const ENTRY: usize = size_of::<String>();

fn held(call: &DeployCall) -> usize {
    let lists = [&call.manifests, &call.images, &call.pull_secrets];
    lists.into_iter().flatten().map(|text| text.len() + ENTRY).sum()
}

fn add(
    state: &mut StageState,
    builder: &Builder,
    text: &str,
    list: fn(&mut DeployCall) -> &mut Vec<String>,
) -> wasmtime::Result<()> {
    state.check_use(Interface::Deploy)?;
    let text = clean_line(text, SENTENCE_MAX);
    state.hold(text.len() + ENTRY)?;
    list(state.table.get_mut(builder)?).push(text);
    Ok(())
}

fn deployment(deployed: Deployed) -> deploy::Deployment {
    let objects = deployed.objects.into_iter().map(|object| deploy::AppliedObject {
        api_version: object.api_version,
        kind: object.kind,
        name: object.name,
        change: match object.change {
            Change::Created => deploy::Change::Created,
            Change::Configured => deploy::Change::Configured,
            Change::Unchanged => deploy::Change::Unchanged,
        },
    });
    deploy::Deployment { id: deployed.id, objects: objects.collect(), warnings: deployed.warnings }
}

fn rollout(rollout: Rollout) -> deploy::Rollout {
    let addresses = rollout.addresses.into_iter();
    let addresses =
        addresses.map(|found| deploy::ServiceAddress { service: found.service, address: found.address });
    let images = rollout.images.into_iter().map(|image| deploy::RunningImage {
        workload: image.workload,
        container: image.container,
        image: image.image,
        digest: image.digest,
    });
    deploy::Rollout { addresses: addresses.collect(), images: images.collect(), warnings: rollout.warnings }
}
