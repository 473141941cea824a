use std::collections::HashSet;
use std::fs;
use std::process::Command;

use super::*;
use crate::corpus::CorpusSource;

/// A folder with `documents` short texts, and a cache folder beside it.
struct Fixture {
    folder: tempfile::TempDir,
}

impl Fixture {
    fn new(documents: usize) -> Self {
        let folder = tempfile::tempdir().unwrap();
        fs::create_dir(folder.path().join("text")).unwrap();
        for i in 0..documents {
            fs::write(folder.path().join(format!("text/{i:04}")), text(i)).unwrap();
        }
        Self { folder }
    }

    fn text(&self) -> PathBuf {
        self.folder.path().join("text")
    }

    fn cache(&self) -> PathBuf {
        self.folder.path().join("cache")
    }

    fn source(&self) -> CorpusSource {
        CorpusSource::Paths(vec![self.text()])
    }

    fn open(&self) -> (Result<TokenFile, Diagnostic>, Vec<Progress>) {
        let mut heard = Vec::new();
        let tokens = open_or_build(&self.source(), &self.cache(), &mut |step| heard.push(step));
        (tokens, heard)
    }
}

fn text(i: usize) -> String {
    format!("document {i}\n").repeat(3 + i % 7)
}

fn documents(tokens: &TokenFile, split: Split) -> Vec<String> {
    let mut out = vec![0; tokens.len(split)];
    tokens.copy_to(split, 0, &mut out);
    assert_eq!(out.pop(), Some(END_OF_DOCUMENT));
    let bytes: Vec<u8> = out.into_iter().map(|token| token as u8).collect();
    bytes.split(|&byte| byte == 0).map(|d| String::from_utf8(d.to_vec()).unwrap()).collect()
}

#[test]
fn every_document_is_in_exactly_one_split_and_in_order() {
    let fixture = Fixture::new(300);
    fs::write(fixture.text().join("9999 again"), text(5)).unwrap();
    let tokens = fixture.open().0.unwrap();
    let train = documents(&tokens, Split::Train);
    let validation = documents(&tokens, Split::Validation);
    assert!((5..30).contains(&validation.len()), "{}", validation.len());
    let train_set: HashSet<&String> = train.iter().collect();
    assert!(validation.iter().all(|document| !train_set.contains(document)));
    let mut expected: Vec<String> = (0..300).map(text).collect();
    expected.retain(|document| train_set.contains(document));
    assert_eq!(train, expected);

    let summary = tokens.summary();
    assert_eq!(summary.documents, 300);
    assert_eq!(train.len() + validation.len(), 300);
    assert_eq!(summary.bytes + 300, summary.train_tokens + summary.validation_tokens);
    tokens.verify().unwrap();
}

#[test]
fn copying_starts_where_asked_and_refuses_to_cross_the_end() {
    let fixture = Fixture::new(100);
    let tokens = fixture.open().0.unwrap();
    for split in [Split::Train, Split::Validation] {
        let mut all = vec![0; tokens.len(split)];
        tokens.copy_to(split, 0, &mut all);
        let mut some = [0; 10];
        for start in [0, 1, 17, all.len() - 10] {
            tokens.copy_to(split, start, &mut some);
            assert_eq!(some, all[start..start + 10]);
        }
        for start in [all.len() - 9, usize::MAX] {
            let copy = std::panic::AssertUnwindSafe(|| tokens.copy_to(split, start, &mut [0; 10]));
            assert!(std::panic::catch_unwind(copy).is_err());
        }
    }
}

#[test]
fn tokens_of_two_bytes_are_read() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("wide.tokens");
    let tokens: [u16; 5] = [1, 256, 4095, 0, 300];
    let payload: Vec<u8> = tokens.iter().flat_map(|token| token.to_le_bytes()).collect();
    let fingerprint = blake3::hash(b"wide");
    let header = Header {
        width: 2,
        vocabulary: 4096,
        train: 3,
        validation: 2,
        documents: 2,
        bytes: 9,
        files_left_out: 0,
        corpus: [7; 32],
        fingerprint: *fingerprint.as_bytes(),
        payload: *blake3::hash(&payload).as_bytes(),
    };
    fs::write(&path, [header.to_bytes().to_vec(), payload].concat()).unwrap();
    let file = TokenFile::open(&path, &fingerprint, "wide".into()).unwrap();
    file.verify().unwrap();
    let (mut train, mut validation) = ([0; 2], [0; 2]);
    file.copy_to(Split::Train, 1, &mut train);
    file.copy_to(Split::Validation, 0, &mut validation);
    assert_eq!((train, validation, file.vocabulary()), ([256, 4095], [0, 300], 4096));
}

