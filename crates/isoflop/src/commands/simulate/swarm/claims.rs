//! Published claims about swarms, recomputed.

use diagnostic::Diagnostic;
use forecast::{Claim, Scenario, claims};

const CLAIMS: &str = include_str!("../../../../../../catalogue/swarm/claims.toml");

/// All of them.
///
/// # Errors
/// A file that cannot be read; a test rules that out for the one shipped.
pub(super) fn all() -> Result<Vec<Claim>, Diagnostic> {
    claims(&[Scenario::from_toml("catalogue/swarm/claims.toml", CLAIMS)?])
}

/// Those about the cluster called `name`, and those about every swarm.
pub(super) fn about(name: &str) -> Result<Vec<Claim>, Diagnostic> {
    let own = |claim: &Claim| match claim.id.as_str() {
        "SWM-01" | "SWM-02" => name == "covenant",
        "SWM-07" => name == "intellect-1",
        _ => true,
    };
    Ok(all()?.into_iter().filter(own).collect())
}

#[cfg(test)]
mod tests {
    use forecast::Verdict;

    use super::*;

    #[test]
    fn claims_that_do_not_close_are_found_and_those_that_do_are_not() {
        let verdicts: Vec<(String, Verdict)> =
            all().unwrap().iter().map(|claim| (claim.id.clone(), claim.verdict())).collect();
        let expected = [
            ("SWM-01", Verdict::No),
            ("SWM-02", Verdict::Partly),
            ("SWM-03", Verdict::Partly),
            ("SWM-04", Verdict::No),
            ("SWM-05", Verdict::Agrees),
            ("SWM-06", Verdict::Partly),
            ("SWM-07", Verdict::Agrees),
            ("SWM-08", Verdict::Partly),
            ("SWM-09", Verdict::Agrees),
            ("SWM-10", Verdict::Agrees),
            ("SWM-11", Verdict::Partly),
            ("SWM-12", Verdict::Partly),
            ("SWM-13", Verdict::Agrees),
        ];
        let expected = expected.map(|(id, verdict)| (id.to_owned(), verdict));
        assert_eq!(verdicts, expected);
        // Covenant's ways down and up, in seconds.
        let first = &all().unwrap()[0];
        let found: Vec<f64> = first.statements.iter().map(|one| one.found.round()).collect();
        assert_eq!(found, [604.0, 145.0, 1.0]);
        assert_eq!(about("homes-1000").unwrap().len(), 10);
    }
}
