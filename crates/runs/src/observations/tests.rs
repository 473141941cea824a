use proptest::prelude::*;

use super::*;
use crate::{Domain, Reason, Taken};

fn read(text: &str, request: &Request) -> Result<Observations, Diagnostic> {
    Observations::from_table(&RunTable::from_bytes("runs.csv", text.as_bytes())?, request)
}

fn refusal(text: &str, request: &Request) -> String {
    read(text, request).unwrap_err().to_string()
}

fn of(target: &str, variables: &[&str]) -> Request {
    Request::new(Asked::positive(target), variables.iter().copied().map(Asked::positive))
}

fn shown<T: ToString>(items: &[T]) -> String {
    items.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n")
}

#[test]
fn the_columns_of_the_lab_are_found_and_their_convention_named() {
    let text = "run,status,params_total,params_with_head,tokens,loss\na,done,9,8,7,3\n";
    let observations = read(text, &Request::default()).unwrap();
    let n = &observations.columns()[0];
    assert_eq!(n.column(), Some("params_with_head"));
    assert!(n.convention.contains("output head") && n.stated);
    assert_eq!(n.also, ["params_total"]);
    assert_eq!(observations.variable("N"), Some(&[8.0][..]));
    assert_eq!(observations.compute(), [Flop(6.0 * 8.0 * 7.0)]);
    assert_eq!(observations.compute_convention(), "6 N D");
}

#[test]
fn any_target_and_any_variables_are_served() {
    let text = "model,top1_error,lr,width,my metric\na,0.25,1e-3,64,-2\n";
    let request = Request::new(
        Asked::new("my metric", Domain::Finite),
        [Asked::positive("lr"), Asked::positive("width"), Asked::new("error", Domain::Share)],
    );
    let observations = read(text, &request).unwrap();
    assert_eq!(observations.target(), [-2.0]);
    assert_eq!(observations.target_name(), "my metric");
    let variables: Vec<_> = observations.variables().collect();
    assert_eq!(variables, [("lr", &[1e-3][..]), ("width", &[64.0][..]), ("error", &[0.25][..])]);
    assert!(observations.compute().is_empty() && observations.compute_convention().is_empty());
}

#[test]
fn a_chosen_column_wins_and_an_unknown_one_is_refused() {
    let text = "N,big_n,D,L\n1e6,2e6,3e7,4\n";
    let chosen = Request::default().column("N", "big_n");
    assert_eq!(read(text, &chosen).unwrap().variable("N"), Some(&[2e6][..]));
    insta::assert_snapshot!(
        [
            refusal(text, &Request::default().column("D", "bigN")),
            refusal("N,tokns\n1,2\n", &Request::default().column("loss", "N")),
            refusal("N,D,loss_c4,loss_pile\n1,2,3,4\n", &Request::default()),
            refusal("a,b\n1,2\n", &of("b", &["colour"])),
            refusal(text, &Request::default().column("D", "N").column("D", "D")),
            refusal(text, &of("loss", &["N", "N"])),
        ]
        .join("\n\n")
    );
}

#[test]
fn an_expression_over_columns_gives_a_variable() {
    let text = "N,billions of tokens,val/loss,flops\n1e6,0.02,4,1e14\n";
    let request =
        Request::default().column("D", "`billions of tokens` * 1e9").column("loss", "val/loss");
    let observations = read(text, &request).unwrap();
    assert_eq!(observations.variable("D"), Some(&[2e7][..]));
    assert_eq!(observations.columns()[1].source(), "``billions of tokens` * 1e9`");
    // A standard name inside an expression is found as it would be outside.
    let request = Request::default().column("D", "C / (6 * N)").column("loss", "`val/loss`/2");
    let observations = read(text, &request).unwrap();
    assert_eq!(observations.variable("D"), Some(&[1e14 / 6e6][..]));
    assert_eq!(observations.target(), [2.0]);
    // A name in an expression for itself is the column of that name, or nothing.
    let own = Request::default().column("N", "N*1e3").column("loss", "val/loss").column("D", "D+1");
    insta::assert_snapshot!(
        [
            refusal(text, &own),
            refusal(text, &Request::default().column("D", "C / (6 * N")),
            refusal(text, &Request::default().column("D", "flop / (6 * N)")),
            refusal(text, &Request::default().column("D", "C + 3 GW").column("loss", "val/loss")),
        ]
        .join("\n\n")
    );
}

