//! The program that libFuzzer drives: it gives each input to the target that `RELHOST_FUZZ_TARGET` names.
#![no_main]
#![allow(unsafe_code, reason = "libFuzzer calls a function of C with a pointer and a length")]

use std::sync::LazyLock;

static TARGET: LazyLock<String> =
    LazyLock::new(|| std::env::var("RELHOST_FUZZ_TARGET").expect("`cargo xtask fuzz` names a target"));

/// Called for each input. A panic cannot leave it: it ends the process, and libFuzzer keeps the input.
#[unsafe(no_mangle)]
pub extern "C" fn LLVMFuzzerTestOneInput(data: *const u8, size: usize) -> i32 {
    // SAFETY: libFuzzer passes the bytes of one input, which nobody changes meanwhile. An empty one may come as null.
    let data = if size == 0 { &[] } else { unsafe { std::slice::from_raw_parts(data, size) } };
    relhost_fuzz::run(&TARGET, data);
    0
}
