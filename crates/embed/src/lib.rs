//! Lists folders of the catalogue for build scripts: adding a law or a device is adding a file.
//!
//! ```text
//!  build.rs ── embed::catalogue("laws", "toml") ──▶ $OUT_DIR/laws.rs: &[(name, text), ...]
//! ```
//!
//! ```
//! let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../../catalogue/shapes");
//! let list = embed::list(&folder, "toml")?;
//! assert!(list.contains("(\"nanochat\", include_str!("));
//! # Ok::<(), std::io::Error>(())
//! ```

use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::{env, fs, io};

/// Writes `$OUT_DIR/KIND.rs`: an array of name and text of every file of `catalogue/KIND` with this
/// extension, by name. For build scripts of crates beside this one.
///
/// # Errors
/// A folder that cannot be read, and a list that cannot be written.
#[expect(clippy::print_stdout, reason = "a build script speaks to cargo on stdout")]
pub fn catalogue(kind: &str, extension: &str) -> io::Result<()> {
    let variable = |name| env::var(name).map_err(io::Error::other);
    let folder = Path::new(&variable("CARGO_MANIFEST_DIR")?).join("../../catalogue").join(kind);
    println!("cargo::rerun-if-changed={}", folder.display());
    let list = list(&folder, extension)?;
    fs::write(Path::new(&variable("OUT_DIR")?).join(format!("{kind}.rs")), list)
}

/// The array, as Rust.
///
/// # Errors
/// A folder that cannot be read.
pub fn list(folder: &Path, extension: &str) -> io::Result<String> {
    let mut files: Vec<PathBuf> = fs::read_dir(folder)?
        .map(|entry| entry.map(|entry| entry.path()))
        .collect::<io::Result<_>>()?;
    files.retain(|file| file.extension().is_some_and(|known| known == extension));
    files.sort();
    let mut list = String::from("&[\n");
    for file in &files {
        let name = file.file_stem().unwrap_or_default().to_string_lossy();
        let path = file.canonicalize()?;
        let _ = writeln!(list, "    ({name:?}, include_str!({:?})),", path.to_string_lossy());
    }
    list.push_str("]\n");
    Ok(list)
}