#[test]
fn a_column_for_a_name_that_nothing_asks_for_is_told_or_refused() {
    let text = "N,D,loss,seen,bs\n1e6,2e7,4,9e7,8\n";
    let unused = read(text, &Request::default().column("U", "seen")).unwrap();
    assert_eq!(
        shown(unused.findings()),
        "`--column U=seen` changes nothing: the law does not use U; \
         leave it out, or take a law that uses it"
    );
    let shown = refusal(text, &Request::default().column("los", "bs"));
    assert!(shown.contains("nothing asks for `los`") && shown.contains("`loss`"), "{shown}");
    // One that another expression uses is used.
    let own = read(text, &Request::default().column("loss", "loss / 2")).unwrap();
    assert_eq!(own.target(), [2.0]);
    let helper = Request::default().column("D", "own * 2").column("own", "seen + bs");
    assert_eq!(read(text, &helper).unwrap().variable("D"), Some(&[2.0 * (9e7 + 8.0)][..]));
}

#[test]
fn expressions_that_are_no_numbers_row_by_row_are_refused() {
    let text = "N,D,loss\n1e6,2e7,4\n2e6,2e7,3\n";
    let of = |expression: &str| read(text, &Request::default().column("D", expression));
    assert_eq!(of("7e9").unwrap().variable("D"), Some(&[7e9, 7e9][..]));
    assert_eq!(of("if(N > 1.5e6, 2*D, D)").unwrap().variable("D"), Some(&[2e7, 4e7][..]));
    for wrong in
        ["3 to 5", "normal(1, 2)", "mean(N)", "median(D)", "prob(N > 1)", "3 GW", "x = 3", ""]
    {
        assert!(of(wrong).is_err(), "{wrong}");
    }
    insta::assert_snapshot!(format!(
        "{}\n\n{}",
        of("D / mean(D)").unwrap_err(),
        of("3 GW").unwrap_err()
    ));
    let wrong = Request::default().column("C", "flops * 2");
    assert!(refusal(text, &wrong).contains("`flops`"));
}

#[test]
fn what_no_column_holds_is_derived_and_says_so() {
    let text = "N,C,loss,unique_tokens\n1e6,1.2e14,4,1e7\n";
    let observations = read(text, &of("loss", &["N", "D", "M", "epochs", "U"])).unwrap();
    let values: Vec<f64> = observations.variables().map(|(_, values)| values[0]).collect();
    assert_eq!(values, [1e6, 2e7, 20.0, 2.0, 1e7]);
    insta::assert_snapshot!(shown(observations.columns()));
    let d = &observations.columns()[1].taken;
    let Taken::Derived { formula, columns } = d else { panic!("{d:?}") };
    assert_eq!(
        (formula.as_str(), columns.as_slice()),
        ("C / (6 * N)", &["C".to_owned(), "N".to_owned()][..])
    );
}

#[test]
fn scales_in_headers_are_applied_and_told() {
    for (header, expected) in [
        ("params_M", 70e6),
        ("N (B)", 70e9),
        ("Model Size (B)", 70e9),
        ("params_billion", 70e9),
        ("num_params_in_millions", 70e6),
        ("params", 70.0),
    ] {
        let text = format!("{header},D,loss\n70,1e9,3\n");
        let observations = read(&text, &Request::default()).unwrap();
        assert_eq!(observations.variable("N"), Some(&[expected][..]), "{header}");
        let told = observations.columns()[0].source();
        assert_eq!(told.contains(" x 1e"), expected > 70.0, "{told}");
        let doubted = shown(observations.findings()).contains("unit is in doubt");
        assert_eq!(doubted, expected < 1e3, "{header}");
        // Asking for the column by its name does not change its unit.
        let asked = read(&text, &Request::default().column("N", header)).unwrap();
        assert_eq!(asked.variable("N"), observations.variable("N"), "{header}");
    }
}

