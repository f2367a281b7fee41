//! What the process holds in memory stays there: whatever ends it, it leaves no core.

use std::ffi::OsStr;

use relhost_tests::canary::Canary;
use relhost_tests::program::Place;

const OPERATOR: &str = "state: .relhost
people: { ann: { mail: ann@example.com } }
mail: { from: relhost@example.com, outbox: outbox }
secrets: { license: { file: license } }
environments: { dev: { namespace: dev } }
";

/// Ends the program as a defect would, with every limit of the system out of the way. Returns the cores that it
/// has left.
fn cores(canary: &Canary, environment: &[(&str, &OsStr)]) -> Vec<Vec<u8>> {
    let place = Place::new();
    let _operator = place.write("relhost.yaml", OPERATOR);
    let _license = place.write("license", &canary.secret);
    let mut serving = place.start(&["serve", "--listen", "127.0.0.1:0"], environment);
    serving.wait_for("the decide page is at");
    serving.allow_cores();
    serving.abort();
    let files = std::fs::read_dir(place.path()).expect("read the folder").filter_map(Result::ok);
    let cores = files.filter(|file| file.file_name().to_string_lossy().starts_with("core"));
    cores.map(|file| std::fs::read(file.path()).expect("read a core")).collect()
}

#[test]
fn the_host_leaves_no_core() {
    let canary = Canary::new("license");
    assert_eq!(cores(&canary, &[]).len(), 0, "a core was written");
    // Where this machine writes cores at all, one that is asked for has the secret in it.
    let pattern = std::fs::read_to_string("/proc/sys/kernel/core_pattern").expect("the system says");
    if !pattern.starts_with(['|', '/']) {
        let cores = cores(&canary, &[("RELHOST_DUMPABLE", OsStr::new("1"))]);
        let holds =
            |core: &Vec<u8>| core.windows(canary.secret.len()).any(|bytes| bytes == canary.secret.as_bytes());
        assert!(cores.iter().any(holds), "{} cores, and none holds the secret", cores.len());
    }
}
