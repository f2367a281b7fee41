//! What one attempt of a stage needs, resolved: variables, target, policies, and what is approved.

use std::collections::BTreeSet;

use relhost_model::approval::{Content, PolicyUse};
use relhost_model::call::CallError;
use relhost_model::config::{Config, Environment};
use relhost_model::digest::Digest;
use relhost_model::id::{DeploymentId, EnvironmentName, PersonId, PluginName, ReleaseId};
use relhost_model::pipeline::{ApprovalSpec, PolicySpec, Stage};
use relhost_model::release::{ApprovalPlan, DeploymentPlan, Mode, PluginKind, Reason, Snapshot};
use relhost_model::release_name::{self, NameFacts};
use relhost_model::variable::{
    ReleaseFacts, Scope, StageFacts, VariableError, Variables, of_release, predefined,
};

use crate::approval::{POLICY_DEFAULT, policy_digest};
use crate::release::{PlanRequest, ReleaseState};

/// The code of an approval that can never be given.
const TOO_FEW: &str = "too-few-approvers";
/// The connection that a rehearsal's content names.
const REHEARSAL: &str = "rehearsal";

/// Plans an attempt of a stage.
///
/// # Errors
/// If a variable is not defined, the environment does not exist or cannot be used, or nobody can approve
/// although somebody must.
pub fn for_state(
    state: &ReleaseState,
    config: &Config,
    request: &PlanRequest,
) -> Result<DeploymentPlan, CallError> {
    let mut snapshot = state.snapshot.clone();
    if let Some(artifacts) = &request.artifacts {
        snapshot.artifacts.clone_from(artifacts);
    }
    let stage = snapshot.pipeline.stage(&request.stage).cloned();
    let stage =
        stage.ok_or_else(|| CallError::permanent("unknown-stage", "the pipeline has no such stage"))?;
    Planner { state, snapshot: &snapshot, config, stage: &stage, request }.plan()
}

/// Plans every stage, so that a release is refused at its creation rather than at its last stage.
///
/// # Errors
/// The first stage that cannot be planned.
pub fn check_all(state: &ReleaseState, config: &Config) -> Result<(), CallError> {
    let triggered = state.snapshot.reason == Reason::ContinuousIntegration;
    for stage in &state.snapshot.pipeline.stages {
        let request = PlanRequest {
            stage: stage.name.clone(),
            attempt: 1,
            deployment: DeploymentId(0),
            by: state.snapshot.requester.clone(),
            artifacts: None,
        };
        match for_state(state, config, &request) {
            Ok(_) => {}
            // What a build sets off goes as far as it can.
            Err(error) if error.code == TOO_FEW && triggered => {}
            Err(mut error) => {
                error.message = format!("stage `{}`: {}", stage.name, error.message);
                return Err(error);
            }
        }
    }
    Ok(())
}

/// The name of a release.
///
/// # Errors
/// If the mask makes no name.
pub fn release_name(id: ReleaseId, snapshot: &Snapshot, counter: u64) -> Result<String, CallError> {
    let variables = Variables::for_pipeline(&snapshot.pipeline)
        .with(Scope::Predefined, of_release(&ReleaseFacts::of(id, snapshot)))
        .with(Scope::Pipeline, snapshot.pipeline.variables.clone())
        .with(Scope::Override, snapshot.overrides.clone());
    let facts = NameFacts { counter, at: snapshot.created_at, variables: &variables };
    release_name::render(&snapshot.pipeline.release_name, &facts)
        .map_err(|error| CallError::permanent("release-name", format!("the release name: {error}")))
}

/// Where an environment leads now: the connection's name and its namespace.
///
/// # Errors
/// If there is no such environment, or it has no connection and is not only rehearsed.
pub fn target(config: &Config, name: &EnvironmentName, mode: Mode) -> Result<(String, String), CallError> {
    let environment = environment(config, name)?;
    let connection = environment.cluster.as_ref().and_then(|cluster| config.clusters.get_key_value(cluster));
    match (mode, connection) {
        (Mode::Real, Some((cluster, connection))) => Ok((cluster.to_string(), connection.namespace.clone())),
        (Mode::Real, None) => Err(CallError::permanent(
            "no-connection",
            format!("environment `{name}` has no cluster connection"),
        )
        .with("help", "add `cluster:` to it in relhost.yaml, or run with --rehearse")),
        (Mode::Rehearsal, connection) => {
            let namespace = environment.namespace.clone();
            let namespace =
                namespace.or_else(|| connection.map(|(_, connection)| connection.namespace.clone()));
            Ok((REHEARSAL.to_owned(), namespace.unwrap_or_else(|| name.to_string())))
        }
    }
}

