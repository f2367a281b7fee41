//! What the operator's configuration may hold.

use crate::definition::table::{PLUGINS, POLICY};
use crate::yaml::{Key, Object, Rule, Shape, optional, required};

/// Interfaces that a grant can allow, in the order of the contract.
pub(super) const INTERFACES: &[Key] = &[
    optional("deploy", "Apply manifests and wait for them.", Shape::Object(&DEPLOY)),
    optional("create-secret", "Create Kubernetes secrets.", Shape::Object(&CREATE_SECRET)),
    optional("await-approval", "Ask people from inside the code.", Shape::Object(&AWAIT_APPROVAL)),
    optional("notify", "Send messages.", Shape::Object(&NOTIFY)),
];

pub(crate) static CONFIG: Object = Object {
    what: "the configuration",
    keys: &[
        optional(
            "state",
            "The state folder: database, key, socket, caches. Default: `.relhost`.",
            Shape::Text,
        ),
        optional("listen", "Where the decide page listens, for example `127.0.0.1:8080`.", Shape::Text),
        optional("public-url", "What mails link to, for example `https://relhost.example`.", Shape::Text),
        optional("pipelines", "The pipeline files that `serve` watches.", Shape::List(&Shape::Text)),
        optional("people", "People by id.", Shape::Map(&Shape::Object(&PERSON))),
        optional("groups", "Groups of people.", Shape::Map(&Shape::List(&Shape::Text))),
        optional("mail", "How mail leaves.", Shape::Object(&MAIL)),
        optional(
            "clusters",
            "Connections to clusters, each confined to one namespace.",
            Shape::Map(&Shape::Object(&CLUSTER)),
        ),
        optional("registries", "Connections to image registries.", Shape::Map(&Shape::Object(&REGISTRY))),
        optional("secrets", "Named secrets for generic Kubernetes secrets.", Shape::Map(&Shape::Secret)),
        optional("environments", "Targets with their demands.", Shape::Map(&Shape::Object(&ENVIRONMENT))),
        optional(
            "plugins",
            "Where the policies that environments demand come from. A name that is missing here is the bundled plugin of that name, never a plugin of the pipeline.",
            PLUGINS,
        ),
        optional("grants", "What plugins may do.", Shape::List(&Shape::Object(&GRANT))),
        optional("limits", "Limits that differ from the built-in ones.", Shape::Object(&LIMITS)),
    ],
    rule: Rule::None,
};

static PERSON: Object = Object {
    what: "a person",
    keys: &[
        optional("mail", "Where mail goes.", Shape::Text),
        optional("os-user", "The operating-system user who is this person.", Shape::Text),
    ],
    rule: Rule::None,
};

static MAIL: Object = Object {
    what: "`mail`",
    keys: &[
        required("from", "The sender's address.", Shape::Text),
        optional("smtp", "A mail server.", Shape::Object(&SMTP)),
        optional("outbox", "A folder that gets one `.eml` file per message.", Shape::Text),
    ],
    rule: Rule::OneOf(&["smtp", "outbox"]),
};

pub(super) const TLS_WORDS: &[&str] = &["starttls", "tls", "none"];

static SMTP: Object = Object {
    what: "`smtp`",
    keys: &[
        required("host", "Host name.", Shape::Text),
        optional(
            "port",
            "Default: 587 with starttls, 465 with tls, 25 with none.",
            Shape::Whole { max: 65_535 },
        ),
        optional("tls", "How the connection is protected. Default: starttls.", Shape::Word(TLS_WORDS)),
        optional("user", "User name for AUTH.", Shape::Text),
        optional("password", "Password for AUTH.", Shape::Secret),
        optional(
            "ca",
            "A PEM file of a certificate authority that is trusted besides the system's.",
            Shape::Text,
        ),
    ],
    rule: Rule::None,
};

static CLUSTER: Object = Object {
    what: "a cluster connection",
    keys: &[
        required("namespace", "The only namespace it may touch.", Shape::Text),
        optional("kubeconfig", "A kubeconfig, read when it is used.", Shape::Object(&KUBECONFIG)),
        optional("server", "The API server's URL, together with `ca` and `token`.", Shape::Text),
        optional("ca", "The certificate authority, PEM.", Shape::Secret),
        optional("token", "A service account's token.", Shape::Secret),
        optional("in-cluster", "`true`: the service account of the pod that the host runs in.", Shape::Bool),
        optional(
            "cluster-kinds",
            "Cluster-scoped kinds that are allowed all the same: `Namespace`, `rbac.authorization.k8s.io/ClusterRole`.",
            Shape::List(&Shape::Text),
        ),
        optional(
            "dry-run",
            "`false`: apply without a dry run of every object first. Half the requests, but an object that the server \
             refuses is found when others are applied already.",
            Shape::Bool,
        ),
    ],
    rule: Rule::OneOf(&["kubeconfig", "server", "in-cluster"]),
};

