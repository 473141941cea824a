//! The default corpus: the Rust source of the packages this binary was built from.

use std::env;
use std::fs;
use std::path::{Path, PathBuf};

use diagnostic::Diagnostic;
use serde::Deserialize;

use super::files::FileList;

const PACKAGES: &str = include_str!("../../../../catalogue/corpora/rust-dependencies.toml");
const LOCK: &str = include_str!("../../../../Cargo.lock");

/// Larger source files are left out: tables that a program wrote.
const LARGEST_FILE: u64 = 1 << 20;

#[derive(Deserialize)]
struct Catalogue {
    packages: Vec<String>,
}

#[derive(Deserialize)]
struct Lock {
    package: Vec<Package>,
}

/// A package as `Cargo.lock` pins it.
#[derive(Debug, Deserialize, PartialEq, Eq, PartialOrd, Ord)]
struct Package {
    name: String,
    version: String,
    /// Absent for the packages of this workspace.
    checksum: Option<String>,
}

/// The packages of the corpus, by name and version.
fn packages() -> Result<Vec<Package>, Diagnostic> {
    let broken = |what: &str, error: &toml::de::Error| {
        Diagnostic::error(format!("{what} built into this binary is broken: {error}"))
            .help("build Isoflop anew from an unchanged checkout")
    };
    let catalogue: Catalogue =
        toml::from_str(PACKAGES).map_err(|error| broken("the package list", &error))?;
    let lock: Lock = toml::from_str(LOCK).map_err(|error| broken("Cargo.lock", &error))?;
    select(&catalogue.packages, lock.package)
}

/// The pinned packages that `specs` (NAME@VERSION) ask for, each spec exactly one of them.
fn select(specs: &[String], pinned: Vec<Package>) -> Result<Vec<Package>, Diagnostic> {
    let asks_for = |spec: &str, package: &Package| {
        spec.split_once('@').is_some_and(|(name, version)| {
            let rest = package.version.strip_prefix(version);
            name == package.name
                && package.checksum.is_some()
                && rest.is_some_and(|rest| rest.is_empty() || rest.starts_with('.'))
        })
    };
    for spec in specs {
        let matches = pinned.iter().filter(|package| asks_for(spec, package)).count();
        if matches != 1 {
            return Err(Diagnostic::error(format!(
                "catalogue/corpora/rust-dependencies.toml lists `{spec}`, and Cargo.lock pins \
                 {matches} packages from a registry under that name and version"
            ))
            .help("make the list anew: the command stands at the top of that file"));
        }
    }
    let mut chosen: Vec<Package> = pinned
        .into_iter()
        .filter(|package| specs.iter().any(|spec| asks_for(spec, package)))
        .collect();
    chosen.sort_unstable();
    Ok(chosen)
}

/// Names, versions and checksums of the packages: which bytes to expect, without reading them.
pub(super) fn fingerprint() -> Result<blake3::Hash, Diagnostic> {
    let mut hasher = blake3::Hasher::new();
    hasher.update(b"isoflop corpus of Rust dependencies ").update(&super::RULES.to_le_bytes());
    for package in packages()? {
        let checksum = package.checksum.unwrap_or_default();
        hasher.update(format!("{} {} {checksum}\n", package.name, package.version).as_bytes());
    }
    Ok(hasher.finalize())
}

/// The `.rs` files of every package, in order of name, version and path.
pub(super) fn files() -> Result<FileList, Diagnostic> {
    files_under(&cargo_home()?.join("registry").join("src"), &packages()?)
}

fn files_under(unpacked: &Path, packages: &[Package]) -> Result<FileList, Diagnostic> {
    // One folder per registry index; which one a package came through does not change it.
    let mut registries: Vec<PathBuf> = fs::read_dir(unpacked)
        .map(|entries| entries.flatten().map(|entry| entry.path()).collect())
        .unwrap_or_default();
    registries.sort_unstable();

    let mut list = FileList::default();
    let mut missing = Vec::new();
    for package in packages {
        let folder = format!("{}-{}", package.name, package.version);
        // Cargo writes `.cargo-ok` last, so without it the package may be there in part.
        let complete = registries
            .iter()
            .map(|registry| registry.join(&folder))
            .find(|folder| folder.join(".cargo-ok").is_file());
        match complete {
            Some(folder) => list.search(&folder, &is_source),
            None => missing.push(folder),
        }
    }
    if !missing.is_empty() {
        let count = missing.len();
        let plural = if count == 1 { "package is" } else { "packages are" };
        missing.truncate(5);
        let more = if count > 5 { format!(", and {} more", count - 5) } else { String::new() };
        return Err(Diagnostic::error(format!(
            "the default corpus is not here: {count} {plural} not unpacked in `{}`",
            unpacked.display()
        ))
        .note(format!("missing: {}{more}", missing.join(", ")))
        .help("run `cargo fetch --locked` in a checkout of Isoflop at this version")
        .help("or give text of your own with `--corpus PATH`"));
    }
    Ok(list)
}

