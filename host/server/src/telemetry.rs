//! What the host says about itself: lines on stderr, at a level that the caller or `RELHOST_LOG` sets.
//!
//! The HTTP client of the cluster adapter writes bodies and addresses at its lower levels, so its targets
//! stay at `error` whatever is asked for.

use tracing_subscriber::EnvFilter;

/// Starts writing. Only the first call counts.
pub fn start(verbose: u8) {
    let level = match verbose {
        0 => "warn",
        1 => "info",
        _ => "debug",
    };
    let asked = std::env::var("RELHOST_LOG").unwrap_or_else(|_| level.to_owned());
    let quiet =
        "kube=error,kube_client=error,kube_core=error,tower=error,hyper=error,hyper_util=error,rustls=error";
    let filter = EnvFilter::try_new(format!("{asked},{quiet}")).unwrap_or_else(|_| EnvFilter::new(level));
    let _already_started = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(std::io::stderr)
        .with_target(false)
        .try_init();
}
