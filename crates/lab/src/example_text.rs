//! A small corpus for tests.

use std::fmt::Write as _;
use std::path::Path;

use crate::corpus::CorpusSource;
use crate::tokens::{TokenFile, open_or_build};

/// About a megabyte of lines such as `12 squared is 144`, tokenised in `folder`.
pub(crate) fn squares(folder: &Path) -> TokenFile {
    let mut text = String::new();
    for i in 0..60_000_u64 {
        writeln!(text, "{i} squared is {}", i * i % 997).unwrap();
    }
    let path = folder.join("squares.txt");
    std::fs::write(&path, text).unwrap();
    open_or_build(&CorpusSource::Paths(vec![path]), &folder.join("cache"), &mut |_| {}).unwrap()
}