#[test]
fn every_row_left_out_is_listed_with_its_line_and_reason() {
    let text = "run,status,N,D,loss\n\
        a,done,1,1,1\nb,failed,1,1,\nc,done,0,1,1\nd,done,1,,1\ne,done,1,1,inf\n\
        f,done,1,9,1\ng,failed,1,1,2\n";
    let request = Request::default().filter("D<5".parse().unwrap());
    let observations = read(text, &request).unwrap();
    assert_eq!(
        shown(observations.exclusions()),
        "2 rows with status `failed`: lines 3, 8\n\
         1 row whose N is not positive and finite: line 4\n\
         2 rows where `D<5` does not hold: lines 5, 7\n\
         1 row whose loss is not positive and finite: line 6"
    );
    assert_eq!(observations.lines(), [2]);
}

#[test]
fn filters_compare_expressions_and_derived_names_too() {
    let text = "N,D,loss\n1,10,1\n1,50,1\n1,,1\n";
    for (filter, kept) in
        [("D/N>=20", vec![3]), ("M<20", vec![2]), ("M=10", vec![2]), ("ln(D)<3", vec![2])]
    {
        let request = Request::default().filter(filter.parse().unwrap());
        assert_eq!(read(text, &request).unwrap().lines(), kept, "{filter}");
    }
    let wrong = Request::default().filter("D/Q<1".parse().unwrap());
    let text = refusal(text, &wrong);
    assert!(text.contains("`Q`") && text.contains("row filter"), "{text}");
}

#[test]
fn a_table_of_which_nothing_is_left_says_what_went() {
    let shown = refusal("N,D,loss,status\n1,1,1,oom\n", &Request::default());
    assert!(shown.contains("1 row with status `oom`: line 2"), "{shown}");
    let request = Request::new(Asked::new("accuracy", Domain::Share), [Asked::positive("N")]);
    let shown = refusal("N,acc\n1e6,55\n", &request);
    assert!(shown.contains("accuracy/100"), "{shown}");
}

#[test]
fn rows_of_one_run_share_an_index_and_exact_repeats_are_named() {
    let text = "run,N,D,loss\na,1,1,1\nb,1,1,1\na,1,2,1\nb,1,1,1\n,1,1,1\n";
    let observations = read(text, &Request::default()).unwrap();
    assert_eq!(observations.run_index(), [0, 1, 0, 1, 2]);
    assert_eq!(observations.run_names().collect::<Vec<_>>(), ["a", "b", "line 6"]);
    assert_eq!(observations.run_count(), 3);
    assert_eq!(observations.findings()[0], Finding::DuplicateRows { pairs: vec![(3, 5)] });
    let rules = Rules { drop_duplicates: true, ..Rules::default() };
    let observations = read(text, &Request { rules, ..Request::default() }).unwrap();
    assert_eq!(observations.lines(), [2, 3, 4, 6]);
    assert_eq!(observations.exclusions()[0].reason, Reason::Duplicate);
}

#[test]
fn two_rows_without_a_run_are_two_runs() {
    let observations = read("run,N,D,loss\n,1,1,1\n,1,1,2\n", &Request::default()).unwrap();
    assert_eq!(observations.run_count(), 2);
    let observations = read("N,D,loss\n1,1,1\n1,1,2\n", &Request::default()).unwrap();
    assert_eq!(observations.run_names().collect::<Vec<_>>(), ["line 2", "line 3"]);
    assert_eq!(observations.columns()[3].source(), "the row");
}

#[test]
fn groups_and_weights_are_columns_that_are_asked_for() {
    let text = "N,D,loss,optimizer,se\n1,1,1,muon,0.5\n1,2,1,adam,0\n1,3,1,muon,0.1\n1,4,1,,-1\n";
    let request = Request {
        group: Some("optimizer".to_owned()),
        weight: Some("se^2".to_owned()),
        ..Request::default()
    };
    let observations = read(text, &request).unwrap();
    assert_eq!(observations.group_index(), Some(&[0, 1, 0, 2][..]));
    assert_eq!(observations.group_names(), ["muon", "adam", "line 5"]);
    let weights = observations.weights().unwrap();
    assert!((weights[0] - 0.25).abs() < 1e-12 && weights[1] == 0.0);
    let request = Request { weight: Some("se".to_owned()), ..Request::default() };
    let left_out = shown(read(text, &request).unwrap().exclusions());
    assert_eq!(left_out, "1 row whose weight is not zero or above and finite: line 5");
    let by_column = read(text, &Request::default().column("group", "optimizer")).unwrap();
    assert_eq!(by_column.group_names(), ["muon", "adam", "line 5"]);
    let wrong = Request { group: Some("N+D".to_owned()), ..Request::default() };
    assert!(refusal(text, &wrong).contains("has to be a column"));
    assert!(read(text, &Request::default()).unwrap().weights().is_none());
}

