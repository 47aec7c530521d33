//! The checked-in Rust is exactly what the `.proto` files generate, so that building the crate
//! needs neither a build script nor protoc.

#![expect(clippy::unwrap_used, reason = "a helper's failure is the test's failure")]

use std::path::{Path, PathBuf};
use std::{env, fs, process};

const COMMAND: &str = "HEADCOUNT_REGENERATE=1 cargo test -p headcount-wire --test generated";

#[test]
fn generated_code_matches_the_proto_files() {
    let krate = Path::new(env!("CARGO_MANIFEST_DIR"));
    let checked_in = krate.join("src/generated/headcount.v1.rs");
    let fresh = generate(&krate.join("../../proto"));

    if env::var_os("HEADCOUNT_REGENERATE").is_some() {
        fs::write(&checked_in, &fresh).unwrap();
    }
    let held = fs::read_to_string(&checked_in).unwrap_or_default();
    assert!(held == fresh, "{} is not up to date; run: {COMMAND}", checked_in.display());
}

fn generate(proto: &Path) -> String {
    let files: Vec<PathBuf> = ["table", "datagram", "stream"]
        .map(|name| proto.join(format!("headcount/v1/{name}.proto")))
        .into();
    let descriptors = protox::compile(files, [proto]).unwrap();

    let out = env::temp_dir().join(format!("headcount-generated-{}", process::id()));
    fs::create_dir_all(&out).unwrap();
    prost_build::Config::new().btree_map(["."]).out_dir(&out).compile_fds(descriptors).unwrap();
    let generated = fs::read_to_string(out.join("headcount.v1.rs")).unwrap();
    fs::remove_dir_all(&out).unwrap();
    generated
}