fn is_source(path: &Path) -> bool {
    path.extension().is_some_and(|extension| extension == "rs")
        && fs::metadata(path).is_ok_and(|metadata| metadata.len() <= LARGEST_FILE)
}

/// `$CARGO_HOME`, by default `~/.cargo`.
fn cargo_home() -> Result<PathBuf, Diagnostic> {
    env::var_os("CARGO_HOME")
        .filter(|home| !home.is_empty())
        .map(PathBuf::from)
        .or_else(|| Some(env::home_dir()?.join(".cargo")))
        .ok_or_else(|| {
            Diagnostic::error("cannot tell where Cargo unpacks packages")
                .note("neither CARGO_HOME nor a home directory is set")
                .help("set CARGO_HOME, or give text of your own with `--corpus PATH`")
        })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn package(name: &str, version: &str) -> Package {
        Package { name: name.into(), version: version.into(), checksum: Some("c0ffee".into()) }
    }

    #[test]
    fn every_listed_package_is_pinned_by_cargo_lock() {
        let chosen = packages().unwrap_or_else(|problem| panic!("{problem}"));
        assert!(chosen.len() > 50, "{}", chosen.len());
        assert!(chosen.is_sorted());
        assert!(chosen.iter().any(|package| package.name == "serde"));
    }

    #[test]
    fn a_listed_package_that_is_not_pinned_says_how_to_make_the_list_anew() {
        let pinned = || vec![package("a", "1.2.3"), package("a", "10.0.0"), package("b", "0.4.1")];
        let specs = |specs: &[&str]| specs.iter().map(ToString::to_string).collect::<Vec<_>>();
        let chosen = select(&specs(&["b@0.4", "a@1"]), pinned()).unwrap();
        assert_eq!(chosen, [package("a", "1.2.3"), package("b", "0.4.1")]);
        for spec in ["a@2", "a", "b@0", "c@1", "b@0.4.1.0"] {
            let problem = select(&specs(&[spec]), pinned());
            if spec == "b@0" {
                // a prefix that names one package is enough
                assert_eq!(problem.unwrap(), [package("b", "0.4.1")]);
                continue;
            }
            let problem = problem.unwrap_err().to_string();
            assert!(problem.contains(&format!("`{spec}`")), "{problem}");
            assert!(problem.contains("make the list anew"), "{problem}");
        }
    }

    #[test]
    fn packages_that_are_absent_or_unpacked_in_part_are_named() {
        let home = tempfile::tempdir().unwrap();
        for (name, complete) in [("a-1.0.0", true), ("b-1.0.0", false)] {
            let folder = home.path().join("index").join(name).join("src");
            fs::create_dir_all(&folder).unwrap();
            fs::write(folder.join("lib.rs"), name).unwrap();
            fs::write(folder.join("readme.md"), name).unwrap();
            if complete {
                fs::write(folder.join("../.cargo-ok"), "{}").unwrap();
            }
        }
        let all = [package("a", "1.0.0"), package("b", "1.0.0"), package("c", "2.0.0")];
        let problem = files_under(home.path(), &all).unwrap_err().to_string();
        assert!(problem.contains("2 packages are not unpacked"), "{problem}");
        assert!(problem.contains("missing: b-1.0.0, c-2.0.0"), "{problem}");
        assert!(problem.contains("cargo fetch --locked"), "{problem}");

        let list = files_under(home.path(), &all[..1]).unwrap();
        assert_eq!(list.files.len(), 1);
        assert!(list.files[0].path.ends_with("a-1.0.0/src/lib.rs"));
    }
}
