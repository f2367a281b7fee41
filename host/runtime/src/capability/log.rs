//! `relhost:log/log`

use relhost_model::call::LogLevel;

use crate::bindings::stage::relhost::log::log;
use crate::state::StageState;

impl log::Host for StageState {
    fn log(
        &mut self,
        level: log::Level,
        message: String,
        fields: Vec<(String, String)>,
    ) -> wasmtime::Result<()> {
        let level = match level {
            log::Level::Debug => LogLevel::Debug,
            log::Level::Info => LogLevel::Info,
            log::Level::Warn => LogLevel::Warn,
            log::Level::Error => LogLevel::Error,
        };
        self.console.log(level, &message, &fields);
        Ok(())
    }

    fn report_panic(&mut self, message: String) -> wasmtime::Result<()> {
        self.console.panic(&message);
        Ok(())
    }
}
