//! What the process holds in memory stays there: whatever ends it, it leaves no core.

use std::ffi::OsStr;
use std::os::unix::fs::MetadataExt as _;
use std::path::PathBuf;

use relhost_tests::canary::Canary;
use relhost_tests::program::{Place, Running};

const OPERATOR: &str = "state: .relhost
people: { ann: { mail: ann@example.com } }
mail: { from: relhost@example.com, outbox: outbox }
secrets: { license: { file: license } }
environments: { dev: { namespace: dev } }
";

fn serve(place: &Place, canary: &Canary, environment: &[(&str, &OsStr)]) -> Running {
    let _operator = place.write("relhost.yaml", OPERATOR);
    let _license = place.write("license", &canary.secret);
    let mut serving = place.start(&["serve", "--listen", "127.0.0.1:0"], environment);
    serving.wait_for("the decide page is at");
    serving
}

/// Holds what the system knows of the program, wherever it would write a core to.
fn is_sealed(serving: &Running) {
    const CORES: &str = "Max core file size";
    let process = PathBuf::from("/proc").join(serving.id().to_string());
    let limits = std::fs::read_to_string(process.join("limits")).expect("the system says");
    let cores = limits.lines().find_map(|line| line.strip_prefix(CORES)).expect("cores have a limit");
    // The limit that counts stands first, before the one up to which it may be raised.
    assert_eq!(cores.split_whitespace().next(), Some("0"), "{limits}");
    // What may not be dumped belongs to root, so that its user cannot read it. A test of root's shows nothing here.
    let owner = std::fs::metadata(process.join("environ")).expect("it runs").uid();
    assert_eq!(owner, 0, "its user may look into its memory");
}

/// Ends the program as a defect would, with every limit of the system out of the way. Returns the cores that it
/// has left.
fn cores(place: &Place, serving: Running) -> Vec<Vec<u8>> {
    serving.allow_cores();
    serving.abort();
    let files = std::fs::read_dir(place.path()).expect("read the folder").filter_map(Result::ok);
    let cores = files.filter(|file| file.file_name().to_string_lossy().starts_with("core"));
    cores.map(|file| std::fs::read(file.path()).expect("read a core")).collect()
}

#[test]
#[ignore = "needs the binary: cargo xtask test"]
fn the_host_leaves_no_core() {
    let canary = Canary::new("license");
    let place = Place::new();
    let serving = serve(&place, &canary, &[]);
    is_sealed(&serving);
    assert_eq!(cores(&place, serving).len(), 0, "a core was written");
    // Where this machine writes cores at all, one that is asked for has the secret in it.
    let pattern = std::fs::read_to_string("/proc/sys/kernel/core_pattern").expect("the system says");
    if !pattern.starts_with(['|', '/']) {
        let place = Place::new();
        let serving = serve(&place, &canary, &[("RELHOST_DUMPABLE", OsStr::new("1"))]);
        let cores = cores(&place, serving);
        let holds =
            |core: &Vec<u8>| core.windows(canary.secret.len()).any(|bytes| bytes == canary.secret.as_bytes());
        assert!(cores.iter().any(holds), "{} cores, and none holds the secret", cores.len());
    }
}
