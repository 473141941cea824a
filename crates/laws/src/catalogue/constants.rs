//! Constants that a paper published for a law.

/// One fit as a paper reports it.
#[derive(Debug, Clone, PartialEq)]
pub struct Published {
    /// What it is called within its law: `hoffmann-2022`.
    pub id: String,
    /// Paper, and table or equation.
    pub source: String,
    /// Values by parameter; a paper need not report all.
    pub values: Vec<(String, f64)>,
    /// Intervals by parameter.
    pub intervals: Vec<(String, (f64, f64))>,
    /// The level of the intervals: 0.95.
    pub level: Option<f64>,
    /// Standard errors by parameter.
    pub errors: Vec<(String, f64)>,
    /// Parameters whose values stand here without having been checked against the paper.
    pub unverified: Vec<String>,
    /// Parameters whose values were read in a work that quotes the paper.
    pub second_hand: Vec<String>,
    /// The runs it was fitted to.
    pub fitted_on: String,
    /// How N, D, C or the loss were counted, where that matters.
    pub conventions: String,
    /// The range of the runs, by variable or given quantity.
    pub domain: Vec<(String, (f64, f64))>,
}

impl Published {
    /// The value of a parameter.
    pub fn value(&self, parameter: &str) -> Option<f64> {
        self.values.iter().find(|(name, _)| name == parameter).map(|&(_, value)| value)
    }

    /// The interval of a parameter.
    pub fn interval(&self, parameter: &str) -> Option<(f64, f64)> {
        self.intervals.iter().find(|(name, _)| name == parameter).map(|&(_, interval)| interval)
    }

    /// The standard error of a parameter.
    pub fn error(&self, parameter: &str) -> Option<f64> {
        self.errors.iter().find(|(name, _)| name == parameter).map(|&(_, error)| error)
    }

    /// What is unsure about the value of a parameter, in a word.
    pub fn doubt(&self, parameter: &str) -> Option<&'static str> {
        let named = |names: &[String]| names.iter().any(|name| name == parameter);
        if named(&self.unverified) {
            Some("unverified")
        } else if named(&self.second_hand) {
            Some("second-hand")
        } else {
            None
        }
    }
}
