//! The command line of each program.

use std::path::Path;
use std::process::Command;

use super::certificates::{CA, CONTROLLERS, KWOK, SCHEDULER, SERVER, TOKENS, certificate, key};
use super::layout::Layout;
use super::programs::{Program, Programs};

/// Services get their cluster addresses from here.
const SERVICES: &str = "10.0.0.0/16";
/// Pods get theirs from here.
const PODS: &str = "10.244.0.0/16";
const LOOPBACK: &str = "127.0.0.1";

/// The ports of a cluster.
pub struct Ports {
    pub etcd: u16,
    pub etcd_peer: u16,
    pub apiserver: u16,
    pub controllers: u16,
    pub scheduler: u16,
    pub kwok: u16,
}

/// What every command line is made of.
pub struct Launch<'a> {
    pub layout: &'a Layout,
    pub programs: &'a Programs,
    pub ports: &'a Ports,
    /// `tests/support/cluster/`.
    pub data: &'a Path,
}

impl Launch<'_> {
    /// The store. It does not wait for the disk: a test cluster has nothing to lose.
    pub fn etcd(&self) -> Command {
        let client = format!("http://{LOOPBACK}:{}", self.ports.etcd);
        let peer = format!("http://{LOOPBACK}:{}", self.ports.etcd_peer);
        let mut command = self.program(Program::Etcd);
        option(&mut command, "data-dir", self.layout.etcd());
        option(&mut command, "listen-client-urls", &client);
        option(&mut command, "advertise-client-urls", &client);
        option(&mut command, "listen-peer-urls", &peer);
        option(&mut command, "initial-advertise-peer-urls", &peer);
        option(&mut command, "initial-cluster", format!("default={peer}"));
        command.arg("--unsafe-no-fsync");
        command
    }

    /// The API. The audit log is written before a request is answered, so that a test that has seen the
    /// answer finds the line; and it is never rotated away.
    pub fn apiserver(&self) -> Command {
        let mut command = self.program(Program::KubeApiserver);
        option(&mut command, "etcd-servers", format!("http://{LOOPBACK}:{}", self.ports.etcd));
        self.secure_server(&mut command, self.ports.apiserver);
        option(&mut command, "tls-cert-file", self.certificate(&certificate(SERVER)));
        option(&mut command, "tls-private-key-file", self.certificate(&key(SERVER)));
        option(&mut command, "client-ca-file", self.certificate(CA));
        option(&mut command, "kubelet-certificate-authority", self.certificate(CA));
        option(&mut command, "service-account-key-file", self.certificate(&certificate(TOKENS)));
        option(&mut command, "service-account-signing-key-file", self.certificate(&key(TOKENS)));
        option(&mut command, "service-account-issuer", "https://kubernetes.default.svc");
        option(&mut command, "authorization-mode", "Node,RBAC");
        option(&mut command, "service-cluster-ip-range", SERVICES);
        option(&mut command, "endpoint-reconciler-type", "none");
        option(&mut command, "audit-policy-file", self.data.join("audit-policy.yaml"));
        option(&mut command, "audit-log-path", self.layout.audit_log());
        option(&mut command, "audit-log-mode", "blocking");
        option(&mut command, "audit-log-maxsize", "10000");
        command.arg("--allow-privileged");
        command
    }

    /// The controllers, each with a service account of its own, as in a real cluster. Those that need a
    /// cloud or a node network are off. The usual limit of 20 requests a second would make all of it slow.
    pub fn controllers(&self) -> Command {
        let mut command = self.program(Program::KubeControllerManager);
        self.secure_server(&mut command, self.ports.controllers);
        self.client(&mut command, CONTROLLERS.user);
        option(&mut command, "root-ca-file", self.certificate(CA));
        option(&mut command, "service-account-private-key-file", self.certificate(&key(TOKENS)));
        option(
            &mut command,
            "controllers",
            "*,-node-ipam-controller,-persistentvolume-attach-detach-controller",
        );
        command.arg("--use-service-account-credentials");
        command
    }

    /// The scheduler.
    pub fn scheduler(&self) -> Command {
        let mut command = self.program(Program::KubeScheduler);
        self.secure_server(&mut command, self.ports.scheduler);
        self.client(&mut command, SCHEDULER.user);
        command
    }

    /// All nodes at once, and their kubelets.
    pub fn kwok(&self) -> Command {
        let mut command = self.program(Program::Kwok);
        option(&mut command, "kubeconfig", self.layout.kubeconfig(KWOK.user));
        option(&mut command, "config", self.layout.stages());
        option(&mut command, "manage-all-nodes", "true");
        option(&mut command, "enable-crds", "Logs");
        option(&mut command, "cidr", PODS);
        option(&mut command, "node-ip", LOOPBACK);
        option(&mut command, "node-port", self.ports.kwok.to_string());
        option(&mut command, "server-address", format!("{LOOPBACK}:{}", self.ports.kwok));
        option(&mut command, "tls-cert-file", self.certificate(&certificate(SERVER)));
        option(&mut command, "tls-private-key-file", self.certificate(&key(SERVER)));
        option(&mut command, "node-lease-duration-seconds", "40");
        command
    }

    fn program(&self, program: Program) -> Command {
        let mut command = Command::new(self.programs.path(program));
        command.current_dir(self.layout.dir());
        command
    }

    fn secure_server(&self, command: &mut Command, port: u16) {
        option(command, "bind-address", LOOPBACK);
        option(command, "secure-port", port.to_string());
        option(command, "cert-dir", self.layout.certificates());
    }

    fn client(&self, command: &mut Command, user: &str) {
        option(command, "kubeconfig", self.layout.kubeconfig(user));
        option(command, "leader-elect", "false");
        option(command, "kube-api-qps", "1000");
        option(command, "kube-api-burst", "1000");
    }

    fn certificate(&self, name: &str) -> std::path::PathBuf {
        self.layout.certificate(name)
    }
}

fn option(command: &mut Command, name: &str, value: impl AsRef<std::ffi::OsStr>) {
    let mut word = std::ffi::OsString::from(format!("--{name}="));
    word.push(value.as_ref());
    command.arg(word);
}
