//! Which files a corpus is made of, in an order that does not depend on the machine.

use std::collections::HashSet;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::time::UNIX_EPOCH;

use diagnostic::Diagnostic;

/// One file to read.
#[derive(Debug, Clone)]
pub(crate) struct SourceFile {
    /// Absolute, so that one file has one name however it was named.
    pub(crate) path: PathBuf,
    /// Size in bytes when it was listed.
    pub(crate) bytes: u64,
    /// Modification time, nanoseconds since 1970; 0 when the file system does not say.
    modified: u128,
    /// Named by the user, rather than found in a folder: a problem with it is an error.
    pub(crate) named: bool,
}

/// Files in reading order, and what was left out of the folders searched.
#[derive(Debug, Default)]
pub(crate) struct FileList {
    pub(crate) files: Vec<SourceFile>,
    /// Path and reason of each file or folder that could not be read.
    pub(crate) left_out: Vec<(PathBuf, String)>,
    visited: HashSet<PathBuf>,
}

impl FileList {
    /// The files named, and the files in the folders named.
    pub(crate) fn of_paths(paths: &[PathBuf]) -> Result<Self, Diagnostic> {
        let mut roots = Vec::with_capacity(paths.len());
        for path in paths {
            let canonical = fs::canonicalize(path).map_err(|error| unreadable(path, &error))?;
            roots.push((canonical, path));
        }
        roots.sort_unstable();
        roots.dedup_by(|a, b| a.0 == b.0);

        let mut list = Self::default();
        for (root, path) in roots {
            let metadata = fs::metadata(&root).map_err(|error| unreadable(path, &error))?;
            if metadata.is_dir() {
                fs::read_dir(&root).map_err(|error| unreadable(path, &error))?;
                list.search(&root, &|_| true);
            } else if metadata.is_file() {
                list.push(root, &metadata, true);
            } else {
                return Err(Diagnostic::error(format!(
                    "corpus `{}` is neither a file nor a folder",
                    path.display()
                ))
                .help("name UTF-8 text files, or folders that hold some"));
            }
        }
        Ok(list)
    }

    /// Adds the files below `folder` whose path `keep` accepts: depth first, names in bytewise
    /// order, hidden ones left out, links followed, no folder twice (so loops of links end).
    pub(crate) fn search(&mut self, folder: &Path, keep: &dyn Fn(&Path) -> bool) {
        let mut open = vec![folder.to_owned()];
        while let Some(path) = open.pop() {
            let found = fs::metadata(&path).and_then(|metadata| {
                if !metadata.is_dir() {
                    if metadata.is_file() && keep(&path) {
                        self.push(path.clone(), &metadata, false);
                    }
                    return Ok(());
                }
                if self.visited.insert(fs::canonicalize(&path)?) {
                    open.extend(visible_entries(&path)?.into_iter().rev());
                }
                Ok(())
            });
            if let Err(error) = found {
                self.left_out.push((path, error.to_string()));
            }
        }
    }

    fn push(&mut self, path: PathBuf, metadata: &fs::Metadata, named: bool) {
        let since_1970 = metadata.modified().ok().and_then(|at| at.duration_since(UNIX_EPOCH).ok());
        let modified = since_1970.map_or(0, |elapsed| elapsed.as_nanos());
        self.files.push(SourceFile { path, bytes: metadata.len(), modified, named });
    }

    /// Bytes in all files, as listed.
    pub(crate) fn bytes(&self) -> u64 {
        self.files.iter().map(|file| file.bytes).sum()
    }

    /// Changes when a file is added, removed, renamed, resized or modified.
    pub(crate) fn fingerprint(&self) -> blake3::Hash {
        let mut hasher = blake3::Hasher::new();
        hasher.update(b"isoflop corpus of paths ").update(&super::RULES.to_le_bytes());
        let mut add = |path: &Path, bytes: u64, modified: u128| {
            let path = path.as_os_str().as_encoded_bytes();
            hasher.update(&(path.len() as u64).to_le_bytes()).update(path);
            hasher.update(&bytes.to_le_bytes()).update(&modified.to_le_bytes());
        };
        for file in &self.files {
            add(&file.path, file.bytes, file.modified);
        }
        for (path, _) in &self.left_out {
            add(path, u64::MAX, 0);
        }
        hasher.finalize()
    }
}

