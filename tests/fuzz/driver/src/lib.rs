//! Nothing: built for the `libfuzzer.a` that its dependency makes. `cargo xtask fuzz` links it.
