//! The shipped claims come out as an independent recomputation judged them.

#![expect(clippy::unwrap_used, reason = "a test: what is missing should fail it")]

use forecast::{Claim, Scenario, Verdict, catalogue, claims};

/// The verdicts of the published recomputation of the same 74 claims.
const YES: &str = "MGW-07 TOK-01 TOK-02 CAP-02 SCL-01 SCL-03 SCL-04 SCL-05 SCL-06 SCL-07 SCL-08 \
    SCL-09 SCL-11 SCL-16 RL-02 PWR-01 PWR-03 PWR-05 ENG-01 ENG-03 SHR-01";
const PARTLY: &str = "MGW-03 TOK-03 TOK-05 CAP-01 CPX-05 SCL-02 SCL-10 ALG-01 ALG-05 PWR-02 PWR-04 \
    PWR-06 ENG-02 CAPST-03";
const NO: &str = "MGW-01 TOK-04 CAP-03 CPX-01 ALG-04 DAT-01 NET-01 CAPST-02";
const UNVERIFIABLE: &str = "MGW-02 CPX-04 CPX-06 SCL-15 FIN-02 CAPST-05";

fn all() -> Vec<Claim> {
    claims(&catalogue::claims().unwrap()).unwrap_or_else(|problem| panic!("{problem}"))
}

#[test]
fn every_verdict_is_that_of_the_independent_recomputation() {
    let found = all();
    let expected = |id: &str| {
        let listed = |list: &str| list.split_whitespace().any(|known| known == id);
        let lists = [
            (YES, Verdict::Agrees),
            (PARTLY, Verdict::Partly),
            (NO, Verdict::No),
            (UNVERIFIABLE, Verdict::Unverifiable),
        ];
        let found = lists.into_iter().find(|(list, _)| listed(list));
        found.map_or(Verdict::Model, |(_, verdict)| verdict)
    };
    let count = |list: &str| list.split_whitespace().count();
    assert_eq!((count(YES), count(PARTLY), count(NO), found.len()), (21, 14, 8, 74));
    let wrong: Vec<String> = found
        .iter()
        .filter(|claim| claim.verdict() != expected(&claim.id))
        .map(|claim| {
            let numbers: Vec<String> = (claim.statements.iter())
                .map(|one| format!("{} against {:?}: {:?}", one.found, one.stated, one.verdict))
                .collect();
            format!("{} {:?}: {}", claim.id, claim.verdict(), numbers.join("; "))
        })
        .collect();
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn what_claims_would_need_makes_them_true() {
    let found = all();
    let need = |id: &str, input: &str| {
        let claim = found.iter().find(|claim| claim.id == id).unwrap();
        let mut all = claim.statements.iter().flat_map(|one| &one.needs);
        let need = all.rfind(|need| need.input == input).unwrap();
        need.value.show(need.needed.unwrap(), 4)
    };
    assert_eq!(need("MGW-01", "gap"), "2048");
    assert_eq!(need("TOK-04", "efficiency"), "33.33");
    assert_eq!(need("CAP-03", "performance"), "1.38x/yr");
    assert_eq!(need("ALG-01", "halving"), "0.1x/yr");
}

#[test]
fn the_curve_of_a_claim_leads_from_what_is_stated_to_what_is_needed() {
    for claim in all() {
        for one in claim.statements.iter().filter(|one| one.curve.is_some()) {
            let curve = one.curve.as_ref().unwrap();
            let need = &one.needs[curve.need];
            let ends = [curve.points[0].0, curve.points[curve.points.len() - 1].0];
            for value in [need.stated, need.needed.unwrap()] {
                let inside = ends[0].min(ends[1]) <= value && value <= ends[0].max(ends[1]);
                assert!(inside, "{}: {value} outside {ends:?}", claim.id);
            }
            assert!(curve.points.iter().any(|(_, found)| found.is_finite()), "{}", claim.id);
        }
    }
    let gap = all().into_iter().find(|claim| claim.id == "MGW-01").unwrap();
    let curve = gap.statements[0].curve.clone().unwrap();
    // One sixth of the way is the claim as stated.
    assert!((curve.points[6].0 - 1000.0).abs() < 1e-6, "{:?}", curve.points[6]);
    assert!((curve.points[6].1 - gap.statements[0].found).abs() < 1.0);
}

#[test]
fn a_stated_range_is_not_a_distribution() {
    let text = "[[check]]\nclaim = \"x\"\ngiven = { a = 2 }\nexpr = \"a\"\nstated = \"1 to 3\"";
    let file = Scenario::from_toml("x.toml", text).unwrap();
    let problem = claims(&[file]).unwrap_err().to_string();
    assert!(problem.contains("`to = ") && problem.contains("x.toml:5"), "{problem}");
}

#[test]
fn a_verdict_follows_the_numbers_and_not_the_file() {
    let text = |stated: &str| {
        format!(
            "[[check]]\nclaim = \"x\"\ngiven = {{ a = 2, b = 3 }}\nexpr = \"a * b\"\nstated = {stated}"
        )
    };
    for (stated, expected) in [("6", Verdict::Agrees), ("6.2", Verdict::Agrees), ("7", Verdict::No)]
    {
        let file = Scenario::from_toml("x.toml", &text(stated)).unwrap();
        assert_eq!(claims(&[file]).unwrap()[0].verdict(), expected, "{stated}");
    }
    let undefined = text("6").replace("a * b", "ln(-a)");
    let file = Scenario::from_toml("x.toml", &undefined).unwrap();
    assert_eq!(claims(&[file]).unwrap()[0].verdict(), Verdict::Undefined);
}

#[test]
fn claims_say_what_they_are_and_where_from() {
    for claim in all() {
        assert!(!claim.words.is_empty() && !claim.source.is_empty(), "{}", claim.id);
        let missing = claim.statements.iter().any(|one| !one.missing.is_empty());
        assert_eq!(missing, claim.verdict() == Verdict::Unverifiable, "{}", claim.id);
        for one in &claim.statements {
            assert!(one.verdict != Verdict::Undefined, "{}", claim.id);
        }
    }
}