#[test]
fn a_run_that_failed_may_hold_anything_in_its_cells() {
    let text = "status,N,D,loss\ndone,1,1,1\nfailed,1,1,exploded\n";
    assert_eq!(read(text, &Request::default()).unwrap().len(), 1);
    let computed = Request::default().column("loss", "loss/2");
    assert_eq!(read(text, &computed).unwrap().target(), [0.5]);
    let shown = refusal(&text.replace("failed", "done"), &Request::default());
    assert!(shown.contains("runs.csv:3:") && shown.contains("exploded"), "{shown}");
}

#[test]
fn compute_is_the_column_with_a_stated_convention_else_6nd() {
    let text = "N,D,loss,flops,compute_6nd\n1e6,2e7,3,1.3e14,1.21e14\n1e6,4e7,3,2.6e14,2.42e14\n";
    let observations = read(text, &Request::default()).unwrap();
    assert_eq!(observations.compute(), [Flop(1.21e14), Flop(2.42e14)]);
    assert_eq!(observations.compute_convention(), "`compute_6nd`: 6 N D");
    let without = text.replace("compute_6nd", "x");
    assert_eq!(read(&without, &Request::default()).unwrap().compute()[0], Flop(1.2e14));
    let asked = read(&without, &Request::default().column("C", "flops")).unwrap();
    assert_eq!(asked.compute()[0], Flop(1.3e14));
    let alone = read("loss,flops,N\n3,1e14,\n", &of("loss", &["C"])).unwrap();
    assert_eq!(alone.compute(), [Flop(1e14)]);
    // A column that lacks a value cannot stand beside 6 N D in others.
    let gap = read(&text.replace("1.21e14", ""), &Request::default()).unwrap();
    assert_eq!(gap.compute_convention(), "6 N D");
}

#[test]
fn values_in_memory_are_checked_like_values_in_a_table() {
    let row = |n: f64| Observation {
        run: format!("n{n}"),
        parameters: Parameters(n),
        tokens: Tokens(1.0),
        loss: NatsPerToken(1.0),
    };
    let observations = Observations::new([row(1.0), row(f64::NAN), row(-1.0), row(1e308)]);
    assert_eq!((observations.len(), observations.exclusions().len()), (1, 3));

    let columns = InMemory::new(
        (Asked::new("accuracy", Domain::Share), vec![0.5, 1.5]),
        vec![(Asked::new("k", Domain::NonNegative), vec![0.0, 1.0])],
    );
    let observations =
        Observations::from_columns("<curve>", columns.clone(), Rules::default()).unwrap();
    assert_eq!((observations.target(), observations.origin()), (&[0.5][..], "<curve>"));
    let short = InMemory { weight: Some(vec![1.0]), ..columns };
    let shown = Observations::from_columns("x", short, Rules::default()).unwrap_err().to_string();
    assert!(shown.contains("`weight` of `x` has 1 rows"), "{shown}");
}

