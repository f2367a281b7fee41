//! Host calls that take their time: what waits is not billed, and what waits for ever is cut.

use std::time::Duration;

use relhost_tests::line::Line;
use relhost_tests::manifest::deployment;
use relhost_tests::shop::{Plan, RUN, Shop};
use relhost_tests::smtp::authority;
use relhost_tests::wire::Wire;

use super::trial::{beside_a_good_one, error_of, prepare};
use super::{SMALL, guest};

/// What the host gives a small call, and what a release takes besides on a machine that does other things too.
const CUT: Duration = Duration::from_secs(30 + 60);

#[test]
#[ignore = "needs components: cargo xtask test"]
fn a_cluster_that_never_answers_is_given_up() {
    let line = Line::silent();
    let access = format!("server: \"{}\", ca: {{ file: ca.pem }}, token: {{ file: token }}", line.url());
    is_cut(&access, "unreachable");
    assert!(line.calls() > 0, "the cluster was asked");
}

#[test]
#[ignore = "needs components: cargo xtask test"]
fn a_call_that_never_returns_is_cut_at_its_own_limit() {
    is_cut("kubeconfig: { file: kubeconfig, allow-exec: true }", "timeout");
}

/// The call to a cluster behind this access ends with an error of this code, and nobody else waits for it.
fn is_cut(access: &str, code: &str) {
    let operator = format!(
        "clusters: {{ hole: {{ {access}, namespace: x }} }}
environments: {{ good: {{ namespace: good }}, bad: {{ cluster: hole }} }}
registries: {{ company: {{ server: registry.example, user: robot, password: {{ file: token }} }} }}"
    );
    let with = "{ registry: company, secrets: [], manifests: [manifests] }";
    let place = prepare(&guest("keeps-secrets"), with, &operator);
    let _token = place.write("token", "not-a-token-of-anybody");
    let _ca = place.write("ca.pem", &authority());
    let _kubeconfig = place.write("kubeconfig", &hanging());
    let measured = beside_a_good_one(&place, &["run", "bad.yaml"], CUT);
    assert_eq!(measured.ended.code, Some(3), "{}", measured.ended.stderr);
    assert_eq!(error_of(&place).0, code, "{}", measured.ended.stderr);
    assert!(measured.took <= CUT, "{:?}", measured.took);
    assert!(measured.grew <= SMALL, "the process grew by {} MiB", measured.grew);
}

/// A kubeconfig whose program for credentials lives as long as this test.
fn hanging() -> String {
    let test = std::process::id();
    format!(
        "apiVersion: v1
kind: Config
current-context: it
clusters: [{{ name: it, cluster: {{ server: \"https://127.0.0.1:1\" }} }}]
users:
  - name: it
    user:
      exec:
        apiVersion: client.authentication.k8s.io/v1
        command: tail
        args: [\"--pid={test}\", \"-f\", \"/dev/null\"]
        interactiveMode: Never
contexts: [{{ name: it, context: {{ cluster: it, user: it }} }}]
"
    )
}

#[test]
#[ignore = "needs a control plane: cargo xtask test"]
fn waiting_for_a_cluster_costs_a_stage_nothing_of_its_cpu_time() {
    // One answer alone takes eight times the budget.
    let (delay, budget) = (Duration::from_secs(2), "250ms");
    let shop = Shop::planned(
        &deployment("web", "registry.example/shop:1", 1, ""),
        &Plan { operator: &format!("limits: {{ stage-cpu: {budget} }}"), ..Plan::default() },
    );
    let plane = shop.dev.namespace.plane();
    let wire = Wire::slow(plane, delay);
    shop.place.edit("keys/dev.kubeconfig", &plane.server, &wire.url);
    let ended = shop.place.start(&["run", "pipeline.yaml"], &[]).end(RUN).expect(0);
    assert!(wire.was_used(), "{}", ended.stderr);
}
