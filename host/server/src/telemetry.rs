//! What the host says about itself: lines on stderr, at a level that the caller or `RELHOST_LOG` sets.

use std::io::IsTerminal as _;

use tracing::level_filters::LevelFilter;
use tracing_subscriber::filter::filter_fn;
use tracing_subscriber::layer::SubscriberExt as _;
use tracing_subscriber::util::SubscriberInitExt as _;
use tracing_subscriber::{EnvFilter, Layer as _};

/// The most that a library may write, whatever is asked for. The clients of clusters and mail servers write
/// bodies, addresses and logins below `error`; the compiler writes megabytes per component below `warn`.
const CEILINGS: [(&str, LevelFilter); 12] = [
    ("kube", LevelFilter::ERROR),
    ("kube_client", LevelFilter::ERROR),
    ("kube_core", LevelFilter::ERROR),
    ("tower", LevelFilter::ERROR),
    ("hyper", LevelFilter::ERROR),
    ("hyper_util", LevelFilter::ERROR),
    ("rustls", LevelFilter::ERROR),
    ("lettre", LevelFilter::ERROR),
    ("cranelift_codegen", LevelFilter::WARN),
    ("regalloc2", LevelFilter::WARN),
    ("wasmtime", LevelFilter::WARN),
    ("wasmparser", LevelFilter::WARN),
];

/// Starts writing. Only the first call counts.
pub fn start(verbose: u8) {
    let level = match verbose {
        0 => "warn",
        1 => "info",
        _ => "debug",
    };
    let asked = std::env::var("RELHOST_LOG").unwrap_or_else(|_| level.to_owned());
    let filter = EnvFilter::try_new(asked).unwrap_or_else(|_| EnvFilter::new(level));
    // Without the hint every record of the compiler, of which there are millions, is made to be thrown away.
    let most = filter.max_level_hint().unwrap_or(LevelFilter::TRACE);
    let under_ceiling =
        filter_fn(|metadata| *metadata.level() <= ceiling(metadata.target())).with_max_level_hint(most);
    let plain = std::env::var_os("NO_COLOR").is_some_and(|value| !value.is_empty());
    let lines = tracing_subscriber::fmt::layer()
        .with_ansi(!plain && std::io::stderr().is_terminal())
        .with_writer(std::io::stderr)
        .with_target(false)
        .with_filter(filter)
        .with_filter(under_ceiling);
    let _already_started = tracing_subscriber::registry().with(lines).try_init();
}

/// The most that a target may write.
fn ceiling(target: &str) -> LevelFilter {
    let library = target.split("::").next().unwrap_or(target);
    CEILINGS.iter().find(|(name, _)| *name == library).map_or(LevelFilter::TRACE, |(_, ceiling)| *ceiling)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_library_stays_under_its_ceiling_and_the_host_has_none() {
        assert_eq!(ceiling("kube_client::client::body"), LevelFilter::ERROR);
        assert_eq!(ceiling("lettre"), LevelFilter::ERROR);
        assert_eq!(ceiling("wasmtime::runtime"), LevelFilter::WARN);
        assert_eq!(ceiling("kubes"), LevelFilter::TRACE);
        assert_eq!(ceiling("relhost::dispatch"), LevelFilter::TRACE);
    }
}
