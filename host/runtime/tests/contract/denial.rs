//! Every function of every power, as the contract lists them, is denied without a grant: at registration, by the
//! linker, and at the call itself even if the other two had let it through.

use std::sync::Arc;

use relhost_engine::port::{BoxFuture, CallStop, HostCalls};
use relhost_model::call::{Answer, CallError, DeployCall, HostCall, LogLine};
use relhost_model::config::Allow;
use relhost_model::digest::Digest;
use relhost_model::release::PluginKind;
use relhost_model::time::Timestamp;
use relhost_runtime::bindings::stage::StagePluginPre;
use relhost_runtime::fault::Who;
use relhost_runtime::grant::FREE;
use relhost_runtime::limits::Limits;
use relhost_runtime::request::ApprovalDraft;
use relhost_runtime::stage::{Stage, link};
use relhost_runtime::state::StageState;
use relhost_runtime::{Activation, Interface, PluginError, engine};
use wasmtime::component::{Component, Linker};
use wasmtime::{Engine, StoreContextMut};
use wit_parser::abi::{AbiVariant, FlatTypes, WasmType};
use wit_parser::{Function, FunctionKind, Handle, Resolve, Type, TypeDefKind};

use crate::contract::{Contract, imported, world};
use crate::fixture::{core_types, stage};
use crate::host::{context, everything, failed, name, sandbox};

/// A function of a power.
struct Row {
    interface: String,
    function: Function,
}

impl Row {
    fn power(&self) -> Interface {
        let power = Interface::ALL.into_iter().find(|power| power.import() == self.interface);
        power.unwrap_or_else(|| panic!("`{}` is in the contract and nobody can grant it", self.interface))
    }
}

impl std::fmt::Display for Row {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}#{}", self.interface, self.function.name)
    }
}

/// The table.
fn rows(resolve: &Resolve) -> Vec<Row> {
    let functions = imported(resolve, world(resolve, "stage-plugin"));
    let powers = functions.into_iter().filter(|(interface, _)| !FREE.contains(&interface.as_str()));
    powers.map(|(interface, function)| Row { interface, function }).collect()
}

/// The resource behind a parameter that is a handle.
fn resource(resolve: &Resolve, ty: &Type) -> Option<String> {
    let Type::Id(id) = ty else { return None };
    match &resolve.types[*id].kind {
        TypeDefKind::Handle(Handle::Own(of) | Handle::Borrow(of)) => {
            Some(resolve.types[*of].name.clone().expect("a resource has a name"))
        }
        _ => None,
    }
}

fn zeros(types: &[WasmType]) -> String {
    core_types(types).split_whitespace().map(|ty| format!("({ty}.const 0) ")).collect()
}

/// A component that makes one call, with empty arguments, and what it needs for it: a builder.
fn caller(resolve: &Resolve, row: &Row) -> Vec<u8> {
    let Row { interface, function } = row;
    let signature = resolve.wasm_signature(AbiVariant::GuestImport, function);
    let import = |field: &str, name: &str, params: &[WasmType], results: &[WasmType]| {
        format!(
            r#"(import "{interface}@0.1.0" "{field}" (func ${name} (param {}) (result {})))"#,
            core_types(params),
            core_types(results)
        )
    };
    let mut imports = import(&function.name, "call", &signature.params, &signature.results);
    let (mut body, mut arguments) = (String::new(), String::new());
    for param in &function.params {
        if let Some(resource) = resource(resolve, &param.ty) {
            let constructor = format!("[constructor]{resource}");
            let (_, make) = imported(resolve, world(resolve, "stage-plugin"))
                .into_iter()
                .find(|(of, function)| of == interface && function.name == constructor)
                .expect("a resource of a power has a constructor");
            let make = resolve.wasm_signature(AbiVariant::GuestImport, &make).params;
            imports.push_str(&import(&constructor, "make", &make, &[WasmType::I32]));
            body.push_str(&format!("(local.set $i (call $make {}))", zeros(&make)));
            arguments.push_str("(local.get $i)");
            continue;
        }
        let mut storage = [WasmType::I32; Resolve::MAX_FLAT_PARAMS];
        let mut flat = FlatTypes::new(&mut storage);
        assert!(resolve.push_flat(&param.ty, &mut flat), "{row} has few arguments");
        arguments.push_str(&zeros(&flat.to_vec()));
    }
    // What a call returns beyond one number is written there, and an error is returned as the stage's own.
    let place = if signature.retptr { "(global.get $ret)" } else { "" };
    let drops = "(drop)".repeat(signature.results.len());
    stage(&imports, &format!("{body} (call $call {arguments} {place}) {drops}"))
}

/// Refuses everything in its own words, so that a call which came through shows.
struct Refuses;

impl HostCalls for Refuses {
    fn call(&mut self, _: HostCall) -> BoxFuture<'_, Result<Answer, CallStop>> {
        Box::pin(async {
            Ok(Answer::Refused(CallError::permanent("came-through", "nothing stopped the call")))
        })
    }

    fn log(&mut self, _: LogLine) {}

    fn now(&self) -> Timestamp {
        Timestamp(0)
    }
}