#[test]
fn the_second_run_reads_no_text_and_the_order_of_paths_does_not_matter() {
    let fixture = Fixture::new(100);
    let (first, heard) = fixture.open();
    let first = first.unwrap();
    assert!(matches!(heard.last(), Some(Progress::Reading { bytes, total }) if bytes == total));
    let (second, heard) = fixture.open();
    assert_eq!(heard, []);
    assert_eq!(second.unwrap().summary(), first.summary());

    let other = Fixture::new(100);
    let hash = other.open().0.unwrap().summary().hash.clone();
    assert_eq!(hash, first.summary().hash);

    let paths: Vec<PathBuf> = (0..100).map(|i| fixture.text().join(format!("{i:04}"))).collect();
    let backwards = CorpusSource::Paths(paths.into_iter().rev().collect());
    let tokens = open_or_build(&backwards, &fixture.cache(), &mut |_| {}).unwrap();
    assert_eq!(tokens.summary().hash, hash);

    fs::write(fixture.text().join("new"), "new").unwrap();
    assert_ne!(fixture.open().0.unwrap().summary().hash, hash);
}

#[test]
fn a_torn_or_altered_file_is_made_anew_with_a_message() {
    let fixture = Fixture::new(100);
    let tokens = fixture.open().0.unwrap();
    let path = tokens.path().to_owned();
    let good = fs::read(&path).unwrap();
    drop(tokens);
    let mut flipped = good.clone();
    flipped[20] ^= 1;
    let mut longer = good.clone();
    longer.push(b'x');
    let cases: [(&[u8], &str); 6] = [
        (b"", "within its header"),
        (&good[..100], "within its header"),
        (&good[..good.len() - 1], "bytes long and should be"),
        (&longer, "bytes long and should be"),
        (&flipped, "does not match its checksum"),
        (&[b'x'; 1_000], "no token file"),
    ];
    for (bad, reason) in cases {
        fs::write(&path, bad).unwrap();
        let (tokens, heard) = fixture.open();
        tokens.unwrap().verify().unwrap();
        let Some(Progress::Warning(warning)) = heard.first() else { panic!("{heard:?}") };
        assert!(warning.to_string().contains(reason), "{warning}");
        assert_eq!(fs::read(&path).unwrap(), good);
    }
}

#[test]
fn altered_tokens_are_found_by_verify() {
    let fixture = Fixture::new(100);
    let path = fixture.open().0.unwrap().path().to_owned();
    let mut bytes = fs::read(&path).unwrap();
    bytes[header::LENGTH + 50] ^= 1;
    fs::write(&path, bytes).unwrap();
    let problem = fixture.open().0.unwrap().verify().unwrap_err();
    assert!(problem.to_string().contains("delete the file"), "{problem}");
}

#[test]
fn of_many_threads_one_makes_the_tokens_and_all_get_them() {
    let fixture = Fixture::new(500);
    let outcomes: Vec<_> = std::thread::scope(|scope| {
        let threads: Vec<_> = (0..8).map(|_| scope.spawn(|| fixture.open())).collect();
        threads.into_iter().map(|thread| thread.join().unwrap()).collect()
    });
    let hashes: HashSet<String> = outcomes
        .iter()
        .map(|(tokens, _)| tokens.as_ref().unwrap().summary().hash.clone())
        .collect();
    assert_eq!(hashes.len(), 1);
    let reads = |heard: &[Progress]| heard.iter().any(|p| matches!(p, Progress::Reading { .. }));
    assert_eq!(outcomes.iter().filter(|(_, heard)| reads(heard)).count(), 1);
    outcomes[0].0.as_ref().unwrap().verify().unwrap();
}

/// What the next test runs in other processes; by itself it does nothing.
#[test]
fn tokens_made_by_a_process() {
    if let Some(folder) = env::var_os("ISOFLOP_TEST_TOKENS") {
        let folder = PathBuf::from(folder);
        let source = CorpusSource::Paths(vec![folder.join("text")]);
        open_or_build(&source, &folder.join("cache"), &mut |_| {}).unwrap().verify().unwrap();
    }
}

#[test]
fn processes_side_by_side_leave_one_good_file_and_a_killed_ones_leftovers_go() {
    let fixture = Fixture::new(500);
    let fingerprint = fixture.source().fingerprint().unwrap().to_hex();
    let leftover = fixture.cache().join(format!(".text-{}.part-dead", &fingerprint[..16]));
    fs::create_dir(fixture.cache()).unwrap();
    fs::write(&leftover, "half").unwrap();
    let start = || {
        Command::new(env::current_exe().unwrap())
            .args(["--exact", "tokens::tests::tokens_made_by_a_process"])
            .env("ISOFLOP_TEST_TOKENS", fixture.folder.path())
            .output()
    };
    std::thread::scope(|scope| {
        let processes: Vec<_> = (0..4).map(|_| scope.spawn(start)).collect();
        for process in processes {
            let output = process.join().unwrap().unwrap();
            assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stdout));
            assert!(String::from_utf8_lossy(&output.stdout).contains("1 passed"));
        }
    });
    let mut names: Vec<_> = fs::read_dir(fixture.cache())
        .unwrap()
        .map(|entry| entry.unwrap().path().extension().unwrap().to_owned())
        .collect();
    names.sort();
    assert_eq!(names, ["lock", "tokens"]);
    let (tokens, heard) = fixture.open();
    tokens.unwrap().verify().unwrap();
    assert_eq!(heard, []);
}

