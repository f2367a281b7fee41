//! Stages: straight-line code that the host can stop at any host call and go on with later.

use crate::context::Context;
use crate::outcome::{Failure, Outcome};
use crate::settings::{self, Settings};

/// The logic of a stage.
///
/// It is called again from the start after every wait and every restart, and is then answered from the
/// journal. So it must be deterministic: the same context and the same answers lead to the same host calls.
/// Time comes from [`Context::now`] and randomness from [`Context::random`]; the sandbox offers no other. Of
/// the collections, `BTreeMap` keeps an order; the one of a `HashMap` depends on a seed.
pub trait Stage {
    /// What the pipeline may write under `with:`; [`NoSettings`](crate::settings::NoSettings) for nothing.
    type Settings: Settings;

    /// Runs the stage.
    ///
    /// # Errors
    /// If the stage could not do its work. `?` makes a [`Failure`] from any error.
    fn run(&self, ctx: &Context, settings: Self::Settings) -> Result<Outcome, Failure>;
}

/// What the host calls: reads the settings, runs the stage, and lets an outcome that came up through `?` be
/// one.
pub(crate) fn run<S: Stage>(stage: &S, ctx: &Context) -> Result<Outcome, Failure> {
    let settings = settings::parse(&ctx.settings_json())?;
    stage.run(ctx, settings).or_else(Failure::into_outcome)
}
