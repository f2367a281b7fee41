//! Log lines: [`Context::log`](crate::context::Context::log) with fields, or the macros [`info!`](crate::info)
//! and its kin, which also work in policies.
//!
//! A line is shown to people who follow the release. Logging needs no grant, and a line that is written
//! again in a replay is not shown twice.
//!
//! ```
//! use relhost_sdk::mock::MockHost;
//! use relhost_sdk::prelude::*;
//!
//! let host = MockHost::new();
//! let ctx = host.context();
//! ctx.log().field("service", "web").info("has an address");
//! warn!("{} of {} replicas are ready", 2, 3; workload = "Deployment/web");
//!
//! let lines = host.lines();
//! assert_eq!(lines[0].fields, [("service".to_owned(), "web".to_owned())]);
//! assert_eq!(lines[1].message, "2 of 3 replicas are ready");
//! ```

use std::fmt;

use crate::host::{Active, Host};

pub use crate::host::record::{Level, LogLine};

/// A log line that is being put together.
#[derive(Debug, Clone, Default)]
#[must_use = "a line is written by `debug`, `info`, `warn` or `error`"]
pub struct Log {
    fields: Vec<(String, String)>,
}

impl Log {
    /// A line without fields.
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds a fact.
    pub fn field(mut self, name: impl Into<String>, value: impl fmt::Display) -> Self {
        self.fields.push((name.into(), value.to_string()));
        self
    }

    /// Writes the line for the plugin's author.
    pub fn debug(self, message: impl Into<String>) {
        self.write(Level::Debug, message);
    }

    /// Writes the line for anybody who follows the release.
    pub fn info(self, message: impl Into<String>) {
        self.write(Level::Info, message);
    }

    /// Writes the line as one that is worth a look.
    pub fn warn(self, message: impl Into<String>) {
        self.write(Level::Warn, message);
    }

    /// Writes the line as an error.
    pub fn error(self, message: impl Into<String>) {
        self.write(Level::Error, message);
    }

    /// Writes the line.
    pub fn write(self, level: Level, message: impl Into<String>) {
        Active::log(&LogLine { level, message: message.into(), fields: self.fields });
    }
}

/// Writes a line for the plugin's author: a format string and its arguments, then fields after a semicolon.
#[macro_export]
macro_rules! debug {
    ($($line:tt)+) => { $crate::__line!(Debug, [] $($line)+) };
}

/// Writes a line for anybody who follows the release: a format string and its arguments, then fields after a
/// semicolon, as in `info!("applied {n} objects"; deployment = id)`.
#[macro_export]
macro_rules! info {
    ($($line:tt)+) => { $crate::__line!(Info, [] $($line)+) };
}

/// Writes a line that is worth a look: a format string and its arguments, then fields after a semicolon.
#[macro_export]
macro_rules! warn {
    ($($line:tt)+) => { $crate::__line!(Warn, [] $($line)+) };
}

/// Writes a line about what could not be done: a format string and its arguments, then fields after a
/// semicolon.
#[macro_export]
macro_rules! error {
    ($($line:tt)+) => { $crate::__line!(Error, [] $($line)+) };
}

/// Splits the tokens of a line at the semicolon.
#[doc(hidden)]
#[macro_export]
macro_rules! __line {
    ($level:ident, [$($text:tt)+]) => {
        $crate::log::Log::new().write($crate::log::Level::$level, format!($($text)+))
    };
    ($level:ident, [$($text:tt)+] ; $($name:ident = $value:expr),+ $(,)?) => {
        $crate::log::Log::new()
            $(.field(stringify!($name), &$value))+
            .write($crate::log::Level::$level, format!($($text)+))
    };
    ($level:ident, [$($text:tt)*] $next:tt $($rest:tt)*) => {
        $crate::__line!($level, [$($text)* $next] $($rest)*)
    };
}