fn environment<'a>(config: &'a Config, name: &EnvironmentName) -> Result<&'a Environment, CallError> {
    config.environments.get(name).ok_or_else(|| {
        CallError::permanent("unknown-environment", format!("relhost.yaml has no environment `{name}`"))
            .with("help", format!("add `environments: {{ {name}: {{ cluster: NAME }} }}`"))
    })
}

struct Planner<'a> {
    state: &'a ReleaseState,
    snapshot: &'a Snapshot,
    config: &'a Config,
    stage: &'a Stage,
    request: &'a PlanRequest,
}

impl Planner<'_> {
    fn plan(&self) -> Result<DeploymentPlan, CallError> {
        let variables = self.variables();
        let undefined = |error: VariableError| variable_error(&error);
        let settings = variables.resolve_value(&self.stage.with).map_err(undefined)?;
        let resolved = variables.resolve_all().map_err(undefined)?;
        let environment = environment(self.config, &self.stage.environment)?;
        let (connection, namespace) = target(self.config, &self.stage.environment, self.snapshot.mode)?;
        let component = self.component(&self.stage.uses, PluginKind::Stage)?;
        let content = self.content(component, &settings, (&connection, &namespace));
        let before = self.before(environment, &variables, &content)?;
        let after = match &self.stage.approval.after {
            Some(spec) => Some(self.approval(spec, (environment, 0), &variables, &content)?),
            None => None,
        };
        Ok(DeploymentPlan {
            plugin: self.stage.uses.clone(),
            component,
            settings,
            variables: resolved,
            connection,
            namespace,
            artifacts: self.snapshot.artifacts.clone(),
            before,
            after,
            demanded: self.uses(&environment.policies, true, &variables)?,
            requester_may_approve: environment.requester_may_approve,
            content,
        })
    }

    fn variables(&self) -> Variables {
        let stages = self.snapshot.pipeline.stages.iter();
        let attempts = stages.filter_map(|stage| self.state.latest(&stage.name));
        let statuses = attempts.map(|latest| (latest.stage.clone(), latest.status())).collect();
        let mut release = ReleaseFacts::of(self.state.id, self.snapshot);
        let person = release.requester.person().and_then(|person| self.config.people.get(person));
        release.requester_mail = person.and_then(|person| person.mail.as_deref());
        let stage = StageFacts {
            stage: &self.stage.name,
            deployment: self.request.deployment,
            attempt: self.request.attempt,
            requester: &self.request.by,
            statuses: &statuses,
        };
        Variables::for_pipeline(&self.snapshot.pipeline)
            .with(Scope::Predefined, predefined(&release, &stage))
            .with(Scope::Pipeline, self.snapshot.pipeline.variables.clone())
            .with(Scope::Stage, self.stage.variables.clone())
            .with(Scope::Override, self.snapshot.overrides.clone())
    }

    fn component(&self, name: &PluginName, kind: PluginKind) -> Result<Digest, CallError> {
        let pinned = self.snapshot.components.get(name).ok_or_else(|| {
            CallError::permanent("unknown-plugin", format!("the release has no plugin `{name}`")).with(
                "help",
                format!("add it to the pipeline: `plugins: {{ {name}: {{ bundled: {name} }} }}`"),
            )
        })?;
        if pinned.kind != kind {
            let text = format!("plugin `{name}` is a {} plugin and is used as a {kind}", pinned.kind);
            return Err(CallError::permanent("wrong-kind", text));
        }
        Ok(pinned.digest)
    }

    /// The component of a policy that the environment demands. The pipeline's plugin of the same name is not
    /// it: a pipeline cannot lower what the environment demands.
    fn demanded(&self, name: &PluginName) -> Result<Digest, CallError> {
        let pinned = self.snapshot.demanded.get(name).ok_or_else(|| {
            let environment = &self.stage.environment;
            let text = format!(
                "environment `{environment}` demands the policy `{name}`, which the release was made without"
            );
            CallError::permanent("policy-not-pinned", text)
                .with("help", "make a new release: `relhost run --new`")
        })?;
        Ok(pinned.digest)
    }

    fn content(
        &self,
        component: Digest,
        settings: &serde_json::Value,
        (connection, namespace): (&str, &str),
    ) -> Content {
        let files = self.snapshot.artifacts.iter().flat_map(|artifact| {
            artifact.files.iter().map(|file| (format!("{}/{}", artifact.alias, file.path), file.digest))
        });
        Content {
            artifacts: files.collect(),
            component,
            settings: Digest::of_value(settings),
            connection: connection.to_owned(),
            namespace: namespace.to_owned(),
            policy: policy_digest(&[], &[]),
            pipeline_revision: self.snapshot.pipeline.revision,
            journal: None,
        }
    }

    /// The approval before the code: the pipeline's, and what the environment demands on top of it.
    fn before(
        &self,
        environment: &Environment,
        variables: &Variables,
        content: &Content,
    ) -> Result<Option<ApprovalPlan>, CallError> {
        let from_environment = || ApprovalSpec {
            policies: Vec::new(),
            approvers: environment.approvers.clone(),
            timeout: relhost_model::approval::TIMEOUT_DEFAULT,
            instructions: String::new(),
        };
        let spec = match &self.stage.approval.before {
            Some(spec) => spec.clone(),
            None if environment.demands_approval() => from_environment(),
            None => return Ok(None),
        };
        self.approval(&spec, (environment, environment.approvals_min), variables, content).map(Some)
    }

    fn uses(
        &self,
        named: &[PolicySpec],
        from_environment: bool,
        variables: &Variables,
    ) -> Result<Vec<PolicyUse>, CallError> {
        let one = |policy: &PolicySpec| {
            Ok(PolicyUse {
                plugin: policy.plugin.clone(),
                component: match from_environment {
                    true => self.demanded(&policy.plugin)?,
                    false => self.component(&policy.plugin, PluginKind::Policy)?,
                },
                settings: variables.resolve_value(&policy.with).map_err(|error| variable_error(&error))?,
                from_environment,
            })
        };
        named.iter().map(one).collect()
    }

    /// An approval that too few may give would wait until it expires.
    fn can_be_approved(
        &self,
        people: &BTreeSet<PersonId>,
        (environment, approvals_min): (&Environment, u32),
    ) -> Result<(), CallError> {
        let snapshot = self.snapshot;
        let requesters = [&snapshot.requester, &self.request.by].into_iter().chain(&snapshot.requested_for);
        let requested = |person: &PersonId| requesters.clone().any(|actor| actor.person() == Some(person));
        let may = |person: &&PersonId| environment.requester_may_approve || !requested(person);
        let (wanted, able) = (approvals_min.max(1) as usize, people.iter().filter(may).count());
        if able >= wanted {
            return Ok(());
        }
        let text = format!(
            "environment `{}` wants approvals of {wanted}, and of those who are asked only {able} may approve",
            self.stage.environment
        );
        Err(CallError::permanent(TOO_FEW, text).with(
            "help",
            "whoever requested it may not: name more `approvers:`, or allow `requester-may-approve` there",
        ))
    }

    fn approval(
        &self,
        spec: &ApprovalSpec,
        (environment, approvals_min): (&Environment, u32),
        variables: &Variables,
        content: &Content,
    ) -> Result<ApprovalPlan, CallError> {
        let default = || PolicySpec {
            plugin: PluginName::new(POLICY_DEFAULT).expect("a plain word is a plugin name"),
            with: serde_json::Value::Null,
        };
        let default = [default()];
        let own = if spec.policies.is_empty() { &default[..] } else { &spec.policies };
        let mut policies = self.uses(own, false, variables)?;
        policies.extend(self.uses(&environment.policies, true, variables)?);
        let approvers =
            if spec.approvers.is_empty() { environment.approvers.clone() } else { spec.approvers.clone() };
        let people: BTreeSet<PersonId> =
            approvers.iter().flat_map(|approver| self.config.members(approver)).collect();
        if people.is_empty() {
            let text =
                format!("environment `{}` wants an approval, and nobody is asked", self.stage.environment);
            return Err(CallError::permanent("no-approvers", text).with(
                "help",
                "name `approvers:` in the stage's approval, or in the environment in relhost.yaml",
            ));
        }
        self.can_be_approved(&people, (environment, approvals_min))?;
        let mut content = content.clone();
        content.policy = policy_digest(&policies, &approvers);
        Ok(ApprovalPlan {
            policies,
            approvers,
            approvals_min,
            requester_may_approve: environment.requester_may_approve,
            timeout: spec.timeout,
            instructions: variables.resolve(&spec.instructions).map_err(|error| variable_error(&error))?,
            content,
        })
    }
}

fn variable_error(error: &VariableError) -> CallError {
    let refused = CallError::permanent("variable", error.to_string());
    match error.help() {
        Some(help) => refused.with("help", help),
        None => refused,
    }
}
