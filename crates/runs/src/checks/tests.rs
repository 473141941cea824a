//! One claim for each finding: that it appears, on which rows, and that it stays away.

use std::fmt::Write as _;

use crate::{Asked, Domain, Finding, Observations, Reason, Request, Rules, RunTable};

fn read(text: &str, request: &Request) -> Observations {
    let table = RunTable::from_bytes("runs.csv", text.as_bytes()).unwrap();
    Observations::from_table(&table, request).unwrap()
}

fn findings(text: &str) -> Vec<Finding> {
    read(text, &Request::default()).findings().to_vec()
}

/// Runs on a grid of N and D that fall in both, as they should; `tail` is added to every row.
fn clean(columns: &str, tail: &str) -> String {
    let mut text = format!("N,D,loss{columns}\n");
    for (i, j) in (0..4).flat_map(|i| (0..4).map(move |j| (i, j))) {
        let (n, d) = (1e6 * 3_f64.powi(i), 1e8 * 3_f64.powi(j));
        let loss = 1.7 + 300.0 / n.powf(0.35) + 900.0 / d.powf(0.36);
        let _ = writeln!(text, "{n},{d},{loss:.4}{tail}");
    }
    text
}

/// A run of 20 points whose learning rate and loss fall.
fn curve(run: &str, spike_at: i32) -> String {
    let mut text = String::new();
    for i in 1..=20 {
        let at = f64::from(i);
        let bump = if i == spike_at { 0.4 } else { 0.0 };
        let noise = 0.002 * (at * 7.7).sin();
        let loss = 2.0 + 2.0 / at.sqrt() + bump + noise;
        let _ =
            writeln!(text, "{run},1e7,{:e},{loss:.4},{i},{}", at * 1e8, 1e-3 * (1.01 - at / 20.0));
    }
    text
}

const CURVE: &str = "run,N,D,loss,step,lr\n";

#[test]
fn a_clean_sweep_has_no_findings() {
    assert_eq!(findings(&clean("", "")), []);
    assert_eq!(findings(&clean(",vocab,dataset,tokenizer", ",50257,c4,gpt2")), []);
}

#[test]
fn repeats_with_another_seed_are_no_duplicates() {
    let text = "N,D,loss,seed\n1e7,1e9,3.1,0\n1e7,1e9,3.2,1\n1e7,1e9,3.15,2\n";
    assert_eq!(findings(text), []);
}

#[test]
fn settings_that_differ_in_the_seventh_digit_are_near_duplicates() {
    let text = "N,D,loss\n1e7,1e9,3.1\n10000001,1e9,3.1\n2e7,1e9,3.0\n";
    assert_eq!(
        findings(text),
        [Finding::NearDuplicates { lines: vec![2, 3], settings: 1, percent: 0.1 }]
    );
    // The same within one run is a curve, and along one variable a continuum.
    let run = "run,N,D,loss\na,1e7,1e9,3.1\na,10000001,1e9,3.1\n";
    assert!(!findings(run).iter().any(|f| matches!(f, Finding::NearDuplicates { .. })));
    let request = Request::new(Asked::positive("loss"), [Asked::positive("N")]);
    assert_eq!(read(text, &request).findings(), []);
}

#[test]
fn checkpoints_of_a_run_are_found_and_only_the_last_is_kept_where_asked() {
    let text = CURVE.to_owned() + &curve("a", 0) + "b,2e7,1e9,2.6,10,1e-3\n";
    let found = findings(&text);
    let lines: Vec<usize> = (2..21).collect();
    let expected = Finding::Checkpoints {
        runs: 1,
        rows: 20,
        column: Some("run".to_owned()),
        lines: lines.clone(),
    };
    assert_eq!(found[0], expected);
    assert_eq!(found[1], Finding::Unannealed { column: "lr".to_owned(), lines: lines.clone() });
    assert_eq!(found.len(), 2);

    let rules = Rules { last_checkpoint_only: true, ..Rules::default() };
    let kept = read(&text, &Request { rules, ..Request::default() });
    assert_eq!((kept.lines(), kept.findings()), (&[21, 22][..], &[][..]));
    assert_eq!(kept.exclusions()[0].reason, Reason::EarlierCheckpoint);
    assert_eq!(kept.exclusions()[0].lines, lines);
    let rules = Rules { drop_unannealed: true, ..Rules::default() };
    let kept = read(&text, &Request { rules, ..Request::default() });
    assert_eq!(kept.lines(), [21, 22]);
}

#[test]
fn without_a_run_column_equal_steps_of_one_size_are_suspected_to_be_checkpoints() {
    let mut text = "N,D,loss\n".to_owned();
    for i in 1..=9 {
        let _ = writeln!(text, "1e7,{i}e9,{}", 4.0 - 0.1 * f64::from(i));
    }
    let found = findings(&text);
    let Finding::Checkpoints { runs: 1, rows: 9, column: None, lines } = &found[0] else {
        panic!("{found:?}")
    };
    assert_eq!(lines.len(), 8);
    assert_eq!(found[0].rule(), None);
    assert!(found[0].to_string().contains("add a column that names the run"), "{}", found[0]);
}

#[test]
fn a_constant_learning_rate_leaves_no_row_unannealed() {
    let text = "run,N,D,loss,lr\na,1e7,1e9,3,1e-3\na,1e7,2e9,2.9,1e-3\na,1e7,3e9,2.8,1e-3\n";
    assert!(!findings(text).iter().any(|f| matches!(f, Finding::Unannealed { .. })));
}