static KUBECONFIG: Object = Object {
    what: "`kubeconfig`",
    keys: &[
        optional("file", "Its file.", Shape::Text),
        optional("env", "The environment variable that holds its text.", Shape::Text),
        optional("context", "A context in it. Default: its current one.", Shape::Text),
        optional(
            "allow-exec",
            "Allow it to run credential programs and to refer to files. Default: false.",
            Shape::Bool,
        ),
    ],
    rule: Rule::OneOf(&["file", "env"]),
};

static REGISTRY: Object = Object {
    what: "a registry connection",
    keys: &[
        required("server", "For example `example.azurecr.io`.", Shape::Text),
        required("user", "User name.", Shape::Text),
        required("password", "Password or token.", Shape::Secret),
        optional("email", "A mail address, which old registries want.", Shape::Text),
    ],
    rule: Rule::None,
};

static ENVIRONMENT: Object = Object {
    what: "an environment",
    keys: &[
        optional("cluster", "The cluster connection. Left out: it can only be rehearsed.", Shape::Text),
        optional("namespace", "The namespace of a rehearsal, where there is no cluster.", Shape::Text),
        optional(
            "approvals-min",
            "At least so many people must approve before a stage's code starts. Default: 0.",
            Shape::Whole { max: 100 },
        ),
        optional(
            "requester-may-approve",
            "Whether the vote of whoever asked for the release counts. Default: false.",
            Shape::Bool,
        ),
        optional(
            "approvers",
            "Asked if the pipeline names nobody: `ann`, `group:ops`.",
            Shape::List(&Shape::Text),
        ),
        optional("policies", "Policies that are added to the pipeline's.", POLICY),
    ],
    rule: Rule::None,
};

static GRANT: Object = Object {
    what: "a grant",
    keys: &[
        required("plugin", "The plugin's name; one `*` stands for any part.", Shape::Text),
        required("stages", "Names of stages; one `*` stands for any part.", Shape::NonEmpty(&Shape::Text)),
        required(
            "allow",
            "The interfaces, each with its rules. `{}` does not restrict.",
            Shape::Object(&ALLOW),
        ),
    ],
    rule: Rule::None,
};

static ALLOW: Object = Object { what: "`allow`", keys: INTERFACES, rule: Rule::None };

static DEPLOY: Object = Object {
    what: "`deploy`",
    keys: &[optional(
        "kinds",
        "Kinds that may be applied, for example `Deployment`. Left out: every kind.",
        Shape::NonEmpty(&Shape::Text),
    )],
    rule: Rule::None,
};

static CREATE_SECRET: Object = Object {
    what: "`create-secret`",
    keys: &[
        optional(
            "names",
            "Names of Kubernetes secrets; one `*` stands for any part.",
            Shape::NonEmpty(&Shape::Text),
        ),
        optional("registries", "Registry connections that may be used.", Shape::NonEmpty(&Shape::Text)),
        optional("secrets", "Named secrets that may be used.", Shape::NonEmpty(&Shape::Text)),
    ],
    rule: Rule::None,
};

static AWAIT_APPROVAL: Object = Object {
    what: "`await-approval`",
    keys: &[optional(
        "approvers",
        "Who may be asked: `ann`, `group:ops`, `group:*`.",
        Shape::NonEmpty(&Shape::Text),
    )],
    rule: Rule::None,
};

static NOTIFY: Object = Object {
    what: "`notify`",
    keys: &[optional(
        "channels",
        "Who may get messages: `requester`, `ann`, `group:ops`, `group:*`.",
        Shape::NonEmpty(&Shape::Text),
    )],
    rule: Rule::None,
};

static LIMITS: Object = Object {
    what: "`limits`",
    keys: &[
        optional("stage-memory-mib", "Memory of a stage's code, in MiB.", Shape::Whole { max: 4096 }),
        optional("stage-cpu", "CPU time of one activation of a stage, for example `5s`.", Shape::Span),
        optional("journal-records", "Records in one run's journal.", Shape::Whole { max: 1_000_000 }),
        optional("artifact-mib", "Total size of an artifact's files, in MiB.", Shape::Whole { max: 102_400 }),
    ],
    rule: Rule::None,
};
