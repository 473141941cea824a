//! Claims: what was stated in public, recomputed from what it was made with.
//!
//! A claim may say several things (two figures, both ends of a range); each is a check of its own,
//! and the verdict on the claim follows from theirs.

use diagnostic::Diagnostic;

use crate::check::{Checked, Verdict};
use crate::scenario::Scenario;

/// A claim with everything that it says, recomputed.
#[derive(Debug, Clone, PartialEq)]
pub struct Claim {
    /// Its name.
    pub id: String,
    /// What it says, in words.
    pub words: String,
    /// Where it was made.
    pub source: String,
    /// What it says, one number after the other.
    pub statements: Vec<Checked>,
}

impl Claim {
    /// The verdict on the whole.
    ///
    /// What states no number has no say. Of the rest: all agree, or none does, or else it holds in
    /// part; one that cannot be computed makes the whole uncertain in the same way.
    pub fn verdict(&self) -> Verdict {
        let stated: Vec<Verdict> = self
            .statements
            .iter()
            .map(|statement| statement.verdict)
            .filter(|verdict| *verdict != Verdict::Model)
            .collect();
        match stated.first() {
            None => Verdict::Model,
            Some(first) if stated.iter().all(|verdict| verdict == first) => *first,
            Some(_) if stated.contains(&Verdict::Undefined) => Verdict::Undefined,
            Some(_) => Verdict::Partly,
        }
    }

    /// How the whole stood when it was written down, where the file says so.
    pub fn expected(&self) -> Option<Verdict> {
        self.statements.iter().find_map(|statement| statement.expected)
    }

    /// Whether the whole stands as it was written down; where that is not stated, whether it is
    /// neither wrong nor undefined.
    pub fn passes(&self) -> bool {
        self.verdict().passes(self.expected())
    }
}

/// The claims of several files, in order; checks of one name belong together.
///
/// ```
/// use forecast::{Verdict, catalogue, claims};
///
/// let found = claims(&catalogue::claims()?)?;
/// let gap = found.iter().find(|claim| claim.id == "MGW-01").unwrap();
/// assert_eq!(gap.verdict(), Verdict::No);
/// # Ok::<(), diagnostic::Diagnostic>(())
/// ```
///
/// # Errors
/// A claim whose names or units do not fit.
pub fn claims(files: &[Scenario]) -> Result<Vec<Claim>, Diagnostic> {
    let statements = files.iter().map(Scenario::check_claims).collect::<Result<Vec<_>, _>>()?;
    Ok(together(statements.concat()))
}

fn together(statements: Vec<Checked>) -> Vec<Claim> {
    let mut claims: Vec<Claim> = Vec::new();
    for statement in statements {
        match claims.iter_mut().find(|claim| claim.id == statement.claim) {
            Some(claim) => claim.statements.push(statement),
            None => claims.push(Claim {
                id: statement.claim.clone(),
                words: statement.words.clone(),
                source: statement.source.clone(),
                statements: vec![statement],
            }),
        }
    }
    claims
}