#[test]
fn a_column_that_says_which_rows_are_annealed_is_believed() {
    let text =
        "N,D,loss,annealed\n1e7,1e9,3,false\n1e7,2e9,2.9,True\n1e7,3e9,2.8,0\n1e8,3e9,2.5,1\n";
    assert_eq!(
        findings(text),
        [Finding::Unannealed { column: "annealed".to_owned(), lines: vec![2, 4] }]
    );
}

#[test]
fn a_spike_is_found_where_it_is_and_noise_is_not() {
    let text = CURVE.to_owned() + &curve("a", 11) + &curve("b", 0);
    let found = findings(&text);
    assert!(found.contains(&Finding::Spikes { lines: vec![12] }), "{found:?}");
    let rules = Rules { drop_spikes: true, ..Rules::default() };
    let kept = read(&text, &Request { rules, ..Request::default() });
    assert_eq!(kept.len(), 39);
    assert!(!kept.findings().iter().any(|f| matches!(f, Finding::Spikes { .. })));
}

#[test]
fn compute_is_compared_with_6nd_for_every_column_of_it() {
    let text = "N,D,loss,flops,total_flos,compute_6nd\n\
        1e7,1e9,3,6.0e16,2e16,6e16\n1e7,2e9,2.9,1.5e17,4e16,1.2e17\n";
    let found = findings(text);
    assert_eq!(
        found,
        [
            Finding::ComputeDisagrees {
                column: "flops".to_owned(),
                low: 1.0,
                median: 1.25,
                high: 1.25,
                lines: vec![3],
            },
            Finding::ComputeDisagrees {
                column: "total_flos".to_owned(),
                low: 1.0 / 3.0,
                median: 1.0 / 3.0,
                high: 1.0 / 3.0,
                lines: vec![2, 3],
            },
        ]
    );
    assert!(found[0].advice().contains("attention"));
    assert!(found[1].advice().contains("2 N D"));
}

#[test]
fn mixed_tokenizers_and_data_are_named_unless_groups_tell_them_apart() {
    let text = "N,D,loss,tokenizer,dataset,vocab\n\
        1e7,1e9,3,gpt2,c4,50257\n1e7,2e9,2.9,llama,c4,32000\n1e8,2e9,2.5,llama,pile,32000\n";
    let found = findings(text);
    let mixed: Vec<(&str, usize)> = found
        .iter()
        .filter_map(|finding| match finding {
            Finding::Mixed { what, distinct, .. } => Some((what.as_str(), *distinct)),
            _ => None,
        })
        .collect();
    assert_eq!(mixed, [("dataset", 2), ("tokenizer", 2), ("vocab", 2)]);
    // Bits per byte compare between tokenizers, not between data sets.
    let bytes = findings(&text.replace("loss", "bpb"));
    assert_eq!(bytes.len(), 1, "{bytes:?}");
    let group = Request { group: Some("dataset".to_owned()), ..Request::default() };
    let grouped = read(&text.replace("2e9,2.9,llama", "2e9,2.9,gpt2"), &group);
    let vocab = |f: &Finding| matches!(f, Finding::Mixed { what, .. } if what == "vocab");
    assert!(grouped.findings().iter().all(vocab), "{:?}", grouped.findings());
}

#[test]
fn a_larger_run_on_more_data_with_a_far_higher_loss_is_named_with_the_one_it_loses_to() {
    let text = clean("", "") + "5e7,9e9,4.9\n";
    let found = findings(&text);
    let [Finding::Dominated { pairs, percent }] = found.as_slice() else { panic!("{found:?}") };
    assert_eq!((pairs[0].0, pairs.len(), *percent), (18, 1, 10.0));
    // Of another data set it is no outlier, and a law of the learning rate may explain it.
    let other = clean(",dataset", ",c4") + "5e7,9e9,4.9,pile\n";
    assert!(!findings(&other).iter().any(|f| matches!(f, Finding::Dominated { .. })));
    let tuned = clean(",lr", ",1e-3") + "5e7,9e9,4.9,1\n";
    let request = Request::new(Asked::positive("loss"), ["N", "D", "lr"].map(Asked::positive));
    assert_eq!(read(&tuned, &request).findings(), []);
}

#[test]
fn a_loss_above_ln_of_the_vocabulary_is_worse_than_guessing() {
    let text = "N,D,loss,vocab\n1e7,1e9,6.0,256\n2e7,1e9,5.5,256\n";
    assert_eq!(findings(text), [Finding::WorseThanGuessing { lines: vec![2] }]);
    let unknown = "N,D,loss\n1e7,1e9,11.0\n2e7,1e9,9.95\n";
    assert!(!findings(unknown).iter().any(|f| matches!(f, Finding::WorseThanGuessing { .. })));
}

#[test]
fn shares_above_one_are_suspected_to_be_per_cent() {
    let share = Request::new(Asked::new("accuracy", Domain::Share), [Asked::positive("N")]);
    let text = "N,acc\n1e7,55\n2e7,0.5\n";
    let expected =
        [Finding::NotShares { name: "accuracy".to_owned(), lines: vec![2], percent: true }];
    let observations = read(text, &share);
    assert_eq!(observations.findings(), expected);
    assert_eq!(observations.exclusions()[0].lines, [2]);
    let any = Request::new(Asked::positive("accuracy"), [Asked::positive("N")]);
    assert_eq!(read(text, &any).findings(), expected);
}

#[test]
fn sizes_that_look_like_millions_are_doubted() {
    let text = "N,D,loss\n70,1.4e9,3.0\n410,8e9,2.5\n";
    let found = findings(text);
    let expected = Finding::SmallUnit { name: "N".to_owned(), largest: 410.0, expected: 5e3 };
    assert_eq!(found, [expected]);
}