#[test]
fn observations_can_be_cleaned_and_told_in_one_snapshot() {
    let text = "run,N,D,loss,step,lr,tokenizer,flops,vocab,note\n\
        a,1e6,1e7,5.0,100,1e-3,gpt2,6e13,50257,\n\
        a,1e6,2e7,4.0,200,5e-4,gpt2,1.2e14,50257,\n\
        a,1e6,3e7,3.5,300,1e-5,gpt2,1.8e14,50257,\n\
        b,2e6,3e7,3.4,300,1e-5,llama,5.4e14,50257,\n\
        c,2.0001e6,3e7,3.4,300,1e-5,gpt2,3.6e14,50257,\n\
        c,2.0001e6,3e7,3.4,300,1e-5,gpt2,3.6e14,50257,\n\
        d,4e6,6e7,11.5,300,1e-5,gpt2,1.44e15,50257,\n";
    let observations = read(text, &Request::default()).unwrap();
    insta::assert_snapshot!(format!(
        "{}\n\n{}",
        shown(observations.columns()),
        shown(observations.findings())
    ));
    let json = serde_json::to_string(observations.findings()).unwrap();
    let back: Vec<Finding> = serde_json::from_str(&json).unwrap();
    assert_eq!(back, observations.findings());
    assert!(json.contains(r#""finding":"checkpoints""#), "{json}");

    let rules = Rules { last_checkpoint_only: true, drop_duplicates: true, ..Rules::default() };
    let clean = read(text, &Request { rules, ..Request::default() }).unwrap();
    insta::assert_snapshot!(shown(clean.exclusions()));
    assert_eq!(clean.lines(), [4, 5, 6, 8]);
}

proptest! {
    /// No cells, requests or rules make the reader panic, and what is left is usable.
    #[test]
    fn no_cells_make_it_panic(
        cells in prop::collection::vec("[-a-z0-9.e ]{0,5}|NaN|1e308|-0|[0-9]{1,3}", 20),
        headers in prop::sample::subsequence(
            vec!["run", "N", "D", "loss", "C", "lr", "step", "vocab", "dataset", "status", "k"], 5),
        expression in "[NDCk0-9`+*/() .^a-z]{0,12}",
        rules in prop::array::uniform4(any::<bool>()),
    ) {
        let mut text = headers.join(",") + "\n";
        for row in cells.chunks(5) {
            text.push_str(&row.join(","));
            text.push('\n');
        }
        let [last_checkpoint_only, drop_spikes, drop_duplicates, drop_unannealed] = rules;
        let rules = Rules { last_checkpoint_only, drop_spikes, drop_duplicates, drop_unannealed };
        for request in [Request::default(), of("loss", &["C", "M"]), Request::default().column("D", &expression)] {
            if let Ok(observations) = read(&text, &Request { rules, ..request }) {
                prop_assert!(!observations.is_empty());
                let usable = |values: &[f64]| values.iter().all(|x| *x > 0.0 && x.is_finite());
                prop_assert!(usable(observations.target()));
                prop_assert!(observations.variables().all(|(_, values)| usable(values)));
                let _ = shown(observations.findings()) + &shown(observations.columns());
                let gone: usize = observations.exclusions().iter().map(|e| e.lines.len()).sum();
                prop_assert_eq!(gone + observations.len(), observations.lines.len() + gone);
            }
        }
    }

    /// The order of the rows decides neither what is kept nor what is found.
    #[test]
    fn the_order_of_rows_does_not_matter(
        rows in prop::collection::vec((0..4_u8, 1..4_u32, 1..30_u32, 0..60_u32), 8..40),
        rules in prop::array::uniform3(any::<bool>()),
        seed in any::<u64>(),
    ) {
        let rows: Vec<String> = rows.iter().enumerate().map(|(id, (run, n, d, loss))| {
            format!("r{run},{n}e7,{d}e8,{},{},{id}", f64::from(*loss) / 10.0, 1e-3 / f64::from(*d))
        }).collect();
        let mut shuffled = rows.clone();
        let mut state = seed;
        for at in (1..shuffled.len()).rev() {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
            shuffled.swap(at, (state >> 33) as usize % (at + 1));
        }
        let [last_checkpoint_only, drop_spikes, drop_unannealed] = rules;
        let rules = Rules { last_checkpoint_only, drop_spikes, drop_unannealed, drop_duplicates: false };
        let request = Request { rules, ..of("loss", &["N", "D", "id"]) };
        let seen = |rows: &[String]| {
            let text = format!("run,N,D,loss,lr,id\n{}\n", rows.join("\n"));
            let observations = read(&text, &request).ok()?;
            let mut kept: Vec<u64> =
                observations.variable("id").unwrap().iter().map(|id| *id as u64).collect();
            kept.sort_unstable();
            let mut found: Vec<(String, usize)> = observations.findings().iter().map(|finding| {
                (serde_json::to_value(finding).unwrap()["finding"].to_string(), finding.lines().len())
            }).collect();
            found.sort();
            Some((kept, found))
        };
        prop_assert_eq!(seen(&rows), seen(&shuffled));
    }
}
