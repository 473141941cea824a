//! Takes the plotting library, Apache `ECharts`, out of the package `charming`, which carries it, and packs it.

use std::env;
use std::error::Error;
use std::fs;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::Command;

// That the package is built means that Cargo has unpacked it.
use charming as _;

const PACKAGE: &str = "charming-0.6.0";
const LIBRARY: &str = "src/asset/echarts-5.5.1.min.js";
const HASH: &str = "7028194ea6f36ee8b3d9b739352920f72fcfa3df6b718d1a1e97a00da63a9637";

fn main() -> Result<(), Box<dyn Error>> {
    println!("cargo::rerun-if-changed=build.rs");
    println!("cargo::rerun-if-env-changed=CARGO_HOME");
    let path = unpacked().or_else(vendored).ok_or_else(|| {
        format!("Apache ECharts is not found: no folder `{PACKAGE}` among Cargo's packages")
    })?;
    let library = fs::read(&path)?;
    let hash = blake3::hash(&library).to_hex();
    if hash.as_str() != HASH {
        return Err(format!("{} has the hash {hash}, expected {HASH}", path.display()).into());
    }
    let out = PathBuf::from(env::var_os("OUT_DIR").ok_or("no OUT_DIR")?);
    let mut packed = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::best());
    packed.write_all(&library)?;
    fs::write(out.join("echarts.js.gz"), packed.finish()?)?;
    Ok(())
}

/// Where Cargo unpacks what it downloads.
fn unpacked() -> Option<PathBuf> {
    let home = env::var_os("CARGO_HOME").filter(|home| !home.is_empty()).map(PathBuf::from);
    let home = home.or_else(|| Some(env::home_dir()?.join(".cargo")))?;
    let registries = fs::read_dir(home.join("registry").join("src")).ok()?;
    let libraries = registries.flatten().map(|entry| entry.path().join(PACKAGE).join(LIBRARY));
    libraries.into_iter().find(|path| path.is_file())
}

/// Where Cargo says the package is: vendored, or in another store.
fn vendored() -> Option<PathBuf> {
    let cargo = env::var_os("CARGO")?;
    let target = env::var("TARGET").ok()?;
    let told = Command::new(cargo)
        .args(["metadata", "--format-version=1", "--offline", "--filter-platform", &target])
        .output()
        .ok()?;
    let told = String::from_utf8(told.stdout).ok()?;
    // Only one key of it is wanted: not worth a reader of JSON.
    let manifests = told.split("\"manifest_path\":\"").skip(1).filter_map(|rest| {
        let path = rest.split('"').next()?.replace("\\\\", "\\");
        Some(Path::new(&path).parent()?.join(LIBRARY))
    });
    manifests.into_iter().find(|path| path.is_file())
}