/// What `folder` holds, hidden names left out, in bytewise order of the names.
fn visible_entries(folder: &Path) -> io::Result<Vec<PathBuf>> {
    let mut names = Vec::new();
    for entry in fs::read_dir(folder)? {
        let name = entry?.file_name();
        if !name.as_encoded_bytes().starts_with(b".") {
            names.push(name);
        }
    }
    names.sort_unstable_by(|a, b| a.as_encoded_bytes().cmp(b.as_encoded_bytes()));
    Ok(names.into_iter().map(|name| folder.join(name)).collect())
}

/// A named file or folder that cannot be read.
pub(super) fn unreadable(path: &Path, error: &io::Error) -> Diagnostic {
    Diagnostic::error(format!("cannot read corpus `{}`: {error}", path.display()))
        .help("`--corpus` takes UTF-8 text files, and folders that hold some")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(list: &FileList, root: &Path) -> Vec<String> {
        let root = fs::canonicalize(root).unwrap();
        let relative = |file: &SourceFile| {
            file.path.strip_prefix(&root).unwrap_or(&file.path).to_string_lossy().into_owned()
        };
        list.files.iter().map(relative).collect()
    }

    #[test]
    fn files_come_in_bytewise_order_whatever_the_order_and_overlap_of_the_paths() {
        let folder = tempfile::tempdir().unwrap();
        let root = folder.path();
        fs::create_dir_all(root.join("b/deep")).unwrap();
        for name in ["a.txt", "b/z", "b/deep/é", "b/Z", "c", ".hidden", "b-"] {
            fs::write(root.join(name), name).unwrap();
        }
        let expected = ["a.txt", "b/Z", "b/deep/é", "b/z", "b-", "c"];
        let list = FileList::of_paths(&[root.to_owned()]).unwrap();
        // "b" sorts before "b-": component by component
        assert_eq!(names(&list, root), expected);

        let one = FileList::of_paths(&[root.join("b"), root.join("a.txt")]).unwrap();
        let two =
            FileList::of_paths(&[root.join("b/../a.txt"), root.join("b"), root.join("b/deep/..")]);
        let two = two.unwrap();
        assert_eq!(one.files.len(), 4);
        assert_eq!(two.files.len(), 4);
        assert_eq!(one.fingerprint(), two.fingerprint());
        assert_ne!(one.fingerprint(), list.fingerprint());
        assert_eq!(list.bytes(), 23);
    }

    #[cfg(unix)]
    #[test]
    fn links_are_followed_once_and_dangling_ones_are_listed() {
        use std::os::unix::fs::symlink;
        let folder = tempfile::tempdir().unwrap();
        let root = folder.path();
        let elsewhere = tempfile::tempdir().unwrap();
        fs::write(elsewhere.path().join("text"), "text").unwrap();
        fs::create_dir(root.join("sub")).unwrap();
        fs::write(root.join("sub/a"), "a").unwrap();
        symlink("..", root.join("sub/loop")).unwrap();
        symlink("loop", root.join("loop")).unwrap();
        symlink(elsewhere.path(), root.join("linked")).unwrap();
        symlink("nowhere", root.join("dangling")).unwrap();
        let list = FileList::of_paths(&[root.to_owned()]).unwrap();
        assert_eq!(names(&list, root), ["linked/text", "sub/a"]);
        let left_out: Vec<_> =
            list.left_out.iter().map(|(path, _)| path.file_name().unwrap()).collect();
        assert_eq!(left_out, ["dangling", "loop"]);
    }

    #[test]
    fn a_path_that_is_absent_is_named_with_what_to_give_instead() {
        let problem = FileList::of_paths(&[PathBuf::from("no/such/place")]).unwrap_err();
        assert!(problem.message().contains("`no/such/place`"), "{problem}");
        assert!(problem.to_string().contains("UTF-8 text files"), "{problem}");
    }

    #[test]
    fn a_modified_file_changes_the_fingerprint() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a");
        let fingerprint = || FileList::of_paths(&[folder.path().to_owned()]).unwrap().fingerprint();
        fs::write(&path, "one").unwrap();
        let before = fingerprint();
        assert_eq!(before, fingerprint());
        let file = fs::File::options().write(true).open(&path).unwrap();
        file.set_modified(UNIX_EPOCH).unwrap();
        assert_ne!(before, fingerprint());
    }
}