/// Runs a component that was linked with everything, under what `allow` says.
async fn call(engine: &Engine, row: &Row, component: &[u8], allow: Allow) -> Activation {
    let limits = Limits::stage(&relhost_model::config::Limits::default());
    let who = Who { name: name("fixture"), digest: Digest::of(component) };
    let mut linker = link(engine, &everything()).unwrap();
    if !matches!(row.function.kind, FunctionKind::Constructor(_)) {
        hand_out_builders(&mut linker);
    }
    let component = Component::from_binary(engine, component).unwrap();
    let pre = StagePluginPre::new(linker.instantiate_pre(&component).unwrap()).unwrap();
    let stage = Stage { pre: &pre, who: &who, limits: &limits, allow: &Arc::new(allow) };
    stage.run(&context(), "seed", &mut Refuses).await
}

/// Puts constructors without a check over the real ones, so that what takes a builder is reached without a grant.
fn hand_out_builders(linker: &mut Linker<StageState>) {
    type Store<'a> = StoreContextMut<'a, StageState>;
    linker.allow_shadowing(true);
    let mut deploy = linker.instance("relhost:deploy/deploy@0.1.0").unwrap();
    let make = |mut store: Store<'_>, (): ()| Ok((store.data_mut().table.push(DeployCall::default())?,));
    deploy.func_wrap("[constructor]deployment-request", make).unwrap();
    let mut approval = linker.instance("relhost:approval/await-approval@0.1.0").unwrap();
    let make =
        |mut store: Store<'_>, (_,): (String,)| Ok((store.data_mut().table.push(ApprovalDraft::default())?,));
    approval.func_wrap("[constructor]approval-request", make).unwrap();
}

#[test]
fn the_table_has_every_power_and_every_journaled_call() {
    let resolve = Contract::current().parse();
    let rows = rows(&resolve);
    let powers: Vec<Interface> =
        Interface::ALL.into_iter().filter(|power| rows.iter().any(|row| row.power() == *power)).collect();
    assert_eq!(powers, Interface::ALL);
    for operation in HostCall::OPERATIONS {
        let operation = operation.replace("@0#", "#");
        assert!(rows.iter().any(|row| row.to_string() == operation), "{operation} is not in the contract");
    }
}

#[test]
fn without_a_grant_no_caller_is_registered() {
    let (resolve, sandbox) = (Contract::current().parse(), sandbox());
    for row in rows(&resolve) {
        let component = caller(&resolve, &row);
        let refused = sandbox.register(&name("fixture"), &component, PluginKind::Stage, &Allow::default());
        let Err(PluginError::NotGranted(refused)) = refused else { panic!("{row}: {refused:?}") };
        assert_eq!(refused.missing, [row.power()], "{row}");
        let line =
            format!("{{ plugin: fixture, stages: [\"*\"], allow: {{ {}: {{}} }} }}", row.power().name());
        assert!(refused.to_string().contains(&line), "{row}: {refused}");
        // It is the grant that is missing, and nothing else.
        sandbox.register(&name("fixture"), &component, PluginKind::Stage, &everything()).unwrap();
    }
}

#[test]
fn without_a_grant_no_caller_is_linked() {
    let resolve = Contract::current().parse();
    let engine = engine::stage(&Limits::stage(&relhost_model::config::Limits::default())).unwrap();
    for row in rows(&resolve) {
        let component = Component::from_binary(&engine, &caller(&resolve, &row)).unwrap();
        let linked = link(&engine, &Allow::default()).unwrap().instantiate_pre(&component);
        let Err(refused) = linked else { panic!("{row} was linked") };
        assert!(format!("{refused:#}").contains(&row.interface), "{row}: {refused:#}");
    }
}

#[tokio::test]
async fn without_a_grant_the_call_itself_is_denied() {
    let resolve = Contract::current().parse();
    let engine = engine::stage(&Limits::stage(&relhost_model::config::Limits::default())).unwrap();
    for row in rows(&resolve) {
        let component = caller(&resolve, &row);
        let error = failed(call(&engine, &row, &component, Allow::default()).await);
        assert_eq!(error.code, "denied", "{row}: {error:?}");
        assert!(error.message.contains(&format!("`{}` is not granted", row.power())), "{row}: {error:?}");
        // With the grant the same call comes through, or says what it lacks.
        let end = call(&engine, &row, &component, everything()).await;
        let denied = matches!(&end, Activation::Failed(error) if error.code == "denied" || error.code == "guest-fault");
        assert!(!denied, "{row}: {end:?}");
    }
}

#[tokio::test]
async fn one_grant_does_not_give_another() {
    let resolve = Contract::current().parse();
    let engine = engine::stage(&Limits::stage(&relhost_model::config::Limits::default())).unwrap();
    for row in rows(&resolve) {
        let mut allow = everything();
        match row.power() {
            Interface::Deploy => allow.deploy = None,
            Interface::CreateSecret => allow.create_secret = None,
            Interface::AwaitApproval => allow.await_approval = None,
            Interface::Notify => allow.notify = None,
        }
        let error = failed(call(&engine, &row, &caller(&resolve, &row), allow).await);
        assert_eq!(error.code, "denied", "{row}: {error:?}");
    }
}