#[test]
fn empty_binary_and_tiny_corpora_are_refused_in_words() {
    let message = |write: &dyn Fn(&Path)| {
        let fixture = Fixture::new(0);
        write(&fixture.text());
        let (tokens, _) = fixture.open();
        let entries = fs::read_dir(fixture.cache()).unwrap();
        let kept: Vec<_> = entries.map(|entry| entry.unwrap().path()).collect();
        assert!(kept.iter().all(|path| path.extension().unwrap() == "lock"), "{kept:?}");
        tokens.unwrap_err().to_string()
    };
    let empty = message(&|_| {});
    assert!(empty.contains("holds no text"), "{empty}");
    let blank = message(&|text| fs::write(text.join("blank"), "").unwrap());
    assert!(blank.contains("holds no text"), "{blank}");
    let binary = message(&|text| fs::write(text.join("binary"), [0, 255, 1]).unwrap());
    assert!(binary.contains("holds no text") && binary.contains("not text: 1"), "{binary}");
    let tiny = message(&|text| fs::write(text.join("tiny"), "a few words").unwrap());
    assert!(tiny.contains("too small to split: none of its 1 documents"), "{tiny}");
}

#[test]
fn files_left_out_are_listed_and_counted() {
    let fixture = Fixture::new(100);
    for i in 0..7 {
        fs::write(fixture.text().join(format!("picture{i}")), [137, 80, 78, 71, i]).unwrap();
    }
    let (tokens, heard) = fixture.open();
    assert_eq!(tokens.unwrap().summary().files_left_out, 7);
    let warnings: Vec<String> = heard
        .iter()
        .filter_map(|step| match step {
            Progress::Warning(warning) => Some(warning.to_string()),
            _ => None,
        })
        .collect();
    assert_eq!(warnings.len(), 1);
    assert!(warnings[0].contains("7 files were left out"), "{}", warnings[0]);
    assert!(warnings[0].contains("picture4") && warnings[0].contains("and 2 more"));
}

#[test]
fn a_cache_folder_that_cannot_be_made_is_named() {
    let fixture = Fixture::new(100);
    let cache = fixture.text().join("0000/cache");
    let problem = open_or_build(&fixture.source(), &cache, &mut |_| {}).unwrap_err().to_string();
    assert!(problem.contains("0000/cache`") && problem.contains("--cache FOLDER"), "{problem}");
}

#[test]
fn the_cache_folder_is_found_in_the_documented_order() {
    let set = |pairs: &'static [(&'static str, &'static str)]| {
        move |name: &'static str| {
            pairs.iter().find(|pair| pair.0 == name).map(|pair| PathBuf::from(pair.1))
        }
    };
    let home = || Some(PathBuf::from("/home/x"));
    let all = set(&[("ISOFLOP_CACHE", "/i"), ("XDG_CACHE_HOME", "/c")]);
    let xdg = set(&[("XDG_CACHE_HOME", "/c")]);
    let relative = set(&[("XDG_CACHE_HOME", "c")]);
    let none = set(&[]);
    let path = |text: &str| Some(PathBuf::from(text));
    assert_eq!(find_cache(Some(Path::new("here")), &all, home()), path("here"));
    assert_eq!(find_cache(None, &all, home()), path("/i"));
    assert_eq!(find_cache(None, &xdg, home()), path("/c/isoflop"));
    assert_eq!(find_cache(None, &relative, home()), path("/home/x/.cache/isoflop"));
    assert_eq!(find_cache(None, &none, home()), path("/home/x/.cache/isoflop"));
    assert_eq!(find_cache(None, &none, None), None);
}

#[test]
fn the_default_corpus_is_tens_of_megabytes_of_rust_and_comes_out_the_same_twice() {
    let caches = [tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap()];
    let open = |cache: &Path| open_or_build(&CorpusSource::RustDependencies, cache, &mut |_| {});
    let first = match open(caches[0].path()) {
        Err(problem) if problem.message().contains("not unpacked") => {
            eprintln!("left out: the default corpus is not on this machine\n{problem}");
            return;
        }
        first => first.unwrap(),
    };
    let summary = first.summary();
    eprintln!("{summary}");
    assert!((15_000_000..60_000_000).contains(&summary.bytes), "{summary}");
    let share = summary.validation_tokens as f64 / summary.train_tokens as f64;
    assert!((0.025..0.10).contains(&share), "{summary}");
    assert_eq!(summary.files_left_out, 0, "{summary}");
    let second = open(caches[1].path()).unwrap();
    assert_eq!(second.summary(), summary);
    assert_eq!(fs::read(first.path()).unwrap(), fs::read(second.path()).unwrap());
}
