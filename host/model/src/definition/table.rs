//! What a pipeline file may hold.

use crate::yaml::{Object, Rule, Shape, optional, required};

pub(crate) static PIPELINE: Object = Object {
    what: "a pipeline",
    keys: &[
        required("pipeline", "The pipeline's name.", Shape::Text),
        optional(
            "release-name",
            "The mask of release names. `$(Rev:r)` counts, `$(Date:yyyyMMdd)` is the day, other names are variables. Default: `Release-$(Rev:r)`.",
            Shape::Text,
        ),
        required(
            "artifacts",
            "What is released. The first one is the primary artifact: its build is read as `$(Build.*)`.",
            Shape::NonEmpty(&Shape::Object(&ARTIFACT)),
        ),
        optional(
            "variables",
            "Variables of the whole pipeline, used as `$(name)`. Names are compared without case.",
            Shape::Map(&Shape::Scalar),
        ),
        optional(
            "legacy-variables",
            "Leave `$(name)` in the text where nobody defines the name, as Azure does, instead of refusing it. Default: false.",
            Shape::Bool,
        ),
        optional(
            "plugins",
            "The components that stages and approvals use, by the names that are used in this file.",
            PLUGINS,
        ),
        required(
            "stages",
            "The stages in the order they are shown. When each starts is said by `after`.",
            Shape::NonEmpty(&Shape::Object(&STAGE)),
        ),
    ],
    rule: Rule::None,
};

pub(crate) const PLUGINS: Shape = Shape::Map(&Shape::Object(&PLUGIN));

static ARTIFACT: Object = Object {
    what: "an artifact",
    keys: &[
        required("alias", "The name of the artifact in this pipeline.", Shape::Text),
        optional("source", "Where it lies, relative to this file.", Shape::Object(&SOURCE)),
        optional("trigger", "When a new build makes a new release.", Shape::Object(&TRIGGER)),
    ],
    rule: Rule::None,
};

static SOURCE: Object = Object {
    what: "an artifact's source",
    keys: &[
        optional("directory", "A folder. A `build.yaml` in it carries the `$(Build.*)` values.", Shape::Text),
        optional("file", "A tar file (plain or gzip) or a zip file.", Shape::Text),
    ],
    rule: Rule::OneOf(&["directory", "file"]),
};

static TRIGGER: Object = Object {
    what: "a trigger",
    keys: &[optional(
        "branches",
        "The branches whose builds count: `main`, `features/*`, `*`; a leading `-` excludes. Left out: every branch.",
        Shape::List(&Shape::Text),
    )],
    rule: Rule::None,
};

static PLUGIN: Object = Object {
    what: "a plugin",
    keys: &[
        optional("bundled", "The name of a component that comes with the host.", Shape::Text),
        optional("path", "A component's file, relative to this file.", Shape::Text),
    ],
    rule: Rule::OneOf(&["bundled", "path"]),
};

pub(crate) static STAGE: Object = Object {
    what: "a stage",
    keys: &[
        required("name", "The stage's name.", Shape::Text),
        required(
            "environment",
            "Where it deploys to: an environment of the operator's configuration. Never inherited by a clone.",
            Shape::Text,
        ),
        optional(
            "after",
            "When it starts: `release` (with the release), `manual` (when somebody promotes the release), or the list of stages that must have succeeded. Only the first stage may leave it out, and starts with the release then. Never inherited by a clone.",
            Shape::Either(&[
                Shape::Text,
                Shape::List(&Shape::Either(&[Shape::Text, Shape::Object(&PREDECESSOR)])),
            ]),
        ),
        optional(
            "clone",
            "The stage this one is a copy of. What is written here is merged over it; null removes a key.",
            Shape::Text,
        ),
        optional("uses", "The stage plugin, by its name under `plugins`.", Shape::Text),
        optional("with", "The plugin's settings. The plugin says what it takes.", Shape::Settings),
        optional(
            "variables",
            "Variables of this stage; they win over the pipeline's.",
            Shape::Map(&Shape::Scalar),
        ),
        optional("approval", "Approvals before and after the stage's code.", Shape::Object(&APPROVALS)),
    ],
    rule: Rule::AnyOf(&["uses", "clone"]),
};

static PREDECESSOR: Object = Object {
    what: "a stage to wait for",
    keys: &[
        required("stage", "Its name.", Shape::Text),
        optional("partial", "Whether partially succeeded is enough. Default: false.", Shape::Bool),
    ],
    rule: Rule::None,
};

static APPROVALS: Object = Object {
    what: "`approval`",
    keys: &[
        optional("before", "Asked before the stage's code starts.", Shape::Object(&APPROVAL)),
        optional("after", "Asked after the stage's code has succeeded.", Shape::Object(&APPROVAL)),
    ],
    rule: Rule::None,
};

static APPROVAL: Object = Object {
    what: "an approval",
    keys: &[
        optional(
            "policy",
            "Who has to agree: a policy plugin, or a list of them, all of which must approve. Left out: any one approver is enough.",
            POLICY,
        ),
        optional(
            "approvers",
            "Who is asked: `ann`, or `group:qa-leads`. Left out: the environment's approvers.",
            Shape::List(&Shape::Text),
        ),
        optional("timeout", "When it expires. Default: 30d; at most 365d.", Shape::Span),
        optional("instructions", "What the approvers are asked to check.", Shape::Text),
    ],
    rule: Rule::None,
};

/// A policy by name, with settings, or several.
pub(crate) const POLICY: Shape =
    Shape::Either(&[Shape::Text, Shape::Object(&POLICY_USE), Shape::NonEmpty(&ONE_POLICY)]);
/// A policy by name or with settings.
pub(crate) static ONE_POLICY: Shape = Shape::Either(&[Shape::Text, Shape::Object(&POLICY_USE)]);

static POLICY_USE: Object = Object {
    what: "a policy",
    keys: &[
        required("use", "The policy plugin, by its name under `plugins`.", Shape::Text),
        optional("with", "The policy's settings.", Shape::Settings),
    ],
    rule: Rule::None,
};
