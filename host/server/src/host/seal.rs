//! Keeps what this process holds in memory to itself: no core file, and no other process of the same user
//! that reads its memory. Secrets are in it while they are used.

use rustix::process::{Resource, Rlimit};

/// Set to anything: memory may be dumped and looked at, for somebody who hunts a defect of the host.
pub const UNSEALED: &str = "RELHOST_DUMPABLE";

/// Seals the process, unless it is asked not to. Programs that it starts are sealed no more than any other, but
/// inherit that they leave no core file.
pub fn seal() {
    if std::env::var_os(UNSEALED).is_some_and(|value| !value.is_empty()) {
        return;
    }
    // Lowering a limit of one's own is never refused; the hard limit stays for whoever is started from here.
    let hard = rustix::process::getrlimit(Resource::Core).maximum;
    let _unlimited = rustix::process::setrlimit(Resource::Core, Rlimit { current: Some(0), maximum: hard });
    // Where cores go to a program, the limit alone does not count.
    #[cfg(target_os = "linux")]
    let _dumpable = rustix::process::set_dumpable_behavior(rustix::process::DumpableBehavior::NotDumpable);
}
