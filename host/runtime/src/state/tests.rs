//! What is counted and drawn while a stage runs.

use futures::FutureExt as _;
use relhost_model::call::NotifyCall;
use relhost_model::config::{self, NotifyRule};
use relhost_model::digest::Digest;
use relhost_model::id::PersonId;

use super::*;

fn limits() -> Limits {
    Limits::stage(&config::Limits::default())
}

fn state(allow: Allow) -> (StageState, Exchange) {
    let context = RunContext {
        pipeline: "shop".into(),
        release: "Release-7".into(),
        stage: "Dev".into(),
        environment: "dev".into(),
        namespace: "shop-dev".into(),
        attempt: 1,
        rehearsal: true,
        requester: relhost_model::actor::Actor::Person(PersonId::new("ann").unwrap()),
        artifacts: vec![("app".into(), Digest::of(b"app"), "42".into())],
        variables: [].into(),
        settings: "{}".into(),
        outputs: [].into(),
    };
    let start = Start { context: &context, seed: "seed", now: Timestamp(1), allow: Arc::new(allow) };
    let exchange = Exchange::default();
    (StageState::new(start, &limits(), (&exchange, &Stopwatch::new(limits().cpu))), exchange)
}

#[test]
fn random_bytes_depend_on_the_seed_and_on_what_was_drawn() {
    let draw = |seed: &str, lens: &[usize]| {
        let mut random = Random::new(seed);
        lens.iter().map(|len| random.take(*len)).collect::<Vec<_>>()
    };
    assert_eq!(draw("a", &[5, 40, 0, 1]), draw("a", &[5, 40, 0, 1]));
    assert_eq!(draw("a", &[40])[0].len(), 40);
    assert_ne!(draw("a", &[32]), draw("b", &[32]));
    let drawn = draw("a", &[32, 32]);
    assert_ne!(drawn[0], drawn[1]);
    // Golden: a replay on a later host has to see the same.
    assert_eq!(hex::encode(&draw("seed", &[8])[0]), "1a30d3c0635d49b5");
}

#[test]
fn what_a_builder_gives_back_may_be_held_again() {
    let (mut state, _) = state(Allow::default());
    state.hold(STAGE_TRANSFER).unwrap();
    let error = state.hold(1).unwrap_err();
    assert_eq!(error.downcast_ref::<Exceeded>().unwrap().budget, "transfer");
    state.release(STAGE_TRANSFER + 1);
    state.hold(STAGE_TRANSFER).unwrap();
    state.release(usize::MAX);
    assert_eq!(state.held, 0);
}

#[test]
fn a_call_that_is_denied_never_reaches_the_host() {
    let call = || {
        HostCall::Notify(NotifyCall { channel: "ann".into(), subject: String::new(), body: String::new() })
    };
    let rule = NotifyRule { channels: vec!["requester".into()] };
    for allow in [Allow::default(), Allow { notify: Some(rule), ..Allow::default() }] {
        let (mut state, _) = state(allow);
        let at_once = state.perform(call()).now_or_never().expect("nobody is asked");
        assert_eq!(at_once.unwrap().unwrap_err().code, "denied");
    }
}

#[tokio::test]
async fn a_call_that_the_host_does_not_answer_ends_the_activation() {
    let (mut state, exchange) = state(Allow { notify: Some(NotifyRule::default()), ..Allow::default() });
    exchange.answer(None);
    let call =
        HostCall::Notify(NotifyCall { channel: "ann".into(), subject: String::new(), body: String::new() });
    assert!(state.perform(call).await.unwrap_err().is::<Stopped>());
}

#[test]
fn an_answer_fits_or_is_a_refusal() {
    let message = |len: usize| Answer::Message("x".repeat(len));
    assert!(sized(message(RESULT_MAX / 2)).is_ok());
    assert_eq!(sized(message(RESULT_MAX)).unwrap_err().code, "answer-too-large");
    let refused = CallError::permanent("no", "x".repeat(RESULT_MAX));
    assert_eq!(sized(Answer::Refused(refused.clone())).unwrap_err(), refused);
}
