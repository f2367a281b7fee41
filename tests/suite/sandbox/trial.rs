//! One hostile plugin in a process that serves others: what it ends with, how long it takes, and what memory
//! the process holds for it at most.

use std::ffi::OsStr;
use std::time::{Duration, Instant};

use relhost_tests::program::{Ended, Place, Running};
use relhost_tests::pulse::{Felt, Pulse, peak_resident};
use serde_json::Value;

/// A release of a good plugin, on a machine that compiles something hostile meanwhile.
const GOOD: Duration = Duration::from_secs(240);

const MANIFEST: &str = "apiVersion: v1\nkind: ConfigMap\nmetadata: { name: web }\ndata: { a: b }\n";

const OPERATOR: &str = "state: .relhost
people: { ann: { mail: ann@example.com } }
mail: { from: relhost@example.com, outbox: outbox }
grants:
  - plugin: it
    stages: [\"*\"]
    allow: { deploy: {}, create-secret: {}, await-approval: {}, notify: {} }
";

/// Environments that are only rehearsed.
const REHEARSED: &str = "environments: { good: { namespace: good }, bad: { namespace: bad } }\n";

/// A plugin and what it is run with.
#[derive(Clone, Copy)]
pub struct Case {
    /// For messages.
    pub name: &'static str,
    /// The component.
    pub component: fn() -> Vec<u8>,
    /// Settings of its stage, YAML.
    pub with: &'static str,
    /// Further keys of the operator's file, YAML.
    pub operator: &'static str,
    /// What comes of it.
    pub ends: Ends,
    /// What a person is told.
    pub told: &'static str,
    /// The longest that it may take.
    pub within: Duration,
    /// The most that the process may grow by, in MiB.
    pub grows: u64,
}

/// What comes of a release.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ends {
    /// The stage succeeds.
    Succeeded,
    /// The stage fails with this code, and this budget if it has one.
    Failed(&'static str, &'static str),
    /// There is no release: the plugin is refused.
    Refused,
}

impl Ends {
    fn exit(self) -> i32 {
        match self {
            Self::Succeeded => 0,
            Self::Failed(..) => 3,
            Self::Refused => 2,
        }
    }
}

/// What was measured.
#[derive(Debug)]
pub struct Measured {
    /// How it ended for the one who asked.
    pub ended: Ended,
    /// How long that took.
    pub took: Duration,
    /// By how much the process grew at its peak, in MiB.
    pub grew: u64,
    /// What others felt of it.
    pub felt: Felt,
}

/// Runs a case. Also returns what it has promised and not kept.
pub fn run(case: &Case) -> (Measured, Vec<String>) {
    let place = prepare(&(case.component)(), case.with, &format!("{REHEARSED}{}", case.operator));
    let measured = beside_a_good_one(&place, &["run", "bad.yaml", "--rehearse"], case.within);
    let Measured { ended, took, grew, .. } = &measured;
    let mut broken = Vec::new();
    let mut check = |kept: bool, what: String| {
        if !kept {
            broken.push(format!("{}: {what}", case.name));
        }
    };
    check(ended.code == Some(case.ends.exit()), format!("{:?} {}", ended.code, tail(&ended.stderr)));
    check(ended.stderr.contains(case.told), format!("no `{}` in {}", case.told, tail(&ended.stderr)));
    check(*took <= case.within, format!("it took {took:?}"));
    check(*grew <= case.grows, format!("the process grew by {grew} MiB"));
    if let Ends::Failed(code, budget) = case.ends {
        let error = error_of(&place);
        check((error.0 == code) && (error.1 == budget), format!("it ended with {error:?}"));
    }
    (measured, broken)
}

/// The last lines of what may be a flood.
fn tail(text: &str) -> &str {
    let from = text.len().saturating_sub(1000);
    &text[text.ceil_char_boundary(from)..]
}

/// A folder where one plugin is the stage of the pipeline `bad`.
pub fn prepare(component: &[u8], with: &str, operator: &str) -> Place {
    let place = Place::new();
    let _manifests = place.write("app/manifests/web.yaml", MANIFEST);
    let _build = place.write("app/build.yaml", "id: \"1\"\nnumber: \"1.0\"\nbranch: main\n");
    std::fs::write(place.path().join("bad.wasm"), component).expect("write the component");
    let good = pipeline("good", "{ bundled: rolling-deploy }", "{ manifests: [manifests] }");
    let _good = place.write("good.yaml", &good);
    let _bad = place.write("bad.yaml", &pipeline("bad", "{ path: bad.wasm }", with));
    let _operator = place.write("relhost.yaml", &format!("{OPERATOR}{operator}\n"));
    place
}

fn pipeline(name: &str, plugin: &str, with: &str) -> String {
    let with = if with.is_empty() { "{}" } else { with };
    format!(
        "pipeline: {name}
artifacts:
  - alias: app
    source: {{ directory: ./app }}
plugins:
  it: {plugin}
stages:
  - {{ name: Only, environment: {name}, after: release, uses: it, with: {with} }}
"
    )
}

/// Starts the bad release, and while it is at it runs a good one to its end in the same process, which also
/// answers everybody.
pub fn beside_a_good_one(place: &Place, bad: &[&str], limit: Duration) -> Measured {
    let mut serving = place.start(&["serve", "--listen", "127.0.0.1:0"], &[]);
    serving.wait_for("the decide page is at");
    // What a release costs anyway is there before it is measured what a hostile one costs more.
    let _warm = good(place);
    let before = peak_resident(serving.id());
    let pulse = Pulse::of(&place.path().join(".relhost"));
    let started = Instant::now();
    let running = place.start(bad, &[]);
    let _beside = good(place);
    let ended = running.end(limit + GOOD);
    let took = started.elapsed();
    let grew = (peak_resident(serving.id()) - before).div_ceil(1024);
    let felt = pulse.end();
    assert!(felt.answers > 0, "somebody was answered");
    still_serves(place, serving);
    Measured { ended, took, grew, felt }
}

fn good(place: &Place) -> Ended {
    let no_environment: &[(&str, &OsStr)] = &[];
    place.start(&["run", "good.yaml", "--rehearse", "--new"], no_environment).end(GOOD).expect(0)
}

/// Nothing of it is left: the next release goes through, and the process ends when it is asked to.
fn still_serves(place: &Place, serving: Running) {
    let _after = good(place);
    let said = serving.said();
    assert!(!said.contains("panicked at"), "{said}");
    serving.terminate();
    let _ended = serving.end(GOOD);
}

/// The code and the budget of the error that the bad release ended with.
pub fn error_of(place: &Place) -> (String, String) {
    let release = place.run(&["release", "get", "bad/Release-1", "-o", "json"]).expect(0).json();
    let error = find_error(&release["events"]).unwrap_or_else(|| panic!("no error in {release:#}"));
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let details = error["details"].as_array().cloned().unwrap_or_default();
    let budget = details.iter().find(|detail| detail[0] == "budget");
    (text(&error["code"]), budget.map(|detail| text(&detail[1])).unwrap_or_default())
}

fn find_error(value: &Value) -> Option<&Value> {
    match value {
        Value::Object(fields) if fields.contains_key("code") && fields.contains_key("message") => Some(value),
        Value::Object(fields) => fields.values().find_map(find_error),
        Value::Array(items) => items.iter().find_map(find_error),
        _ => None,
    }
}
